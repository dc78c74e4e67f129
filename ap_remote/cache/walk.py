"""The way from the root down to a path, and how far the cache can be trusted on it."""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.cache import records
from ap_remote.cache.view import View
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths

_KEPT: Final = 4096
"""Folders whose way from the root is remembered."""


class Stale(msgspec.Struct, frozen=True):
    """A lookup came to a folder whose children are not known well enough."""

    folder: str | None
    """Its id; ``None``: not even the root is known."""
    path: str


class Several(Stale, frozen=True):
    """A lookup found more than one node, which the service does not allow: *folder* should be listed anew."""

    ids: tuple[str, ...]


class Walked(msgspec.Struct, frozen=True, gc=False):
    """A folder that a walk came to."""

    key: bytes
    path: str
    """As its names are stored."""
    listed: float
    """When its children, and those of every folder above, were known at least."""


class Walks:
    """Walks, remembering the folders they ended in for as long as nobody writes to the store."""

    def __init__(self) -> None:
        self._moment = -1
        self._kept: dict[str, Walked] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def walk(self, view: View, path: str, since: float) -> Entry | Stale | None:
        """Return what is at *path*; see :meth:`ap_remote.cache.nodes.NodeCache.find`."""
        moment = view.moment()
        if moment != self._moment:
            self._kept.clear()
            self._moment = moment
        parent, name = paths.split(path)
        folder = self._kept.get(parent)
        if folder is None or folder.listed < since:
            found = _walk_folders(view, parent, since, judge=bool(name))
            if not isinstance(found, Walked):
                return found
            folder = found
            if len(self._kept) < _KEPT:
                self._kept[parent] = folder
        if not name:
            root = view.record(folder.key.decode())
            return Stale(None, "") if root is None else records.placed(root, "")
        children = list(view.namesakes(view.children_cursor(), folder.key, paths.fold(name)))
        if not children:
            return None
        entry = records.decode(children[0][1])
        if len(children) > 1:
            entries = [records.decode(value) for _, value in children]
            exact = [each for each in entries if each.name == name]
            if len(exact) != 1:
                return Several(folder.key.decode(), folder.path, tuple(each.id for each in exact or entries))
            entry = exact[0]
        return records.placed(entry, f"{folder.path}/{entry.name}" if folder.path else entry.name)


def _walk_folders(view: View, path: str, since: float, *, judge: bool) -> Walked | Stale | None:
    """Walk down to a folder whose children, and those of the folders above, are known as of *since*."""
    key = view.root_key()
    if key is None:
        return Stale(None, "")
    completed = view.completed()
    cursor = view.children_cursor()
    at = ""
    listed = view.listed_at(key, completed)
    for name in paths.components(path):
        if listed < since:
            return Stale(key.decode(), at)
        found = view.child(cursor, key, paths.fold(name))
        if found is None:
            return None
        key, raw = found
        head = records.head(raw)
        if head.kind is not Kind.FOLDER:
            return None
        at = f"{at}/{head.name}" if at else head.name
        listed = min(listed, view.listed_at(key, completed))
    if judge and listed < since:
        return Stale(key.decode(), at)
    return Walked(key, at, listed)
