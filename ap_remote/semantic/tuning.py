"""Measures on this machine up to how many photographs an exact search is fast enough, and what finds as well beyond.

What is measured decides from then on which index serves (:func:`ap_remote.semantic.tiers.pick`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from ap_remote.errors import StoreError
from ap_remote.semantic import tiers
from ap_remote.semantic.faiss_index import FaissIndex
from ap_remote.semantic.index_cache import keep_choice
from ap_remote.semantic.tiers import Choice, Tier
from ap_remote.semantic.vectors import Held, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ap_remote.semantic.store import EmbeddingStore
    from ap_remote.semantic.vectors import Stored

    Clock = Callable[[], float]

TARGET_MS: Final = 50.0
"""A search that takes longer is felt."""
RECALL: Final = 0.99
"""Share of the ten nearest that an index must find to serve instead of an exact one."""
NEIGHBOURS: Final = 10
QUESTIONS: Final = 40
"""Searches that are timed; every one is for a photograph of the library."""
SCAN_ROWS: Final = 50_000
"""A scan of fewer is too short to tell how a larger one goes; a small library is scanned several times over."""
MOST_ROWS: Final = 1_000_000
"""A scan of more says nothing new."""
SAMPLE_ROWS: Final = 100_000
"""Rows over which an index that looks at a part is tried."""
FEW_SHARE: Final = 0.5
"""Of the time for a search that scoring from the store may take."""


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, and what follows from it."""

    rows: int
    """Vectors in the library."""
    dim: int
    target_ms: float
    p50_ms: float
    """Of a scan over the library, or of its first million vectors."""
    p95_ms: float
    exact_rows: int
    """A scan of so many would take *target_ms*, at the 95th percentile."""
    few_rows: int
    """So many allowed rows are scored from the store, where an index looks at a part only."""
    serves: str
    """What serves this library from now on."""
    tried: int = 0
    """Over so many vectors an inverted file was tried; 0 where there are too few."""
    recall: float | None = None
    """Share of the ten nearest that it found."""
    approximate_p50_ms: float | None = None
    scan_p50_ms: float | None = None
    """Of a scan over the same vectors."""
    effort: int = 0
    """Cells that it looks into in the library, or beyond ``exact_rows`` where that is more."""


def tune(store: EmbeddingStore, *, target_ms: float = TARGET_MS, clock: Clock = time.perf_counter) -> Tuning:
    """Measure, and keep the choice beside the index.

    Args:
        store: whose active generation serves searches.
        target_ms: what a search may take at the 95th percentile.
        clock: returns seconds.

    Raises:
        StoreError: nothing is built yet, or the choice cannot be written.
        CorruptStoreError: a shard is missing or damaged.
    """
    generation = store.active()
    stored = None if generation is None else store.stored(generation)
    if generation is None or stored is None or not len(stored.rows):
        message = f"the index in {store.folder} is empty: run `ap index build`"
        raise StoreError(message)
    found = measure(stored, generation.dim, target_ms=target_ms, clock=clock)
    tier: tiers.Name | None = "ivf" if found.effort else None
    choice = Choice(exact_rows=found.exact_rows, few_rows=found.few_rows, tier=tier, effort=found.effort)
    keep_choice(store.index_folder(generation.fingerprint), choice)
    return msgspec.structs.replace(found, serves=tiers.pick(found.rows, generation.dim, choice=choice).name)


def measure(stored: Stored, dim: int, *, target_ms: float = TARGET_MS, clock: Clock = time.perf_counter) -> Tuning:
    """Return what a scan takes, how far it goes, and what an inverted file finds; see :func:`tune`."""
    rows = len(stored.rows)
    part = _part(stored, MOST_ROWS)
    questions = part.take(_spread(len(part.rows), QUESTIONS)).astype(np.float32)
    scan = _scan(part, dim)
    p50, p95 = _times(scan, questions, clock)
    slope = p95 / len(part.rows)
    if len(part.rows) < SCAN_ROWS:
        copies = -(-SCAN_ROWS // len(part.rows))
        many = np.tile(part.take(np.arange(len(part.rows))), (copies, 1))
        slope = _times(_scan(Held(np.arange(len(many)), many), dim), questions, clock)[1] / len(many)
    exact_rows = int(target_ms / slope)
    found = Tuning(
        rows=rows,
        dim=dim,
        target_ms=target_ms,
        p50_ms=p50,
        p95_ms=p95,
        exact_rows=exact_rows,
        few_rows=_few(part, questions, target_ms, clock),
        serves="exact",
    )
    if rows <= tiers.FEWEST_ROWS:
        return found
    return _tried(found, _part(stored, SAMPLE_ROWS), questions, clock)


def _tried(found: Tuning, part: Held, questions: NDArray[np.float32], clock: Clock) -> Tuning:
    """Try an inverted file with growing effort until it finds enough, or takes as long as a scan."""
    scan = _scan(part, found.dim)
    scan_p50, _ = _times(scan, questions, clock)
    right = scan.search(questions, NEIGHBOURS).rows
    made = tiers.made(Tier(name="ivf", effort=1), part, found.dim)
    cells = tiers.cell_count(len(part.rows))
    effort = 1
    while True:
        index = FaissIndex(made, part.rows, tier=Tier(name="ivf", effort=effort), stored=part, few=1)
        recall = _overlap(right, index.search(questions, NEIGHBOURS).rows)
        p50, _ = _times(index, questions, clock)
        if recall >= RECALL or effort >= cells or p50 >= scan_p50:
            break
        effort = min(2 * effort, cells)
    good = recall >= RECALL and p50 < scan_p50
    # The same share of all cells, in as many as there are when it serves.
    serving = tiers.cell_count(max(found.rows, found.exact_rows))
    return msgspec.structs.replace(
        found,
        tried=len(part.rows),
        recall=recall,
        approximate_p50_ms=p50,
        scan_p50_ms=scan_p50,
        effort=-(-effort * serving // cells) if good else 0,
    )


def _scan(stored: Held, dim: int) -> FaissIndex:
    return FaissIndex(tiers.made(Tier(name="exact"), stored, dim), stored.rows, stored=stored)


def _times(index: FaissIndex, questions: NDArray[np.float32], clock: Clock) -> tuple[float, float]:
    """Return the median and the 95th percentile of single searches, in milliseconds."""
    index.search(questions[:1], NEIGHBOURS)
    taken = []
    for question in questions:
        begun = clock()
        index.search(question[None], NEIGHBOURS)
        taken.append(1e3 * (clock() - begun))
    p50, p95 = np.percentile(taken, [50, 95]).tolist()
    return p50, p95


def _few(part: Held, questions: NDArray[np.float32], target_ms: float, clock: Clock) -> int:
    """Return how many rows are scored from the store in their share of the time."""
    positions = _spread(len(part.rows), 20_000)
    few = Held(part.rows[positions], part.take(positions))
    taken = []
    for question in questions[:5]:
        begun = clock()
        nearest(few, question[None], NEIGHBOURS)
        taken.append(1e3 * (clock() - begun))
    return max(1, int(len(positions) * FEW_SHARE * target_ms / max(float(np.median(taken)), 1e-6)))


def _part(stored: Stored, count: int) -> Held:
    positions = _spread(len(stored.rows), count)
    return Held(stored.rows[positions], stored.take(positions))


def _spread(rows: int, count: int) -> NDArray[np.int64]:
    """Return at most *count* positions, evenly over all."""
    return np.unique(np.linspace(0, rows - 1, min(rows, count)).astype(np.int64))


def _overlap(right: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    pairs = zip(right.tolist(), found.tolist(), strict=True)
    return sum(len(set(one) & set(other)) for one, other in pairs) / right.size
