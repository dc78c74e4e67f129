"""Which folder or album is meant, what lies in it, and where an answer ends that is not all."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from mcp import Client

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import NodeId
from ap_remote.query import parse_search
from ap_remote.remote.features import SupportsOffline
from ap_remote.semantic import Hit, IndexStatus
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server
from tests.unit.mcp.everything import call, told


class Whole(MemoryRemote):
    """A remote whose node cache is whole, which knows of times and types."""

    def search_cached(self, query="", *, sort="-taken", limit=None):
        return super().search(query, sort=sort, limit=limit)

    async def count_cached(self, query=""):
        return len([each async for each in super().search(query)])

    async def complete_since(self, query=""):
        names = {clause.name for clause in parse_search(query).clauses}
        return 1_700_000_000.0 if names <= {"type", "timeYear", "timeMonth", "timeDay"} else None

    def told_total(self, query=""):
        return None


class Stale(Whole):
    """One whose node cache is not."""

    async def complete_since(self, query=""):
        return None


REMOTES = [MemoryRemote, Whole, Stale]


def seeded(remote, *paths, **fields):
    return {path: remote.seed(path, path.encode(), **fields) for path in paths}


def client(remote, **options):
    return Client(build_server(remote, index=options.pop("index", None), **options), raise_exceptions=True)


def named(page):
    return {item["name"] for item in page["items"]}


@pytest.mark.parametrize("make", REMOTES)
async def test_a_blank_at_the_end_of_a_name_is_a_part_of_it(make):
    remote = make("home")
    seeded(remote, "Trail/a.jpg", "Trail /b.jpg", "Alone/c.jpg")
    for name, path in (("Rome", "Trail/a.jpg"), ("Rome ", "Trail /b.jpg"), ("Oslo", "Alone/c.jpg")):
        await remote.create_album(name, members=[path])
    async with client(remote) as asking:
        for told_as, found in (("Trail", "a.jpg"), ("Trail ", "b.jpg"), (" Alone ", "c.jpg")):
            page = await call(asking, "photos_search", folder=told_as)
            assert (named(page), page["total"]) == ({found}, 1), told_as
        for told_as, found in (("Rome", "a.jpg"), ("rome ", "b.jpg"), (" Oslo ", "c.jpg")):
            assert named(await call(asking, "photos_search", album=told_as)) == {found}, told_as
            assert named(await call(asking, "photos_list", album=told_as)) == {found}, told_as


@pytest.mark.parametrize("make", REMOTES)
async def test_what_lies_in_two_folders_is_found_in_both(make):
    remote = make("home")
    seeded(remote, "Home/a.jpg", "Home/in/b.jpg", "Other/c.jpg", "Third/d.jpg", things=("dog",))
    await remote.link("Home/a.jpg", "Other")
    await remote.link("Home/in", "Other")
    album = await remote.create_album("All", members=["Home/a.jpg", "Home/in/b.jpg", "Other/c.jpg", "Third/d.jpg"])
    narrowed = (
        {},
        {"things": ["dog"]},
        {"album": album.id},
        {"min_mb": 0.000001},
        {"query": "jpg", "mode": "metadata"},
    )
    async with client(remote) as asking:
        for more in narrowed:
            for folder, found in (("Other", {"a.jpg", "b.jpg", "c.jpg"}), ("Home", {"a.jpg", "b.jpg"})):
                page = await call(asking, "photos_search", folder=folder, **more)
                assert (named(page), page["total"]) == (found, len(found)), (folder, more)
        counts = await call(asking, "photos_facets", by="thing", folder="Other", things=["dog"])
    assert counts["rows"] == [["dog", 3]]


async def test_a_folder_that_lies_in_itself_ends_the_way_up():
    remote = MemoryRemote("home")
    seeded(remote, "A/B/a.jpg", "C/c.jpg", things=("dog",))
    a, b = await remote.stat("A"), await remote.stat("A/B")
    remote.plant(a.id, links=[remote._tree.by_id(b.id)])  # no verb allows it
    async with client(remote) as asking:
        assert named(await call(asking, "photos_search", folder="C", things=["dog"])) == {"c.jpg"}
        assert named(await call(asking, "photos_search", folder="A", things=["dog"])) == {"a.jpg"}


class Among:
    """An index that takes what a cache finds, as the real one does; it knows everything."""

    def status(self):
        return IndexStatus(folder="x", built=True, photos=9)

    async def search(self, remote, *, text=None, like=None, query="", limit=20):
        cached = isinstance(remote, SupportsOffline) and await remote.complete_since(query)
        source = remote.search_cached(query) if cached else remote.search(query)
        return [Hit(entry=each, score=0.5, reason="near") async for each in source][:limit]


@pytest.mark.parametrize("make", REMOTES)
async def test_an_index_compares_what_was_chosen_also_where_it_reads_a_whole_cache(make):
    remote = make("home")
    seeded(remote, "In/a.jpg", "In/deep/b.jpg", "Out/c.jpg", "d.jpg")
    album = await remote.create_album("Some", members=["In/a.jpg", "d.jpg"])
    async with client(remote, index=Among()) as asking:
        for where, found in (({"folder": "In"}, {"a.jpg", "b.jpg"}), ({"album": album.id}, {"a.jpg", "d.jpg"})):
            for mode in ("auto", "semantic"):
                page = await call(asking, "photos_search", query="sunny days", mode=mode, **where)
                assert (named(page), page["mode_used"]) == (found, "semantic")


@pytest.mark.parametrize("narrowed", [{}, {"kind": "photo"}, {"folder": "In"}])
async def test_how_many_neighbours_were_looked_through_is_said_at_their_end(narrowed):
    remote = MemoryRemote("home")
    seeded(remote, *(f"In/{number}.jpg" for number in range(5)))
    async with client(remote, index=Among(), limits=Limits(semantic=3)) as asking:
        page = await call(asking, "photos_search", query="sunny days", mode="semantic", **narrowed)
    assert len(page["items"]) == 3
    assert "next" not in page
    assert "only the 3 nearest were looked through" in page["note"]


@pytest.mark.parametrize("make", REMOTES)
async def test_folders_of_long_or_odd_paths_are_counted_apart_and_can_be_asked_for(make):
    remote = make("home")
    deep = "/".join(f"{'d' * 50}{number}" for number in range(5))
    seeded(remote, f"{deep}/one/a.jpg", f"{deep}/two/b.jpg", f"{deep}/two/c.jpg", "odd\nline/d.jpg", "odd\tline/e.jpg")
    async with client(remote) as asking:
        rows = (await call(asking, "photos_facets", by="folder"))["rows"]
        found = [await call(asking, "photos_search", folder=row[-1]) for row in rows]
    assert sorted(row[1] for row in rows) == [1, 1, 1, 2]
    assert all(len(row) == 3 and len(row[0]) <= 200 for row in rows)
    assert [page["total"] for page in found] == [row[1] for row in rows]


async def test_people_are_counted_by_name_whatever_counts_them():
    remote = MemoryRemote("home")
    seeded(remote, "In/a.jpg", people=("P1",))
    await remote.name_person("P1", "Anna")
    async with client(remote) as asking:
        for where in ({}, {"folder": "In"}):
            assert (await call(asking, "photos_facets", by="person", **where))["rows"] == [["Anna", 1, "P1"]]


@pytest.mark.parametrize("listing", [{"source": "recent"}, {"source": "favorites"}, {"path": "In"}])
async def test_a_listing_that_goes_no_further_says_so(listing):
    remote = MemoryRemote("home")
    seeded(remote, *(f"In/{number}.jpg" for number in range(5)), favorite=True)
    async with client(remote, limits=Limits(position=4)) as asking:
        first = await call(asking, "photos_list", limit=2, **listing)
        last = await call(asking, "photos_list", limit=2, cursor=first["next"])
        whole = await call(asking, "photos_list", limit=5, **listing)
    assert "note" not in first
    assert "next" not in last
    assert last["note"].startswith("no further pages")
    assert "note" not in whole


@pytest.mark.parametrize("size", ["Infinity", "1e400", 1e308])
async def test_a_size_beyond_all_numbers_is_a_mistake_of_the_caller(size):
    async with client(MemoryRemote("home")) as asking:
        for tool, more in (("photos_search", {}), ("photos_facets", {"by": "year"})):
            answer = told(await asking.call_tool(tool, {"min_mb": size, **more}))
            assert answer.startswith("[bad_argument] min_mb is more than any file has")


async def test_a_grid_of_a_plan_passes_over_what_is_gone_and_repeats_nothing(tmp_path):
    remote = MemoryRemote("home")
    ids = seeded(remote, "a.jpg", "b.jpg", "c.jpg", "d.jpg", taken=datetime(2023, 7, 1, tzinfo=UTC))
    async with client(remote, home=tmp_path) as asking:
        made = await call(asking, "photos_suggest_folders", by="month", min_size=2)
        if "job" in made:
            made = (await call(asking, "photos_job", job_id=made["job"]["job_id"], wait_s=30))["result"]
        path = f"plan:{made['plan_id']}/{made['folders'][0]['name']}"
        every = [item["id"] for item in (await call(asking, "photos_list", path=path))["items"]]
        first = await call(asking, "photos_list", path=path, limit=1)
        await remote.trash(NodeId(every[1]))
        await remote.delete(NodeId(every[1]))
        shown, cursor = [], first["next"]
        while cursor:
            grid = await asking.call_tool("photos_contact_sheet", {"cursor": cursor, "limit": 1})
            caption = json.loads(grid.content[1].text)
            shown += [row[1] for row in caption["legend"]]
            cursor = caption.get("next", "")
            assert len(shown) <= len(ids)
    assert shown == every[2:]


async def test_pictures_that_the_day_s_pixels_are_too_few_for_cost_nothing(library):
    ids = [library.ids[name] for name in ("cat.jpg", "dog.jpg")]
    async with client(library.remote, limits=Limits(pixels_per_day=256 * 256)) as asking:
        both = await asking.call_tool("photos_view", {"ids": ids, "max_px": 256})
        one = await asking.call_tool("photos_view", {"ids": ids[:1], "max_px": 256})
    assert told(both).startswith("[budget]")
    assert not one.is_error
