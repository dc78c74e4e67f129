"""Request bodies that flow: a local file or bytes in hand, in pieces, with their length watched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import httpx

from ap_remote.errors import IntegrityError
from ap_remote.remote import flow

if TYPE_CHECKING:
    from ap_remote.transport.call import Call

PIECE: Final = 1 << 20
"""Bytes sent at a time."""


class Upload(httpx.AsyncByteStream):
    """A body that can be sent once; a second attempt opens a new one (:func:`opened`)."""

    def __init__(self, file: BinaryIO | None, data: bytes, size: int, name: str) -> None:
        self._file = file
        self._data = data
        self.size = size
        self._name = name
        self.whole = size == 0
        """Whether the last byte was handed over, so that the service may have everything."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces.

        Raises:
            IntegrityError: the file is not as long as it was; the service never gets its last piece.
        """
        sent = 0
        while sent < self.size:
            piece, grew = await self._read(sent)
            sent += len(piece)
            if not piece or sent > self.size or grew:
                raise IntegrityError(
                    f"{self._name} changed while it was sent: it had {self.size} bytes when that began"
                )
            await flow.passing(len(piece))
            self.whole = sent == self.size
            yield piece

    async def _read(self, start: int) -> tuple[bytes, bool]:
        """Return the next piece, and whether there is more behind the last."""
        if self._file is None:
            return self._data[start : start + PIECE], False
        return await asyncio.to_thread(_read, self._file, self.size - start)


def _read(file: BinaryIO, left: int) -> tuple[bytes, bool]:
    piece = file.read(PIECE)
    return piece, len(piece) == left and bool(file.read(1))


@asynccontextmanager
async def opened(call: Call[object]) -> AsyncIterator[Upload | None]:
    """Open a call's body for one attempt.

    Raises:
        IntegrityError: its length is not the one that the call promises.
        OSError: the local file cannot be read.
    """
    if isinstance(call.body, Path):
        # Not in a thread: a call that is cancelled meanwhile would leave the file open.
        with call.body.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            yield _promised(call, Upload(file, b"", size, str(call.body)))
    elif call.body is not None:
        yield _promised(call, Upload(None, call.body, len(call.body), call.about))
    else:
        yield None


def _promised(call: Call[object], upload: Upload) -> Upload:
    if call.size is not None and call.size != upload.size:
        raise IntegrityError(f"{call.about!r} changed before it was sent: {call.size} bytes became {upload.size}")
    return upload
