"""Bytes of a file, in order and checked: by redirect, resumed where a connection broke."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from ap_remote.api import content
from ap_remote.errors import IntegrityError, ProtocolError, UnavailableError
from ap_remote.model import ByteRange, Entry

if TYPE_CHECKING:
    from ap_remote.transport.answer import Download
    from ap_remote.transport.client import Transport

RESUMES: Final = 5
"""Times in a row that a broken answer is resumed without a single byte having come."""
_PART: Final = 206
_BEYOND: Final = 416


class OutdatedError(IntegrityError):
    """The service has another length than the entry says; nothing was handed out yet."""


async def pieces(transport: Transport, entry: Entry, span: ByteRange) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of *span*, cut to the file's length.

    Raises:
        OutdatedError: before the first piece, if the file is not as long as *entry* says.
        IntegrityError: after the last piece, if length or md5 differ; md5 is compared for whole files.
        UnavailableError: the connection broke too often.
    """
    start = min(span.start, entry.size)
    stop = entry.size if span.stop is None else min(span.stop, entry.size)
    whole = start == 0 and stop == entry.size
    digest = hashlib.md5(usedforsecurity=False)
    async with aclosing(_resumed(transport, entry, start, stop)) as resumed:
        async for piece in resumed:
            if whole:
                digest.update(piece)
            yield piece
    if whole and entry.md5 is not None and digest.hexdigest() != entry.md5:
        raise IntegrityError(f"md5 differs: {entry.path!r} should have {entry.md5} and has {digest.hexdigest()}")


async def _resumed(transport: Transport, entry: Entry, position: int, stop: int) -> AsyncGenerator[bytes, None]:
    call = content.content(entry.id, entry.owner_id)
    first = position
    tries = 0
    while position < stop:
        cut = position > 0 or stop < entry.size
        headers = {"range": f"bytes={position}-{stop - 1}"} if cut else {}
        async with transport.stream(call, headers=headers) as answer:
            skip = _checked(answer, entry, position, begun=position > first)
            try:
                async for piece in answer.aiter():
                    kept = piece[skip : skip + stop - position]
                    skip = max(0, skip - len(piece))
                    if kept:
                        position += len(kept)
                        tries = 0
                        yield kept
                    if position >= stop:
                        return
            except UnavailableError:
                tries += 1
                if tries > RESUMES:
                    raise
                continue
        if position < stop:
            raise IntegrityError(f"{entry.path!r} ended after {position} of {entry.size} bytes")


def _checked(answer: Download, entry: Entry, position: int, *, begun: bool) -> int:
    """Return how many bytes of an answer come before *position*: all of them, where a range is not understood."""
    if answer.status == _BEYOND:
        raise _other_length(entry, None, begun=begun)
    if answer.status == _PART:
        part = answer.content_range
        if part is None or part.start > position:
            raise ProtocolError(f"a part of {entry.path!r} came that was not asked for")
        if part.total is not None and part.total != entry.size:
            raise _other_length(entry, part.total, begun=begun)
        return position - part.start
    if answer.length is not None and answer.length != entry.size:
        raise _other_length(entry, answer.length, begun=begun)
    return position


def _other_length(entry: Entry, length: int | None, *, begun: bool) -> IntegrityError:
    found = "fewer" if length is None else str(length)
    kind = IntegrityError if begun else OutdatedError
    return kind(f"length differs: {entry.path!r} should have {entry.size} bytes and has {found}")
