"""Whether an entry answers to a query: both languages, over our own entries.

Search sees available photographs, videos and albums that are not hidden; ``""`` stands for photographs and videos, any
facet is asked of albums as well, since ``type`` alone tells them apart [amazon-photos-api.md 7.2]. Dates are taken
apart in UTC (inferred: Amazon may use the photograph's local time). Names compare composed (NFC), whatever their case.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC
from typing import TYPE_CHECKING, Final

from ap_remote.model import Entry, Kind, Status
from ap_remote.query.names import read_date
from ap_remote.query.tree import AllOf, AnyOf, Range, Term, Value

if TYPE_CHECKING:
    from datetime import datetime

    from ap_remote.query.tree import Query

_KINDS: Final = {Kind.FILE: "FILE", Kind.FOLDER: "FOLDER", Kind.ASSET: "ASSET", Kind.ALBUM: "VISUAL_COLLECTION"}
_STATUSES: Final = {Status.AVAILABLE: "AVAILABLE", Status.TRASHED: "TRASH", Status.PENDING: "PENDING"}


def matches(query: Query, entry: Entry) -> bool:
    """Return whether *query* finds *entry*."""
    if query.language == "search":
        return _searchable(query, entry) and all(
            _holds(each.value, _FACETS[each.name], entry) for each in query.clauses
        )
    return all(_holds(each.value, _FIELDS[each.name], entry) for each in query.clauses)


def type_of(entry: Entry) -> str | None:
    """Return the value of the facet ``type``: PHOTOS, VIDEOS, ALBUMS, or ``None`` for what search does not see."""
    if entry.kind is Kind.ALBUM:
        return "ALBUMS"
    if entry.kind is not Kind.FILE:
        return None
    return "PHOTOS" if entry.is_photo else "VIDEOS" if entry.is_video else None


def extension_of(name: str) -> str:
    """Return what follows the last dot, in lower case; empty where there is none."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def _searchable(query: Query, entry: Entry) -> bool:
    if entry.status is not Status.AVAILABLE or entry.hidden or type_of(entry) is None:
        return False
    return entry.kind is not Kind.ALBUM or bool(query.clauses)


def _holds(value: Value, test: _Test, entry: Entry) -> bool:
    match value:
        case AllOf(values=values):
            return all(_holds(each, test, entry) for each in values)
        case AnyOf(values=values):
            return any(_holds(each, test, entry) for each in values)
    return test(entry, value)


def _folded(text: str) -> str:
    """Return what two texts share that count as equal (inferred: as names do in their folder)."""
    return unicodedata.normalize("NFC", text).casefold()


_Test = Callable[[Entry, Term | Range], bool]


def _text(read: Callable[[Entry], str | None], *, fold: bool = True) -> _Test:
    """Compare one text, by default without regard to case."""

    def test(entry: Entry, value: Term | Range) -> bool:
        found = read(entry)
        if found is None or isinstance(value, Range):
            return False
        wanted = value.text
        if fold:
            found, wanted = _folded(found), _folded(wanted)
        return found.startswith(wanted) if value.prefix else found == wanted

    return test


def _texts(read: Callable[[Entry], tuple[str, ...]], *, fold: bool = False) -> _Test:
    """Look for one text among several."""

    def test(entry: Entry, value: Term | Range) -> bool:
        if isinstance(value, Range):
            return False
        if fold:
            return _folded(value.text) in {_folded(each) for each in read(entry)}
        return value.text in read(entry)

    return test


def _number(read: Callable[[Entry], int | None]) -> _Test:
    def test(entry: Entry, value: Term | Range) -> bool:
        return isinstance(value, Term) and read(entry) == int(value.text)

    return test


def _truth(read: Callable[[Entry], bool]) -> _Test:
    def test(entry: Entry, value: Term | Range) -> bool:
        return isinstance(value, Term) and read(entry) == (value.text == "true")

    return test


def _moment(read: Callable[[Entry], datetime | None]) -> _Test:
    """Compare points in time; a bare date is its first moment."""

    def test(entry: Entry, value: Term | Range) -> bool:
        found = read(entry)
        if found is None:
            return False
        if isinstance(value, Term):
            return found == read_date(value.text)
        low = read_date(value.low.text) if value.low else None
        high = read_date(value.high.text) if value.high else None
        if value.low and low and (found < low or (found == low and not value.low.included)):
            return False
        return not (value.high and high and (found > high or (found == high and not value.high.included)))

    return test


def _location(entry: Entry, value: Term | Range) -> bool:
    """``CAN#BC`` finds what lies in ``CAN#BC#Vancouver``."""
    label = entry.media.place.label if entry.media and entry.media.place else None
    if not label or isinstance(value, Range):
        return False
    wanted = [_folded(part) for part in value.text.rstrip("#").split("#")]
    return any(wanted) and [_folded(part) for part in label.split("#")][: len(wanted)] == wanted


_FACETS: Final[dict[str, _Test]] = {
    "type": _text(type_of, fold=False),
    "things": _texts(lambda entry: entry.things, fold=True),
    "timeYear": _number(lambda entry: entry.taken.astimezone(UTC).year if entry.taken else None),
    "timeMonth": _number(lambda entry: entry.taken.astimezone(UTC).month if entry.taken else None),
    "timeDay": _number(lambda entry: entry.taken.astimezone(UTC).day if entry.taken else None),
    "location": _location,
    "people": _texts(lambda entry: entry.people),
    "clusterId": _texts(lambda entry: entry.people),
    "familyMembers": _text(lambda entry: entry.owner_id, fold=False),
    "favorite": _truth(lambda entry: entry.favorite),
    "name": _text(lambda entry: entry.name),
    "extension": _text(lambda entry: extension_of(entry.name)),
}

_FIELDS: Final[dict[str, _Test]] = {
    "isRoot": _truth(lambda entry: entry.kind is Kind.FOLDER and not entry.name),
    "name": _text(lambda entry: entry.name or None),
    "kind": _text(lambda entry: _KINDS[entry.kind], fold=False),
    "status": _text(lambda entry: _STATUSES[entry.status], fold=False),
    "parents": _texts(lambda entry: entry.parents),
    "parentIds": _texts(lambda entry: entry.parents),
    "labels": _texts(lambda entry: entry.labels),
    "description": _text(lambda entry: entry.description, fold=False),
    "createdDate": _moment(lambda entry: entry.created),
    "modifiedDate": _moment(lambda entry: entry.modified),
    "contentProperties.contentDate": _moment(lambda entry: entry.taken),
    "contentProperties.size": _number(lambda entry: entry.size if entry.kind is Kind.FILE else None),
    "contentProperties.contentType": _text(lambda entry: entry.content_type),
    "contentProperties.md5": _text(lambda entry: entry.md5, fold=False),
    "contentProperties.extension": _text(lambda entry: extension_of(entry.name) or None),
    "settings.hidden": _truth(lambda entry: entry.hidden),
    "favorite": _truth(lambda entry: entry.favorite),
}
