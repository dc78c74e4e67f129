"""The view ``.views/by-date``: years, months and days in which something was taken. A month is asked for at once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Final

from ap_remote import query as language
from ap_remote.backends.view_names import Item
from ap_remote.backends.view_source import Known, Source, files
from ap_remote.query import facet
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.model import Entry

DATES_VIEW: Final = ".views/by-date"
MEDIA: Final = facet("type", "PHOTOS", "VIDEOS")
"""What has a day: photographs and films."""
_DIGITS: Final = tuple(map(re.compile, ("[0-9]{4}", "0[1-9]|1[0-2]", "0[1-9]|[12][0-9]|3[01]")))


async def years(source: Source, place: Entry) -> Known[Item]:
    """List the years."""
    del place
    known = await source.years()
    return Known([_directory(f"{year:04}") for year in known.rows], known.when)


async def months(source: Source, place: Entry) -> Known[Item]:
    """List the months of a year."""
    known = await source.months(date_of(place.path)[0])
    return Known([_directory(f"{month:02}") for month in known.rows], known.when)


async def days(source: Source, place: Entry) -> Known[Item]:
    """List the days of a month."""
    year, month = date_of(place.path)
    known = await _month(source, year, month)
    return Known([_directory(f"{day:02}") for day in sorted(dict(known.rows))], known.when)


async def day(source: Source, place: Entry) -> Known[Item]:
    """List what was taken on a day."""
    year, month, day = date_of(place.path)
    known = await _month(source, year, month)
    return files(Known(dict(known.rows).get(day, ()), known.when))


def date_of(path: str) -> tuple[int, ...]:
    """Return year, month and day of a path below ``by-date``, as many as it has; empty for what is no date."""
    _, names = paths.view_name(path)
    parts = names[:3]
    if not all(_DIGITS[at].fullmatch(each) for at, each in enumerate(parts)):
        return ()
    return tuple(map(int, parts))


def spans_months(path: str) -> bool:
    """Whether more than a month is below a path."""
    view, names = paths.view_name(path)
    return not view or (view == paths.split(DATES_VIEW)[1] and len(names) < 2)  # noqa: PLR2004 - a year and its month


async def _month(source: Source, year: int, month: int) -> Known[tuple[int, Sequence[Entry]]]:
    """Return the days of a month, each with what was taken then: by the camera's clock, which is what is recorded."""
    wanted = language.all_of(MEDIA, facet("timeYear", str(year)), facet("timeMonth", str(month)))

    async def ask() -> Known[Known[tuple[int, Sequence[Entry]]]]:
        known = await source.found(wanted)
        days: defaultdict[int, list[Entry]] = defaultdict(list)
        for each in known.rows:
            if each.taken is not None:
                days[each.taken.astimezone(UTC).day].append(each)
        return Known([Known(list(days.items()), known.when)], known.when)

    return await source.memo.get(("month", year, month), source, ask, lambda rows: rows[0])


def _directory(name: str) -> Item:
    return Item(name=name, key=name)
