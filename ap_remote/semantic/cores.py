"""One question on all cores: FAISS gives each question a single thread, however many vectors it is compared with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.semantic.extras import need
from ap_remote.semantic.vectors import NOBODY, Neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART: Final = 16_384
"""Rows that are worth a thread: a millisecond or two of comparing, where handing over takes a tenth of one."""


class Parted:
    """A FAISS index each of whose questions is asked by all cores at once, of a range of rows each."""

    def __init__(self, index: Any, rows: NDArray[np.int64]) -> None:
        """Ask *index*, whose ids are *rows*, in any order."""
        self._index = index
        self._faiss = need("faiss")
        parts = max(1, min(self._faiss.omp_get_max_threads(), len(rows) // PART))
        places = np.arange(1, parts) * len(rows) // parts
        inner = np.partition(rows, places)[places].tolist() if len(places) else []
        self._ranges = list(pairwise([0, *inner, int(rows.max(initial=-1)) + 1]))

    def search(
        self, queries: NDArray[np.float32], k: int, *, selector: Any = None, cells: int = 0, alone: bool = False
    ) -> Neighbours:
        """Return the *k* nearest rows of each query.

        Places that nobody fills hold :data:`~ap_remote.semantic.vectors.NOBODY`, with a score of minus infinity.

        Args:
            queries: ``[n, dim]``.
            k: at most as many as there are rows.
            selector: FAISS's, of the rows that are allowed.
            cells: how many are looked into, of an inverted file.
            alone: whether one thread will do, as there is little to compare.
        """
        if alone or len(self._ranges) == 1 or len(queries) > 1:  # several questions FAISS shares out itself
            found = self._asked(queries, k, selector, cells)
        else:
            inside = self._faiss.IDSelectorRange
            selectors = [
                inside(*part) if selector is None else self._faiss.IDSelectorAnd(inside(*part), selector)
                for part in self._ranges
            ]
            asked = [_workers().submit(self._asked, queries, k, each, cells) for each in selectors]
            found = _best([each.result() for each in asked], k)
        found.scores[found.rows == NOBODY] = -np.inf
        return found

    def _asked(self, queries: NDArray[np.float32], k: int, selector: Any, cells: int) -> Neighbours:
        if cells:
            params = self._faiss.SearchParametersIVF(nprobe=cells, sel=selector)
        else:
            params = None if selector is None else self._faiss.SearchParameters(sel=selector)
        scores, rows = self._index.search(queries, k, params=params)
        return Neighbours(rows, scores)


def _best(parts: list[Neighbours], k: int) -> Neighbours:
    """Return the best of one question's answers; equal scores are ordered by row number."""
    rows, scores = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    scores[rows == NOBODY] = -np.inf
    order = np.lexsort((rows[0], -scores[0]))[:k]
    return Neighbours(rows[:, order], scores[:, order])


@cache
def _workers() -> ThreadPoolExecutor:
    """Return threads that ask FAISS; each of them compares alone."""
    faiss = need("faiss")
    return ThreadPoolExecutor(
        faiss.omp_get_max_threads(), "search", initializer=faiss.omp_set_num_threads, initargs=(1,)
    )


def forget_workers() -> None:
    """Take new threads from here on: a forked process has none of the old ones."""
    _workers.cache_clear()
