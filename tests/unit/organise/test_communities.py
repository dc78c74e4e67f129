"""Communities of a graph of likeness: groups that were planted, chains, noise, and the same answer every time."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.organise import neighbours, themes
from ap_remote.organise.communities import NEIGHBOURS, agreement, centre, communities, mutual
from tests.unit.organise.planted import planted, table_of, unit


def found_in(vectors, alike=None):
    alike = themes.usual_likeness(table_of(vectors)) if alike is None else alike
    return [group.tolist() for group in communities(vectors, alike)]


@pytest.mark.parametrize(("groups", "size"), [(6, 20), (1, 12), (2, 9)])
def test_planted_groups_are_found_whole(groups, size):
    found = [set(group) for group in found_in(planted(groups, size), 0.5)]
    assert sorted(found, key=min) == [set(range(size * number, size * number + size)) for number in range(groups)]


def test_a_group_stays_whole_however_large_it_is_beside_the_others():
    vectors = np.concatenate([planted(1, 1500), planted(16, 20)[20:]])
    found = found_in(vectors)
    assert len(found[0]) > 0.85 * 1500
    assert [set(group) for group in sorted(found[1:16], key=min)] == [
        set(range(start, start + 20)) for start in range(1500, 1800, 20)
    ]


def test_groups_in_much_noise_are_found_where_two_of_one_group_are_mostly_less_alike_than_is_asked():
    vectors = unit(
        np.repeat(planted(12, 1, dim=128), 80, axis=0) + 1.1 * unit(np.random.default_rng(7).normal(size=(960, 128)))
    )
    assert float(np.median(vectors[:80] @ vectors[:80].T)) < themes.LOOSEST
    large = [group for group in found_in(vectors, themes.LOOSEST) if len(group) > 2]
    assert len(large) == 12
    assert all(len({row // 80 for row in group}) == 1 for group in large)
    assert sum(map(len, large)) > 0.95 * 960


def test_a_chain_of_neighbours_is_divided():
    angles = np.linspace(0, np.pi, 60)
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = communities(chain, 0.9)
    assert len(found) > 3
    assert sum(len(group) > 2 for group in found) > 3
    for group in found:
        assert float((chain[group] @ chain[group].T).min()) > 0.5


def test_one_photograph_is_a_group_of_one():
    assert found_in(planted(1, 1), 0.9) == [[0]]
    assert found_in(planted(3, 1), 0.9) == [[0], [1], [2]]
    assert themes.usual_likeness(table_of(planted(1, 1))) == themes.TIGHTEST


def test_a_large_library_s_neighbours_are_found_in_parts_of_the_space(monkeypatch):
    monkeypatch.setattr(neighbours, "LARGE", 100)
    found = found_in(planted(30, 60))
    assert all(len({member // 60 for member in group}) == 1 for group in found)
    assert sorted(row for group in found for row in group) == list(range(1800))
    assert sum(len(group) for group in found if len(group) > 30) > 0.95 * 1800


def test_rows_are_joined_where_each_is_among_the_other_s_nearest_by_their_cosine():
    vectors = planted(3, 40)
    graph = mutual(vectors, 0.9)
    assert abs(graph - graph.T).max() == 0
    left, right = graph.nonzero()
    assert np.allclose(graph.data, np.einsum("nd,nd->n", vectors[left], vectors[right]), atol=1e-6)
    assert graph.data.min() >= 0.9
    assert np.diff(graph.indptr).max() <= NEIGHBOURS


@given(seed=st.integers(0, 2**16), count=st.integers(1, 60), alike=st.floats(-0.2, 0.95))
@settings(max_examples=15, deadline=None)
def test_every_row_is_in_one_group_and_most_of_a_group_are_like_its_middle_or_nothing_tells_them_apart(
    seed, count, alike
):
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 8)))
    found = communities(vectors, alike)
    assert sorted(row for group in found for row in group.tolist()) == list(range(count))
    assert [len(group) for group in found] == sorted((len(group) for group in found), reverse=True)
    again = communities(vectors, alike)
    assert [group.tolist() for group in found] == [group.tolist() for group in again]


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),  # scikit-learn's manual has this example and the next
        ([0, 0, 0, 0], [0, 1, 2, 3], 0.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
        ([0, 1, 2], [2, 0, 1], 1.0),
        ([0], [0], 1.0),
    ],
)
def test_agreement_of_two_labellings_is_the_adjusted_rand_index(one, other, value):
    assert agreement(np.asarray(one), np.asarray(other)) == pytest.approx(value)


def test_a_middle_of_nothing_is_zeros():
    opposite = np.asarray([[1, 0], [-1, 0]], dtype=np.float32)
    assert centre(opposite).tolist() == [0, 0]


DIGEST = """
import sys, numpy as np
sys.path[:0] = sys.argv[1:]
from tests.unit.organise.test_communities import digest
print(digest())
"""


def digest():
    """Return a sum over the communities of a library without clear borders, where chance would show."""
    random = np.random.default_rng(11)
    middles = unit(random.normal(size=(25, 24)))
    vectors = unit(middles[random.integers(25, size=600)] + 0.9 * unit(random.normal(size=(600, 24))))
    groups = [group.tolist() for group in communities(vectors, 0.5)]
    return hashlib.sha256(repr(groups).encode()).hexdigest()


def test_another_process_finds_the_same():
    done = subprocess.run(
        [sys.executable, "-c", DIGEST, *sys.path], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == digest(), done.stderr
