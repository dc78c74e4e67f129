"""One remote file to a local disk: to a partial name, resumed, verified, dated, then renamed.

The partial name is the same each time for the same content, so that whoever fetches it again goes on where it broke
off. Small files are fetched anew: that costs no more than reading what is there.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import hashlib
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from ap_remote.errors import IntegrityError, NotFoundError, PreconditionFailedError, RemoteError
from ap_remote.model import ByteRange, NodeId
from ap_remote.transfer.pool import is_full, to_its_end
from ap_remote.transfer.sending import CHANGED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.transfer.bandwidth import Flow

BLOCK: Final = 1 << 20
"""Bytes that are written at a time: a change of threads for each piece would cost more than the writing. What broke
off before there were so many is not kept."""
_NAME_BYTES: Final = 200
_HERE: Final = -100
_NO_REPLACE: Final = 1
"""``AT_FDCWD`` and ``RENAME_NOREPLACE`` of Linux."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be fetched."""

    id: str
    size: int
    path: str
    """What a person calls it."""
    md5: str | None = None
    version: int = 0
    when: datetime | None = None
    """What its time on the disk will be."""

    @classmethod
    def of(cls, entry: Entry) -> Wanted:
        """Return a file as an account lists it."""
        return cls(
            id=entry.id,
            size=entry.size,
            path=entry.path or entry.name,
            md5=entry.md5,
            version=entry.version,
            when=entry.taken or entry.modified,
        )

    def partial(self, file: Path) -> Path:
        """Return the name that it has until it is whole."""
        mark = (self.md5 or hashlib.sha256(f"{self.id} {self.version}".encode()).hexdigest())[:8]
        name = file.name.encode()[:_NAME_BYTES].decode(errors="ignore")
        return file.with_name(f".{name}.{mark}.partial")


async def fetch(
    remote: Remote,
    wanted: Wanted,
    file: Path,
    *,
    flow: Flow,
    before: Callable[[], Awaitable[None]] | None = None,
    over: bool = False,
) -> None:
    """Fetch a file to *file*, whose folder is there.

    Args:
        remote: from where.
        wanted: what.
        file: where to.
        flow: holds back and counts its bytes.
        before: called when all is there and verified, before it gets its name.
        over: replace a file of that name.

    Raises:
        FileExistsError: *file* is there and *over* is not set; it was left alone.
        PreconditionFailedError: the account holds something else by now.
        IntegrityError: what came is not what was promised, twice where it was resumed.
        BlockingIOError: another process fetches the same file to the same place.
        OSError: the disk is full, or refuses. A partial file stays only where it is worth going on with.
    """
    partial = Partial(wanted, file)
    try:
        try:
            await _fill(remote, wanted, partial, flow)
            if partial.resumed:
                await to_its_end(asyncio.to_thread(partial.complete))
        except IntegrityError:
            if not partial.resumed:
                raise
            # What was there from before need not have been what its name says.
            partial.restart()
            flow.restart()
            await _fill(remote, wanted, partial, flow)

        async def settle() -> None:
            if before is not None:
                await asyncio.to_thread(partial.complete)
                await before()
            await asyncio.to_thread(partial.settle, over=over)

        await to_its_end(settle())
    except IntegrityError as exc:
        partial.drop()
        if await _is_other(remote, wanted):
            raise PreconditionFailedError(f"{wanted.path!r}: {CHANGED}") from exc
        raise
    except (RemoteError, OSError) as exc:
        # Worth going on with only where the same again may end otherwise.
        if is_full(exc) or isinstance(exc, FileExistsError | PreconditionFailedError | NotFoundError):
            partial.drop()
        raise
    finally:
        partial.close()


async def pieces(remote: Remote, wanted: Wanted, *, at: int = 0) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a file from *at* on, never more than were promised.

    Close it when it is not read to its end: a disk that is full must not leave the connection to the garbage collector.

    Raises:
        IntegrityError: there are more.
    """
    body = remote.get(NodeId(wanted.id), span=ByteRange(at) if at else None)
    try:
        async for piece in body:
            at += len(piece)
            if at > wanted.size:
                raise IntegrityError(f"length differs: {wanted.path!r} has more than its {wanted.size} bytes")
            yield piece
    finally:
        if isinstance(body, AsyncGenerator):
            await body.aclose()


def check_whole(wanted: Wanted, size: int, md5: str) -> None:
    """Compare what came with what was promised.

    Raises:
        IntegrityError: size or md5 differ.
    """
    if size != wanted.size:
        raise IntegrityError(f"length differs: {wanted.path!r} should have {wanted.size} bytes and has {size}")
    if wanted.md5 is not None and md5 != wanted.md5:
        raise IntegrityError(f"md5 differs: {wanted.path!r} should have {wanted.md5} and has {md5}")


class Partial:
    """A file in the making. Its methods but :meth:`drop` and :meth:`close` belong into a thread."""

    def __init__(self, wanted: Wanted, file: Path) -> None:
        self._wanted = wanted
        self._file = file
        self._path = wanted.partial(file)
        self._stream: BinaryIO | None = None
        self._digest = hashlib.md5(usedforsecurity=False)
        self._complete = False
        self.at = 0
        """Bytes that are there."""
        self.resumed = False
        """Whether some of them were there from before."""
        self._held: list[bytes] = []

    @property
    def may_be_there(self) -> bool:
        """Whether there is something to go on with."""
        return self._stream is None and self._wanted.size >= BLOCK and self._path.exists()

    def hold(self, piece: bytes) -> None:
        """Take a piece that is written with the next ones."""
        self._held.append(piece)
        self.at += len(piece)

    def open(self) -> None:
        """Lock what is there and read it, or begin.

        Raises:
            BlockingIOError: another process has it.
            OSError: it cannot be made or read.
        """
        self._stream = _locked(self._path, self._wanted.path)
        if self._held or self._wanted.size < BLOCK:
            self._stream.truncate(0)
            return
        while piece := self._stream.read(BLOCK):
            self._digest.update(piece)
            self.at += len(piece)
        self.resumed = self.at > 0
        if self.at > self._wanted.size:
            self.restart()

    def write(self) -> None:
        """Write what is held."""
        if self._stream is None:
            self.open()
        held, self._held = self._held, []
        if self._stream is not None:
            try:
                self._stream.writelines(held)
                self._stream.flush()
            except OSError as exc:
                exc.filename = exc.filename or str(self._file)
                raise
        for piece in held:
            self._digest.update(piece)

    def restart(self) -> None:
        """Begin anew."""
        if self._stream is not None:
            self._stream.seek(0)
            self._stream.truncate(0)
        self._digest = hashlib.md5(usedforsecurity=False)
        self._held, self.at, self.resumed = [], 0, False

    def complete(self) -> None:
        """Compare what is there with what was promised; date it, and bring it to the disk.

        Raises:
            IntegrityError: size or md5 differ.
        """
        if self._complete:
            return
        self.write()
        wanted = self._wanted
        check_whole(wanted, self.at, self._digest.hexdigest())
        if self._stream is not None:
            if wanted.when is not None:
                seconds = wanted.when.timestamp()
                os.utime(self._path, (seconds, seconds))
            os.fsync(self._stream.fileno())
        self._complete = True

    def settle(self, *, over: bool) -> None:
        """Give the whole file its name.

        Raises:
            FileExistsError: it is taken, and *over* is not set.
        """
        self.complete()
        if sys.platform == "win32":
            self.close()
        if over:
            self._path.replace(self._file)
        else:
            rename_new(self._path, self._file)
        # Here, and not where the next files are waited for: it takes a while.
        self._release()

    def close(self) -> None:
        """Let it go; too little to go on with is removed."""
        if not self._complete and self.at - sum(map(len, self._held)) < BLOCK:
            self.drop()
        self._release()

    def drop(self) -> None:
        """Remove it."""
        if self._stream is not None:
            self._path.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            # All that is to stay was flushed; what a full disk did not take is tried once more here.
            with suppress(OSError):
                stream.close()


def rename_new(old: Path, new: Path) -> None:
    """Rename a file, and never over another one.

    Raises:
        FileExistsError: *new* is there.
    """
    if sys.platform != "win32":
        if _renamed_exclusively(os.fsencode(old), os.fsencode(new)):
            return
        try:
            os.link(old, new, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:
            # A file system without links: looking first is all that is left.
            if os.path.lexists(new):
                raise FileExistsError(f"{new} is there already") from None
        else:
            old.unlink()
            return
    old.rename(new)


def _renamed_exclusively(old: bytes, new: bytes) -> bool:
    """Rename in one step, of which a killed process leaves no half; return whether the system can do that.

    Raises:
        FileExistsError: *new* is there.
    """
    rename = _exclusive_rename()
    if rename is None or not rename(_HERE, old, _HERE, new, _NO_REPLACE):
        return rename is not None
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(f"{os.fsdecode(new)} is there already")
    return False


@cache
def _exclusive_rename() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """Return Linux' ``renameat2``, which Python's own library does not have."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function


def mark_of(file: Path) -> str:
    """Return what changes whenever a file is written, but not when it is moved or linked."""
    found = file.lstat()
    return f"{found.st_size}-{found.st_mtime_ns}"


def _locked(path: Path, subject: str) -> BinaryIO:
    """Open a file for this process alone."""
    while True:
        stream = path.open("a+b")
        try:
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not _is_named(stream, path):
                    stream.close()
                    continue
                if os.fstat(stream.fileno()).st_nlink > 1:
                    # Killed between its two names, it is the finished file as well, which is not ours to write.
                    path.unlink()
                    stream.close()
                    continue
            stream.seek(0)
        except BlockingIOError as exc:
            stream.close()
            raise BlockingIOError(f"another process is fetching {subject!r} to the same place") from exc
        except BaseException:
            stream.close()
            raise
        return stream


def _is_named(stream: BinaryIO, path: Path) -> bool:
    """Whether an open file still has its name: whoever had it may have given it another meanwhile."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


async def _fill(remote: Remote, wanted: Wanted, partial: Partial, flow: Flow) -> None:
    if partial.may_be_there:
        await to_its_end(asyncio.to_thread(partial.open))
        flow.tell(partial.at)
    if partial.at == wanted.size and partial.resumed:
        return
    waiting = 0
    async with aclosing(pieces(remote, wanted, at=partial.at)) as body:
        async for piece in body:
            await flow(len(piece))
            partial.hold(piece)
            waiting += len(piece)
            if waiting >= BLOCK:
                await to_its_end(asyncio.to_thread(partial.write))
                waiting = 0


async def _is_other(remote: Remote, wanted: Wanted) -> bool:
    """Whether the account holds something else by now than what was wanted."""
    try:
        now = await remote.stat(NodeId(wanted.id), fresh=True)
    except NotFoundError:
        return True
    return now.size != wanted.size or (wanted.md5 is not None and now.md5 is not None and now.md5 != wanted.md5)
