"""Pictures that look the same though their bytes differ: encoded anew, made smaller, slightly edited.

Every vector is compared with every other, tile by tile, in float32; first by the few directions in which they differ
most, which rules out nearly all pairs and never a near one (:class:`Shortened`). Two pictures are near where their
cosine reaches a threshold; a group holds pictures of which *each* is near to *each*, so that a chain of small steps (an
afternoon of a camera on a tripod) is not one group. Nothing is removed here.

Vectors of what is shown cannot tell the next frame of a burst from a copy: with the offline encoder the same scene
shifted by 3 % has a cosine of 0.971 to 0.999, the same file at JPEG quality 50 one of 0.985 to 1.000, at half its size
0.977 to 1.000 (eleven photographs of scikit-image; different ones have at most 0.95). What tells them apart is when
they were taken: see :class:`Frames`.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry

THRESHOLD: Final = 0.97
"""The cosine from which two pictures look the same (own choice; the numbers are above)."""
BURST: Final = timedelta(hours=1)
"""Pictures of one size that were taken so close, yet not at the same moment, are frames and not copies (own choice)."""
VECTORS: Final = 50_000
"""Vectors that are compared at once, of 512 dimensions in some seconds of two cores, half a minute at the worst."""
PAIRS: Final = 1_000_000
"""Near pairs that are kept: about 150 MB."""
TILE: Final = 4096
"""Rows of a tile; its cosines take 64 MB."""
SAMPLE: Final = 1024
"""Rows by which it is judged how short the vectors may be."""
_FEW: Final = 0.001
"""The share of pairs that may be left to be compared as a whole; beyond it nothing is won (own choice)."""
_SLACK: Final = 1e-3
"""More than float32 may err here: the length of a rest is a root, and errs by the root of what its square errs."""

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


class Near(NamedTuple):
    """Groups of rows, the largest first, and how near the two least alike of each are (a cosine)."""

    groups: tuple[tuple[int, ...], ...]
    least: tuple[float, ...]
    pairs: int
    """Near pairs; more than the groups hold, where a group could not take all of them."""


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


class Shortened(NamedTuple):
    """Unit vectors in the directions in which they differ most, and how long the rest of each is.

    By Cauchy and Schwarz the rests of two vectors add no more to their cosine than the product of their lengths, so
    that the cosine of two shortened vectors is never below that of the whole ones.
    """

    rows: NDArray[np.float32]
    """``[n, k + 1]``."""

    @classmethod
    def of(cls, unit: NDArray[np.float32], threshold: float) -> Shortened | None:
        """Return the shortest vectors that rule out nearly all pairs; ``None`` where none would be worth it."""
        import numpy as np

        count, dims = unit.shape
        sample = unit[:: max(1, count // SAMPLE)][:SAMPLE]
        if len(sample) < SAMPLE:
            return None
        # The covariance of all rows: those of a sample alone would miss what few pictures show.
        _, axes = np.linalg.eigh(unit.T @ unit)
        turned = sample @ axes[:, ::-1]
        for kept in (dims // 16, dims // 8, dims // 4):
            short = _short(sample, turned[:, :kept])
            if np.count_nonzero(short @ short.T >= threshold - _SLACK) <= len(sample) * (1 + _FEW * len(sample)):
                return cls(_short(unit, unit @ np.ascontiguousarray(axes[:, ::-1][:, :kept])))
        return None


def _short(unit: NDArray[np.float32], projected: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    whole, part = (np.einsum("nd,nd->n", rows, rows) for rows in (unit, projected))
    rest = np.sqrt(np.maximum(whole - part, 0))
    return np.concatenate([projected, rest[:, None]], axis=1)


class NearFinder:
    """Finds groups, and remembers the last answer: the pages of one answer are asked for one after another."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._last: tuple[bytes, Near] | None = None

    async def find(self, vectors: NDArray[np.float32], frames: Frames, *, threshold: float = THRESHOLD) -> Near:
        """Return the groups of near rows; see :func:`find_near`."""
        key = await asyncio.to_thread(_key, vectors, frames, threshold)
        if self._last is None or self._last[0] != key:
            self._last = key, await find_near(vectors, frames, threshold=threshold)
        return self._last[1]


async def find_near(
    vectors: NDArray[np.float32], frames: Frames | None = None, *, threshold: float = THRESHOLD, tile: int = TILE
) -> Near:
    """Return groups of rows of which each is near to each. The work is done in threads and stops between two tiles.

    Two groups are never near as a whole: they would be one. Where a row fits into several, the nearest pair decides.

    Args:
        vectors: ``[n, dim]``; their lengths do not matter.
        frames: keeps the frames of a burst apart; without it they are near.
        threshold: the cosine from which two are near.
        tile: rows that are compared at a time.

    Raises:
        LimitError: more than :data:`VECTORS`, or more than :data:`PAIRS` pairs of them are near.
    """
    import numpy as np

    if len(vectors) > VECTORS:
        raise LimitError(f"{len(vectors)} pictures are too many to compare all with all; at most {VECTORS}")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    short = await asyncio.to_thread(Shortened.of, unit, threshold)
    found: list[NDArray[np.float64]] = []
    total = 0
    for first, second in _tiles(len(unit), tile):
        pairs = await asyncio.to_thread(_pairs, unit, short, first, second, threshold)
        if frames is not None:
            pairs = pairs[~frames.apart(pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64))]
        total += len(pairs)
        if total > PAIRS:
            raise LimitError(f"more than {PAIRS} pairs are near by {threshold:g}")
        found.append(pairs)
    groups = await asyncio.to_thread(linked, np.concatenate(found) if found else np.empty((0, 3)))
    least = tuple(round(least_cosine(unit[list(group)]), 4) for group in groups)
    return Near(groups, least, total)


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


def _tiles(count: int, tile: int) -> Iterator[tuple[slice, slice]]:
    starts = range(0, count, tile)
    for first in starts:
        for second in starts:
            if second >= first:
                yield slice(first, first + tile), slice(second, second + tile)


def _pairs(
    unit: NDArray[np.float32], short: Shortened | None, first: slice, second: slice, threshold: float
) -> NDArray[np.float64]:
    """Return ``[pairs, 3]``: two rows, the lower first, and their cosine."""
    import numpy as np

    if short is not None:
        left, right = _above(short.rows[first] @ short.rows[second].T, first, second, threshold - _SLACK)
        if len(left) <= _FEW * TILE * TILE:
            cosines = np.einsum("nd,nd->n", unit[left], unit[right])
            near = cosines >= threshold
            return np.stack([left[near], right[near], cosines[near]], axis=1).astype(np.float64)
    whole = unit[first] @ unit[second].T
    left, right = _above(whole, first, second, threshold)
    return np.stack([left, right, whole[left - first.start, right - second.start]], axis=1).astype(np.float64)


def _above(
    cosines: NDArray[np.float32], first: slice, second: slice, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the pairs of a tile that reach a threshold, the lower first, each pair once."""
    import numpy as np

    left, right = np.divmod(np.flatnonzero(cosines >= threshold), cosines.shape[1])
    left, right = left + first.start, right + second.start
    kept = left < right
    return left[kept], right[kept]


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


def _key(vectors: NDArray[np.float32], frames: Frames, threshold: float) -> bytes:
    import numpy as np

    digest = hashlib.blake2b(repr((vectors.shape, threshold)).encode())
    for each in (vectors, frames.moments, frames.sizes):
        digest.update(np.ascontiguousarray(each).data)
    return digest.digest()
