"""Bytes of a file, in order and checked: by one of three ways, resumed where a connection broke.

The redirect is the way of the site. A temporary link serves what is too large for it, and what it refuses; the content
host itself is the last. Whether a range of bytes is understood at the end of a way is in no source (uncertain): the
first request for one tells, and the answer is remembered for the account. Where it is not, all comes and the rest is
cut away.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.api import content
from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import (
    AccessDeniedError,
    IntegrityError,
    ProtocolError,
    QuotaExceededError,
    RemoteError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import ByteRange, Entry
from ap_remote.transport.call import Address

if TYPE_CHECKING:
    from ap_remote.backends.amazon_facts import Facts
    from ap_remote.model import Ref
    from ap_remote.transport.answer import Download
    from ap_remote.transport.call import Call
    from ap_remote.transport.client import Transport

Way = Literal["redirect", "link", "direct"]
WAYS: Final[tuple[Way, ...]] = ("redirect", "link", "direct")
"""In the order in which they are tried."""
LARGE: Final = 9 * 2**30
"""Bytes from which the temporary link is tried first [amazon-photos-api.md 10]."""
RESUMES: Final = 5
"""Times in a row that a broken answer is resumed without a single byte having come."""
_PART: Final = 206
_WHOLE: Final = 200
_BEYOND: Final = 416
_REFUSALS: Final = (AccessDeniedError, UnsupportedError, QuotaExceededError, ProtocolError)
"""After these another way may do. An expired session or an unknown file is the same on all."""


class OutdatedError(IntegrityError):
    """The service has another length than the entry says; nothing was handed out yet."""


class Downloads(Ability):
    """Renditions: pictures at a size that fits a screen."""

    async def rendition(self, target: Ref, *, width: int, height: int) -> bytes:
        """Return a picture, or a still of a film, that fits into *width* by *height* pixels.

        Unlike a thumbnail it is what the site shows when one picture is opened.

        Raises:
            UnsupportedError: the entry is no picture and no film, or the service can make none of it.
        """
        entry = await self._seen(target)
        if not (entry.is_photo or entry.is_video):
            raise UnsupportedError(f"no rendition can be made: {entry.path!r} is no picture and no film")
        transport = self._tree.transport
        try:
            return await transport.send(content.content(entry.id, entry.owner_id, view_box=(width, height)))
        except _REFUSALS as exc:
            node = await transport.send(content.temporary_link(entry.id))
            if node.temp_link is None:
                raise UnsupportedError(f"the service has no rendition of {entry.path!r}") from exc
        try:
            link = Address(node.temp_link)
            return await transport.send(content.linked(entry.id, link, view_box=(width, height)))
        except _REFUSALS as exc:
            raise UnsupportedError(f"the service has no rendition of {entry.path!r}") from exc


async def pieces(
    transport: Transport,
    entry: Entry,
    span: ByteRange,
    *,
    facts: Facts | None = None,
    ways: Sequence[Way] = WAYS,
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of *span*, cut to the file's length.

    Args:
        transport: sends calls.
        entry: the file.
        span: which bytes.
        facts: what is known of the account; what is learned goes there.
        ways: which may be taken.

    Raises:
        OutdatedError: before the first piece, if the file is not as long as *entry* says.
        IntegrityError: after the last piece, if length or md5 differ; md5 is compared for whole files.
        UnavailableError: the connection broke too often.
    """
    start = min(span.start, entry.size)
    stop = entry.size if span.stop is None else min(span.stop, entry.size)
    whole = start == 0 and stop == entry.size
    digest = hashlib.md5(usedforsecurity=False)
    reader = _Reader(transport, entry, facts, ways)
    try:
        async with aclosing(reader.read(start, stop)) as resumed:
            async for piece in resumed:
                if whole:
                    digest.update(piece)
                yield piece
    except RemoteError:
        reader.doubt()
        raise
    if whole and entry.md5 is not None and digest.hexdigest() != entry.md5:
        reader.doubt()
        raise IntegrityError(f"md5 differs: {entry.path!r} should have {entry.md5} and has {digest.hexdigest()}")


class _Reader:
    """One read of one file."""

    def __init__(self, transport: Transport, entry: Entry, facts: Facts | None, ways: Sequence[Way]) -> None:
        self._transport = transport
        self._entry = entry
        self._facts = facts
        self._leads = f"{entry.id} {entry.version}"
        refused = [way for way in ways if facts is not None and facts.offers(f"download by {way}") is False]
        # A way that was refused before is left for the end: services change, and it may be the only one.
        self._ways = [*(way for way in ways if way not in refused), *refused]
        if entry.size >= LARGE and "link" in ways and "link" not in refused:
            self._ways.remove("link")
            self._ways.insert(0, "link")

    def doubt(self) -> None:
        """Let the redirect be asked for anew: what came from where it led was not good."""
        self._transport.forget(self._leads)

    async def read(self, position: int, stop: int) -> AsyncGenerator[bytes, None]:
        entry = self._entry
        first = position
        tries = 0
        while position < stop:
            async with AsyncExitStack() as stack:
                answer = await self._open(stack, position, stop)
                skip = _checked(answer, entry, position, begun=position > first)
                # Its end is waited for where it ends with what is wanted: its connection can be used again then.
                ends = answer.length is not None and answer.length == skip + stop - position
                try:
                    async for piece in answer.aiter():
                        kept = piece[skip : skip + stop - position]
                        skip = max(0, skip - len(piece))
                        if kept:
                            position += len(kept)
                            tries = 0
                            yield kept
                        if position >= stop and not ends:
                            return
                except UnavailableError:
                    self.doubt()
                    tries += 1
                    if tries > RESUMES:
                        raise
                    continue
            if position < stop:
                raise IntegrityError(f"{entry.path!r} ended after {position} of {entry.size} bytes")

    async def _open(self, stack: AsyncExitStack, position: int, stop: int) -> Download:
        """Return an answer that is good, by the first way that is not refused; it stays the way from now on."""
        refusal: Exception | None = None
        while self._ways:
            way = self._ways[0]
            ranged = (position > 0 or stop < self._entry.size) and self._offers(f"ranges by {way}") is not False
            headers = {"range": f"bytes={position}-{stop - 1}"} if ranged else {}
            try:
                call = await self._call(way)
                answer = await stack.enter_async_context(self._transport.stream(call, headers=headers))
            except _REFUSALS as exc:
                if isinstance(exc, UnsupportedError):
                    self._learn(f"download by {way}", offered=False)
                refusal = refusal or exc
                self._ways.pop(0)
                continue
            if ranged and answer.status in (_PART, _WHOLE):
                self._learn(f"ranges by {way}", offered=answer.status == _PART)
            return answer
        raise refusal or UnsupportedError(f"no way is left to {self._entry.path!r}")

    async def _call(self, way: Way) -> Call[bytes]:
        entry = self._entry
        if way == "redirect":
            return msgspec.structs.replace(content.content(entry.id, entry.owner_id), leads=self._leads)
        if way == "direct":
            return content.content_direct(entry.id)
        # Each time anew: a link does not live long, and what is resumed may be old.
        node = await self._transport.send(content.temporary_link(entry.id))
        if node.temp_link is None:
            raise UnsupportedError(f"the service makes no temporary link to {entry.path!r}")
        return content.linked(entry.id, Address(node.temp_link))

    def _offers(self, what: str) -> bool | None:
        return None if self._facts is None else self._facts.offers(what)

    def _learn(self, what: str, *, offered: bool) -> None:
        if self._facts is not None:
            self._facts.learn(what, offered=offered)


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
