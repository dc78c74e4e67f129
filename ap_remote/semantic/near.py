"""Pictures that look the same: which of them are a group, which is the one to keep, what tells copies from frames.

What is near to what is for :mod:`ap_remote.semantic.looks` to say. A group holds pictures of which *each* is near to
*each*, so that a chain of small steps (an afternoon of a camera on a tripod) is not one group. Nothing is removed here.

Vectors of what is shown cannot tell the next frame of a burst from a copy: with the offline encoder the same scene
shifted by 3 % has a cosine of 0.971 to 0.999, the same file at JPEG quality 50 one of 0.985 to 1.000, at half its size
0.977 to 1.000 (eleven photographs of scikit-image; different ones have at most 0.95). What tells them apart are
hashes, and when they were taken: see :class:`Frames`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry

BURST: Final = timedelta(hours=1)
"""Pictures of one size that were taken so close, yet not at the same moment, are frames and not copies (own choice)."""
PAIRS: Final = 1_000_000
"""Near pairs that are kept: about 150 MB."""

_SHARPER: Final = 1.25
"""Sharpness differs by steps of this: JPEG noise alone moves it by 15 %."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_REASONS: Final = (
    "it is a favourite",
    "it has the most pixels",
    "it is the sharpest",
    "it has the most bytes",
    "it was uploaded first",
    "its path is the shortest",
    "its path sorts first",
)


class Frames(NamedTuple):
    """What tells the frames of a burst apart from copies, row by row.

    A copy has the moment of its original, or none, or one that is far from it, and mostly another size.
    """

    moments: NDArray[np.float64]
    """Seconds since 1970; not a number where it is not known."""
    sizes: NDArray[np.int64]
    """Something that pictures of the same width and height have in common."""

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Frames:
        """Return the facts of entries, in their order."""
        import numpy as np

        moments = [math.nan if entry.taken is None else entry.taken.timestamp() for entry in entries]
        sizes = [((each.width or 0) << 32) + (each.height or 0) if (each := entry.media) else 0 for entry in entries]
        return cls(np.asarray(moments, dtype=np.float64), np.asarray(sizes, dtype=np.int64))

    def apart(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each pair of rows whether they are two frames."""
        import numpy as np

        pause = np.abs(self.moments[left] - self.moments[right])
        frames: NDArray[np.bool_] = (
            (self.sizes[left] == self.sizes[right]) & (pause > 0) & (pause <= BURST.total_seconds())
        )
        return frames


def ranked(entries: Iterable[Entry], sharpness: Mapping[str, float] | None = None) -> tuple[list[Entry], str]:
    """Return pictures that look the same, the one to keep first, and why that one. Give two at least.

    In this order (semantic-search practice, the rest own choice): a favourite, most pixels, sharpest, most bytes, first
    uploaded, shortest path. `ap dedupe` and :mod:`ap_remote.insight.twins`, which see the same bytes only, agree that a
    favourite is kept. There pixels, sharpness and bytes say nothing; the one weighs albums and other marks, which a
    listing does not tell, the other names that look like a copy's, which an edited picture mostly has.

    Args:
        entries: the pictures.
        sharpness: by md5, as :mod:`ap_remote.semantic.measures` has it; those within 25 % are equally sharp.
    """
    sharp = sharpness or {}
    order = sorted(entries, key=lambda each: _rank(each, sharp))
    first, second = _rank(order[0], sharp), _rank(order[1], sharp)
    return order, next(reason for reason, one, other in zip(_REASONS, first, second, strict=True) if one != other)


def _rank(entry: Entry, sharpness: Mapping[str, float]) -> tuple[bool, int, int, int, datetime, int, tuple[str, str]]:
    media = entry.media
    pixels = (media.width or 0) * (media.height or 0) if media else 0
    sharp = sharpness.get(entry.md5 or "", 0.0)
    return (
        not entry.favorite,
        -pixels,
        -round(math.log(max(sharp, 1e-3), _SHARPER)),
        -entry.size,
        entry.created or _NEVER,
        len(entry.path),
        (entry.path, entry.id),
    )


def linked(pairs: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    """Join rows of pairs ``[n, 3]`` (two rows, the lower first, and their cosine), the nearest pair first.

    Two groups are joined where all of one are near to all of the other.
    """
    import numpy as np

    order = np.lexsort((pairs[:, 1], pairs[:, 0], -pairs[:, 2]))
    links = [(int(left), int(right)) for left, right in pairs[order, :2]]
    near: dict[int, set[int]] = {}
    for left, right in links:
        near.setdefault(left, set()).add(right)
        near.setdefault(right, set()).add(left)
    group = {row: {row} for row in near}
    # The rows that are near to every member of the group that a row leads.
    common = near
    leader = {row: row for row in near}
    for left, right in links:
        one, other = leader[left], leader[right]
        if one == other or not group[other] <= common[one]:
            continue
        if len(group[one]) < len(group[other]):
            one, other = other, one
        for row in group[other]:
            leader[row] = one
        group[one] |= group.pop(other)
        common[one] = common[one] & common.pop(other)
    found = [tuple(sorted(rows)) for rows in group.values() if len(rows) > 1]
    return tuple(sorted(found, key=lambda rows: (-len(rows), rows)))


def least_cosine(unit: NDArray[np.float32]) -> float:
    """Return the cosine of the two least alike of unit vectors."""
    return float((unit @ unit.T).min())
