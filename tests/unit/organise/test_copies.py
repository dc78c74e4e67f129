"""Plans of what could go, and of bursts."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError
from ap_remote.model import Entry, Kind, Media
from ap_remote.organise import apply, propose, undo
from ap_remote.organise.copies import find_bursts, find_duplicates
from ap_remote.semantic import SemanticIndex
from ap_remote.semantic.duplicates import Alike, Duplicates
from ap_remote.semantic.near import ranked
from tests.unit.organise.library import albums, tree
from tests.unit.semantic.planted import PlantedEncoder

NOON = datetime(2023, 5, 12, 12, 3, tzinfo=UTC)


def scene(seed, *, side=96, **saving) -> bytes:
    """Return a picture full of edges, so that its hash says something."""
    blocks = np.random.default_rng(seed).integers(0, 255, size=(8, 8, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(blocks).resize((side, side), Image.Resampling.NEAREST).save(
        target, saving.pop("kind", "PNG"), **saving
    )
    return target.getvalue()


@pytest.fixture
async def library(tmp_path):
    remote = MemoryRemote(clock=lambda: NOON)
    remote.seed("Pictures/rose.png", scene(1))
    remote.seed("Copies/rose.png", scene(1))
    remote.seed("Mail/rose.jpg", scene(1, side=48, kind="JPEG", quality=80))
    remote.seed("Pictures/sea.png", scene(2))
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    return remote, index


def shape(plan):
    return {folder.name: [member.path for member in folder.members] for folder in plan.folders}


async def test_what_could_go_is_one_album_for_the_same_bytes_and_one_for_pictures_saved_anew(library):
    remote, index = library
    before = await tree(remote)
    plan = await propose(remote, index, by="duplicates")
    assert shape(plan) == {
        "Duplicates, same bytes": ["Pictures/rose.png"],
        "Duplicates, saved anew": ["Mail/rose.jpg"],
    }
    same, anew = (folder.members[0].reason for folder in plan.folders)
    assert same == "the same bytes as Copies/rose.png, which is the one to keep: its path is the shortest"
    assert anew == (
        "the same picture as Copies/rose.png (likeness 1.00), which is the one to keep: it has the most pixels"
    )
    whys = {each.path: each.why for each in plan.unassigned}
    assert whys["Copies/rose.png"].startswith("it is the one to keep of 2")
    assert whys["Pictures/sea.png"] == "nothing else is the same picture"
    assert await tree(remote) == before


async def test_a_plan_of_duplicates_is_applied_once_and_taken_back(library, tmp_path):
    remote, index = library
    before = await tree(remote)
    await apply(remote, await propose(remote, index, by="duplicates"), tmp_path / "1.jsonl")
    assert await albums(remote) == {"Duplicates, same bytes": {"rose.png"}, "Duplicates, saved anew": {"rose.jpg"}}
    assert (await propose(remote, index, by="duplicates")).folders == ()
    await undo(remote, tmp_path / "1.jsonl")
    assert (await albums(remote), await tree(remote)) == ({}, before)


async def test_a_favourite_stays_outside_the_album_of_what_could_go(library):
    remote, index = library
    await remote.mark("Pictures/rose.png", favorite=True)
    plan = await propose(remote, index, by="duplicates")
    assert shape(plan)["Duplicates, same bytes"] == ["Copies/rose.png"]
    assert all("it is a favourite" in member.reason for folder in plan.folders for member in folder.members)


async def test_below_a_folder_a_copy_may_name_one_that_lies_elsewhere(library):
    remote, index = library
    plan = await propose(remote, index, by="duplicates", path="Mail")
    assert shape(plan) == {"Duplicates, saved anew": ["Mail/rose.jpg"]}
    assert plan.unassigned == ()


async def test_pictures_that_were_not_compared_are_told(library):
    remote, index = library
    remote.seed("new.png", scene(3))
    plan = await propose(remote, index, by="duplicates")
    assert plan.parameters["note"] == "1 pictures are not in the index, or were not measured, and were not compared"


@pytest.mark.parametrize("by", ["duplicates", "burst"])
async def test_copies_need_an_index(by):
    with pytest.raises(ConfigError, match=f"organising by {by} needs the semantic index"):
        await propose(MemoryRemote(), by=by)


def shot(name, seconds=0.0):
    return Entry(
        path=f"{name}.jpg",
        name=f"{name}.jpg",
        id=name,
        kind=Kind.FILE,
        taken=NOON + timedelta(seconds=seconds),
        media=Media(make="Nikon"),
    )


def alike(kind, *names, least=None):
    keep, *others = [shot(name, number) for number, name in enumerate(names)]
    return Alike(kind=kind, keep=keep, why="it is the sharpest", others=tuple(others), least=least)


def of(*groups):
    return Duplicates(groups=groups, looked_at=sum(1 + len(each.others) for each in groups))


def entries(*names):
    return {name: shot(name) for name in names}


def found_by(sharpness, **pictures):
    """Return a group as the search for duplicates makes it, of pictures (width, bytes) whose sharpness it knows."""
    seen = [
        msgspec.structs.replace(shot(name), md5=name, size=size, media=Media(width=width, height=100))
        for name, (width, size) in pictures.items()
    ]
    order, why = ranked(seen, sharpness)
    return Alike(kind="re-encoded", keep=order[0], why=why, others=tuple(order[1:]), least=0.99)


def reasons(group):
    grouping = find_duplicates({each.id: each for each in (group.keep, *group.others)}, of(group), min_size=1)
    return {each.entry.id: each.reason.rpartition(": ")[2] for each in grouping.groups[0].members}


def test_a_plan_and_the_list_of_duplicates_give_one_reason_for_a_pair():
    for size in (1, 2, 3):  # fewer bytes, as many, more: sharpness goes before them
        group = found_by({"a": 9.0, "b": 1.0}, a=(100, size), b=(100, 2))
        assert (group.keep.id, group.why) == ("a", "it is the sharpest")
        assert reasons(group) == {"b": group.why}
    assert reasons(found_by({"a": 1.0, "b": 1.0}, a=(100, 2), b=(100, 1))) == {"b": "it has the most bytes"}
    assert reasons(found_by({"a": 1.0, "b": 9.0}, a=(101, 2), b=(100, 2))) == {"b": "it has the most pixels"}


def test_what_lies_behind_the_next_best_is_told_by_what_weighs_most():
    sharpness = {"a": 9.0, "b": 1.0, "c": 1.0, "d": 9.0}
    group = found_by(sharpness, a=(100, 2), b=(100, 2), c=(100, 1), d=(50, 9))
    assert [each.id for each in (group.keep, *group.others)] == ["a", "b", "c", "d"]
    assert reasons(group) == {"b": "it is the sharpest", "c": "it is the sharpest", "d": "it has the most pixels"}
    group = found_by({"a": 9.0, "b": 9.0, "c": 1.0}, a=(100, 3), b=(100, 2), c=(100, 9))
    assert reasons(group) == {"b": "it has the most bytes", "c": "it is the sharpest"}


def test_each_burst_is_an_album_with_the_frame_to_keep_first():
    found = of(alike("burst", "b", "a", "c", least=0.93), alike("burst", "y", "x", least=0.95))
    grouping = find_bursts(entries("a", "b", "c", "x", "y", "z"), found, min_size=3)
    [group] = grouping.groups
    assert group.name == "Burst, 12 May 2023 12.03"
    assert [(member.entry.id, member.reason) for member in group.members] == [
        ("b", "the frame to keep: it is the sharpest"),
        ("a", "a frame of the burst; the one to keep is b.jpg"),
        ("c", "a frame of the burst; the one to keep is b.jpg"),
    ]
    assert {each.id: each.why for each in grouping.unassigned} == {
        "x": "a burst of only 2, 3 make an album",
        "y": "a burst of only 2, 3 make an album",
        "z": "it is in no burst",
    }


def test_bursts_of_one_minute_have_names_of_their_own():
    found = of(alike("burst", "a", "b", least=0.9), alike("burst", "c", "d", least=0.9))
    names = [group.name for group in find_bursts(entries("a", "b", "c", "d"), found, min_size=2).groups]
    assert names == ["Burst, 12 May 2023 12.03", "Burst, 12 May 2023 12.03 (2)"]


def test_of_each_set_of_copies_one_is_in_no_album_and_no_copy_is_in_two():
    found = of(alike("exact", "a", "b"), alike("re-encoded", "a", "b", "c", least=0.99))
    grouping = find_duplicates(entries("a", "b", "c"), found, min_size=1)
    assert [[member.entry.id for member in group.members] for group in grouping.groups] == [["b"], ["c"]]
    assert [each.id for each in grouping.unassigned] == ["a"]


def test_fewer_copies_than_an_album_needs_go_nowhere():
    grouping = find_duplicates(entries("a", "b"), of(alike("exact", "a", "b")), min_size=2)
    assert grouping.groups == []
    assert {each.id: each.why for each in grouping.unassigned}["b"] == "only 1 such copies, 2 make an album"
