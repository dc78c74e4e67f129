"""The catalogue: which content has which row, which photographs have which content, what could not be encoded.

SQLite in WAL mode. The vectors themselves are in shards (:mod:`ap_remote.semantic.shards`), from which ``rows`` and
``measures`` can be made again; ``nodes`` is made again by listing the remote. A row is dead when no photograph has its
content any more; it stays until the shards are compacted, since what was trashed may come back.
"""

from __future__ import annotations

from datetime import datetime
from secrets import randbits
from typing import TYPE_CHECKING, NamedTuple

from ap_remote.semantic.results import ItemFailure
from ap_remote.semantic.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable


class Generation(NamedTuple):
    """Vectors of one encoder."""

    fingerprint: str
    encoder: str
    dim: int
    active: bool
    updated: str | None


class Catalog(Rows):
    """An open catalogue."""

    def generations(self) -> list[Generation]:
        """Return all generations, the active one first."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT fingerprint, encoder, dim, active, updated FROM generations ORDER BY active DESC, fingerprint"
            ).fetchall()
        return [Generation(one, spec, dim, bool(active), updated) for one, spec, dim, active, updated in rows]

    def active(self) -> Generation | None:
        """Return the generation that searches use."""
        return next((each for each in self.generations() if each.active), None)

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

    def remove_generation(self, fingerprint: str) -> None:
        """Forget a generation, its rows and what it could not encode."""
        with self._transaction() as db:
            for table in ("rows", "shards", "failures", "generations"):
                db.execute(f"DELETE FROM {table} WHERE fingerprint = ?", (fingerprint,))  # noqa: S608 - the four names above
            db.execute("DELETE FROM measures WHERE md5 NOT IN (SELECT md5 FROM rows)")

    def touch(self, fingerprint: str, updated: str) -> None:
        """Record when a generation was last brought up to date (ISO 8601)."""
        with self._transaction() as db:
            db.execute("UPDATE generations SET updated = ? WHERE fingerprint = ?", (updated, fingerprint))

    def nodes(self, fingerprint: str) -> list[tuple[str, int]]:
        """Return every photograph that has a vector: its node id and its row, by row; of a video its first frame's."""
        with self._guard() as db:
            return db.execute(
                "SELECT nodes.id, rows.row FROM nodes JOIN rows USING (md5) WHERE fingerprint = ? AND frame = 0"
                " ORDER BY row, nodes.id",
                (fingerprint,),
            ).fetchall()

    def photographs(self, fingerprint: str) -> int:
        """Count the photographs and videos that have a vector."""
        with self._guard() as db:
            (count,) = db.execute(
                "SELECT count(*) FROM nodes JOIN rows USING (md5) WHERE fingerprint = ? AND frame = 0", (fingerprint,)
            ).fetchone()
        return int(count)

    def point(self, nodes: Iterable[tuple[str, str, str]], *, complete: bool) -> None:
        """Record id, md5 and path of photographs; with *complete* all others are forgotten."""
        with self._transaction() as db:
            if complete:
                db.execute("DELETE FROM nodes")
            db.executemany("INSERT OR REPLACE INTO nodes (id, md5, path) VALUES (?, ?, ?)", nodes)
            if complete:
                db.execute("DELETE FROM failures WHERE md5 NOT IN (SELECT md5 FROM nodes)")

    def coverage(self, fingerprint: str) -> float:
        """Return which share of the photographs that can be encoded has a vector, 0 to 1; 1 where there are none."""
        with self._guard() as db:
            every, covered, lasting = db.execute(
                "SELECT count(*), ifnull(sum(rows.md5 IS NOT NULL), 0),"
                " ifnull(sum(rows.md5 IS NULL AND failures.md5 IS NOT NULL), 0)"
                " FROM nodes LEFT JOIN rows ON rows.fingerprint = ?1 AND rows.md5 = nodes.md5 AND frame = 0"
                " LEFT JOIN failures ON failures.fingerprint = ?1 AND failures.md5 = nodes.md5"
                " AND failures.status <> 'transient'",
                (fingerprint,),
            ).fetchone()
        return covered / (every - lasting) if every > lasting else 1.0

    def fail(self, fingerprint: str, md5: str, failure: ItemFailure) -> None:
        """Record that a content could not be encoded, in place of what was recorded of it before."""
        one = failure
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO failures (fingerprint, md5, status, reason, path, tries, again)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (fingerprint, md5, one.status, one.reason, one.path, one.tries, one.again and f"{one.again}"),
            )

    def failures(self, fingerprint: str) -> dict[str, ItemFailure]:
        """Return what could not be encoded, by md5."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT md5, path, reason, status, tries, again FROM failures WHERE fingerprint = ? ORDER BY path",
                (fingerprint,),
            ).fetchall()
        return {md5: failure_of(*facts) for md5, *facts in rows}


def failure_of(path: str, reason: str, status: str, tries: int, again: str | None) -> ItemFailure:
    """Return what those columns say of a failure."""
    when = datetime.fromisoformat(again) if again else None
    return ItemFailure(path=path, reason=reason, status=status, tries=tries, again=when)
