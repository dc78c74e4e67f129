"""The nearest neighbours of every vector in a library, all at once.

A small library is compared all with all. In a large one vectors are gathered in cells around the means of a few rounds
of k-means (FAISS), and each cell is compared, as one product of matrices, with those whose means are nearest to its
own: the work is that of an inverted file, at the speed of BLAS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

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


class Pairs(NamedTuple):
    """Rows, beside each one of its nearest other rows, and the cosine of the two."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    cosines: NDArray[np.float32]


def pairs(vectors: NDArray[np.float32], k: int, alike: float) -> Pairs:
    """Return every row with each of its *k* nearest other rows; only those with a cosine of at least *alike*.

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
    right, cosines = found.ravel(), scores.ravel()
    kept = (right >= 0) & (cosines >= alike) & (right != left)
    return Pairs(left[kept], right[kept], cosines[kept])


def _by_cell(vectors: NDArray[np.float32], k: int, alike: float) -> Pairs:
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
    found = [Pairs(order[:0], order[:0], vectors[:0, 0])]
    for cell in range(cells):
        start, end = starts[cell : cell + 2]
        around = np.concatenate([np.arange(starts[each], starts[each + 1]) for each in near[cell]])
        if start == end or len(around) == 1:
            continue
        cosines = placed[start:end] @ placed[around].T
        wanted = min(k + 1, len(around))
        best = np.argpartition(cosines, len(around) - wanted, axis=1)[:, -wanted:]
        nearest = np.take_along_axis(cosines, best, axis=1)
        row, place = np.nonzero(nearest >= alike)
        left, right = order[start + row], order[around[best[row, place]]]
        other = left != right
        found.append(Pairs(left[other], right[other], nearest[row, place][other]))
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
