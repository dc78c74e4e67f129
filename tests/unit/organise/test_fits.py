"""How sure a class is of a photograph: one scale for all classes, ties, calibrations that are used, what is told."""

from __future__ import annotations

import colorsys

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Entry, Kind
from ap_remote.organise import load_plan, propose, save_plan
from ap_remote.organise.claims import CLOSE, best_of
from ap_remote.organise.classes import find_classes
from ap_remote.organise.fits import Learned, Phrases, log_odds, probability, question_of, texts_of
from ap_remote.organise.groups import Group, Member
from ap_remote.organise.history import NOTHING
from ap_remote.organise.reconcile import into_folders
from ap_remote.organise.taxonomy import read_taxonomy
from ap_remote.semantic import SemanticIndex
from ap_remote.semantic.calibration import Calibration, keep
from ap_remote.semantic.question import parse, show
from tests.unit.organise.planted import table_of, unit
from tests.unit.semantic.planted import PlantedEncoder, picture


def entry(name):
    return Entry(path=f"{name}.jpg", name=f"{name}.jpg", id=name, kind=Kind.FILE)


def calibration(threshold=0.7, precision=0.9):
    return Calibration(
        question="q",
        weights=(1, 1, 1),
        intercept=0,
        threshold=threshold,
        precision=precision,
        held_precision=precision,
        held_recall=1,
        error=0,
        marks=40,
    )


# -- one scale ---------------------------------------------------------------------------------------------------------


def sorted_by(text, vectors, words):
    """Sort vectors into the classes of a taxonomy whose prompts are *words*, and make folders of that."""
    taxonomy = read_taxonomy(text, "mine")
    texts = texts_of(taxonomy)
    far = np.full(vectors.shape[1], -1.0)
    phrases = Phrases({each: row for row, each in enumerate(texts)}, unit(np.stack([words.get(t, far) for t in texts])))
    entries = {f"n{number}": entry(f"n{number}") for number in range(len(vectors))}
    found = find_classes(entries, table_of(vectors, entries), taxonomy, phrases, min_size=1, filtered={})
    folders, left_out = into_folders(found, "", NOTHING)
    return {folder.path: {each.id for each in folder.members} for folder in folders}, found, left_out


def scene():
    """Two hundred photographs that show nothing, and two that cosines of less than .5 tell from them: n0 and n1."""
    random = np.random.default_rng(4)
    axes = np.eye(48)
    vectors = 0.08 * random.normal(size=(202, 48)) + axes[2]
    vectors[:2, :2] = [[0.6, 0.35], [0.35, 0.6]]
    return unit(vectors), {"a cat": axes[0], "a dog": axes[1]}


CATS = "- name: Cats\n  prompts: [a cat]\n"
DOGS = "- name: Dogs\n  prompts: [a dog]\n"


@pytest.mark.parametrize(
    "text",
    [CATS + DOGS, DOGS + CATS, CATS + DOGS + "  min_score: 0.15\n", CATS + "  min_score: 0.15\n" + DOGS],
    ids=["no scores", "the other way round", "the dogs with a score", "the cats with a score"],
)
def test_a_photograph_goes_where_it_fits_best_whether_or_not_a_class_has_a_score(text):
    vectors, words = scene()
    folders, found, _ = sorted_by(text, vectors, words)
    assert {name: ids & {"n0", "n1"} for name, ids in folders.items()} == {"Cats": {"n0"}, "Dogs": {"n1"}}
    assert all({"n0", "n1"} <= {each.entry.id for each in group.members} for group in found.groups)
    assert all(
        each.score == pytest.approx(probability(each.odds), abs=1e-4) for g in found.groups for each in g.members
    )


@given(st.floats(0.001, 0.999))
def test_a_probability_and_its_odds_tell_the_same(share):
    assert probability(log_odds(share)) == pytest.approx(share)
    assert (probability(float("inf")), probability(float("-inf"))) == (1.0, pytest.approx(0.0))
    assert (log_odds(0), log_odds(1)) == (float("-inf"), float("inf"))


# -- ties --------------------------------------------------------------------------------------------------------------


def claimed(**odds):
    """Return groups that all want the same photograph; ``A_above_B`` is called B and lies below A."""
    groups = []
    for name, one in odds.items():
        above, _, own = name.rpartition("_above_")
        classes = (own, above) if above else (own,)
        groups.append(Group(own, "so", [Member(entry("x"), "so", 0.5, one)], 0.5, above, classes))
    return groups


def test_two_classes_that_fit_about_equally_well_are_a_tie_and_clear_ones_are_not():
    assert best_of(claimed(Dogs=2.0, Cats=2.0 + CLOSE / 2)) == ({}, {"x": ("Cats", "Dogs")})
    assert best_of(claimed(Dogs=2.0, Cats=2.01 + CLOSE)) == ({"x": 1}, {})


def test_a_class_goes_before_those_above_it_and_is_no_tie_with_them():
    assert best_of(claimed(Animals=2.0, Animals_above_Dogs=2.0)).numbers == {"x": 1}
    assert best_of(claimed(Animals=2.1, Animals_above_Dogs=2.0)).numbers == {"x": 1}
    assert best_of(claimed(Animals=5.0, Animals_above_Dogs=2.0)).numbers == {"x": 0}
    both = best_of(claimed(Animals=2.0, Animals_above_Dogs=2.0, Animals_above_Cats=1.9))
    assert both.tied == {"x": ("Dogs", "Cats")}


def test_of_equals_the_one_with_priority_wins_and_a_better_one_does_without():
    first, other = claimed(Dogs=2.0, Cats=2.1)
    assert best_of([first._replace(priority=1), other]).numbers == {"x": 0}
    first, other = claimed(Dogs=2.0, Cats=4.0)
    assert best_of([first._replace(priority=1), other]).numbers == {"x": 1}


def test_what_filters_are_certain_of_and_what_tells_no_odds_goes_by_the_order():
    assert best_of(claimed(Favourites=float("inf"), Old=float("inf"), Dogs=9.0)) == ({"x": 0}, {})
    assert best_of(claimed(Anna=None, Ben=None)) == ({"x": 0}, {})
    assert best_of(claimed(Favourites=float("inf"), Favourites_above_Dogs=1.0)) == ({"x": 1}, {})


def test_a_photograph_that_two_classes_fit_equally_stays_and_is_in_both_albums():
    vectors, words = scene()
    folders, found, left_out = sorted_by(CATS + "- name: Kittens\n  prompts: [a cat]\n", vectors, words)
    assert not folders
    assert len(found.groups) == 2
    why = {each.id: each.why for each in left_out}
    assert why["n0"] == "ambiguous: 'Cats' and 'Kittens' fit it about equally well"
    ranked, _, _ = sorted_by(CATS + "- name: Kittens\n  prompts: [a cat]\n  priority: 2\n", vectors, words)
    assert set(ranked) == {"Kittens"}


# -- calibrations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "known", "wanted", "least"),
    [
        (0.6, 0.9, None, 0.6),
        (0.6, 0.9, 0.9, 0.6),
        (0.6, 0.9, 0.5, 0.5),
        (0.3, 0.9, 0.5, 0.3),
        (0.6, 0.9, 0.95, 0.95),
        (0.97, 0.9, 0.95, 0.97),
        (2.0, 0.9, None, 2.0),
        (2.0, 0.9, 0.95, 2.0),
        (2.0, 0.9, 0.8, 0.8),
    ],
)
def test_the_probability_that_is_asked_follows_the_wanted_precision(threshold, known, wanted, least):
    assert Learned(calibration(threshold, known), ("x",)).least(wanted) == least


@settings(max_examples=40)
@given(st.text(alphabet="ab \"\\-^'", min_size=1).filter(str.strip))
def test_a_prompt_is_kept_under_the_question_that_a_person_would_write_for_it(prompt):
    assert show(parse(question_of([prompt]))) == question_of([prompt])
    assert [each.weight for each in parse(question_of([prompt]))] == [1.0]


@pytest.fixture(scope="module")
def colours():
    """Sixty colours, of which those with a hue near 0 are reds."""
    found = {}
    for number in range(60):
        hue = number / 60
        rgb = colorsys.hsv_to_rgb(hue, 0.7 + 0.3 * (number % 4) / 3, 0.6 + 0.4 * (number % 3) / 2)
        found[f"{number:02}"] = tuple(round(255 * each) for each in rgb)
    return found


REDS = {f"{number % 60:02}.png" for number in range(-7, 8)}


@pytest.fixture
async def library(tmp_path, colours):
    remote = MemoryRemote()
    for name, rgb in colours.items():
        remote.seed(f"{name}.png", picture(rgb))
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    return remote, index


async def learn(remote, index, question):
    found = [each async for each in remote.search("")]
    yes = [each.id for each in found if each.name in REDS]
    return await index.calibrate(question, yes=yes, no=[each.id for each in found if each.id not in yes])


def hold(index, **changes):
    """Keep a calibration of the question for red, as one that was learned would be."""
    made = msgspec.structs.replace(calibration(), question='"red"', intercept=-2, **changes)
    keep(index.folder / "calibration" / f"{PlantedEncoder().fingerprint}.json", made)
    return made


async def plan_of(library, text, **wishes):
    remote, index = library
    return await propose(remote, index, by="taxonomy", taxonomy=read_taxonomy(text, "mine"), min_size=1, **wishes)


async def test_a_class_that_was_calibrated_has_the_probabilities_of_a_search(library):
    remote, index = library
    question = '"red" "orangered"'
    made = await learn(remote, index, question)
    prompts = ", ".join(each.text for each in parse(question))
    plan = await plan_of(library, f"- name: Reds\n  prompts: [{prompts}]\n  min_precision: 0.9\n")
    hits = (await index.ask(remote, text=question, min_score="auto", limit=60)).hits
    [folder] = plan.folders
    assert {each.path: each.score for each in folder.members} == {
        each.entry.path: pytest.approx(each.confidence, abs=2e-3) for each in hits
    }
    right = sum(each.path in REDS for each in folder.members)
    assert right >= max(10, 0.9 * len(folder.members))
    assert all(each.score >= made.threshold - 1e-3 for each in folder.members)
    assert "(calibrated: a precision of 0.9 is asked)" in folder.reason
    assert "probability" in folder.members[0].reason
    assert "note" not in plan.parameters


async def test_where_one_prompt_alone_was_calibrated_the_class_goes_by_it_and_says_so(library):
    made = hold(library[1])
    plan = await plan_of(library, "- name: Reds\n  prompts: [crimson, red]\n")
    assert "(calibrated of 'red' alone: a precision of 0.9 is asked)" in plan.folders[0].reason
    assert all(each.score >= made.threshold for each in plan.folders[0].members)
    assert {each.path for each in plan.folders[0].members} >= {"00.png", "01.png", "59.png"}


async def test_a_precision_that_nobody_can_know_is_said_to_be_unknown(library, tmp_path):
    text = "- name: Reds\n  prompts: [red]\n  min_precision: 0.9\n- name: Limes\n  prompts: [lime]\n  min_score: 0.9\n"
    plan = await plan_of(library, text)
    reasons = {folder.name: folder.reason for folder in plan.folders}
    assert "precision of 0.9" not in reasons["Limes"]
    assert "uncalibrated: a precision is asked of Reds, and" in plan.parameters["note"]
    assert "Reds" not in reasons or "nobody knows whether it has the precision of 0.9" in reasons["Reds"]


async def test_where_no_cut_is_right_enough_nothing_is_in_a_class_and_that_is_said(library):
    hold(library[1], threshold=2.0)
    plan = await plan_of(library, "- name: Reds\n  prompts: [red]\n")
    assert plan.folders == ()
    assert "nothing is sure enough for Reds" in plan.parameters["note"]


async def test_a_plan_that_moves_says_how_many_were_ambiguous_and_is_read_again(library, tmp_path):
    text = "- name: Reds\n  prompts: [red]\n  min_score: 0.8\n- name: Warm\n  prompts: [red]\n  min_score: 0.8\n"
    plan = await plan_of(library, text, move="Sorted")
    assert plan.folders == ()
    stay = [each for each in plan.unassigned if each.why.startswith("ambiguous: ")]
    assert len(stay) > 5
    assert plan.parameters["ambiguous"] == len(stay)
    assert f"{len(stay)} ambiguous" in plan.parameters["note"]
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    albums = await plan_of(library, text)
    assert {folder.name: len(folder.members) for folder in albums.folders} == {"Reds": len(stay), "Warm": len(stay)}
    assert "ambiguous" not in albums.parameters
