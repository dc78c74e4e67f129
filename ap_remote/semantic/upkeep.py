"""Looking after an index between builds: which encoders' vectors it holds, which of them can go, what is dead."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ap_remote.semantic import compaction
from ap_remote.semantic.compaction import Compacted
from ap_remote.semantic.store import CATALOG, EmbeddingStore

if TYPE_CHECKING:
    from collections.abc import Iterable


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors of one encoder."""

    fingerprint: str
    encoder: str
    serving: bool
    """Whether searches use them."""
    rows: int
    dead: int
    """Rows that no photograph has any more."""
    coverage: float
    """Share of the photographs that can be encoded which have one of them, 0 to 1."""
    bytes: int
    """On disk, with their index."""
    updated: datetime | None = None


def held(folder: Path, place: Path | str | None = None) -> list[Vectors]:
    """Return all vectors of an index, those that serve first; none where there is no index.

    Here and below *place* is where they lie, as :class:`~ap_remote.semantic.store.EmbeddingStore` takes it.

    Raises:
        StoreError: it cannot be read.
    """
    if not (folder / CATALOG).exists():
        return []
    with EmbeddingStore(folder, vectors=place) as store:
        found = []
        for each in store.catalog.generations():
            rows = store.watermark(each.fingerprint).rows
            found.append(
                Vectors(
                    fingerprint=each.fingerprint,
                    encoder=each.encoder,
                    serving=each.active,
                    rows=rows,
                    dead=rows - store.catalog.living(each.fingerprint),
                    coverage=store.catalog.coverage(each.fingerprint),
                    bytes=store.size(each.fingerprint),
                    updated=datetime.fromisoformat(each.updated) if each.updated else None,
                )
            )
        return found


def idle(vectors: Iterable[Vectors]) -> tuple[list[Vectors], list[Vectors]]:
    """Part the vectors that serve no search: those that can go, and those that a build seems to be filling still."""
    every = list(vectors)
    since = next((each.updated for each in every if each.serving), None)
    can_go: list[Vectors] = []
    filling: list[Vectors] = []
    for each in every:
        if not each.serving:
            later = each.updated is None or (since is not None and each.updated > since)
            (filling if later and each.coverage < 1 else can_go).append(each)
    return can_go, filling


def collect(folder: Path, fingerprints: Iterable[str], place: Path | str | None = None) -> int:
    """Take vectors away that serve no search; return the bytes that they had.

    Raises:
        BusyStoreError: another process writes.
        ConfigError: there are no such vectors, or searches use them.
    """
    with EmbeddingStore(folder, write=True, vectors=place) as store:
        return sum([compaction.remove_generation(store, each) for each in fingerprints])


def compact(folder: Path, place: Path | str | None = None) -> Compacted:
    """Take dead rows away from all vectors of an index.

    Raises:
        BusyStoreError: another process writes.
        CorruptStoreError: a shard is missing or damaged.
        StoreError: there is no index, or the disk is full; nothing was lost.
    """
    EmbeddingStore(folder, vectors=place).close()  # says so where there is none; a writer would make one
    done = []
    with EmbeddingStore(folder, write=True, vectors=place) as store:
        for each in store.catalog.generations():
            store.begin(each.fingerprint, each.encoder, each.dim)
            done.append(compaction.compact(store, each))
    return Compacted(
        removed=sum(each.removed for each in done),
        kept=sum(each.kept for each in done),
        bytes=sum(each.bytes for each in done),
    )
