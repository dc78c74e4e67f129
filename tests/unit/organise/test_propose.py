from __future__ import annotations

import numpy as np
import pytest

from ap_remote.errors import ConfigError, QuerySyntaxError, StoreError
from ap_remote.model import Entry, Kind
from ap_remote.organise import apply, propose, themes, undo
from ap_remote.organise.vocabulary import ALBUM_NAMES
from ap_remote.semantic import SemanticIndex
from tests.unit.organise.library import COLOURS, account, albums, tree
from tests.unit.organise.planted import planted, table_of
from tests.unit.semantic.planted import PlantedEncoder, picture

WORDS = {"rose": "red", "sea": "blue", "ocean": "blue", "grass": "lime"}


class Painter(PlantedEncoder):
    """Knows flowers by their red, the sea by its blue and grass by its green."""

    def encode_texts(self, texts):
        return super().encode_texts([WORDS.get(text, text) for text in texts])


@pytest.fixture
def remote():
    return account()


@pytest.fixture
async def index(tmp_path, remote):
    index = SemanticIndex(tmp_path / "semantic", Painter())
    await index.build(remote)
    return index


def shape(plan):
    return {folder.name: {member.path.removesuffix(".png") for member in folder.members} for folder in plan.folders}


REDS = {"red 1", "red 2", "red 3"}
BLUES = {"blue 1", "blue 2", "blue 3", "blue 4"}


async def test_like_photographs_become_a_named_folder_each_with_reasons(remote, index):
    before = await tree(remote)
    plan = await propose(remote, index, min_size=3)
    assert shape(plan) == {"Roses": REDS, "Sea": BLUES}
    assert plan.by == "theme"
    assert plan.account == "memory"
    for folder in plan.folders:
        assert folder.reason
        assert all(member.reason and 0 <= member.score <= 1 and member.md5 for member in folder.members)
    why = {each.path: each.why for each in plan.unassigned}
    assert set(why) == {"lime 1.png", "lime 2.png", "yellow.png"}
    assert "only 2" in why["lime 1.png"]
    assert await tree(remote) == before
    assert await albums(remote) == {}


async def test_the_same_account_gives_the_same_plan(remote, index):
    assert (await propose(remote, index)).id == (await propose(remote, index)).id


async def test_a_smaller_group_is_enough_when_asked(remote, index):
    assert shape(await propose(remote, index, min_size=2)) == {
        "Roses": REDS,
        "Sea": BLUES,
        "Grass": {"lime 1", "lime 2"},
    }
    with pytest.raises(ConfigError):
        await propose(remote, index, min_size=0)


async def test_copies_of_one_picture_count_as_photographs(remote, index):
    remote.seed("Copies/a.png", picture(COLOURS["lime 1"]))
    await index.build(remote)
    assert shape(await propose(remote, index))["Grass"] == {"lime 1", "lime 2", "Copies/a"}


async def test_a_filter_bounds_what_is_organised(remote, index):
    for name in REDS:
        await remote.mark(f"{name}.png", favorite=True)
    plan = await propose(remote, index, query="favorite:(true)")
    assert shape(plan) == {"Roses": REDS}
    assert plan.unassigned == ()
    with pytest.raises(QuerySyntaxError):
        await propose(remote, index, query="favorite:(")


async def test_what_is_not_indexed_or_not_there_stays_out(remote, index):
    remote.seed("new.png", picture((251, 5, 1)))
    await remote.trash("red 1.png")
    plan = await propose(remote, index, min_size=2)
    assert shape(plan)["Roses"] == REDS - {"red 1"}
    why = {each.path: each.why for each in plan.unassigned}
    assert "ap index build" in why["new.png"]
    assert "red 1.png" not in why


async def test_a_plan_after_an_applied_one_is_empty_and_takes_newcomers_only(remote, index, tmp_path):
    first = await propose(remote, index)
    await apply(remote, first, tmp_path / "1.jsonl")
    second = await propose(remote, index)
    assert second.folders == ()
    assert "already" in {each.path: each.why for each in second.unassigned}["red 1.png"]
    remote.seed("red 4.png", picture((252, 3, 3)))
    await index.build(remote)
    third = await propose(remote, index)
    assert shape(third) == {"Roses": {"red 4"}}
    await apply(remote, third, tmp_path / "2.jsonl")
    assert (await albums(remote))["Roses"] == {"red 1.png", "red 2.png", "red 3.png", "red 4.png"}
    await undo(remote, tmp_path / "2.jsonl")
    await undo(remote, tmp_path / "1.jsonl")
    assert await albums(remote) == {}


async def test_themes_need_an_index_that_is_built(remote, tmp_path):
    with pytest.raises(ConfigError, match="index"):
        await propose(remote)
    with pytest.raises(StoreError, match="ap index build"):
        await propose(remote, SemanticIndex(tmp_path / "none", Painter()))


async def test_events_need_no_index(remote):
    plan = await propose(remote, by="event")
    assert plan.by == "event"
    assert plan.folders == ()
    assert len(plan.unassigned) == len(COLOURS)


def test_names_are_given_once_and_every_word_has_a_name():
    names = [name for name, _ in ALBUM_NAMES]
    assert len(set(names)) == len(names) > 150
    assert all(name == name.strip() and words and all(words) for name, words in ALBUM_NAMES)


def library(things=("", "", "")):
    entries = {
        f"n{number}": Entry(
            path=f"{number}.jpg",
            name=f"{number}.jpg",
            id=f"n{number}",
            kind=Kind.FILE,
            things=(thing,) if thing else (),
        )
        for number, thing in enumerate(things)
    }
    vectors = planted(1, len(things))
    random = np.random.default_rng(9).normal(size=(300, 32)).astype(np.float32)
    words = tuple(f"word {number}" for number in range(300))
    return entries, vectors, themes.Names(words, random / np.linalg.norm(random, axis=1, keepdims=True))


def found(entries, vectors, names, *, min_size):
    return themes.find_themes(entries, table_of(vectors, entries), names, min_size=min_size, similarity=0.5)


def test_what_the_service_sees_on_most_of_a_theme_is_its_name():
    [group] = found(*library(("hot_air_balloon", "hot_air_balloon", "")), min_size=2).groups
    assert group.name == "Hot air balloon"
    assert "67%" in group.reason


def test_a_theme_for_which_no_word_stands_out_gets_none():
    [group] = found(*library(), min_size=2).groups
    assert group.name == "Alike"
    assert "no word stands out" in group.reason


def test_pages_and_screens_are_taken_out_before_themes_are_looked_for():
    things = ("",) * 40
    entries, vectors, _ = library(things)
    text = np.zeros(32, dtype=np.float32)
    text[0] = 1
    vectors[:5] = text
    rest = planted(2, 1)
    names = themes.Names(("Receipts", "Cats", "Dogs"), np.stack([text, *rest]))
    groups = found(entries, vectors, names, min_size=3).groups
    papers = next(group for group in groups if group.name == themes.PAPERS_NAME)
    assert {member.entry.id for member in papers.members} == {f"n{number}" for number in range(5)}


def test_what_is_unlike_the_middle_of_what_is_near_it_is_left_out_with_the_likeness_that_is_asked():
    entries, vectors, names = library(("",) * 9)
    vectors[8] = -vectors[8]
    grouping = found(entries, vectors, names, min_size=3)
    assert [len(group.members) for group in grouping.groups] == [8]
    [alone] = grouping.unassigned
    assert alone.id == "n8"
    assert "0.50" in alone.why
