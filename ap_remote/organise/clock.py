"""The time and the day of a photograph, as the person with the camera would say them.

The service tells capture times in UTC. The time of the day is what EXIF's offset makes of that, else what the camera's
own clock showed, else the time of the zone where it was taken, with its summer time; without a place, or without the
package that knows the zones (``tzfpy``, of the semantic extra), UTC is all there is. What goes on over midnight belongs
to the evening before until four in the morning.

The borders of the zones in ``tzfpy`` are those of timezone-boundary-builder (ODbL, of OpenStreetMap), simplified: near
a border the zone may be the neighbour's.

Among others (:func:`local_times`) a photograph that tells nothing has the zone of the one that was taken next to it.
"""

from __future__ import annotations

import re
from bisect import bisect
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ap_remote.organise.whereabouts import position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ap_remote.model import Entry

NIGHT: Final = timedelta(hours=4)
"""Until then a night belongs to the day before."""
_FARTHEST: Final = timedelta(hours=15)
"""No clock on earth differs from UTC by more; a camera's that does was never set."""
_LENT: Final = timedelta(days=1)
"""No farther apart in time may two photographs be for one to have the zone of the other (own choice)."""
_NORTH: Final = 90.0
_EAST: Final = 180.0
_DIGITS: Final = 2
"""Decimals of a degree, about a kilometre, to which places are rounded before their zone is looked up and kept."""
_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):?(\d{2})?")
_CLOCK: Final = re.compile(r"(\d{4})[-:](\d{2})[-:](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")


def local_time(entry: Entry) -> datetime | None:
    """Return when it was taken by the clock on the wall, as far as that is known; marked as UTC whatever it is."""
    if entry.taken is None:
        return None
    shift = _written(entry)
    if shift is None:
        shift = _showed(entry)
    return _moved(entry.taken, _there(entry) if shift is None else shift)


def local_times(entries: Iterable[Entry]) -> list[tuple[datetime, Entry]]:
    """Return those that have a date, with their local times.

    What neither EXIF nor a place tells the zone of has that of the photograph nearest in time, within a day. What a
    camera's clock showed is lent to nobody: it may stand there as if it were UTC.
    """
    found: list[tuple[datetime, Entry]] = []
    known: list[tuple[datetime, timedelta]] = []
    lost: list[tuple[datetime, Entry]] = []
    for entry in entries:
        if entry.taken is None:
            continue
        sure = _written(entry)
        shown = _showed(entry) if sure is None else None
        if sure is None and shown is None:
            sure = _there(entry)
        if sure is not None:
            known.append((entry.taken, sure))
        shift = shown if sure is None else sure
        if shift is None:
            lost.append((entry.taken, entry))
        else:
            found.append((_moved(entry.taken, shift), entry))
    known.sort()
    for taken, entry in lost:
        here = bisect(known, taken, key=itemgetter(0))
        near = [(abs(when - taken), shift) for when, shift in known[max(0, here - 1) : here + 1]]
        apart, shift = min(near, default=(_LENT, timedelta()))
        found.append((_moved(taken, shift) if apart < _LENT else taken, entry))
    return found


def day_of(entry: Entry) -> date | None:
    """Return the day on which a photograph was taken."""
    when = local_time(entry)
    return None if when is None else when.date()


def evening(when: datetime) -> date:
    """Return the day that an hour belongs to: until four in the morning the one before."""
    return (when - NIGHT).date()


def _moved(taken: datetime, shift: timedelta | None) -> datetime:
    try:
        return taken if shift is None else taken + shift
    except OverflowError:  # the first or the last day that there is: a date that nobody set
        return taken


def _written(entry: Entry) -> timedelta | None:
    """Return the offset that EXIF tells."""
    exif = entry.media.exif if entry.media is not None else {}
    return _offset(exif.get("offsetTimeOriginal") or exif.get("timeZoneOffset") or "")


def _showed(entry: Entry) -> timedelta | None:
    """Return how far the camera's clock was from UTC."""
    text = entry.media.exif.get("dateTimeOriginal") if entry.media is not None else None
    return _clock(text, entry.taken) if text and entry.taken is not None else None


def _offset(text: str) -> timedelta | None:
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    shift = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return None if shift > _FARTHEST else shift if match[1] == "+" else -shift


def _clock(text: str, taken: datetime) -> timedelta | None:
    match = _CLOCK.match(text.strip())
    if match is None:
        return None
    try:
        told = datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    shift = told - taken
    return shift if abs(shift) <= _FARTHEST else None


def _there(entry: Entry) -> timedelta | None:
    """Return how far clocks were from UTC then and there, as far as that is known."""
    where = position(entry)
    if where is None or entry.taken is None:
        return None
    zone = _zone(round(where[0], _DIGITS), round(where[1], _DIGITS))
    try:
        return None if zone is None else entry.taken.astimezone(zone).utcoffset()
    except OverflowError:
        return None


@lru_cache(maxsize=65_536)
def _zone(latitude: float, longitude: float) -> ZoneInfo | None:
    """Return the zone of a place in degrees, or none: for what is no place on earth, and for 0/0, which means unset."""
    find = _finder()
    if find is None or not (abs(latitude) <= _NORTH and abs(longitude) <= _EAST) or latitude == longitude == 0:
        return None
    name = find(longitude, latitude)
    try:
        return ZoneInfo(name) if name else None
    except ZoneInfoNotFoundError:  # a zone younger than the system's database
        return None


@lru_cache(maxsize=1)
def _finder() -> Callable[[float, float], str] | None:
    try:
        from tzfpy import get_tz
    except ModuleNotFoundError:
        return None
    return get_tz
