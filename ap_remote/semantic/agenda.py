"""What a build's listing found and what is to be done of it: on the disk, so that memory does not grow with a library.

A scratch file beside the catalogue, made anew by every build and taken away at its end; what a crash leaves of it is
thrown away by the next one. The catalogue changes once, when the listing is whole, in one transaction.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.errors import StoreError
from ap_remote.semantic.catalog import failure_of
from ap_remote.semantic.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ap_remote.semantic.results import ItemFailure

FILE: Final = "agenda.sqlite"
CHUNK: Final = 500
"""Photographs that are taken at a time: they are put in one ``IN (…)``, where SQLite allows 999 everywhere."""
_PIECE: Final = 256
"""Contents that are read at a time."""
_SCHEMA: Final = """
CREATE TABLE listed (id TEXT NOT NULL, md5 TEXT NOT NULL, path TEXT NOT NULL) STRICT;
CREATE TABLE pending (
    number INTEGER PRIMARY KEY, md5 TEXT NOT NULL, first INTEGER NOT NULL, tries INTEGER NOT NULL, entry BLOB NOT NULL
) STRICT;
CREATE TABLE work (
    number INTEGER PRIMARY KEY, md5 TEXT NOT NULL, first INTEGER NOT NULL, tries INTEGER NOT NULL
) STRICT;
"""
_ONCE: Final = """
DELETE FROM listed WHERE EXISTS (
    SELECT 1 FROM listed AS later WHERE later.id = listed.id AND later.rowid > listed.rowid
)
"""
"""What a listing had twice, since something moved while it went on, is where it was seen last."""
_FORGET: Final = "DELETE FROM catalog.nodes WHERE id NOT IN (SELECT id FROM main.listed)"
_POINT: Final = """
INSERT OR REPLACE INTO catalog.nodes (id, md5, path) SELECT id, md5, path FROM main.listed WHERE NOT EXISTS (
    SELECT 1 FROM catalog.nodes AS old WHERE old.id = listed.id AND old.md5 = listed.md5 AND old.path = listed.path
)
"""
_WORK: Final = """
INSERT INTO work (md5, first, tries) SELECT md5, first, tries FROM (
    SELECT md5, first, tries, min(number) AS number FROM pending GROUP BY md5
) ORDER BY tries > 0, number
"""
"""What failed before comes last: where it fails again, it does not stand in the way of the others."""


class Pending(NamedTuple):
    """A photograph or film whose content needs vectors."""

    md5: str
    first: int
    """The first picture that is missing."""
    tries: int
    """How often it failed before."""
    entry: bytes
    """What is needed to fetch it."""


class Agenda(Database):
    """An open agenda, with the catalogue beside it. Methods may be called from any thread; they exclude each other."""

    def __init__(self, catalog: Path, fingerprint: str) -> None:
        """Begin one for a generation of the catalogue at *catalog*.

        Raises:
            StoreError: the disk cannot be written.
        """
        self._catalog = catalog
        self._fingerprint = fingerprint
        file = catalog.with_name(FILE)
        try:
            file.unlink(missing_ok=True)
        except OSError as exc:
            message = f"cannot remove {file}: {exc.strerror or exc}"
            raise StoreError(message) from exc
        super().__init__(file)

    def _prepare(self) -> None:
        db = self._db
        # Whatever is lost of it is made again by the next build.
        db.execute("PRAGMA main.synchronous=OFF")
        db.execute("PRAGMA main.journal_mode=MEMORY")
        db.execute("PRAGMA temp_store=FILE")
        db.execute("ATTACH DATABASE ? AS catalog", (str(self._catalog),))
        db.execute("PRAGMA catalog.synchronous=FULL")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)

    def close(self) -> None:
        """Take it away. Closing twice is allowed."""
        super().close()
        self._file.unlink(missing_ok=True)

    def known(self, md5s: Sequence[str]) -> tuple[dict[str, int], dict[str, ItemFailure]]:
        """Return the last picture of each of up to :data:`CHUNK` contents that has vectors, and what failed of them."""
        marks = ",".join("?" * len(md5s))
        with self._guard() as db:
            last = db.execute(
                f"SELECT md5, max(frame) FROM catalog.rows WHERE fingerprint = ? AND md5 IN ({marks}) GROUP BY md5",  # noqa: S608 - only question marks are put in
                (self._fingerprint, *md5s),
            ).fetchall()
            failed = db.execute(
                "SELECT md5, path, reason, status, tries, again FROM catalog.failures"  # noqa: S608 - only question marks are put in
                f" WHERE fingerprint = ? AND md5 IN ({marks})",
                (self._fingerprint, *md5s),
            ).fetchall()
        return dict(last), {md5: failure_of(*facts) for md5, *facts in failed}

    def note(self, listed: Sequence[tuple[str, str, str]], pending: Sequence[Pending]) -> None:
        """Note id, md5 and path of photographs, and those of which something is to be done."""
        with self._transaction() as db:
            db.executemany("INSERT INTO listed (id, md5, path) VALUES (?, ?, ?)", listed)
            db.executemany("INSERT INTO pending (md5, first, tries, entry) VALUES (?, ?, ?, ?)", pending)

    def settle(self, *, complete: bool) -> int:
        """Point photographs at their contents, with *complete* forget all others, and count the contents to be done."""
        with self._transaction() as db:
            db.execute("CREATE INDEX listed_by_id ON listed (id)")
            db.execute(_ONCE)
            if complete:
                db.execute(_FORGET)
            db.execute(_POINT)
            if complete:
                db.execute("DELETE FROM catalog.failures WHERE md5 NOT IN (SELECT md5 FROM catalog.nodes)")
        with self._transaction() as db:
            db.execute("DROP TABLE listed")
            db.execute("CREATE INDEX pending_by_md5 ON pending (md5)")
            db.execute(_WORK)
            (count,) = db.execute("SELECT count(*) FROM work").fetchone()
        return int(count)

    def after(self, count: int) -> int:
        """Count the photographs whose content is not among the first *count*."""
        with self._guard() as db:
            (found,) = db.execute(
                "SELECT count(*) FROM work JOIN pending USING (md5) WHERE work.number > ?", (count,)
            ).fetchone()
        return int(found)

    def work(self, count: int) -> Iterator[list[list[Pending]]]:
        """Give the first *count* contents, some at a time, each with all who have it.

        They are in the order of the listing, but for those that failed before, which come last.
        """
        for start in range(1, count + 1, _PIECE):
            yield self._work(start, min(start + _PIECE - 1, count))

    def _work(self, start: int, stop: int) -> list[list[Pending]]:
        with self._guard() as db:
            found = db.execute(
                "SELECT work.number, md5, work.first, work.tries, entry FROM work JOIN pending USING (md5)"
                " WHERE work.number BETWEEN ? AND ? ORDER BY work.number, pending.number",
                (start, stop),
            ).fetchall()
        return [[Pending(*facts) for _, *facts in group] for _, group in groupby(found, key=itemgetter(0))]

    def spread(self, count: int) -> list[Pending]:
        """Return one out of the middle of *count* contents and one of the last quarter, if there are any."""
        numbers = {max(1, count // 2), max(1, 3 * count // 4)} if count else ()
        return [self._work(number, number)[0][0] for number in sorted(numbers)]

    def served(self) -> tuple[str, str] | None:
        """Return id and path of a photograph that has a vector, so that the service has shown it once."""
        with self._guard() as db:
            found: tuple[str, str] | None = db.execute(
                "SELECT nodes.id, nodes.path FROM catalog.rows CROSS JOIN catalog.nodes USING (md5)"
                " WHERE fingerprint = ? ORDER BY row DESC LIMIT 1",
                (self._fingerprint,),
            ).fetchone()
        return found
