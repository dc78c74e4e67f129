"""How many requests an account makes per second, and how many at once.

Amazon publishes no figures. People settled on five to ten connections; more brings 503 [amazon-photos-api.md 12].
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

from aiolimiter import AsyncLimiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Pacer:
    """One per account.

    Args:
        rate: requests per second, averaged; as many may come in a burst. ``None`` sets no limit.
        concurrency: requests that wait for their answer at one time. ``None`` sets no limit.
    """

    def __init__(self, *, rate: float | None = 10.0, concurrency: int | None = 6) -> None:
        self._limiter = None if rate is None else AsyncLimiter(rate, 1.0)
        self._gate = None if concurrency is None else asyncio.Semaphore(concurrency)

    @classmethod
    def unlimited(cls) -> Self:
        """Return a pacer that never waits, for a service of one's own."""
        return cls(rate=None, concurrency=None)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a place for one request."""
        async with AsyncExitStack() as stack:
            # The gate first: what waits for its turn must not use up the rate of those that are in.
            if self._gate is not None:
                await stack.enter_async_context(self._gate)
            if self._limiter is not None:
                await stack.enter_async_context(self._limiter)
            yield
