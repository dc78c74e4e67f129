"""Rows within one transaction, and what they say about when: listed, written by us, seen by a sync, found out."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ap_remote.cache import keys, records
from ap_remote.cache.state import Fact, SyncState

GENERATION: Final = struct.Struct(">Q")
UNTOLD: Final = -sys.float_info.max
"""Stands for minus infinity in ``listed`` where a delta does not tell the children either."""
_TIME: Final = struct.Struct(">d")
_RECENT: Final = struct.Struct(">dQ?")
_STATE: Final = msgspec.msgpack.Decoder(SyncState)
_FACT: Final = msgspec.msgpack.Decoder(Fact)
_FACT_KEY: Final = b"fact:"


class Rows:
    """The rows as one transaction sees them."""

    __slots__ = ("_generation", "_tables", "_txn")

    def __init__(self, txn: Any, tables: Mapping[str, Any]) -> None:
        self._txn = txn
        self._tables = tables
        self._generation: bytes | None = None

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

    def cursor(self, table: str) -> Any:
        """Return a cursor over a table."""
        return self._txn.cursor(self._tables[table])

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

    def rows(self, table: str, low: bytes, high: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values from *low* until before *high*."""
        cursor = self.cursor(table)
        if cursor.set_range(low):
            for key, value in cursor.iternext():
                if key >= high:
                    return
                yield key, value

    def backwards(self, table: str, low: bytes, high: bytes) -> Iterator[bytes]:
        """Yield the keys from before *high* down to *low*."""
        cursor = self.cursor(table)
        more = cursor.prev() if cursor.set_range(high) else cursor.last()
        if more:
            for key in cursor.iterprev(keys=True, values=False):
                if key < low:
                    return
                yield key

    def scan(self, table: str, prefix: bytes) -> Iterator[bytes]:
        """Yield the keys that begin with *prefix*."""
        for key in self.between(table, prefix, None):
            if not key.startswith(prefix):
                return
            yield key


class Marks(Rows):
    """When things happened, and what was found out."""

    __slots__ = ()

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

    def forget_listed(self, *, told: bool = False) -> None:
        """Let the completed sync vouch for every folder; one by delta (*told*) cannot for those that came back."""
        if not told:
            self._txn.drop(self._tables["listed"], delete=False)
            return
        untold = _TIME.pack(UNTOLD)
        with self.cursor("listed") as cursor:
            known = [bytes(key) for key, value in cursor if value != untold]
        for key in known:
            self._delete("listed", key)

    def mark_recent(self, node_id: str, when: float, *, gone: bool = False) -> None:
        """Say that a node was written or removed by us."""
        row = self._get("nodes", keys.node(node_id))
        version = 0 if row is None else records.decode(row).version
        self._put("recent", keys.node(node_id), _RECENT.pack(when, version, gone))

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

    def stamp(self, key: bytes) -> None:
        """Say that the current sync need not drop the node of this key."""
        if self._generation is None:
            self._generation = GENERATION.pack(self.state().generation)
        # What is written again as it is would be a transaction to be synced to the disk.
        if self._get("seen", key) != self._generation:
            self._put("seen", key, self._generation)

    def seen(self, generation: int) -> list[str]:
        """Return the ids that were written or seen in *generation*."""
        wanted = GENERATION.pack(generation)
        with self.cursor("seen") as cursor:
            return [keys.parse_node(key) for key, value in cursor if value == wanted]

    def unseen(self, generation: int) -> list[str]:
        """Return the ids that were last written or seen before *generation*."""
        with self._txn.cursor(self._tables["seen"]) as cursor:
            return [keys.parse_node(key) for key, value in cursor if GENERATION.unpack(value)[0] < generation]

    def state(self) -> SyncState:
        """Return where the last sync stopped."""
        raw = self._get("meta", b"state")
        return SyncState() if raw is None else _STATE.decode(raw)

    def set_state(self, state: SyncState) -> None:
        """Write where a sync stands."""
        self._generation = None
        self._put("meta", b"state", msgspec.msgpack.encode(state))
        if state.completed is not None:
            self._put("meta", b"completed", _TIME.pack(state.completed))

    def facts(self) -> dict[str, Fact]:
        """Return what was found out about the account."""
        with self.cursor("meta") as cursor:
            found: dict[str, Fact] = {}
            more = cursor.set_range(_FACT_KEY)
            while more and cursor.key().startswith(_FACT_KEY):
                found[cursor.key()[len(_FACT_KEY) :].decode()] = _FACT.decode(cursor.value())
                more = cursor.next()
            return found

    def set_fact(self, name: str, fact: Fact) -> None:
        """Write what was found out about the account."""
        self._put("meta", _FACT_KEY + name.encode(), msgspec.msgpack.encode(fact))
