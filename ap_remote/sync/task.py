"""What every way of syncing shares: sending, counting, telling the progress."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from ap_remote.cache import NodeCache, Walk
from ap_remote.transport.call import Call

T = TypeVar("T")
Progress = Callable[[int, int | None], None]
"""Gets the nodes so far and, where known, the total."""

RESUMABLE: Final = 6 * 3600.0
"""Seconds after which a run that was broken off is begun anew: what it saw is too old by then (own choice)."""


class Send(Protocol):
    """What sends a call."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]:
        """Return the answer."""
        ...


class Task:
    """One sync: what it speaks to, and what came of it so far."""

    def __init__(self, send: Send, cache: NodeCache, progress: Progress | None, clock: Callable[[], float]) -> None:
        self._inner = send
        self.cache = cache
        self.clock = clock
        self._progress = progress
        self.requests = 0
        self.changed = 0
        self.removed = 0
        self.seen: set[str] = set()
        self.total: int | None = None
        self.mode = ""
        self.resumed = False

    async def send(self, call: Call[T], /) -> T:
        """Send a call and count it."""
        self.requests += 1
        return await self._inner(call)

    def tell(self) -> None:
        """Tell how far the run has come."""
        if self._progress is not None:
            self._progress(len(self.seen), self.total)

    def unfinished(self) -> Walk | None:
        """Return the run that was broken off, unless it is too old to go on with."""
        walk = self.cache.sync_state().walk
        return walk if walk is not None and 0.0 <= self.clock() - walk.began < RESUMABLE else None
