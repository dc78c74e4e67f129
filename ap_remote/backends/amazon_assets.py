"""The parts of a file: the film of a live photo. They are nodes of their own, and children of the file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ap_remote import mapping
from ap_remote.api import nodes, pages
from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import IsFolderError, NotFoundError, ProtocolError
from ap_remote.model import Entry, Kind, NodeId, Ref, Status
from ap_remote.wire.nodes import ASSET, Node


class Assets(Ability):
    """Files may have parts."""

    async def assets(self, target: Ref) -> Sequence[Entry]:
        """Return a file's parts, by name; their bytes are had by :meth:`get` of their ids.

        Sources disagree on where parts are named: within the node, whole or as ids, or among its children. All are
        looked at.

        Raises:
            NotFoundError: nothing is at *target*.
            IsFolderError: it is a folder or an album.
        """
        entry = await self._seen(target)
        if entry.is_folder:
            raise IsFolderError(entry.path)
        tree = self._tree
        try:
            node = await tree.transport.send(nodes.node(entry.id))
        except NotFoundError:
            tree.cache.remove([entry.id])
            raise NotFoundError(str(NodeId(entry.id))) from None
        found = {each.id: each for each in node.assets if isinstance(each, Node)}
        named = {each for each in node.assets if isinstance(each, str)}
        if named - set(found) or not found:
            found = {each.id: each for each in await self._children(entry.id)} | found
        parts = [mapping.entry(each, path="") for each in found.values() if _belongs(each, entry.id)]
        tree.cache.put(parts, replace_equal=True, seen=tree.clock())
        asked = await tree.ask_many(sorted(named - set(found)))
        parts += [each for each in asked.values() if isinstance(each, Entry)]
        located = await tree.locate(parts)
        living = [each for each in located if each.status is Status.AVAILABLE and each.kind is Kind.ASSET]
        return sorted(living, key=lambda each: (each.name, each.id))

    async def _children(self, node_id: str) -> list[Node]:
        call = partial(nodes.children, node_id)
        try:
            return [each async for each in pages.iterate(self._tree.transport.send, call)]
        except (NotFoundError, ProtocolError):
            # A service that knows children of folders alone says so; then the node itself has told all there is.
            return []


def _belongs(node: Node, file_id: str) -> bool:
    """Whether a node is a part of a file; inline it may be told without its parents."""
    return node.kind == ASSET and (not node.parents or file_id in node.parents)
