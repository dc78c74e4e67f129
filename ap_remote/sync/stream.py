"""The delta stream, read to its end over however many answers it takes.

A stream that is cut off is asked for again from the last checkpoint; one that the service does not offer is told apart
from one that cannot be had at the moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Any, Final

import msgspec

from ap_remote.api import changes as api
from ap_remote.cache.state import NO, YES
from ap_remote.errors import (
    AccessDeniedError,
    IncompleteListingError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.transport.answer import Download
from ap_remote.transport.call import Call
from ap_remote.wire.changes import ChangeLine

Stream = Callable[[Call[Any]], AbstractAsyncContextManager[Download]]
"""What sends a call and gives its answer while it comes."""

FACT: Final = "changes"
"""Under this name the cache remembers whether the account has the stream."""
_REFUSALS: Final = (AccessDeniedError, NotFoundError, ProtocolError, UnsupportedError, msgspec.DecodeError)
"""What an account answers that has no stream: 403, 404, 400 or no JSON, 405 and 501."""
_STREAMS: Final = 20
"""Answers in one run: each may be cut off."""
_BARREN: Final = 3
"""Answers in a row that may bring nothing new."""
_LAST: Final = 1.0
"""Seconds that an answer may take to close behind its last line."""


class NoStreamError(UnsupportedError):
    """The account has no delta stream."""


class BrokenStreamError(IncompleteListingError):
    """The stream is cut off again and again; what it told until then is good."""


class Follower:
    """Follows the stream from a checkpoint on.

    Args:
        stream: sends a call and gives its answer while it comes.
        checkpoint: where to go on; ``None`` asks for everything.
        learn: told ``yes`` or ``no``, whether the account has the stream, as soon as that is known.

    Attributes:
        checkpoint: where the next stream goes on, behind the line that was yielded last.
        requests: how many answers it took so far.
        unfit: whether the last line said that its nodes cannot be had.
    """

    def __init__(self, stream: Stream, checkpoint: str | None, *, learn: Callable[[str], None]) -> None:
        self._stream = stream
        self._learn = learn
        self.checkpoint = checkpoint
        self.requests = 0
        self.unfit = False

    async def lines(self) -> AsyncGenerator[ChangeLine]:
        """Yield the lines up to the one that says ``end``; the first of everything says ``reset``.

        Raises:
            NoStreamError: the account has none.
            BrokenStreamError: no end comes.
            UnavailableError: it cannot be had at the moment.
        """
        barren = 0
        while barren < _BARREN and self.requests < _STREAMS:
            before = self.checkpoint
            async with aclosing(self._answer()) as lines:
                async for line in lines:
                    yield line
                    if line.end:
                        await _run_out(lines)
                        return
            barren = 0 if self.checkpoint != before else barren + 1
        raise BrokenStreamError("the stream of changes is cut off again and again")

    async def _answer(self) -> AsyncGenerator[ChangeLine]:
        self.requests += 1
        first = True
        try:
            async with aclosing(self._read()) as lines:
                async for line in lines:
                    told = line
                    if first:
                        self._learn(YES)
                        if self.checkpoint is None:
                            told = msgspec.structs.replace(line, reset=True)
                    first = False
                    self.unfit = not line.good
                    if self.unfit:
                        return
                    self.checkpoint = line.checkpoint or self.checkpoint
                    yield told
        except _REFUSALS as exc:
            if first:
                self._refused(exc)
        except UnavailableError:
            if first:
                raise

    async def _read(self) -> AsyncGenerator[ChangeLine]:
        """Yield the lines of one answer, if it is such a stream at all."""
        async with self._stream(api.changes(self.checkpoint)) as answer:
            if "html" in (answer.content_type or ""):
                raise ProtocolError("the service sent a page where changes were due")
            async with aclosing(api.lines(answer.aiter())) as lines:
                first = True
                async for line in lines:
                    if first and not line.says_something:
                        raise ProtocolError("the service sent something else where changes were due")
                    first = False
                    yield line

    def _refused(self, cause: Exception) -> None:
        """Deal with a service that has no such stream, or does not take the checkpoint."""
        if self.checkpoint is None:
            self._learn(NO)
            raise NoStreamError("the account has no stream of changes") from cause
        # An old checkpoint may be refused instead of reset: everything anew, once.
        self.checkpoint = None


async def _run_out(lines: AsyncGenerator[ChangeLine]) -> None:
    """Read an answer to its very end, or else its connection could not be used again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST):
            async for _ in lines:
                pass
