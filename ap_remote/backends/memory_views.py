"""The virtual folders ``.views/albums`` and ``.views/trash`` over a :class:`~ap_remote.backends.memory_tree.Tree`.

An entry seen here has the path of the view, so that listings nest; by id it has its own path. Two that would have one
name are told apart by ``name {id8}.jpg``, the first eight characters of the id.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ap_remote.errors import AmbiguousError, IsFileError, NotFoundError
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.backends.memory_tree import Node, Tree

_FOLDERS: Final = (paths.VIEWS, paths.ALBUMS_VIEW, paths.TRASH_VIEW)


class Views:
    """Resolves and lists view paths."""

    def __init__(self, tree: Tree) -> None:
        """Look at *tree*."""
        self._tree = tree

    def is_folder(self, path: str) -> bool:
        """Whether the path is one of the virtual folders themselves."""
        return path in _FOLDERS

    def is_top(self, path: str) -> bool:
        """Whether the path is ``.views`` itself."""
        return path == paths.VIEWS

    def folder(self, path: str) -> Entry:
        """Return the entry of a virtual folder; its id is its path."""
        return Entry(path=path, name=paths.split(path)[1], id=path, kind=Kind.FOLDER)

    def inside(self, path: str) -> Sequence[tuple[str, Node]]:
        """Return what lies directly under a view path, each with its name there.

        Raises:
            NotFoundError: there is no such view, or nothing of that name in it.
            IsFileError: the path is a file's.
            AmbiguousError: several have that name.
        """
        match path:
            case paths.ALBUMS_VIEW:
                return _named(self._tree.albums())
            case paths.TRASH_VIEW:
                return _named(sorted(self._tree.trashed(), key=lambda node: (paths.fold(node.name), node.id)))
            case paths.VIEWS:
                return ()
        return self.within(self.node(path), path)

    def within(self, node: Node, path: str) -> Sequence[tuple[str, Node]]:
        """Return what lies directly in an album or a folder that is seen at *path*, each with its name there.

        Raises:
            IsFileError: it is neither.
        """
        if node.kind is Kind.ALBUM:
            return _named(self._tree.members(node))
        if node.kind is not Kind.FOLDER:
            raise IsFileError(path)
        return _named(self._tree.ordered(node))

    def node(self, path: str) -> Node:
        """Return what is at a view path.

        Raises:
            NotFoundError: nothing is there.
            AmbiguousError: several have that name; the longer name or an id tells them apart.
        """
        parent, name = paths.split(path)
        if not paths.is_view(parent):
            raise NotFoundError(path)
        rows = self.inside(parent)
        wanted = paths.fold(name)
        for shown, node in rows:
            if paths.fold(shown) == wanted:
                return node
        alike = [node.id for _, node in rows if paths.fold(node.name) == wanted]
        if alike:
            raise AmbiguousError(path, alike)
        raise NotFoundError(path)


def _named(nodes: Sequence[Node]) -> Sequence[tuple[str, Node]]:
    taken = Counter(paths.fold(node.name) for node in nodes)
    return [(node.name if taken[paths.fold(node.name)] == 1 else _told_apart(node), node) for node in nodes]


def _told_apart(node: Node) -> str:
    mark = f" {{{node.id[:8]}}}"
    stem, dot, extension = node.name.rpartition(".")
    if node.kind is not Kind.FILE or not stem:
        return node.name + mark
    return stem + mark + dot + extension
