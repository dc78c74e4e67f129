"""The catalogue's rows: which content has which row, in which shard, and what was measured of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from ap_remote.semantic.database import Database
from ap_remote.semantic.measures import Measures
from ap_remote.semantic.results import Label
from ap_remote.semantic.shards import Record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_CHUNK: Final = 500
"""Values in one ``IN (…)``; SQLite allows 999 everywhere."""
_CHANGED: Final = "UPDATE generations SET changes = changes + 1 WHERE fingerprint = ?"
_LABELS: Final = msgspec.json.Decoder(tuple[Label, ...])
_LIVING: Final = "EXISTS (SELECT 1 FROM nodes WHERE nodes.md5 = rows.md5)"
_PLACE: Final = np.dtype((np.int64, 3))
_SPOT: Final = np.dtype((np.int64, 2))
_RECORD: Final = "md5, labels, frame, moment, phash, dhash, sharpness, luma"
_WRAP: Final = 1 << 64
_T = TypeVar("_T")


class Watermark(NamedTuple):
    """Changes whenever the rows of a generation do."""

    rows: int
    changes: int
    """Counts changes from a random start, so that a catalogue made anew never repeats an old mark."""


class Extent(NamedTuple):
    """The rows of a shard, which lie between two numbers; others' rows may lie there as well."""

    name: str
    shard: int
    """The number that :meth:`Rows.places` has."""
    first: int
    last: int
    rows: int
    living: int
    """Of them those whose content some photograph still has."""


class Rows(Database):
    """What is known of the rows of all generations."""

    def add_rows(self, fingerprint: str, name: str, records: Sequence[Record]) -> int:
        """Give the rows of a shard their numbers and return how many were new; content that has a row keeps it."""
        with self._transaction() as db:
            (last,) = db.execute(
                "SELECT ifnull(max(row), -1) FROM rows WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
            shard, first = _shard(db, fingerprint, name), last
            for position, record in enumerate(records):
                labels = msgspec.json.encode(record.labels).decode()
                added = db.execute(
                    "INSERT OR IGNORE INTO rows (fingerprint, row, md5, frame, moment, shard, position, labels)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (fingerprint, last + 1, record.md5, record.frame, record.moment, shard, position, labels),
                )
                last += added.rowcount
            if last > first:
                db.execute(_CHANGED, (fingerprint,))
            else:
                db.execute("DELETE FROM shards WHERE shard = ? AND shard NOT IN (SELECT shard FROM rows)", (shard,))
            _measured(db, records)
            db.executemany(
                "DELETE FROM failures WHERE fingerprint = ? AND md5 = ?",
                [(fingerprint, record.md5) for record in records],
            )
        return int(last - first)

    def move_rows(self, fingerprint: str, old: Sequence[Extent], new: str, rows: Sequence[int]) -> None:
        """Let rows lie in a new shard, in this order, and retire the shards they came from with all that is left there.

        Without rows there is no new shard. Numbers of rows stay, so an index that knows them stays good for those that
        live.
        """
        with self._transaction() as db:
            if rows:
                shard = _shard(db, fingerprint, new)
                db.executemany(
                    "UPDATE rows SET shard = ?, position = ? WHERE fingerprint = ? AND row = ?",
                    ((shard, position, fingerprint, row) for position, row in enumerate(rows)),
                )
            for each in old:
                db.execute(
                    "DELETE FROM rows WHERE fingerprint = ? AND row BETWEEN ? AND ? AND shard = ?",
                    (fingerprint, each.first, each.last, each.shard),
                )
                db.execute("UPDATE shards SET retired = 1 WHERE shard = ?", (each.shard,))
            db.execute(_CHANGED, (fingerprint,))

    def forget_retired(self, fingerprint: str, name: str) -> None:
        """Forget a shard that was emptied and whose files are gone."""
        with self._transaction() as db:
            db.execute("DELETE FROM shards WHERE fingerprint = ? AND name = ? AND retired", (fingerprint, name))

    def drop_shard(self, fingerprint: str, name: str) -> None:
        """Forget a shard whose files are gone, and its rows."""
        with self._transaction() as db:
            shard = _shard(db, fingerprint, name)
            gone = db.execute("DELETE FROM rows WHERE fingerprint = ? AND shard = ?", (fingerprint, shard))
            db.execute("DELETE FROM shards WHERE shard = ?", (shard,))
            if gone.rowcount:
                db.execute(_CHANGED, (fingerprint,))

    def shards(self, fingerprint: str) -> dict[str, int]:
        """Return the shards in use: name to the number that :meth:`places` has."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT name, shard FROM shards WHERE fingerprint = ? AND NOT retired ORDER BY name", (fingerprint,)
            ).fetchall()
        return dict(rows)

    def lengths(self, fingerprint: str) -> dict[str, tuple[int, int] | None]:
        """Return the shards in use, each with the bytes of its two files, table first; ``None``: they are not known."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT name, table_bytes, owners_bytes FROM shards WHERE fingerprint = ? AND NOT retired"
                " ORDER BY name",
                (fingerprint,),
            ).fetchall()
        return {name: None if None in found else found for name, *both in rows if (found := tuple(both))}

    def keep_lengths(self, fingerprint: str, lengths: Mapping[str, tuple[int, int]]) -> None:
        """Remember the bytes of shards' files, which were found to be whole."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE shards SET table_bytes = ?, owners_bytes = ? WHERE fingerprint = ? AND name = ?",
                [(*found, fingerprint, name) for name, found in lengths.items()],
            )

    def retired(self, fingerprint: str) -> list[str]:
        """Return the shards that were emptied and whose files may still be there."""
        with self._guard() as db:
            rows = db.execute(
                "SELECT name FROM shards WHERE fingerprint = ? AND retired ORDER BY name", (fingerprint,)
            ).fetchall()
        return [name for (name,) in rows]

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

    def places(self, fingerprint: str) -> NDArray[np.int64]:
        """Return row, shard and position of every vector ``[n, 3]``, in the order of rows."""
        with self._guard() as db:
            found = db.execute(
                "SELECT row, shard, position FROM rows WHERE fingerprint = ? ORDER BY row", (fingerprint,)
            )
            return np.fromiter(found, dtype=_PLACE)

    def keys(self, fingerprint: str) -> NDArray[np.uint64]:
        """Return 64 bits of the content and the frame of every row, in the order of rows."""
        with self._guard() as db:
            found = db.execute("SELECT md5, frame FROM rows WHERE fingerprint = ? ORDER BY row", (fingerprint,))
            return np.fromiter((_hash64(f"{md5} {frame}") for md5, frame in found), dtype=np.uint64)

    def extents(self, fingerprint: str) -> list[Extent]:
        """Return the shards that have rows, by their first row; SQLite sorts on the disk what memory does not hold."""
        with self._guard() as db:
            found = db.execute(
                f"SELECT name, shard, min(row) AS first, max(row), count(*), sum({_LIVING}) FROM rows"  # noqa: S608 - a constant is put in
                " JOIN shards USING (shard) WHERE rows.fingerprint = ? GROUP BY shard ORDER BY first",
                (fingerprint,),
            )
            return [Extent(*each) for each in found]

    def living(self, fingerprint: str) -> int:
        """Count the rows whose content some photograph still has."""
        with self._guard() as db:
            (count,) = db.execute(
                f"SELECT count(*) FROM rows WHERE fingerprint = ? AND {_LIVING}",  # noqa: S608 - a constant is put in
                (fingerprint,),
            ).fetchone()
        return int(count)

    def living_places(self, fingerprint: str, extent: Extent) -> NDArray[np.int64]:
        """Return row and position ``[n, 2]`` of a shard's rows that live, in the order of rows."""
        with self._guard() as db:
            found = db.execute(
                "SELECT row, position FROM rows WHERE fingerprint = ? AND row BETWEEN ? AND ? AND shard = ?"  # noqa: S608 - a constant is put in
                f" AND {_LIVING} ORDER BY row",
                (fingerprint, extent.first, extent.last, extent.shard),
            )
            return np.fromiter(found, dtype=_SPOT)

    def known(self, fingerprint: str) -> set[str]:
        """Return the md5 of every content that has a vector."""
        with self._guard() as db:
            return {md5 for (md5,) in db.execute("SELECT md5 FROM rows WHERE fingerprint = ?", (fingerprint,))}

    def rows_of(self, fingerprint: str, md5s: Iterable[str]) -> dict[str, int]:
        """Return the rows of those contents that have one; of a video that of its first frame."""
        statement = "SELECT md5, row FROM rows WHERE fingerprint = ? AND frame = 0 AND md5"
        return dict(self._among(statement, fingerprint, md5s))

    def all_rows_of(self, fingerprint: str, md5s: Iterable[str]) -> list[int]:
        """Return every row of those contents, of a video all its frames."""
        return [row for (row,) in self._among("SELECT row FROM rows WHERE fingerprint = ? AND md5", fingerprint, md5s)]

    def contents_of(self, fingerprint: str, rows: Iterable[int]) -> dict[int, Record]:
        """Return whose those rows are."""
        found = self._among(
            f"SELECT row, {_RECORD} FROM rows LEFT JOIN measures USING (md5, frame) WHERE fingerprint = ? AND row",  # noqa: S608 - a constant is put in
            fingerprint,
            rows,
        )
        return {row: _record(*facts) for row, *facts in found}

    def labels_of(self, fingerprint: str, rows: Iterable[int]) -> dict[int, tuple[Label, ...]]:
        """Return what the classifier saw in those rows; those that went are left out."""
        found = self._among("SELECT row, labels FROM rows WHERE fingerprint = ? AND row", fingerprint, rows)
        return {row: _LABELS.decode(labels) for row, labels in found}

    def owners_of(self, fingerprint: str, rows: Iterable[int]) -> dict[int, tuple[Record, list[str]]]:
        """Return whose those rows are, and the ids of the photographs with that content, by path."""
        found: dict[int, tuple[Record, list[str]]] = {}
        answer = self._among(
            f"SELECT row, nodes.id, {_RECORD} FROM rows LEFT JOIN measures USING (md5, frame)"  # noqa: S608 - a constant is put in
            " LEFT JOIN nodes USING (md5) WHERE fingerprint = ? AND row",
            fingerprint,
            rows,
            order=" ORDER BY nodes.path, nodes.id",
        )
        for row, node, *facts in answer:
            if row not in found:
                found[row] = _record(*facts), []
            if node is not None:
                found[row][1].append(node)
        return found

    def _among(
        self, statement: str, fingerprint: str, values: Iterable[int] | Iterable[str], *, order: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what *statement*, which ends with a column, answers for a fingerprint and each of that column's values.

        They are asked for some hundred at a time, and *order* holds among these.
        """
        for chunk in _chunks(values):
            with self._guard() as db:
                marks = ",".join("?" * len(chunk))
                answer = db.execute(f"{statement} IN ({marks}){order}", (fingerprint, *chunk)).fetchall()
            yield from answer


def _hash64(text: str) -> int:
    """Return 64 bits that are the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _shard(db: sqlite3.Connection, fingerprint: str, name: str) -> int:
    """Return the number of a shard, which is made known and in use; its files may be others than before."""
    db.execute(
        "INSERT INTO shards (fingerprint, name) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET retired = 0, table_bytes = NULL, owners_bytes = NULL",
        (fingerprint, name),
    )
    (shard,) = db.execute("SELECT shard FROM shards WHERE fingerprint = ? AND name = ?", (fingerprint, name)).fetchone()
    return int(shard)


def _measured(db: sqlite3.Connection, records: Sequence[Record]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO measures (md5, frame, phash, dhash, sharpness, luma) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (each.md5, each.frame, _signed(found.phash), _signed(found.dhash), found.sharpness, found.luma)
            for each in records
            if (found := each.measures) is not None
        ],
    )


def _record(  # noqa: PLR0917 - the columns of _RECORD, in their order
    md5: str,
    labels: str,
    frame: int,
    moment: float,
    phash: int | None,
    dhash: int,
    sharpness: float,
    luma: float,
) -> Record:
    measures = None if phash is None else Measures(phash % _WRAP, dhash % _WRAP, sharpness, luma)
    return Record(md5, _LABELS.decode(labels), measures, frame, moment)


def _signed(bits: int) -> int:
    """Return 64 bits as SQLite's integers hold them."""
    return bits - _WRAP if bits >= _WRAP >> 1 else bits


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    chunk: list[_T] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
