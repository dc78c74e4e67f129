"""The photograph that stands for an album: ``collectionProperties.covers``, written by PATCH (inferred)."""

from __future__ import annotations

from ap_remote import mapping
from ap_remote.api import nodes
from ap_remote.backends.amazon_account import Account
from ap_remote.errors import UnsupportedError
from ap_remote.model import Entry, Ref
from ap_remote.wire.nodes import Cover, Node


class Covers(Account):
    """The methods of :class:`~ap_remote.remote.features.SupportsCovers`."""

    async def album_cover(self, album: Ref) -> Entry | None:
        """Return the photograph that stands for an album, as the service knows it now."""
        found = await self._albums.album(album, await self._seen(album))
        node = await self._tree.transport.send(nodes.node(found.id))
        chosen = sorted(_covers(node), key=lambda each: bool(each.is_default))
        return await self._tree.node(chosen[0].id) if chosen and chosen[0].id else None

    async def set_album_cover(self, album: Ref, target: Ref) -> Entry:
        """Let a photograph stand for an album, and return the album."""
        found = await self._albums.album(album, await self._seen(album))
        (photograph,) = await self._members([target])
        node = await self._tree.transport.send(nodes.cover(found.id, photograph.id, photograph.owner_id))
        if photograph.id not in {each.id for each in _covers(node)}:
            raise UnsupportedError(f"the service did not take another cover for the album {found.name!r}")
        return await self._tree.written(mapping.entry(node, path=""))


def _covers(node: Node) -> tuple[Cover, ...]:
    return tuple(each for each in node.collection_properties.covers if each.id) if node.collection_properties else ()
