"""What listings do not show yet: the library as it was before the latest changes, for as long as the knobs say.

Before a transaction commits, the rows that it changes are noted as they stand in the snapshot before it. A veiled read
puts temporary views of ``nodes``, ``edges`` and ``tags`` over the tables, in which those rows stand in the place of
today's; so listing, search and the delta stream ask the same questions with and without a veil. The notes live in
memory, in this process alone.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ap_remote_emulator.faults.behaviour import Behaviour, Lag

_TABLES: Final = {"nodes": "id", "edges": "child_id", "tags": "node_id"}
_OFF: Final = Lag()
_NO_HORIZON: Final = 2**62
_VEIL: Final = """
CREATE TEMP TABLE hidden (id TEXT PRIMARY KEY);
CREATE TEMP TABLE former_nodes AS SELECT * FROM main.nodes WHERE 0;
CREATE TEMP TABLE former_edges AS SELECT * FROM main.edges WHERE 0;
CREATE TEMP TABLE former_tags AS SELECT * FROM main.tags WHERE 0;
CREATE TEMP TABLE stale_edges AS SELECT * FROM main.edges WHERE 0;
CREATE TEMP VIEW nodes AS SELECT * FROM main.nodes WHERE id NOT IN (SELECT id FROM hidden)
    UNION ALL SELECT * FROM former_nodes;
CREATE TEMP VIEW edges AS SELECT * FROM main.edges WHERE child_id NOT IN (SELECT id FROM hidden)
    UNION ALL SELECT * FROM former_edges
    UNION ALL SELECT * FROM stale_edges WHERE (parent_id, child_id) NOT IN (
        SELECT parent_id, child_id FROM main.edges UNION ALL SELECT parent_id, child_id FROM former_edges);
CREATE TEMP VIEW tags AS SELECT * FROM main.tags WHERE node_id NOT IN (SELECT id FROM hidden)
    UNION ALL SELECT * FROM former_tags;
CREATE TEMP VIEW purged AS SELECT * FROM main.purged WHERE id NOT IN (SELECT id FROM hidden);
CREATE TEMP VIEW meta AS
    SELECT key, CASE key WHEN 'seq' THEN min(value, {horizon}) ELSE value END AS value FROM main.meta;
"""
"""Unqualified names mean the temporary views: SQLite looks there first."""


@dataclass(frozen=True, slots=True)
class _Former:
    """A node before one change: its rows per table, none if it did not exist."""

    until: int
    seq: int
    rows: dict[str, list[sqlite3.Row]]


@dataclass(slots=True)
class _Notes:
    formers: dict[str, list[_Former]] = field(default_factory=dict)
    stale: list[tuple[int, sqlite3.Row]] = field(default_factory=list)
    older: dict[str, bytes] = field(default_factory=dict)


class Sql(Protocol):
    """What can be asked."""

    def execute(self, sql: str, parameters: Any = ..., /) -> sqlite3.Cursor:
        """Execute one statement."""
        ...


class Write(Sql, Protocol):
    """A write transaction: ``library.store`` has it."""

    now: int
    first: int


class Veil:
    """The notes. Safe for many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._notes = _Notes()

    def lift(self) -> None:
        """Forget everything, so that listings show the truth."""
        with self._guard:
            self._notes = _Notes()

    def older(self, node_id: str) -> bytes | None:
        """Return a node's JSON before its last change, if it was noted."""
        return self._notes.older.get(node_id)

    def note(self, before: sqlite3.Connection, after: Write, knobs: Behaviour, late: int) -> None:
        """Note what a transaction changes.

        Args:
            before: a snapshot without the transaction.
            after: the transaction, about to commit.
            knobs: how long each kind of change stays hidden.
            late: milliseconds for which all of it does, at least.
        """
        first, now = after.first, after.now
        changed = after.execute(
            "SELECT id, seq FROM nodes WHERE seq > ? UNION ALL SELECT id, seq FROM purged WHERE seq > ?", (first, first)
        ).fetchall()
        for node_id, seq in changed:
            old, new = _rows(before, node_id), _rows(after, node_id)
            hidden = max(late, _lag(old, new, knobs.lag))
            with self._guard:
                if hidden:
                    self._notes.formers.setdefault(node_id, []).append(_Former(now + hidden, seq, old))
                if knobs.paging.stale_children and new["nodes"]:
                    kept = {edge["parent_id"] for edge in new["edges"]}
                    until = now + knobs.paging.stale_children
                    self._notes.stale += [(until, edge) for edge in old["edges"] if edge["parent_id"] not in kept]
                if knobs.delta.older and old["nodes"]:
                    self._notes.older[node_id] = old["nodes"][0]["body"]

    @contextlib.contextmanager
    def over(self, connection: sqlite3.Connection, now: int) -> Iterator[sqlite3.Connection]:
        """Open a snapshot of a connection, which nobody else may use afterwards, as the veil shows it at *now*."""
        shown, stale = self._at(now)
        horizon = min((former.seq - 1 for former in shown.values()), default=_NO_HORIZON)
        connection.executescript(_VEIL.format(horizon=horizon))
        _fill(connection, "hidden", [(node_id,) for node_id in shown])
        _fill(connection, "stale_edges", stale)
        for table in _TABLES:
            _fill(connection, f"former_{table}", [row for former in shown.values() for row in former.rows[table]])
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")

    def _at(self, now: int) -> tuple[dict[str, _Former], list[sqlite3.Row]]:
        """Return what stands in the place of each hidden node, and the stale edges; forget what is over."""
        with self._guard:
            for node_id, formers in list(self._notes.formers.items()):
                if not (left := [former for former in formers if former.until > now]):
                    del self._notes.formers[node_id]
                    continue
                self._notes.formers[node_id] = left
            self._notes.stale = [pair for pair in self._notes.stale if pair[0] > now]
            shown = {node_id: formers[0] for node_id, formers in self._notes.formers.items()}
            return shown, [edge for _, edge in self._notes.stale]


def wanted(knobs: Behaviour, late: int) -> bool:
    """Whether transactions need to be noted."""
    return bool(late or knobs.lag != _OFF or knobs.paging.stale_children or knobs.delta.older)


def _lag(old: Mapping[str, list[sqlite3.Row]], new: Mapping[str, list[sqlite3.Row]], lag: Lag) -> int:
    """Return for how long a change stays hidden, told by what it changed."""
    before, after = (rows["nodes"][0] if rows["nodes"] else None for rows in (old, new))
    if after is None:
        return lag.purge if before is not None else 0
    if before is None or before["status"] == "PENDING":
        return lag.upload if after["kind"] == "FILE" else lag.create
    if before["status"] != after["status"]:
        return lag.trash if after["status"] == "TRASH" else lag.restore
    return lag.move if before["name"] != after["name"] or _places(old) != _places(new) else lag.change


def _places(rows: Mapping[str, list[sqlite3.Row]]) -> set[str]:
    return {edge["parent_id"] for edge in rows["edges"]}


def _rows(sql: Sql, node_id: str) -> dict[str, list[sqlite3.Row]]:
    return {
        table: sql.execute(f"SELECT * FROM {table} WHERE {key} = ?", (node_id,)).fetchall()  # noqa: S608 - the names of _TABLES
        for table, key in _TABLES.items()
    }


def _fill(connection: sqlite3.Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [tuple(row) for row in rows])  # noqa: S608 - own names
