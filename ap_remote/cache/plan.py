"""What of a query the indexes can answer: which shelves, which spans of time, which ids.

A plan never leaves out what the query finds. Where it is ``exact`` it holds nothing else either; otherwise each
candidate is judged by :func:`ap_remote.query.matches`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from ap_remote.cache import keys, shelves
from ap_remote.query.names import read_date
from ap_remote.query.tree import AllOf, AnyOf, Clause, Query, Range, Term, Value

Span = tuple[int, int]
"""Instants as in keys: the first is included, the second is not."""
_EVER: Final[tuple[Span, ...]] = ((keys.NEVER + 1, keys.ALWAYS),)
_SPANS: Final = 4000
"""More pieces of time than that are not worth their seeks."""
_KINDS: Final = {
    "FILE": shelves.FILES,
    "FOLDER": frozenset({shelves.FOLDER}),
    "ASSET": frozenset({shelves.ASSET}),
    "VISUAL_COLLECTION": frozenset({shelves.ALBUM}),
    "SHARED_COLLECTION": frozenset[int](),
}
_TYPES: Final = {
    "PHOTOS": frozenset({shelves.PHOTO}),
    "VIDEOS": frozenset({shelves.VIDEO}),
    "ALBUMS": frozenset({shelves.ALBUM}),
}
_STATUSES: Final = {
    "AVAILABLE": frozenset({0}),
    "TRASH": frozenset({shelves.AWAY}),
    "PENDING": frozenset({shelves.AWAY}),
    "PURGED": frozenset[int](),
}
_TRUTHS: Final = {"true": frozenset({shelves.HIDDEN}), "false": frozenset({0})}
_ALIASES: Final = {"parentIds": "parents"}
_INDEXED: Final = frozenset({"kind", "settings.hidden", "contentProperties.contentDate", "createdDate"})
_PARTS: Final = ("timeYear", "timeMonth", "timeDay")
_MONTHS: Final = range(1, 13)
_DAYS: Final = range(1, 32)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look."""

    shelves: tuple[int, ...]
    taken: tuple[Span, ...] | None = None
    """Capture times, apart and in order; ``None``: any, the unknown ones too."""
    created: tuple[Span, ...] | None = None
    md5: tuple[str, ...] | None = None
    parents: tuple[str, ...] | None = None
    name: Term | None = None
    exact: bool = False


def plan(query: Query, years: Callable[[], range]) -> Plan:
    """Return where what a query finds stands.

    Args:
        query: in either language.
        years: returns those in which anything was taken; called where a query names months or days without a year.
    """
    return _search(query, years) if query.language == "search" else _nodes(query)


def _search(query: Query, years: Callable[[], range]) -> Plan:
    classes = frozenset({shelves.PHOTO, shelves.VIDEO})
    if query.clauses:
        classes |= {shelves.ALBUM}
    taken: tuple[Span, ...] | None = None
    exact = True
    name: Term | None = None
    if any(clause.name in _PARTS for clause in query.clauses):
        taken = _calendar(query.clauses, years)
        exact = taken is not None
    for clause in query.clauses:
        if clause.name == "type":
            classes &= _pick(clause.value, _TYPES)
        elif clause.name not in _PARTS:
            exact = False
            if clause.name == "name":
                name = name or _term(clause.value)
    return Plan(shelves=tuple(sorted(classes)), taken=taken, name=name, exact=exact)


def _nodes(query: Query) -> Plan:
    values: dict[str, list[Value]] = {}
    for clause in query.clauses:
        values.setdefault(_ALIASES.get(clause.name, clause.name), []).append(clause.value)
    away = _STATUSES["AVAILABLE"] if "status" not in values else _choose(values.get("status"), _STATUSES)
    on = sorted(
        each | flag | mark
        for each in _choose(values.get("kind"), _KINDS)
        for flag in away
        for mark in _choose(values.get("settings.hidden"), _TRUTHS)
    )
    taken, created = _times(values.get("contentProperties.contentDate")), _times(values.get("createdDate"))
    return Plan(
        shelves=tuple(on),
        taken=taken,
        created=created,
        md5=_first_words(values.get("contentProperties.md5")),
        parents=_first_words(values.get("parents")),
        name=next((term for value in values.get("name", ()) if (term := _term(value))), None),
        exact=values.keys() <= _INDEXED and (taken is None or created is None),
    )


def _choose(values: Iterable[Value] | None, table: dict[str, frozenset[int]]) -> frozenset[int]:
    """Return what several clauses allow of a table of choices: everything where there is none."""
    found = frozenset().union(*table.values())
    for value in values or ():
        found &= _pick(value, table)
    return found


def _times(values: Iterable[Value] | None) -> tuple[Span, ...] | None:
    if values is None:
        return None
    found = _EVER
    for value in values:
        found = _meet(found, _bounds(value))
    return found


def _first_words(values: Iterable[Value] | None) -> tuple[str, ...] | None:
    return next((words for value in values or () if (words := _words(value)) is not None), None)


def _pick(value: Value, table: dict[str, frozenset[int]]) -> frozenset[int]:
    """Return what of a table of choices a value allows; a prefix stands for all that begin so."""
    match value:
        case AllOf(values=values):
            return frozenset.intersection(*(_pick(each, table) for each in values))
        case AnyOf(values=values):
            return frozenset().union(*(_pick(each, table) for each in values))
        case Term(text=text, prefix=True):
            return frozenset().union(*(found for word, found in table.items() if word.startswith(text)))
        case Term(text=text):
            return table.get(text, frozenset())
    return frozenset()


def _term(value: Value) -> Term | None:
    return value if isinstance(value, Term) and value.text else None


def _words(value: Value) -> tuple[str, ...] | None:
    """Return the words of which one at least is there; ``None`` where that cannot be said."""
    match value:
        case Term(text=text, prefix=False):
            return (text,)
        case AnyOf(values=values):
            rows = [_words(each) for each in values]
            if all(row is not None for row in rows):
                return tuple(dict.fromkeys(word for row in rows for word in row or ()))
        case AllOf(values=values):
            return next((row for each in values if (row := _words(each)) is not None), None)
    return None


def _bounds(value: Value) -> tuple[Span, ...]:
    match value:
        case AllOf(values=values):
            found = _EVER
            for each in values:
                found = _meet(found, _bounds(each))
            return found
        case AnyOf(values=values):
            return _join(span for each in values for span in _bounds(each))
        case Range(low=low, high=high):
            begin = keys.NEVER + 1 if low is None else _instant(low.text) + (not low.included)
            end = keys.ALWAYS if high is None else _instant(high.text) + high.included
            return ((begin, end),) if begin < end else ()
        case Term(text=text):
            at = _instant(text)
            return ((at, at + 1),)
    return ()


def _instant(text: str) -> int:
    when = read_date(text)
    return keys.NEVER if when is None else keys.instant(when)


def _join(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in order and apart."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)


def _meet(one: tuple[Span, ...], other: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return what two lists of spans share."""
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return _join((begin, end) for begin, end in pairs if begin < end)


def _calendar(clauses: Iterable[Clause], years: Callable[[], range]) -> tuple[Span, ...] | None:
    """Return the days that the facets of time name, ``None`` where they are too many; days are those of UTC."""
    parts: dict[str, frozenset[int]] = {}
    for clause in clauses:
        if clause.name in _PARTS:
            numbers = _numbers(clause.value)
            parts[clause.name] = parts.get(clause.name, numbers) & numbers
    wanted_years: Iterable[int] = parts.get("timeYear", years() if "timeYear" not in parts else ())
    spans: list[Span] = []
    for year in wanted_years:
        for begin, end in _within(year, parts.get("timeMonth"), parts.get("timeDay")):
            spans.append((keys.instant(begin), keys.ALWAYS if end is None else keys.instant(end)))
        if len(spans) > _SPANS:
            return None
    return _join(spans)


def _within(
    year: int, months: frozenset[int] | None, days: frozenset[int] | None
) -> Iterable[tuple[datetime, datetime | None]]:
    if months is None and days is None:
        if _date(year, 1, 1):
            yield datetime(year, 1, 1, tzinfo=UTC), _date(year + 1, 1, 1)
        return
    for month in sorted(months if months is not None else _MONTHS):
        if days is None:
            begin, end = _date(year, month, 1), _date(year + month // 12, month % 12 + 1, 1)
            if begin:
                yield begin, end
            continue
        for day in sorted(days & frozenset(_DAYS)):
            begin = _date(year, month, day)
            if begin:
                yield begin, _after(begin)


def _date(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _after(day: datetime) -> datetime | None:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        return None


def _numbers(value: Value) -> frozenset[int]:
    match value:
        case AllOf(values=values):
            return frozenset.intersection(*map(_numbers, values))
        case AnyOf(values=values):
            return frozenset().union(*map(_numbers, values))
        case Term(text=text, prefix=False):
            return frozenset({int(text)})
    return frozenset()
