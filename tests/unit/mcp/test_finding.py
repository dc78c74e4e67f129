"""What stands in a name comes before what is near, and what the node cache knows is not asked for."""

from __future__ import annotations

import pytest

from ap_remote import query as language
from ap_remote.backends.memory import MemoryRemote
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.tools import targets

SYNCED = 1_700_000_000.0
INDEXED = {"type", "timeYear", "timeMonth", "timeDay"}


class Cached(MemoryRemote):
    """A remote with a node cache that is whole, and a note of what the service was asked."""

    whole: float | None = SYNCED

    def __init__(self, name):
        super().__init__(name)
        self.asked = []
        self.last = ("", None)

    def search(self, query="", *, sort="-taken", limit=None):
        self.asked.append(("search", query))
        self.last = (query, 99)
        return super().search(query, sort=sort, limit=limit)

    async def aggregations(self, category, *, query=""):
        self.asked.append((category, query))
        return await super().aggregations(category, query=query)

    def search_cached(self, query="", *, sort="-taken", limit=None):
        return super().search(query, sort=sort, limit=limit)

    async def count_cached(self, query=""):
        return len([each async for each in super().search(query)])

    async def complete_since(self, query=""):
        names = {clause.name for clause in language.parse_search(query).clauses}
        return self.whole if names <= INDEXED else None

    def told_total(self, query=""):
        return self.last[1] if self.last[0] == query else None


@pytest.fixture
def remote(library):
    cached = Cached("home")
    cached.__dict__ |= {name: value for name, value in library.remote.__dict__.items() if name != "asked"}
    return cached


async def search(client, **arguments):
    result = await client.call_tool("photos_search", arguments)
    assert not result.is_error, result.content
    return result.structured_content


def named(page):
    return [item["name"] for item in page["items"]]


async def test_dates_and_kinds_are_answered_by_a_whole_cache_as_of_its_sync(open_client, remote):
    async with open_client(remote) as client:
        page = await search(client, **{"from": "2023-07", "to": "2023-07", "limit": 2})
        rest = await search(client, cursor=page["next"])
    assert named(page) == ["film.mp4", "cat.jpg"]
    assert named(rest) == ["beach.jpg"]
    assert page["total"] == 3
    assert page["as_of"] == "2023-11-14T22:13Z"
    assert remote.asked == []


async def test_what_only_the_service_knows_is_asked_once_with_its_own_total(open_client, remote):
    async with open_client(remote) as client:
        await search(client, things=["ruin"], limit=1)  # learns the labels
        remote.asked.clear()
        page = await search(client, things=["ruin"], limit=1)
    assert remote.asked == [("search", "things:(ruin)")]
    assert page["total"] == 99, "the total that came with the rows"


async def test_a_cache_that_is_not_whole_answers_nothing(open_client, remote):
    remote.whole = None
    async with open_client(remote) as client:
        page = await search(client, kind="photo", limit=1)
    assert remote.asked[0] == ("search", "type:(PHOTOS)")
    assert page["as_of"] != "2023-11-14T22:13Z"


@pytest.mark.parametrize("by", ["year", "month", "kind", "folder", "camera"])
async def test_counts_are_the_same_from_the_cache_and_from_the_service(open_client, remote, library, by):
    async with open_client(remote) as client:
        mine = (await client.call_tool("photos_facets", {"by": by, "from": "2022", "to": "2023"})).structured_content
    async with open_client(library.remote) as client:
        other = (await client.call_tool("photos_facets", {"by": by, "from": "2022", "to": "2023"})).structured_content
    assert mine == other
    assert {asked for asked, _ in remote.asked} <= {"time"}, "the years that there are"


async def test_what_is_written_comes_before_what_is_near(open_client, remote, make_index):
    remote.seed("Pictures/DSC_0004.JPG", b"x")
    remote.seed("Pictures/2023/Chelsea the cat.jpg", b"y")
    index = make_index({"beach.jpg": 0.9, "forum.jpg": 0.8, "cat.jpg": 0.3})
    async with open_client(remote, index=index) as client:
        name = await search(client, query="DSC_0004")
        words = await search(client, query="Chelsea cat")
        place = await search(client, query="cat in Vancouver")
        pure = await search(client, query="Chelsea cat", mode="semantic")
        pages = await search(client, query="Chelsea cat", limit=2)
        rest = await search(client, cursor=pages["next"])
    assert named(name) == ["DSC_0004.JPG", "beach.jpg", "forum.jpg", "cat.jpg"]
    assert named(words)[0] == "Chelsea the cat.jpg"
    assert words["note"].startswith("1 first by what is written")
    assert named(place)[0] == "cat.jpg"
    assert "'vancouver' is a place: place=vancouver narrows" in place["note"]
    assert named(pure)[0] == "beach.jpg"
    assert named(pages) + named(rest) == named(words)


async def test_a_name_is_found_without_a_cache_too(open_client, library, make_index):
    async with open_client(library.remote, index=make_index({"beach.jpg": 0.9})) as client:
        assert named(await search(client, query="film.mp4")) == ["film.mp4", "beach.jpg"]


async def test_films_are_searched_for_by_words_and_a_sort_that_is_not_used_is_said(open_client, library, make_index):
    async with open_client(library.remote, index=make_index({"beach.jpg": 0.9, "film.mp4": 0.4})) as client:
        films = await search(client, query="something that moves", kind="video")
        sorted_ = await search(client, query="old stones", sort="name")
        like = await search(client, like_id=library.ids["cat.jpg"], sort="name")
    assert named(films) == ["film.mp4"]
    assert films["mode_used"] == "semantic"
    assert "sort is not used" in sorted_["note"]
    assert "sort is not used" in like["note"]


async def test_where_the_scores_fall_is_said_on_every_page(open_client, library, make_index):
    index = make_index({"beach.jpg": 0.4, "cat.jpg": 0.39, "dog.jpg": 0.2, "forum.jpg": 0.1})
    async with open_client(library.remote, index=index) as client:
        first = await search(client, query="sunny days", limit=3)
        second = await search(client, cursor=first["next"])
    assert "from row 3 on scores are below 0.30" in first["note"]
    assert "from row 1 on" in second["note"]


async def test_only_what_was_not_read_is_said_to_be_left(open_client, library):
    async with open_client(library.remote, limits=Limits(scan=8)) as client:
        whole = await search(client, query="zzz", mode="metadata")
    async with open_client(library.remote, limits=Limits(scan=7)) as client:
        part = await search(client, query="zzz", mode="metadata")
    assert "note" not in whole
    assert "at most 7 entries" in part["note"]


async def test_albums_and_what_is_in_none_are_listed(open_client, library, said):
    await library.remote.create_album("Rome", members=["Pictures/2023/forum.jpg"])
    async with open_client(library.remote) as client:

        async def listing(**arguments):
            return (await client.call_tool("photos_list", arguments)).structured_content

        albums = await listing(source="albums", depth=1)
        unfiled = await listing(source="unfiled")
        inside = await listing(album=" rome ")
        lost = said(await client.call_tool("photos_list", {"path": "Pictures/2032"}))
        plan = said(await client.call_tool("photos_list", {"path": "plan:nope"}))
    assert [(each["name"], each["count"]) for each in albums["folders"]] == [("Rome", 1)]
    assert len(unfiled["items"]) == 7
    assert "forum.jpg" not in named(unfiled)
    assert inside["items"][0]["folder"] == "Pictures/2023"
    assert lost.startswith("[not_found]")
    assert "'Pictures/2022'" in lost
    assert "photos_suggest_folders" in plan


async def test_a_folder_is_found_in_a_whole_cache_behind_what_was_read_first(open_client, remote):
    async with open_client(remote, limits=Limits(scan=2)) as client:
        old = await search(client, folder="Pictures/2022")
        some = await search(client, folder="Pictures/2023", limit=2)
        rest = await search(client, cursor=some["next"])
        large = await search(client, min_mb=0.001, limit=3)
    assert named(old) == ["dog.jpg"]
    assert old["total"] == 1
    assert named(some) + named(rest) == ["colosseum.jpg", "forum.jpg", "film.mp4", "cat.jpg", "beach.jpg"]
    assert large["total"] == 7
    assert remote.asked == []


async def test_a_folder_of_a_cache_that_is_not_whole_is_listed_unless_too_much_lies_below_it(open_client, remote):
    remote.whole = None
    async with open_client(remote, limits=Limits(scan=2)) as client:
        listed = await search(client, folder="Pictures/2023")
    asked = list(remote.asked)
    async with open_client(remote, limits=Limits(scan=2, counted_folders=1)) as client:
        searched = await search(client, folder="Pictures/2023")
    assert len(named(listed)) == 5
    assert asked == []
    assert named(searched) == ["colosseum.jpg"]
    assert "at most 2 entries" in searched["note"]


async def test_counts_narrow_to_a_folder_an_album_and_a_size(open_client, remote):
    remote.plant((await remote.stat("Pictures/2022/dog.jpg")).id, people=("P1",))
    await remote.create_album("Roma", members=["Pictures/2023/forum.jpg", "Pictures/2023/Trip/colosseum.jpg"])
    async with open_client(remote) as client:

        async def rows(**arguments):
            return (await client.call_tool("photos_facets", arguments)).structured_content

        assert (await rows(by="thing", folder="Pictures/2023"))["rows"][0] == ["ruin", 2]
        assert (await rows(by="folder", album="roma"))["rows"] == [["Pictures/2023", 1], ["Pictures/2023/Trip", 1]]
        assert (await rows(by="kind", folder="Pictures/2023", min_mb=0.001))["rows"] == [["photo", 4]]
        nobody = await rows(by="person", album="roma")
    assert nobody["rows"] == []
    assert nobody["note"].startswith("none of the 2 says its people")


async def test_a_picture_tells_its_albums_and_how_many_were_looked_into(open_client, library, monkeypatch):
    roma = await library.remote.create_album("Roma", members=["Pictures/2023/forum.jpg"])
    await library.remote.create_album("Zoo", members=["Pictures/2023/cat.jpg"])
    ids = [library.ids["forum.jpg"], library.ids["cat.jpg"], library.ids["dog.jpg"]]
    async with open_client(library.remote) as client:

        async def items(detail):
            answer = await client.call_tool("photos_get", {"ids": ids, "detail": detail})
            return answer.structured_content["items"]

        told = await items("all")
        assert "albums" not in (await items("exif"))[0]
        monkeypatch.setattr(targets, "_ALBUMS", 1)
        part = await items("all")
    assert told[0]["albums"] == {roma.id: "Roma"}
    assert list(told[1]["albums"].values()) == ["Zoo"]
    assert "albums" not in told[2]
    assert "note" not in told[2]
    assert "albums" not in part[1]
    assert part[1]["note"] == "only 1 of 2 albums were looked into"
