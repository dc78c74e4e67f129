"""Where the files of vectors lie: a folder of this machine, or of any filesystem that fsspec knows.

Files are written once, whole or not at all, and never changed. A folder of this machine is mapped into memory and
synced to the disk; elsewhere files are read as a whole, and how safe a write is, the other side decides.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]  # fsspec ships no types
import numpy as np

from ap_remote.config import harmless
from ap_remote.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PARTIAL: Final = ".partial"
"""Ends the names of files that are being written."""


class Depot(Protocol):
    """A folder of files that are written once."""

    @property
    def place(self) -> str:
        """The folder's name for people, without credentials."""
        ...

    def sizes(self) -> dict[str, int]:
        """Return the lengths of all files in bytes, by their names in order; none where there is no folder.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def size(self, name: str) -> int | None:
        """Return the length of a file in bytes, ``None`` where there is none; raises as :meth:`sizes`."""
        ...

    def read(self, name: str) -> bytes:
        """Return a whole file.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it cannot be read.
        """
        ...

    def array(self, name: str) -> NDArray[Any]:
        """Return the table of an ``.npy`` file, mapped where that is possible.

        Raises:
            OSError: there is none, or it cannot be read.
            ValueError: it is no table.
        """
        ...

    def mapped(self, name: str) -> np.memmap[Any, Any] | None:
        """Return the table of an ``.npy`` file if it can be mapped, ``None`` where only all of it can be read.

        Raises as :meth:`array`.
        """
        ...

    def write(self, name: str, body: bytes) -> None:
        """Write a file; it is there whole or not at all.

        Raises:
            StoreError: it cannot be written; nothing is left behind.
        """
        ...

    def remove(self, name: str) -> None:
        """Take a file away, if it is there."""
        ...


class LocalDepot:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        """Use *folder*, which the first write makes."""
        self._folder = folder

    @property
    def place(self) -> str:
        """The folder's path."""
        return str(self._folder)

    def sizes(self) -> dict[str, int]:
        """Return the lengths of all files."""
        try:
            names = sorted(each.name for each in self._folder.iterdir() if each.is_file())
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise StoreError(f"cannot read {self._folder}: {exc.strerror or exc}") from exc
        sizes = {name: self.size(name) for name in names}
        return {name: size for name, size in sizes.items() if size is not None}  # a writer took the others away now

    def size(self, name: str) -> int | None:
        """Return the length of a file."""
        try:
            return (self._folder / name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StoreError(f"cannot read {self._folder}: {exc.strerror or exc}") from exc

    def read(self, name: str) -> bytes:
        """Return a whole file."""
        return (self._folder / name).read_bytes()

    def array(self, name: str) -> NDArray[Any]:
        """Map a table into memory."""
        return self.mapped(name)

    def mapped(self, name: str) -> np.memmap[Any, Any]:
        """Map a table into memory."""
        mapped: np.memmap[Any, Any] = np.load(self._folder / name, mmap_mode="r", allow_pickle=False)
        return mapped

    def write(self, name: str, body: bytes) -> None:
        """Write a file through a temporary one."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            message = f"cannot make {self._folder}: {exc.strerror or exc}"
            raise StoreError(message) from exc
        write_file(self._folder / name, body, mark=_mark())

    def remove(self, name: str) -> None:
        """Take a file away."""
        (self._folder / name).unlink(missing_ok=True)


class FsspecDepot:
    """A folder of another filesystem."""

    def __init__(self, url: str) -> None:
        """Use the folder at *url*.

        Raises:
            ConfigError: no filesystem takes that address.
            StoreError: it cannot be reached.
        """
        self._place = harmless(url)
        try:
            self._fs, self._folder = fsspec.url_to_fs(url)
        except (ImportError, ValueError) as exc:
            message = f"vectors cannot be kept at {self._place}: {exc}"
            raise ConfigError(message) from exc
        except Exception as exc:  # some connect at once, and raise what their libraries do
            raise self._failed("reach", exc) from exc

    @property
    def place(self) -> str:
        """The folder's address, without credentials."""
        return self._place

    def sizes(self) -> dict[str, int]:
        """Return the lengths of all files."""
        with self._told("read"):
            self._fs.invalidate_cache(self._folder)  # other machines may write here
            try:
                found = self._fs.ls(self._folder, detail=True)
            except FileNotFoundError:
                return {}
        files = {str(each["name"]).rpartition("/")[2]: int(each["size"]) for each in found if each["type"] == "file"}
        return dict(sorted(files.items()))

    def size(self, name: str) -> int | None:
        """Return the length of a file."""
        with self._told("read"):
            self._fs.invalidate_cache(self._folder)  # it may be newer than the last listing
            try:
                return int(self._fs.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes:
        """Return a whole file."""
        with self._told("read", FileNotFoundError):
            return bytes(self._fs.cat_file(self._path(name)))

    def array(self, name: str) -> NDArray[Any]:
        """Read a table."""
        loaded: NDArray[Any] = np.load(io.BytesIO(self.read(name)), allow_pickle=False)
        return loaded

    def mapped(self, name: str) -> None:
        """Map nothing."""
        del name

    def write(self, name: str, body: bytes) -> None:
        """Write a file under a temporary name and move it into place."""
        partial = self._path(f"{name}.{_mark()}{PARTIAL}")
        with self._told("write to"):
            self._fs.makedirs(self._folder, exist_ok=True)
            try:
                self._fs.pipe_file(partial, body)
                self._fs.mv(partial, self._path(name))
            except BaseException:
                with suppress(Exception):  # the next writer sweeps what could not be taken away
                    self._fs.rm_file(partial)
                raise

    def remove(self, name: str) -> None:
        """Take a file away."""
        with self._told("write to"), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    @contextmanager
    def _told(self, what: str, *known: type[OSError]) -> Iterator[None]:
        """Turn what a filesystem raises into one sentence, but for what the caller knows."""
        try:
            yield
        except known:
            raise
        except Exception as exc:  # each filesystem has errors of its own, not all of them an OSError
            raise self._failed(what, exc) from exc

    def _failed(self, what: str, exc: Exception) -> StoreError:
        # The text of a foreign error may hold the address with what signs it.
        why = (exc.strerror if isinstance(exc, OSError) else None) or type(exc).__name__
        return StoreError(f"cannot {what} {self._place}: {why}")


def depot(root: Path | str, name: str) -> Depot:
    """Return the folder *name* below *root*, a path or an address such as ``s3://bucket/vectors``.

    Raises:
        ConfigError: no filesystem takes that address.
        StoreError: it cannot be reached.
    """
    if isinstance(root, Path):
        return LocalDepot(root / name)
    return FsspecDepot(f"{root.rstrip('/')}/{name}") if "://" in root else LocalDepot(Path(root) / name)


def write_file(file: Path, body: bytes, *, mark: str = "") -> None:
    """Write a file through a temporary one: write, fsync, rename, fsync the folder.

    Args:
        file: what is to be there.
        body: its bytes.
        mark: tells the temporary file from that of another process that writes the same file at the same time.

    Raises:
        StoreError: the disk is full or cannot be written; nothing is left behind.
    """
    partial = file.with_name(f"{file.name}{mark and f'.{mark}'}{PARTIAL}")
    try:
        with partial.open("wb") as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
        _sync_folder(file.parent)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        message = f"cannot write {file}: {exc.strerror or exc}; nothing half-written was left"
        raise StoreError(message) from exc


def _mark() -> str:
    return uuid4().hex[:12]


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and orders renames itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
