"""Whether a capture time can be believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

FIRST_PHOTOGRAPH: Final = datetime(1826, 1, 1, tzinfo=UTC)
"""The oldest photograph that is kept was taken in 1826 or 1827."""

_ZERO_DAYS: Final = frozenset({(1904, 1, 1), (1970, 1, 1), (1980, 1, 1), (1980, 1, 6), (1990, 1, 1)})
"""Days that clocks count from: QuickTime, Unix, DOS, GPS, and firmware that was never told the time."""

_ZERO_MIDNIGHT: Final = frozenset((year, 1, 1) for year in range(1998, 2013))
"""What many cameras show after a change of battery. People photograph on New Year's Day, so only midnight
counts."""

_ZONES: Final = timedelta(days=1)
"""Capture times have no zone: tomorrow may be today elsewhere."""


def judge(taken: datetime, now: datetime) -> str | None:
    """Return ``future``, ``impossible`` or ``clock`` for a capture time that nobody should believe."""
    if taken < FIRST_PHOTOGRAPH:
        return "impossible"
    if taken > now + _ZONES:
        return "future"
    day = (taken.year, taken.month, taken.day)
    if day in _ZERO_DAYS or (day in _ZERO_MIDNIGHT and not (taken.hour or taken.minute or taken.second)):
        return "clock"
    return None
