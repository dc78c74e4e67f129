"""The vectors of a generation where they lie: in shards, which are mapped when they are asked for.

A million rows cost 24 MB here for their places; the vectors themselves stay on the disk, in the system's cache. On a
filesystem that cannot be mapped a shard is read as a whole, and some of them are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from ap_remote.errors import CorruptStoreError
from ap_remote.semantic import shards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ap_remote.semantic.depot import Depot

OPEN: Final = 512
"""Shards that stay mapped at once: each holds a file descriptor."""
HELD: Final = 2**30
"""Bytes of shards that stay in memory, where they lie on a filesystem that cannot map them (own choice)."""


class ShardVectors:
    """Vectors in shards; see :class:`~ap_remote.semantic.vectors.Stored`. Shards are never changed, so neither is this.

    Its methods may be called from any thread.
    """

    def __init__(
        self,
        depot: Depot,
        places: NDArray[np.int64],
        *,
        names: Mapping[int, str],
        dim: int,
        keys: Callable[[], NDArray[np.uint64]],
    ) -> None:
        """Read *depot* when asked.

        Args:
            depot: where the shards are.
            places: row, shard and position of every vector ``[n, 3]``, in the order of rows.
            names: of the shards, by their numbers in *places*.
            dim: length of a vector.
            keys: returns what identifies the contents of all rows, in their order.
        """
        self._depot = depot
        self._rows, self._shards, self._positions = (np.ascontiguousarray(column) for column in places.T)
        self._names = names
        self._dim = dim
        self._keys = keys
        self._open: dict[int, NDArray[np.float16]] = {}
        self._held = 0

    @property
    def rows(self) -> NDArray[np.int64]:
        """The numbers of all rows, ascending."""
        return self._rows

    def keys(self) -> NDArray[np.uint64]:
        """Return what changes when a row's content does."""
        return self._keys()

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the vectors at these positions of :attr:`rows`.

        Raises:
            CorruptStoreError: a shard is missing or damaged.
        """
        vectors = np.empty((len(positions), self._dim), dtype=np.float16)
        if not len(positions):
            return vectors
        order = np.argsort(self._shards[positions], kind="stable")
        numbers, firsts = np.unique(self._shards[positions[order]], return_index=True)
        for number, chosen in zip(numbers.tolist(), np.split(order, firsts[1:]), strict=True):
            inside = self._positions[positions[chosen]]
            table = self._table(number)
            if inside.max() >= len(table):
                message = (
                    f"{self._names[number]} in {self._depot.place} is too short; "
                    "`ap index build` makes its vectors again"
                )
                raise CorruptStoreError(message)
            vectors[_run(chosen)] = table[_run(inside)]
        return vectors

    def _table(self, number: int) -> NDArray[np.float16]:
        found = self._open.get(number)
        if found is None:
            found = shards.read(self._depot, self._names[number], dim=self._dim)
            cost = 0 if isinstance(found, np.memmap) else found.nbytes
            if len(self._open) >= OPEN or (cost and self._held + cost > HELD):
                self._open, self._held = {}, 0
            self._open[number] = found
            self._held += cost
        return found


def _run(numbers: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Return numbers that follow each other as a slice, which copies several times as fast."""
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
        return slice(first, last + 1)
    return numbers
