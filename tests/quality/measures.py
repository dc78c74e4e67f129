"""What scikit-learn has no name for: ranks, boundaries, pairs. Every value is between 0 and 1."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn import metrics

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence

    from numpy.typing import NDArray


class Ranking(NamedTuple):
    """How well answers were ordered, the mean over all questions."""

    first: float
    """Questions of which the first answer is right."""
    within_5: float
    """Questions with a right answer among the first five."""
    within_10: float
    recall_10: float
    """Right answers among the first ten, of as many as could be there."""
    mrr: float
    """Mean of one over the place of the first right answer."""
    ndcg_10: float


def ranking(answers: Sequence[Sequence[bool]]) -> Ranking:
    """Judge answers: for each question whether the whole library, best first, is right."""
    places = [first_right(each) for each in answers]
    gains = [
        metrics.ndcg_score([np.asarray(each, dtype=float)], [-np.arange(len(each), dtype=float)], k=10)
        for each in answers
    ]
    recalls = [sum(each[:10]) / min(10, sum(each)) for each in answers]
    return Ranking(
        first=_mean(place <= 1 for place in places),
        within_5=_mean(place <= 5 for place in places),
        within_10=_mean(place <= 10 for place in places),
        recall_10=_mean(recalls),
        mrr=_mean(1 / place for place in places),
        ndcg_10=_mean(gains),
    )


def first_right(answer: Sequence[bool]) -> int:
    """Return the place of the first right answer, counted from 1. There must be one."""
    return answer.index(True) + 1


class Rates(NamedTuple):
    """Of what was found how much is right, of what is right how much was found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rates(found: Collection[Hashable], right: Collection[Hashable]) -> Rates:
    """Compare two sets; where nothing was found nothing is wrong."""
    both = len(set(found) & set(right))
    return Rates(both / len(found) if found else 1.0, both / len(right) if right else 1.0)


def pairs(groups: Iterable[Iterable[Any]]) -> set[frozenset[Any]]:
    """Return every pair of members of one group."""
    return {frozenset(pair) for group in groups for pair in combinations(group, 2)}


def boundaries(labels: Sequence[int]) -> list[int]:
    """Return the places before which the label changes."""
    return [place for place in range(1, len(labels)) if labels[place] != labels[place - 1]]


def boundary_rates(found: Sequence[int], right: Sequence[int], *, tolerance: int = 0) -> Rates:
    """Match each found boundary with one right boundary at most *tolerance* places away, the nearest first."""
    distances = sorted(
        (abs(one - other), one, other) for one in found for other in right if abs(one - other) <= tolerance
    )
    ours: set[int] = set()
    theirs: set[int] = set()
    for _, one, other in distances:
        if one not in ours and other not in theirs:
            ours.add(one)
            theirs.add(other)
    return Rates(len(ours) / len(found) if found else 1.0, len(theirs) / len(right) if right else 1.0)


def window_diff(found: Sequence[int], right: Sequence[int], size: int) -> float:
    """Return the share of windows with another number of boundaries (Pevzner and Hearst 2002); 0 is best.

    The window is half of the mean length of a right segment.

    Args:
        found: boundaries.
        right: those that are right.
        size: how many items there are.
    """
    window = max(1, round(size / (len(right) + 1) / 2))
    ours, theirs = np.zeros(size, dtype=int), np.zeros(size, dtype=int)
    ours[list(found)], theirs[list(right)] = 1, 1
    kernel = np.ones(window, dtype=int)
    differ = np.convolve(ours, kernel, "valid") != np.convolve(theirs, kernel, "valid")
    return float(differ.mean())


class Clustering(NamedTuple):
    """How well groups are those that are right. A label below 0 is in no group."""

    ari: float
    ami: float
    """Of everything; what is in no group is a group of its own, one by one."""
    v: float
    purity: float
    """Of what is in a group."""
    coverage: float
    """Of what should be in a group, how much is in one."""
    groups: int


def clustering(found: NDArray[np.int64], right: NDArray[np.int64]) -> Clustering:
    """Compare labels ``[n]``."""
    ours, theirs = _alone(found), _alone(right)
    grouped = found >= 0
    table = metrics.cluster.contingency_matrix(theirs[grouped], found[grouped]) if grouped.any() else np.zeros((1, 1))
    belongs = right >= 0
    return Clustering(
        ari=float(metrics.adjusted_rand_score(theirs, ours)),
        ami=float(metrics.adjusted_mutual_info_score(theirs, ours)),
        v=float(metrics.v_measure_score(theirs, ours)),
        purity=float(table.max(axis=0).sum() / max(1, table.sum())),
        coverage=float((grouped & belongs).sum() / max(1, belongs.sum())),
        groups=len(np.unique(found[grouped])),
    )


def calibration_error(told: NDArray[np.float64], truth: NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error: how far probabilities are from shares, bin by bin; 0 is best."""
    places = np.minimum((told * bins).astype(np.int64), bins - 1)
    return float(
        sum(
            np.count_nonzero(places == one) * abs(told[places == one].mean() - truth[places == one].mean())
            for one in np.unique(places)
        )
        / len(told)
    )


def _alone(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(labels >= 0, labels, -1 - np.arange(len(labels)))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
