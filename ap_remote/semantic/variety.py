"""Answers that differ from each other: maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def varied(scores: Sequence[float], vectors: NDArray[np.float32], *, count: int, variety: float) -> list[int]:
    """Return the positions of *count* answers, the best first, each near to the question and far from those before it.

    Args:
        scores: of the answers.
        vectors: theirs, ``[n, dim]``, of unit length.
        count: how many are wanted.
        variety: 0 orders by score alone, 1 takes what differs most.
    """
    worth = (1 - variety) * np.asarray(scores, dtype=np.float64)
    nearest = np.zeros(len(worth))
    chosen: list[int] = []
    left = np.ones(len(worth), dtype=np.bool_)
    while len(chosen) < min(count, len(worth)):
        gain = np.where(left, worth - variety * nearest, -np.inf)
        best = int(np.argmax(gain)) if chosen else int(np.argmax(scores))
        chosen.append(best)
        left[best] = False
        cosines = vectors @ vectors[best]
        nearest = cosines.astype(np.float64) if len(chosen) == 1 else np.maximum(nearest, cosines)
    return chosen
