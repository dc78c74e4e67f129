"""Shards: the files that hold vectors, written once and never changed.

A shard is two files. ``shard-000007.npy`` holds fp16 rows, ``shard-000007.json`` says whose they are and carries the
checksum of the first. The second is renamed into place last, so a shard is whole exactly when both are there and agree.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from ap_remote.errors import CorruptStoreError, NewerStoreError, StoreError
from ap_remote.semantic.results import Label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT: Final = 1
_NAME: Final = re.compile(r"shard-(\d{6})\.(npy|json)$")


class Record(msgspec.Struct, frozen=True):
    """Whose a row is: the md5 of the content, and what the encoder's classifier saw in it."""

    md5: str
    labels: tuple[Label, ...] = ()


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation of vectors was made with (``meta.json``)."""

    format: int = FORMAT
    fingerprint: str
    encoder: str
    dim: int
    dtype: str = "float16"


class _Contents(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    sha256: str
    size: int
    records: tuple[Record, ...]


class Shard(NamedTuple):
    """A whole shard: its number and its rows' owners in order."""

    number: int
    records: tuple[Record, ...]


def write_meta(folder: Path, meta: Meta) -> None:
    """Make a generation's folder, or check that the one there belongs to *meta*.

    Raises:
        NewerStoreError: written by a newer version.
        CorruptStoreError: it was made with something else.
        StoreError: it cannot be written.
    """
    file = folder / "meta.json"
    if file.exists():
        found = _decode(file, Meta, "vectors")
        if (found.fingerprint, found.dim) != (meta.fingerprint, meta.dim):
            message = f"{file} belongs to fingerprint {found.fingerprint} ({found.dim} numbers), not {meta.fingerprint}"
            raise CorruptStoreError(message)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        message = f"cannot make {folder}: {exc.strerror or exc}"
        raise StoreError(message) from exc
    write_file(file, msgspec.json.encode(meta))


def write(folder: Path, number: int, vectors: NDArray[np.float16], records: Sequence[Record]) -> None:
    """Write one shard so that it is there whole or not at all.

    Raises:
        StoreError: the disk is full or cannot be written; what was begun is taken away.
    """
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(vectors, dtype=np.float16), allow_pickle=False)
    body = stream.getvalue()
    contents = _Contents(sha256=hashlib.sha256(body).hexdigest(), size=len(body), records=tuple(records))
    rows = folder / f"shard-{number:06d}.npy"
    write_file(rows, body)
    try:
        write_file(rows.with_suffix(".json"), msgspec.json.encode(contents))
    except StoreError:
        rows.unlink(missing_ok=True)
        raise


def read(folder: Path, number: int, *, dim: int) -> NDArray[np.float16]:
    """Map a shard's rows into memory.

    Raises:
        CorruptStoreError: the file is missing or is not what was written.
    """
    file = folder / f"shard-{number:06d}.npy"
    try:
        rows: NDArray[np.float16] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        message = f"{file} cannot be read ({exc}); `ap index build` makes its vectors again"
        raise CorruptStoreError(message) from exc
    if rows.ndim != 2 or rows.shape[1] != dim or rows.dtype != np.float16:  # noqa: PLR2004 - a table has two axes
        message = f"{file} holds {rows.dtype}{list(rows.shape)}, not float16 rows of {dim}; `ap index build` repairs it"
        raise CorruptStoreError(message)
    return rows


def whole(folder: Path, number: int) -> Shard | None:
    """Return a shard if both files are there and the checksum holds, else ``None``.

    Raises:
        NewerStoreError: written by a newer version.
    """
    rows = folder / f"shard-{number:06d}.npy"
    described = rows.with_suffix(".json")
    if not (rows.exists() and described.exists()):
        return None
    try:
        contents = _decode(described, _Contents, "a shard")
    except CorruptStoreError:
        return None
    body = rows.read_bytes()
    if len(body) != contents.size or hashlib.sha256(body).hexdigest() != contents.sha256:
        return None
    return Shard(number, contents.records)


def sized(folder: Path, number: int) -> bool:
    """Whether a shard's files are there with the length that was written: cheap, without reading the rows."""
    rows = folder / f"shard-{number:06d}.npy"
    try:
        contents = _decode(rows.with_suffix(".json"), _Contents, "a shard")
        return bool(rows.stat().st_size == contents.size)
    except (CorruptStoreError, FileNotFoundError):
        return False


def numbers(folder: Path) -> list[int]:
    """Return the numbers that any file of a shard bears, in order."""
    found = {int(match[1]) for name in _names(folder) if (match := _NAME.match(name))}
    return sorted(found)


def sweep(folder: Path, number: int) -> None:
    """Take a shard's files away."""
    for suffix in (".json", ".npy"):
        (folder / f"shard-{number:06d}{suffix}").unlink(missing_ok=True)


def sweep_partial(folder: Path) -> None:
    """Take away what a killed writer left half-written."""
    for name in _names(folder):
        if name.endswith(".partial"):
            (folder / name).unlink(missing_ok=True)


def write_file(file: Path, body: bytes) -> None:
    """Write a file through a temporary one: write, fsync, rename, fsync the folder.

    Raises:
        StoreError: the disk is full or cannot be written; nothing is left behind.
    """
    partial = file.with_name(file.name + ".partial")
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


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder, and orders renames itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from sorted(file.name for file in folder.iterdir())


class _Versioned(msgspec.Struct):
    format: int = 0


def _decode(file: Path, kind: type[Any], what: str) -> Any:
    body = file.read_bytes()
    try:
        version = msgspec.json.decode(body, type=_Versioned).format
        if version > FORMAT:
            raise NewerStoreError(f"{what} in {file.parent}", version, FORMAT)
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as exc:
        message = f"{file} cannot be read: {exc}"
        raise CorruptStoreError(message) from exc
