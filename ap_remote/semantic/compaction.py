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
    from collections.abc import Iterator

    from ap_remote.semantic.catalog import Generation
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
    return 1 - len(store.catalog.living_rows(generation.fingerprint)) / rows if rows else 0.0


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
    for names, rows, dead in _groups(store, generation):
        removed += dead
        kept += len(rows)
        if rows:
            # All of it is in memory until the new shard is whole: at most SHARD_ROWS rows.
            places = [store.catalog.place(fingerprint, row) for row in rows]
            tables = {name: shards.read(depot, name, dim=generation.dim) for name in names}
            vectors = np.stack([tables[name][position] for name, position in places])
            records = store.catalog.contents_of(fingerprint, rows)
            new = store.free_name(fingerprint)
            shards.write(depot, new, vectors, [records[row] for row in rows])
            store.catalog.move_rows(fingerprint, names, new, rows)
        else:
            for name in names:
                store.catalog.drop_shard(fingerprint, name)
        for name in names:
            shards.sweep(depot, name)
            store.catalog.forget_retired(fingerprint, name)
    return Compacted(removed=removed, kept=kept, bytes=max(0, before - store.size(fingerprint)))


def _groups(store: EmbeddingStore, generation: Generation) -> Iterator[tuple[list[str], list[int], int]]:
    """Yield shards that are written anew together: their names, their living rows, how many are dead."""
    fingerprint = generation.fingerprint
    living = set(store.catalog.living_rows(fingerprint))
    by_shard: dict[int, list[int]] = {}
    for row, shard, _ in store.catalog.places(fingerprint).tolist():
        by_shard.setdefault(shard, []).append(row)
    names: list[str] = []
    rows: list[int] = []
    dead = 0
    for name, number in store.catalog.shards(fingerprint).items():
        inside = by_shard.get(number, [])
        alive = [row for row in inside if row in living]
        if len(alive) == len(inside):
            continue
        if names and len(rows) + len(alive) > SHARD_ROWS:
            yield names, rows, dead
            names, rows, dead = [], [], 0
        names.append(name)
        rows += alive
        dead += len(inside) - len(alive)
    if names:
        yield names, rows, dead


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
    # The catalogue forgets first: vectors that nobody knows of are taken in again when they are asked for.
    store.catalog.remove_generation(fingerprint)
    depot = store.depot(fingerprint)
    for name in depot.sizes():
        depot.remove(name)
    for file in store.index_folder(fingerprint).glob("*"):
        file.unlink(missing_ok=True)
    return size
