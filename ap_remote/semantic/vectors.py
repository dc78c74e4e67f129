"""Nearest neighbours: the contract of an index, and the exact one in numpy that every other is measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOBODY = -1
"""Fills a row of an answer when fewer than *k* neighbours are allowed; its score is minus infinity."""


class Neighbours(NamedTuple):
    """Two tables ``[queries, k]``: rows of the store and their cosines, best first."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class VectorIndex(Protocol):
    """Unit vectors under dense, non-negative row numbers."""

    @property
    def size(self) -> int:
        """How many vectors there are."""
        ...

    @property
    def span(self) -> int:
        """One more than the greatest row number: the length of a mask."""
        ...

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Return the *k* nearest rows of each query ``[n, dim]``.

        With *allowed* (a mask by row number; rows past its end are not allowed) the answer equals a search in just
        those rows: no other row is ever returned, and none is missed.
        """
        ...


class ExactIndex:
    """Compares each query with every vector, in float32."""

    def __init__(self, rows: NDArray[np.int64], vectors: NDArray[np.float16] | NDArray[np.float32]) -> None:
        """Keep *vectors* ``[n, dim]`` under the numbers *rows*."""
        self._rows = rows
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return len(self._rows)

    @property
    def span(self) -> int:
        """One more than the greatest row number."""
        return int(self._rows.max()) + 1 if len(self._rows) else 0

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Return the *k* nearest rows; equal scores are ordered by row number."""
        chosen = np.ones(len(self._rows), dtype=np.bool_) if allowed is None else members(self._rows, allowed)
        rows, vectors = self._rows[chosen], self._vectors[chosen]
        scores = queries.astype(np.float32) @ vectors.T
        found = min(k, len(rows))
        order = np.lexsort((np.broadcast_to(rows, scores.shape), -scores))[:, :found]
        answer = empty(len(queries), k)
        answer.rows[:, :found] = rows[order]
        answer.scores[:, :found] = np.take_along_axis(scores, order, axis=1)
        return answer


def empty(queries: int, k: int) -> Neighbours:
    """Return an answer that holds nobody."""
    return Neighbours(
        np.full((queries, k), NOBODY, dtype=np.int64),
        np.full((queries, k), -np.inf, dtype=np.float32),
    )


def members(rows: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each of *rows* whether the mask allows it; what lies outside the mask is not allowed."""
    inside = (rows >= 0) & (rows < len(allowed))
    inside[inside] = allowed[rows[inside]]
    return inside


def mask(rows: NDArray[np.int64], span: int) -> NDArray[np.bool_]:
    """Return a mask of that length that allows *rows*."""
    allowed = np.zeros(span, dtype=np.bool_)
    allowed[rows[rows < span]] = True
    return allowed
