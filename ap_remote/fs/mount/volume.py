"""What a mount answers to the kernel, over any :class:`~ap_remote.fs.filesystem.RemoteFileSystem`.

Nothing here knows libfuse: the methods bear FUSE's names, take its arguments and raise ``OSError`` with an ``errno``.
Reading goes through the filesystem's own caches. A file that is written is kept on the local disk and sent when it is
closed, so that ``close`` tells whether it arrived. What is removed or replaced goes to the trash.
"""

from __future__ import annotations

import errno
import functools
import itertools
import logging
import os
import stat
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from fsspec.asyn import sync  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote import errors
from ap_remote.fs.mount.drafts import Draft, Drafts
from ap_remote.remote.features import SupportsUsage

if TYPE_CHECKING:
    from pathlib import Path

    from ap_remote.fs.filesystem import RemoteFileSystem
    from ap_remote.model import Usage

_log: Final = logging.getLogger("ap_remote.mount")
_BLOCK: Final = 4096
_ENDLESS: Final = 1 << 50
"""Bytes that an account without a known limit is said to have."""
_ERRNO: Final[tuple[tuple[type[errors.RemoteError], int], ...]] = (
    (errors.NotFoundError, errno.ENOENT),
    (errors.AlreadyExistsError, errno.EEXIST),
    (errors.IsFolderError, errno.EISDIR),
    (errors.IsFileError, errno.ENOTDIR),
    (errors.FolderNotEmptyError, errno.ENOTEMPTY),
    (errors.InvalidNameError, errno.EINVAL),
    (errors.AuthenticationError, errno.EACCES),
    (errors.AccessDeniedError, errno.EACCES),
    (errors.QuotaExceededError, errno.ENOSPC),
    (errors.UnsupportedError, errno.EOPNOTSUPP),
    (errors.PreconditionFailedError, errno.ESTALE),
)
_QUIET: Final = (errors.NotFoundError, errors.AlreadyExistsError, errors.FolderNotEmptyError)
"""What programs ask for all the time, and is no trouble."""

P = ParamSpec("P")
T = TypeVar("T")


def _answering(method: Callable[Concatenate[Volume, P], T]) -> Callable[Concatenate[Volume, P], T]:
    """Let a method's failures reach the kernel as error numbers, and a person as a sentence in the log."""

    @functools.wraps(method)
    def answer(self: Volume, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except errors.RemoteError as exc:
            if not isinstance(exc, _QUIET):
                _log.warning("%s: %s", method.__name__, exc)
            number = next((number for kind, number in _ERRNO if isinstance(exc, kind)), errno.EIO)
            raise OSError(number, str(exc)) from exc

    return answer


class _Handle:
    """An open file: a draft, or a reader that one thread uses at a time."""

    def __init__(self, *, draft: Draft | None = None, reader: Any = None) -> None:
        self.draft = draft
        self.reader = reader
        self.lock = threading.Lock()


class Volume:
    """A filesystem as FUSE sees one.

    Args:
        fs: what is shown.
        root: the folder of *fs* that becomes the mount's root.
        writable: whether anything may change.
        drafts: a local folder for files that are being written.
    """

    use_ns = True
    """Times are nanoseconds."""

    def __init__(self, fs: RemoteFileSystem, root: str = "/", *, writable: bool = False, drafts: Path) -> None:
        """Nothing is asked before the kernel asks."""
        self._fs = fs
        self._root = root.rstrip("/")
        self._writable = writable
        self._drafts = Drafts(fs, drafts)
        self._handles: dict[int, _Handle] = {}
        self._numbers = itertools.count(1)
        self._owner = (os.getuid(), os.getgid())

    # -- looking -------------------------------------------------------------------------------------------------------

    @_answering
    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        """Return what ``stat`` tells."""
        place = self._place(path)
        draft = self._draft(fh) or self._drafts.find(place)
        if draft is not None:
            return self._attributes(folder=False, size=draft.size, when=draft.changed)
        info = self._fs.info(place)
        times = [info[key] for key in ("taken", "mtime") if info.get(key) is not None]
        created = info.get("created") or (times[0] if times else None)
        return self._attributes(
            folder=info["type"] == "directory",
            size=info["size"],
            when=times[0] if times else 0.0,
            changed=info.get("mtime") or created,
        )

    @_answering
    def readdir(self, path: str, fh: int | None = None) -> list[tuple[str, dict[str, int], int]]:
        """Return the names in a folder with their kinds."""
        del fh
        place = self._place(path)
        folder, file = {"st_mode": stat.S_IFDIR}, {"st_mode": stat.S_IFREG}
        found = {
            info["name"].rpartition("/")[2]: folder if info["type"] == "directory" else file
            for info in self._fs.ls(place, detail=True)
        }
        found.update((name, file) for name in self._drafts.names(place) if name not in found)
        return [(name, kind, 0) for name, kind in ((".", folder), ("..", folder), *found.items()) if _fits(name)]

    @_answering
    def statfs(self, path: str) -> dict[str, int]:
        """Return how much room there is, in blocks."""
        del path
        usage = self._usage()
        free = _ENDLESS if usage is None or usage.free is None else usage.free
        held = 0 if usage is None else usage.photo_bytes + usage.video_bytes + usage.document_bytes + usage.other_bytes
        total = held + free if usage is None or usage.quota is None else max(usage.quota, held)
        return {
            "f_bsize": _BLOCK,
            "f_frsize": _BLOCK,
            "f_blocks": total // _BLOCK,
            "f_bfree": free // _BLOCK,
            "f_bavail": free // _BLOCK,
            "f_namemax": 255,
        }

    # -- files ---------------------------------------------------------------------------------------------------------

    @_answering
    def open(self, path: str, flags: int) -> int:
        """Open a file that is there and return its handle."""
        place = self._place(path)
        if flags & os.O_ACCMODE == os.O_RDONLY:
            draft = self._drafts.find(place)
            if draft is not None:
                return self._handle(_Handle(draft=self._drafts.open(place, new=False, truncate=False)))
            return self._handle(_Handle(reader=self._fs.open(place, "rb")))
        self._check_writable()
        truncate = bool(flags & os.O_TRUNC)
        return self._handle(_Handle(draft=self._drafts.open(place, new=False, truncate=truncate)))

    @_answering
    def create(self, path: str, mode: int, fi: object = None) -> int:
        """Make a file and return its handle. Permissions are the mount's, not the file's."""
        del mode, fi
        self._check_writable()
        place = self._place(path)
        return self._handle(_Handle(draft=self._drafts.open(place, new=True, truncate=True)))

    @_answering
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """Return bytes of an open file."""
        del path
        handle = self._handles[fh]
        if handle.draft is not None:
            return handle.draft.read(size, offset)
        with handle.lock:
            handle.reader.seek(offset)
            data: bytes = handle.reader.read(size)
            return data

    @_answering
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Take bytes in; they are sent when the file is closed."""
        del path
        draft = self._draft(fh)
        if draft is None:
            raise OSError(errno.EBADF, "the file is open for reading only")
        return draft.write(data, offset)

    @_answering
    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """Cut a file, or make it longer with zeros."""
        self._check_writable()
        draft = self._draft(fh)
        if draft is not None:
            draft.truncate(length)
            return 0
        draft = self._drafts.open(self._place(path), new=False, truncate=length == 0)
        try:
            draft.truncate(length)
        finally:
            self._drafts.release(draft)
        return 0

    @_answering
    def flush(self, path: str, fh: int) -> int:
        """Send what was written: ``close`` waits for it and tells its failure."""
        del path
        draft = self._draft(fh)
        if draft is not None:
            self._drafts.send(draft)
        return 0

    @_answering
    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """Do nothing: a part of a file is never published, and closing publishes the whole."""
        del path, datasync, fh
        return 0

    @_answering
    def release(self, path: str, fh: int) -> int:
        """Forget a handle."""
        del path
        handle = self._handles.pop(fh)
        if handle.draft is not None:
            self._drafts.release(handle.draft)
        else:
            handle.reader.close()
        return 0

    # -- the tree ------------------------------------------------------------------------------------------------------

    @_answering
    def mkdir(self, path: str, mode: int) -> int:
        """Make a folder."""
        del mode
        self._check_writable()
        self._fs.mkdir(self._place(path), create_parents=False)
        return 0

    @_answering
    def rmdir(self, path: str) -> int:
        """Put an empty folder in the trash."""
        self._check_writable()
        self._fs.rmdir(self._place(path))
        return 0

    @_answering
    def unlink(self, path: str) -> int:
        """Put a file in the trash."""
        self._check_writable()
        place = self._place(path)
        draft = self._drafts.find(place)
        self._drafts.forget(place)
        try:
            self._fs.rm_file(place)
        except errors.NotFoundError:
            if draft is None:
                raise
        return 0

    @_answering
    def rename(self, old: str, new: str) -> int:
        """Move on the service; a file that stood at the new name goes to the trash."""
        self._check_writable()
        source, target = self._place(old), self._place(new)
        draft = self._drafts.find(source)
        if draft is not None and draft.is_unsent:
            draft.send(self._fs, empty=True)
        with draft.held() if draft is not None else nullcontext():
            sync(self._fs.loop, self._fs._mv_file, source, target)  # noqa: SLF001 - its public face moves into a folder
            # Who still writes what stood at the new name writes to a file that is in the trash.
            self._drafts.forget(target)
            self._drafts.moved(source, target)
        return 0

    @_answering
    def chmod(self, path: str, mode: int) -> int:
        """Do nothing, as ``cp -p`` expects of a file system without permissions."""
        del path, mode
        self._check_writable()
        return 0

    @_answering
    def chown(self, path: str, uid: int, gid: int) -> int:
        """Do nothing."""
        del path, uid, gid
        self._check_writable()
        return 0

    @_answering
    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Do nothing: the service keeps the time of its own."""
        del path, times
        self._check_writable()
        return 0

    def destroy(self, path: str) -> None:
        """Send what is left when the mount ends."""
        del path
        for file in self._drafts.close():
            _log.warning("not uploaded: %s", file)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _place(self, path: str) -> str:
        return self._root + path if path != "/" else self._root or "/"

    def _check_writable(self) -> None:
        if not self._writable:
            raise OSError(errno.EROFS, "mounted read-only: `ap mount --writable` allows changes")

    def _handle(self, handle: _Handle) -> int:
        number = next(self._numbers)
        self._handles[number] = handle
        return number

    def _draft(self, fh: int | None) -> Draft | None:
        handle = self._handles.get(fh) if fh else None
        return None if handle is None else handle.draft

    def _usage(self) -> Usage | None:
        async def ask() -> Usage | None:
            remote = self._fs._remote()  # noqa: SLF001 - the filesystem is ours
            return await remote.usage() if isinstance(remote, SupportsUsage) else None

        found: Usage | None = sync(self._fs.loop, ask)
        return found

    def _attributes(
        self, *, folder: bool, size: int, when: datetime | float, changed: datetime | float | None = None
    ) -> dict[str, int]:
        rights = (0o755 if folder else 0o644) if self._writable else (0o555 if folder else 0o444)
        modified = _nanoseconds(when)
        return {
            "st_mode": (stat.S_IFDIR if folder else stat.S_IFREG) | rights,
            "st_nlink": 2 if folder else 1,
            "st_size": size,
            "st_blocks": -(-size // 512),
            "st_blksize": 1 << 17,
            "st_uid": self._owner[0],
            "st_gid": self._owner[1],
            "st_mtime": modified,
            "st_atime": modified,
            "st_ctime": modified if changed is None else _nanoseconds(changed),
        }


def _nanoseconds(when: datetime | float) -> int:
    return int((when.timestamp() if isinstance(when, datetime) else when) * 1e9)


def _fits(name: str) -> bool:
    """Whether the kernel takes a name: at most 255 bytes."""
    return len(name.encode("utf-8", "surrogateescape")) <= 255  # noqa: PLR2004 - NAME_MAX
