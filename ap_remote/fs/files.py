"""Files: read through a cache, written through a spool and published once, when they are closed without an error."""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Final, Literal

from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import AlreadyExistsError, IsFolderError, UnsupportedError
from ap_remote.fs.blocks import Version
from ap_remote.fs.readahead import SMALLEST, GrowingCache, WholeCache
from ap_remote.fs.reading import WHOLE, changed
from ap_remote.fs.spool import Spool

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from _typeshed import ReadableBuffer

_READ: Final = "rb"


class RemoteFile(AbstractBufferedFile):  # type: ignore[misc]  # untyped base
    """A file of a :class:`~ap_remote.fs.filesystem.RemoteFileSystem`; modes ``rb``, ``wb`` and ``xb``.

    What is written appears under its name all at once, when the file is closed, and not at all when a ``with`` block
    is left by an exception, when the garbage collector finds the file open, or when a transaction is given up.
    """

    DEFAULT_BLOCK_SIZE = SMALLEST

    def __init__(  # noqa: PLR0917 - fsspec fixes this signature
        self,
        fs: Any,
        path: str,
        mode: str = _READ,
        block_size: int | Literal["default"] | None = "default",
        autocommit: bool = True,  # noqa: FBT001, FBT002 - fsspec fixes this signature
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
        size: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.closed = True  # until the file is really open
        if mode not in (_READ, "wb", "xb"):
            raise UnsupportedError(
                f"{path!r} cannot be opened in mode {mode!r}: a file is stored whole, so there is no appending and no "
                "changing in place; read it and write it anew",
            )
        self._spool: Spool | None = None
        self._version: Version | None = None
        self._was_read = False
        self._error_at_open = id(sys.exc_info()[1])
        self.path, self.fs, self.mode = path, fs, mode
        if mode == _READ:
            if size is None:
                if self.details["type"] == "directory":
                    raise IsFolderError(path)
                size = self.details["size"]
            cache_type = cache_type or (WholeCache.name if size <= WHOLE else GrowingCache.name)
        else:
            self._check_target()
        super().__init__(
            fs,
            path,
            mode=mode,
            block_size=block_size,
            autocommit=autocommit,
            cache_type=cache_type or "readahead",
            cache_options=cache_options,
            size=size,
            **kwargs,
        )
        if mode != _READ:
            self._spool = Spool()

    def __hash__(self) -> int:
        return super().__hash__() if self.mode == _READ else id(self)

    def __eq__(self, other: object) -> bool:
        return bool(super().__eq__(other))

    def _check_target(self) -> None:
        try:
            standing = self.fs.info(self.path)
        except FileNotFoundError:
            return
        if standing["type"] == "directory":
            raise IsFolderError(self.path)
        if self.mode == "xb":
            raise AlreadyExistsError(self.path, standing["id"])

    # Reading

    def _fetch_range(self, start: int, end: int) -> bytes:
        end = min(end, self.size)
        if end <= start:
            return b""
        if self._version is None:
            info = self.details
            self._version = Version(info["id"], info["version"], info["md5"], info["size"])
        if self._version.size != self.size:
            raise changed(self.path)
        data: bytes = self.fs.read_version(self.path, self._version, start, end, again=self._was_read)
        self._was_read = True
        return data

    # Writing

    def write(self, data: ReadableBuffer) -> int:
        """Take *data* in; nothing leaves before :meth:`close`."""
        if self.mode == _READ:
            raise ValueError("File not in write mode")
        if self.closed or self._spool is None:
            raise ValueError("I/O operation on closed file.")
        try:
            count = self._spool.write(data)
        except OSError:
            # A piece is missing now; whoever closes the file all the same must not publish the rest.
            self.discard()
            raise
        self.loc += count
        return count

    def seekable(self) -> bool:
        """Return true: what was written may be gone back to until the file is closed (TIFF and Stata files ask so)."""
        return True

    def seek(self, loc: int, whence: int = os.SEEK_SET) -> int:
        """Move to *loc* bytes from the start, from here or from the end, and return the new position from the start.

        Raises:
            ValueError: the file is closed, or the position lies before its start.
        """
        if self.mode == _READ:
            return int(super().seek(loc, whence))
        if self.closed or self._spool is None:
            raise ValueError("I/O operation on closed file.")
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: len(self._spool)}.get(whence)
        if start is None or start + loc < 0:
            raise ValueError(f"invalid position: {loc} from {whence}")
        position: int = start + loc
        try:
            self._spool.seek(position)
        except OSError:  # what was buffered before did not fit on the disk
            self.discard()
            raise
        self.loc = position
        return position

    def flush(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - fsspec fixes this signature
        """Do nothing: a part of a file is never published."""
        del force
        if self.closed:
            raise ValueError("Flush on closed file")

    def close(self) -> None:
        """Publish what was written, outside a transaction; end reading.

        Raises:
            RemoteError: the upload failed, and the bytes are gone; nothing was published.
        """
        if self.closed:
            return
        if self.mode == _READ:
            super().close()
        elif _is_left_by_exception(self._error_at_open):
            self.discard()
        else:
            self.closed = True
            if self.autocommit:
                self.commit()

    def commit(self) -> None:
        """Publish a closed file, as a transaction does when it ends. What was discarded stays so.

        Raises:
            ValueError: the file is still open, so that it may not be complete.
        """
        if not self.closed:
            raise ValueError(f"{self.path!r} is still open: close it before its transaction ends")
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            self.fs.pipe_file(self.path, spool.body(), mode="create" if self.mode == "xb" else "overwrite")
        finally:
            spool.close()

    def discard(self) -> None:
        """Close without publishing. Discarding twice is allowed."""
        self.closed = True
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None and self.mode != _READ:
            self.discard()
        else:
            self.close()

    def __del__(self) -> None:
        if self.closed:
            return
        if self.mode == _READ:
            self.close()
        else:
            self._dealloc_warn(self)

    def _dealloc_warn(self, source: object) -> None:
        # io.TextIOWrapper calls this as well when it is collected while open, before it would close the file.
        if not self.closed and self.mode != _READ:
            self.discard()
            message = f"{self.path!r} was never closed; it was not uploaded"
            warnings.warn(message, ResourceWarning, source=source, stacklevel=2)


def _is_left_by_exception(error_at_open: int) -> bool:
    """Whether somebody's ``__exit__`` closes the file because an exception passes through.

    ``fsspec.OpenFile``, pandas' handles and ``contextlib.closing`` are told of the exception and call a plain
    ``close()``, which would publish half a file. Only the call stack still knows. A file that was opened while the
    same exception was already on its way (a crash report) is not concerned.
    """
    error = sys.exc_info()[1]
    if error is None or id(error) == error_at_open:
        return False
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "__exit__" and _first_argument(frame) is not None:
            return True
        frame = frame.f_back
    return False


def _first_argument(frame: FrameType) -> object:
    """Return what an ``__exit__`` got as its exception's type."""
    names = frame.f_code.co_varnames
    if len(names) < 2:  # noqa: PLR2004 - self and the exception's type
        return None
    value = frame.f_locals.get(names[1])
    if isinstance(value, tuple):
        value = value[0] if value else None
    return value if isinstance(value, type) and issubclass(value, BaseException) else None
