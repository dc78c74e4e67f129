"""What the virtual tree takes its entries from, for an Amazon account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ap_remote.backends import views
from ap_remote.model import Entry

if TYPE_CHECKING:
    from ap_remote.backends.amazon_albums import Albums
    from ap_remote.backends.amazon_trash import Bin
    from ap_remote.backends.amazon_tree import Tree


class ViewSource:
    """The source of :mod:`ap_remote.backends.views`."""

    def __init__(self, tree: Tree, albums: Albums, bin_: Bin) -> None:
        self._tree = tree
        self._albums = albums
        self._bin = bin_

    async def albums(self) -> Sequence[Entry]:
        """Return the albums."""
        return await self._albums.all()

    async def members(self, album: Entry) -> Sequence[Entry]:
        """Return what is in an album."""
        return await self._albums.members(album)

    async def trash(self) -> Sequence[Entry]:
        """Return what was put in the bin, without what went along with it."""
        return [entry for entry, along in await self._bin.listing() if not along]

    async def trashed_in(self, folder: Entry) -> Sequence[Entry]:
        """Return what went to the bin inside a folder."""
        return [entry for entry, _ in await self._bin.listing() if folder.id in entry.parents]

    async def stat(self, path: str) -> Entry:
        """Return what is at a view path, at that path."""
        return await views.stat(self, path)

    async def listing(self, place: Entry) -> list[Entry]:
        """Return what lies under a place in the virtual tree, at view paths."""
        return await views.listing(self, place)

    async def real(self, path: str) -> Entry:
        """Return what is at a view path, at the path that it has (or had) outside the views."""
        seen = await self.stat(path)
        return self._tree.cache.get(seen.id) or seen
