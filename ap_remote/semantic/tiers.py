"""Which kind of index serves how many vectors, and how it is made.

Exact search is right for nearly every library: it is a scan of half-precision rows, some milliseconds for a hundred
thousand. Where that becomes slow, FAISS looks at a part of the rows only: into some of the cells of an inverted file
(IVF), or along the edges of a graph (HNSW). Below ten million rows of the store an index keeps the same fp16 rows, so a
score is exact and only a neighbour can be missed; beyond, it keeps codes, and candidates are scored again from the
store. On a card every row is compared, in fp16, and candidates are scored again as well.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec
import numpy as np

from ap_remote.errors import ConfigError
from ap_remote.semantic import cells
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from ap_remote.semantic.vectors import Stored

Name = Literal["exact", "hnsw", "ivf", "ivf-sq8", "ivf-pq", "gpu"]
NAMES: Final[tuple[str, ...]] = get_args(Name)

FEWEST_ROWS: Final = 1000
"""Below, nothing is won by looking at a part."""
EXACT_ROWS: Final = 300_000
"""So many rows of 768 numbers are scanned in about 50 ms by two cores."""
MANY_CORES: Final = 8
"""From so many cores on a scan of a million rows takes as long."""
FP16_ROWS: Final = 2_000_000
"""Beyond, an inverted file keeps a byte for each number instead of two."""
SQ8_ROWS: Final = 10_000_000
"""Beyond, it keeps 64 bytes for a vector."""
CARD_SHARE: Final = 0.8
"""Of a card's free memory that vectors may take."""
ADD: Final = 16_384
"""Rows that are handed to FAISS at once."""
_FEW: Final = 500
_MOST_FEW: Final = 100_000
_DIM: Final = 768
_CELL_SAMPLE: Final = 48
"""Rows by which each cell of an inverted file is trained; FAISS warns below 39, and takes 256 at most."""
_ROUNDS: Final = 10
"""Of k-means over parts of vectors; FAISS takes 25, which finds codes that are no better to search."""
_LOOKED_INTO: Final = 8
"""One cell in so many, where nobody measured how many find enough (0.98 to 1.0 of a million made-up rows)."""
_SEED: Final = 1


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of index."""

    name: Name
    effort: int = 0
    """Cells that are looked into (IVF), or candidates that are kept while walking (HNSW); 0 where all is compared."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What ``ap index tune`` found out about this machine and these vectors."""

    exact_rows: int
    """Up to so many rows a scan is fast enough."""
    few_rows: int
    """So many rows are scored from the store within the time a search may take."""
    tier: Name | None = None
    """What serves beyond ``exact_rows``; ``None`` where that was not tried."""
    effort: int = 0
    """With which it finds what it must."""


def pick(rows: int, dim: int, *, wanted: str | None = None, choice: Choice | None = None) -> Tier:
    """Return the tier for *rows* vectors of *dim* numbers.

    Args:
        rows: how many there are.
        dim: their length.
        wanted: the tier that a person chose, or ``None`` or ``auto``; a small library is compared as a whole anyway.
        choice: what was measured on this machine.

    Raises:
        ConfigError: there is no such tier, or no card for it.
    """
    if wanted not in {None, "auto", *NAMES}:
        raise ConfigError(f"there is no index {wanted!r}; known are auto, {', '.join(NAMES)}")
    if wanted == "gpu" and not cards():
        raise ConfigError("the index is to be on a card, and FAISS finds none; `faiss-gpu-cuvs` brings what it needs")
    if wanted not in {None, "auto"}:
        return _tier(wanted, rows, choice)  # type: ignore[arg-type]  # checked above
    if rows <= FEWEST_ROWS or rows <= (_exact_rows(dim) if choice is None else choice.exact_rows):
        return Tier(name="exact")
    if cards() and rows * dim * 2 <= CARD_SHARE * card_memory():
        return Tier(name="gpu")
    if choice is not None and choice.tier is not None and rows <= FP16_ROWS:
        return _tier(choice.tier, rows, choice)
    return _tier("ivf" if rows <= FP16_ROWS else "ivf-sq8" if rows <= SQ8_ROWS else "ivf-pq", rows, choice)


def few_rows(rows: int) -> int:
    """Return up to how many of *rows* that a filter allows are scored from the store, where nobody measured it.

    An index that looks at a part has to pass over all of it to find one row in many; reading those is then less work.
    """
    return min(_MOST_FEW, rows // _FEW)


def factory(tier: Tier, rows: int, dim: int) -> str:
    """Return FAISS's name of the index, for *rows* vectors of *dim* numbers.

    The middles of cells are compared with all of them, not by a graph (``IVF…_HNSW32``), which found every seventh of
    1,581 of 12,649 cells and put every fifth row into a wrong one, where the middles lie far from each other.
    """
    if tier.name == "exact":
        return "IDMap,SQfp16"
    if tier.name == "hnsw":
        return "IDMap,HNSW32_SQfp16"
    if tier.name == "ivf":
        return f"IVF{cell_count(rows)},SQfp16"
    if tier.name == "ivf-sq8":
        return f"IVF{cell_count(rows)},SQ8"
    if tier.name == "ivf-pq":
        parts = next(each for each in (64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1) if dim % each == 0)
        return f"IVF{cell_count(rows)},PQ{parts}np"  # np: without codes for a filter that nothing here uses
    raise ValueError(tier.name)


def cell_count(rows: int) -> int:
    """Return of how many cells an inverted file is made: four times the root of the rows, 65,536 at most."""
    return max(1, min(int(4 * rows**0.5), rows // _CELL_SAMPLE, 65_536))


def made(tier: Tier, stored: Stored, dim: int) -> Any:
    """Return FAISS's index over all of *stored*, under its row numbers."""
    faiss = need("faiss")
    count = len(stored.rows)
    if tier.name == "gpu":
        return on_card(stored, dim)
    index = faiss.index_factory(dim, factory(tier, count, dim), faiss.METRIC_INNER_PRODUCT)
    if tier.name.startswith("ivf"):
        train(index, stored)
    add(index, stored, np.arange(count))
    return index


def train(index: Any, stored: Stored) -> None:
    """Let an index learn its cells and codes from a sample."""
    faiss = need("faiss")
    count = len(stored.rows)
    inverted = faiss.downcast_index(faiss.try_extract_index_ivf(index))
    if isinstance(inverted, faiss.IndexIVFScalarQuantizer) and inverted.sq.qtype == faiss.ScalarQuantizer.QT_fp16:
        inverted.by_residual = False  # what is kept then is the store's own rows, bit by bit
    if isinstance(inverted, faiss.IndexIVFPQ):
        inverted.pq.cp.niter = _ROUNDS
        inverted.pq.cp.seed = _SEED
    size = min(count, max(_CELL_SAMPLE * inverted.nlist, ADD))
    chosen = np.sort(np.random.default_rng(_SEED).choice(count, size, replace=False))
    sample = stored.take(chosen).astype(np.float32)
    inverted.quantizer.add(cells.centres(sample, inverted.nlist))
    index.train(sample)  # the codes alone: the cells are there


def add(index: Any, stored: Stored, positions: np.typing.NDArray[np.int64]) -> None:
    """Put the vectors at these positions of *stored* into an index."""
    faiss = need("faiss")
    inverted = faiss.try_extract_index_ivf(index)
    for start in range(0, len(positions), ADD):
        part = positions[start : start + ADD]
        vectors, ids = stored.take(part).astype(np.float32), np.ascontiguousarray(stored.rows[part])
        if inverted is None:
            index.add_with_ids(vectors, ids)
        else:
            cells.put(faiss.downcast_index(inverted), vectors, ids)


def on_card(stored: Stored, dim: int) -> Any:
    """Return a flat fp16 index on the first card; the numbers that it answers with are positions in *stored*."""
    faiss = need("faiss")
    config = faiss.GpuIndexFlatConfig()
    config.useFloat16 = True
    resources = faiss.StandardGpuResources()
    index = faiss.GpuIndexFlatIP(resources, dim, config)
    index.resources = resources  # it lives as long as the index
    for start in range(0, len(stored.rows), ADD):
        part = np.arange(start, min(start + ADD, len(stored.rows)))
        index.add(stored.take(part).astype(np.float32))
    return index


@cache
def cards() -> int:
    """Return how many cards this build of FAISS can use; the one for processors knows of none."""
    faiss = need("faiss")
    return int(faiss.get_num_gpus()) if hasattr(faiss, "GpuIndexFlatIP") else 0


def card_memory() -> int:
    """Return the free bytes of the first card."""
    free, _ = need("torch").cuda.mem_get_info(0)
    return int(free)


@cache
def filters_hold() -> bool:
    """Whether this build of FAISS heeds filters: some take one and drop it without a word."""
    faiss = need("faiss")
    index = faiss.index_factory(8, "IDMap,SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.add_with_ids(np.eye(8, dtype=np.float32), np.arange(8))
    chosen = faiss.IDSelectorBitmap(np.packbits(np.arange(8) == 7, bitorder="little"))  # noqa: PLR2004 - the last
    _, rows = index.search(np.eye(8, dtype=np.float32)[:1], 8, params=faiss.SearchParameters(sel=chosen))
    return set(rows[0].tolist()) == {7, -1}


def _exact_rows(dim: int) -> int:
    rows = max(EXACT_ROWS, EXACT_ROWS * _DIM // dim)
    return rows if (os.cpu_count() or 1) < MANY_CORES else max(rows, 1_000_000)


def _tier(name: Name, rows: int, choice: Choice | None) -> Tier:
    if rows <= FEWEST_ROWS and name != "gpu":
        return Tier(name="exact")
    if choice is not None and choice.tier == name and choice.effort:
        return Tier(name=name, effort=choice.effort)
    if name == "hnsw":
        return Tier(name=name, effort=128)
    return Tier(name=name, effort=max(16, cell_count(rows) // _LOOKED_INTO) if name.startswith("ivf") else 0)
