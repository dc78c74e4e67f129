"""The catalogue: which content has which row, which photographs have which content, what could not be encoded.

SQLite in WAL mode. The vectors themselves are in shards (:mod:`ap_remote.semantic.shards`), from which the catalogue's
``rows`` can be made again; ``nodes`` is made again by listing the remote.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from secrets import randbits
from threading import RLock
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from ap_remote.errors import BusyStoreError, CorruptStoreError, NewerStoreError, StoreError
from ap_remote.semantic.results import ItemFailure, Label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ap_remote.semantic.shards import Record

FORMAT: Final = 1
_CHUNK: Final = 500
"""Values in one ``IN (…)``; SQLite allows 999 everywhere."""

_SCHEMA: Final = """
CREATE TABLE generations (
    fingerprint TEXT PRIMARY KEY, encoder TEXT NOT NULL, dim INTEGER NOT NULL, active INTEGER NOT NULL DEFAULT 0,
    changes INTEGER NOT NULL, updated TEXT
) STRICT;
CREATE TABLE rows (
    fingerprint TEXT NOT NULL, row INTEGER NOT NULL, md5 TEXT NOT NULL, shard INTEGER NOT NULL,
    position INTEGER NOT NULL, labels TEXT NOT NULL, PRIMARY KEY (fingerprint, row), UNIQUE (fingerprint, md5)
) STRICT, WITHOUT ROWID;
CREATE TABLE nodes (id TEXT PRIMARY KEY, md5 TEXT NOT NULL, path TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_by_md5 ON nodes (md5);
CREATE TABLE failures (
    fingerprint TEXT NOT NULL, md5 TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, path TEXT NOT NULL,
    tries INTEGER NOT NULL, PRIMARY KEY (fingerprint, md5)
) STRICT, WITHOUT ROWID;
"""

_T = TypeVar("_T")
_CHANGED: Final = "UPDATE generations SET changes = changes + 1 WHERE fingerprint = ?"
_LABELS: Final = msgspec.json.Decoder(tuple[Label, ...])


class Generation(NamedTuple):
    """Vectors of one encoder."""

    fingerprint: str
    encoder: str
    dim: int
    active: bool
    updated: str | None


class Watermark(NamedTuple):
    """Changes whenever the rows of a generation do."""

    rows: int
    changes: int
    """Counts changes from a random start, so that a catalogue made anew never repeats an old mark."""


class Catalog:
    """An open catalogue. Methods may be called from any thread; they exclude each other."""

    def __init__(self, file: Path) -> None:
        """Open or make the catalogue at *file*.

        Raises:
            NewerStoreError: written by a newer version.
            CorruptStoreError: it is no catalogue.
            StoreError: it cannot be opened.
        """
        self._file = file
        self._lock = RLock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=10)
        except (OSError, sqlite3.OperationalError) as exc:
            message = f"cannot open {file}: {exc}"
            raise StoreError(message) from exc
        try:
            with self._guard():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise NewerStoreError(f"the index catalogue {self._file}", version, FORMAT)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version={FORMAT};COMMIT;")

    @property
    def connection(self) -> sqlite3.Connection:
        """What must be closed in the end, by whoever does not call :meth:`close`."""
        return self._db

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _guard(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    message = f"another process writes to {self._file}"
                    raise BusyStoreError(message) from exc
                message = f"cannot use {self._file}: {exc}"
                raise StoreError(message) from exc
            except sqlite3.DatabaseError as exc:
                message = f"{self._file} is damaged ({exc}); `ap index build` makes it again from the shards"
                raise CorruptStoreError(message) from exc

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def generations(self) -> list[Generation]:
        """Return all generations, the active one first."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT fingerprint, encoder, dim, active, updated FROM generations ORDER BY active DESC, fingerprint"
            ).fetchall()
        return [Generation(one, spec, dim, bool(active), updated) for one, spec, dim, active, updated in rows]

    def add_generation(self, fingerprint: str, encoder: str, dim: int) -> None:
        """Make a generation known; the first one is active at once."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO generations (fingerprint, encoder, dim, changes, active)"
                " VALUES (?, ?, ?, ?, NOT EXISTS (SELECT 1 FROM generations WHERE active))"
                " ON CONFLICT (fingerprint) DO UPDATE SET encoder = excluded.encoder",
                (fingerprint, encoder, dim, randbits(48)),
            )

    def activate(self, fingerprint: str) -> None:
        """Let searches use that generation from now on."""
        with self._transaction() as db:
            db.execute("UPDATE generations SET active = (fingerprint = ?)", (fingerprint,))

    def touch(self, fingerprint: str, updated: str) -> None:
        """Record when a generation was last brought up to date (ISO 8601)."""
        with self._transaction() as db:
            db.execute("UPDATE generations SET updated = ? WHERE fingerprint = ?", (updated, fingerprint))

    def add_rows(self, fingerprint: str, shard: int, records: Sequence[Record]) -> int:
        """Give the rows of a shard their numbers and return how many were new; content that has a row keeps it."""
        with self._transaction() as db:
            before = db.total_changes
            (last,) = db.execute(
                "SELECT ifnull(max(row), -1) FROM rows WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
            for position, record in enumerate(records):
                labels = msgspec.json.encode(record.labels).decode()
                added = db.execute(
                    "INSERT OR IGNORE INTO rows (fingerprint, row, md5, shard, position, labels)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (fingerprint, last + 1, record.md5, shard, position, labels),
                )
                last += added.rowcount
            new = db.total_changes - before
            if new:
                db.execute(_CHANGED, (fingerprint,))
            db.executemany(
                "DELETE FROM failures WHERE fingerprint = ? AND md5 = ?",
                [(fingerprint, record.md5) for record in records],
            )
        return new

    def drop_shard(self, fingerprint: str, shard: int) -> None:
        """Forget the rows of a shard whose files are gone."""
        with self._transaction() as db:
            db.execute("DELETE FROM rows WHERE fingerprint = ? AND shard = ?", (fingerprint, shard))
            db.execute(_CHANGED, (fingerprint,))

    def shards(self, fingerprint: str) -> set[int]:
        """Return the numbers of the shards that rows point into."""
        with self._guard() as db:
            rows = db.execute("SELECT DISTINCT shard FROM rows WHERE fingerprint = ?", (fingerprint,)).fetchall()
        return {number for (number,) in rows}

    def watermark(self, fingerprint: str) -> Watermark:
        """Return the mark of a generation that is known."""
        with self._guard() as db:
            count, changes = db.execute(
                "SELECT (SELECT count(*) FROM rows WHERE rows.fingerprint = generations.fingerprint), changes"
                " FROM generations WHERE fingerprint = ?",
                (fingerprint,),
            ).fetchone()
        return Watermark(count, changes)

    def changes(self, fingerprint: str) -> int:
        """Return the watermark's second half alone: at 100,000 rows the count takes longer than a search."""
        with self._guard() as db:
            (changes,) = db.execute("SELECT changes FROM generations WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return int(changes)

    def is_empty(self, fingerprint: str) -> bool:
        """Whether a generation has no rows yet."""
        with self._guard() as db:
            return db.execute("SELECT 1 FROM rows WHERE fingerprint = ? LIMIT 1", (fingerprint,)).fetchone() is None

    def places(self, fingerprint: str) -> list[tuple[int, int, int]]:
        """Return row, shard and position of every vector, in the order of rows."""
        with self._guard() as db:
            return db.execute(
                "SELECT row, shard, position FROM rows WHERE fingerprint = ? ORDER BY row", (fingerprint,)
            ).fetchall()

    def place(self, fingerprint: str, row: int) -> tuple[int, int]:
        """Return shard and position of a row that exists."""
        with self._guard() as db:
            shard, position = db.execute(
                "SELECT shard, position FROM rows WHERE fingerprint = ? AND row = ?", (fingerprint, row)
            ).fetchone()
        return shard, position

    def known(self, fingerprint: str) -> set[str]:
        """Return the md5 of every content that has a vector."""
        with self._guard() as db:
            return {md5 for (md5,) in db.execute("SELECT md5 FROM rows WHERE fingerprint = ?", (fingerprint,))}

    def rows_of(self, fingerprint: str, md5s: Iterable[str]) -> dict[str, int]:
        """Return the rows of those contents that have one."""
        found: dict[str, int] = {}
        for chunk in _chunks(md5s):
            marks = ",".join("?" * len(chunk))
            with self._guard() as db:
                found.update(
                    db.execute(
                        f"SELECT md5, row FROM rows WHERE fingerprint = ? AND md5 IN ({marks})",  # noqa: S608 - only question marks are put in
                        (fingerprint, *chunk),
                    ).fetchall()
                )
        return found

    def contents_of(self, fingerprint: str, rows: Iterable[int]) -> dict[int, Record]:
        """Return whose those rows are."""
        from ap_remote.semantic.shards import Record

        found: dict[int, Record] = {}
        for chunk in _chunks(rows):
            marks = ",".join("?" * len(chunk))
            with self._guard() as db:
                answer = db.execute(
                    f"SELECT row, md5, labels FROM rows WHERE fingerprint = ? AND row IN ({marks})",  # noqa: S608 - only question marks are put in
                    (fingerprint, *chunk),
                ).fetchall()
            found.update({row: Record(md5, _LABELS.decode(labels)) for row, md5, labels in answer})
        return found

    def living_rows(self, fingerprint: str) -> list[int]:
        """Return the rows whose content some photograph still has."""
        with self._guard() as db:
            answer = db.execute(
                "SELECT row FROM rows WHERE fingerprint = ? AND md5 IN (SELECT md5 FROM nodes) ORDER BY row",
                (fingerprint,),
            ).fetchall()
        return [row for (row,) in answer]

    def owners_of(self, fingerprint: str, rows: Iterable[int]) -> dict[int, tuple[Record, list[str]]]:
        """Return whose those rows are, and the ids of the photographs with that content, by path."""
        from ap_remote.semantic.shards import Record

        found: dict[int, tuple[Record, list[str]]] = {}
        for chunk in _chunks(rows):
            marks = ",".join("?" * len(chunk))
            with self._guard() as db:
                answer = db.execute(
                    "SELECT rows.row, rows.md5, rows.labels, nodes.id FROM rows LEFT JOIN nodes USING (md5)"  # noqa: S608 - only question marks are put in
                    f" WHERE fingerprint = ? AND row IN ({marks}) ORDER BY nodes.path, nodes.id",
                    (fingerprint, *chunk),
                ).fetchall()
            for row, md5, labels, node in answer:
                if row not in found:
                    found[row] = Record(md5, _LABELS.decode(labels)), []
                if node is not None:
                    found[row][1].append(node)
        return found

    def nodes(self, fingerprint: str) -> list[tuple[str, int]]:
        """Return every photograph that has a vector: its node id and its row, by row."""
        with self._guard() as db:
            return db.execute(
                "SELECT nodes.id, rows.row FROM nodes JOIN rows USING (md5) WHERE fingerprint = ?"
                " ORDER BY row, nodes.id",
                (fingerprint,),
            ).fetchall()

    def point(self, nodes: Iterable[tuple[str, str, str]], *, complete: bool) -> None:
        """Record id, md5 and path of photographs; with *complete* all others are forgotten."""
        with self._transaction() as db:
            if complete:
                db.execute("DELETE FROM nodes")
            db.executemany("INSERT OR REPLACE INTO nodes (id, md5, path) VALUES (?, ?, ?)", nodes)
            if complete:
                db.execute("DELETE FROM failures WHERE md5 NOT IN (SELECT md5 FROM nodes)")

    def uncovered(self, fingerprint: str) -> int:
        """Count photographs that have neither a vector nor a lasting failure in that generation."""
        with self._guard() as db:
            (count,) = db.execute(
                "SELECT count(*) FROM nodes WHERE md5 NOT IN (SELECT md5 FROM rows WHERE fingerprint = ?)"
                " AND md5 NOT IN (SELECT md5 FROM failures WHERE fingerprint = ? AND status <> 'transient')",
                (fingerprint, fingerprint),
            ).fetchone()
        return int(count)

    def fail(self, fingerprint: str, md5: str, failure: ItemFailure) -> None:
        """Record that a content could not be encoded."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO failures (fingerprint, md5, status, reason, path, tries) VALUES (?, ?, ?, ?, ?, 1)"
                " ON CONFLICT DO UPDATE SET status = excluded.status, reason = excluded.reason, path = excluded.path,"
                " tries = tries + 1",
                (fingerprint, md5, failure.status, failure.reason, failure.path),
            )

    def failures(self, fingerprint: str) -> dict[str, ItemFailure]:
        """Return what could not be encoded, by md5."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT md5, path, reason, status FROM failures WHERE fingerprint = ? ORDER BY path", (fingerprint,)
            ).fetchall()
        return {md5: ItemFailure(path=path, reason=reason, status=status) for md5, path, reason, status in rows}


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    chunk: list[_T] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
