"""The bytes of files, on disk under the SHA-256 of their content.

A body is streamed into ``tmp/`` and made durable there. Inside the write transaction that commits its node it is linked
to its place under ``blobs/``, so that whoever removes unreferenced blobs (in a write transaction, too) can never take
away bytes that another process is about to commit. The temporary file is locked while its process lives; one whose lock
is free belongs to a dead process and may be swept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ap_remote_emulator.errors import StoreFullError

_READ_SIZE: Final = 1 << 20
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_full(error: OSError) -> bool:
    """Whether the system refused for want of room."""
    return error.errno in _FULL


class Upload:
    """A body that is arriving. Leaving the context removes whatever was not kept.

    Attributes:
        size: bytes received so far.
        path: where they lie.
        placed: their blob may be there because of this upload.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._handle = _locked_file(folder)
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha = hashlib.sha256()
        self.placed = False

    def __enter__(self) -> Self:
        """Return the upload itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the temporary file; what was placed stays placed."""
        self.path.unlink(missing_ok=True)
        os.close(self._handle)

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes.

        Raises:
            StoreFullError: no room is left.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except OSError as error:
            if is_full(error):
                raise StoreFullError from error
            raise
        self._md5.update(data)
        self._sha.update(data)
        self.size += len(data)

    @property
    def md5(self) -> str:
        """MD5 of what was written, lower-case hexadecimal."""
        return self._md5.hexdigest()

    @property
    def sha(self) -> str:
        """SHA-256 of what was written: the blob's name."""
        return self._sha.hexdigest()

    def finish(self) -> None:
        """Make the bytes durable, under a temporary name that tells their hash.

        Raises:
            StoreFullError: no room is left.
        """
        try:
            os.fsync(self._handle)
        except OSError as error:
            if is_full(error):
                raise StoreFullError from error
            raise
        named = self.path.with_name(f"{self.sha}.{self.path.name}")
        self.path.rename(named)
        self.path = named

    def place(self, blobs: Blobs) -> None:
        """Link the bytes to their place. To be called inside the write transaction that commits their node.

        Raises:
            StoreFullError: no room is left.
        """
        target = blobs.path(self.sha)
        try:
            if not target.parent.exists():
                make_folder(target.parent)
                sync_folder(target.parent.parent)
            try:
                if target.stat().st_size == self.size:
                    return
                target.unlink()  # damaged: the same hash cannot have another length
            except FileNotFoundError:
                pass
            self.placed = True
            _link(self.path, target)
            sync_folder(target.parent)
        except OSError as error:
            if is_full(error):
                raise StoreFullError from error
            raise

    def place_part(self, target: Path) -> None:
        """Move the finished bytes to where the parts of an upload lie; durable when this returns.

        Raises:
            StoreFullError: no room is left.
        """
        try:
            if not target.parent.exists():
                make_folder(target.parent)
                sync_folder(target.parent.parent)
            self.path.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            if is_full(error):
                raise StoreFullError from error
            raise


class Blobs:
    """The blobs of one data folder, and the parts of uploads that are going on."""

    def __init__(self, data: Path) -> None:
        self._root = data / "blobs"
        self._tmp = data / "tmp"
        self._renditions = data / "thumbnails"
        self._parts = data / "parts"
        for folder in (self._root, self._tmp, self._renditions, self._parts):
            make_folder(folder)

    def path(self, sha: str) -> Path:
        """Return where the blob of this SHA-256 lies, or would."""
        return self._root / sha[:2] / sha

    def rendition_path(self, sha: str, width: int, height: int) -> Path:
        """Return where a rendition of a blob lies, or would: a JPEG that fits a box of pixels."""
        return self._renditions / sha[:2] / f"{sha}-{width}x{height}.jpg"

    def part_path(self, upload_id: str, number: int, md5: str) -> Path:
        """Return where a part of an upload lies, or would."""
        return self._parts / upload_id / f"{number:05d}-{md5}"

    def remove_parts(self, upload_id: str) -> None:
        """Remove all parts of an upload."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._parts / upload_id)

    def part_uploads(self) -> list[str]:
        """Return the ids of the uploads that have parts here."""
        return sorted(path.name for path in self._parts.iterdir())

    def receive(self) -> Upload:
        """Begin to receive a body.

        Raises:
            StoreFullError: no room is left even for an empty file.
        """
        try:
            return Upload(self._tmp)
        except OSError as error:
            if is_full(error):
                raise StoreFullError from error
            raise

    def remove(self, sha: str) -> None:
        """Remove a blob and its renditions.

        To be called inside a write transaction that has made sure that no node needs it.
        """
        self.path(sha).unlink(missing_ok=True)
        for rendition in (self._renditions / sha[:2]).glob(f"{sha}-*"):
            rendition.unlink(missing_ok=True)

    def sweep(self, forget: Callable[[str], None]) -> None:
        """Remove the temporary files of dead processes.

        Args:
            forget: called with the SHA-256 of a body that was complete, and so may have been linked to its place by a
                transaction that never ended; it must remove the blob unless a node needs it.
        """
        for path in self._tmp.glob("*.part"):
            with _lock_of_the_dead(path) as dead:
                if dead:
                    sha, _, rest = path.name.partition(".")
                    if rest != "part":
                        forget(sha)
                    path.unlink(missing_ok=True)

    def every(self) -> list[str]:
        """Return the SHA-256 of every blob that is there."""
        return [path.name for shard in sorted(self._root.iterdir()) for path in sorted(shard.iterdir())]

    def digest(self, sha: str) -> tuple[str, str, int]:
        """Read a blob and return its SHA-256, its MD5 and its length in bytes."""
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with self.path(sha).open("rb") as file:
            while chunk := file.read(_READ_SIZE):
                sha256.update(chunk)
                md5.update(chunk)
                size += len(chunk)
        return sha256.hexdigest(), md5.hexdigest(), size


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        source.rename(target)  # a file system without hard links


def _locked_file(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / f"{secrets.token_hex(8)}.part"
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return path, handle
        os.close(handle)  # a sweeper was between our two calls; it has removed the file


@contextlib.contextmanager
def _lock_of_the_dead(path: Path) -> Iterator[bool]:
    """Hold the lock of a file whose process has died; say ``False`` when it has not."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
