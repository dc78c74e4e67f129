"""Communities of a graph of likeness: what is tied together more than by chance.

The graph joins two rows where each is among the other's nearest and their cosine is enough; the cosine is the weight.
Leiden (graspologic-native; Traag et al., arXiv 1810.08473) divides it by modularity, whose resolution says how fine.
Which resolution suits a library is told by its communities themselves: too fine a one divides at will, and another seed
divides otherwise. The finest that two seeds agree on is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ap_remote.organise import neighbours
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEIGHBOURS: Final = 25
RESOLUTIONS: Final = (4.0, 2.0, 1.0, 0.5, 0.25)
"""Finest first. Finer ones make fragments even of small, clear groups; at the coarsest one group stays one."""
STABLE: Final = 0.95
"""Adjusted Rand index of two seeds' communities from which on a resolution is one that the graph itself has."""
ALONE: Final = 0.07
"""Share of the rows with a neighbour that a resolution may leave alone: a very fine one does so at every seed."""
FITTING: Final = 0.75
"""Share of a community's rows that are like its middle; with fewer it is a chain, and is divided further."""
_SEEDS: Final = (1, 2)
_ITERATIONS: Final = 2


def communities(vectors: NDArray[np.float32], alike: float) -> list[NDArray[np.int64]]:
    """Return groups of rows; every row is in one, many are alone. Larger groups come first.

    Args:
        vectors: ``[n, dim]``, of length one.
        alike: the least cosine of two rows that are joined, and of a row to the middle of its group.
    """
    import numpy as np

    # Leiden visits rows in their order, and which come first is chance: the same pictures give the same groups.
    order = np.lexsort(vectors[:, :3].T)
    vectors = vectors[order]  # no second copy of all of them is kept
    groups = [np.sort(order[group]) for group in _communities(vectors, alike)]
    return sorted(groups, key=lambda group: (-len(group), int(group[0])))


def _communities(vectors: NDArray[np.float32], alike: float) -> list[NDArray[np.int64]]:

    graph = mutual(vectors, alike)
    groups: list[NDArray[np.int64]] = []
    waiting = _parts(_stable(graph))
    while waiting:
        group = waiting.pop()
        fits = vectors[group] @ centre(vectors[group]) >= alike
        if fits.mean() >= FITTING:
            groups += [group[fits], *group[~fits, None]]  # what is unlike the middle is alone
            continue
        parts = _apart(graph[group][:, group])
        if len(parts) == 1:
            groups.append(group)  # nothing tells its members apart
        else:
            waiting += [group[part] for part in parts]
    return groups


def mutual(vectors: NDArray[np.float32], alike: float) -> Any:
    """Return the symmetric matrix (CSR) of the cosines of rows that are among each other's nearest."""
    left, right, cosines = neighbours.pairs(vectors, NEIGHBOURS, alike)
    positive = cosines > 0
    edges = need("scipy.sparse").csr_matrix(
        (cosines[positive].astype("float64"), (left[positive], right[positive])), shape=(len(vectors),) * 2
    )
    return edges.minimum(edges.T)


def centre(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the direction of the mean; zeros where there is none."""
    import numpy as np

    middle: NDArray[np.float32] = vectors.mean(axis=0)
    length = float(np.linalg.norm(middle))
    return middle / length if length else middle


def agreement(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of two labellings: 1 where they are the same, about 0 where they are by chance.

    It is scikit-learn's ``adjusted_rand_score``, whose import takes longer than most libraries' communities.
    """
    import numpy as np

    def pairs(labels: NDArray[np.int64]) -> float:
        counts = np.unique(labels, return_counts=True)[1].astype(np.float64)
        return float((counts * (counts - 1)).sum() / 2)

    total = len(one) * (len(one) - 1) / 2
    first, second = pairs(one), pairs(other)
    chance, most = first * second / max(total, 1), (first + second) / 2
    both = pairs(one * (int(other.max()) + 1) + other)
    return 1.0 if most == chance else (both - chance) / (most - chance)


def _stable(graph: Any) -> NDArray[np.int64]:
    """Return the community of each row at the finest resolution that the graph itself has."""
    import numpy as np

    tied = np.diff(graph.indptr) > 0
    labels = np.arange(graph.shape[0])
    for resolution in RESOLUTIONS if tied.any() else ():
        labels, other = (_leiden(graph, resolution, seed) for seed in _SEEDS)
        alone = np.bincount(labels)[labels[tied]] == 1
        if alone.mean() <= ALONE and agreement(labels[tied], other[tied]) >= STABLE:
            break
    return labels


def _apart(graph: Any) -> list[NDArray[np.int64]]:
    """Return the parts of a graph at the coarsest resolution that divides it."""
    import numpy as np

    whole = [np.arange(graph.shape[0])]
    if not graph.nnz:
        return whole
    divided = (_parts(_leiden(graph, resolution, _SEEDS[0])) for resolution in reversed(RESOLUTIONS))
    return next((parts for parts in divided if len(parts) > 1), whole)


def _leiden(graph: Any, resolution: float, seed: int) -> NDArray[np.int64]:
    import numpy as np

    _, found = need("graspologic_native").leiden_csr(
        graph.indptr.astype(np.int64),
        graph.indices.astype(np.int32),
        graph.data,
        graph.shape[0],
        resolution=resolution,
        iterations=_ITERATIONS,
        seed=seed,
    )
    labels = np.empty(graph.shape[0], dtype=np.int64)
    labels[np.fromiter(found.keys(), np.int64, len(found))] = np.fromiter(found.values(), np.int64, len(found))
    return labels


def _parts(labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows of each label."""
    import numpy as np

    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
