"""Taking away what is dead: rows that no photograph has any more, and generations that serve no search.

A shard is never changed: what lives in some is written to a new one, the catalogue points there in one transaction, and
the old files go last. Whatever a crash leaves between is swept when the next writer begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from ap_remote.errors import ConfigError
from ap_remote.semantic import shards

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ap_remote.semantic.catalog import Generation
    from ap_remote.semantic.rows import Extent
    from ap_remote.semantic.store import EmbeddingStore

DEAD_SHARE: Final = 0.1
"""Share of dead rows from which a build compacts by itself."""
SHARD_ROWS: Final = 65_536
"""Rows in one shard at most when shards are put together: 96 MiB at 768 numbers."""


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """What a compaction did."""

    removed: int
    """Dead rows that were taken away."""
    kept: int
    """Rows that were written again because they lay beside dead ones."""
    bytes: int
    """By how much the vectors became smaller."""


def dead_share(store: EmbeddingStore, generation: Generation) -> float:
    """Return which share of a generation's rows is dead, 0 to 1."""
    rows = store.watermark(generation.fingerprint).rows
    return 1 - store.catalog.living(generation.fingerprint) / rows if rows else 0.0


def compact(store: EmbeddingStore, generation: Generation) -> Compacted:
    """Write shards with dead rows anew, without them.

    Args:
        store: an open writer, on which :meth:`~ap_remote.semantic.store.EmbeddingStore.begin` was called.
        generation: whose rows.

    Raises:
        CorruptStoreError: a shard is missing or damaged.
        StoreError: the disk is full or cannot be written; nothing was lost.
    """
    fingerprint = generation.fingerprint
    depot = store.depot(fingerprint)
    before = store.size(fingerprint)
    removed = kept = 0
    for group in _groups(store.catalog.extents(fingerprint)):
        removed += sum(each.rows - each.living for each in group)
        new = store.free_name(fingerprint)
        rows = _rewrite(store, generation, group, new)
        kept += len(rows)
        store.catalog.move_rows(fingerprint, group, new, rows)
        for each in group:
            shards.sweep(depot, each.name)
            store.catalog.forget_retired(fingerprint, each.name)
    return Compacted(removed=removed, kept=kept, bytes=max(0, before - store.size(fingerprint)))


def _groups(extents: Iterable[Extent]) -> Iterator[list[Extent]]:
    """Yield shards with dead rows that are written anew together."""
    group: list[Extent] = []
    living = 0
    for each in extents:
        if each.living == each.rows:
            continue
        if group and living + each.living > SHARD_ROWS:
            yield group
            group, living = [], 0
        group.append(each)
        living += each.living
    if group:
        yield group


def _rewrite(store: EmbeddingStore, generation: Generation, group: Sequence[Extent], new: str) -> list[int]:
    """Write what lives in some shards to a new one, if anything does, and return its rows in their order there.

    All of it is in memory until the new shard is whole: at most :data:`SHARD_ROWS` rows, and one of the old shards.
    """
    fingerprint, depot = generation.fingerprint, store.depot(generation.fingerprint)
    vectors = np.empty((sum(each.living for each in group), generation.dim), dtype=np.float16)
    rows: list[int] = []
    for each in group:
        if each.living:
            places = store.catalog.living_places(fingerprint, each)
            table = shards.read(depot, each.name, dim=generation.dim)
            vectors[len(rows) : len(rows) + len(places)] = table[places[:, 1]]
            rows += places[:, 0].tolist()
    if rows:
        records = store.catalog.contents_of(fingerprint, rows)
        shards.write(depot, new, vectors, [records[row] for row in rows])
    return rows


def remove_generation(store: EmbeddingStore, fingerprint: str) -> int:
    """Take a generation away that serves no search, with its files; return the bytes that it had.

    Raises:
        ConfigError: there is no such generation, or searches use it.
    """
    known = {each.fingerprint: each for each in store.catalog.generations()}
    if fingerprint not in known:
        raise ConfigError(f"the index has no vectors {fingerprint!r}")
    if known[fingerprint].active:
        raise ConfigError(f"searches use the vectors {fingerprint}; another encoder's must serve before these can go")
    size = store.size(fingerprint)
    # The catalogue forgets last: what is broken off is still told of, so it is gone on with, or a build makes it good.
    depot = store.depot(fingerprint)
    for name in depot.sizes():
        depot.remove(name)
    for file in store.index_folder(fingerprint).glob("*"):
        file.unlink(missing_ok=True)
    store.catalog.remove_generation(fingerprint)
    return size
