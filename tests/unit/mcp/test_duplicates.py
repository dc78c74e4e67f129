"""Photographs that are one: the same bytes, encoded anew, a burst; which to keep, pages, bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Media
from ap_remote.semantic import SemanticIndex
from ap_remote.semantic.duplicates import KINDS
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.tools.queries import Sameness
from tests.unit.mcp.everything import call
from tests.unit.semantic.planted import PlantedEncoder

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def photo(colour, *, size=(320, 240), quality=95):
    stream = BytesIO()
    Image.new("RGB", size, colour).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


@pytest.fixture
def twins():
    """Three files of the same bytes, two of others, and what looks like a copy and is none."""
    remote = MemoryRemote("home", clock=lambda: NOON)
    ids = {}
    for path in ("Pictures/a.jpg", "Pictures/a (1).jpg", "Backup/a.jpg"):
        ids[path] = remote.seed(path, photo("red"), taken=NOON)
    for path in ("Pictures/film.mp4", "Backup/film.mp4"):
        ids[path] = remote.seed(path, b"film" * 500_000, taken=NOON + timedelta(days=300))
    ids["Pictures/b.jpg"] = remote.seed("Pictures/b.jpg", photo("red", quality=90), taken=NOON)
    for path in ("empty1.txt", "empty2.txt"):
        remote.seed(path, b"")
    return remote, ids


async def test_files_of_the_same_bytes_are_groups_with_the_one_to_keep(open_client, twins):
    remote, ids = twins
    async with open_client(remote) as client:
        answer = await call(client, "photos_duplicates")
    films, pictures = answer["groups"]
    assert films["reclaim_mb"] == 2.0
    assert {films["keep"], *films["ids"]} == {ids["Pictures/film.mp4"], ids["Backup/film.mp4"]}
    assert pictures["keep"] == ids["Backup/a.jpg"]
    assert set(pictures["ids"]) == {ids["Pictures/a.jpg"], ids["Pictures/a (1).jpg"]}
    assert pictures["why"] == "its path is the shortest"
    assert (answer["total_groups"], answer["total_copies"], answer["looked_at"]) == (2, 3, 8)
    assert "ap dedupe" in answer["note"]
    assert "score" not in pictures
    assert [group["kind"] for group in answer["groups"]] == ["exact", "exact"]


async def test_a_favourite_is_the_one_to_keep_and_trash_is_not_looked_at(open_client, twins):
    remote, ids = twins
    await remote.mark("Pictures/a (1).jpg", favorite=True)
    await remote.trash("Backup/a.jpg")
    async with open_client(remote) as client:
        answer = await call(client, "photos_duplicates", filter="type:(PHOTOS)")
    (group,) = answer["groups"]
    assert (group["keep"], group["why"]) == (ids["Pictures/a (1).jpg"], "it is a favourite")
    assert group["ids"] == [ids["Pictures/a.jpg"]]


async def test_a_folder_and_a_filter_bound_what_is_compared(open_client, twins, said):
    remote, ids = twins
    async with open_client(remote) as client:
        inside = await call(client, "photos_duplicates", path="Pictures")
        both = await call(client, "photos_duplicates", path="Backup", filter="type:(VIDEOS)")
        nowhere = [
            await client.call_tool("photos_duplicates", {"path": "Nowhere", **more})
            for more in ({}, {"filter": "type:(PHOTOS)"})
        ]
        wrong = await client.call_tool("photos_duplicates", {"filter": "type:("})
    assert [{group["keep"], *group["ids"]} for group in inside["groups"]] == [
        {ids["Pictures/a.jpg"], ids["Pictures/a (1).jpg"]}
    ]
    assert (both["groups"], both["looked_at"]) == ([], 1)
    assert [said(each)[:11] for each in nowhere] == ["[not_found]"] * 2
    assert said(wrong).startswith("[bad_query]")


async def test_an_empty_library_has_no_copies(open_client):
    async with open_client(MemoryRemote("home")) as client:
        answer = await call(client, "photos_duplicates")
    assert (answer["groups"], answer["looked_at"], answer.get("note")) == ([], 0, None)


def many(groups, copies=2):
    remote = MemoryRemote("home", clock=lambda: NOON)
    for number in range(groups):
        for copy in range(copies):
            remote.seed(f"{copy}/{number}.jpg", b"x" * 10_000 * (number + 1))
    return remote


async def test_pages_follow_one_another_and_belong_to_their_question(open_client, said):
    remote = many(5)
    async with open_client(remote) as client:
        seen, cursor = [], ""
        while True:
            page = await call(client, "photos_duplicates", limit=2, cursor=cursor)
            seen += [group["reclaim_mb"] for group in page["groups"]]
            assert page["total_groups"] == 5
            cursor = page.get("next", "")
            if not cursor:
                break
        assert seen == [0.05, 0.04, 0.03, 0.02, 0.01]
        page = await call(client, "photos_duplicates", limit=2)
        other = await client.call_tool("photos_duplicates", {"path": "0", "cursor": page["next"]})
        forged = await client.call_tool("photos_duplicates", {"cursor": page["next"][:-3] + "AAA"})
        search = await client.call_tool("photos_search", {"cursor": page["next"]})
        sheet = await client.call_tool("photos_contact_sheet", {"cursor": page["next"]})
        await remote.trash("0/4.jpg")
        moved = await call(client, "photos_duplicates", limit=2, cursor=page["next"])
    for each in (other, forged, search, sheet):
        assert said(each).startswith("[bad_argument]")
    assert "the library changed" in moved["note"]


async def test_an_answer_is_cut_where_it_grows_too_long(open_client):
    remote = many(30, copies=12)
    async with open_client(remote, limits=Limits(result_bytes=3000)) as client:
        result = await client.call_tool("photos_duplicates", {"limit": 100})
    assert len(result.content[0].text) <= 3000
    assert 3 < len(result.structured_content["groups"]) < 30
    assert result.structured_content["next"]


async def test_a_group_names_no_more_than_one_call_may_trash(open_client):
    async with open_client(many(1, copies=205)) as client:
        (group,) = (await call(client, "photos_duplicates"))["groups"]
    assert (len(group["ids"]), group["more"]) == (200, 4)
    assert group["reclaim_mb"] == 2.04


async def test_of_too_many_files_the_first_are_looked_at_and_the_answer_says_so(open_client):
    async with open_client(many(5), limits=Limits(listed=3)) as client:
        answer = await call(client, "photos_duplicates")
    assert answer["looked_at"] == 3
    assert "only the first 3 files" in answer["note"]


async def test_what_was_found_goes_to_the_trash_by_its_ids(open_client, twins):
    remote, _ = twins
    async with open_client(remote, allow=frozenset({"trash"})) as client:
        group = (await call(client, "photos_duplicates", path="Pictures"))["groups"][0]
        plan = (await call(client, "photos_trash", ids=group["ids"]))["plan"]
        await call(client, "photos_trash", ids=group["ids"], plan=plan)
        assert (await call(client, "photos_duplicates", path="Pictures"))["groups"] == []
    assert (await remote.stat("Pictures/a.jpg")).id == group["keep"]


# -- by how they look --------------------------------------------------------------------------------------------------


class Dim(PlantedEncoder):
    """Sees eight by eight brightnesses beside much that all pictures share, so that a step aside changes little."""

    dim = 65
    thumbnail_size = 160

    def encode_images(self, images):
        rows = [np.asarray(image.convert("L").resize((8, 8)), dtype=np.float32).ravel() for image in images]
        seen = np.stack([np.append((row - row.mean()) / max(row.std(), 1), 24) for row in rows]).astype(np.float32)
        return seen / np.linalg.norm(seen, axis=1, keepdims=True)


class Asked(SemanticIndex):
    """Counts how often copies were looked for."""

    looked = 0

    async def duplicates(self, *args, **kwargs):
        self.looked += 1
        return await super().duplicates(*args, **kwargs)


@cache
def scene(name):
    image = Image.open(Path(find_spec("skimage").submodule_search_locations[0]) / "data" / name).convert("RGB")
    image.thumbnail((240, 240))
    return image


def part(image, left):
    """Nine tenths of a picture, from so far to the right."""
    width, height = image.size
    return image.crop((int(left * width), height // 20, int((left + 0.9) * width), height // 20 + int(0.9 * height)))


def saved(image, *, quality=90, smaller=1):
    stream = BytesIO()
    image.resize((image.width // smaller, image.height // smaller)).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def shoot(remote, path, data, taken, *, camera="EOS", **fields):
    node = remote.seed(path, data, taken=taken, **fields)
    width, height = Image.open(BytesIO(data)).size
    remote.plant(node, media=Media(make=camera and "Canon", model=camera, width=width, height=height))
    return node


@pytest.fixture
async def shown(tmp_path):
    """A photograph, what became of it, the next frame of its burst, the same scene from a step aside, and another."""
    remote = MemoryRemote("home", clock=lambda: NOON)
    cup = scene("coffee.png")
    one, aside = part(cup, 0.02), part(cup, 0.06)
    half = saved(one, smaller=2) + bytes(200_000)  # so that its group frees the most and comes first
    ids = {
        path: shoot(remote, path, data, taken)
        for path, data, taken in (
            ("Pictures/one.jpg", saved(one), NOON),
            ("Pictures/anew.jpg", saved(one, quality=40), NOON),
            ("Small/half.jpg", half, None),
            ("Small/half (1).jpg", half, None),
            ("Pictures/frame.jpg", saved(part(cup, 0.04)), NOON + timedelta(seconds=1)),
            ("Aside/next day.jpg", saved(aside), NOON + timedelta(days=1)),
            ("Aside/undated.jpg", saved(part(cup, 0.10)), None),
            ("Pictures/rocket.jpg", saved(scene("rocket.jpg")), NOON + timedelta(days=2)),
        )
    }
    index = Asked(tmp_path / "semantic", Dim())
    await index.build(remote)
    return remote, ids, index


def names(answer, ids):
    """Return the groups of an answer by path, the one to keep first."""
    paths = {node: path for path, node in ids.items()}
    return [[paths[each] for each in (group["keep"], *group["ids"])] for group in answer["groups"]]


async def test_what_was_encoded_anew_is_a_copy_and_the_same_scene_from_a_step_aside_is_none(open_client, shown):
    remote, ids, index = shown
    async with open_client(remote, index=index) as client:
        answer = await call(client, "photos_duplicates", kind="re-encoded")
    (group,) = names(answer, ids)
    assert group[0] == "Pictures/one.jpg"
    assert sorted(group[1:]) == ["Pictures/anew.jpg", "Small/half (1).jpg", "Small/half.jpg"]
    assert answer["groups"][0]["kind"] == "re-encoded"
    assert 0.98 <= answer["groups"][0]["score"] <= 1.0001
    assert answer["looked_at"] == len(ids)
    assert "look at a group before" in answer["note"]


async def test_a_burst_is_its_own_answer_and_is_said_to_be_no_copies(open_client, shown):
    remote, ids, index = shown
    async with open_client(remote, index=index) as client:
        answer = await call(client, "photos_duplicates", kind="burst")
    (group,) = names(answer, ids)
    assert {"Pictures/one.jpg", "Pictures/frame.jpg"} <= set(group)
    assert not any(path.startswith("Aside") for path in group)
    assert answer["groups"][0]["kind"] == "burst"
    assert "are different pictures" in answer["note"]


async def test_the_answers_are_those_of_the_index_itself(open_client, shown):
    remote, _, index = shown
    async with open_client(remote, index=index) as client:
        told = [await call(client, "photos_duplicates", kind=kind) for kind in KINDS]
    found = await index.duplicates(remote)
    assert [
        (group["kind"], group["keep"], group["why"], group["ids"]) for answer in told for group in answer["groups"]
    ] == [(each.kind, each.keep.id, each.why, [other.id for other in each.others]) for each in found.groups]
    assert {group.kind for group in found.groups} == set(KINDS)


async def test_whoever_trashes_by_two_answers_keeps_one(open_client, shown):
    remote, _, index = shown
    # A name that looks like a copy's, but came first: what is kept among its twins is kept among all.
    await remote.trash("Pictures/one.jpg", "Pictures/anew.jpg", "Pictures/frame.jpg")
    cup = saved(part(scene("coffee.png"), 0.02))
    shoot(remote, "Pictures/cup (1).jpg", cup, NOON)
    shoot(remote, "Pictures/later/cup.jpg", cup, NOON, created=NOON + timedelta(days=3))
    await index.build(remote)
    async with open_client(remote, index=index) as client:
        answers = [await call(client, "photos_duplicates", kind=kind) for kind in ("exact", "re-encoded")]
    kept, gone = ({id_ for a in answers for group in a["groups"] for id_ in pick(group)} for pick in (
        lambda group: [group["keep"]], lambda group: group["ids"],
    ))  # fmt: skip
    assert kept - gone == {(await remote.stat("Pictures/cup (1).jpg")).id}


async def test_a_folder_and_a_filter_bound_what_is_looked_at_and_new_ones_are_told_to_be_missing(open_client, shown):
    remote, ids, index = shown
    late = remote.seed("New/late.jpg", saved(scene("rocket.jpg"), quality=30))
    async with open_client(remote, index=index) as client:
        inside = await call(client, "photos_duplicates", kind="re-encoded", path="Pictures")
        some = await call(client, "photos_duplicates", kind="re-encoded", filter="name:(half*)")
        both = await call(client, "photos_duplicates", kind="re-encoded", path="Small", filter="type:(PHOTOS)")
        whole = await call(client, "photos_duplicates", kind="re-encoded")
        new = await call(client, "photos_duplicates", kind="burst", path="New")
    assert names(inside, ids) == [["Pictures/one.jpg", "Pictures/anew.jpg"]]
    assert inside["looked_at"] == 4
    assert some["groups"] == both["groups"] == [], "the same bytes are exact copies"
    assert both["looked_at"] == 2
    assert "1 pictures are not in the index" in whole["note"]
    assert new["groups"] == []
    assert "1 pictures are not in the index" in new["note"]
    assert not any(late in group["ids"] for group in whole["groups"])


async def test_without_an_index_only_the_same_bytes_are_found_and_the_rest_says_how_to_get_one(
    open_client, shown, tmp_path, said
):
    remote, ids, _ = shown
    for index in (None, SemanticIndex(tmp_path / "none", PlantedEncoder())):
        async with open_client(remote, index=index) as client:
            answer = await call(client, "photos_duplicates")
            refused = [await client.call_tool("photos_duplicates", {"kind": kind}) for kind in ("re-encoded", "burst")]
        assert names(answer, ids) == [["Small/half.jpg", "Small/half (1).jpg"]]
        for each in refused:
            assert said(each).startswith("[index_missing]")
            assert "photos_sync(what=embeddings)" in said(each)


async def test_too_many_pictures_ask_for_a_narrower_question(open_client, shown, said, monkeypatch):
    remote, _, index = shown
    async with open_client(remote, index=index, limits=Limits(compared=4)) as client:
        result = await client.call_tool("photos_duplicates", {"kind": "re-encoded"})
        narrower = await call(client, "photos_duplicates", kind="re-encoded", path="Pictures")
    assert said(result).startswith("[bad_argument] 8 pictures are too many")
    assert "filter" in said(result)
    assert len(narrower["groups"]) == 1
    monkeypatch.setattr("ap_remote.semantic.near.PAIRS", 0)
    async with open_client(remote, index=index) as client:
        result = await client.call_tool("photos_duplicates", {"kind": "re-encoded"})
    assert said(result).startswith("[bad_argument]")
    assert "narrow it by a filter" in said(result)


async def test_the_pages_of_an_answer_are_looked_for_once(open_client, shown):
    remote, _, index = shown
    rocket = scene("rocket.jpg")
    shoot(remote, "Rocket/anew.jpg", saved(rocket, quality=40), None)
    await index.build(remote)
    async with open_client(remote, index=index) as client:
        first = await call(client, "photos_duplicates", kind="re-encoded", limit=1)
        second = await call(client, "photos_duplicates", cursor=first["next"])
        assert index.looked == 1
        await remote.mark("Rocket/anew.jpg", favorite=True)
        moved = await call(client, "photos_duplicates", cursor=first["next"])
        assert index.looked == 2
        await call(client, "photos_duplicates", kind="re-encoded", limit=1)
        assert index.looked == 3, "who asks anew is answered anew"
    assert (first["total_groups"], len(first["groups"]), len(second["groups"])) == (2, 1, 1)
    assert "next" not in second
    assert "note" not in second
    assert moved["groups"][0]["why"] == "it is a favourite"


def test_the_kinds_are_those_of_the_index():
    assert get_args(Sameness) == KINDS
