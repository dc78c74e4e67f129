"""What is one picture, told for whole parts at once: as if each photograph were compared with all before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.model import Entry, Kind, Media
from ap_remote.semantic import collapsing
from ap_remote.semantic.calibration import Marks
from ap_remote.semantic.candidates import Candidate
from ap_remote.semantic.collapsing import Joined, Pictures
from ap_remote.semantic.looks import BURST_COSINE, COSINE, Looks
from ap_remote.semantic.measures import Measures
from ap_remote.semantic.shards import Record

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DIM = 8


class Library(NamedTuple):
    """Photographs, of which some show the same."""

    photographs: list[tuple[Candidate, Entry]]
    vectors: np.ndarray

    def take(self, rows) -> np.ndarray:
        return self.vectors[np.asarray(rows, dtype=np.int64)]


def library(seed: int, count: int) -> Library:
    """Make photographs of three scenes. Their numbers are short, so that products of vectors are exact in any order."""
    random = np.random.default_rng(seed)
    scenes = random.normal(size=(3, DIM))
    scenes /= np.linalg.norm(scenes, axis=1, keepdims=True)
    noise = random.normal(size=(count, DIM)) * random.choice([0, 0.02, 0.05, 0.1], (count, 1))
    vectors = (np.round((scenes[random.integers(0, 3, count)] + noise) * 64) / 64).astype(np.float32)
    photographs = []
    for row in range(count):
        make = random.choice(["", "Canon", "Nikon"])
        size = int(random.choice([64, 128]))
        taken = NOON + timedelta(seconds=int(random.integers(0, 12)))
        hashes = (int(each) for each in random.choice([0, 1, 7, 255, 2**40 - 1], 2))
        measures = Measures(*hashes, sharpness=float(random.choice([0.5, 9, 9, 9])), luma=100.0)
        entry = Entry(
            path=f"{row}.jpg",
            name=f"{row}.jpg",
            id=str(row),
            kind=Kind.FILE,
            taken=taken if random.random() < 0.8 else None,
            media=Media(width=size, height=size, make=make or None) if random.random() < 0.9 else None,
        )
        record = Record(str(row), measures=measures if random.random() < 0.9 else None)
        photographs.append((Candidate(row, -float(row), Marks(0.0, 0.0, None), record, [str(row)]), entry))
    return Library(photographs, vectors)


def one_by_one(library: Library) -> list[Joined | None]:
    """Compare each photograph with every member of every group so far: the rule as it reads."""
    groups: list[list[int]] = []
    found: list[Joined | None] = []
    for new in range(len(library.photographs)):
        joined = None
        members = [(group, each) for group in groups for each in group]
        cosines = np.asarray([library.vectors[each] @ library.vectors[new] for _, each in members])
        leads = np.asarray([library.vectors[group[0]] @ library.vectors[new] for group, _ in members])
        chosen = np.flatnonzero((cosines >= BURST_COSINE) & (leads >= BURST_COSINE)) if members else []
        if len(chosen):
            everyone = [library.photographs[each] for each in [*(members[at][1] for at in chosen), new]]
            looks = Looks.of([entry for _, entry in everyone], [one.record.measures for one, _ in everyone])
            left, right = np.arange(len(chosen)), np.full(len(chosen), len(chosen))
            for is_copy, rule, threshold in ((True, looks.re_encoded, COSINE), (False, looks.burst, BURST_COSINE)):
                same = chosen[rule(left, right) & (cosines[chosen] >= threshold)]
                if len(same):
                    group = members[same[np.argmax(cosines[same])]][0]
                    group.append(new)
                    joined = Joined(group[0], is_copy)
                    break
        if joined is None:
            groups.append([new])
        found.append(joined)
    return found


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 50), max_size=4), step=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_parts_of_any_length_are_told_as_if_each_photograph_came_alone(seed, cuts, step):
    made = library(seed, 50)
    pictures = Pictures(made.take)
    found: list[Joined | None] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collapsing, "_PART", (step, step))
        for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), 50], strict=True):
            found += pictures.add(made.photographs[begin:end])
    assert found == one_by_one(made)


def test_the_made_photographs_are_copies_neighbours_and_neither():
    kinds = [None if each is None else each.is_copy for seed in range(4) for each in one_by_one(library(seed, 60))]
    assert min(kinds.count(kind) for kind in (None, True, False)) >= 10


def test_many_photographs_are_held_in_few_cosines_at_once(monkeypatch):
    made = library(1, 200)
    whole = Pictures(made.take).add(made.photographs)
    monkeypatch.setattr(collapsing, "TILE", 4096)
    assert Pictures(made.take).add(made.photographs) == whole
