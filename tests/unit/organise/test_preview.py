"""The page that shows a plan: whole in one file, safe with any name, bounded, and its map."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import get_args

import msgspec
import numpy as np
import pytest

from ap_remote.errors import PlanError, UnsupportedError
from ap_remote.organise import propose
from ap_remote.organise.atlas import draw, layout
from ap_remote.organise.plan import By, PlanFolder, PlanMember, Unassigned, make_plan
from ap_remote.organise.preview import LARGEST, atlas_of, contact_sheets, render, save_page, shown
from ap_remote.semantic import SemanticIndex
from tests.unit.organise.library import account
from tests.unit.organise.planted import table_of
from tests.unit.semantic.planted import PlantedEncoder

HOSTILE = '"><script>alert(1)</script>\u202e\0<img src=http://x onerror=y>'


def member(number):
    return PlanMember(id=f"n{number}", path=f"{HOSTILE}{number}.jpg", version=1, reason=HOSTILE, score=0.5)


def plan(folders=2, size=30, **fields):
    made = [
        PlanFolder(
            name=f"{HOSTILE}{each}",
            reason=HOSTILE,
            score=0.7,
            members=tuple(member(each * size + number) for number in range(size)),
            **fields,
        )
        for each in range(folders)
    ]
    left = [Unassigned(id=f"u{number}", path=HOSTILE, why=HOSTILE) for number in range(12)]
    return make_plan(account="memory", by="theme", parameters={}, folders=made, unassigned=left)


def table(made, *, dim=8):
    ids = [each.id for folder in made.folders for each in folder.members] + [each.id for each in made.unassigned]
    vectors = np.random.default_rng(1).normal(size=(len(ids), dim)).astype(np.float32)
    return table_of(vectors, ids)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.images, self.links, self.ids, self.circles = [], [], [], [], 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.circles += tag == "circle"
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        if tag == "img":
            self.images.append(given)


def parsed(text):
    tags = Tags()
    tags.feed(text)
    return tags


def test_a_page_has_no_script_loads_nothing_and_shows_hostile_names_as_text():
    made = plan()
    found = parsed(render(made, pictures={"n0": "data:image/jpeg;base64,AA=="}, atlas=draw(made, table(made), most=20)))
    assert "script" not in found.tags
    assert [each["src"] for each in found.images] == ["data:image/jpeg;base64,AA=="]
    assert all(each["alt"] for each in found.images)
    assert all(link.startswith("#") and link[1:] in found.ids for link in found.links)
    assert len(set(found.ids)) == len(found.ids)


def test_what_cannot_be_seen_in_a_name_is_written_out():
    text = render(plan())
    assert "\u202e" not in text
    assert "\\u202e" in text
    assert "\0" not in text
    assert re.search(r"default-src 'none'", text)


def test_a_page_tells_what_would_be_moved_and_where():
    made = plan(1)
    moved = make_plan(
        account="memory",
        by="theme",
        parameters={},
        folders=[PlanFolder(name="A", reason="so", members=made.folders[0].members, path="Sorted/A")],
        unassigned=[],
    )
    text = render(moved)
    assert "30</b><span>files would be moved" in text
    assert "moved to <bdi>Sorted/A</bdi>" in text
    assert "--move" in text
    assert "nothing to apply" in render(make_plan(account="a", by="event", parameters={}, folders=[], unassigned=[]))


def test_pictures_that_stand_for_a_folder_are_spread_over_it():
    assert shown(plan(1, 30).folders[0], 4) == [0, 10, 19, 29]
    assert shown(plan(1, 2).folders[0]) == [0, 1]
    assert shown(plan(1, 1).folders[0]) == [0]


async def test_contact_sheets_keep_to_their_budget_and_share_it():
    class Service:
        name = "memory"

        async def thumbnail(self, target, *, size=512):
            if target.value == "n1":
                raise UnsupportedError("no picture")
            if target.value == "n29":
                return b"<html>no jpeg"
            return b"\xff\xd8\xff" + bytes(LARGEST if target.value == "n30" else 997)

    told = []
    found = await contact_sheets(Service(), plan(), progress=lambda *each: told.append(each))
    assert len(found) == 22
    assert "n30" not in found
    assert told[-1] == (24, 24)
    few = await contact_sheets(Service(), plan(), budget=4000)
    assert {int(id_[1:]) // 30 for id_ in few} == {0, 1}
    assert await contact_sheets(object(), plan()) == {}


async def test_the_map_of_a_real_plan_shows_each_photograph_once(tmp_path):
    remote = account()
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    made = await propose(remote, index)
    atlas = await atlas_of(made, index)
    assert len(atlas.points) == atlas.of == 10
    assert parsed(render(made, atlas=atlas)).circles == 10
    assert await atlas_of(made, SemanticIndex(tmp_path / "none", PlantedEncoder())) is None


def test_a_large_library_is_shown_by_a_sample_of_every_folder():
    made = plan(3, 40)
    atlas = draw(made, table(made), most=24)
    assert atlas.of == 132
    assert len(atlas.points) <= 24
    assert {point.folder for point in atlas.points} == {0, 1, 2, None}


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_places_lie_on_the_map_and_are_the_same_every_time(count):
    vectors = np.random.default_rng(3).normal(size=(count, 6)).astype(np.float32)
    places = layout(vectors)
    assert places.shape == (count, 2)
    assert ((places >= 0) & (places <= 1)).all()
    assert np.array_equal(places, layout(vectors))


def test_photographs_that_are_all_the_same_have_a_place():
    assert (layout(np.ones((20, 4), dtype=np.float32)) == 0.5).all()


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanError, match="cannot write the page"):
        save_page("x", tmp_path / "file" / "page.html")
    save_page("x", tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("by", get_args(By))
def test_every_way_of_organising_has_a_page(by):
    made = msgspec.structs.replace(plan(1, 2), by=by, parameters={"note": f"told {HOSTILE}"})
    text = render(made)
    assert "told " in text
    assert "<script" not in text
