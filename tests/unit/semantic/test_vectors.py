from __future__ import annotations

import numpy as np
import pytest

from ap_remote.errors import StoreError
from ap_remote.semantic import faiss_index
from ap_remote.semantic.faiss_index import FaissIndex
from ap_remote.semantic.vectors import ExactIndex
from tests.contracts.vector_index import DIM, VectorIndexContract, planted, queries


class TestExactIndex(VectorIndexContract):
    def make(self, rows, vectors):
        return ExactIndex(rows, vectors)


class TestFaissIndex(VectorIndexContract):
    def make(self, rows, vectors):
        return FaissIndex.build(rows, vectors, dim=DIM)


def test_an_index_larger_than_one_batch_holds_every_row(monkeypatch):
    monkeypatch.setattr(faiss_index, "_BATCH", 7)
    rows, vectors = planted(50)
    answer = FaissIndex.build(rows, vectors, dim=DIM).search(queries(1), 50)
    assert set(answer.rows[0]) == set(rows)


def test_a_build_of_faiss_that_drops_filters_is_refused(monkeypatch):
    rows, vectors = planted(30)
    index = FaissIndex.build(rows, vectors, dim=DIM)
    deaf = index._index.search

    class Deaf:
        ntotal = 30

        @staticmethod
        def search(wanted, k, params=None):
            return deaf(wanted, k)

    monkeypatch.setattr(index, "_index", Deaf())
    with pytest.raises(StoreError, match="ignores filters"):
        index.search(queries(1), 5, allowed=np.zeros(index.span, dtype=np.bool_))
