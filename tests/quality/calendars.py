"""Made-up years with a camera: which photographs belong together is known, and so is everything that hides it.

A year at home, with afternoons out, weekends and parties over midnight; journeys to other time zones, some of them
with two towns and days without a photograph; a day out of town. One camera of two does not know where it is; it shows
home's hour on every journey, and in one of the kinds of year it is an hour or years off.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from ap_remote.model import Entry, Kind, Media, Place

if TYPE_CHECKING:
    from numpy.random import Generator

Year = Literal["plain", "two cameras", "clock an hour off", "clock years off", "no places"]
YEARS: Final[tuple[Year, ...]] = ("plain", "two cameras", "clock an hour off", "clock years off", "no places")


class Town(NamedTuple):
    """Where one can be."""

    name: str
    country: str
    latitude: float
    longitude: float
    zone: str


HOME: Final = Town("Vancouver", "CAN", 49.28, -123.12, "America/Vancouver")
NEAR: Final = Town("Hope", "CAN", 49.38, -121.44, "America/Vancouver")
"""A day out: 120 km from home."""
AWAY: Final = (
    (Town("Rome", "ITA", 41.90, 12.50, "Europe/Rome"), Town("Naples", "ITA", 40.85, 14.27, "Europe/Rome")),
    (Town("Tokyo", "JPN", 35.68, 139.69, "Asia/Tokyo"), Town("Kyoto", "JPN", 35.01, 135.77, "Asia/Tokyo")),
    (Town("Reykjavík", "ISL", 64.14, -21.94, "Atlantic/Reykjavik"),),
    (Town("Sydney", "AUS", -33.87, 151.21, "Australia/Sydney"),),
    (Town("Lima", "PER", -12.05, -77.04, "America/Lima"), Town("Cusco", "PER", -13.53, -71.97, "America/Lima")),
)


class Shot(NamedTuple):
    """A photograph, and the event that it belongs to."""

    instant: datetime
    event: int
    entry: Entry


class _Camera(NamedTuple):
    model: str
    off: timedelta = timedelta()
    """By how much its clock is wrong."""
    knows: bool = False
    """Whether it writes the place, and the offset of its clock."""


_OTHER: Final = 1000
"""What is added to the events of a camera whose clock is years off."""
_PHONE: Final = _Camera("phone", knows=True)


def year(kind: Year, seed: int) -> list[Shot]:
    """Return the photographs of two years in the order in which they were really taken."""
    random = np.random.default_rng([YEARS.index(kind), seed])
    other = _other(kind)
    shots: list[Shot] = []
    today = datetime(2022, 1, 8, tzinfo=UTC)
    event = 0
    while today.year < 2024:
        draw = random.random()
        if draw < 0.14:
            days = int(random.integers(3, 15))
            towns = AWAY[int(random.integers(len(AWAY)))]
            hops = [towns[min(len(towns) - 1, day * len(towns) // days)] for day in range(days)]
            # The way takes a day, on which nobody photographs; on some other days it rains.
            plan = [(day, hops[day]) for day in range(days) if day in {0, days - 1} or random.random() < 0.85]
            per_day = (8, 30)
        else:
            days = 2 if draw < 0.3 else 1
            plan = [(day, NEAR if draw > 0.92 else HOME) for day in range(days)]
            per_day = (4, 40)
        for day, town in plan:
            late = bool(random.random() < 0.2)
            for local in _moments(today + timedelta(days=day), int(random.integers(*per_day)), random, late=late):
                camera = other if other and random.random() < 0.3 else _PHONE
                shots.append(_shot(len(shots), local, town=town, camera=camera, event=event, kind=kind, random=random))
        event += 1
        today += timedelta(days=days + int(random.integers(0, 12)))
    shots.sort(key=lambda shot: shot.instant)
    if other is not None and abs(other.off) > timedelta(days=1):
        # Where photographs belong whose camera is years off nobody can know: their events are their own.
        shots = [shot._replace(event=_OTHER + shot.event) if _model(shot) == other.model else shot for shot in shots]
        shots.sort(key=lambda shot: shot.entry.taken or shot.instant)
    return shots


def _model(shot: Shot) -> str | None:
    return shot.entry.media.model if shot.entry.media else None


def _other(kind: Year) -> _Camera | None:
    match kind:
        case "plain":
            return None
        case "clock an hour off":
            return _Camera("camera", timedelta(hours=1))
        case "clock years off":
            return _Camera("camera", -timedelta(days=365 * 6, hours=5))
        case _:
            return _Camera("camera")


def _moments(day: datetime, count: int, random: Generator, *, late: bool) -> list[datetime]:
    """Return the hours of a day on which somebody photographs, by the clock on the wall; parties go over midnight."""
    begin = day + timedelta(hours=float(random.uniform(18, 20) if late else random.uniform(8, 15)))
    lasts = float(random.uniform(5.5, 7.5) if late else random.uniform(0.5, 7))
    hours = np.sort(random.uniform(0, lasts, size=count))
    return [begin + timedelta(hours=float(each)) for each in hours]


def _shot(
    number: int, local: datetime, *, town: Town, camera: _Camera, event: int, kind: Year, random: Generator
) -> Shot:
    wall = local.replace(tzinfo=ZoneInfo(town.zone))
    instant = wall.astimezone(UTC)
    if camera.knows:
        shown, offset = wall.replace(tzinfo=UTC), f"{wall:%z}"
        exif = {"dateTimeOriginal": f"{shown:%Y:%m:%d %H:%M:%S}", "offsetTimeOriginal": f"{offset[:3]}:{offset[3:]}"}
        taken = instant
    else:
        # It shows home's hour, and the service takes a clock without a zone for UTC.
        shown = instant.astimezone(ZoneInfo(HOME.zone)).replace(tzinfo=UTC) + camera.off
        exif = {"dateTimeOriginal": f"{shown:%Y:%m:%d %H:%M:%S}"}
        taken = shown
    place = None
    if camera.knows and kind != "no places":
        north, east = random.normal(size=2) / 50
        label = f"{town.country}##{town.name}"
        place = Place(latitude=town.latitude + north, longitude=town.longitude + east, label=label, city=town.name)
    entry = Entry(
        path=f"{number:05}.jpg",
        name=f"{number:05}.jpg",
        id=f"n{number}",
        kind=Kind.FILE,
        content_type="image/jpeg",
        taken=taken,
        media=Media(make="Made up", model=camera.model, place=place, exif=exif),
    )
    return Shot(instant, event, entry)
