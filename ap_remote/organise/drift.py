"""Where one thing ends and another begins: what neighbours in time look like, beside what a library looks like.

Likeness is the mean cosine of all pairs. Two sittings (photographs without a long pause) differ where they are no more
like each other than any two photographs of the library, though each is alike in itself; they are one thing where they
are as like each other as each is in itself. Where a sitting is no more alike in itself than the library is, its looks
tell nothing, and time and place decide alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.semantic.library import VectorTable

FEWEST: Final = 3
"""Photographs of a sitting from which its looks count."""
TELLING: Final = 0.05
"""How much more alike than the library a sitting must be in itself (own choice)."""
APART: Final = 0.75
"""Share of the way from a sitting's own likeness to the library's from which on two differ (own choice)."""
ALIKE: Final = 0.25
"""Share of that way up to which two are one (own choice)."""


class Sight(NamedTuple):
    """What some photographs look like, in sums that can be added."""

    size: int
    total: NDArray[np.float64]
    """Sum of their unit vectors."""

    def plus(self, other: Sight) -> Sight:
        """Return what both look like together."""
        return Sight(self.size + other.size, self.total + other.total)

    @property
    def own(self) -> float:
        """The likeness of its photographs, of which there must be two."""
        return float((self.total @ self.total - self.size) / (self.size * (self.size - 1)))


class Looks:
    """What photographs look like, by an index's vectors."""

    def __init__(self, table: VectorTable) -> None:
        """Know each photograph's vector and the library's likeness."""
        self._rows: Mapping[str, int] = {node: int(row) for node, row in zip(table.ids, table.rows, strict=True)}
        self._table = table
        self._usual = Sight(table.size, table.total()).own if table.size > 1 else 1.0

    def of(self, entries: Sequence[Entry]) -> Sight:
        """Return what some photographs look like; those without a vector do not count."""
        rows = [row for entry in entries if (row := self._rows.get(entry.id)) is not None]
        return Sight(len(rows), self._table.take(rows).sum(axis=0, dtype="float64"))

    def apart(self, one: Sight, other: Sight) -> bool:
        """Whether two show different things."""
        way = self._way(one, other)
        return way is not None and way >= APART

    def alike(self, one: Sight, other: Sight) -> bool:
        """Whether two show the same thing."""
        way = self._way(one, other)
        return way is not None and way <= ALIKE

    def _way(self, one: Sight, other: Sight) -> float | None:
        """Return how far two are on the way from their own likeness (0) to the library's (1); ``None``: not told."""
        if min(one.size, other.size) < FEWEST:
            return None
        own = min(one.own, other.own)
        if own - self._usual < TELLING:
            return None
        between = float(one.total @ other.total) / (one.size * other.size)
        return (own - between) / (own - self._usual)
