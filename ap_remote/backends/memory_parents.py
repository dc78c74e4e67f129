"""Entries in memory that lie in several folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.backends.memory_ability import Ability
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    InvalidNameError,
    IsFileError,
    NotFoundError,
    UnsupportedError,
)
from ap_remote.model import Kind
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.backends.memory_tree import Node
    from ap_remote.model import Entry, Ref


class Parents(Ability):
    """The methods of :class:`~ap_remote.remote.features.SupportsParents`."""

    async def link(self, source: Ref, folder: Ref) -> Entry:
        """Let an entry lie in one more folder, and return it as it is seen there."""
        node, place = self._pair(source, folder)
        path = paths.join(self._tree.path(place), node.name)
        if place is node or any(each is place for each in self._tree.below(node)):
            raise InvalidNameError(path, "a folder cannot lie in itself")
        if place in node.folders:
            return self._tree.entry(node, path)
        taken = place.children.get(paths.fold(node.name))
        if taken is not None:
            raise AlreadyExistsError(path, taken.id)
        self._tree.link(node, place)
        return self._tree.entry(node, path)

    async def unlink(self, source: Ref, folder: Ref) -> Entry:
        """Take an entry out of one of several folders, and return it where it stays."""
        node, place = self._pair(source, folder)
        path = paths.join(self._tree.path(place), node.name)
        if place not in node.folders:
            raise NotFoundError(path)
        if not node.links:
            raise UnsupportedError(f"{path!r} lies in no other folder: trash it, or move it elsewhere")
        self._tree.unlink(node, place)
        return self._tree.entry(node)

    def _pair(self, source: Ref, folder: Ref) -> tuple[Node, Node]:
        node, place = self._targets.live(source), self._targets.live(folder)
        if node is self._tree.root:
            raise AccessDeniedError("the root lies in no folder")
        if node.kind is Kind.ALBUM:
            raise UnsupportedError(f"the album {node.name!r} lies in no folder")
        if place.kind is not Kind.FOLDER:
            raise IsFileError(self._tree.path(place))
        return node, place
