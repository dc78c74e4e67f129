"""Files whose ``read``, ``write`` and ``close`` are coroutines, for who has a loop and wants no thread."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from fsspec.asyn import AbstractAsyncStreamedFile  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import AlreadyExistsError, IsFolderError, UnsupportedError
from ap_remote.fs.info import key
from ap_remote.fs.spool import Spool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from _typeshed import ReadableBuffer

    from ap_remote.fs.info import Info

_READ: Final = "rb"
_MODES: Final = (_READ, "wb", "xb")


class StreamedFile(AbstractAsyncStreamedFile):  # type: ignore[misc]  # untyped base
    """A file that is read from its beginning to its end, or written and published at its ``close``.

    Made by :meth:`ap_remote.fs.filesystem.RemoteFileSystem.open_async`. What is read is checked, length and md5, when
    its end is reached. Left by an exception, an ``async with`` publishes nothing. Transactions do not concern it.
    """

    def __init__(self, fs: Any, path: str, mode: str, found: Info | None, **options: Any) -> None:
        self.closed = True  # until the file is really open
        super().__init__(fs, path, mode, cache_type="none", size=found["size"] if found else 0, **options)
        if found is not None:
            self.details = found
        self._buffer = bytearray()
        self._pieces: AsyncIterator[bytes] | None = None
        self._spool = None if mode == _READ else Spool()

    @classmethod
    async def opened(cls, fs: Any, path: str, mode: str, **options: Any) -> Self:
        """Return an open file.

        Raises:
            UnsupportedError: a file cannot be changed in place.
            NotFoundError: there is nothing to read.
            IsFolderError: a folder is there.
            AlreadyExistsError: the mode is ``xb`` and a file is there.
        """
        if mode not in _MODES:
            raise UnsupportedError(
                f"{path!r} cannot be opened in mode {mode!r}: a file is stored whole, so there is no appending and no "
                "changing in place; read it and write it anew",
            )
        try:
            found = await fs._info(path)  # noqa: SLF001 - fsspec's coroutines are underscored, not private
        except FileNotFoundError:
            if mode == _READ:
                raise
            found = None
        if found is not None and found["type"] == "directory":
            raise IsFolderError(key(path))
        if found is not None and mode == "xb":
            raise AlreadyExistsError(key(path), found["id"])
        return cls(fs, path, mode, found, **options)

    # Reading

    async def read(self, length: int | None = -1) -> bytes:
        """Return the next *length* bytes, fewer at the end; all that are left for a negative number.

        Raises:
            IntegrityError: length or md5 of the whole are wrong; told with the last bytes.
        """
        self._check_open(reading=True)
        if self._pieces is None:
            self._pieces = self.fs._remote().get(key(self.path))  # noqa: SLF001 - as above
        wanted = None if length is None or length < 0 else int(length)
        while wanted is None or len(self._buffer) < wanted:
            try:
                self._buffer += await anext(self._pieces)
            except StopAsyncIteration:
                wanted = len(self._buffer) if wanted is None else min(wanted, len(self._buffer))
        out = bytes(self._buffer[:wanted])
        del self._buffer[:wanted]
        self.loc += len(out)
        return out

    def seekable(self) -> bool:
        """Return false: what went by is gone."""
        return False

    def seek(self, loc: int, whence: int = 0) -> NoReturn:
        """Refuse; :meth:`ap_remote.fs.filesystem.RemoteFileSystem._cat_file` reads ranges."""
        raise io.UnsupportedOperation(f"a stream does not go to {loc} (whence {whence}): open the file, or cat_file it")

    # Writing

    async def write(self, data: ReadableBuffer) -> int:
        """Take *data* in; nothing leaves before :meth:`close`."""
        spool = self._check_open(reading=False)
        count = spool.write(data)
        self.loc += count
        return count

    async def flush(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - fsspec fixes this signature
        """Do nothing: a part of a file is never published."""
        del force
        if self.closed:
            raise ValueError("Flush on closed file")

    async def close(self) -> None:
        """Publish what was written; end reading. Closing twice is allowed.

        Raises:
            RemoteError: the upload failed, and the bytes are gone; nothing was published.
        """
        if self.closed:
            return
        self.closed = True
        spool, self._spool = self._spool, None
        if spool is None:
            await self._end_reading()
            return
        try:
            mode = "create" if self.mode == "xb" else "overwrite"
            await self.fs._pipe_file(self.path, spool.body(), mode=mode)  # noqa: SLF001 - as above
        finally:
            spool.close()

    async def discard(self) -> None:
        """Close without publishing. Discarding twice is allowed."""
        self._give_up()
        await self._end_reading()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            await self.close()
        else:
            await self.discard()

    def __enter__(self) -> NoReturn:
        raise TypeError("this file is for `async with`")

    def __del__(self) -> None:
        if not self.closed and self._spool is not None:
            self._give_up()
            warnings.warn(f"{self.path!r} was never closed; it was not uploaded", ResourceWarning, stacklevel=2)

    def _check_open(self, *, reading: bool) -> Spool | Any:
        if reading != (self.mode == _READ):
            raise ValueError(f"File not in {'read' if reading else 'write'} mode")
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        return self._spool

    def _give_up(self) -> None:
        self.closed = True
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()

    async def _end_reading(self) -> None:
        pieces, self._pieces = self._pieces, None
        self._buffer.clear()
        if pieces is not None and hasattr(pieces, "aclose"):
            await pieces.aclose()
