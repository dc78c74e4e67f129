"""Trips: days away from home in a row.

A home is a place where somebody took photographs for weeks; what was taken far from every home, without a long pause,
is a trip. The values are those of Ente's trip calculator (radius 25 km, ten
photographs on ten days, six weeks, two months, 45 days; trips of 2 to 30 days with 20 photographs).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.organise.clock import evening
from ap_remote.organise.names import album_name
from ap_remote.organise.whereabouts import (
    RADIUS,
    Position,
    city_of,
    clusters,
    country_of,
    distance,
    mean,
    position,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from ap_remote.model import Entry

Dated = tuple["datetime", "Entry"]

HOME_DAYS: Final = 10
"""Days with photographs at a place that make it a home, with :data:`HOME_WEEKS`, months and span."""
HOME_WEEKS: Final = 6
HOME_MONTHS: Final = 2
HOME_SPAN: Final = timedelta(days=45)
HOME_SEASON: Final = timedelta(weeks=13)
"""The weeks that make a home lie within it, or else are at least :data:`HOME_SHARE` of all weeks with photographs: the
town of three holidays in as many summers is no home (own choice; tests/quality/events.py measures it)."""
HOME_SHARE: Final = 0.25
AWAY: Final = RADIUS + 10.0
"""Kilometres from the middle of a home from which on one is away."""
HOP: Final = 800.0
"""Kilometres between neighbours within one trip."""
PAUSE: Final = timedelta(days=5)
"""A longer pause ends a trip (own choice within the 2 to 15 days that are usual)."""
MERGED: Final = timedelta(days=2)
"""A shorter stay at home between two trips to the same place does not end the trip."""
EDGE: Final = timedelta(hours=20)
"""So long before and after a trip photographs without a place may be its own: a camera may show the hour of home."""
TRIP_DAYS: Final = (2, 30)
TRIP_SIZE: Final = 20
_MOST: Final = 0.6
"""Share of a trip's photographs that makes one city its name."""


class Homes(NamedTuple):
    """Where somebody lives, or lived."""

    middles: tuple[Position, ...]
    country: str | None
    """The country of the most photographed home."""

    def away(self, here: Position) -> bool:
        """Whether a position is far from all of them."""
        return all(distance(home, here) > AWAY for home in self.middles)


def find_homes(dated: Sequence[Dated]) -> Homes:
    """Return the places where somebody took photographs for weeks."""
    middles: list[Position] = []
    country: str | None = None
    everywhere = len({evening(when).isocalendar()[:2] for when, _ in dated})
    for cluster in clusters([position(entry) for _, entry in dated]):
        days = {evening(dated[number][0]) for number in cluster.members}
        weeks = {day.isocalendar()[:2] for day in days}
        months = {(day.year, day.month) for day in days}
        if len(days) < HOME_DAYS or len(weeks) < HOME_WEEKS or len(months) < HOME_MONTHS:
            continue
        if max(days) - min(days) < HOME_SPAN:
            continue
        if len(weeks) < HOME_SHARE * everywhere and not _lived(days):
            continue
        if not middles:
            countries = Counter(country_of(dated[number][1]) for number in cluster.members)
            country = countries.most_common(1)[0][0]
        middles.append(cluster.middle)
    return Homes(tuple(middles), country)


def find_trips(dated: Sequence[Dated], homes: Homes, *, scale: float = 1.0) -> list[list[Dated]]:
    """Return the trips among photographs that are in the order of time.

    A photograph without a place belongs to the trip around it, or to one that begins or ends within :data:`EDGE` and is
    nearer in time than home. A stay at home, or a hop of more than :data:`HOP`
    kilometres, ends a trip; without a home there are none.

    Args:
        dated: local times and photographs, first to last.
        homes: from :func:`find_homes`.
        scale: makes the pause that ends a trip so many times longer.
    """
    if not homes.middles:
        return []
    runs: list[list[Dated]] = [[]]
    waiting: list[Dated] = []
    known: dict[Position, bool] = {}
    before: Dated | None = None
    for each in dated:
        here = position(each[1])
        if here is None:
            waiting.append(each)
            continue
        rounded = round(here[0], 2), round(here[1], 2)
        if rounded not in known:
            known[rounded] = homes.away(rounded)
        run = runs[-1]
        if not known[rounded]:
            if run:
                run += _edge(waiting, run[-1], each)
                runs.append([])
        elif run and not _breaks(run[-1], each, scale):
            run += [*waiting, each]
        else:
            if run:
                own = _edge(waiting, run[-1], each)
                run += own
                waiting = waiting[len(own) :]
            runs.append([*_edge(waiting, each, before), each])
        before = each
        waiting = []
    if runs[-1]:
        runs[-1] += _edge(waiting, runs[-1][-1], None)
    return [run for run in _merged([run for run in runs if run]) if _is_trip(run)]


def trip_name(trip: Sequence[Dated], homes: Homes) -> str | None:
    """Return where a trip went: its city, its country unless that is home's, or its two cities; ``None``: not known."""
    cities = Counter(city for _, entry in trip if (city := city_of(entry)))
    placed = sum(cities.values())
    ranked = sorted(cities, key=lambda city: (-cities[city], city))
    countries = Counter(country for _, entry in trip if (country := country_of(entry)))
    if ranked and (len(ranked) == 1 or cities[ranked[0]] >= _MOST * placed):
        return album_name(ranked[0], "Somewhere")
    if countries:
        country = min(countries, key=lambda each: (-countries[each], each))
        if countries[country] >= _MOST * sum(countries.values()) and country != homes.country:
            return album_name(country, "Somewhere")
    return " and ".join(album_name(city, "Somewhere") for city in ranked[:2]) or None


def _breaks(earlier: Dated, later: Dated, scale: float) -> bool:
    if later[0] - earlier[0] > PAUSE * scale:
        return True
    one, other = position(earlier[1]), position(later[1])
    return one is not None and other is not None and distance(one, other) > HOP


def _edge(waiting: Sequence[Dated], own: Dated, other: Dated | None) -> list[Dated]:
    """Return the photographs that are near to one in time, and nearer than to another, which is on its other side."""
    return [
        each
        for each in waiting
        if abs(each[0] - own[0]) <= EDGE and (other is None or abs(each[0] - own[0]) < abs(each[0] - other[0]))
    ]


def _lived(days: set[date]) -> bool:
    """Whether enough weeks of these days lie within a season."""
    mondays = sorted({day - timedelta(days=day.weekday()) for day in days})
    return any(last - first <= HOME_SEASON for first, last in zip(mondays, mondays[HOME_WEEKS - 1 :], strict=False))


def _merged(runs: list[list[Dated]]) -> list[list[Dated]]:
    """Join trips to one place with a short stay at home between them, as of somebody who went back for a suitcase."""
    joined = runs[:1]
    for earlier, later in pairwise(runs):
        middles = [mean(position(entry) for _, entry in run) for run in (earlier, later)]
        if later[0][0] - earlier[-1][0] <= MERGED and distance(*middles) <= RADIUS:
            joined[-1] = [*joined[-1], *later]
        else:
            joined.append(later)
    return joined


def _is_trip(run: Sequence[Dated]) -> bool:
    days = (evening(run[-1][0]) - evening(run[0][0])).days + 1
    return len(run) >= TRIP_SIZE and TRIP_DAYS[0] <= days <= TRIP_DAYS[1]
