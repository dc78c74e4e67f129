"""Stretches without pictures that are long for their period of the library.

A gap is a run of days without a picture that is longer than ``max(14 days, 5 x the median)``, where the median is that
of the distances between neighbouring days with pictures in the year around (183 days to either side), the run itself
left out. Somebody who photographs daily misses two weeks; somebody who photographs once a month does not. Where the
year around has fewer than four such distances, nothing can be said, and nothing is (own choice).

What hints at an import that was lost: a camera's file numbers went on during the gap (``IMG_1234`` before it,
``IMG_1890`` after it), or a day beside it was a busy one.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Final

import msgspec

from ap_remote.insight.library import Gap

SHORTEST: Final = 14
"""Days that are never a gap, however busy the period."""
FACTOR: Final = 5
AROUND: Final = 183
"""Days to either side that make the period."""
_ENOUGH: Final = 4
_BUSY: Final = 5
"""How many times the usual day's pictures make a day a busy one."""
_BUSY_LEAST: Final = 20
_NUMBERED: Final = re.compile(r"([A-Za-z]{2,5}_?)(\d{4,5})\.[A-Za-z0-9]+")
_SKIPPED_LEAST: Final = 20
"""File numbers that may be missing for many reasons: pictures that were deleted in the camera."""

Series = tuple[str, str]
"""A camera's name, and what stands before its numbers."""


class Numbers(msgspec.Struct, gc=False):
    """The lowest and the highest file number of a series on one day."""

    low: int
    high: int


def numbered(name: str) -> tuple[str, int] | None:
    """Take a camera's file name such as ``IMG_1234.JPG`` apart; ``None`` for other names."""
    found = _NUMBERED.fullmatch(name)
    return (found[1].upper(), int(found[2])) if found else None


def find_gaps(days: Mapping[int, int], numbers: Mapping[int, Mapping[Series, Numbers]] | None = None) -> list[Gap]:
    """Return the gaps in a timeline, the earliest first.

    Args:
        days: pictures by day, days as proleptic ordinals (``date.toordinal``).
        numbers: the file numbers of each day by series, for the hints.
    """
    from statistics import median  # it loads decimals and fractions, which no other command needs

    ordered = sorted(days)
    distances = [later - earlier for earlier, later in pairwise(ordered)]
    gaps = []
    for index, distance in enumerate(distances):
        if distance - 1 <= SHORTEST:
            continue
        low = bisect_left(ordered, ordered[index] - AROUND)
        high = bisect_right(ordered, ordered[index + 1] + AROUND)
        near = distances[low:index] + distances[index + 1 : high - 1]
        if len(near) < _ENOUGH:
            continue
        usual = median(near)
        if distance - 1 <= max(SHORTEST, FACTOR * usual):
            continue
        before, after = ordered[index], ordered[index + 1]
        crowd = median(days[each] for each in ordered[low:high])
        gaps.append(
            Gap(
                first=date.fromordinal(before + 1),
                last=date.fromordinal(after - 1),
                days=distance - 1,
                usual=float(usual),
                before=days[before],
                after=days[after],
                hints=(
                    *_skipped((numbers or {}).get(before, {}), (numbers or {}).get(after, {})),
                    *_busy(days[before], crowd, "before"),
                    *_busy(days[after], crowd, "after"),
                ),
            )
        )
    return gaps


def _skipped(before: Mapping[Series, Numbers], after: Mapping[Series, Numbers]) -> list[str]:
    hints = []
    for series in sorted(before.keys() & after.keys()):
        last, following = before[series].high, after[series].low
        if following - last - 1 >= _SKIPPED_LEAST:
            name, prefix = series
            hints.append(
                f"{name or 'the camera'} counted from {prefix}{last:04d} to {prefix}{following:04d}: "
                f"{following - last - 1} numbers are missing"
            )
    return hints


def _busy(count: int, usual: float, side: str) -> list[str]:
    if count < max(_BUSY_LEAST, _BUSY * usual):
        return []
    return [f"the day {side} it has {count} pictures; usual is {usual:g}"]
