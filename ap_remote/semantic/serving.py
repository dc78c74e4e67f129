"""An index in memory, with what scores are weighed by: vectors of single rows, and how scores spread over the library.

The mean of a question's cosines over a library is the question's cosine with the mean vector, and their variance is
that of the vectors in the question's direction. So both are known for every question without comparing anything.
"""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from ap_remote.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ap_remote.semantic.catalog import Generation
    from ap_remote.semantic.vectors import Stored, VectorIndex

SAMPLE: Final = 8192
"""Rows by which the spread is judged, evenly taken; its error is then near 1 % of a standard deviation."""


class Spread:
    """How the vectors of a library lie."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Judge by *vectors* ``[n, dim]``."""
        self._mean = vectors.mean(axis=0, dtype=np.float64) if len(vectors) else np.zeros(vectors.shape[1])
        apart = vectors - self._mean.astype(np.float32)
        self._covariance = (apart.T @ apart).astype(np.float64) / max(1, len(vectors))

    def of(self, query: NDArray[np.float32]) -> tuple[float, float]:
        """Return mean and standard deviation of a query's ``[dim]`` cosines over the library."""
        wide = query.astype(np.float64)
        return float(wide @ self._mean), math.sqrt(max(0.0, float(wide @ self._covariance @ wide)))


class Serving:
    """An index in memory, of one generation in the state that *changes* marks. Its methods block."""

    def __init__(self, generation: Generation, changes: int, vectors: VectorIndex, stored: Stored) -> None:
        """Serve *vectors*; *stored* are the same where they lie."""
        self.generation = generation
        self.changes = changes
        self.vectors = vectors
        self._stored = stored
        self._spread: Spread | None = None
        self._lock = Lock()

    @property
    def rows(self) -> NDArray[np.int64]:
        """The numbers of all rows, ascending."""
        return self._stored.rows

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors ``[n, dim]`` of rows that a search gave, in their order.

        Raises:
            CorruptStoreError: a shard is missing or damaged.
            StoreError: another process changed the index at this moment.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        positions = np.searchsorted(self._stored.rows, wanted)
        if not np.array_equal(self._stored.rows[np.minimum(positions, len(self._stored.rows) - 1)], wanted):
            message = "the index changed at this moment; ask again"
            raise StoreError(message)
        return self._stored.take(positions).astype(np.float32)

    def spread(self) -> Spread:
        """Return how scores spread over the library."""
        with self._lock:
            if self._spread is None:
                count = len(self._stored.rows)
                chosen = np.arange(0, count, max(1, -(-count // SAMPLE)))
                self._spread = Spread(self._stored.take(chosen).astype(np.float32))
            return self._spread
