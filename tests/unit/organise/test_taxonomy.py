"""Taxonomies: what a file may say, what it may not, and which photographs get into which class."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ap_remote.errors import ConfigError
from ap_remote.organise import apply, load_taxonomy, propose
from ap_remote.organise.taxonomy import read_taxonomy
from ap_remote.semantic import SemanticIndex
from tests.unit.organise.library import account, albums
from tests.unit.semantic.planted import PlantedEncoder

COLOURS = """
- name: Paint
- name: Reds
  prompts: [red]
  negatives: [yellow]
  parent: Paint
- name: Blues
  prompts: [blue]
  min_score: 0.95
  parent: Paint
- name: Crimson
  see: Reds
"""


@pytest.fixture
def remote():
    return account()


@pytest.fixture
async def index(tmp_path, remote):
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    return index


def shape(plan):
    return {folder.name: {member.path.removesuffix(".png") for member in folder.members} for folder in plan.folders}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- name: A\n  prompts: [x]\n  colour: red\n", 3, "unknown key 'colour'"),
        ("- name: A\n  prompts: [x]\n- name: a\n  prompts: [y]\n", 3, "is there already, in line 1"),
        ("- name: A\n  prompts: [x]\n- name: B\n  prompts: [y, '']\n", 4, "a prompt among prompts is empty"),
        ("- name: A\n  parent: B\n  prompts: [x]\n- name: B\n  parent: A\n", 1, "circle: A > B > A"),
        ("- name: A\n  see: B\n- name: B\n  see: A\n", 1, "circle: A > B > A"),
        ("- name: A\n  see: A\n", 1, "circle: A > A"),
        ("- name: A\n  prompts: [x]\n  parent: B\n", 1, "names 'B' as its parent"),
        ("- name: A\n", 1, "has no prompts"),
        ("- prompts: [x]\n", 1, "has no name"),
        ("- name: A/B\n  prompts: [x]\n", 1, "cannot be an album's name"),
        ("- name: A\n  prompts: x\n", 2, "prompts is a list"),
        ("- name: A\n  prompts: [x]\n  min_score: much\n", 3, "min_score is a number from -1 to 1"),
        ("- name: A\n  prompts: [x]\n  min_size: 1.5\n", 3, "whole number"),
        ("- name: A\n  prompts: [x]\n  min_precision: 0\n", 3, "min_precision is a number from 0.01 to 1"),
        ("- name: A\n  prompts: [x]\n  priority: 0.5\n", 3, "priority is a whole number"),
        ("- name: A\n  filter: 'type:(PHOTOS)'\n  min_precision: 0.9\n", 1, "asks for a precision and has no prompts"),
        ("- name: A\n  prompts: [x]\n  filter: 'type:('\n", 3, "filter cannot be read"),
        ("- name: A\n  prompts: [x]\n  template: '{name} {mood}'\n", 3, "unknown field 'mood'"),
        ("- name: A\n  prompts: [x]\n  template: '{name'\n", 3, "template cannot be read"),
        ("- name: A\n  prompts: [x]\n  name: B\n", 3, "name is given twice"),
        ("- name: A\n  prompts: [x\n- b: ]\n", 3, ""),
        ("name: A\n", 1, "is a list of classes"),
        ("", 1, "is a list of classes"),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_line(text, line, said):
    with pytest.raises(ConfigError) as told:
        read_taxonomy(text, "mine.yaml")
    assert str(told.value).startswith(f"mine.yaml, line {line}: ")
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_the_default_taxonomy_has_plain_classes_and_is_sound():
    taxonomy = load_taxonomy()
    assert 30 <= len(taxonomy.classes) <= 45
    assert taxonomy.above("Receipts") == ["Documents"]


def test_a_file_that_is_missing_or_no_text_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="there is no taxonomy"):
        load_taxonomy(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot read the taxonomy"):
        load_taxonomy(tmp_path / "bad.yaml")


async def test_photographs_get_into_their_classes_and_those_above(remote, index):
    plan = await propose(remote, index, by="taxonomy", taxonomy=read_taxonomy(COLOURS, "mine"))
    assert shape(plan) == {
        "Paint": {"red 1", "red 2", "red 3", "blue 1", "blue 2", "blue 3", "blue 4"},
        "Reds": {"red 1", "red 2", "red 3"},
        "Blues": {"blue 1", "blue 2", "blue 3", "blue 4"},
    }
    reasons = {folder.name: folder.reason for folder in plan.folders}
    assert "uncalibrated" in reasons["Reds"]
    assert "by its scores" in reasons["Blues"]
    assert {each.path: each.why for each in plan.unassigned}["yellow.png"] == "no class fits it"
    assert all(0 <= member.score <= 1 for folder in plan.folders for member in folder.members)


async def test_another_word_for_a_class_finds_for_it(remote, index):
    text = "- name: Warm\n  min_score: 0.9\n  prompts: [red]\n- name: Sunny\n  prompts: [yellow]\n  min_score: 0.9\n"
    plan = await propose(remote, index, by="taxonomy", taxonomy=read_taxonomy(text + "  see: Warm\n", "mine"))
    assert shape(plan) == {"Warm": {"red 1", "red 2", "red 3", "yellow"}}


async def test_negatives_a_size_of_its_own_and_a_filter_bound_a_class(remote, index):
    await remote.mark("blue 1.png", favorite=True)
    text = """
- name: No reds
  prompts: [red]
  negatives: [red]
- name: Limes
  prompts: [lime]
  negatives: [yellow]
  min_size: 2
- name: Best blues
  prompts: [blue]
  filter: "favorite:(true)"
  min_size: 1
- name: Favourites
  filter: "favorite:(true)"
  min_size: 1
"""
    plan = await propose(remote, index, by="taxonomy", taxonomy=read_taxonomy(text, "mine"))
    assert shape(plan) == {"Limes": {"lime 1", "lime 2"}, "Best blues": {"blue 1"}, "Favourites": {"blue 1"}}


async def test_a_template_divides_a_class(tmp_path):
    remote = account()
    for number, year in enumerate((2021, 2021, 2022, 2022)):
        remote.seed(f"r{number}.png", (await read(remote, "red 1.png")), taken=datetime(year, 5, 1, tzinfo=UTC))
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    text = "- name: Reds\n  prompts: [red]\n  template: '{name} {year}'\n  min_size: 2\n"
    found = shape(await propose(remote, index, by="taxonomy", taxonomy=read_taxonomy(text, "mine")))
    assert found["Reds 2021"] == {"r0", "r1"}
    assert found["Reds 2022"] == {"r2", "r3"}


async def read(remote, path):
    return b"".join([chunk async for chunk in remote.get(path)])


async def test_a_taxonomy_s_plan_is_applied_as_any_other_and_then_there_is_nothing_left(remote, index, tmp_path):
    taxonomy = read_taxonomy(COLOURS, "mine")
    plan = await propose(remote, index, by="taxonomy", taxonomy=taxonomy)
    await apply(remote, plan, tmp_path / "journal.jsonl")
    assert set(await albums(remote)) == {"Paint", "Reds", "Blues"}
    assert (await propose(remote, index, by="taxonomy", taxonomy=taxonomy)).folders == ()


async def test_a_taxonomy_needs_an_index(remote):
    with pytest.raises(ConfigError, match="taxonomy needs the semantic index"):
        await propose(remote, by="taxonomy")
