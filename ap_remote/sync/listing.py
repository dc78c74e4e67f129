"""Sync by listing everything: by page tokens where there are any, else by offset, in windows where that has a wall.

Each page, and each window that was walked to its end, is stored with the place where a killed run goes on.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from ap_remote import mapping
from ap_remote.api import nodes, pages
from ap_remote.cache import Walk
from ap_remote.errors import IncompleteListingError, ProtocolError
from ap_remote.sync.task import Task
from ap_remote.sync.windows import ROOM, TICK, Window, halve
from ap_remote.wire._base import moment
from ap_remote.wire.nodes import Node

_WALKS: Final = 2
"""Walks by token in one sync: tokens expire."""
_MENDED: Final = 1000
"""Nodes in a window that is walked again because some of it did not come; wider ones are split first."""


class Listing:
    """One sync by listing."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._walk = Walk(mode="tokens", began=task.clock())

    async def run(self) -> None:
        """Do it.

        Raises:
            IncompleteListingError: the listing does not add up; nothing was dropped.
            TransportError: no usable answer came; nothing was dropped.
        """
        task = self._task
        walk = task.unfinished()
        if walk is not None and walk.mode != "delta":
            task.resumed = True
            task.seen.update(task.cache.seen())
            task.total = walk.total
            self._walk = walk
        else:
            await self._begin()
        if task.mode == "pages":
            await self._all()
        elif self._walk.mode == "tokens":
            task.mode = "tokens"
            await self._by_token()
        else:
            task.mode = "windows"
            await self._by_window()
        await self._verify()
        state = task.cache.sync_state()
        task.removed += task.cache.finish_sync(began=self._walk.began, checkpoint=state.checkpoint)

    async def _begin(self) -> None:
        """See which way the service offers."""
        task = self._task
        first = await task.send(nodes.nodes())
        task.total = first.count
        walk = Walk(mode="tokens", began=self._walk.began, total=first.count)
        if not first.next_token and first.count is not None and first.count > ROOM:
            # Newest last: what comes in meanwhile lies beyond the last window, and the next sync has it.
            whole = await self._whole()
            walk = msgspec.structs.replace(walk, mode="windows", whole=whole, todo=(whole,))
        elif not first.next_token:
            task.mode = "pages"
        self._walk = walk
        task.cache.begin_sync(None if task.mode == "pages" else walk)

    async def _all(self) -> None:
        """Walk a library that offsets reach."""
        async for batch in pages.batches(self._task.send, partial(nodes.nodes, "")):
            self._keep(batch)

    async def _by_token(self) -> None:
        for left in range(_WALKS - 1, -1, -1):
            try:
                call = partial(nodes.nodes, "")
                async for page in pages.walk(self._task.send, call, token=self._walk.token, check=False):
                    self._walk = msgspec.structs.replace(self._walk, token=page.next_token)
                    self._keep(page.data)
            except IncompleteListingError as exc:
                # A token grew old, or leads nowhere: from the beginning again, and what came stays.
                self._walk = msgspec.structs.replace(self._walk, token=None)
                if left:
                    continue
                if isinstance(exc, pages.EndlessError) or self._task.total is None:
                    raise
                # What is missing is known by its number, and fetched without tokens.
            else:
                return

    async def _by_window(self) -> None:
        todo = [Window(*each) for each in self._walk.todo]
        while todo:
            window = todo.pop()
            count = await self._count(window)
            if count > ROOM:
                early, late = halve(window)
                todo += (late, early)
            elif count:
                async for batch in pages.batches(self._task.send, partial(nodes.nodes, window.filters)):
                    self._keep(batch)
            self._walk = msgspec.structs.replace(self._walk, todo=tuple((each.start, each.stop) for each in todo))
        self._keep(())

    def _keep(self, batch: Sequence[Node]) -> None:
        task = self._task
        entries = [mapping.entry(node, path="") for node in batch]
        state = task.cache.sync_state()
        if state.walk is not None:
            state = msgspec.structs.replace(state, walk=self._walk)
        task.changed += task.cache.put_batch(entries, seen=task.clock(), state=state)
        task.seen.update(entry.id for entry in entries)
        if entries:
            task.tell()

    async def _verify(self) -> None:
        """Compare what came with what the service says there is, and fetch what is missing.

        The collection may have shrunk or grown meanwhile, so the smaller of both counts is what must have come.
        """
        task = self._task
        if task.total is None or len(task.seen) >= task.total:
            return
        if not await self._missing():
            return
        await self._mend()
        if missing := await self._missing():
            raise IncompleteListingError(f"the sync broke off: {len(task.seen)} nodes came, {missing} did not")

    async def _missing(self) -> int:
        task = self._task
        within = "" if self._walk.whole is None else Window(*self._walk.whole).filters
        now = (await task.send(nodes.nodes(within, limit=1))).count
        least = (task.total or 0) if now is None else min(task.total or 0, now)
        return max(0, least - len(task.seen))

    async def _mend(self) -> None:
        """Walk again those windows of which the service has more than came, and no others."""
        task = self._task
        came = task.cache.created(task.seen)
        todo = [Window(*(self._walk.whole or await self._whole()))]
        while todo:
            window = todo.pop()
            count = await self._count(window)
            if count <= bisect.bisect_right(came, window.stop) - bisect.bisect_left(came, window.start):
                continue
            if count > _MENDED and window.stop - window.start >= TICK:
                todo += halve(window)
                continue
            # With an offset no token comes: what tokens could not list, offsets may.
            async for batch in pages.batches(task.send, partial(nodes.nodes, window.filters, offset=0)):
                self._keep(batch)

    async def _count(self, window: Window) -> int:
        count = (await self._task.send(nodes.nodes(window.filters, limit=1))).count
        if count is None:
            raise ProtocolError("the service does not say how many nodes a listing has")
        return count

    async def _whole(self) -> tuple[datetime, datetime]:
        """Return when the first and the last node were created."""
        return await self._edge("createdDate ASC"), await self._edge("createdDate DESC")

    async def _edge(self, sort: str) -> datetime:
        page = await self._task.send(nodes.nodes(sort=sort, limit=1, offset=0))
        found = moment(page.data[0].created_date) if page.data else None
        if found is None:
            raise ProtocolError("the service does not say when a node was created")
        return found
