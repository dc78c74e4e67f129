"""Single nodes of an account, by id: asked for, kept, told where they lie.

What a write answered is in the cache at once, and outranks what the service tells for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote import mapping
from ap_remote.api import nodes, trash
from ap_remote.backends.amazon_asked import Asked
from ap_remote.cache import RECENT, NodeCache
from ap_remote.errors import NotFoundError, ProtocolError, RemoteError
from ap_remote.model import Entry, NodeId, Status
from ap_remote.remote.features import SyncReport
from ap_remote.sync import synchronise

if TYPE_CHECKING:
    from ap_remote.transport.client import Transport

Sleep = Callable[[float], Awaitable[None]]
LOOK_UPS: Final = 8
"""Single nodes asked for at a time."""


class Nodes:
    """An account's nodes, as fresh as was asked for.

    Args:
        transport: sends calls.
        cache: keeps what came.
        max_age: seconds for which the cache may answer alone.
        clock: seconds since 1970.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        transport: Transport,
        cache: NodeCache,
        *,
        max_age: float,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.transport = transport
        self.cache = cache
        self.max_age = max_age
        self.clock = clock
        self.sleep = sleep
        self.asked = Asked(clock)
        self._confirmed: dict[str, float] = {}
        """Folders that were asked for by id to be sure of the paths beneath them, and when."""

    def since(self, *, fresh: bool = False) -> float:
        """Return the moment from which knowledge is good enough."""
        return self.clock() - (0.0 if fresh else self.max_age)

    async def root(self) -> Entry:
        """Return the root folder."""
        known = self.cache.root
        found = None if known is None else self.cache.get(known)
        return found if found is not None else await self._ask_root()

    async def ask(self, node_id: str, *, truth: bool = False) -> Entry:
        """Return a node as the service knows it now.

        Args:
            node_id: which.
            truth: believe the answer even about a node that was written here moments ago.

        Raises:
            NotFoundError: there is none.
        """
        try:
            node = await self.transport.send(nodes.node(node_id))
        except NotFoundError:
            self.cache.remove([node_id])
            raise NotFoundError(str(NodeId(node_id))) from None
        entry = mapping.entry(node, path="")
        if truth:
            return await self.written(entry)
        self.cache.put([entry], replace_equal=True, seen=self.clock())
        return (await self.locate([entry]))[0]

    async def ask_many(self, ids: Iterable[str], *, truth: bool = False) -> dict[str, Entry | RemoteError]:
        """Return nodes as the service knows them now, and for what is unknown the error that says so."""
        gate = asyncio.Semaphore(LOOK_UPS)

        async def one(node_id: str) -> Entry | RemoteError:
            async with gate:
                try:
                    return await self.ask(node_id, truth=truth)
                except NotFoundError as exc:
                    return exc

        wanted = list(dict.fromkeys(ids))
        return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))

    async def ask_nodes(self, ids: Iterable[str]) -> None:
        """Put nodes into the cache as the service knows them; what it does not know is forgotten."""
        gate = asyncio.Semaphore(LOOK_UPS)

        async def one(node_id: str) -> None:
            async with gate:
                try:
                    node = await self.transport.send(nodes.node(node_id))
                except NotFoundError:
                    self.cache.remove([node_id])
                else:
                    self.cache.put([mapping.entry(node, path="")], replace_equal=True, seen=self.clock())

        await asyncio.gather(*map(one, dict.fromkeys(ids)))

    async def locate(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return entries with their paths; parents that the cache does not know are asked for.

        The entries come as the cache has them where it knows a newer version.
        """
        if self.cache.root is None:
            await self._ask_root()
        ids = [entry.id for entry in entries]
        asked: set[str] = set()
        while unknown := self.cache.unknown_parents(ids) - asked - set(ids):
            asked |= unknown
            await self.ask_nodes(unknown)
        known = self.cache.get_many(ids)
        return [known.get(entry.id, msgspec.structs.replace(entry, path=entry.name)) for entry in entries]

    async def confirm_above(self, entries: Sequence[Entry], since: float) -> None:
        """Make sure of the folders above: where somebody else moved one, all beneath it have other paths.

        A folder that is found on its own path, or was asked for here, at *since* or later is not asked for again.
        """
        began = self.clock()
        asked = {each.id for each in entries}
        confirmed: set[str] = set()
        todo = {parent for each in entries for parent in each.parents}
        while todo := {each for each in todo - asked if not self._is_found(each, since)}:
            state = self.cache.sync_state()
            if len(todo) > LOOK_UPS and state.checkpoint is not None and (state.completed or 0.0) < since:
                await self.asked.get("changes", since, partial(self.sync, wait=True, since=since))
                todo = {each for each in todo if not self._is_found(each, since)}
            asked |= todo
            confirmed |= todo
            await self.ask_nodes(todo)
            todo = {parent for each in self.cache.get_many(todo).values() for parent in each.parents}
        if confirmed:
            kept = {key: when for key, when in self._confirmed.items() if when >= began - self.max_age}
            self._confirmed = kept | dict.fromkeys(confirmed, began)

    def _is_found(self, node_id: str, since: float) -> bool:
        # What is above it was asked for along with it.
        if self._confirmed.get(node_id, float("-inf")) >= since:
            return True
        entry = self.cache.get(node_id)
        if entry is None or entry.status is not Status.AVAILABLE:
            return False
        found = self.cache.find(entry.path, since=since)
        return isinstance(found, Entry) and found.id == node_id

    async def sync(
        self,
        *,
        progress: Callable[[int, int | None], None] | None = None,
        wait: bool = False,
        since: float | None = None,
    ) -> SyncReport:
        """Bring the whole cache up to date; see :func:`ap_remote.sync.synchronise`."""
        return await synchronise(
            self.transport.send,
            self.cache,
            stream=self.transport.stream,
            progress=progress,
            wait=wait,
            since=since,
            clock=self.clock,
            sleep=self.sleep,
        )

    def wrote(self, *entries: Entry) -> None:
        """Take the answers of writes for the truth."""
        self.cache.put(entries, written=self.clock())
        self.asked.note(entry.id for entry in entries)

    async def written(self, entry: Entry) -> Entry:
        """Keep the answer of a write, and return it at its path."""
        self.wrote(entry)
        return (await self.locate([entry]))[0]

    def mine(self) -> set[str]:
        """Return the ids of what was written here so lately that what is kept, or the service, may not show it."""
        since = self.clock() - max(self.max_age, RECENT)
        return {*self.asked.noted(since), *self.cache.recent_ids(since)}

    def is_recent(self, entry: Entry) -> bool:
        """Whether an entry was written here moments ago, so that the service may not know it everywhere yet."""
        return self.cache.written_since(entry.id, self.clock() - RECENT)

    async def discard(self, entry: Entry) -> bool:
        """Put what went wrong in the trash; return whether that worked."""
        try:
            await self.transport.send(trash.trash([entry.id]))
        except RemoteError:
            return False
        self.wrote(msgspec.structs.replace(entry, status=Status.TRASHED))
        return True

    async def _ask_root(self) -> Entry:
        page = await self.transport.send(nodes.root())
        if not page.data:
            raise ProtocolError("the service names no root folder")
        entry = mapping.entry(page.data[0], path="")
        self.cache.put_root(entry)
        return entry
