"""The cache's tables within one transaction, and what keeps their rows in step with each other.

============  =================================  ===================================================================
table         key                                value
============  =================================  ===================================================================
nodes         id                                 record
children      parent, folded name, id            the record again, so that a listing reads one run of rows
md5           md5, id                            (nothing)
dates         moment, id                         (nothing)
seen          id                                 generation of the sync during which the row was last written or seen
listed        folder id                          when its children were last listed; before any sync counts for it
recent        id                                 when we wrote it, under which version, and whether we removed it
meta          ``root``, ``state``, ``completed``
============  =================================  ===================================================================

Only available nodes are in ``children`` and ``dates``. A folder that is new to the cache gets a row ``listed`` of minus
infinity, or else a sync that ended before the folder was known would vouch for its children.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from ap_remote.cache import keys, records
from ap_remote.cache.records import Record
from ap_remote.model import Entry
from ap_remote.remote import paths

TABLES: Final = ("nodes", "children", "md5", "dates", "seen", "listed", "recent", "meta")
NO_PARENT: Final = ""
"""Stands for the parent of nodes that have none: the root, albums, orphans."""

_TIME: Final = struct.Struct(">d")
_GENERATION: Final = struct.Struct(">Q")
_RECENT: Final = struct.Struct(">dQ?")
_NOTHING: Final = b""
_DEEPEST: Final = 200


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last sync stopped."""

    generation: int = 0
    checkpoint: str | None = None
    completed: float | None = None
    """When the last run began that saw everything."""


_STATE: Final = msgspec.msgpack.Decoder(SyncState)


class View:
    """The rows as one transaction sees them."""

    __slots__ = ("_tables", "_txn")

    def __init__(self, txn: Any, tables: Mapping[str, Any]) -> None:
        self._txn = txn
        self._tables = tables

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _get(self, table: str, key: bytes) -> bytes | None:
        found: bytes | None = self._txn.get(key, db=self._tables[table])
        return found

    def _put(self, table: str, key: bytes, value: bytes) -> None:
        self._txn.put(key, value, db=self._tables[table])

    def _delete(self, table: str, key: bytes) -> None:
        self._txn.delete(key, db=self._tables[table])

    def moment(self) -> int:
        """Return the number of the last transaction that wrote; while it stands nothing has changed."""
        number: int = self._txn.id()
        return number

    def count(self, table: str) -> int:
        """Return the number of rows."""
        entries: int = self._txn.stat(self._tables[table])["entries"]
        return entries

    def between(self, table: str, low: bytes, high: bytes | None) -> Iterator[bytes]:
        """Yield the keys from *low* until before *high*."""
        cursor = self._txn.cursor(self._tables[table])
        if cursor.set_range(low):
            for key in cursor.iternext(keys=True, values=False):
                if high is not None and key >= high:
                    return
                yield key

    def scan(self, table: str, prefix: bytes) -> Iterator[bytes]:
        """Yield the keys that begin with *prefix*."""
        for key in self.between(table, prefix, None):
            if not key.startswith(prefix):
                return
            yield key

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

    def record(self, node_id: str) -> Record | None:
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
        return records.to_entry(record, record.name if path is None else path)

    def entries(self, ids: Iterable[str]) -> list[Entry]:
        """Return nodes in the order of *ids*; those that are unknown are left out."""
        return [entry for entry in map(self.entry, ids) if entry is not None]

    def path_of(self, node_id: str) -> str | None:
        """Return a node's path, ``None`` while the way to the root is unknown."""
        record = self.record(node_id)
        return None if record is None else self._path(record, set())

    def _path(self, record: Record, tried: set[str]) -> str | None:
        """Return a path; *tried* are the nodes already met, so that folders within each other come to an end."""
        if record.kind == records.ALBUM and not record.parents:
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
            if above is None or above.kind == records.ALBUM:
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
        """Return the id, as a key, and the stored record of the child with this folded name."""
        prefix = keys.named(parent + b"\0", folded)
        found = cursor.set_range(prefix)
        while found:
            key = cursor.key()
            if not key.startswith(prefix):
                return None
            value = cursor.value()
            if not keys.is_cut(key) or paths.fold(records.decode(value).name) == folded:
                return key[len(prefix) :], value
            found = cursor.next()
        return None

    def children(self, parent: str) -> list[Record]:
        """Return the children, ordered by folded name."""
        prefix = keys.children(parent)
        cursor = self._txn.cursor(self._tables["children"])
        rows: list[bytes] = []
        cut = False
        if cursor.set_range(prefix):
            for key, value in cursor:
                if not key.startswith(prefix):
                    break
                rows.append(value)
                cut = cut or keys.is_cut(key)
        found = records.decode_many(rows)
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
            if head.kind == records.FOLDER:
                found.append(head.id)
            more = cursor.next()
        return found

    def child_ids(self, parent: str) -> set[str]:
        """Return the ids of the children."""
        return {key.rsplit(b"\0", 1)[1].decode() for key in self.scan("children", keys.children(parent))}

    # -- writing -------------------------------------------------------------------------------------------------------

    def store(self, record: Record, *, equal: bool) -> bool:
        """Store a record unless a newer version is there; return whether anything changed.

        Args:
            record: what to store.
            equal: overwrite a record of the same version.
        """
        key = keys.node(record.id)
        self.stamp(record.id)
        raw = self._get("nodes", key)
        old = None if raw is None else records.decode(raw)
        if old is not None:
            if record.version < old.version or (record.version == old.version and not equal) or record == old:
                return False
            self._unindex(old)
        self._index(record)
        if record.kind == records.FOLDER:
            shown = record.status == records.AVAILABLE
            if old is None or (shown and old.status != records.AVAILABLE):
                self.set_listed(record.id, -math.inf)
            elif not shown and old.status == records.AVAILABLE:
                # Its children went to the trash along with it; the service says under which version.
                self._drop_below(record.id)
        return True

    def leave(self, node_id: str, folder: str) -> None:
        """Take a node out of a folder that does not list it any more; without another parent it is forgotten."""
        record = self.record(node_id)
        if record is None:
            return
        rest = tuple(parent for parent in record.parents if parent != folder)
        if rest:
            self._unindex(record)
            self._index(msgspec.structs.replace(record, parents=rest))
        else:
            self.drop(node_id, None)

    def drop(self, node_id: str, written: float | None, *, below: bool = True) -> bool:
        """Forget a node and, with *below*, all under it; return whether it was known."""
        record = self.record(node_id)
        if written is not None:
            self.mark_recent(node_id, written, gone=True)
        if record is None:
            return False
        if below:
            self._drop_below(node_id)
        self._unindex(record)
        key = keys.node(node_id)
        for table in ("nodes", "seen", "listed"):
            self._delete(table, key)
        return True

    def _drop_below(self, folder: str) -> None:
        for node_id in self.child_ids(folder):
            self.leave(node_id, folder)
        self.set_listed(folder, -math.inf)

    def _index(self, record: Record) -> None:
        raw = records.encode(record)
        self._put("nodes", keys.node(record.id), raw)
        if record.md5:
            self._put("md5", keys.digest(record.md5, record.id), _NOTHING)
        if record.status != records.AVAILABLE:
            return
        for parent in record.parents or (NO_PARENT,):
            self._put("children", keys.child(parent, paths.fold(record.name), record.id), raw)
        if record.kind == records.FILE and record.moment is not None:
            self._put("dates", keys.date(record.moment, record.id), _NOTHING)

    def _unindex(self, record: Record) -> None:
        if record.md5:
            self._delete("md5", keys.digest(record.md5, record.id))
        if record.status != records.AVAILABLE:
            return
        for parent in record.parents or (NO_PARENT,):
            self._delete("children", keys.child(parent, paths.fold(record.name), record.id))
        if record.kind == records.FILE and record.moment is not None:
            self._delete("dates", keys.date(record.moment, record.id))

    # -- when things were listed, written, seen ------------------------------------------------------------------------

    def completed(self) -> float:
        """Return when the last complete sync began; minus infinity without one."""
        raw = self._get("meta", b"completed")
        return -math.inf if raw is None else _TIME.unpack(raw)[0]

    def listed_at(self, folder: bytes, completed: float) -> float:
        """Return when the children of *folder* were last known to be complete."""
        raw = self._get("listed", folder)
        return completed if raw is None else _TIME.unpack(raw)[0]

    def set_listed(self, folder: str, when: float) -> None:
        """Say when the children of *folder* were listed."""
        self._put("listed", keys.node(folder), _TIME.pack(when))

    def forget_listed(self) -> None:
        """Let the completed sync vouch for every folder."""
        self._txn.drop(self._tables["listed"], delete=False)

    def mark_recent(self, node_id: str, when: float, *, gone: bool = False) -> None:
        """Say that a node was written or removed by us."""
        record = self.record(node_id)
        self._put("recent", keys.node(node_id), _RECENT.pack(when, record.version if record else 0, gone))

    def is_recent(self, node_id: str, version: int | None, threshold: float) -> bool:
        """Whether we wrote a node at *threshold* or later, and *version* is not beyond what we wrote.

        ``None`` for a version asks about a listing that lacks the node: was it written, not removed?
        """
        raw = self._get("recent", keys.node(node_id))
        if raw is None:
            return False
        when, ours, gone = _RECENT.unpack(raw)
        if when < threshold:
            return False
        return not gone if version is None else version <= ours

    def forget_recent(self, threshold: float) -> None:
        """Drop the marks that are older than *threshold*."""
        table = self._tables["recent"]
        with self._txn.cursor(table) as cursor:
            old = [bytes(key) for key, value in cursor if _RECENT.unpack(value)[0] < threshold]
        for key in old:
            self._delete("recent", key)

    def recent_ids(self, threshold: float) -> list[str]:
        """Return the ids that we wrote at *threshold* or later."""
        with self._txn.cursor(self._tables["recent"]) as cursor:
            return [keys.parse_node(key) for key, value in cursor if _RECENT.unpack(value)[0] >= threshold]

    def stamp(self, node_id: str) -> None:
        """Say that the current sync need not drop this node."""
        self._put("seen", keys.node(node_id), _GENERATION.pack(self.state().generation))

    def unseen(self, generation: int) -> list[str]:
        """Return the ids that were last written or seen before *generation*."""
        with self._txn.cursor(self._tables["seen"]) as cursor:
            return [keys.parse_node(key) for key, value in cursor if _GENERATION.unpack(value)[0] < generation]

    def state(self) -> SyncState:
        """Return where the last sync stopped."""
        raw = self._get("meta", b"state")
        return SyncState() if raw is None else _STATE.decode(raw)

    def set_state(self, state: SyncState) -> None:
        """Write where a sync stands."""
        self._put("meta", b"state", msgspec.msgpack.encode(state))
        if state.completed is not None:
            self._put("meta", b"completed", _TIME.pack(state.completed))
