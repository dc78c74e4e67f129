"""How many requests an account makes per second, and how many at once.

Amazon publishes no figures. People settled on five to ten connections; more brings 503 [amazon-photos-api.md 12].
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, Self

from aiolimiter import AsyncLimiter

from ap_remote.errors import RateLimitedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

RATE: Final = 10.0
"""Requests per second that Amazon is asked, unless the account's settings say otherwise (own choice)."""
CONCURRENCY: Final = 6
"""Requests that wait for Amazon's answer at one time, unless the account's settings say otherwise (own choice)."""
PATIENCE: Final = 120.0
"""Seconds; a longer pause that the service asked for is not waited for, it is an error."""


class Pacing(Protocol):
    """What lets the requests of one account through."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Hold a place for one request.

        Raises:
            RateLimitedError: the service asked for a pause that is longer than :data:`PATIENCE`.
        """
        ...

    def slow_down(self, seconds: float) -> None:
        """Let nothing more through for that long; a shorter pause never ends a longer one."""
        ...


class Pacer:
    """The pacing of one account on one event loop.

    Args:
        rate: requests per second, averaged; as many may come in a burst. ``None`` sets no limit.
        concurrency: requests that wait for their answer at one time. ``None`` sets no limit.
        clock: seconds, of any beginning.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        *,
        rate: float | None = RATE,
        concurrency: int | None = CONCURRENCY,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # A bucket has to hold one request at least, so a slow one is filled over more than a second.
        self._limiter = None if rate is None else AsyncLimiter(max(rate, 1.0), max(1.0, 1.0 / rate))
        self._gate = None if concurrency is None else asyncio.Semaphore(concurrency)
        self._clock = clock
        self._sleep = sleep
        self._until = -float("inf")

    @classmethod
    def unlimited(cls) -> Self:
        """Return a pacer that never waits, for a service of one's own."""
        return cls(rate=None, concurrency=None)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a place for one request.

        Raises:
            RateLimitedError: the service asked for a pause that is longer than :data:`PATIENCE`.
        """
        async with AsyncExitStack() as stack:
            # The gate first: what waits for its turn must not use up the rate of those that are in.
            if self._gate is not None:
                await stack.enter_async_context(self._gate)
            while (left := self._until - self._clock()) > 0:
                if left > PATIENCE:
                    raise too_long(left)
                await self._sleep(left)
            if self._limiter is not None:
                await stack.enter_async_context(self._limiter)
            yield

    def slow_down(self, seconds: float) -> None:
        """Let nothing more through for that long; a pacer without limits has no brakes either."""
        if self._gate is not None or self._limiter is not None:
            self._until = max(self._until, self._clock() + seconds)


def too_long(left: float) -> RateLimitedError:
    """Return the error of a request that is not sent because the service wants to be left alone for *left* seconds."""
    return RateLimitedError(f"the service asked for fewer requests: nothing is sent for another {left:.0f} seconds")
