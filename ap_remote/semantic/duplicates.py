"""Photographs that are one, in three different answers: the same bytes, encoded anew, a burst.

What counts as one is in :mod:`ap_remote.semantic.looks`. Hashes are compared all with all, by FAISS, so that a library
of any size is looked at whole; cosines only where the hashes are near. A group holds pictures of which *each* is near
to *each*, so that a chain of small steps is no group. The frames of a burst follow each other with pauses of at most
three seconds, and all of them are alike. Nothing is removed here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

import msgspec
import numpy as np

from ap_remote.errors import ConfigError, LimitError
from ap_remote.model import Entry
from ap_remote.semantic import near
from ap_remote.semantic.answers import by_md5
from ap_remote.semantic.extras import need
from ap_remote.semantic.looks import BURST_COSINE, COSINE, CROPPED, Looks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ap_remote.remote.base import Remote
    from ap_remote.semantic.measures import Measures
    from ap_remote.semantic.serving import Serving
    from ap_remote.semantic.store import EmbeddingStore

Sameness = Literal["exact", "re-encoded", "burst"]
KINDS: Final[tuple[Sameness, ...]] = get_args(Sameness)
RUN: Final = 256
"""Frames of a burst that are compared with each other; what shoots on and on is more than one burst."""
_QUERIES: Final = 2048
_PAIRS: Final = 8192


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """Photographs that are one."""

    kind: Sameness
    keep: Entry
    """The one to keep."""
    why: str
    """Why that one."""
    others: tuple[Entry, ...]
    least: float | None = None
    """The cosine of the two least alike; ``None`` for the same bytes."""
    bits: int | None = None
    """The most bits in which two perceptual hashes differ; ``None`` for the same bytes."""

    @property
    def freed(self) -> int:
        """Bytes of the others."""
        return sum(each.size for each in self.others)


class Duplicates(msgspec.Struct, frozen=True, kw_only=True):
    """All groups, by kind and the most bytes first, and what there is to say."""

    groups: tuple[Alike, ...]
    looked_at: int
    """Photographs and videos."""
    note: str = ""


class _Seen(NamedTuple):
    """Contents that can be compared: in the order of rows."""

    same: list[list[Entry]]
    """The photographs of each content, the one to keep first."""
    measures: list[Measures | None]
    vectors: NDArray[np.float32]


async def find(
    remote: Remote,
    serving: Serving,
    open_store: Callable[[], EmbeddingStore],
    *,
    query: str = "",
    kinds: Sequence[str] = (),
) -> Duplicates:
    """Return groups of photographs that are one.

    Args:
        remote: the remote that the index was built over.
        serving: its index.
        open_store: gives the store; blocks.
        query: look only at what this filter finds.
        kinds: which answers; all three where none is named.

    Raises:
        ConfigError: an unknown kind.
        LimitError: too many pairs are near.
        QuerySyntaxError: in *query*.
    """
    wanted = tuple(kinds) or KINDS
    unknown = [each for each in wanted if each not in KINDS]
    if unknown:
        message = f"duplicates are {', '.join(KINDS)}; not {unknown[0]!r}"
        raise ConfigError(message)
    found = await by_md5(remote, query)
    return await asyncio.to_thread(_find, found, serving, open_store, wanted)


def _find(
    found: dict[str, list[Entry]],
    serving: Serving,
    open_store: Callable[[], EmbeddingStore],
    wanted: Sequence[str],
) -> Duplicates:
    groups: list[Alike] = []
    if "exact" in wanted:
        for entries in found.values():
            if len(entries) > 1 and entries[0].size:
                order, why = near.ranked(entries)
                groups.append(Alike(kind="exact", keep=order[0], why=why, others=tuple(order[1:])))
    notes = []
    if "re-encoded" in wanted or "burst" in wanted:
        pictures = {md5: entries for md5, entries in found.items() if any(each.is_photo for each in entries)}
        seen, missing = _seen(pictures, serving, open_store())
        if missing:
            notes.append(f"{missing} pictures are not in the index, or were not measured, and were not compared")
        groups += _looked(seen, wanted)
    groups.sort(key=lambda each: (KINDS.index(each.kind), -each.freed, each.keep.path))
    return Duplicates(groups=tuple(groups), looked_at=sum(map(len, found.values())), note="; ".join(notes))


def _seen(found: dict[str, list[Entry]], serving: Serving, store: EmbeddingStore) -> tuple[_Seen, int]:
    fingerprint = serving.generation.fingerprint
    rows = store.catalog.rows_of(fingerprint, found)
    records = store.catalog.contents_of(fingerprint, rows.values())
    told = sorted((row, md5) for md5, row in rows.items() if row in records and records[row].measures is not None)
    same = [near.ranked(found[md5])[0] if len(found[md5]) > 1 else found[md5] for _, md5 in told]
    missing = sum(map(len, found.values())) - sum(map(len, same))
    numbers = np.asarray([row for row, _ in told], dtype=np.int64)
    vectors = serving.take(numbers) if told else np.empty((0, serving.generation.dim), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return _Seen(same, [records[row].measures for row, _ in told], vectors), missing


def _looked(seen: _Seen, wanted: Sequence[str]) -> list[Alike]:
    looks = Looks.of([each[0] for each in seen.same], seen.measures)
    sharpness = {
        each[0].md5 or "": measured.sharpness
        for each, measured in zip(seen.same, seen.measures, strict=True)
        if measured is not None
    }
    anew = near.linked(_re_encoded(looks, seen.vectors))
    made = [_alike("re-encoded", rows, seen, looks, sharpness) for rows in anew]
    groups = made if "re-encoded" in wanted else []
    if "burst" in wanted:
        # A frame stands for what is the same frame encoded anew, so that both answers hold for it.
        kept = {group.keep.id for group in made}
        behind = {row for rows in anew for row in rows if seen.same[row][0].id not in kept}
        rows = np.asarray([row for row in range(len(seen.same)) if row not in behind], dtype=np.int64)
        bursts = near.linked(_bursts(looks, seen.vectors, rows))
        groups = [*groups, *(_alike("burst", each, seen, looks, sharpness) for each in bursts)]
    return groups


def _re_encoded(looks: Looks, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ``[pairs, 3]``: two positions, the lower first, and their cosine."""
    chosen = np.flatnonzero(looks.comparable())
    if not len(chosen):
        return np.empty((0, 3))
    faiss: Any = need("faiss")
    codes = np.ascontiguousarray(looks.phash[chosen]).view(np.uint8).reshape(-1, 8)
    index = faiss.IndexBinaryFlat(64)
    index.add(codes)
    pairs: list[NDArray[np.float64]] = []
    total = 0
    for start in range(0, len(chosen), _QUERIES):
        limits, _, others = index.range_search(codes[start : start + _QUERIES], CROPPED + 1)
        counts = np.diff(limits.astype(np.int64))
        left = chosen[np.repeat(np.arange(start, start + len(counts)), counts)]
        right = chosen[others]
        left, right = left[left < right], right[left < right]
        may = looks.re_encoded(left, right)
        pairs.append(_near(vectors, left[may], right[may], COSINE))
        total += len(pairs[-1])
        _check(total)
    return np.concatenate(pairs)


def _bursts(looks: Looks, vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    moments = looks.frames.moments
    dated = rows[np.isfinite(moments[rows])]
    order = dated[np.lexsort((moments[dated], looks.cameras[dated]))]
    follows = looks.burst(order[:-1], order[1:]) if len(order) else np.empty(0, dtype=np.bool_)
    pairs = [np.empty((0, 3))]
    total = 0
    for run in _runs(order, follows):
        first, second = np.triu_indices(len(run), 1)
        one, other = np.minimum(run[first], run[second]), np.maximum(run[first], run[second])
        pairs.append(_near(vectors, one, other, BURST_COSINE))
        total += len(pairs[-1])
        _check(total)
    return np.concatenate(pairs)


def _runs(order: NDArray[np.int64], follows: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """Yield rows that follow each other without a longer pause, at most :data:`RUN` together."""
    for part in np.split(order, np.flatnonzero(~follows) + 1):
        for start in range(0, len(part), RUN):
            if len(part[start : start + RUN]) > 1:
                yield part[start : start + RUN]


def _near(
    vectors: NDArray[np.float32], left: NDArray[np.int64], right: NDArray[np.int64], threshold: float
) -> NDArray[np.float64]:
    found = [np.empty((0, 3))]
    for start in range(0, len(left), _PAIRS):
        one, other = left[start : start + _PAIRS], right[start : start + _PAIRS]
        cosines = np.einsum("nd,nd->n", vectors[one], vectors[other])
        good = cosines >= threshold
        found.append(np.stack([one[good], other[good], cosines[good]], axis=1).astype(np.float64))
    return np.concatenate(found)


def _check(pairs: int) -> None:
    if pairs > near.PAIRS:
        message = f"more than {near.PAIRS} pairs of pictures are alike; narrow it by a filter, e.g. timeYear:(2023)"
        raise LimitError(message)


def _alike(kind: Sameness, rows: Sequence[int], seen: _Seen, looks: Looks, sharpness: dict[str, float]) -> Alike:
    order, why = near.ranked((entry for row in rows for entry in seen.same[row]), sharpness)
    chosen = np.asarray(rows)
    bits = np.bitwise_count(looks.phash[chosen][:, None] ^ looks.phash[chosen][None])
    return Alike(
        kind=kind,
        keep=order[0],
        why=why,
        others=tuple(order[1:]),
        least=round(near.least_cosine(seen.vectors[chosen]), 4),
        bits=int(bits.max()),
    )
