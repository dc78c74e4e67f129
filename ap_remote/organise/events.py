"""Events: photographs brought together by when and where they were taken.

Time comes first. A new event begins where the pause is long beside the pauses around it (PhotoTOC: Platt, Czerwinski
and Field 2003, on logarithms), longer than :data:`LONGEST`, or where the camera travelled. A night at the same place is
no end of an event.

Days away from home in a row are one event, a trip (:mod:`ap_remote.organise.trips`). Times are local where EXIF tells
them, and a day ends at four in the morning (:mod:`ap_remote.organise.clock`).
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ap_remote.organise.clock import NIGHT, local_time
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.organise.trips import Homes, find_homes, find_trips, trip_name
from ap_remote.organise.whereabouts import RADIUS, city_of, distance, position

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ap_remote.model import Entry

SHORTEST: Final = timedelta(hours=20)
"""A shorter pause at one place never ends an event: nights lie in it."""

LONGEST: Final = timedelta(days=3)
"""A longer pause always does."""

WINDOW: Final = 10
"""Pauses before and after that a pause is compared with."""

RATIO: Final = math.log(17)
"""How much longer than its neighbours a pause must be; PhotoTOC's value."""


def find_events(entries: Sequence[Entry], *, min_size: int, scale: float = 1.0) -> Grouping:
    """Split photographs into events; those of fewer than *min_size* and undated photographs stay unassigned.

    Args:
        entries: the photographs.
        min_size: photographs that make an event.
        scale: makes the pauses that end an event, and the way travelled, so many times longer.
    """
    times = [(when, entry) for entry in entries if (when := local_time(entry)) is not None]
    dated = sorted(times, key=lambda each: (each[0], each[1].path))
    left_out = [unassigned(entry, "it has no capture date") for entry in entries if not entry.taken]
    homes = find_homes(dated)
    trips = find_trips(dated, homes, scale=scale)
    travelled = {entry.id for trip in trips for _, entry in trip}
    events = [*trips, *_split([each for each in dated if each[1].id not in travelled], scale)]
    groups = []
    named = Once()
    for event in sorted(events, key=lambda each: (each[0][0], each[0][1].path)):
        photographs = [entry for _, entry in event]
        if len(event) < min_size:
            why = f"only {len(event)} taken around then and there, {min_size} make an event"
            left_out += [unassigned(entry, why) for entry in photographs]
            continue
        trip = photographs[0].id in travelled
        groups.append(_group(event, named, homes if trip else None))
    return Grouping(groups, left_out)


def _split(dated: Sequence[tuple[datetime, Entry]], scale: float) -> list[list[tuple[datetime, Entry]]]:
    if not dated:
        return []
    pauses = [later[0] - earlier[0] for earlier, later in pairwise(dated)]
    logs = [math.log(max(pause.total_seconds(), 1.0)) for pause in pauses]
    events = [[dated[0]]]
    where = position(dated[0][1])
    for number, (pause, following) in enumerate(zip(pauses, dated[1:], strict=True)):
        here = position(following[1])
        travelled = where is not None and here is not None and distance(where, here) > RADIUS * scale
        if travelled or pause > LONGEST * scale or (pause > SHORTEST * scale and _stands_out(logs, number)):
            events.append([])
            where = None
        events[-1].append(following)
        where = here or where
    return events


def _stands_out(logs: Sequence[float], number: int) -> bool:
    around = [*logs[max(0, number - WINDOW) : number], *logs[number + 1 : number + 1 + WINDOW]]
    return bool(around) and logs[number] >= sum(around) / len(around) + RATIO


def _group(event: Sequence[tuple[datetime, Entry]], named: Once, homes: Homes | None) -> Group:
    """Return the group of an event; *homes* are given where it is a trip."""
    first, last = event[0][0], event[-1][0]
    photographs = [entry for _, entry in event]
    where = trip_name(event, homes) if homes is not None else None
    days = days_of(first, last)
    name = f"{where}, {days}" if where else event_name(photographs, first, last)
    members = []
    for when, entry in event:
        placed = position(entry) is not None
        reason = f"taken {when:%Y-%m-%d %H:%M}" + (f" in {city_of(entry)}" if city_of(entry) else "")
        if not placed:
            reason += "; without a place, by time alone"
        members.append(Member(entry, reason, 1.0 if placed else 0.5))
    score = sum(member.score for member in members) / len(members)
    reason = f"{len(members)} photographs between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M}"
    if homes is not None:
        reason = f"a trip away from home: {reason}"
    return Group(named(name), reason, members, round(score, 4))


def event_name(photographs: Sequence[Entry], first: datetime, last: datetime) -> str:
    """Return e.g. ``Vancouver, 12-14 May 2023``; without places the days alone."""
    cities = Counter(city for entry in photographs if (city := city_of(entry)))
    days = days_of(first, last)
    if not cities:
        return days
    most = max(cities.values())
    city = min(city for city, count in cities.items() if count == most)
    # A place's name may hold what an album's may not: Bozen/Bolzano.
    return f"{album_name(city, 'Somewhere')}, {days}"


def days_of(first: datetime, last: datetime) -> str:
    """Return the days of an event; one that ends before four in the morning ends the evening before."""
    return span(first, max(first, last - NIGHT))


def span(first: datetime, last: datetime) -> str:
    """Return two days as a person writes them, saying nothing twice."""
    if first.date() == last.date():
        return f"{last.day} {last:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{last.day} {last:%B %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%B} - {last.day} {last:%B %Y}"
    return f"{first.day} {first:%B %Y} - {last.day} {last:%B %Y}"
