"""The FAISS index: a cache of the store, in the tier that fits its size.

What the cache holds is made anew from the store whenever its manifest does not match (fingerprint, FAISS version,
checksum); where just some rows came or went, those are added and removed.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ap_remote.errors import StoreError
from ap_remote.semantic import index_cache, tiers
from ap_remote.semantic.cores import PART, Parted, forget_workers
from ap_remote.semantic.extras import need
from ap_remote.semantic.index_cache import Manifest
from ap_remote.semantic.tiers import Tier
from ap_remote.semantic.vectors import NOBODY, Held, Neighbours, empty, members, nearest, positions, rescored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ap_remote.semantic.rows import Watermark
    from ap_remote.semantic.vectors import Stored

    Source = Callable[[], Stored | tuple[NDArray[np.int64], NDArray[np.float16]]]

FEW_ROWS: Final = 20_000
"""So many allowed rows are scored one by one, rather than looked for in an index that looks at a part of all."""
OVERFETCH: Final = {"ivf-sq8": 4, "ivf-pq": 10, "gpu": 4}
"""How many candidates are scored again for each neighbour, where an index keeps less than the store's fp16 rows."""
CARD_K: Final = 2048
"""FAISS finds no more neighbours at once on a card."""
CHANGED_SHARE: Final = 0.2
"""Where more of the rows came or went, an index is made anew rather than mended."""
GROWN: Final = 2
"""So many times its rows an index may grow before its cells are made anew."""
_EXACT: Final = Tier(name="exact")
_WIDER: Final = 4
_log = logging.getLogger(__name__)


class FaissIndex:
    """Search by FAISS. Filters are bitmaps applied inside the scan; what FAISS could miss is scored from the store."""

    def __init__(
        self, index: Any, rows: NDArray[np.int64], *, tier: Tier = _EXACT, stored: Stored | None = None, few: int = 0
    ) -> None:
        """Serve a FAISS index whose ids are row numbers.

        Args:
            index: FAISS's.
            rows: the numbers of all rows.
            tier: what kind of index it is.
            stored: the vectors themselves, which every tier but the exact one needs.
            few: so many allowed rows are scored from *stored*; :data:`FEW_ROWS` by default.
        """
        _survive_forks()
        self.tier = tier
        self._index = index
        self._faiss = need("faiss")
        self._stored = stored
        self._few = few or FEW_ROWS
        self._size = len(rows)
        self._span = int(rows.max()) + 1 if len(rows) else 0
        self._parted = Parted(index, rows)

    @classmethod
    def build(
        cls, rows: NDArray[np.int64], vectors: NDArray[np.float16], *, dim: int, tier: Tier = _EXACT, few: int = 0
    ) -> FaissIndex:
        """Return an index over *vectors* ``[n, dim]`` under the numbers *rows*, which must be distinct."""
        held = Held(rows, vectors)
        tier = tier if len(rows) else _EXACT
        return cls(tiers.made(tier, held, dim), held.rows, tier=tier, stored=held, few=few)

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return self._size

    @property
    def span(self) -> int:
        """One more than the greatest row number."""
        return self._span

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Return the *k* nearest rows of each query; see :class:`~ap_remote.semantic.vectors.VectorIndex`.

        In a tier that looks at a part of the rows a neighbour may be missed, but never a place left empty while a row
        is allowed, and never a row returned that is not.
        """
        found = min(k, self._size)
        if found == 0:
            return empty(len(queries), k)
        if self.tier.name == "exact":
            near = self._scan(queries, found, allowed)
        elif self.tier.name == "gpu":
            near = self._on_card(queries, found, allowed)
        else:
            near = self._approximate(queries, found, allowed)
        return near if found == k else _padded(near, k)

    def _scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Neighbours:
        if allowed is None:
            return self._parted.search(queries, k)
        if not tiers.filters_hold() and self._stored is not None:
            return nearest(self._stored, queries, k, allowed=allowed)
        few = int(np.count_nonzero(allowed)) < PART
        near = self._parted.search(queries, k, selector=self._selector(allowed), alone=few)
        if not members(near.rows[near.rows != NOBODY], allowed).all():
            if self._stored is not None:
                return nearest(self._stored, queries, k, allowed=allowed)
            # A wrong photograph is worse than none.
            message = "this build of FAISS ignores filters; install faiss-cpu, or faiss-gpu-cuvs"
            raise StoreError(message)
        return near

    def _approximate(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Neighbours:
        stored = self._vectors()
        count = self._size if allowed is None else len(positions(stored.rows, allowed))
        want = min(count, k * OVERFETCH.get(self.tier.name, 1))
        if count <= self._few or want > count // 8 or (allowed is not None and not tiers.filters_hold()):
            return nearest(stored, queries, k, allowed=allowed)
        selector = None if allowed is None else self._selector(allowed)
        most = self._most()
        effort = max(1, self.tier.effort) * self._size // count
        if allowed is not None and self.tier.name == "ivf":
            effort = most  # passing over what is not allowed costs little, and an answer among fp16 rows is exact
        while effort <= most:
            if self.tier.name == "hnsw":
                params = self._faiss.SearchParametersHNSW(efSearch=max(effort, want), sel=selector)
                scores, rows = self._index.search(queries, want, params=params)
            else:
                rows, scores = self._parted.search(queries, want, selector=selector, cells=effort, alone=count < PART)
            real = rows != NOBODY
            if allowed is not None and not members(rows[real], allowed).all():
                break
            if real.all():
                if self.tier.name in OVERFETCH:
                    return rescored(stored, queries, rows, k)
                return Neighbours(rows, scores)
            effort = most if effort < most < effort * _WIDER else effort * _WIDER
        return nearest(stored, queries, k, allowed=allowed)

    def _on_card(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None) -> Neighbours:
        """Compare with every row and take out who is not allowed; FAISS's filters on cards are not to be trusted."""
        stored = self._vectors()
        count = self._size if allowed is None else len(positions(stored.rows, allowed))
        needed = min(k, count)
        want = needed * OVERFETCH["gpu"] * self._size // max(1, count)
        while count > self._few and needed < CARD_K and want <= CARD_K:
            _, places = self._index.search(queries, min(want, self._size))
            rows = np.where(places >= 0, stored.rows[places], NOBODY)
            if allowed is not None:
                rows[~members(rows.ravel(), allowed).reshape(rows.shape)] = NOBODY
            if ((rows != NOBODY).sum(axis=1) >= needed).all():
                return rescored(stored, queries, rows, k)
            want *= 2
        return nearest(stored, queries, k, allowed=allowed)

    def _vectors(self) -> Stored:
        assert self._stored is not None  # noqa: S101 - whoever makes one of these tiers hands them in
        return self._stored

    def _selector(self, allowed: NDArray[np.bool_]) -> Any:
        return self._faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))

    def _most(self) -> int:
        """Return the effort beyond which a scan is as good: all cells, or a quarter of a graph."""
        return self._size // 4 if self.tier.name == "hnsw" else int(self._index.nlist)


def _padded(near: Neighbours, k: int) -> Neighbours:
    answer = empty(len(near.rows), k)
    answer.rows[:, : near.rows.shape[1]] = near.rows
    answer.scores[:, : near.rows.shape[1]] = near.scores
    return answer


@cache
def _survive_forks() -> None:
    """Let forked processes search in one thread: OpenMP's others are not there, and it would wait for them for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: need("faiss").omp_set_num_threads(1))
        os.register_at_fork(after_in_child=forget_workers)


def open_index(
    folder: Path, *, fingerprint: str, dim: int, watermark: Watermark, load: Source, tier: str | None = None
) -> FaissIndex:
    """Return the cached index if it matches the store, else one made from it or anew, and cache that.

    Args:
        folder: where the cache is.
        fingerprint: whose vectors are wanted.
        dim: their length.
        watermark: the state of the store that the index must show.
        load: returns the vectors of the store; called when the cache cannot be used alone.
        tier: what a person chose of :data:`~ap_remote.semantic.tiers.NAMES`; by default what was measured on this
            machine decides, or else how many rows there are.

    Raises:
        ConfigError: there is no such tier, or no card for it.
        CorruptStoreError: a shard is missing or damaged.
    """
    choice = index_cache.read_choice(folder)
    few = tiers.few_rows(watermark.rows) if choice is None else choice.few_rows
    chosen = tiers.pick(watermark.rows, dim, wanted=tier, choice=choice)
    if chosen.name == "gpu":  # the store itself is what would be cached
        stored = _stored(load)
        return FaissIndex(tiers.made(chosen, stored, dim), stored.rows, tier=chosen, stored=stored, few=few)
    wanted = Manifest(
        tier=chosen.name,
        factory=tiers.factory(chosen, watermark.rows, dim),
        faiss=need("faiss").__version__,
        fingerprint=fingerprint,
        dim=dim,
        count=watermark.rows,
        changes=watermark.changes,
        trained=watermark.rows,
    )
    found = index_cache.read(folder)
    cached = index_cache.load(folder, found, mapped=True) if found is not None and found.shows(wanted) else None
    if cached is not None:
        if chosen.name == "exact" and tiers.filters_hold():
            return FaissIndex(cached, need("faiss").vector_to_array(cached.id_map), tier=chosen)
        stored = _stored(load)
        return FaissIndex(cached, stored.rows, tier=chosen, stored=stored, few=few)
    stored = _stored(load)
    index = _renewed(folder, found, wanted, chosen, stored)
    alone = chosen.name == "exact" and tiers.filters_hold()
    return FaissIndex(index, stored.rows, tier=chosen, stored=None if alone else stored, few=few)


def _renewed(folder: Path, found: Manifest | None, wanted: Manifest, tier: Tier, stored: Stored) -> Any:
    """Return an index over *stored* that is kept in *folder*, made from the one there if that is less work."""
    keys = stored.keys()
    index = None
    if found is not None and found.grows_to(wanted) and wanted.count <= GROWN * found.trained:
        index = _mended(folder, found, stored, keys)
    if index is None:
        index = tiers.made(tier, stored, wanted.dim)
    else:
        assert found is not None  # noqa: S101 - what was mended was found
        wanted = msgspec.structs.replace(wanted, trained=found.trained, factory=found.factory)
    if not index_cache.keep(folder, wanted, index, stored.rows, keys):
        return index
    return index_cache.opened(folder, mapped=True)  # from here on the system's cache holds the rows


def _mended(folder: Path, found: Manifest, stored: Stored, keys: NDArray[np.uint64]) -> Any | None:
    """Return the cached index with what came and without what went; ``None`` where a new one is better."""
    table = index_cache.contents(folder, found)
    if table is None or not table.shape[1] or not len(stored.rows):
        return None
    rows, before = stored.rows, table[0].astype(np.int64)
    places = np.minimum(np.searchsorted(rows, before), len(rows) - 1)
    same = (rows[places] == before) & (keys[places] == table[1])
    gone = before[~same]
    fresh = np.ones(len(rows), dtype=np.bool_)
    fresh[places[same]] = False
    come = np.flatnonzero(fresh)
    if len(gone) + len(come) > CHANGED_SHARE * len(before) or (len(gone) and found.tier == "hnsw"):
        return None  # from a graph nothing can be taken away
    index = index_cache.load(folder, found, mapped=False)
    if index is None:
        return None
    if len(gone):
        index.remove_ids(gone)
    tiers.add(index, stored, come)
    if int(index.ntotal) != len(rows):
        _log.warning("the cached index in %s does not hold what was said of it and is made anew", folder)
        return None
    _log.debug("added %d and removed %d rows of the index in %s", len(come), len(gone), folder)
    return index


def _stored(load: Source) -> Stored:
    found = load()
    return Held(*found) if isinstance(found, tuple) else found
