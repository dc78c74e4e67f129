"""Events: photographs brought together by when and where they were taken.

Time comes first. A new event begins where the pause is long beside the pauses around it (PhotoTOC: Platt, Czerwinski
and Field 2003, on logarithms), longer than :data:`LONGEST`, or where the camera travelled. A night at the same place is
no end of an event.

Where an index tells what photographs look like, it refines that (:mod:`ap_remote.organise.drift`): a pause of hours
ends an event where what comes after shows something else, and two events at one place with less than two days between
them are one where they show the same.

Days away from home in a row are one event, a trip (:mod:`ap_remote.organise.trips`). Times are local where EXIF or
a place tells them, and a day ends at four in the morning (:mod:`ap_remote.organise.clock`).
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ap_remote.organise.clock import NIGHT, local_times
from ap_remote.organise.drift import FEWEST
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.organise.trips import Homes, find_homes, find_trips, trip_name
from ap_remote.organise.whereabouts import RADIUS, city_of, distance, mean, position

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ap_remote.model import Entry
    from ap_remote.organise.drift import Looks, Sight
    from ap_remote.organise.trips import Dated

SHORTEST: Final = timedelta(hours=30)
"""A shorter pause at one place never ends an event: it is a night, from noon to the next evening at the longest."""

LONGEST: Final = timedelta(days=3)
"""A longer pause always does."""

WINDOW: Final = 10
"""Pauses before and after that a pause is compared with."""

SITTING: Final = timedelta(hours=2)
"""A longer pause may end an event where what comes after looks different."""

REJOINED: Final = timedelta(days=2)
"""After a shorter pause an event may go on where what comes after looks the same (own choice)."""

WEEK: Final = timedelta(days=7)
"""Events that are joined so last no longer: at home many days look the same (own choice)."""

RATIO: Final = math.log(17)
"""How much longer than its neighbours a pause must be; PhotoTOC's value."""


def find_events(entries: Sequence[Entry], *, min_size: int, scale: float = 1.0, looks: Looks | None = None) -> Grouping:
    """Split photographs into events; those of fewer than *min_size* and undated photographs stay unassigned.

    Args:
        entries: the photographs.
        min_size: photographs that make an event.
        scale: makes the pauses that end an event, and the way travelled, so many times longer.
        looks: what photographs look like; without it time and place decide alone.
    """
    dated = sorted(local_times(entries), key=lambda each: (each[0], each[1].path))
    left_out = [unassigned(entry, "it has no capture date") for entry in entries if not entry.taken]
    homes = find_homes(dated)
    trips = find_trips(dated, homes, scale=scale)
    travelled = {entry.id for trip in trips for _, entry in trip}
    plain = _split([each for each in dated if each[1].id not in travelled], scale)
    if looks is not None:
        plain = _rejoined([part for event in plain for part in _parted(event, looks, scale)], looks, scale)
    events = [*trips, *plain]
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


def _split(dated: Sequence[Dated], scale: float) -> list[list[Dated]]:
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


def _parted(event: list[Dated], looks: Looks, scale: float) -> list[list[Dated]]:
    """Split an event where a pause ends a sitting and the next one shows something else."""
    sittings = [event[:1]]
    for earlier, later in pairwise(event):
        if later[0] - earlier[0] > SITTING * scale:
            sittings.append([])
        sittings[-1].append(later)
    parts = [sittings[0]]
    last = looks.of([entry for _, entry in sittings[0]])
    for sitting in sittings[1:]:
        here = looks.of([entry for _, entry in sitting])
        if looks.apart(last, here):
            parts.append(list(sitting))
            last = here
            continue
        parts[-1] += sitting
        # What is too small to tell anything belongs to what came before.
        last = here if here.size >= FEWEST else last.plus(here)
    return parts


def _rejoined(events: list[list[Dated]], looks: Looks, scale: float) -> list[list[Dated]]:
    """Join neighbours at one place that show the same, with a short pause between them."""
    joined: list[list[Dated]] = []
    sights: list[Sight] = []
    for event in events:
        here = looks.of([entry for _, entry in event])
        before = joined[-1] if joined else None
        if (
            before is not None
            and event[0][0] - before[-1][0] <= REJOINED * scale
            and event[-1][0] - before[0][0] <= WEEK * scale
            and _near(before, event, scale)
            and looks.alike(sights[-1], here)
        ):
            before += event
            sights[-1] = sights[-1].plus(here)
            continue
        joined.append(list(event))
        sights.append(here)
    return joined


def _near(one: Sequence[Dated], other: Sequence[Dated], scale: float) -> bool:
    """Whether two were taken at one place, as far as that is known."""
    placed = [[here for _, entry in event if (here := position(entry)) is not None] for event in (one, other)]
    return not all(placed) or distance(*map(mean, placed)) <= RADIUS * scale


def _stands_out(logs: Sequence[float], number: int) -> bool:
    around = [*logs[max(0, number - WINDOW) : number], *logs[number + 1 : number + 1 + WINDOW]]
    return bool(around) and logs[number] >= sum(around) / len(around) + RATIO


def _group(event: Sequence[Dated], named: Once, homes: Homes | None) -> Group:
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
