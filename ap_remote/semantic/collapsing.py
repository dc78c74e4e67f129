"""Which answers are one picture: copies that were encoded anew, and neighbours in a burst.

A photograph is put to an answer when it is near to the answer itself, and a copy or a neighbour of any that the answer
stands for. All that were seen stand in one matrix, so that a whole part is compared at once; what each photograph is
put to is then told one by one, as it depends on where those before it went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ap_remote.semantic.looks import BURST_COSINE, COSINE, Looks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.semantic.candidates import Candidate

TILE: Final = 2**21
"""Cosines that are held at once: 8 MB."""
_PART: Final = 32, 1024
"""So many photographs are compared at once at least, and at most."""


class Joined(NamedTuple):
    """What a photograph was put to."""

    lead: int
    """The number, among all that were added, of the photograph that is the answer."""
    is_copy: bool
    """Whether it is a copy of one of them; otherwise it is a neighbour in a burst."""


class Pictures:
    """The pictures so far, of which each may stand for several photographs. Its methods block."""

    def __init__(self, take: Callable[[Sequence[int]], NDArray[np.float32]]) -> None:
        """Have none.

        Args:
            take: returns the vectors ``[n, dim]`` of rows.
        """
        self._take = take
        self._count = 0
        self._vectors = np.empty((0, 0), dtype=np.float32)
        """``[at least count, dim]``"""
        self._leads = np.empty(0, dtype=np.int64)
        """For each photograph the one that is the answer, itself where it is one."""
        self._unseen: list[tuple[Candidate, Entry]] = []
        """The last ones, whose looks were not needed yet."""
        self._cameras: dict[tuple[object, ...], int] = {}
        self._looks = Looks.of([], [], self._cameras)

    def add(self, photographs: Sequence[tuple[Candidate, Entry]]) -> list[Joined | None]:
        """Return for each photograph, best first, what it was put to; ``None`` where it is an answer of its own."""
        found: list[Joined | None] = []
        while len(found) < len(photographs):
            least, most = _PART
            step = min(max(least, TILE // (self._count + most)), most)
            found += self._part(photographs[len(found) : len(found) + step])
        return found

    def _part(self, part: Sequence[tuple[Candidate, Entry]]) -> list[Joined | None]:
        begun = self._count
        self._keep(part)
        found: list[Joined | None] = [None] * len(part)
        cosines = self._vectors[begun : self._count] @ self._vectors[: self._count].T
        ones, others = np.nonzero(cosines >= BURST_COSINE)
        before = others < ones + begun
        ones, others = ones[before], others[before]
        if not len(ones):
            return found
        looks = self._seen()
        near = cosines[ones, others]
        is_copy = looks.re_encoded(others, ones + begun) & (near >= COSINE)
        is_burst = looks.burst(others, ones + begun)
        for one in np.unique(ones[is_copy | is_burst]).tolist():
            pairs = slice(*np.searchsorted(ones, (one, one + 1)))
            leads = self._leads[others[pairs]]
            beside = cosines[one, leads] >= BURST_COSINE
            for rule in (is_copy, is_burst):
                same = beside & rule[pairs]
                if same.any():
                    nearest = same & (near[pairs] == near[pairs][same].max())
                    lead = int(leads[nearest].min())
                    self._leads[begun + one] = lead
                    found[one] = Joined(lead, is_copy=rule is is_copy)
                    break
        return found

    def _keep(self, part: Sequence[tuple[Candidate, Entry]]) -> None:
        vectors = self._take([each.row for each, _ in part])
        begun, self._count = self._count, self._count + len(part)
        if self._count > len(self._leads):
            room = 2 * self._count
            grown = np.empty((room, vectors.shape[1]), dtype=np.float32)
            if begun:
                grown[:begun] = self._vectors[:begun]
            self._vectors, self._leads = grown, np.append(self._leads[:begun], np.arange(begun, room))
        self._vectors[begun : self._count] = vectors
        self._unseen += part

    def _seen(self) -> Looks:
        """Return the looks of all photographs; most are near to no other, and then nobody asks."""
        new = Looks.of(
            [entry for _, entry in self._unseen], [each.record.measures for each, _ in self._unseen], self._cameras
        )
        self._looks, self._unseen = self._looks.followed_by(new), []
        return self._looks
