"""A build on its own: no search, no encoder but the planted one; and what it left."""

from __future__ import annotations

from ap_remote.semantic.build import build
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.planted import PlantedEncoder


async def made(remote, folder, encoder=None, *, vectors=None, **options):
    with EmbeddingStore(folder, write=True, vectors=vectors) as store:
        return await build(remote, store, encoder or PlantedEncoder(), **options)


def contents(folder):
    """Return the bytes of each vector by its content and frame, and what failed."""
    one = PlantedEncoder().fingerprint
    with EmbeddingStore(folder) as store:
        (generation,) = store.catalog.generations()
        rows, vectors = store.vectors(generation)
        records = store.catalog.contents_of(one, rows.tolist())
        found = {
            (records[row].md5, records[row].frame, records[row].measures): vector.tobytes()
            for row, vector in zip(rows.tolist(), vectors, strict=True)
        }
        assert len(found) == len(rows)
        return found, store.catalog.failures(one)
