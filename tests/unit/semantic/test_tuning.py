from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from ap_remote.errors import StoreError
from ap_remote.semantic import tiers, tuning
from ap_remote.semantic.index_cache import read_choice
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import EmbeddingStore
from ap_remote.semantic.tuning import tune
from ap_remote.semantic.vectors import Held
from tests.contracts.vector_index import DIM, planted

FINGERPRINT = "f" * 16


class Slow:
    """A clock that counts the rows which an index compares: 2**20 of them take a second."""

    def __init__(self, monkeypatch):
        self.rows = 0
        search = tuning.FaissIndex.search
        scored = tuning.nearest

        def counted(index, questions, k, *, allowed=None):
            share = index.tier.effort / tiers.cell_count(index.size) if index.tier.effort else 1.0
            self.rows += round(index.size * share)
            return search(index, questions, k, allowed=allowed)

        def scoring(stored, questions, k):
            self.rows += len(stored.rows)
            return scored(stored, questions, k)

        monkeypatch.setattr(tuning.FaissIndex, "search", counted)
        monkeypatch.setattr(tuning, "nearest", scoring)

    def __call__(self):
        return self.rows / 2**20


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(tuning, "QUESTIONS", 8)
    monkeypatch.setattr(tuning, "SCAN_ROWS", 5000)
    monkeypatch.setattr(tiers, "cards", lambda: 0)
    return Slow(monkeypatch)


@pytest.fixture
def store(tmp_path):
    with EmbeddingStore(tmp_path, write=True) as opened:
        yield opened


def fill(store, count):
    _, vectors = planted(count)
    store.begin(FINGERPRINT, "planted", DIM)
    store.append(FINGERPRINT, vectors.astype(np.float32), [Record(f"{number:032x}") for number in range(count)])


def test_a_library_whose_scan_is_fast_enough_stays_exact_and_the_choice_is_kept(store, clock):
    fill(store, 3000)
    found = tune(store, clock=clock)
    assert found.p50_ms == pytest.approx(3, rel=0.06)
    assert found.exact_rows == pytest.approx(50_000, rel=0.06)
    assert found.few_rows == pytest.approx(25_000, rel=0.06)
    assert found.serves == "exact"
    choice = read_choice(store.index_folder(FINGERPRINT))
    assert choice is not None
    assert (choice.exact_rows, choice.few_rows) == (found.exact_rows, found.few_rows)


def test_a_library_whose_scan_is_too_slow_is_served_by_what_finds_as_well(store, clock):
    fill(store, 3000)
    found = tune(store, target_ms=2, clock=clock)
    assert found.exact_rows == pytest.approx(2000, rel=0.06)
    assert found.serves == "ivf"
    assert found.recall is not None
    assert found.recall >= tuning.RECALL
    assert found.approximate_p50_ms < found.scan_p50_ms
    assert 0 < found.effort < tiers.cell_count(3000)


def test_an_index_that_must_look_everywhere_serves_nobody(store, clock, monkeypatch):
    monkeypatch.setattr(tuning, "RECALL", 1.01)
    fill(store, 3000)
    found = tune(store, target_ms=2, clock=clock)
    assert found.effort == 0
    assert read_choice(store.index_folder(FINGERPRINT)).tier is None


def test_a_small_library_is_scanned_several_times_over_and_nothing_else_is_tried(store, clock):
    fill(store, 40)
    found = tune(store, clock=clock)
    assert (found.rows, found.tried, found.recall) == (40, 0, None)
    assert found.p50_ms == pytest.approx(0.04, rel=0.06)
    assert found.exact_rows == pytest.approx(50_000, rel=0.06)


def test_what_was_measured_is_the_same_the_second_time(store, clock):
    fill(store, 1500)
    assert tune(store, clock=clock) == tune(store, clock=clock)


def test_nothing_is_measured_where_nothing_is_built(store):
    with pytest.raises(StoreError, match="is empty: run `ap index build`"):
        tune(store)
    store.begin(FINGERPRINT, "planted", DIM)
    with pytest.raises(StoreError, match="is empty"):
        tune(store)


def test_positions_are_spread_over_all_rows():
    assert tuning._spread(10, 3).tolist() == [0, 4, 9]
    assert tuning._spread(3, 10).tolist() == [0, 1, 2]


def test_what_was_measured_on_the_real_clock_can_be_written(store):
    rows, vectors = planted(300)
    ticks = itertools.count(step=0.001)
    found = tuning.measure(Held(rows, vectors), DIM, clock=lambda: next(ticks))
    assert msgspec.json.decode(msgspec.json.encode(found), type=tuning.Tuning) == found
