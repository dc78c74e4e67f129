"""The cache's tables within one transaction, and what keeps their rows in step with each other.

============  =================================  ===================================================================
table         key                                value
============  =================================  ===================================================================
nodes         id                                 the entry, see :mod:`ap_remote.cache.records`
children      parent, folded name, id            the row again, so that a listing reads one run of rows
md5           md5, id                            (nothing)
times         ``T``, shelf, capture time, id     (nothing); where that time is unknown, the time of creation
times         ``C``, shelf, creation time, id    (nothing)
seen          id                                 generation of the sync during which the row was last written or seen
listed        folder id                          when its children were last listed; before any sync counts for it
recent        id                                 when we wrote it, under which version, and whether we removed it
meta          ``root``, ``state``, ``completed``,
              ``fact:`` and a name
============  =================================  ===================================================================

Only available nodes are in ``children``. A folder that is new to the cache gets a row ``listed`` of minus infinity, or
else a sync that ended before the folder was known would vouch for its children.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ap_remote.cache import keys, records
from ap_remote.cache.marks import GENERATION, UNTOLD, Marks
from ap_remote.cache.shelves import shelf
from ap_remote.model import Entry, Kind, Status
from ap_remote.remote import paths

TABLES: Final = ("nodes", "children", "md5", "times", "seen", "listed", "recent", "meta")
NO_PARENT: Final = ""
"""Stands for the parent of nodes that have none: the root, albums, orphans."""

_NOTHING: Final = b""
_DEEPEST: Final = 200
_CHUNK: Final = 256
"""Rows of a listing that are looked at together."""


def times(entry: Entry) -> list[tuple[bytes, bytes]]:
    """Return the rows of a node in the indexes of time."""
    on = shelf(entry)
    created = keys.NEVER if entry.created is None else keys.instant(entry.created)
    last = (keys.time(keys.CREATED, on, created, entry.id), _NOTHING)
    if entry.taken is None:
        return [(keys.time(keys.TAKEN, on, keys.NEVER, entry.id), GENERATION.pack(created)), last]
    return [(keys.time(keys.TAKEN, on, keys.instant(entry.taken), entry.id), _NOTHING), last]


class View(Marks):
    """Nodes and their indexes as one transaction sees them."""

    __slots__ = ()

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def root_key(self) -> bytes | None:
        """Return the root's id as a key."""
        return self._get("meta", b"root")

    def root(self) -> str | None:
        """Return the root's id."""
        key = self.root_key()
        return None if key is None else keys.parse_node(key)

    def set_root(self, node_id: str) -> None:
        """Say which node is the root."""
        self._put("meta", b"root", keys.node(node_id))

    def record(self, node_id: str) -> Entry | None:
        """Return a node's record."""
        if not keys.is_node(node_id):
            return None
        raw = self._get("nodes", keys.node(node_id))
        return None if raw is None else records.decode(raw)

    def entry(self, node_id: str) -> Entry | None:
        """Return a node at its path, or at its bare name while its parents are unknown."""
        record = self.record(node_id)
        if record is None:
            return None
        path = self._path(record, set())
        return records.placed(record, record.name if path is None else path)

    def entries(self, ids: Iterable[str]) -> list[Entry]:
        """Return nodes in the order of *ids*; those that are unknown are left out."""
        return [entry for entry in map(self.entry, ids) if entry is not None]

    def path_of(self, node_id: str) -> str | None:
        """Return a node's path, ``None`` while the way to the root is unknown."""
        record = self.record(node_id)
        return None if record is None else self._path(record, set())

    def folder_path(self, node_id: str) -> str | None:
        """Return a folder's path; ``None`` for what is no folder, and while the way to the root is unknown."""
        record = self.record(node_id)
        return None if record is None or record.kind is Kind.ALBUM else self._path(record, set())

    def _path(self, record: Entry, tried: set[str]) -> str | None:
        """Return a path; *tried* are the nodes already met, so that folders within each other come to an end."""
        if record.kind is Kind.ALBUM and not record.parents:
            return paths.join(paths.ALBUMS_VIEW, record.name)
        if not record.parents:
            return "" if record.id == self.root() else None
        tried.add(record.id)
        if len(tried) > _DEEPEST:
            return None
        for parent in record.parents:
            if parent in tried:
                continue
            above = self.record(parent)
            if above is None or above.kind is Kind.ALBUM:
                continue
            path = self._path(above, tried)
            if path is not None:
                return paths.join(path, record.name)
        return None

    def unknown_parents(self, ids: Iterable[str]) -> set[str]:
        """Return the parents on the ways up from *ids* that have no record."""
        unknown: set[str] = set()
        todo, done = list(ids), set[str]()
        while todo:
            node_id = todo.pop()
            if node_id in done:
                continue
            done.add(node_id)
            record = self.record(node_id)
            if record is None:
                unknown.add(node_id)
            else:
                todo.extend(record.parents)
        return unknown

    # -- children ------------------------------------------------------------------------------------------------------

    def children_cursor(self) -> Any:
        """Return a cursor for :meth:`child`; a walk needs but one."""
        return self._txn.cursor(self._tables["children"])

    def child(self, cursor: Any, parent: bytes, folded: str) -> tuple[bytes, bytes] | None:
        """Return the id, as a key, and the stored record of the first child with this folded name."""
        return next(self.namesakes(cursor, parent, folded), None)

    def namesakes(self, cursor: Any, parent: bytes, folded: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield the id, as a key, and the stored record of each child with this folded name: one, as a rule."""
        prefix = keys.named(parent + b"\0", folded)
        found = cursor.set_range(prefix)
        while found:
            key = cursor.key()
            if not key.startswith(prefix):
                return
            value = cursor.value()
            if not keys.is_cut(key) or paths.fold(records.decode(value).name) == folded:
                yield key[len(prefix) :], value
            found = cursor.next()

    def children(self, parent: str, prefix_path: str = "") -> list[Entry]:
        """Return the children, ordered by folded name, each at its name behind *prefix_path*."""
        prefix = keys.children(parent)
        cursor = self.cursor("children")
        rows: list[bytes] = []
        cut = False
        pairs = cursor.iternext() if cursor.set_range(prefix) else iter(())
        while chunk := list(itertools.islice(pairs, _CHUNK)):
            whole = chunk[-1][0].startswith(prefix)
            if not whole:
                chunk = list(itertools.takewhile(lambda pair: pair[0].startswith(prefix), chunk))
            rows += [value for _, value in chunk]
            cut = cut or any(keys.is_cut(key) for key, _ in chunk)
            if not whole:
                break
        found = records.decode_many(rows, prefix_path)
        if cut:
            found.sort(key=lambda record: (paths.fold(record.name), record.id))
        return found

    def folders_in(self, parent: str) -> list[str]:
        """Return the ids of the children that are folders."""
        prefix = keys.children(parent)
        cursor = self._txn.cursor(self._tables["children"])
        found = []
        more = cursor.set_range(prefix)
        while more and cursor.key().startswith(prefix):
            head = records.head(cursor.value())
            if head.kind is Kind.FOLDER:
                found.append(head.id)
            more = cursor.next()
        return found

    def child_ids(self, parent: str) -> set[str]:
        """Return the ids of the children."""
        return {key.rsplit(b"\0", 1)[1].decode() for key in self.scan("children", keys.children(parent))}

    # -- writing -------------------------------------------------------------------------------------------------------

    def store(self, entry: Entry, *, equal: bool, told: bool = False) -> bool:
        """Store a node unless a newer version is there; return whether anything changed.

        Args:
            entry: what to store; its path does not matter.
            equal: overwrite a node of the same version.
            told: a delta tells it. What went to the bin with a folder and comes back with it may not be told again, so
                such a folder counts as unknown until it is listed.
        """
        key, row = keys.node(entry.id), records.encode(entry)
        self.stamp(key)
        raw = self._get("nodes", key)
        if raw == row:
            return False
        old = None if raw is None else records.decode(raw)
        if old is not None:
            if entry.version < old.version or (entry.version == old.version and not equal):
                return False
            self._unindex(old)
        self._index(entry, row)
        if entry.kind is Kind.FOLDER:
            shown = entry.status is Status.AVAILABLE
            if old is None or (shown and old.status is not Status.AVAILABLE):
                self.set_listed(entry.id, UNTOLD if told and old is not None else -math.inf)
            elif not shown and old.status is Status.AVAILABLE:
                # Its children went to the trash along with it; the service says under which version.
                self._drop_below(entry.id)
        return True

    def leave(self, node_id: str, folder: str) -> None:
        """Take a node out of a folder that does not list it any more; without another parent it is forgotten."""
        record = self.record(node_id)
        if record is None:
            return
        rest = tuple(parent for parent in record.parents if parent != folder)
        if rest:
            self._unindex(record)
            left = msgspec.structs.replace(record, parents=rest)
            self._index(left, records.encode(left))
        else:
            self.drop(node_id, None)

    def drop(self, node_id: str, written: float | None, *, below: bool = True) -> bool:
        """Forget a node and, with *below*, all under it; return whether it was known."""
        record = self.record(node_id)
        if written is not None:
            self.mark_recent(node_id, written, gone=True)
        if record is None:
            return False
        self._unindex(record)
        key = keys.node(node_id)
        self._delete("nodes", key)
        if below:
            # After the node itself: folders within each other, as old knowledge has them, come to an end so.
            self._drop_below(node_id)
        for table in ("seen", "listed"):
            self._delete(table, key)
        return True

    def _drop_below(self, folder: str) -> None:
        for node_id in self.child_ids(folder):
            self.leave(node_id, folder)
        self.set_listed(folder, -math.inf)

    def _index(self, entry: Entry, row: bytes) -> None:
        self._put("nodes", keys.node(entry.id), row)
        if entry.md5:
            self._put("md5", keys.digest(entry.md5, entry.id), _NOTHING)
        for key, value in times(entry):
            self._put("times", key, value)
        if entry.status is Status.AVAILABLE:
            name = paths.fold(entry.name)
            for parent in entry.parents or (NO_PARENT,):
                self._put("children", keys.child(parent, name, entry.id), row)

    def _unindex(self, entry: Entry) -> None:
        if entry.md5:
            self._delete("md5", keys.digest(entry.md5, entry.id))
        for key, _ in times(entry):
            self._delete("times", key)
        if entry.status is Status.AVAILABLE:
            name = paths.fold(entry.name)
            for parent in entry.parents or (NO_PARENT,):
                self._delete("children", keys.child(parent, name, entry.id))
