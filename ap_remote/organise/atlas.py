"""A map of a library: photographs that look alike lie side by side, in the colours of a plan's folders.

Positions come from t-SNE (van der Maaten and Hinton 2008; scikit-learn's) over principal components. A large library is
shown by a sample, taken from each folder in proportion.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.organise.plan import Plan
    from ap_remote.semantic.library import VectorTable

POINTS: Final = 2000
"""Photographs that are shown at most: t-SNE takes seconds for so many, and a page can still be scrolled."""
COLOURED: Final = 8
"""Folders with a colour of their own, the largest; more could not be told apart."""
_FEW: Final = 8
"""Photographs below which principal components alone place them."""
_COMPONENTS: Final = 50
_PERPLEXITY: Final = 30.0


class Point(NamedTuple):
    """A photograph on the map."""

    x: float
    """0 to 1, left to right."""
    y: float
    """0 to 1, top to bottom."""
    path: str
    folder: int | None
    """Its folder's number in the plan; ``None``: it goes nowhere."""


class Atlas(NamedTuple):
    """The map of a plan."""

    points: tuple[Point, ...]
    of: int
    """How many photographs of the plan have vectors; the points are a sample where they are fewer."""
    coloured: tuple[int, ...]
    """Numbers of the folders with a colour of their own."""


def draw(plan: Plan, table: VectorTable, *, most: int = POINTS) -> Atlas:
    """Return the map of a plan's photographs that have vectors.

    Raises:
        MissingExtraError: the semantic extra is not installed.
    """
    rows = {node: int(row) for node, row in zip(table.ids, table.rows, strict=True)}
    groups: dict[int | None, list[tuple[str, str]]] = defaultdict(list)
    seen: set[str] = set()
    for number, folder in enumerate(plan.folders):
        for member in folder.members:
            if member.id in rows and member.id not in seen:
                seen.add(member.id)
                groups[number].append((member.id, member.path))
    groups[None] = [(each.id, each.path) for each in plan.unassigned if each.id in rows and each.id not in seen]
    total = sum(map(len, groups.values()))
    picked = [(number, *each) for number, members in groups.items() for each in _sample(members, most, total)]
    sizes = {number: len(members) for number, members in groups.items() if number is not None and members}
    coloured = tuple(sorted(sizes, key=lambda number: (-sizes[number], number))[:COLOURED])
    if not picked:
        return Atlas((), total, coloured)
    places = layout(table.take([rows[id_] for _, id_, _ in picked]))
    points = tuple(
        Point(float(x), float(y), path, number) for (number, _, path), (x, y) in zip(picked, places, strict=True)
    )
    return Atlas(points, total, coloured)


def layout(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a place ``[n, 2]`` for each vector, both numbers 0 to 1; the same vectors give the same places."""
    import numpy as np

    count = len(vectors)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    wanted = min(_COMPONENTS, int((values > values[0] * 1e-6).sum()) if values[0] else 0)
    found = np.zeros((count, 2))
    reduced = centred @ axes[: max(wanted, 1)].T
    if count < _FEW or wanted < 2:  # noqa: PLR2004 - a plane
        found[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    else:
        scaled = reduced / max(float(np.abs(reduced[:, 0]).std()), 1e-12) * 1e-4
        tsne = need("sklearn.manifold").TSNE(
            perplexity=min(_PERPLEXITY, (count - 1) / 3), init=scaled[:, :2], random_state=0, learning_rate="auto"
        )
        found = tsne.fit_transform(reduced.astype(np.float32)).astype(np.float64)
    low, high = found.min(axis=0), found.max(axis=0)
    room = np.where(high > low, high - low, 1.0)
    return np.where(high > low, (found - low) / room, 0.5)


def _sample(members: list[tuple[str, str]], most: int, total: int) -> list[tuple[str, str]]:
    """Return a share of members, evenly spread over them, at least one."""
    if total <= most or not members:
        return members
    count = max(1, len(members) * most // total)
    return [members[place * len(members) // count] for place in range(count)]
