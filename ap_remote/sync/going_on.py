"""Learning what changed since the last sync, and nothing more: one small request vouches for the whole library."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ap_remote.cache import NodeCache
from ap_remote.cache.state import YES
from ap_remote.errors import BusyStoreError, RateLimitedError, UnavailableError
from ap_remote.sync.delta import Delta
from ap_remote.sync.lock import SyncLock
from ap_remote.sync.stream import FACT, BrokenStreamError, NoStreamError, Stream
from ap_remote.sync.task import Send, Task

LATELY: Final = 3600.0
"""Seconds since the last sync after which too much may have changed to be waited for (own choice)."""


async def go_on(
    send: Send,
    cache: NodeCache,
    stream: Stream,
    *,
    since: float,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Bring the cache up to date by the delta stream alone; return whether it is complete as of *since*.

    Where that would be more than the changes of a short while (no sync before, a reset, another sync at work), or where
    it fails, nothing is lost and the answer is no.

    Args:
        send: sends a call.
        cache: what to bring up to date.
        stream: sends a call and gives its answer while it comes.
        since: the moment as of which everything is to be known.
        clock: seconds since 1970.
    """
    if cache.completed_since(since):
        return True
    if not _can_go_on(cache, clock()):
        return False
    try:
        async with SyncLock(cache.folder):
            await _Onward(Task(send, cache, None, clock), stream).run()
    except (BusyStoreError, NoStreamError, BrokenStreamError, UnavailableError, RateLimitedError):
        return False
    return cache.completed_since(since)


def _can_go_on(cache: NodeCache, now: float) -> bool:
    state = cache.sync_state()
    if state.completed is None or state.checkpoint is None or state.walk is not None:
        return False
    fact = cache.facts().get(FACT)
    return fact is not None and fact.value == YES and 0.0 <= now - state.completed < LATELY


class _Onward(Delta):
    """A sync that does not begin anew."""

    def _begin_anew(self) -> None:
        raise BrokenStreamError("the stream of changes begins anew")
