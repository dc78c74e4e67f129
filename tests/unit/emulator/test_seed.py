from __future__ import annotations

import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote_emulator.errors import BadRequestError, NameTakenError
from ap_remote_emulator.library import open_store
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.synthetic import ODD_NAMES, Maker, Shape
from ap_remote_emulator.query import name_key
from ap_remote_emulator.seed import Order, seed

EVERYTHING = {
    "count": 400,
    "folder": "Pictures/All",
    "perFolder": 100,
    "seedNumber": 7,
    "things": 2,
    "people": 10,
    "favorites": 0.1,
    "hidden": 0.05,
    "trashed": 0.1,
    "videos": 0.2,
    "documents": 0.1,
    "livePhotos": 0.25,
    "duplicates": 0.1,
    "vault": 0.3,
    "oddNames": True,
    "albums": 4,
    "albumSize": 10,
    "family": 2,
    "familyPhotos": 30,
    "share": {"group": True, "shareId": "group", "secret": "known"},
}


async def _seeded(client, **changes):
    return await client.call("POST", "/_internal/seed", json={**EVERYTHING, **changes})


async def test_everything_at_once_is_a_sound_library(client):
    answer = await _seeded(client)
    assert answer.pop("livePhotos") > 0
    assert len(answer.pop("familyId")) == 22
    assert answer.pop("share")["groupShareToken"] == "group.known"
    assert answer == {
        "nodes": 400,
        "folders": 4,
        "oddNames": len(ODD_NAMES),
        "familyPhotos": 30,
        "albums": 4,
        "people": 10,
    }
    assert check_store(client.store) == []


async def test_kinds_come_in_their_proportions(client):
    await _seeded(client, hidden=0, trashed=0, duplicates=0, oddNames=False)
    types = (await client.get("search/aggregation", category="type"))["aggregations"]
    counts = {row["value"]: row["count"] for row in types}
    assert counts["VIDEOS"] == pytest.approx(80, abs=3)
    assert counts["PHOTOS"] == pytest.approx(280, abs=3)
    assert counts["ALBUMS"] == 4
    documents = await client.get("nodes", filters="contentProperties.contentType:application*")
    assert documents["count"] == pytest.approx(40, abs=3)
    usage = await client.get("account/usage")
    assert usage["doc"]["total"]["count"] == documents["count"]


async def test_favourites_hidden_and_trashed_come_in_their_proportions(client):
    await _seeded(client, oddNames=False)
    for filters, expected in (("favorite:(true)", 40), ("settings.hidden:true", 20)):
        found = await client.get("nodes", filters=f"{filters} AND kind:FILE AND status:(AVAILABLE* OR TRASH*)")
        assert found["count"] == pytest.approx(expected, abs=3)
    assert (await client.get("trash", filters="kind:FILE"))["count"] == pytest.approx(40, abs=3)


async def test_live_photos_have_their_films(client):
    answer = await _seeded(client)
    assets = await client.get("nodes", filters="kind:ASSET AND status:(AVAILABLE* OR TRASH*)", limit=1)
    assert assets["count"] == answer["livePhotos"]
    [film] = assets["data"]
    assert film["assetProperties"] == {"assetType": "LIVE_VIDEO"}
    still = await client.get(f"nodes/{film['parents'][0]}")
    assert still["childAssetTypeInfo"] == [{"assetType": "LIVE_VIDEO"}]
    assert [asset["id"] for asset in still["assets"]] == [film["id"]]
    assert still["contentProperties"]["contentType"] == "image/heic"
    assert await client.names(f"nodes/{still['id']}/children") == [film["name"]]


async def test_duplicates_share_their_md5_and_size(client):
    await _seeded(client, oddNames=False, livePhotos=0, family=0, familyPhotos=0)
    with client.store.read() as connection:
        groups = connection.execute(
            "SELECT COUNT(*) - 1, COUNT(DISTINCT size) FROM nodes WHERE md5 IS NOT NULL"
            " GROUP BY md5 HAVING COUNT(*) > 1"
        ).fetchall()
    assert sum(extra for extra, _ in groups) == pytest.approx(40, abs=4)
    assert {sizes for _, sizes in groups} == {1}


async def test_people_are_on_photographs_and_one_in_five_has_no_name(client):
    await _seeded(client)
    rows = (await client.get("search/aggregation", category="allPeople"))["aggregations"]
    assert 5 <= len(rows) <= 10
    assert sum("clusterName" not in row["searchData"] for row in rows) <= 2
    first = rows[0]
    assert (await client.get("search", filters=f"people:({first['value']})"))["count"] == first["count"]
    things = (await client.get("search/aggregation", category="things"))["aggregations"]
    assert len(things) == 10


async def test_albums_have_members_that_follow_each_other(client):
    await _seeded(client, documents=0, trashed=0)
    albums = (await client.get("search", filters="type:(ALBUMS)", sort="['name ASC']"))["data"]
    assert [album["name"] for album in albums] == [f"Album {number:04d}" for number in range(4)]
    members = await client.names(f"nodes/{albums[1]['id']}/children")
    assert sorted(int(name[4:11]) for name in members) == list(range(100, 110))


async def test_every_odd_name_is_kept_as_it_is(client):
    await _seeded(client, count=0, share=None, albums=0)
    root = await client.get("nodes", filters='name:"Odd names"')
    found = await client.get(f"nodes/{root['data'][0]['id']}/children", limit=200)
    assert {node["name"] for node in found["data"]} == set(ODD_NAMES)
    assert len({name_key(name) for name in ODD_NAMES}) == len(ODD_NAMES)


def _library(path, **order):
    store = open_store(path)
    seed(store, msgspec.convert({**EVERYTHING, **order}, Order))
    with store.read() as connection:
        nodes = connection.execute(
            "SELECT id, name, status, md5, size, content_date, favorite, hidden, location, keywords, uploader,"
            " asset_type FROM nodes WHERE md5 IS NOT NULL ORDER BY id"
        ).fetchall()
        tags = connection.execute("SELECT * FROM tags ORDER BY 1, 2, 3").fetchall()
        names = connection.execute("SELECT * FROM people ORDER BY 1").fetchall()
    store.close()
    return [[tuple(row) for row in rows] for rows in (nodes, tags, names)]


def test_the_same_seed_number_is_the_same_library_to_the_last_id(tmp_path):
    first = _library(tmp_path / "a")
    assert first == _library(tmp_path / "b")
    assert first != _library(tmp_path / "c", seedNumber=8)


def test_without_a_seed_number_only_the_ids_differ(tmp_path):
    first, second = (_library(tmp_path / each, seedNumber=None)[0] for each in "ab")
    assert sorted(row[1:9] for row in first) == sorted(row[1:9] for row in second)
    assert {row[0] for row in first}.isdisjoint({row[0] for row in second})


def test_the_same_place_is_not_seeded_twice(tmp_path):
    store = open_store(tmp_path)
    seed(store, Order(count=10, seed_number=1))
    with pytest.raises(NameTakenError):
        seed(store, Order(count=10))
    with pytest.raises(BadRequestError):
        seed(store, Order(count=10, seed_number=1, per_folder=5))
    seed(store, Order(count=10, seed_number=1, folder="Pictures/Other"))
    assert check_store(store) == []
    store.close()


@pytest.mark.parametrize(
    "order",
    [
        {"count": -1},
        {"count": 1_000_001},
        {"perFolder": -1},
        {"favorites": 1.1},
        {"videos": 0.6, "documents": 0.6},
        {"things": 11},
        {"people": -1},
        {"familyPhotos": 5},
        {"share": {}},
        {"colours": 3},
        {"share": {"colour": 3}},
        {"count": "many"},
    ],
)
async def test_an_order_that_makes_no_sense_is_400(client, order):
    await client.call("POST", "/_internal/seed", 400, json=order)
    assert await client.names("nodes", filters="kind:FILE") == []


def test_a_large_order_is_made_in_batches_and_does_not_fill_the_memory(tmp_path):
    store = open_store(tmp_path)
    tracemalloc.start()
    try:
        seed(store, Order(count=8_000, people=20, albums=5))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 26 << 20
    with store.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM nodes WHERE md5 IS NOT NULL").fetchone()[0] == 8_000
    store.close()


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 1), number=st.one_of(st.none(), st.integers(0, 2**40)))
def test_a_share_of_all_is_that_share_of_every_stretch(share, number):
    maker = Maker(Shape(seed_number=number, trashed=share), "x")
    for first in (0, 300):
        chosen = sum(maker.file(index).trashed for index in range(first, first + 300))
        assert chosen == pytest.approx(300 * share, abs=9)
