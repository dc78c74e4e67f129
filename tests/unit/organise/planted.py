"""Vectors around middles that are known."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ap_remote.semantic.library import VectorTable
from ap_remote.semantic.vectors import Held


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def planted(groups: int, size: int, *, dim: int = 32, noise: float = 0.05) -> NDArray[np.float32]:
    """Return *size* rows around each of *groups* middles, one group after another."""
    random = np.random.default_rng(2)
    vectors = np.repeat(unit(random.normal(size=(groups, dim))), size, axis=0)
    return unit(vectors + random.normal(size=vectors.shape) * noise)


def table_of(vectors: NDArray[np.float32], ids: Iterable[str] = ()) -> VectorTable:
    """Return vectors as an index hands them out, each a photograph's; without ids they are nobody's."""
    named, places = tuple(ids), np.arange(len(vectors))
    return VectorTable(named, places[: len(named)], Held(places, vectors))
