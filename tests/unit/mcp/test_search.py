"""``photos_search``: modes, filters, pages, cursors."""

from __future__ import annotations

import pytest

from ap_remote.errors import EncoderError, MissingExtraError
from ap_remote.model import NodeId
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server

NEARNESS = {"beach.jpg": 0.9, "coffee.jpg": 0.7, "cat.jpg": 0.5, "dog.jpg": 0.4, "forum.jpg": 0.3, "colosseum.jpg": 0.2}


async def names(client, **arguments):
    result = await client.call_tool("photos_search", arguments)
    assert not result.is_error, result.content
    return [item["name"] for item in result.structured_content["items"]]


async def test_without_arguments_the_newest_pictures_come_first(open_client, library):
    async with open_client(library.remote) as client:
        result = (await client.call_tool("photos_search", {"limit": 3})).structured_content
    assert [item["name"] for item in result["items"]] == ["coffee.jpg", "colosseum.jpg", "forum.jpg"]
    assert result["total"] == 8
    assert result["mode_used"] == "server"
    assert result["next"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"things": ["cat"]}, ["cat.jpg"]),
        ({"things": ["Sea", "beach"]}, ["beach.jpg"]),
        ({"place": "vancouver"}, ["cat.jpg", "beach.jpg"]),
        ({"place": "CAN#BC#Vancouver"}, ["cat.jpg", "beach.jpg"]),
        ({"place": "ITA"}, ["colosseum.jpg", "forum.jpg"]),
        ({"kind": "video"}, ["film.mp4"]),
        ({"from": "2023-07", "to": "2023-07"}, ["film.mp4", "cat.jpg", "beach.jpg"]),
        ({"from": "2023-07-15", "to": "2023-07-20"}, ["cat.jpg"]),
        ({"from": "2023-07-21", "to": "2023-08-02"}, ["forum.jpg", "film.mp4"]),
        ({"from": "2023-08-03"}, ["coffee.jpg", "colosseum.jpg"]),
        ({"to": "2022"}, ["dog.jpg"]),
        ({"from": "2022-05-01", "to": "2023-07-14"}, ["beach.jpg", "dog.jpg"]),
        ({"from": "1999", "to": "1999"}, []),
        ({"from": "1950", "to": "1999-06-03"}, []),
        ({"filter": "timeYear:(2023) AND things:(ruin)", "sort": "name"}, ["colosseum.jpg", "forum.jpg"]),
        ({"filter": "type:(PHOTOS)", "place": "Rome", "from": "2023-08-03"}, ["colosseum.jpg"]),
        ({"fav": True}, []),
        ({"folder": "Pictures/2023", "kind": "photo"}, ["colosseum.jpg", "forum.jpg", "cat.jpg", "beach.jpg"]),
        ({"folder": "/pictures/2023/Trip/"}, ["colosseum.jpg"]),
        ({"folder": "Pictures/2023", "place": "Vancouver", "sort": "name"}, ["beach.jpg", "cat.jpg"]),
        ({"folder": "Pictures/202"}, None),
        ({"folder": "/", "from": "2024"}, ["coffee.jpg"]),
        ({"min_mb": 0.001, "kind": "video"}, []),
        ({"min_mb": 0.00006, "kind": "video"}, ["film.mp4"]),
        ({"folder": "Pictures", "min_mb": 0.001, "to": "2022"}, ["dog.jpg"]),
        ({"folder": "Pictures/2023", "from": "2023-07-15", "to": "2023-08-02"}, ["forum.jpg", "film.mp4", "cat.jpg"]),
    ],
)
async def test_filters_narrow_the_search(open_client, library, arguments, expected):
    async with open_client(library.remote) as client:
        if expected is None:
            assert (await client.call_tool("photos_search", arguments)).is_error
        else:
            assert await names(client, **arguments) == expected


async def test_an_album_narrows_every_mode_and_shows_its_pictures_where_they_lie(open_client, library, make_index):
    inside = ["Pictures/2023/forum.jpg", "Pictures/2023/cat.jpg", "Pictures/2023/Trip/colosseum.jpg"]
    album = await library.remote.create_album("Roma", members=inside)
    folder = (await library.remote.stat("Pictures/2023/Trip")).id
    async with open_client(library.remote, index=make_index(NEARNESS)) as client:
        near = (await client.call_tool("photos_search", {"query": "old", "album": "Roma"})).structured_content
        like = await names(client, like_id=library.ids["beach.jpg"], album="Roma", limit=2)
        server = (await client.call_tool("photos_search", {"album": album.id, "limit": 2})).structured_content
        rest = await names(client, cursor=server["next"])
        words = await names(client, query="trip", mode="metadata", album="roma")
        label = await names(client, things=["ruin"], album=" roma ")
        both = await names(client, album="roma", folder=folder)
    assert [item["name"] for item in near["items"]] == ["cat.jpg", "forum.jpg", "colosseum.jpg"]
    assert near["items"][2]["folder"] == "Pictures/2023/Trip"
    assert like == ["cat.jpg", "forum.jpg"]
    assert [item["name"] for item in server["items"]] == ["colosseum.jpg", "forum.jpg"]
    assert server["total"] == 3
    assert rest == ["cat.jpg"]
    assert words == ["colosseum.jpg"]
    assert label == ["colosseum.jpg", "forum.jpg"]
    assert both == ["colosseum.jpg"]


@pytest.mark.parametrize(
    ("arguments", "start", "near"),
    [
        ({"folder": "Pictures/2032"}, "[not_found] There is no folder", "'Pictures/2022'"),
        ({"folder": "notes.txt"}, "[bad_argument] 'notes.txt' is no folder", "Pass a folder"),
        ({"folder": ".views/albums/Roma"}, "[bad_argument]", "album="),
        ({"album": "Romo"}, "[not_found] No album", "'Roma'"),
    ],
)
async def test_a_folder_or_album_that_is_not_there_is_refused_with_what_is_near(
    *, open_client, library, said, arguments, start, near
):
    await library.remote.create_album("Roma")
    async with open_client(library.remote) as client:
        for tool, more in (("photos_search", {}), ("photos_facets", {"by": "year"})):
            told = said(await client.call_tool(tool, {**arguments, **more}))
            assert told.startswith(start)
            assert near in told


async def test_what_lies_in_a_folder_is_read_whole_and_what_the_service_must_be_asked_for_as_far_as_is_said(
    open_client, library
):
    async with open_client(library.remote, limits=Limits(scan=2)) as client:
        listed = (await client.call_tool("photos_search", {"folder": "Pictures/2022"})).structured_content
        asked = (
            await client.call_tool("photos_search", {"folder": "Pictures/2022", "things": ["dog"]})
        ).structured_content
        large = (await client.call_tool("photos_search", {"min_mb": 900})).structured_content
    async with open_client(library.remote, limits=Limits(listed=3)) as client:
        cut = (await client.call_tool("photos_search", {"folder": "Pictures"})).structured_content
        counted = (await client.call_tool("photos_facets", {"by": "year", "folder": "Pictures"})).structured_content
    assert [item["name"] for item in listed["items"]] == ["dog.jpg"]
    assert "note" not in listed
    assert [item["name"] for item in asked["items"]] == ["dog.jpg"]
    assert "at most 2 entries" in large["note"]
    assert "total" not in large, "nobody knows"
    assert "at most 3 entries" in cut["note"]
    assert "total" not in cut
    assert counted["note"] == "only 3 files were counted"


async def test_a_value_cannot_become_syntax(open_client, library, said):
    trick = "cat) OR type:(VIDEOS"
    async with open_client(library.remote) as client:
        things = await client.call_tool("photos_search", {"things": [trick]})
        place = await client.call_tool("photos_search", {"place": 'x") OR type:("PHOTOS'})
        people = await client.call_tool("photos_search", {"people": [trick]})
    assert said(things).startswith("[not_found]")
    assert said(place).startswith("[not_found]")
    assert said(people).startswith("[not_found]")


async def test_a_bad_filter_is_refused_with_its_position(open_client, library, said):
    async with open_client(library.remote) as client:
        result = await client.call_tool("photos_search", {"filter": "type:(PHOTOS) AND nonsense:(1)"})
    assert said(result).startswith("[bad_query] The filter fails at character 19")


@pytest.mark.parametrize("bad", [{"from": "2023-13"}, {"to": "2023-02-30"}, {"from": "2024", "to": "2023"}])
async def test_a_date_that_is_none_is_refused(open_client, library, said, bad):
    async with open_client(library.remote) as client:
        assert said(await client.call_tool("photos_search", bad)).startswith("[bad_argument]")


async def test_a_text_is_searched_by_meaning_where_an_index_exists(open_client, library, make_index):
    index = make_index(NEARNESS)
    async with open_client(library.remote, index=index) as client:
        result = (await client.call_tool("photos_search", {"query": "sand and sea", "limit": 2})).structured_content
        rest = (await client.call_tool("photos_search", {"cursor": result["next"]})).structured_content
    assert [(item["name"], item["score"]) for item in result["items"]] == [("beach.jpg", 0.9), ("coffee.jpg", 0.7)]
    assert result["mode_used"] == "semantic"
    assert result["index"] == {"covered": 6, "total": 8}
    assert [item["name"] for item in rest["items"]] == ["cat.jpg", "dog.jpg", "forum.jpg", "colosseum.jpg"]
    assert "next" not in rest
    assert index.asked[0] == ("sand and sea", None, "", 3)


async def test_signs_that_mean_nothing_are_told_before_the_index_is_asked(open_client, library, make_index, said):
    index = make_index(NEARNESS)
    async with open_client(library.remote, index=index) as client:
        told = said(await client.call_tool("photos_search", {"query": 'a "cat'}))
        nothing = said(await client.call_tool("photos_search", {"query": "-cat", "mode": "semantic"}))
        assert await names(client, query="cat -dog", limit=1)
    assert told.startswith("[bad_query] query: ")
    assert "quotation mark is never closed" in told
    assert nothing.startswith("[bad_query] query: ")
    assert len(index.asked) == 1


async def test_filters_hold_for_a_search_by_meaning_too(open_client, library, make_index):
    index = make_index(NEARNESS)
    async with open_client(library.remote, index=index) as client:
        assert await names(client, query="old stones", place="Rome") == ["forum.jpg", "colosseum.jpg"]
        assert await names(client, query="x", **{"from": "2023-07-15", "to": "2023-08-02"}) == ["cat.jpg", "forum.jpg"]


async def test_pictures_are_found_by_example(open_client, library, make_index):
    index = make_index(NEARNESS)
    async with open_client(library.remote, index=index) as client:
        found = await names(client, like_id=library.ids["beach.jpg"], limit=2)
        unknown = await client.call_tool("photos_search", {"like_id": "nobody"})
    assert found == ["coffee.jpg", "cat.jpg"]
    assert index.asked[0][1] == library.ids["beach.jpg"]
    assert unknown.is_error


async def test_a_text_without_an_index_is_read_as_labels_places_and_people(open_client, library):
    async with open_client(library.remote) as client:
        result = (await client.call_tool("photos_search", {"query": "a cat in Vancouver"})).structured_content
        words = (await client.call_tool("photos_search", {"query": "Trip COLOSS"})).structured_content
    assert [item["name"] for item in result["items"]] == ["cat.jpg"]
    assert result["mode_used"] == "server"
    assert "'cat'" in result["note"]
    assert [item["name"] for item in words["items"]] == ["colosseum.jpg"]
    assert words["mode_used"] == "metadata"


async def test_a_mode_that_cannot_work_says_why(open_client, library, said):
    async with open_client(library.remote) as client:
        semantic = await client.call_tool("photos_search", {"query": "cat", "mode": "semantic"})
        like = await client.call_tool("photos_search", {"like_id": library.ids["cat.jpg"]})
        server = await client.call_tool("photos_search", {"query": "qwertz", "mode": "server"})
    assert said(semantic).startswith("[index_missing]")
    assert said(like).startswith("[index_missing]")
    assert said(server).startswith("[not_found]")


@pytest.mark.parametrize("error", [EncoderError("weights in /home/somebody"), MissingExtraError("search", "semantic")])
async def test_an_unusable_index_is_left_aside_in_mode_auto_only(open_client, library, make_index, said, error):
    async with open_client(library.remote, index=make_index(NEARNESS, fails=error)) as client:
        result = (await client.call_tool("photos_search", {"query": "cat"})).structured_content
        strict = await client.call_tool("photos_search", {"query": "cat", "mode": "semantic"})
    assert result["mode_used"] == "server"
    assert [item["name"] for item in result["items"]] == ["cat.jpg"]
    assert said(strict).startswith("[index_missing]")
    assert "/home" not in said(strict)


async def test_a_cursor_continues_its_own_question_only(open_client, library, said):
    async with open_client(library.remote) as client:
        first = (await client.call_tool("photos_search", {"kind": "photo", "limit": 3})).structured_content
        same = await names(client, kind="photo", cursor=first["next"], limit=3)
        alone = await names(client, cursor=first["next"], limit=3)
        other = await client.call_tool("photos_search", {"kind": "video", "cursor": first["next"]})
        listing = await client.call_tool("photos_list", {"cursor": first["next"]})
    assert same == alone
    assert said(other).startswith("[bad_argument]")
    assert said(listing).startswith("[bad_argument]")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-1],
        lambda c: ("B" if c[0] == "A" else "A") + c[1:],
        lambda c: "",
        lambda c: "%%%",
        lambda c: c + "=",
    ],
)
async def test_a_changed_cursor_is_refused(open_client, library, said, change):
    async with open_client(library.remote) as client:
        first = (await client.call_tool("photos_search", {"limit": 3})).structured_content
        result = await client.call_tool("photos_search", {"cursor": change(first["next"]) or "x"})
    assert said(result).startswith("[bad_argument] The cursor is not one")


async def test_a_cursor_outlives_the_server_by_its_key_and_its_account(open_client, library, said):
    def server(key, account="home"):
        return build_server(library.remote, index=None, key=key, account=account)

    async with open_client(server=server(b"k" * 32)) as client:
        cursor = (await client.call_tool("photos_search", {"limit": 3})).structured_content["next"]
    async with open_client(server=server(b"k" * 32)) as client:
        assert len(await names(client, cursor=cursor)) == 5
    for other in (server(b"z" * 32), server(b"k" * 32, "work")):
        async with open_client(server=other) as client:
            assert (await client.call_tool("photos_search", {"cursor": cursor})).is_error


async def test_a_library_that_changed_between_pages_is_noted(open_client, library):
    async with open_client(library.remote) as client:
        first = (await client.call_tool("photos_search", {"limit": 3})).structured_content
        await library.remote.trash(NodeId(library.ids["coffee.jpg"]))
        second = (await client.call_tool("photos_search", {"cursor": first["next"]})).structured_content
    assert "the library changed" in second["note"]


async def test_looking_through_entries_is_bounded_and_said(open_client, library):
    async with open_client(library.remote, limits=Limits(scan=2)) as client:
        result = (await client.call_tool("photos_search", {"query": "dog", "mode": "metadata"})).structured_content
        counted = (await client.call_tool("photos_facets", {"by": "folder"})).structured_content
    assert result["items"] == []
    assert "at most 2 entries" in result["note"]
    assert "only the newest 2 entries" in counted["note"]
    assert counted["total"] == 2


async def test_a_page_never_goes_deeper_than_allowed(open_client, library):
    async with open_client(library.remote, limits=Limits(position=3)) as client:
        result = (await client.call_tool("photos_search", {"limit": 3})).structured_content
    assert "next" not in result
    assert "narrow the search" in result["note"]
