"""Events that are told apart, or joined, by what their photographs show."""

from __future__ import annotations

import numpy as np
import pytest

from ap_remote.organise import propose
from ap_remote.organise.drift import Looks
from ap_remote.organise.events import find_events
from ap_remote.semantic import SemanticIndex
from tests.unit.organise.library import account
from tests.unit.organise.planted import table_of
from tests.unit.organise.test_events import ROME, VANCOUVER, shot, trip
from tests.unit.semantic.planted import PlantedEncoder

DIM = 32


def looks_of(shown, *, noise=0.1):
    """Return the looks of a library: for each photograph's id the scene that it shows."""
    random = np.random.default_rng(4)
    scenes = {name: random.normal(size=DIM) for name in sorted(set(shown.values()))}
    vectors = np.stack([scenes[name] + noise * random.normal(size=DIM) for name in shown.values()])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return Looks(table_of(vectors, shown))


def sitting(first, start, scene, *, count=4, place=VANCOUVER):
    return [(shot(first + number, start + number / 4, place), scene) for number in range(count)]


def events(shown, *, looks=True, **fields):
    known = looks_of({entry.id: scene for entry, scene in shown if scene}) if looks else None
    found = find_events([entry for entry, _ in shown], min_size=3, looks=known, **fields)
    scenes = {entry.id: scene for entry, scene in shown}
    return ["".join(scenes[member.entry.id] or "-" for member in group.members) for group in found.groups]


REST = sitting(900, 2000, "x", count=6, place=ROME) + sitting(950, 4000, "y", count=6, place=ROME)


def test_a_pause_of_hours_ends_an_event_where_something_else_is_shown():
    day = sitting(0, 0, "a") + sitting(10, 5, "b") + REST
    assert events(day)[:2] == ["aaaa", "bbbb"]
    assert events(day, looks=False)[0] == "aaaabbbb"


def test_the_same_scene_after_some_hours_is_the_same_event():
    assert events(sitting(0, 0, "a") + sitting(10, 5, "a") + REST)[0] == "aaaaaaaa"


def test_another_scene_without_a_pause_is_the_same_event():
    assert events(sitting(0, 0, "a") + sitting(10, 1.5, "b") + REST)[0] == "aaaabbbb"


def test_a_single_strange_photograph_ends_nothing():
    shown = sitting(0, 0, "a") + sitting(10, 5, "b", count=1) + sitting(20, 10, "a") + REST
    assert events(shown)[0] == "aaaabaaaa"


def test_photographs_that_are_not_indexed_end_nothing():
    assert events(sitting(0, 0, "a") + sitting(10, 5, None) + sitting(20, 10, "b") + REST)[:2] == ["aaaa----", "bbbb"]


def test_a_library_that_is_all_alike_is_split_by_time_alone():
    shown = sitting(0, 0, "a") + sitting(10, 5, "a") + sitting(900, 2000, "a", place=ROME)
    assert events(shown) == events(shown, looks=False) == ["aaaaaaaa", "aaaa"]


def weekend(second, *, place=VANCOUVER):
    """Return photographs by the minute on one day, and again on the day after the next."""
    return sitting(0, 0, "a", count=12) + sitting(50, 46, second, count=12, place=place) + REST


def test_fragments_of_one_place_that_show_the_same_are_joined():
    assert events(weekend("a"), looks=False)[:2] == ["a" * 12] * 2
    assert events(weekend("a"))[0] == "a" * 24


@pytest.mark.parametrize(
    ("shown", "parts"),
    [(weekend("b"), ["a" * 12, "b" * 12]), (weekend("a", place=ROME), ["a" * 12] * 2)],
    ids=["another scene", "another place"],
)
def test_fragments_that_differ_in_looks_or_place_stay_apart(shown, parts):
    assert events(shown)[:2] == parts


def test_days_at_home_that_look_the_same_are_not_joined_for_ever():
    days = []
    for day in range(20):
        days += sitting(100 * day, 46 * day, "a", count=12)
    assert max(map(len, events(days + REST))) <= 12 * 4


def test_the_days_of_a_trip_stay_one_event_whatever_they_show():
    home = [entry for day in range(90) for entry in trip(1000 + 10 * day, 24 * (day - 100), 1, VANCOUVER, per_day=2)]
    away = sitting(0, 0, "a", count=12, place=ROME) + sitting(50, 24, "b", count=12, place=ROME)
    shown = [(entry, "x") for entry in home] + away
    assert events(shown)[-1] == "a" * 12 + "b" * 12


async def test_events_are_found_without_an_index_that_is_built(tmp_path):
    remote = account()
    index = SemanticIndex(tmp_path / "none", PlantedEncoder())
    assert (await propose(remote, index, by="event")).id == (await propose(remote, by="event")).id
