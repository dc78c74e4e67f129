"""Paths to entries: the node cache where it is fresh, the service where it is not.

A folder's children are served from the cache if the folder was listed, or the account synced, less than *max_age*
seconds ago; else that one folder is listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ap_remote import mapping
from ap_remote.api import nodes, pages
from ap_remote.backends.amazon_nodes import Nodes
from ap_remote.cache import NodeCache, Several, Stale
from ap_remote.errors import (
    AlreadyExistsError,
    AmbiguousError,
    IsFileError,
    NotFoundError,
    OutcomeUnknownError,
)
from ap_remote.model import Entry, Kind, NodeId, Ref, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.transport.client import Transport


class Tree(Nodes):
    """An account's nodes by path; see :class:`Nodes` for what it takes."""

    def __init__(self, transport: Transport, cache: NodeCache, **options: Any) -> None:
        super().__init__(transport, cache, **options)
        self._locks: dict[str, asyncio.Lock] = {}
        self._making: dict[str, asyncio.Lock] = {}

    async def find(self, path: str, *, fresh: bool = False, since: float | None = None) -> Entry | None:
        """Return what is at a normal path outside the views, ``None`` if it is certain that nothing is.

        Args:
            path: where.
            fresh: ask what each folder on the way holds, which settles what a write may have done.
            since: what is known as of then will do.

        Raises:
            AmbiguousError: several are, and the service says so too.
        """
        if since is None:
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
        found = await self.ask(node_id)
        await self.confirm_above([found], self.since())
        return (await self.locate([found]))[0]

    async def many(self, ids: Sequence[str], *, fresh: bool = False) -> dict[str, Entry]:
        """Return by id those nodes that are there, as :meth:`node` returns one."""
        known: dict[str, Entry] = {}
        if not fresh:
            known = {key: each for key, each in self.cache.get_many(ids).items() if self._vouched(each)}
        asked = await self.ask_many(each for each in ids if each not in known)
        told = [each for each in asked.values() if isinstance(each, Entry)]
        if fresh:
            await self.confirm_above(told, self.since())
            told = await self.locate(told)
        return known | {each.id: each for each in told}

    async def resolve(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return what a path outside the views, or an id, names.

        Raises:
            NotFoundError: nothing.
        """
        if isinstance(target, NodeId):
            return await self.node(target.value, fresh=fresh)
        return await self.stat(paths.normalise(target), fresh=fresh)

    def _vouched(self, entry: Entry) -> bool:
        """Whether the cache knows a node lately enough to speak for it."""
        since = self.since()
        if entry.id == self.cache.root:
            return True
        if entry.status is Status.AVAILABLE and entry.parents:
            found = self.cache.find(entry.path, since=since)
            return isinstance(found, Entry) and found.id == entry.id
        return self.cache.written_since(entry.id, since)

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
