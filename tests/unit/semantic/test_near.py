"""Near copies: found as brute force finds them, never by a chain, frames of a burst kept apart."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import LimitError
from ap_remote.model import Entry, Kind, Media
from ap_remote.semantic import near
from ap_remote.semantic.near import Frames, NearFinder, find_near, ranked

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def fan(*degrees):
    """Unit vectors at angles in a plane."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def entry(name="a.jpg", *, taken=None, size=(4000, 3000), **fields):
    media = Media(width=size[0], height=size[1])
    return Entry(path=name, name=name, id=name, kind=Kind.FILE, taken=taken, media=media, **fields)


async def test_copies_are_grouped_and_the_others_are_left():
    found = await find_near(fan(0, 90, 1, 45, 2), threshold=math.cos(math.radians(3)))
    assert found.groups == ((0, 2, 4),)
    assert found.pairs == 3
    assert found.least[0] == pytest.approx(math.cos(math.radians(2)), abs=1e-4)


async def test_a_chain_of_small_steps_is_no_group():
    found = await find_near(fan(*range(0, 40, 2)), threshold=math.cos(math.radians(2.5)))
    assert found.pairs == 19
    assert len(found.groups) > 6
    assert all(len(group) == 2 for group in found.groups)


async def test_lengths_do_not_matter_and_nothing_is_near_to_nothing():
    vectors = fan(0, 1, 90) * np.asarray([[1], [500], [0]], dtype=np.float32)
    assert (await find_near(vectors)).groups == ((0, 1),)
    assert (await find_near(np.empty((0, 4), dtype=np.float32))).groups == ()
    assert (await find_near(fan(5))).groups == ()


@given(
    angles=st.lists(st.integers(0, 60), max_size=30),
    step=st.integers(1, 12),
    tile=st.sampled_from([1, 3, 7, 4096]),
)
@settings(max_examples=60, deadline=None)
async def test_the_groups_are_those_that_brute_force_allows(angles, step, tile):
    # Half a degree beside whole ones, so that no cosine is on the border.
    threshold = math.cos(math.radians(step + 0.5))
    found = await find_near(fan(*angles) if angles else np.empty((0, 2), np.float32), threshold=threshold, tile=tile)
    pairs = {(a, b) for a, b in combinations(range(len(angles)), 2) if abs(angles[a] - angles[b]) <= step}
    assert found.pairs == len(pairs)
    members = [row for group in found.groups for row in group]
    assert len(set(members)) == len(members)
    for group in found.groups:
        assert set(combinations(group, 2)) <= pairs, "each is near to each"
    alone = [(row,) for row in range(len(angles)) if row not in members]
    for one, other in combinations([*found.groups, *alone], 2):
        assert not {tuple(sorted((a, b))) for a in one for b in other} <= pairs, "what is near as a whole is one group"


async def test_the_size_of_tiles_changes_nothing():
    random = np.random.default_rng(3)
    base = random.normal(size=(40, 16))
    vectors = np.concatenate([base, base + random.normal(size=base.shape) * 0.05]).astype(np.float32)
    whole = await find_near(vectors)
    assert len(whole.groups) == 40
    assert {b - a for a, b in whole.groups} == {40}
    assert (await find_near(vectors, tile=9)).groups == whole.groups


async def test_too_many_vectors_and_too_many_pairs_are_refused_and_not_half_done(monkeypatch):
    monkeypatch.setattr(near, "VECTORS", 5)
    with pytest.raises(LimitError, match="6 pictures are too many"):
        await find_near(fan(*range(6)))
    monkeypatch.setattr(near, "PAIRS", 9)
    with pytest.raises(LimitError, match="more than 9 pairs"):
        await find_near(fan(0, 0, 0, 0, 0))


async def test_frames_of_a_burst_are_no_copies():
    """Same size, seconds apart; a copy has the moment of its original, or none, or one that is far, or another size."""
    original = entry("a", taken=NOON)
    others = {
        "frame": entry("b", taken=NOON + timedelta(seconds=1)),
        "encoded anew": entry("c", taken=NOON),
        "without its date": entry("d"),
        "sent a week later": entry("e", taken=NOON + timedelta(days=7)),
        "made small a minute later": entry("f", taken=NOON + timedelta(minutes=1), size=(400, 300)),
    }
    near_by_name = {
        name: bool((await find_near(fan(0, 1), Frames.of([original, other]))).groups) for name, other in others.items()
    }
    assert near_by_name == {name: name != "frame" for name in others}


async def test_a_frame_splits_a_group_and_copies_stay_together():
    taken = [NOON, NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=1)]
    found = await find_near(fan(0, 0, 0, 0), Frames.of([entry(str(n), taken=each) for n, each in enumerate(taken)]))
    assert found.groups == ((0, 1), (2, 3))


async def test_the_last_answer_is_kept_for_the_next_page_and_for_no_other_question(monkeypatch):
    asked = []

    async def counting(vectors, frames, *, threshold):
        asked.append(threshold)
        return await find_near(vectors, frames, threshold=threshold)

    monkeypatch.setattr(near, "find_near", counting)
    finder, frames = NearFinder(), Frames.of([entry("a"), entry("b")])
    first = await finder.find(fan(0, 1), frames)
    assert await finder.find(fan(0, 1), frames) is first
    assert len(asked) == 1
    assert (await finder.find(fan(0, 80), frames)).groups == ()
    await finder.find(fan(0, 80), frames, threshold=0.99)
    later = Frames.of([entry("a", taken=NOON), entry("b", taken=NOON + timedelta(seconds=2))])
    assert (await finder.find(fan(0, 1), later)).groups == ()
    assert len(asked) == 4


def test_the_one_to_keep_is_the_favourite_then_the_largest_then_the_first():
    small, large = entry("small", size=(800, 600), created=NOON), entry("large", created=NOON)
    order, why = ranked([small, large])
    assert ([each.name for each in order], why) == (["large", "small"], "it has the most pixels")
    loved = entry("loved", size=(80, 60), favorite=True)
    assert ranked([large, loved])[1] == "it is a favourite"
    assert ranked([entry("x"), entry("y")])[1] == "its path sorts first"
    late = entry("a", created=NOON + timedelta(days=1))
    assert [each.name for each in ranked([late, entry("b", created=NOON)])[0]] == ["b", "a"]


def planted(rows, dims, *, rank, copies, seed):
    """Vectors in a cone, of which few directions say most, as encoders make them; some are nearly others."""
    random = np.random.default_rng(seed)
    weights = np.ones(dims)
    weights[rank:] = 0.05
    vectors = random.normal(size=(rows, dims)) * weights
    vectors[:, 0] += 2
    vectors[:copies] = vectors[copies : 2 * copies] + random.normal(size=(copies, dims)) * weights * 0.1
    vectors[-1] = 0
    return vectors.astype(np.float32)


@pytest.mark.parametrize("threshold", [0.8, 0.9, 0.97, 0.999])
@pytest.mark.parametrize("rank", [4, 60, 128])
async def test_shortened_vectors_lose_no_pair(monkeypatch, rank, threshold):
    vectors = planted(1500, 128, rank=rank, copies=200, seed=rank)
    shortened = await find_near(vectors, threshold=threshold, tile=400)
    monkeypatch.setattr(near.Shortened, "of", lambda unit, threshold: None)
    whole = await find_near(vectors, threshold=threshold, tile=400)
    assert shortened.groups == whole.groups
    assert shortened.pairs == whole.pairs
    assert shortened.least == pytest.approx(whole.least, abs=1e-3)


@pytest.mark.parametrize("kept", [1, 8, 127])
def test_a_shortened_pair_is_never_less_near_than_the_whole_one(kept):
    vectors = planted(300, 128, rank=60, copies=30, seed=kept)
    unit = vectors[:-1] / np.linalg.norm(vectors[:-1], axis=1, keepdims=True)
    _, axes = np.linalg.eigh(unit.T @ unit)
    short = near._short(unit, unit @ axes[:, ::-1][:, :kept])
    assert (short @ short.T >= unit @ unit.T - near._SLACK).all()
    assert np.linalg.norm(short, axis=1) == pytest.approx(1, abs=1e-4)


def test_vectors_are_shortened_where_that_rules_out_nearly_all_and_else_left_whole():
    vectors = planted(2000, 128, rank=60, copies=100, seed=1)[:-1]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    short = near.Shortened.of(unit, 0.97)
    assert short is not None
    assert short.rows.shape[1] <= 33
    assert near.Shortened.of(unit, 0.0) is None, "all are near"
    assert near.Shortened.of(unit[:100], 0.97) is None, "too few to be worth it"


async def test_a_tile_of_which_too_much_is_left_is_compared_as_a_whole(monkeypatch):
    vectors = planted(1500, 128, rank=60, copies=200, seed=5)
    usual = await find_near(vectors)
    monkeypatch.setattr(near, "_FEW", 1e-9)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    monkeypatch.setattr(near.Shortened, "of", lambda rows, threshold: near.Shortened(near._short(rows, rows[:, :4])))
    assert (await find_near(unit)).groups == usual.groups
