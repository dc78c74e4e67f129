"""Events and trips, found in made-up years whose events are known; beside them the rule that knows pauses only."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn import metrics

from ap_remote.organise.clock import local_time
from ap_remote.organise.events import find_events
from tests.quality.calendars import YEARS, year
from tests.quality.measures import boundaries, boundary_rates, window_diff
from tests.quality.report import Figure, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.quality.calendars import Shot, Year

SEEDS = 4
TOLERANCE = 1
"""Photographs by which a border may be wrong."""
PAUSE = timedelta(hours=48)
"""The rule to be better than: a new event after every longer pause; the best of 6, 12, 20, 30, 48 and 72 hours here."""


class Events(NamedTuple):
    """How well borders between events were found."""

    f1: float
    exact_f1: float
    """Without tolerance."""
    window_diff: float
    """0 is best."""
    nmi: float
    ami: float


def judged(found: Sequence[int], right: Sequence[int]) -> Events:
    """Compare the event of each photograph, in the order in which they were taken."""
    ours, theirs = boundaries(found), boundaries(right)
    return Events(
        f1=boundary_rates(ours, theirs, tolerance=TOLERANCE).f1,
        exact_f1=boundary_rates(ours, theirs).f1,
        window_diff=window_diff(ours, theirs, len(right)),
        nmi=float(metrics.normalized_mutual_info_score(right, found)),
        ami=float(metrics.adjusted_mutual_info_score(right, found)),
    )


def ours(shots: Sequence[Shot]) -> list[int]:
    """Return the event that we find for each photograph."""
    groups = find_events([shot.entry for shot in shots], min_size=1).groups
    number = {member.entry.id: place for place, group in enumerate(groups) for member in group.members}
    return [number[shot.entry.id] for shot in shots]


def by_pauses(shots: Sequence[Shot], pause: timedelta = PAUSE) -> list[int]:
    """Return the event of each photograph where only pauses count."""
    times = sorted((local_time(shot.entry) or shot.instant, shot.entry.id) for shot in shots)
    number = {times[0][1]: 0}
    for (earlier, one), (later, other) in pairwise(times):
        number[other] = number[one] + (later - earlier > pause)
    return [number[shot.entry.id] for shot in shots]


def measure(kind: Year, seeds: int = SEEDS) -> tuple[Events, Events]:
    """Return the means over some years: ours, and those of the rule that knows pauses only."""
    both = []
    for seed in range(seeds):
        shots = year(kind, seed)
        right = [shot.event for shot in shots]
        both.append((judged(ours(shots), right), judged(by_pauses(shots), right)))
    one, other = (Events(*np.mean([each[side] for each in both], axis=0).tolist()) for side in (0, 1))
    return one, other


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures."""
    found = {kind: measure(kind) for kind in YEARS}
    columns = ("year", "boundary F1", "exact", "WindowDiff", "NMI", "AMI", "by pauses: F1", "WindowDiff", "AMI")
    rows = []
    for kind, (one, other) in found.items():
        values = (one.f1, one.exact_f1, one.window_diff, one.nmi, one.ami, other.f1, other.window_diff, other.ami)
        rows.append((kind, *(f"{each:.3f}" for each in values)))
    yield Rows(quality="events", columns=columns, rows=tuple(rows))
    for kind, (one, other) in found.items():
        name = kind.replace(" ", "_")
        yield Figure(quality=f"events.{name}.f1", value=round(one.f1, 4), detail={"by_pauses": round(other.f1, 4)})
        yield Figure(quality=f"events.{name}.window_diff", value=round(one.window_diff, 4), falls=True)
        yield Figure(quality=f"events.{name}.ami", value=round(one.ami, 4), detail={"by_pauses": round(other.ami, 4)})
