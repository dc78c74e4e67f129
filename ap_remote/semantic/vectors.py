"""Nearest neighbours: the contract of an index, and the exact one in numpy that every other is measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK: Final = 16_384
"""Rows that are compared at once: 48 MiB of float32 at 768 numbers."""
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


class Stored(Protocol):
    """All vectors of a generation, there to be read in parts: what every index is made from and judged by."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """The numbers of all rows, ascending."""
        ...

    def keys(self) -> NDArray[np.uint64]:
        """Return for each of :attr:`rows` what changes when its vector does: row numbers may be given anew."""
        ...

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors ``[len(positions), dim]`` at these positions of :attr:`rows`.

        Raises:
            CorruptStoreError: they are missing or damaged.
        """
        ...


class Held:
    """Vectors that are in memory already."""

    def __init__(self, rows: NDArray[np.int64], vectors: NDArray[np.float16]) -> None:
        """Keep *vectors* ``[n, dim]`` under the numbers *rows*, which are distinct."""
        order = np.argsort(rows, kind="stable")
        self._rows = rows[order]
        self._vectors = vectors if bool((order[1:] > order[:-1]).all()) else vectors[order]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The numbers of all rows, ascending."""
        return self._rows

    def keys(self) -> NDArray[np.uint64]:
        """Return a sum of each vector's bits."""
        weights = np.random.default_rng(0).integers(1, 1 << 63, self._vectors.shape[1], dtype=np.uint64) | np.uint64(1)
        bits = np.ascontiguousarray(self._vectors).view(np.uint16)
        found = np.empty(len(bits), dtype=np.uint64)
        for start in range(0, len(bits), BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = bits[part].astype(np.uint64) @ weights
        return found

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return some of the vectors."""
        return self._vectors[positions]


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


def nearest(
    stored: Stored, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None
) -> Neighbours:
    """Return the *k* nearest rows, compared in float32 block by block; equal scores are ordered by row number."""
    rows = stored.rows
    chosen = np.arange(len(rows)) if allowed is None else positions(rows, allowed)
    answer = empty(len(queries), k)
    for start in range(0, len(chosen), BLOCK):
        part = chosen[start : start + BLOCK]
        scores = queries @ stored.take(part).astype(np.float32).T
        for number, found in enumerate(scores):
            _enter(answer.rows[number], answer.scores[number], rows[part], found)
    return answer


def _enter(
    rows: NDArray[np.int64], scores: NDArray[np.float32], new: NDArray[np.int64], found: NDArray[np.float32]
) -> None:
    """Let *new* rows take the places in one query's answer that they are near enough for."""
    better = found >= scores[-1]
    if np.count_nonzero(better) > len(scores):
        better = found >= max(np.partition(found, -len(scores))[-len(scores)], scores[-1])
    all_rows, all_scores = np.concatenate([rows, new[better]]), np.concatenate([scores, found[better]])
    # Nobody's row is -1, and would come before a row as far away as nobody: there is none.
    order = np.lexsort((all_rows, -all_scores))[: len(scores)]
    rows[:], scores[:] = all_rows[order], all_scores[order]


def rescored(stored: Stored, queries: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Neighbours:
    """Return the *k* best of each query's candidates *rows* ``[queries, c]`` by their cosines in the store.

    Candidates may be :data:`NOBODY`, which is left out; no row stands twice in one query's candidates.
    """
    answer = empty(len(queries), k)
    for number, (query, candidates) in enumerate(zip(queries, rows, strict=True)):
        real = np.sort(candidates[candidates != NOBODY])
        _enter(
            answer.rows[number], answer.scores[number], real, stored.take(np.searchsorted(stored.rows, real)) @ query
        )
    return answer


def members(rows: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each of *rows* whether the mask allows it; what lies outside the mask is not allowed."""
    inside = (rows >= 0) & (rows < len(allowed))
    inside[inside] = allowed[rows[inside]]
    return inside


def positions(rows: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return at which places of ascending *rows* the mask allows one, in their order."""
    if len(rows) and (rows[0], rows[-1]) == (0, len(rows) - 1):  # nothing was ever taken away: places are rows
        return np.flatnonzero(allowed[: len(rows)])
    return np.flatnonzero(members(rows, allowed))


def mask(rows: NDArray[np.int64], span: int) -> NDArray[np.bool_]:
    """Return a mask of that length that allows *rows*."""
    allowed = np.zeros(span, dtype=np.bool_)
    allowed[rows[rows < span]] = True
    return allowed
