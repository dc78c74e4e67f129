"""Vectors around middles that are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def planted(groups: int, size: int, *, dim: int = 32, noise: float = 0.05) -> NDArray[np.float32]:
    """Return *size* rows around each of *groups* middles, one group after another."""
    random = np.random.default_rng(2)
    vectors = np.repeat(unit(random.normal(size=(groups, dim))), size, axis=0)
    return unit(vectors + random.normal(size=vectors.shape) * noise)
