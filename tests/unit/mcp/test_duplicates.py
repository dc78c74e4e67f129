"""Copies: by their bytes, by how they look; which to keep, pages, bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.semantic import SemanticIndex
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server
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


# -- near --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def shown(tmp_path):
    """A red picture encoded anew, made small and held twice; the next frame of a burst; another colour."""
    remote = MemoryRemote("home", clock=lambda: NOON)
    ids = {
        name: remote.seed(f"Pictures/{name}", data, taken=taken)
        for name, data, taken in (
            ("original.jpg", photo("red"), NOON),
            ("anew.jpg", photo("red", quality=40), NOON),
            ("small.jpg", photo("red", size=(80, 60)), None),
            ("small again.jpg", photo("red", size=(80, 60)), None),
            ("frame.jpg", photo((250, 2, 2)), NOON + timedelta(seconds=1)),
            ("blue.jpg", photo("blue"), NOON),
        )
    }
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    return remote, ids, index


async def test_what_looks_the_same_is_a_group_and_the_largest_is_kept(open_client, shown):
    remote, ids, index = shown
    async with open_client(remote, index=index) as client:
        answer = await call(client, "photos_duplicates", kind="near")
    (group,) = answer["groups"]
    assert group["keep"] in {ids["original.jpg"], ids["frame.jpg"]}
    assert ids["blue.jpg"] not in group["ids"]
    together = {group["keep"], *group["ids"]}
    assert {ids["small.jpg"], ids["small again.jpg"]} <= together
    assert not {ids["original.jpg"], ids["frame.jpg"]} <= together, "frames of a burst are no copies"
    assert 0.97 <= group["score"] <= 1.0001
    assert answer["looked_at"] == 6


async def test_a_filter_bounds_near_copies_too_and_new_ones_are_told_to_be_missing(open_client, shown):
    remote, _, index = shown
    remote.seed("Pictures/new.jpg", photo((1, 250, 1)))
    async with open_client(remote, index=index) as client:
        some = await call(client, "photos_duplicates", kind="near", filter="name:(small*)")
        whole = await call(client, "photos_duplicates", kind="near")
        nothing = await call(client, "photos_duplicates", kind="near", filter="name:(new*)")
    assert some["groups"] == [], "the same bytes are exact copies"
    assert "1 pictures are not in the index" in whole["note"]
    assert (nothing["groups"], nothing["looked_at"]) == ([], 0)
    assert "in the index" in nothing["note"]


async def test_without_an_index_near_says_how_to_get_one(open_client, twins, tmp_path, said):
    remote, _ = twins
    for index in (None, SemanticIndex(tmp_path / "none", PlantedEncoder())):
        async with open_client(remote, index=index) as client:
            result = await client.call_tool("photos_duplicates", {"kind": "near"})
        assert said(result).startswith("[index_missing]")
        assert "photos_sync(what=embeddings)" in said(result)


async def test_too_many_pictures_ask_for_a_narrower_question(open_client, shown, said, monkeypatch):
    remote, _, index = shown
    async with open_client(remote, index=index, limits=Limits(compared=4)) as client:
        result = await client.call_tool("photos_duplicates", {"kind": "near"})
    assert said(result).startswith("[bad_argument] 5 pictures are too many")
    assert "filter" in said(result)
    monkeypatch.setattr("ap_remote.semantic.near.PAIRS", 1)
    async with open_client(remote, index=index) as client:
        result = await client.call_tool("photos_duplicates", {"kind": "near"})
    assert "Raise threshold" in said(result)


async def test_the_threshold_says_how_alike(open_client, tmp_path, era):
    remote = MemoryRemote("home", clock=lambda: NOON)
    for number, green in enumerate((0, 40, 80)):
        remote.seed(f"{number}.jpg", photo((255, green, 0)))
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    table = await index.table()
    cosines = np.sort((table.vectors @ table.vectors.T)[np.triu_indices(3, k=1)])
    async with open_client(server=build_server(remote, index=index)) as client:
        loose = await call(client, "photos_duplicates", kind="near", threshold=float(cosines[0]) - 0.01)
        strict = await call(client, "photos_duplicates", kind="near", threshold=float(cosines[2]) + 0.0005)
    assert len(loose["groups"][0]["ids"]) == 2
    assert strict["groups"] == []
