"""The nearest neighbours of every vector in a library, all at once.

A small library is compared all with all. In a large one vectors are gathered in cells around the means of a few rounds
of k-means (FAISS), and each cell is compared, as one product of matrices, with those whose means are nearest to its
own: the work is that of an inverted file, at the speed of BLAS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGE: Final = 30_000
"""Vectors from which on neighbours are looked for in parts of the space only: all pairs would take minutes."""
PROBES: Final = 6
"""Cells that one is compared with, itself among them."""
_ROUNDS: Final = 5
_SAMPLE: Final = 39
"""Vectors for each cell that k-means looks at; with fewer FAISS warns."""


def pairs(vectors: NDArray[np.float32], k: int, alike: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows, and beside each one of its *k* nearest other rows; only those with a cosine of at least *alike*.

    Args:
        vectors: ``[n, dim]``, of length one.
        k: neighbours of a row.
        alike: the least cosine.
    """
    import numpy as np

    vectors = np.ascontiguousarray(vectors)
    if len(vectors) >= LARGE:
        return _by_cell(vectors, k, alike)
    faiss = need("faiss")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    scores, found = index.search(vectors, min(k + 1, len(vectors)))
    left = np.repeat(np.arange(len(vectors)), found.shape[1])
    right = found.ravel()
    kept = (right >= 0) & (scores.ravel() >= alike) & (right != left)
    return left[kept], right[kept]


def _by_cell(vectors: NDArray[np.float32], k: int, alike: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np

    faiss = need("faiss")
    cells = int(len(vectors) ** 0.5)
    means = faiss.Kmeans(
        vectors.shape[1], cells, niter=_ROUNDS, max_points_per_centroid=_SAMPLE, spherical=True, seed=1
    )
    means.train(vectors)
    near = means.index.search(means.centroids, min(PROBES, cells))[1]
    own = means.index.search(vectors, 1)[1].ravel()
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(cells + 1))
    # Sorted by cell, the vectors of a cell lie in one piece.
    placed = vectors[order]
    lefts, rights = [order[:0]], [order[:0]]
    for cell in range(cells):
        start, end = starts[cell : cell + 2]
        around = np.concatenate([np.arange(starts[each], starts[each + 1]) for each in near[cell]])
        if start == end or len(around) == 1:
            continue
        cosines = placed[start:end] @ placed[around].T
        wanted = min(k + 1, len(around))
        best = np.argpartition(cosines, len(around) - wanted, axis=1)[:, -wanted:]
        row, place = np.nonzero(np.take_along_axis(cosines, best, axis=1) >= alike)
        left, right = order[start + row], order[around[best[row, place]]]
        lefts.append(left[left != right])
        rights.append(right[left != right])
    return np.concatenate(lefts), np.concatenate(rights)
