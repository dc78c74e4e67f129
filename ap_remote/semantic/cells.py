"""The cells of an inverted file: where their middles are, and into which of them each row falls.

FAISS can do both, but its wheels for processors multiply matrices several times slower than those of torch and
scikit-learn do (measured: a third to a sixth of their speed), and a million rows are a matter of matrices.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDS: Final = 10
"""Of k-means; more find cells that are no better to search."""
_SEED: Final = 1
_BLOCK: Final = 4096
"""Rows that are compared with all middles at once: 64 MiB of answers at 4,000 cells."""


def centres(sample: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the middles ``[count, dim]`` of the cells of *sample* ``[n, dim]``, of unit length; *n* is no less."""
    cluster, exceptions = need("sklearn.cluster"), need("sklearn.exceptions")
    means = cluster.KMeans(count, init="random", n_init=1, max_iter=_ROUNDS, random_state=_SEED)
    with warnings.catch_warnings():
        # Of a library full of copies some cells are empty, which is no harm.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        found: NDArray[np.float32] = means.fit(sample).cluster_centers_
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.ascontiguousarray(found / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def put(inverted: Any, vectors: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
    """Put *vectors* ``[n, dim]`` into FAISS's inverted file, each into the cell whose middle it is nearest to."""
    torch = need("torch")
    middles = inverted.quantizer
    table = torch.from_numpy(middles.reconstruct_n(0, middles.ntotal)).T
    blocks = torch.from_numpy(vectors).split(_BLOCK)
    nearest = torch.cat([(block @ table).argmax(dim=1) for block in blocks]).numpy()
    need("faiss.contrib.ivf_tools").add_preassigned(inverted, vectors, nearest, ids)
