"""From what a caller names, a path or an id, to the nodes it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.backends import views
from ap_remote.backends.memory_source import ViewSource
from ap_remote.errors import (
    AmbiguousError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    NotInTrashError,
)
from ap_remote.model import Entry, Kind, NodeId, Ref, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ap_remote.backends.memory_tree import Node, Tree
    from ap_remote.model import Person


class Targets:
    """Resolves what the verbs are called with."""

    def __init__(self, tree: Tree, people: Callable[[], Sequence[Person]]) -> None:
        """Resolve against *tree* and its views; *people* says who is on photographs."""
        self._tree = tree
        self._views = ViewSource(tree, people)

    def seen(self, target: Ref) -> tuple[str, Node | None]:
        """Return where a target is seen, and its node; none for the virtual folders."""
        if not isinstance(target, NodeId):
            path = paths.normalise(target)
            if paths.is_view(path):
                entry, seen = self._views.stat(path)
                return entry.path, seen
        node = self.node(target)
        return self._tree.entry(node).path, node

    def node(self, target: Ref) -> Node:
        """Return what a target names: by path what is available, by id also what is trashed."""
        if isinstance(target, NodeId):
            node = self._tree.by_id(target.value)
            path = str(target)
        else:
            path = paths.normalise(target)
            node = self._views.node(path) if paths.is_view(path) else self._tree.find(path)
        if node is None:
            raise NotFoundError(path)
        return node

    def live(self, target: Ref) -> Node:
        """Return what a target names, unless it is in the bin."""
        node = self.node(target)
        if node.status is Status.TRASHED:
            raise NotFoundError(str(target))
        return node

    def folder_of(self, target: Ref, node: Node) -> Node:
        """Return the folder by which a target names a node that has one; by id the first."""
        if not isinstance(target, NodeId) and not paths.is_view(paths.normalise(target)):
            above = self._tree.find(paths.split(paths.normalise(target))[0])
            if above is not None and above in node.folders:
                return above
        return node.folders[0]

    def member(self, target: Ref) -> Node:
        """Return what an album can hold: a file that is not in the bin."""
        node = self.live(target)
        if node.kind is not Kind.FILE:
            raise IsFolderError(str(target))
        return node

    def album(self, target: Ref) -> Node:
        """Return the album that a target names."""
        node = self.live(target)
        if node.kind is not Kind.ALBUM:
            raise NotFoundError(f"album {target}")
        return node

    def in_trash(self, target: Ref) -> Node:
        """Return the one entry in the bin that a target names.

        Raises:
            NotInTrashError: there is none.
            AmbiguousError: several had that path.
        """
        if isinstance(target, NodeId):
            node = self._tree.by_id(target.value)
            found = [node] if node is not None and node.status is Status.TRASHED else []
        else:
            path = paths.normalise(target)
            found = [self._views.node(path)] if paths.is_view(path) else self._tree.trashed_from(path)
            found = [node for node in found if node.status is Status.TRASHED]
        if not found:
            raise NotInTrashError(str(target))
        if len(found) > 1:
            raise AmbiguousError(str(target), [node.id for node in found])
        return found[0]

    def writable(self, path: str) -> str:
        """Return the path in normal form if a node could be there."""
        place = paths.writable(path)
        if not place:
            raise IsFolderError(place)
        return place

    def virtual(self, path: str) -> Entry:
        """Return the entry of a virtual folder."""
        return views.directory(path)

    def listed(self, path: str, node: Node | None, *, recursive: bool) -> Iterator[Entry]:
        """Yield what lies under a folder, an album or a virtual folder that :meth:`seen` returned."""
        if node is None:
            yield from self._views.below(views.directory(path), recursive=recursive)
            return
        if node.kind is Kind.FILE:
            raise IsFileError(path)
        if paths.is_view(path):
            yield from self._views.below(self._tree.entry(node, path), recursive=recursive)
            return
        inside = self._tree.members(node) if node.kind is Kind.ALBUM else self._tree.ordered(node)
        for each in inside:
            here = paths.join(path, each.name)
            yield self._tree.entry(each, here)
            if recursive and each.kind is Kind.FOLDER:
                yield from self.listed(here, each, recursive=True)
