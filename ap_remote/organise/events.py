"""Events: photographs brought together by when and where they were taken.

Time comes first. A new event begins where the pause is long beside the pauses around it (PhotoTOC: Platt, Czerwinski
and Field 2003, on logarithms), longer than :data:`LONGEST`, or where the camera travelled. A night at the same place is
no end of an event.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import album_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ap_remote.model import Entry

SHORTEST: Final = timedelta(hours=20)
"""A shorter pause at one place never ends an event: nights lie in it."""

LONGEST: Final = timedelta(days=3)
"""A longer pause always does."""

RADIUS: Final = 25.0
"""Kilometres between neighbours within one event."""

WINDOW: Final = 10
"""Pauses before and after that a pause is compared with."""

RATIO: Final = math.log(17)
"""How much longer than its neighbours a pause must be; PhotoTOC's value."""

_EARTH: Final = 6371.0
"""Mean radius in kilometres."""


def find_events(entries: Sequence[Entry], *, min_size: int, scale: float = 1.0) -> Grouping:
    """Split photographs into events; those of fewer than *min_size* and undated photographs stay unassigned.

    Args:
        entries: the photographs.
        min_size: photographs that make an event.
        scale: makes the pauses that end an event, and the way travelled, so many times longer.
    """
    dated = sorted(((entry.taken, entry) for entry in entries if entry.taken), key=lambda each: (each[0], each[1].path))
    left_out = [unassigned(entry, "it has no capture date") for entry in entries if not entry.taken]
    groups = []
    names: Counter[str] = Counter()
    for event in _split(dated, scale):
        photographs = [entry for _, entry in event]
        if len(event) < min_size:
            why = f"only {len(event)} taken around then and there, {min_size} make an event"
            left_out += [unassigned(entry, why) for entry in photographs]
            continue
        name = event_name(photographs, event[0][0], event[-1][0])
        names[name] += 1
        shown = name if names[name] == 1 else f"{name} ({names[name]})"
        groups.append(_group(shown, photographs, event[0][0], event[-1][0]))
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


def _group(name: str, photographs: Sequence[Entry], first: datetime, last: datetime) -> Group:
    members = []
    for entry in photographs:
        placed = position(entry) is not None
        reason = f"taken {entry.taken:%Y-%m-%d %H:%M}" + (f" in {city_of(entry)}" if city_of(entry) else "")
        if not placed:
            reason += "; without a place, by time alone"
        members.append(Member(entry, reason, 1.0 if placed else 0.5))
    score = sum(member.score for member in members) / len(members)
    reason = f"{len(members)} photographs between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC"
    return Group(name, reason, members, round(score, 4))


def event_name(photographs: Sequence[Entry], first: datetime, last: datetime) -> str:
    """Return e.g. ``Vancouver, 12-14 May 2023``; without places the days alone."""
    cities = Counter(city for entry in photographs if (city := city_of(entry)))
    days = span(first, last)
    if not cities:
        return days
    most = max(cities.values())
    city = min(city for city, count in cities.items() if count == most)
    # A place's name may hold what an album's may not: Bozen/Bolzano.
    return f"{album_name(city, 'Somewhere')}, {days}"


def span(first: datetime, last: datetime) -> str:
    """Return two days as a person writes them, saying nothing twice."""
    if first.date() == last.date():
        return f"{last.day} {last:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}-{last.day} {last:%B %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%B} - {last.day} {last:%B %Y}"
    return f"{first.day} {first:%B %Y} - {last.day} {last:%B %Y}"


def city_of(entry: Entry) -> str | None:
    """Return the city where a photograph was taken, by its place or by Amazon's ``ISO3#region#City``."""
    place = entry.media.place if entry.media else None
    if place is None:
        return None
    return place.city or (place.label or "").rpartition("#")[2] or None


def position(entry: Entry) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees."""
    place = entry.media.place if entry.media else None
    if place is None or place.latitude is None or place.longitude is None:
        return None
    return place.latitude, place.longitude


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return kilometres along the great circle (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH * math.asin(math.sqrt(min(h, 1.0)))
