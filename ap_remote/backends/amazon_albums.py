"""Albums: nodes without a parent, whose members are listed as their children and stay in their folders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from ap_remote import mapping
from ap_remote.api import nodes, pages
from ap_remote.cache import RECENT
from ap_remote.errors import BatchError, IsFolderError, NotFoundError
from ap_remote.model import Entry, Kind, NodeId, Outcome, Ref, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.wire.nodes import NodePage

_ALL: Final = "kind:VISUAL_COLLECTION AND status:AVAILABLE"
_BATCH: Final = 200
"""Members in one call; no limit is documented [amazon-photos-api.md 8.4]."""


class Albums:
    """An account's albums and what is in them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._changed: dict[str, dict[str, tuple[float, bool]]] = {}
        """By album: which members were changed here, when, and whether they were added."""

    async def known(self, since: float) -> tuple[list[Entry], float]:
        """Return the albums by name, and as of when: *since* or later.

        One made here moments ago counts even where the listing does not show it yet.
        """
        tree = self._tree
        when, ids = await tree.asked.get("albums", since, partial(self._ask, partial(nodes.nodes, _ALL)))
        known = tree.cache.get_many({*ids, *tree.mine()})
        found = [each for each in known.values() if each.kind is Kind.ALBUM and each.status is Status.AVAILABLE]
        return sorted(found, key=lambda each: (paths.fold(each.name), each.id)), when

    async def known_members(self, album: Entry, since: float) -> tuple[list[Entry], float]:
        """Return what is in an album, by name, each at the path it has in its folder, and as of when.

        Who was added or taken out here moments ago is in or out, whatever the listing shows.
        """
        tree = self._tree
        ask = partial(self._ask, partial(nodes.children, album.id))
        when, ids = await tree.asked.get(_members(album.id), since, ask)
        threshold = tree.clock() - RECENT
        mine = {key: added for key, (at, added) in self._changed.get(album.id, {}).items() if at >= threshold}
        wanted = [key for key in dict.fromkeys([*ids, *mine]) if mine.get(key, True)]
        known = tree.cache.get_many(wanted)
        found = await tree.locate([each for each in known.values() if each.status is Status.AVAILABLE])
        return sorted(found, key=lambda each: (paths.fold(each.name), each.id)), when

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
        self._tree.asked.forget(_members(album.id))
        refused: dict[str, object] = {}
        for batch in _batches(list(dict.fromkeys(each.id for each in members))):
            answer = await self._tree.transport.send(nodes.change_members(album.id, op, batch))
            refused |= {key: code for key, code in answer.error_map.items() if code}
            self._note(album.id, {key: op == "add" for key in batch if key not in refused})
        self._tree.asked.forget(_members(album.id))
        if refused:
            rows = [
                Outcome(target=str(NodeId(each.id)), action=op, id=each.id, error=f"code {refused[each.id]}")
                for each in members
                if each.id in refused
            ]
            raise BatchError(f"the service refused {len(refused)} of {len(members)} members of {album.name!r}", rows)
        await self._tree.ask(album.id, truth=True)

    def _note(self, album: str, members: dict[str, bool]) -> None:
        now = self._tree.clock()
        changed = {**self._changed.get(album, {}), **{key: (now, added) for key, added in members.items()}}
        self._changed[album] = {key: row for key, row in changed.items() if row[0] >= now - RECENT}

    async def _ask(self, call: pages.MakeCall[NodePage]) -> list[str]:
        tree = self._tree
        began = tree.clock()
        rows = [node async for node in pages.iterate(tree.transport.send, call)]
        tree.cache.put([mapping.entry(row, path="") for row in rows], replace_equal=True, seen=began)
        return [row.id for row in rows]

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


def _members(album: str) -> tuple[str, str]:
    return "members", album


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while batch := list(itertools.islice(rest, _BATCH)):
        yield batch
