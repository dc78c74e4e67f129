"""One sync: everything the account holds, into the cache, or nothing is dropped.

By the delta stream where the account has one, else by listing. Only what adds up drops nodes; a run that breaks off
leaves the cache as usable as it was, and more up to date, and the next one goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ap_remote import mapping
from ap_remote.api import nodes
from ap_remote.cache import NodeCache
from ap_remote.errors import ProtocolError, RateLimitedError, UnavailableError
from ap_remote.remote.features import SyncReport
from ap_remote.sync.delta import Delta, known_to_lack
from ap_remote.sync.listing import Listing
from ap_remote.sync.lock import SyncLock
from ap_remote.sync.stream import BrokenStreamError, NoStreamError, Stream
from ap_remote.sync.task import Progress, Send, Task

__all__ = ["Progress", "SyncReport", "synchronise"]


async def synchronise(
    send: Send,
    cache: NodeCache,
    *,
    stream: Stream | None = None,
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
        stream: sends a call and gives its answer while it comes, usually
            :meth:`ap_remote.transport.client.Transport.stream`; without it everything is listed.
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
        started = time.monotonic()
        task = Task(send, cache, progress, clock)
        await _run(task, stream)
        if since is not None and task.resumed and not cache.completed_since(since):
            # What was broken off began before that moment: its end is the base of one that does not.
            await _run(task, stream)
        return SyncReport(
            seen=len(task.seen),
            changed=task.changed,
            removed=task.removed,
            requests=task.requests,
            seconds=time.monotonic() - started,
            mode=task.mode,
            resumed=task.resumed,
        )


async def _run(task: Task, stream: Stream | None) -> None:
    root = await task.send(nodes.root())
    if not root.data:
        raise ProtocolError("the service names no root folder")
    task.cache.put_root(mapping.entry(root.data[0], path=""))
    if stream is not None and not known_to_lack(task):
        try:
            await Delta(task, stream).run()
        except (NoStreamError, BrokenStreamError, UnavailableError, RateLimitedError):
            task.resumed = False
            task.seen.clear()
        else:
            return
    await Listing(task).run()
