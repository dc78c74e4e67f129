"""Queries over the cache, along the plan that the indexes allow."""

from __future__ import annotations

import heapq
import itertools
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import MAXYEAR, datetime
from typing import Any, Final

from ap_remote import query as language
from ap_remote.cache import keys, records, shelves
from ap_remote.cache.plan import Plan, Span, plan
from ap_remote.cache.view import View
from ap_remote.model import Entry, Status
from ap_remote.query.tree import Query, Term
from ap_remote.remote import paths

Row = tuple[int, str]
"""An instant and an id, as they stand in an index of time."""
_CENTURIES: Final = 300
"""Years that a library may span before months alone are no longer looked up by the year."""


def find(view: View, query: Query, *, sort: str, limit: int | None) -> list[Entry]:
    """Return what a query finds; see :meth:`ap_remote.cache.nodes.NodeCache.search`.

    Raises:
        ValueError: nobody can sort by that.
    """
    if limit is not None and limit <= 0:
        return []
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    if key not in ("taken", "created", "name"):
        message = f"cannot sort by {key!r}; known are taken, created and name"
        raise ValueError(message)
    way = plan(query, lambda: _years(view))
    index = keys.CREATED if key == "created" else keys.TAKEN
    spans, others = (way.created, way.taken) if key == "created" else (way.taken, way.created)
    if key != "name" and not _by_id(way) and (spans is not None or others is None):
        # The index is in the order that is asked for: no more is read than is wanted.
        rows = _ordered(view, index, way.shelves, spans, descending=descending)
        return _take(view, query, way, (node_id for _, node_id in rows), limit)
    found = _take(view, query, way, _ids(view, way), None)
    found.sort(key=lambda entry: _rank(entry, key), reverse=descending)
    return found if limit is None else found[:limit]


def tally(view: View, query: Query) -> int:
    """Return how many nodes a query finds."""
    way = plan(query, lambda: _years(view))
    if not way.exact:
        return len(_take(view, query, way, _ids(view, way), None, located=False))
    index = _index(way)
    spans = _spans(way, index)
    return sum(_count(view, begin, end) for begin, end in _ranges(index, way.shelves, spans))


def dated(view: View, start: datetime | None, stop: datetime | None) -> list[str]:
    """Return the ids of the available files taken (else created) from *start* until before *stop*, in order."""
    begin = keys.NEVER + 1 if start is None else keys.instant(start)
    end = keys.ALWAYS if stop is None else keys.instant(stop)
    found: list[Row] = []
    for shelf in sorted(each | flag for each in shelves.FILES for flag in (0, shelves.HIDDEN)):
        for low, high in _ranges(keys.TAKEN, (shelf,), ((begin, end),)):
            found.extend(map(_row, view.between("times", low, high)))
        # Without a capture time the row says when the node was created.
        for key, value in view.rows("times", keys.time(keys.TAKEN, shelf, keys.NEVER), _after(shelf)):
            created = int.from_bytes(value)
            if begin <= created < end:
                found.append((created, key[keys.TIMED :].decode()))
    return [node_id for _, node_id in sorted(found)]


def months(view: View) -> list[tuple[int, int]]:
    """Return the years and months in which photographs and films were taken, in order; one look for each is enough."""
    found: set[tuple[int, int]] = set()
    for shelf in (shelves.PHOTO, shelves.VIDEO):
        low, high = keys.time(keys.TAKEN, shelf, keys.NEVER + 1), keys.time(keys.TAKEN, shelf, keys.ALWAYS)
        while (row := next(view.between("times", low, high), None)) is not None:
            when = keys.moment(_row(row)[0])
            found.add((when.year, when.month))
            if (when.year, when.month) == (MAXYEAR, 12):
                break
            following = when.replace(year=when.year + when.month // 12, month=when.month % 12 + 1, day=1)
            start = following.replace(hour=0, minute=0, second=0, microsecond=0)
            low = keys.time(keys.TAKEN, shelf, keys.instant(start))
    return sorted(found)


def _after(shelf: int) -> bytes:
    return keys.time(keys.TAKEN, shelf, keys.NEVER + 1)


def _row(key: bytes) -> Row:
    _, when, node_id = keys.parse_time(key)
    return when, node_id


def _by_id(way: Plan) -> bool:
    return way.md5 is not None or way.parents is not None or way.name is not None


def _index(way: Plan) -> bytes:
    """Return the index that narrows the most."""
    return keys.CREATED if way.created is not None and way.taken is None else keys.TAKEN


def _spans(way: Plan, index: bytes) -> tuple[Span, ...] | None:
    return way.created if index == keys.CREATED else way.taken


def _ranges(index: bytes, on: Iterable[int], spans: tuple[Span, ...] | None) -> Iterator[tuple[bytes, bytes]]:
    for shelf in on:
        for begin, end in ((keys.NEVER, keys.ALWAYS),) if spans is None else spans:
            yield keys.time(index, shelf, begin), keys.time(index, shelf, end)


def _count(view: View, low: bytes, high: bytes) -> int:
    rows = itertools.takewhile(high.__gt__, view.between("times", low, None))
    return sum(map(bool, rows))


def _ordered(
    view: View, index: bytes, on: tuple[int, ...], spans: tuple[Span, ...] | None, *, descending: bool
) -> Iterator[Row]:
    """Yield the rows of several shelves in one order, reading them as they are wanted."""

    def run(shelf: int) -> Iterator[Row]:
        ranges = list(_ranges(index, (shelf,), spans))
        for low, high in reversed(ranges) if descending else ranges:
            yield from map(_row, view.backwards("times", low, high) if descending else view.between("times", low, high))

    return heapq.merge(*map(run, on), reverse=descending)


def _ids(view: View, way: Plan) -> Iterator[str]:
    """Yield the ids of all candidates, once each."""
    if way.md5 is not None:
        return _once(keys.parse_digest(key)[1] for md5 in way.md5 for key in view.scan("md5", keys.digest(md5, "")))
    if way.parents is not None and not any(shelf & shelves.AWAY for shelf in way.shelves):
        known = (each for each in way.parents if keys.is_node(each))
        return _once(node_id for parent in known for node_id in view.child_ids(parent))
    if way.name is not None and not any(shelf & shelves.AWAY for shelf in way.shelves):
        return _once(_named(view, way.name))
    index = _index(way)
    ranges = _ranges(index, way.shelves, _spans(way, index))
    return (key[keys.TIMED :].decode() for low, high in ranges for key in view.between("times", low, high))


def _named(view: View, name: Term) -> Iterator[str]:
    """Yield the ids of what may have a name, from the keys of children alone.

    Keys have names as they are stored, and names compare composed (NFC): a key that is not ASCII may be any of them.
    """
    wanted = keys.stem(paths.fold(name.text), prefix=name.prefix)
    for key in view.between("children", b"", None):
        at = key.find(b"\0")
        if key.startswith(wanted, at + 1) or not key.isascii():
            yield key[key.rfind(b"\0") + 1 :].decode()


def _once(ids: Iterable[str]) -> Iterator[str]:
    return iter(dict.fromkeys(ids))


def _take(
    view: View, query: Query, way: Plan, ids: Iterable[str], limit: int | None, *, located: bool = True
) -> list[Entry]:
    """Return those candidates that the query finds, each at its path."""
    folders: dict[str, str | None] = {}
    found: list[Entry] = []
    for node_id in ids:
        entry = view.record(node_id)
        if entry is None or not (way.exact or _holds(query, entry)):
            continue
        path = _path(view, entry, folders)
        if path is None:
            continue
        found.append(records.placed(entry, path) if located else entry)
        if len(found) == limit:
            break
    return found


def _holds(query: Query, entry: Entry) -> bool:
    if query.language == "nodes" and entry.status is not Status.AVAILABLE:
        return any(clause.name == "status" for clause in query.clauses) and language.matches(query, entry)
    return language.matches(query, entry)


def _path(view: View, entry: Entry, folders: dict[str, str | None]) -> str | None:
    """Return where an entry is; one without any parent is at its name, one whose way up is unknown nowhere."""
    for parent in entry.parents:
        if parent not in folders:
            folders[parent] = view.folder_path(parent)
        above = folders[parent]
        if above is not None:
            return paths.join(above, entry.name)
    if entry.parents:
        return None
    path = view.path_of(entry.id)
    return entry.name if path is None else path


def _rank(entry: Entry, key: str) -> tuple[Any, ...]:
    if key == "name":
        return unicodedata.normalize("NFC", entry.name).casefold(), entry.id
    when = entry.taken if key == "taken" else entry.created
    return keys.NEVER if when is None else keys.instant(when), entry.id


def _years(view: View) -> range:
    """Return the years in which anything was taken."""
    found: list[int] = []
    for shelf in (shelves.PHOTO, shelves.VIDEO):
        low, high = keys.time(keys.TAKEN, shelf, keys.NEVER + 1), keys.time(keys.TAKEN, shelf, keys.ALWAYS)
        for rows in (view.between("times", low, high), view.backwards("times", low, high)):
            found.extend(keys.moment(_row(key)[0]).year for key in itertools.islice(rows, 1))
    if not found:
        return range(0)
    return range(min(found), min(max(found), min(found) + _CENTURIES) + 1)
