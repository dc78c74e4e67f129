"""The time and the day of a photograph, as the person with the camera would say them.

The service tells capture times in UTC. Where EXIF tells the camera's own clock or its offset, that is the time of the
day; elsewhere UTC is all there is. What goes on over midnight belongs to the evening before until four in the morning.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ap_remote.model import Entry

NIGHT: Final = timedelta(hours=4)
"""Until then a night belongs to the day before."""
_FARTHEST: Final = timedelta(hours=15)
"""No clock on earth differs from UTC by more; a camera's that does was never set."""
_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):?(\d{2})?")
_CLOCK: Final = re.compile(r"(\d{4})[-:](\d{2})[-:](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")


def local_time(entry: Entry) -> datetime | None:
    """Return when it was taken by the clock on the wall, as far as that is known; marked as UTC whatever it is."""
    if entry.taken is None:
        return None
    exif = entry.media.exif if entry.media is not None else None
    if not exif:
        return entry.taken
    shift = _offset(exif.get("offsetTimeOriginal") or exif.get("timeZoneOffset") or "")
    if shift is None:
        shift = _clock(exif.get("dateTimeOriginal") or "", entry.taken)
    return entry.taken if shift is None else entry.taken + shift


def day_of(entry: Entry) -> date | None:
    """Return the day on which a photograph was taken."""
    when = local_time(entry)
    return None if when is None else when.date()


def evening(when: datetime) -> date:
    """Return the day that an hour belongs to: until four in the morning the one before."""
    return (when - NIGHT).date()


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
