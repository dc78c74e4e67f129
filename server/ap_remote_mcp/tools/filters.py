"""From simple filters to one query in Amazon's syntax, with every value quoted by its builders."""

from __future__ import annotations

import calendar
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.model import NodeId
from ap_remote.query import all_of, facet, parse_search, show
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.tools import names
from ap_remote_mcp.tools.below import Below
from ap_remote_mcp.tools.targets import album_named, folder_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry
    from ap_remote.query import Query
    from ap_remote_mcp.context import App
    from ap_remote_mcp.tools.queries import SearchQuery

DATE: Final = r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2}([T ][0-9:.,Zz+-]*)?)?)?)?$"
"""A year, a month or a day, of which the time is left out; empty for none."""
DATES: Final = "a date is YYYY, YYYY-MM or YYYY-MM-DD"
_DAY: Final = 10
"""Characters of a day."""
MB: Final = 1_000_000
"""Bytes of a megabyte."""
_PLACES: Final = 30
_TYPES: Final = {"photo": "PHOTOS", "video": "VIDEOS"}


class Period(msgspec.Struct, frozen=True):
    """Days, both included; ``None`` is open."""

    first: date | None = None
    last: date | None = None

    def holds(self, entry: Entry) -> bool:
        """Whether an entry was taken in it. Days are those of Amazon's ``contentDate`` as it stands."""
        if entry.taken is None:
            return False
        day = entry.taken.date()
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class Selection(msgspec.Struct, frozen=True):
    """What the remote is asked, and what is still to be checked here, since no facet says it."""

    filter: str = ""
    period: Period | None = None
    words: tuple[str, ...] = ()
    folder: str = ""
    """The path of the folder at or below which everything lies."""
    below: Below | None = None
    """The same folder; tells of an entry whether it lies there."""
    members: dict[str, Entry] | None = None
    """What is in the album, by id."""
    size: int = 0
    """Bytes, at least."""
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether the remote's answer is the answer."""
        return self.period is None and not self.words and not self.size and not self.placed

    @property
    def placed(self) -> bool:
        """Whether a folder or an album is named: all that lies there can be listed."""
        return bool(self.folder) or self.members is not None

    async def holds(self, entry: Entry) -> bool:
        """Whether an entry that the remote found belongs to the answer."""
        return self.fits(entry) and (self.below is None or await self.below.holds(entry))

    def fits(self, entry: Entry) -> bool:
        """Whether it does, if it lies in the folder."""
        if entry.size < self.size or (self.members is not None and entry.id not in self.members):
            return False
        if self.period is not None and not self.period.holds(entry):
            return False
        return not self.words or holds_all(entry, self.words)


async def select(app: App, query: SearchQuery, *, facets: str = "", words: str = "") -> Selection:
    """Compose the simple filters, the caller's own filter and what a text means as facets.

    Args:
        app: for the places, people and things that the library knows.
        query: the filters.
        facets: a text whose words are looked for among places, things and people.
        words: a text whose words must be in what is written about an entry.

    Raises:
        CodedError: a place, person, date, folder, album or size that means nothing.
        QuerySyntaxError: the caller's filter.
    """
    if not isfinite(query.min_mb * MB):
        raise CodedError(Code.BAD_ARGUMENT, "min_mb is more than any file has")
    parts: list[Query] = []
    notes: list[str] = []
    if query.filter.strip():
        own = parse_search(query.filter)
        parts.append(own)
        notes.append(await names.remarks(app, own))
    if query.kind != "any":
        parts.append(facet("type", _TYPES[query.kind]))
    if query.fav:
        parts.append(facet("favorite", "true"))
    if query.place.strip():
        values, note = names.places(query.place, await app.library("location"))
        parts.append(facet("location", *values))
        notes.append(note)
    if query.things:
        labels = await app.library("things")
        parts.append(facet("things", tuple(names.thing(each, labels) for each in query.things)))
    if query.people:
        people = await app.library("allPeople")
        parts.append(facet("people", tuple(names.person(each, people) for each in query.people)))
    if facets:
        found, note = await _meant(app, facets)
        parts.extend(found)
        notes.append(note)
    folder = await folder_named(app, query.folder) if query.folder.strip() else None
    members = await _members(app, query.album) if query.album.strip() else None
    period = _period(query.begin, query.end)
    if period is not None:
        found, exact = await _time_facets(app, period)
        parts.extend(found)
        period = None if exact else period
    return Selection(
        filter=show(all_of(*parts)) if parts else "",
        period=period,
        words=tuple(names.fold(words).split()),
        folder=folder.path if folder else "",
        below=Below(app, folder) if folder and folder.path else None,
        members=members,
        size=round(query.min_mb * MB),
        note="; ".join(each for each in notes if each),
    )


async def _members(app: App, album: str) -> dict[str, Entry]:
    found = await album_named(app, album)
    return {each.id: each async for each in app.remote.list(NodeId(found.id))}


def holds_all(entry: Entry, words: Sequence[str]) -> bool:
    """Whether what is written about an entry has all of some folded words."""
    written = told(entry)
    return all(word in written for word in words)


def told(entry: Entry) -> str:
    """Return all that is written about an entry, folded, for looking up words."""
    media = entry.media
    place = media.place if media else None
    written = [entry.path, entry.description, *entry.things, *entry.people, *entry.labels]
    if media:
        written += [media.make, media.model]
    if place:
        written += [place.city, place.region, place.country, place.label]
    if entry.taken:
        written.append(entry.taken.strftime("%Y-%m-%d %B"))
    return names.folded("\n".join(each for each in written if each))


class Meant(msgspec.Struct, frozen=True):
    """What a text says in names that the library knows: folded names and the values of their facets."""

    things: dict[str, str] = {}
    places: dict[str, list[str]] = {}
    people: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*self.things, *self.places, *self.people]

    def query(self) -> list[Query]:
        """Return them as facets that must all hold."""
        parts = [facet("location", *values[:_PLACES]) for values in self.places.values()]
        parts += [facet("people", value) for value in self.people.values()]
        if self.things:
            parts.append(facet("things", tuple(self.things.values())))
        return parts


async def meaning(app: App, text: str) -> Meant:
    """Return the things, places and people of the library that a text names."""
    things = {names.fold(each.value): each.value for each in await app.library("things")}
    places: dict[str, list[str]] = {}
    for each in await app.library("location"):
        for name in names.place_names(each.value, each.label or "")[0]:
            places.setdefault(name, []).append(each.value)
    people = {names.fold(each.label): each.value for each in await app.library("allPeople") if each.label}
    found = _phrases(names.fold(text), {*things, *places, *people})
    return Meant(
        things={each: things[each] for each in found if each in things},
        places={each: places[each] for each in found if each in places and each not in things},
        people={each: people[each] for each in found if each in people and each not in things and each not in places},
    )


async def _meant(app: App, text: str) -> tuple[list[Query], str]:
    """Read a text as facets: each word that is a thing, a place or a person narrows the search."""
    meant = await meaning(app, text)
    if not meant.names:
        sentence = "No word of the text is a thing, a place or a person of the library"
        raise CodedError(Code.NOT_FOUND, sentence, "Use mode metadata, or photos_facets to see what is known.")
    return meant.query(), f"searched by the words {', '.join(map(repr, meant.names))} only"


def _phrases(text: str, known: set[str]) -> list[str]:
    """Return the known names in a folded text, longest first, none inside another."""
    found: list[str] = []
    rest = f" {text} "
    for name in sorted(known, key=lambda each: (-len(each), each)):
        if name and f" {name} " in rest:
            found.append(name)
            rest = rest.replace(f" {name} ", "  ", 1)
    return found


def _period(begin: str, end: str) -> Period | None:
    if not begin and not end:
        return None
    period = Period(_day(begin, "from")[0] if begin else None, _day(end, "to")[1] if end else None)
    if period.first and period.last and period.first > period.last:
        raise CodedError(Code.BAD_ARGUMENT, "from is later than to")
    return period


def _day(text: str, name: str) -> tuple[date, date]:
    """Return the first and the last day that a year, a month or a day means."""
    numbers = [int(part) for part in text[:_DAY].split("-")]
    try:
        match numbers:
            case [year]:
                return date(year, 1, 1), date(year, 12, 31)
            case [year, month]:
                return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
            case _:
                return date(*numbers), date(*numbers)
    except (ValueError, calendar.IllegalMonthError):
        raise CodedError(Code.BAD_ARGUMENT, f"{name}: {text[:_DAY]} is no date; {DATES}") from None


async def _time_facets(app: App, period: Period) -> tuple[list[Query], bool]:
    """Return facets that find at least the period, and whether they find nothing else."""
    first, last = period.first, period.last
    if first and last and first.year == last.year:
        return _within(first, last)
    known = {int(each.value[:4]) for each in await app.library("time") if each.value[:4].isdigit()}
    years = sorted(y for y in known if (first is None or first.year <= y) and (last is None or y <= last.year))
    if not known:
        return [], False
    if not years:
        # Nothing was taken then; a year of the period finds just that.
        return [facet("timeYear", str((first or last or date.min).year))], True
    whole = (first is None or (first.month, first.day) == (1, 1)) and (
        last is None or (last.month, last.day) == (12, 31)
    )
    return [facet("timeYear", *map(str, years))], whole


def _within(first: date, last: date) -> tuple[list[Query], bool]:
    """Return the facets of a period inside one year."""
    parts = [facet("timeYear", str(first.year))]
    ends = last.day == calendar.monthrange(last.year, last.month)[1]
    if (first.month, last.month) != (1, 12):
        parts.append(facet("timeMonth", *map(str, range(first.month, last.month + 1))))
    if first.day == 1 and ends:
        return parts, True
    if first.month == last.month:
        parts.append(facet("timeDay", *map(str, range(first.day, last.day + 1))))
        return parts, True
    return parts, False
