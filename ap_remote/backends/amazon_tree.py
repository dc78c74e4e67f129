"""Paths and ids to entries: the node cache where it is fresh, the service where it is not.

A folder's children are served from the cache if the folder was listed, or the account synced, less than *max_age*
seconds ago; else that one folder is listed. What a write answered is in the cache at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote import mapping
from ap_remote.api import nodes, pages, trash
from ap_remote.backends.amazon_asked import Asked
from ap_remote.cache import RECENT, NodeCache, Several, Stale
from ap_remote.errors import (
    AlreadyExistsError,
    AmbiguousError,
    IsFileError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    RemoteError,
)
from ap_remote.model import Entry, Kind, NodeId, Ref, Status
from ap_remote.remote import paths
from ap_remote.remote.features import SyncReport
from ap_remote.sync import synchronise

if TYPE_CHECKING:
    from ap_remote.transport.client import Transport

Sleep = Callable[[float], Awaitable[None]]
_LOOK_UPS: Final = 8
"""Single nodes asked for at a time."""


class Tree:
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
        self._locks: dict[str, asyncio.Lock] = {}
        self._making: dict[str, asyncio.Lock] = {}

    def since(self, *, fresh: bool = False) -> float:
        """Return the moment from which knowledge is good enough."""
        return self.clock() - (0.0 if fresh else self.max_age)

    # -- finding -------------------------------------------------------------------------------------------------------

    async def root(self) -> Entry:
        """Return the root folder."""
        known = self.cache.root
        found = None if known is None else self.cache.get(known)
        return found if found is not None else await self._ask_root()

    async def find(self, path: str, *, fresh: bool = False) -> Entry | None:
        """Return what is at a normal path outside the views, ``None`` if it is certain that nothing is.

        Raises:
            AmbiguousError: several are, and the service says so too.
        """
        since = self.since(fresh=fresh)
        asked: set[str] = set()
        while True:
            found = self.cache.find(path, since=since)
            if isinstance(found, Several) and found.folder is not None:
                if found.folder in asked:
                    raise AmbiguousError(path, found.ids)
                asked.add(found.folder)
                await self.list_folder(found.folder, since=self.clock())
                continue
            if not isinstance(found, Stale):
                return found
            if found.folder is None:
                await self._ask_root()
            elif found.folder in asked:
                # The clock was set back, or somebody else expires what we list: take what was just listed.
                return self.cache.stat(path)
            else:
                asked.add(found.folder)
                await self.list_folder(found.folder, since=since)

    async def stat(self, path: str, *, fresh: bool = False) -> Entry:
        """Return what is at a path.

        Raises:
            NotFoundError: nothing is.
        """
        found = await self.find(path, fresh=fresh)
        if found is None:
            raise NotFoundError(path)
        return found

    async def node(self, node_id: str, *, fresh: bool = False) -> Entry:
        """Return a node by its id, trashed ones too, with its path.

        Raises:
            NotFoundError: there is none.
        """
        if not fresh:
            known = self.cache.get(node_id)
            if known is not None and self._vouched(known):
                return known
        return await self.ask(node_id)

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
        gate = asyncio.Semaphore(_LOOK_UPS)

        async def one(node_id: str) -> Entry | RemoteError:
            async with gate:
                try:
                    return await self.ask(node_id, truth=truth)
                except NotFoundError as exc:
                    return exc

        wanted = list(dict.fromkeys(ids))
        return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))

    async def resolve(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return what a path outside the views, or an id, names.

        Raises:
            NotFoundError: nothing.
        """
        if isinstance(target, NodeId):
            return await self.node(target.value, fresh=fresh)
        return await self.stat(paths.normalise(target), fresh=fresh)

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

    async def ask_nodes(self, ids: Iterable[str]) -> None:
        """Put nodes into the cache as the service knows them; what it does not know is forgotten."""
        gate = asyncio.Semaphore(_LOOK_UPS)

        async def one(node_id: str) -> None:
            async with gate:
                try:
                    node = await self.transport.send(nodes.node(node_id))
                except NotFoundError:
                    self.cache.remove([node_id])
                else:
                    self.cache.put([mapping.entry(node, path="")], replace_equal=True, seen=self.clock())

        await asyncio.gather(*map(one, dict.fromkeys(ids)))

    def _vouched(self, entry: Entry) -> bool:
        """Whether the cache knows a node lately enough to speak for it."""
        since = self.since()
        if entry.id == self.cache.root:
            return True
        if entry.status is Status.AVAILABLE and entry.parents:
            found = self.cache.find(entry.path, since=since)
            return isinstance(found, Entry) and found.id == entry.id
        return self.cache.written_since(entry.id, since)

    # -- listing -------------------------------------------------------------------------------------------------------

    async def children(self, folder: Entry, *, fresh: bool = False) -> list[Entry]:
        """Return what lies directly under a folder, by folded name."""
        since = self.since(fresh=fresh)
        if not self.cache.listed_since(folder.id, since):
            await self.list_folder(folder.id, since=since)
            if self.cache.get(folder.id) is None:
                raise NotFoundError(folder.path)  # the service says that it is gone, which is not the same as empty
        return self.cache.children(folder.id, folder.path)

    async def below(self, folder: Entry, *, fresh: bool = False) -> AsyncIterator[Entry]:
        """Yield all under a folder, parents first. If the cache is old, one sync brings it up to date."""
        since = self.since(fresh=fresh)
        if self.cache.stale_below(folder.id, since) is not None:
            await self.sync(wait=True, since=since)
            while (stale := self.cache.stale_below(folder.id, since)) is not None:
                await self.list_folder(stale, since=since)
        todo = [(folder.id, iter(self.cache.children(folder.id, folder.path)))]
        while todo:
            entry = next(todo[-1][1], None)
            if entry is None:
                todo.pop()
                continue
            yield entry
            # A folder may have several parents; one that lies within itself is not entered again.
            if entry.kind is Kind.FOLDER and all(entry.id != above for above, _ in todo):
                todo.append((entry.id, iter(self.cache.children(entry.id, entry.path))))

    async def list_folder(self, folder: str, *, since: float) -> None:
        """Ask the service what is in a folder, unless somebody else just did.

        What the listing shows although it has left is dropped [amazon-photos-api.md 11].

        Raises:
            IncompleteListingError: the listing broke off; the cache stays as it was.
        """
        lock = self._locks.setdefault(folder, asyncio.Lock())
        async with lock:
            if self.cache.listed_since(folder, since):
                return
            began = max(self.clock(), since)
            try:
                rows = [each async for each in pages.iterate(self.transport.send, partial(nodes.children, folder))]
            except NotFoundError:
                self.cache.remove([folder])
                return
            finally:
                self._locks.pop(folder, None)
            entries = [mapping.entry(row, path="") for row in rows]
            inside = [each for each in entries if folder in each.parents and each.status is Status.AVAILABLE]
            self.cache.put_children(folder, inside, began)

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

    # -- writing -------------------------------------------------------------------------------------------------------

    def wrote(self, *entries: Entry) -> None:
        """Take the answers of writes for the truth."""
        self.cache.put(entries, written=self.clock())
        self.asked.note(entry.id for entry in entries)

    def mine(self) -> set[str]:
        """Return the ids of what was written here so lately that what is kept, or the service, may not show it."""
        since = self.clock() - max(self.max_age, RECENT)
        return {*self.asked.noted(since), *self.cache.recent_ids(since)}

    def is_recent(self, entry: Entry) -> bool:
        """Whether an entry was written here moments ago, so that the service may not know it everywhere yet."""
        return self.cache.written_since(entry.id, self.clock() - RECENT)

    async def written(self, entry: Entry) -> Entry:
        """Keep the answer of a write, and return it at its path."""
        self.wrote(entry)
        return (await self.locate([entry]))[0]

    async def folder(self, path: str, *, make: bool = True) -> Entry:
        """Return the folder at a path; with *make*, missing ones are made.

        Raises:
            NotFoundError: it is missing and not to be made.
            IsFileError: a file is at *path* or above it.
        """
        found = await self.find(path)
        if found is None and not path:
            raise NotFoundError(path)
        if found is None:
            parent_path, name = paths.split(path)
            parent = await self.folder(parent_path, make=make)
            if not make:
                raise NotFoundError(path)
            # Files that are put side by side want the same folder: one of them makes it, the others find it made.
            async with self._making.setdefault(path, asyncio.Lock()):
                try:
                    found = await self.find(path) or await self._make_folder(parent, name)
                finally:
                    self._making.pop(path, None)
        if found.kind is not Kind.FOLDER:
            raise IsFileError(found.path)
        return found

    async def _make_folder(self, parent: Entry, name: str) -> Entry:
        path = paths.join(parent.path, name)
        try:
            node = await self.transport.send(nodes.create_folder(name, parent.id))
        except AlreadyExistsError as exc:
            # Somebody else was quicker, or the cache was old: theirs will do.
            return await self.taken_by(path, exc)
        except OutcomeUnknownError:
            found = await self.find(path, fresh=True)
            if found is None:
                raise
            return found
        entry = mapping.entry(node, path=path)
        self.cache.put_folder_made(entry, self.clock())
        return entry

    async def taken_by(self, path: str, error: AlreadyExistsError) -> Entry:
        """Return what holds a name that the service says is taken.

        Raises:
            AlreadyExistsError: it cannot be told.
        """
        parent, _ = paths.split(path)
        above = self.cache.resolve(parent)
        if above is not None:
            self.cache.expire(above)
        if error.node_id is not None:
            try:
                entry = await self.ask(error.node_id)
            except NotFoundError:
                raise AlreadyExistsError(path, error.node_id) from error
            if entry.status is Status.TRASHED:
                raise AlreadyExistsError(path, error.node_id) from error
            return entry
        found = await self.find(path, fresh=True)
        if found is None:
            raise AlreadyExistsError(path) from error
        return found

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
