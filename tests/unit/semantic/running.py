"""A build on its own: no search, no encoder but the planted one."""

from __future__ import annotations

from ap_remote.semantic.build import build
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.planted import PlantedEncoder


async def made(remote, folder, encoder=None, **options):
    with EmbeddingStore(folder, write=True) as store:
        return await build(remote, store, encoder or PlantedEncoder(), **options)
