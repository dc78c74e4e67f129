"""An answer whose bytes are taken as they come."""

from __future__ import annotations

import re
import zlib
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

from ap_remote.errors import ProtocolError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PACKED: Final = "gzip"
"""The one way of packing that is asked for, since :func:`unpacked` knows how to stop in it."""
_IDENTITY: Final = ("", "identity")
_ZLIB: Final = ("gzip", "x-gzip", "deflate")
_EITHER: Final = 32 + zlib.MAX_WBITS
"""Tells zlib to see for itself which of its two heads is there."""
_PIECE: Final = 1 << 20
"""Bytes that are unpacked at a time."""
_LONGEST: Final = 32 << 20
"""Bytes of an answer that are gathered."""
_RANGE: Final = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", re.IGNORECASE)


class ContentRange(msgspec.Struct, frozen=True):
    """Which bytes of a file came. ``stop`` is not included; ``total`` is ``None`` where the service does not know."""

    start: int
    stop: int
    total: int | None

    @classmethod
    def parse(cls, value: str | None) -> ContentRange | None:
        """Read the header; one that makes no sense is as good as none."""
        found = _RANGE.fullmatch((value or "").strip())
        if not found:
            return None
        first, last, total = found.groups()
        return cls(int(first or 0), int(last) + 1 if last else 0, None if total == "*" else int(total))


def filename(disposition: str | None) -> str | None:
    """Return the file name of a ``Content-Disposition``; where there are two, the one in UTF-8 (RFC 6266, 4.3)."""
    message = Message()
    message["content-disposition"] = disposition or ""
    values = [value for key, value in message.get_params((), "content-disposition") if key.lower() == "filename"]
    # A value that came as `filename*` is a tuple, and may be in an encoding that nobody knows.
    best = sorted(values, key=lambda value: not isinstance(value, tuple))[:1]
    try:
        return next((name for value in best if (name := collapse_rfc2231_value(value).strip())), None)
    except ValueError:
        # An encoding that Python knows, and that no text is in: a name is a help, and no reason to go without bytes.
        return None


class Download:
    """What :meth:`Transport.stream` gives.

    Attributes:
        status: 200, 206 for a part, 416 for a part past the end (no bytes then).
        length: bytes that this answer will carry, where it says so.
        content_range: which bytes they are, for a part.
        content_type: as sent.
    """

    def __init__(self, response: httpx.Response, *, title: str) -> None:
        self._response = response
        self._title = title
        headers = response.headers
        self.status = response.status_code
        self.length = 0 if self.status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE else length_of(response)
        self.content_range = ContentRange.parse(headers.get("content-range"))
        self.content_type: str | None = headers.get("content-type")
        self.heard: bytearray | None = None
        """Gathers what was taken, where that is asked for; a longer answer is given up."""

    @property
    def filename(self) -> str | None:
        """The name the service proposes."""
        return filename(self._response.headers.get("content-disposition"))

    def __repr__(self) -> str:
        return f"Download({self._title}, status={self.status}, length={self.length})"

    async def aiter(self) -> AsyncIterator[bytes]:
        """Yield the bytes in order, in pieces of any size but zero.

        Raises:
            UnavailableError: the answer ended before it was whole.
            ProtocolError: more bytes came than were announced.
        """
        if self.status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return
        got = 0
        cause: Exception | None = None
        try:
            async for piece in unpacked(self._response):
                got += len(piece)
                if self.length is not None and got > self.length:
                    break
                if piece:
                    self._hear(piece)
                    yield piece
        except httpx.HTTPError as exc:
            # A copy without the request: that one has the address and the cookies in it.
            cause = Exception(f"{type(exc).__name__}: {exc}")
            cause.__cause__ = exc.__cause__ if isinstance(exc, httpx.RemoteProtocolError) else None
            broken = True
        else:
            broken = self.length is not None and got < self.length
        if broken:
            known = "" if self.length is None else f" of {self.length}"
            raise UnavailableError(f"the answer broke off after {got}{known} bytes ({self._title})") from cause
        if self.length is not None and got > self.length:
            raise ProtocolError(f"more than the announced {self.length} bytes came ({self._title})")

    def _hear(self, piece: bytes) -> None:
        if self.heard is not None:
            self.heard += piece
            if len(self.heard) > _LONGEST:
                self.heard = None


def length_of(response: httpx.Response) -> int | None:
    """Return how many bytes an answer announces; ``None`` where it does not, or where they are packed."""
    if _packing(response) not in _IDENTITY:
        return None
    return _announced(response)


async def gathered(response: httpx.Response, most: int) -> bytes | None:
    """Return the bytes of an answer; ``None`` as soon as it is known to have more than *most*.

    Raises:
        httpx.HTTPError: the connection broke, or what came cannot be unpacked.
    """
    if (_announced(response) or 0) > most:
        return None
    found = bytearray()
    async for piece in unpacked(response):
        found += piece
        if len(found) > most:
            return None
    return bytes(found)


def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the bytes of an answer as they come; what is packed, in pieces of a mebibyte at most.

    httpx unpacks whole what has arrived, and a few kilobytes may stand for a gigabyte.

    Raises:
        httpx.HTTPError: the connection broke, or what came cannot be unpacked.
    """
    return response.aiter_raw() if _packing(response) in _IDENTITY else _unpacking(response)


async def _unpacking(response: httpx.Response) -> AsyncIterator[bytes]:
    if _packing(response) not in _ZLIB:
        raise httpx.DecodingError("the answer is packed in a way that was not asked for")
    unpacker = zlib.decompressobj(_EITHER)
    begun = False
    async for arrived in response.aiter_raw():
        begun, rest, full = True, arrived, False
        while (rest or full) and not unpacker.eof:
            try:
                piece = unpacker.decompress(rest, _PIECE)
            except zlib.error as exc:
                raise httpx.DecodingError("the answer cannot be unpacked") from exc
            rest, full = unpacker.unconsumed_tail, len(piece) == _PIECE
            if piece:
                yield piece
    if begun and not unpacker.eof:
        raise httpx.RemoteProtocolError("the answer ended before all of it was unpacked")


def _packing(response: httpx.Response) -> str:
    value: str = response.headers.get("content-encoding", "")
    return value.strip().lower()


def _announced(response: httpx.Response) -> int | None:
    value = response.headers.get("content-length", "")
    return int(value) if value.isdigit() else None
