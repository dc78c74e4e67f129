"""Indexes that look at a part of the vectors, against one that looks at all; filters, against brute force."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import faiss
import msgspec
import numpy as np

from ap_remote.semantic import tiers
from ap_remote.semantic.faiss_index import FaissIndex
from ap_remote.semantic.vectors import Held
from tests.quality.report import Figure, Rows
from tests.quality.themes import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROWS = 10_000
DIM = 64
QUESTIONS = 200
NEIGHBOURS = 10
LEAST = {"ivf": 0.99, "hnsw": 0.99, "ivf-sq8": 0.99, "ivf-pq": 0.97}
"""Of the ten nearest [semantic-search.md 4.7]."""
UNTUNED = 0.97
"""Of the ten nearest, with the effort that an index has before `ap index tune` (own choice)."""
SHARES = (0.001, 0.01, 0.1, 0.5, 0.9)
"""Of the rows that filters let pass."""


def vectors(rows: int = ROWS, seed: int = 5) -> NDArray[np.float32]:
    """Return vectors as photographs have them: in many small heaps, some of them alone."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(rows // 40, DIM))
    heaps = centres[random.integers(len(centres), size=rows)] + 0.8 * random.normal(size=(rows, DIM))
    alone = random.random(rows) < 0.15
    heaps[alone] = random.normal(size=(int(alone.sum()), DIM))
    return unit(heaps)


def index(held: Held, name: str) -> FaissIndex:
    """Return an index of that tier, with the effort that it has untuned; nothing is scored from the store."""
    # Codes are learned in very short steps: threads that wait for each other on a busy machine take minutes for it.
    faiss.omp_set_num_threads(1)
    wanted = tiers.pick(len(held.rows), DIM, wanted=name)
    return FaissIndex(tiers.made(wanted, held, DIM), held.rows, tier=wanted, stored=held, few=1)


def tuned(one: FaissIndex, held: Held, questions: NDArray[np.float32]) -> FaissIndex:
    """Return the same index with the effort that its tier's gate needs, doubled as `ap index tune` does."""
    right = brute(held, questions)
    while overlap(one.search(questions, NEIGHBOURS).rows, right) < LEAST.get(one.tier.name, 1.0):
        if one.tier.effort > len(held.rows):
            break
        tier = msgspec.structs.replace(one.tier, effort=2 * one.tier.effort)
        one = FaissIndex(one._index, held.rows, tier=tier, stored=held, few=1)
    return one


def brute(held: Held, questions: NDArray[np.float32], allowed: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Return the nearest rows of each question, by comparing with every one; best first, -1 where there are too few."""
    cosines = questions @ held.take(np.arange(len(held.rows))).astype(np.float32).T
    if allowed is not None:
        cosines[:, ~allowed] = -np.inf
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS]
    return np.where(np.isfinite(np.take_along_axis(cosines, best, axis=1)), best, -1)


def overlap(found: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    """Return the share of the right rows that were found."""
    both = sum(len(set(one) & set(other) - {-1}) for one, other in zip(found.tolist(), right.tolist(), strict=True))
    return both / int((right >= 0).sum())


def planted(rows: int = ROWS) -> tuple[Held, NDArray[np.float32]]:
    """Return a store, and questions that are near some of its photographs, none of them one."""
    made = vectors(rows)
    random = np.random.default_rng(8)
    near = made[random.integers(rows, size=QUESTIONS)] + 0.5 * unit(random.normal(size=(QUESTIONS, DIM)))
    return Held(np.arange(rows), made.astype(np.float16)), unit(near)


def filtered(one: FaissIndex, held: Held, questions: NDArray[np.float32]) -> Iterator[tuple[float, float]]:
    """Yield, for filters that let more and more pass, their share and what share of the nearest is found."""
    random = np.random.default_rng(9)
    for share in SHARES:
        allowed = random.random(len(held.rows)) < share
        found = one.search(questions, NEIGHBOURS, allowed=allowed).rows
        if not allowed[found[found >= 0]].all():
            raise AssertionError(f"a filter that lets {share:.1%} pass let others pass in {one.tier.name}")
        yield share, overlap(found, brute(held, questions, allowed))


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures."""
    held, questions = planted()
    right = brute(held, questions)
    for name in get_args(tiers.Name):
        if name == "gpu":
            continue
        untuned = index(held, name)
        before = overlap(untuned.search(questions, NEIGHBOURS).rows, right)
        one = tuned(untuned, held, questions)
        gate = LEAST.get(name, 1.0)
        value = overlap(one.search(questions, NEIGHBOURS).rows, right)
        detail = {"rows": ROWS, "dim": DIM, "effort": untuned.tier.effort}
        yield Figure(quality=f"neighbours.{name}.untuned", value=round(before, 4), gate=UNTUNED, detail=detail)
        detail = {**detail, "effort": one.tier.effort}
        yield Figure(quality=f"neighbours.{name}.recall_10", value=round(value, 4), gate=gate, detail=detail)
        shares = {f"{share:.1%}": round(found, 4) for share, found in filtered(one, held, questions)}
        yield Figure(quality=f"neighbours.{name}.filtered", value=min(shares.values()), gate=gate, detail=shares)
