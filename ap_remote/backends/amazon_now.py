"""What is at a path now, for fewer requests than a listing of every folder on the way.

Where the account tells what changed since the last sync, that is one request, and "nothing is there" is as certain as
the opposite. Else the nodes that the cache has on the way are asked for, side by side: if each of them still is where
it was, so is the last. Only a listing can say that nothing is there then, because that a filter by name finds all is
promised nowhere [amazon-photos-api.md 7.1].
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from ap_remote import mapping
from ap_remote.api import nodes
from ap_remote.backends.amazon_tree import Tree
from ap_remote.errors import NotFoundError
from ap_remote.model import Entry
from ap_remote.sync import go_on

_LOOK_UPS: Final = 8
"""Single nodes asked for at a time."""


class Now:
    """Looks at single paths.

    Args:
        tree: the account's nodes.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._going_on = asyncio.Lock()

    async def stat(self, path: str) -> Entry:
        """Return what is at a normal path outside the views.

        Raises:
            NotFoundError: it is certain that nothing is.
            AmbiguousError: several are.
        """
        tree = self._tree
        since = tree.since(fresh=True)
        if not await self.went_on(since):
            found = await self._confirmed(path)
            if found is not None:
                return found
        found = await tree.find(path, since=since)
        if found is None:
            raise NotFoundError(path)
        return found

    async def went_on(self, since: float) -> bool:
        """Return whether the node cache holds everything as of *since*, if need be by asking what changed."""
        tree = self._tree
        # Those that wait here meanwhile are content with what the next of them learns.
        async with self._going_on:
            transport = tree.transport
            return await go_on(transport.send, tree.cache, transport.stream, since=since, clock=tree.clock)

    async def _confirmed(self, path: str) -> Entry | None:
        """Return what the cache has at a path, if the service says so of every node on the way."""
        cache = self._tree.cache
        way = cache.way(path)
        if not way:
            return None
        gate = asyncio.Semaphore(_LOOK_UPS)

        async def ask(known: Entry) -> Entry | None:
            async with gate:
                try:
                    node = await self._tree.transport.send(nodes.node(known.id))
                except NotFoundError:
                    return None
                return mapping.entry(node, path="")

        asked = await asyncio.gather(*map(ask, way))
        told = [each for each in asked if each is not None]
        if len(told) < len(way):
            return None
        changed = [new for new, old in zip(told, way, strict=True) if new != msgspec.structs.replace(old, path="")]
        if changed:
            cache.put(changed, replace_equal=True, seen=self._tree.clock())
        # The cache knows what was written here moments ago better than an answer that lags behind.
        still = cache.way(path)
        return still[-1] if still and [each.id for each in still] == [each.id for each in way] else None
