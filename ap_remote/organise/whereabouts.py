"""Where photographs were taken: names of places, distances, and clusters of positions."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ap_remote.model import Entry

Position = tuple[float, float]
"""Latitude and longitude in degrees."""

RADIUS: Final = 25.0
"""Kilometres around the middle of a cluster, and between neighbours within one event."""
_EARTH: Final = 6371.0
"""Mean radius in kilometres."""
_CELLS: Final = 20
"""Cells of a degree of latitude, about 5.6 km each, into which positions are counted before they are clustered."""
_ISO3: Final = 3


class Cluster(NamedTuple):
    """A place where photographs were taken again and again."""

    middle: Position
    members: tuple[int, ...]
    """Places of its photographs in what was clustered."""


def city_of(entry: Entry) -> str | None:
    """Return the city where a photograph was taken, by its place or by Amazon's ``ISO3#region#City``."""
    place = entry.media.place if entry.media else None
    if place is None:
        return None
    return place.city or (place.label or "").rpartition("#")[2] or None


def country_of(entry: Entry) -> str | None:
    """Return the country where a photograph was taken, by its place or by the letters of Amazon's label."""
    place = entry.media.place if entry.media else None
    if place is None:
        return None
    label = place.label or ""
    return place.country or (_country(label.partition("#")[0]) if "#" in label else None)


@lru_cache(maxsize=512)
def _country(letters: str) -> str | None:
    if len(letters) != _ISO3:
        return letters or None
    import pycountry

    found = pycountry.countries.get(alpha_3=letters.upper())
    return letters if found is None else str(getattr(found, "common_name", found.name))


def position(entry: Entry) -> Position | None:
    """Return latitude and longitude in degrees."""
    place = entry.media.place if entry.media else None
    if place is None or place.latitude is None or place.longitude is None:
        return None
    return place.latitude, place.longitude


def distance(one: Position, other: Position) -> float:
    """Return kilometres along the great circle (haversine)."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(a), math.radians(b)) for a, b in (one, other))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH * math.asin(math.sqrt(min(h, 1.0)))


def clusters(positions: Sequence[Position | None], *, radius: float = RADIUS) -> list[Cluster]:
    """Bring positions together that lie within *radius* kilometres of the busiest spot around, the largest first.

    Positions are counted in small cells; the busiest cell that is in no cluster yet gathers the free ones around it.
    Nothing is chained: a road of photographs from town to town is no single place, as with DBSCAN it would be.
    """
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, here in enumerate(positions):
        if here is not None:
            cells[round(here[0] * _CELLS), round(here[1] * _CELLS)].append(number)
    middles: list[Position] = []
    members: list[list[int]] = []
    bands: dict[int, list[int]] = defaultdict(list)
    reach = math.ceil(radius / (_EARTH * math.pi / 180)) or 1
    for _, numbers in sorted(cells.items(), key=lambda each: (-len(each[1]), each[0])):
        spot = mean(positions[number] for number in numbers)
        band = math.floor(spot[0] / reach)
        near = [each for row in (band - 1, band, band + 1) for each in bands[row]]
        best = min(near, key=lambda each: distance(middles[each], spot), default=None)
        if best is not None and distance(middles[best], spot) <= radius:
            members[best] += numbers
            continue
        bands[band].append(len(middles))
        middles.append(spot)
        members.append(list(numbers))
    found = [Cluster(middle, tuple(sorted(inside))) for middle, inside in zip(middles, members, strict=True)]
    return sorted(found, key=lambda each: (-len(each.members), each.middle))


def mean(positions: Iterable[Position | None]) -> Position:
    """Return the middle of some positions, on the globe; there must be one."""
    x = y = z = 0.0
    for here in positions:
        if here is not None:
            latitude, longitude = map(math.radians, here)
            x += math.cos(latitude) * math.cos(longitude)
            y += math.cos(latitude) * math.sin(longitude)
            z += math.sin(latitude)
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))
