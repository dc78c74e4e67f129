from __future__ import annotations

import os

import numpy as np
import pytest

from ap_remote.semantic import cores
from ap_remote.semantic.cores import Parted
from ap_remote.semantic.vectors import NOBODY, Held, nearest
from tests.contracts.vector_index import DIM, planted, queries

K = 7


@pytest.fixture
def parted(monkeypatch):
    """Return an index over rows with gaps, in no order, that three threads share."""
    import faiss

    monkeypatch.setattr(faiss, "omp_get_max_threads", lambda: 3)
    monkeypatch.setattr(cores, "PART", 10)
    rows, vectors = planted(100)
    order = np.random.default_rng(2).permutation(100)
    index = faiss.index_factory(DIM, "IDMap,SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.add_with_ids(vectors[order].astype(np.float32), rows[order])
    made = Parted(index, rows[order])
    made.stored = Held(rows, vectors)
    return made


def test_every_row_is_in_one_of_as_many_parts_as_there_are_cores(parted):
    assert len(parted._ranges) == 3
    held = [int(((parted.stored.rows >= low) & (parted.stored.rows < high)).sum()) for low, high in parted._ranges]
    assert sum(held) == 100
    assert min(held) >= 30


@pytest.mark.parametrize("k", [1, K, 100])
def test_the_parts_answer_as_one(parted, k):
    for query in queries(5):
        found = parted.search(query[None], k)
        assert found.rows.tolist() == nearest(parted.stored, query[None], k).rows.tolist()


def test_a_filter_holds_in_every_part_and_what_is_lacking_is_nobody(parted):
    import faiss

    allowed = np.zeros(int(parted.stored.rows.max()) + 1, dtype=np.bool_)
    allowed[parted.stored.rows[[3, 50, 51, 97]]] = True
    selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    for alone in (False, True):
        found = parted.search(queries(1), K, selector=selector, alone=alone)
        right = nearest(parted.stored, queries(1), K, allowed=allowed)
        assert found.rows.tolist() == right.rows.tolist()
        assert (found.rows[0, 4:] == NOBODY).all()
        assert np.isneginf(found.scores[0, 4:]).all()


def test_few_rows_are_one_part():
    rows = planted(3)[0]
    assert len(Parted(None, rows)._ranges) == 1
    assert len(Parted(None, rows[:0])._ranges) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_threads_of_its_own(parted):
    from ap_remote.semantic.faiss_index import _survive_forks

    _survive_forks()
    before = parted.search(queries(1), K)
    child = os.fork()
    if child == 0:
        os._exit(int(parted.search(queries(1), K).rows.tolist() != before.rows.tolist()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
