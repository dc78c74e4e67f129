"""Albums: nodes without a parent, whose members are listed as their children and stay in their folders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from ap_remote import mapping
from ap_remote.api import nodes, pages
from ap_remote.errors import BatchError, IsFolderError, NotFoundError
from ap_remote.model import Entry, Kind, NodeId, Outcome, Ref, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree

_ALL: Final = "kind:VISUAL_COLLECTION AND status:AVAILABLE"
_BATCH: Final = 200
"""Members in one call; no limit is documented [amazon-photos-api.md 8.4]."""


class Albums:
    """An account's albums and what is in them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._members: dict[str, tuple[float, list[str]]] = {}

    async def all(self) -> list[Entry]:
        """Return the albums by name. One made here moments ago counts even where the listing does not show it yet."""
        tree = self._tree
        rows = [node async for node in pages.iterate(tree.transport.send, partial(nodes.nodes, _ALL))]
        listed = [mapping.entry(node, path="") for node in rows]
        tree.cache.put(listed, replace_equal=True, seen=tree.clock())
        mine = [each for each in tree.cache.recent(tree.since()) if each.kind is Kind.ALBUM]
        known = tree.cache.get_many({each.id for each in (*listed, *mine)})
        found = [each for each in known.values() if each.status is Status.AVAILABLE]
        return sorted(found, key=lambda each: (paths.fold(each.name), each.id))

    async def members(self, album: Entry) -> list[Entry]:
        """Return what is in an album, by name, each at the path it has in its folder."""
        tree = self._tree
        when, ids = self._members.get(album.id, (-1.0, []))
        if when < tree.since():
            began = tree.clock()
            rows = [node async for node in pages.iterate(tree.transport.send, partial(nodes.children, album.id))]
            tree.cache.put([mapping.entry(row, path="") for row in rows], replace_equal=True, seen=began)
            ids = [row.id for row in rows]
            self._members[album.id] = (began, ids)
        known = tree.cache.get_many(ids)
        found = await tree.locate([each for each in known.values() if each.status is Status.AVAILABLE])
        return sorted(found, key=lambda each: (paths.fold(each.name), each.id))

    def forget(self) -> None:
        """Ask for members again when they are needed next."""
        self._members.clear()

    async def create(self, name: str, members: Sequence[Entry], description: str) -> Entry:
        """Make an album."""
        paths.check_name(name)
        node = await self._tree.transport.send(nodes.create_album(name, description))
        entry = await self._tree.written(mapping.entry(node, path=""))
        if members:
            await self.change(entry, "add", members)
        return await self._tree.node(entry.id)

    async def change(self, album: Entry, op: Literal["add", "remove"], members: Sequence[Entry]) -> None:
        """Add members, or take them out.

        Raises:
            BatchError: the service refused some of them.
        """
        self._members.pop(album.id, None)
        refused: dict[str, object] = {}
        for batch in _batches(list(dict.fromkeys(each.id for each in members))):
            answer = await self._tree.transport.send(nodes.change_members(album.id, op, batch))
            refused |= {key: code for key, code in answer.error_map.items() if code}
        self._members.pop(album.id, None)
        if refused:
            rows = [
                Outcome(target=str(NodeId(each.id)), action="trash", id=each.id, error=f"code {refused[each.id]}")
                for each in members
                if each.id in refused
            ]
            raise BatchError(f"the service refused {len(refused)} of {len(members)} members of {album.name!r}", rows)
        await self._tree.ask(album.id, truth=True)

    async def album(self, target: Ref, seen: Entry) -> Entry:
        """Return *seen*, which *target* names, if it is an album.

        Raises:
            NotFoundError: it is something else.
        """
        if seen.kind is not Kind.ALBUM or seen.status is not Status.AVAILABLE:
            raise NotFoundError(f"album {target}")
        return seen


def member(target: Ref, seen: Entry) -> Entry:
    """Return *seen*, which *target* names, if an album can hold it.

    Raises:
        IsFolderError: it is a folder or an album.
        NotFoundError: it is in the trash.
    """
    if seen.is_folder:
        raise IsFolderError(str(target))
    if seen.status is not Status.AVAILABLE:
        raise NotFoundError(str(target))
    return seen


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch
