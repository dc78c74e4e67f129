"""What every vector index must do, told by a slow one written here: plain sorting of plain products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ap_remote.semantic.vectors import NOBODY, VectorIndex, mask

DIM = 12
CLOSE = 2e-3
"""Half precision keeps three decimal digits."""


def planted(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct row numbers with holes between them, and fp16 unit vectors."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.sort(random.choice(3 * count + 1, size=count, replace=False)).astype(np.int64)
    return rows, vectors.astype(np.float16)


def brute(rows, vectors, query, k, allowed=None) -> list[tuple[int, float]]:
    scored = [
        (int(row), float(vector.astype(np.float32) @ query))
        for row, vector in zip(rows, vectors, strict=True)
        if allowed is None or (row < len(allowed) and allowed[row])
    ]
    return sorted(scored, key=lambda each: -each[1])[:k]


def queries(count: int, *, seed: int = 1) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


class VectorIndexContract:
    """A subject overrides ``make``."""

    def make(self, rows: np.ndarray, vectors: np.ndarray) -> VectorIndex:
        raise NotImplementedError

    def test_the_nearest_rows_come_best_first_with_their_cosines(self):
        rows, vectors = planted(200)
        answer = self.make(rows, vectors).search(queries(5), 10)
        assert answer.rows.shape == answer.scores.shape == (5, 10)
        for number, query in enumerate(queries(5)):
            wanted = brute(rows, vectors, query, 10)
            assert [score for _, score in wanted] == pytest.approx(answer.scores[number], abs=CLOSE)
            assert (np.diff(answer.scores[number]) <= 0).all()
            assert set(answer.rows[number]) == {row for row, _ in wanted}

    # Each subject runs these examples anew, which is what is wanted.
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(data=st.data())
    def test_a_filtered_search_equals_an_exact_search_among_the_allowed(self, data):
        count = data.draw(st.integers(1, 60))
        rows, vectors = planted(count, seed=data.draw(st.integers(0, 5)))
        span = int(rows.max()) + 1
        allowed = np.array(data.draw(st.lists(st.booleans(), min_size=0, max_size=span + 9)), dtype=np.bool_)
        k = data.draw(st.integers(1, count + 5))
        query = queries(1, seed=data.draw(st.integers(0, 9)))
        answer = self.make(rows, vectors).search(query, k, allowed=allowed)
        wanted = brute(rows, vectors, query[0], k, allowed)
        real = answer.rows[0] != NOBODY
        assert int(real.sum()) == len(wanted)
        assert not real[len(wanted) :].any()
        assert np.isneginf(answer.scores[0][~real]).all()
        assert answer.scores[0][real] == pytest.approx([score for _, score in wanted], abs=CLOSE)
        assert len(set(answer.rows[0][real])) == len(wanted)
        assert all(allowed[row] for row in answer.rows[0][real])
        if len(wanted) < k:
            assert set(answer.rows[0][real]) == {row for row, _ in wanted}

    def test_nobody_is_returned_when_nobody_is_allowed(self):
        rows, vectors = planted(20)
        index = self.make(rows, vectors)
        answer = index.search(queries(2), 4, allowed=np.zeros(index.span, dtype=np.bool_))
        assert (answer.rows == NOBODY).all()
        assert np.isneginf(answer.scores).all()

    def test_a_mask_shorter_than_the_rows_excludes_the_rest(self):
        rows, vectors = planted(40)
        answer = self.make(rows, vectors).search(queries(1), 40, allowed=np.ones(int(rows[3]) + 1, dtype=np.bool_))
        assert set(answer.rows[0]) - {NOBODY} == set(rows[:4])

    def test_a_mask_made_of_rows_allows_just_those(self):
        rows, vectors = planted(40)
        index = self.make(rows, vectors)
        answer = index.search(queries(1), 5, allowed=mask(rows[[2, 7, 30]], index.span))
        assert set(answer.rows[0]) - {NOBODY} == set(rows[[2, 7, 30]])

    def test_asking_for_more_than_there_is_fills_with_nobody(self):
        rows, vectors = planted(3)
        answer = self.make(rows, vectors).search(queries(2), 7)
        assert answer.rows.shape == (2, 7)
        assert (answer.rows[:, 3:] == NOBODY).all()
        assert (answer.rows[:, :3] != NOBODY).all()

    def test_an_empty_index_answers_with_nobody(self):
        index = self.make(np.empty(0, dtype=np.int64), np.empty((0, DIM), dtype=np.float16))
        assert (index.size, index.span) == (0, 0)
        assert (index.search(queries(1), 3).rows == NOBODY).all()
        assert (index.search(queries(1), 3, allowed=np.ones(4, dtype=np.bool_)).rows == NOBODY).all()

    def test_it_knows_its_size_and_the_span_of_its_rows(self):
        index = self.make(np.array([4, 9], dtype=np.int64), planted(2)[1])
        assert (index.size, index.span) == (2, 10)
