from __future__ import annotations

import numpy as np
import pytest

from ap_remote.errors import StoreError
from ap_remote.semantic import cores, faiss_index, tiers, vectors
from ap_remote.semantic.faiss_index import FaissIndex
from ap_remote.semantic.tiers import Tier
from ap_remote.semantic.vectors import NOBODY, ExactIndex, Held, nearest, positions, rescored
from tests.contracts.vector_index import CLOSE, DIM, VectorIndexContract, brute, planted, queries


class TestExactIndex(VectorIndexContract):
    def make(self, rows, vectors):
        return ExactIndex(rows, vectors)


class TestFaissIndex(VectorIndexContract):
    def make(self, rows, vectors):
        return FaissIndex.build(rows, vectors, dim=DIM)


@pytest.fixture
def _three_cores(monkeypatch):
    import faiss

    monkeypatch.setattr(faiss, "omp_get_max_threads", lambda: 3)
    monkeypatch.setattr(cores, "PART", 4)
    monkeypatch.setattr(faiss_index, "PART", 4)


@pytest.mark.usefixtures("_three_cores")
class TestFaissIndexOnAllCores(TestFaissIndex):
    pass


class Scored:
    """Scoring from the store, as an index."""

    def __init__(self, rows, vectors):
        self.stored = Held(rows, vectors)
        self.size = len(rows)
        self.span = int(rows.max()) + 1 if len(rows) else 0

    def search(self, wanted, k, *, allowed=None):
        return nearest(self.stored, wanted, k, allowed=allowed)


class TestScoringFromTheStore(VectorIndexContract):
    @pytest.fixture(autouse=True)
    def _small_blocks(self, monkeypatch):
        monkeypatch.setattr(vectors, "BLOCK", 7)

    def make(self, rows, vectors):
        return Scored(rows, vectors)


class _Approximate(VectorIndexContract):
    """At this size an index looks at everything, or everything is scored: which answer it is must not show."""

    tier: Tier

    @pytest.fixture(autouse=True, params=[1, faiss_index.FEW_ROWS], ids=["by the index", "few rows scored"])
    def _few(self, request):
        self.few = request.param

    def make(self, rows, vectors):
        return FaissIndex.build(rows, vectors, dim=DIM, tier=self.tier, few=self.few)


class TestInvertedFile(_Approximate):
    tier = Tier(name="ivf", effort=4)


@pytest.mark.usefixtures("_three_cores")
class TestInvertedFileOnAllCores(VectorIndexContract):
    def make(self, rows, vectors):
        return FaissIndex.build(rows, vectors, dim=DIM, tier=TestInvertedFile.tier, few=1)


class TestInvertedFileOfBytes(_Approximate):
    tier = Tier(name="ivf-sq8", effort=4)


class TestGraph(_Approximate):
    tier = Tier(name="hnsw", effort=16)


class Card:
    """A flat index of FAISS for processors where one on a card is expected: it heeds no filter, by positions."""

    def __init__(self, stored, dim):
        import faiss

        self._index = faiss.IndexFlatIP(dim)
        self._index.add(stored.take(np.arange(len(stored.rows))).astype(np.float32))
        self.asked = []

    def search(self, wanted, k):
        self.asked.append(k)
        return self._index.search(wanted, k)


class TestFlatOnACard(_Approximate):
    tier = Tier(name="gpu")

    @pytest.fixture(autouse=True)
    def _card(self, monkeypatch):
        monkeypatch.setattr(tiers, "on_card", Card)


def test_an_index_larger_than_one_batch_holds_every_row(monkeypatch):
    monkeypatch.setattr(tiers, "ADD", 7)
    rows, vectors = planted(50)
    answer = FaissIndex.build(rows, vectors, dim=DIM).search(queries(1), 50)
    assert set(answer.rows[0]) == set(rows)


class Deaf:
    """A build of FAISS that takes a filter and drops it."""

    def __init__(self, index):
        self._search = index.search

    def search(self, wanted, k, params=None):
        return self._search(wanted, k)


def _deafen(monkeypatch, index):
    deaf = Deaf(index._index)
    monkeypatch.setattr(index, "_index", deaf)
    monkeypatch.setattr(index._parted, "_index", deaf)


@pytest.mark.parametrize("tier", ["exact", "ivf", "hnsw"])
def test_where_faiss_drops_filters_what_is_allowed_is_scored_from_the_store(monkeypatch, tier):
    rows, vectors = planted(200)
    index = FaissIndex.build(rows, vectors, dim=DIM, tier=Tier(name=tier, effort=8), few=1)
    _deafen(monkeypatch, index)
    monkeypatch.setattr(index, "_most", lambda: 200)
    allowed = np.zeros(index.span, dtype=np.bool_)
    allowed[rows[100:]] = True
    answer = index.search(queries(1), 5, allowed=allowed)
    assert answer.rows[0].tolist() == [row for row, _ in brute(rows, vectors, queries(1)[0], 5, allowed)]


def test_a_wrong_photograph_is_never_returned_even_where_there_is_no_store_to_score_from(monkeypatch):
    rows, vectors = planted(30)
    index = FaissIndex.build(rows, vectors, dim=DIM)
    _deafen(monkeypatch, index)
    monkeypatch.setattr(index, "_stored", None)
    with pytest.raises(StoreError, match="ignores filters"):
        index.search(queries(1), 5, allowed=np.zeros(index.span, dtype=np.bool_))


def test_the_build_of_faiss_is_tried_with_a_filter_and_this_one_heeds_it(monkeypatch):
    import faiss

    assert tiers.filters_hold.__wrapped__()
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(8))
    monkeypatch.setattr(faiss, "index_factory", lambda *_: _DeafOne(index))
    assert not tiers.filters_hold.__wrapped__()


class _DeafOne(Deaf):
    def __init__(self, index):
        super().__init__(index)
        self.add_with_ids = index.add_with_ids


def test_scores_that_faiss_rounded_are_taken_from_the_store(monkeypatch):
    monkeypatch.setattr(tiers, "factory", lambda *_: "IVF4,PQ2")
    rows, vectors = planted(600)
    index = FaissIndex.build(rows, vectors, dim=DIM, tier=Tier(name="ivf-pq", effort=4), few=1)
    answer = index.search(queries(4), 5)
    for number, query in enumerate(queries(4)):
        known = dict(brute(rows, vectors, query, 600))
        assert answer.scores[number] == pytest.approx([known[row] for row in answer.rows[number].tolist()], abs=1e-6)
        assert (np.diff(answer.scores[number]) <= 0).all()


def test_equal_scores_are_ordered_by_row_number():
    same = np.tile(planted(1)[1], (9, 1))
    stored = Held(np.arange(9, dtype=np.int64) * 2, same)
    assert nearest(stored, queries(1), 4).rows[0].tolist() == [0, 2, 4, 6]
    candidates = np.array([[16, 2, NOBODY, 8]])
    assert rescored(stored, queries(1), candidates, 4).rows[0].tolist() == [2, 8, 16, NOBODY]


def test_a_filtered_search_looks_the_harder_the_less_is_allowed(monkeypatch):
    rows, vectors = planted(2000)
    index = FaissIndex.build(rows, vectors, dim=DIM, tier=Tier(name="ivf-sq8", effort=2), few=1)
    efforts = []
    search = index._parted.search

    def noted(*args, cells, **kwargs):
        efforts.append(cells)
        return search(*args, cells=cells, **kwargs)

    monkeypatch.setattr(index._parted, "search", noted)
    index.search(queries(1), 3)
    allowed = np.zeros(index.span, dtype=np.bool_)
    allowed[rows[::8]] = True
    index.search(queries(1), 3, allowed=allowed)
    assert efforts[:2] == [2, 16]


@pytest.mark.parametrize("share", [2, 10])
def test_an_inverted_file_misses_nothing_that_a_filter_allows(share):
    """However little of it is looked into without one; vectors in no clusters are what it is worst at."""
    random = np.random.default_rng(7)
    vectors = random.normal(size=(3000, DIM)).astype(np.float16)
    rows = np.arange(3000)
    index = FaissIndex.build(rows, vectors, dim=DIM, tier=Tier(name="ivf", effort=1), few=1)
    allowed = rows % share == 0
    found = index.search(queries(20), 10, allowed=allowed)
    assert (found.rows == nearest(Held(rows, vectors), queries(20), 10, allowed=allowed).rows).all()
    free = index.search(queries(20), 10)
    assert (free.rows != nearest(Held(rows, vectors), queries(20), 10).rows).any(), "else this shows nothing"


def test_a_search_on_a_card_asks_for_the_more_the_less_is_allowed(monkeypatch):
    monkeypatch.setattr(tiers, "on_card", Card)
    rows, vectors = planted(2000)
    index = FaissIndex.build(rows, vectors, dim=DIM, tier=Tier(name="gpu"), few=1)
    allowed = np.zeros(index.span, dtype=np.bool_)
    allowed[rows[::4]] = True
    answer = index.search(queries(2), 10, allowed=allowed)
    assert index._index.asked[0] == 160
    for number, query in enumerate(queries(2)):
        wanted = [row for row, _ in brute(rows, vectors, query, 10, allowed)]
        assert answer.rows[number].tolist() == wanted


@pytest.mark.parametrize("tier", ["ivf", "ivf-sq8", "hnsw"])
def test_an_index_that_looks_at_a_part_finds_nearly_all_neighbours(tier):
    rows, vectors = planted(3000)
    index = FaissIndex.build(rows, vectors, dim=DIM, tier=Tier(name=tier, effort=40), few=1)
    exact = ExactIndex(rows, vectors).search(queries(30), 10)
    found = index.search(queries(30), 10)
    hits = [len(set(a) & set(b)) for a, b in zip(exact.rows.tolist(), found.rows.tolist(), strict=True)]
    assert sum(hits) >= 0.97 * 300
    assert found.scores == pytest.approx(exact.scores, abs=0.05 + CLOSE)


def test_held_vectors_are_sorted_and_a_changed_one_has_another_key():
    rows, vectors = planted(20)
    order = np.random.default_rng(3).permutation(20)
    held = Held(rows[order], vectors[order])
    assert held.rows.tolist() == rows.tolist()
    assert np.array_equal(held.take(np.arange(20)), vectors)
    changed = vectors.copy()
    changed[4, 3] += np.float16(0.01)
    assert np.flatnonzero(held.keys() != Held(rows, changed).keys()).tolist() == [4]


@pytest.mark.parametrize("rows", [np.arange(9), np.asarray([0, 1, 3, 7, 8]), np.asarray([2, 3, 4]), np.arange(0)])
@pytest.mark.parametrize("span", [0, 4, 9, 12])
def test_the_places_of_what_is_allowed_are_those_of_its_rows(rows, span):
    allowed = np.arange(span) % 3 != 1
    told = positions(rows, allowed)
    assert told.tolist() == [at for at, row in enumerate(rows) if row < span and allowed[row]]
