"""One sync: everything the account holds, into the cache, or nothing is dropped.

Records are written page by page under the run's generation. Only when the listing adds up are nodes of older
generations dropped; a run that breaks off leaves the cache as usable as it was, and more up to date.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from ap_remote import mapping
from ap_remote.api import nodes, pages
from ap_remote.cache import NodeCache
from ap_remote.errors import IncompleteListingError, ProtocolError
from ap_remote.model import Status
from ap_remote.remote.features import SyncReport
from ap_remote.sync.lock import SyncLock
from ap_remote.sync.windows import ROOM, Window, halve
from ap_remote.transport.call import Call
from ap_remote.wire._base import moment
from ap_remote.wire.nodes import Node

__all__ = ["Progress", "SyncReport", "synchronise"]

T = TypeVar("T")
Progress = Callable[[int, int | None], None]
"""Gets the nodes so far and, where known, the total."""


class Send(Protocol):
    """What sends a call."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]:
        """Return the answer."""
        ...


async def synchronise(
    send: Send,
    cache: NodeCache,
    *,
    progress: Progress | None = None,
    wait: bool = False,
    since: float | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> SyncReport:
    """Bring the cache up to date.

    Args:
        send: sends a call, usually :meth:`ap_remote.transport.client.Transport.send`.
        cache: what to bring up to date.
        progress: told after every page.
        wait: wait for a sync of another process to end, instead of raising.
        since: do nothing if, once the lock is held, a sync that began at this moment or later has ended.
        clock: seconds since 1970.
        sleep: waits a number of seconds.

    Raises:
        BusyStoreError: another sync of this account runs.
        IncompleteListingError: the listing does not add up; nothing was dropped.
        TransportError: no usable answer came; nothing was dropped.
    """
    async with SyncLock(cache.folder, wait=wait, sleep=sleep):
        if since is not None and cache.completed_since(since):
            return SyncReport(seen=0, changed=0, removed=0, requests=0, seconds=0.0)
        return await _Run(send, cache, progress, clock).run()


class _Run:
    """The state of one sync."""

    def __init__(self, send: Send, cache: NodeCache, progress: Progress | None, clock: Callable[[], float]) -> None:
        self._inner = send
        self._cache = cache
        self._progress = progress
        self._clock = clock
        self._requests = 0
        self._changed = 0
        self._seen: set[str] = set()
        self._total: int | None = None

    async def _send(self, call: Call[T], /) -> T:
        self._requests += 1
        return await self._inner(call)

    async def run(self) -> SyncReport:
        """Do it."""
        began, started = self._clock(), time.monotonic()
        root = await self._send(nodes.root())
        if not root.data:
            raise ProtocolError("the service names no root folder")
        self._cache.put_root(mapping.entry(root.data[0], path=""))
        self._cache.begin_sync()
        async for batch in self._batches():
            self._keep(batch)
        await self._verify()
        removed = self._cache.finish_sync(began=began)
        return SyncReport(
            seen=len(self._seen),
            changed=self._changed,
            removed=removed,
            requests=self._requests,
            seconds=time.monotonic() - started,
        )

    def _keep(self, batch: Sequence[Node]) -> None:
        entries = [mapping.entry(node, path="") for node in batch]
        self._changed += self._cache.put(
            (entry for entry in entries if entry.status is not Status.TRASHED), replace_equal=True, seen=self._clock()
        )
        self._seen.update(entry.id for entry in entries)
        if self._progress is not None:
            self._progress(len(self._seen), self._total)

    async def _batches(self) -> AsyncIterator[Sequence[Node]]:
        """Yield everything, by the cheapest way that the service offers."""
        first = await self._send(nodes.nodes())
        self._total = first.count
        if first.next_token or first.count is None or first.count <= ROOM:
            async for batch in pages.batches(self._send, partial(nodes.nodes, "")):
                yield batch
            return
        # Newest last: what comes in meanwhile lies beyond the last window, and the next sync has it.
        windows = [Window(await self._edge("createdDate ASC"), await self._edge("createdDate DESC"))]
        while windows:
            window = windows.pop()
            count = (await self._send(nodes.nodes(window.filters, limit=1))).count
            if count is None:
                raise ProtocolError("the service does not say how many nodes a listing has")
            if count > ROOM:
                early, late = halve(window)
                windows += (late, early)
            elif count:
                async for batch in pages.batches(self._send, partial(nodes.nodes, window.filters)):
                    yield batch

    async def _edge(self, sort: str) -> datetime:
        """Return when the first or the last node was created."""
        page = await self._send(nodes.nodes(sort=sort, limit=1, offset=0))
        found = moment(page.data[0].created_date) if page.data else None
        if found is None:
            raise ProtocolError("the service does not say when a node was created")
        return found

    async def _verify(self) -> None:
        """Compare what came with what the service says there is.

        The collection may have shrunk or grown meanwhile, so the smaller of both counts is what must have come.
        """
        if self._total is None or len(self._seen) >= self._total:
            return
        now = (await self._send(nodes.nodes(limit=1))).count
        least = self._total if now is None else min(self._total, now)
        if len(self._seen) < least:
            raise IncompleteListingError(f"the sync broke off: {len(self._seen)} of {least} nodes came")
