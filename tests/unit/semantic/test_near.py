"""What looks the same: groups never by a chain, frames kept apart from copies, which one to keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.model import Entry, Kind, Media
from ap_remote.semantic.near import Frames, least_cosine, linked, ranked

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def fan(*degrees):
    """Unit vectors at angles in a plane."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def near(angles, step):
    """All pairs of angles that are no further apart, and their cosines."""
    pairs = [(a, b) for a, b in combinations(range(len(angles)), 2) if abs(angles[a] - angles[b]) <= step]
    cosines = [np.cos(np.radians(angles[a] - angles[b])) for a, b in pairs]
    return np.asarray([(a, b, cosine) for (a, b), cosine in zip(pairs, cosines, strict=True)]).reshape(-1, 3)


def entry(name="a.jpg", *, taken=None, size=(4000, 3000), **fields):
    media = Media(width=size[0], height=size[1])
    return Entry(path=name, name=name, id=name, kind=Kind.FILE, taken=taken, media=media, **fields)


def test_copies_are_grouped_and_the_others_are_left():
    assert linked(near((0, 90, 1, 45, 2), 3)) == ((0, 2, 4),)
    assert linked(near((0, 90), 3)) == ()
    assert linked(near((), 3)) == ()


def test_how_near_the_least_alike_are():
    assert least_cosine(fan(0, 2, 1)) == pytest.approx(np.cos(np.radians(2)), abs=1e-6)


def test_a_chain_of_small_steps_is_no_group():
    pairs = near(range(0, 40, 2), 2)
    found = linked(pairs)
    assert len(pairs) == 19
    assert len(found) > 6
    assert all(len(group) == 2 for group in found)


@given(angles=st.lists(st.integers(0, 60), max_size=30), step=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_groups_are_those_that_brute_force_allows(angles, step):
    told = near(angles, step)
    found = linked(told)
    pairs = {(int(a), int(b)) for a, b, _ in told}
    members = [row for group in found for row in group]
    assert len(set(members)) == len(members)
    for group in found:
        assert set(combinations(group, 2)) <= pairs, "each is near to each"
    alone = [(row,) for row in range(len(angles)) if row not in members]
    for one, other in combinations([*found, *alone], 2):
        assert not {tuple(sorted((a, b))) for a in one for b in other} <= pairs, "what is near as a whole is one group"


def test_frames_of_a_burst_are_no_copies():
    """Same size, seconds apart; a copy has the moment of its original, or none, or one that is far, or another size."""
    original = entry("a", taken=NOON)
    others = {
        "frame": entry("b", taken=NOON + timedelta(seconds=1)),
        "encoded anew": entry("c", taken=NOON),
        "without its date": entry("d"),
        "sent a week later": entry("e", taken=NOON + timedelta(days=7)),
        "made small a minute later": entry("f", taken=NOON + timedelta(minutes=1), size=(400, 300)),
    }
    apart = {
        name: bool(Frames.of([original, other]).apart(np.asarray([0]), np.asarray([1]))[0])
        for name, other in others.items()
    }
    assert apart == {name: name == "frame" for name in others}


def test_the_one_to_keep_is_the_favourite_then_the_largest_then_the_first():
    small, large = entry("small", size=(800, 600), created=NOON), entry("large", created=NOON)
    order, why = ranked([small, large])
    assert ([each.name for each in order], why) == (["large", "small"], "it has the most pixels")
    loved = entry("loved", size=(80, 60), favorite=True)
    assert ranked([large, loved])[1] == "it is a favourite"
    assert ranked([entry("x"), entry("y")])[1] == "its path sorts first"
    late = entry("a", created=NOON + timedelta(days=1))
    assert [each.name for each in ranked([late, entry("b", created=NOON)])[0]] == ["b", "a"]
