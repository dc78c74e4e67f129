"""A local folder that files land in: whole or not at all, never over another, each with a line in the manifest.

The folder is held open, and everything is done relative to it, so that no link that appears on the way leads elsewhere.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import msgspec

from ap_remote_mcp.policy.filenames import candidates

if TYPE_CHECKING:
    from types import TracebackType

_PIECE: Final = 1 << 20
_ID: Final = 16
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_OLD: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_LINES: Final = os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
"""What disks without hard links say, such as memory cards."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file in the manifest."""

    id: str
    name: str
    """In the library; cleaned, as everything that others may have written."""
    file: str
    size: int
    sha256: str
    gps: str = ""
    """``removed`` where the file had a position."""


class Settled(NamedTuple):
    """A file that is whole."""

    name: str
    was_there: bool
    size: int
    sha256: str


class Draft:
    """A file that is being written, and what it is so far."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = 0
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: the disk is full.
        """
        left = memoryview(piece)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self.size += len(piece)
        self.md5.update(piece)
        self.sha256.update(piece)

    def close(self) -> None:
        """Bring the bytes to the disk."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)


class Landing:
    """The folder.

    Args:
        folder: its descriptor, which this object closes.
        job_id: of the job that fills it; temporary names and the manifest's are made of it.
    """

    def __init__(self, folder: int, job_id: str) -> None:
        self._folder = folder
        self._job = job_id[:_ID]
        self.manifest = f"photos-{self._job}.jsonl"
        self._partial = f".{self._job}.partial"
        self._draft: Draft | None = None
        self._lines = -1

    def __enter__(self) -> Self:
        """Return the landing itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing half-written."""
        self.discard()
        if self._lines >= 0:
            os.close(self._lines)
        os.close(self._folder)

    def begin(self) -> Draft:
        """Begin a file.

        Raises:
            OSError: it cannot be made.
        """
        self.discard()
        self._draft = Draft(os.open(self._partial, _NEW, 0o666, dir_fd=self._folder))
        return self._draft

    def discard(self) -> None:
        """Take away what was begun and not settled, also by a process that was killed."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.abandon()
        with suppress(FileNotFoundError):
            os.unlink(self._partial, dir_fd=self._folder)

    def settle(self, wanted: str) -> Settled:
        """Give the finished draft a name that is free, unless the same file is there already.

        Raises:
            OSError: the disk is full, or no name is free.
        """
        draft, self._draft = self._draft, None
        assert draft is not None  # noqa: S101 - begin() comes first
        draft.close()
        for name in candidates(wanted):
            linked = self._link(name)
            if linked or self.holds(name, draft.size, draft.sha256.hexdigest()):
                self.discard()
                return Settled(name, not linked, draft.size, draft.sha256.hexdigest())
        raise OSError(errno.EEXIST, "no name is free")

    def standing(self, wanted: str, size: int, md5: str) -> str:
        """Return the name under which these bytes are there already, among those that *wanted* may get; else ``""``."""
        for name in candidates(wanted):
            if self.holds(name, size, md5, algorithm="md5"):
                return name
            try:
                os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            except FileNotFoundError:
                return ""
        return ""

    def holds(self, name: str, size: int, digest: str, *, algorithm: str = "sha256") -> bool:
        """Whether a plain file of this name, size and digest is there."""
        try:
            file = os.open(name, _OLD, dir_fd=self._folder)
        except OSError:
            return False
        try:
            known = os.fstat(file)
            if not stat.S_ISREG(known.st_mode) or known.st_size != size:
                return False
            return _digest(file, algorithm) == digest
        finally:
            os.close(file)

    def sha256(self, name: str) -> str:
        """Return the digest of a file that is there.

        Raises:
            OSError: it is not, by now.
        """
        file = os.open(name, _OLD, dir_fd=self._folder)
        try:
            return _digest(file, "sha256")
        finally:
            os.close(file)

    def manifest_sha256(self) -> str:
        """Return the digest of the manifest; ``""`` where it has no line yet."""
        return self.sha256(self.manifest) if self._lines >= 0 else ""

    def remove(self, name: str) -> None:
        """Take away a file that was settled and could not be noted."""
        os.unlink(name, dir_fd=self._folder)

    # -- the manifest --------------------------------------------------------------------------------------------------

    def lines(self) -> dict[str, Line]:
        """Return what the manifest says, by id. A line that a killed process did not finish is taken away.

        Raises:
            OSError: something else has its name.
        """
        try:
            manifest = self._opened(_LINES)
        except FileNotFoundError:
            return {}
        body = b""
        while piece := os.pread(manifest, _PIECE, len(body)):
            body += piece
        whole = body[: body.rfind(b"\n") + 1]
        if len(whole) < len(body):
            os.ftruncate(manifest, len(whole))
        found = [msgspec.json.decode(each, type=Line) for each in whole.splitlines()]
        return {each.id: each for each in found}

    def note(self, line: Line) -> None:
        """Add a line, whole or not at all.

        Raises:
            OSError: the disk is full.
        """
        manifest = self._opened(_LINES | os.O_CREAT)
        before = os.fstat(manifest).st_size
        left = memoryview(msgspec.json.encode(line) + b"\n")
        try:
            while left:
                left = left[os.write(manifest, left) :]
            os.fsync(manifest)
            os.fsync(self._folder)
        except OSError:
            os.ftruncate(manifest, before)
            raise

    def _opened(self, flags: int) -> int:
        if self._lines < 0:
            manifest = os.open(self.manifest, flags, 0o666, dir_fd=self._folder)
            known = os.fstat(manifest)
            if not stat.S_ISREG(known.st_mode) or known.st_nlink > 1:
                os.close(manifest)
                raise OSError(errno.EEXIST, "something else has the manifest's name")
            self._lines = manifest
        return self._lines

    def _link(self, name: str) -> bool:
        """Give the draft a name if it is free. A rename would replace what has it."""
        folder = self._folder
        try:
            os.link(self._partial, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as exc:
            if exc.errno not in _NO_LINKS:
                raise
        else:
            return True
        try:
            os.close(os.open(name, _NEW, 0o666, dir_fd=folder))
        except FileExistsError:
            return False
        os.rename(self._partial, name, src_dir_fd=folder, dst_dir_fd=folder)  # over our own empty file
        return True


def _digest(file: int, algorithm: str) -> str:
    with open(file, "rb", closefd=False) as stream:
        return hashlib.file_digest(stream, partial(hashlib.new, algorithm, usedforsecurity=False)).hexdigest()
