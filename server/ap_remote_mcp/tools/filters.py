"""From simple filters to one query in Amazon's syntax, with every value quoted by its builders."""

from __future__ import annotations

import calendar
import difflib
import re
from datetime import date
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.query import all_of, facet, parse_search, show
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Facet
    from ap_remote.query import Query
    from ap_remote_mcp.context import App
    from ap_remote_mcp.tools.queries import SearchQuery

DATE: Final = r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$"
"""A year, a month or a day; empty for none."""
_PLACES: Final = 30
_HINTS: Final = 5
_WORD: Final = re.compile(r"[\w'-]+")
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
    """What the remote is asked, and what is still to be checked here: a period that facets cannot say, words."""

    filter: str = ""
    period: Period | None = None
    words: tuple[str, ...] = ()
    note: str = ""

    @property
    def exact(self) -> bool:
        """Whether the remote's answer is the answer."""
        return self.period is None and not self.words

    def holds(self, entry: Entry) -> bool:
        """Whether an entry that the remote found belongs to the answer."""
        if self.period is not None and not self.period.holds(entry):
            return False
        return not self.words or all(word in _told(entry) for word in self.words)


async def select(app: App, query: SearchQuery, *, facets: str = "", words: str = "") -> Selection:
    """Compose the simple filters, the caller's own filter and what a text means as facets.

    Args:
        app: for the places, people and things that the library knows.
        query: the filters.
        facets: a text whose words are looked for among places, things and people.
        words: a text whose words must be in what is written about an entry.

    Raises:
        CodedError: a place, person or date that means nothing.
        QuerySyntaxError: the caller's filter.
    """
    parts: list[Query] = []
    note = ""
    if query.filter:
        parts.append(parse_search(query.filter))
    if query.kind != "any":
        parts.append(facet("type", _TYPES[query.kind]))
    if query.fav:
        parts.append(facet("favorite", "true"))
    if query.place:
        parts.append(facet("location", *await _places(app, query.place)))
    if query.things:
        parts.append(facet("things", tuple(each.casefold() for each in query.things)))
    if query.people:
        parts.append(facet("people", tuple([await _person(app, each) for each in query.people])))
    if facets:
        found, note = await _meant(app, facets)
        parts.extend(found)
    period = _period(query.begin, query.end)
    if period is not None:
        found, exact = await _time_facets(app, period)
        parts.extend(found)
        period = None if exact else period
    return Selection(
        filter=show(all_of(*parts)) if parts else "",
        period=period,
        words=tuple(_WORD.findall(words.casefold())),
        note=note,
    )


def _told(entry: Entry) -> str:
    """Return all that is written about an entry, for looking up words."""
    media = entry.media
    place = media.place if media else None
    told = [entry.path, entry.description, *entry.things, *entry.people, *entry.labels]
    if media:
        told += [media.make, media.model]
    if place:
        told += [place.city, place.region, place.country, place.label]
    if entry.taken:
        told.append(entry.taken.strftime("%Y-%m-%d %B"))
    return "\n".join(each for each in told if each).casefold()


async def _places(app: App, text: str) -> list[str]:
    if "#" in text:
        return [text]
    known = await app.library("location")
    wanted = text.casefold()
    exact = [each.value for each in known if wanted in _names(each)]
    found = exact or [each.value for each in known if any(wanted in name for name in _names(each))]
    if not found:
        raise _unknown("place", text, known, "photos_facets(by=place) lists the places.")
    return found[:_PLACES]


async def _person(app: App, text: str) -> str:
    known = await app.library("allPeople")
    wanted = text.casefold()
    found = [each.value for each in known if wanted in (each.value.casefold(), (each.label or "").casefold())]
    if not found:
        raise _unknown("person", text, known, "photos_facets(by=person) lists the people.")
    if len(found) > 1:
        raise CodedError(Code.AMBIGUOUS, f"{len(found)} people have that name: {', '.join(found[:_HINTS])}")
    return found[0]


def _unknown(what: str, text: str, known: Sequence[Facet], then: str) -> CodedError:
    names = sorted({clean(each.label or each.value, 40) for each in known})
    near = difflib.get_close_matches(clean(text, 40), names, n=_HINTS, cutoff=0.4)
    hint = f"; near are {', '.join(map(repr, near))}" if near else ""
    return CodedError(Code.NOT_FOUND, f"The library knows no {what} {clean(text, 40)!r}{hint}", then)


def _names(each: Facet) -> list[str]:
    return [part.casefold() for part in (*each.value.split("#"), each.label or "") if part]


async def _meant(app: App, text: str) -> tuple[list[Query], str]:
    """Read a text as facets: each word that is a thing, a place or a person narrows the search."""
    things = {each.value.casefold(): each.value for each in await app.library("things")}
    places: dict[str, list[str]] = {}
    for each in await app.library("location"):
        for name in _names(each):
            places.setdefault(name, []).append(each.value)
    people = {(each.label or "").casefold(): each.value for each in await app.library("allPeople") if each.label}
    parts: list[Query] = []
    understood: list[str] = []
    wanted: list[str] = []
    for word in _phrases(text.casefold(), {*things, *places, *people}):
        if word in things:
            wanted.append(things[word])
        elif word in places:
            parts.append(facet("location", *places[word][:_PLACES]))
        elif word in people:
            parts.append(facet("people", people[word]))
        understood.append(word)
    if wanted:
        parts.append(facet("things", tuple(wanted)))
    if not parts:
        sentence = "No word of the text is a thing, a place or a person of the library"
        raise CodedError(Code.NOT_FOUND, sentence, "Use mode metadata, or photos_facets to see what is known.")
    return parts, f"searched by the words {', '.join(map(repr, understood))} only"


def _phrases(text: str, known: set[str]) -> list[str]:
    """Return the known names in a text, longest first, none inside another."""
    found: list[str] = []
    rest = f" {' '.join(_WORD.findall(text))} "
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
    numbers = [int(part) for part in text.split("-")]
    try:
        match numbers:
            case [year]:
                return date(year, 1, 1), date(year, 12, 31)
            case [year, month]:
                return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
            case _:
                return date(*numbers), date(*numbers)
    except (ValueError, calendar.IllegalMonthError):
        raise CodedError(Code.BAD_ARGUMENT, f"{name}: {text} is no date") from None


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
