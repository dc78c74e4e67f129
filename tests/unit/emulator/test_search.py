from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from ap_remote_emulator.library import previews
from ap_remote_emulator.seed import seed

VANCOUVER = (49.2827, -123.1207)
PARIS = (48.8584, 2.2945)


def _with_words(words, seed=0):
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag>'
        f"{items}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (seed, 7, 7)).save(out, "JPEG", xmp=packet.encode())
    return out.getvalue()


@pytest.fixture
async def library(client, jpeg):
    """Five things to find: two photographs with places, one with words, a video in name only, an album."""
    await client.upload("beach.jpg", jpeg(seed=1, taken="2023:08:15 10:00:00", position=VANCOUVER))
    tower = await client.upload("tower.jpg", jpeg(seed=2, taken="2022:12:01 10:00:00", position=PARIS))
    await client.patch(f"nodes/{tower['id']}", settings={"favorite": True})
    await client.upload("dog.jpg", _with_words(["Dog", "Palm Tree", "dog"]), contentDate="2023-08-02T00:00:00.000Z")
    await client.upload("film.mov", b"not really", contentDate="2021-01-01T00:00:00.000Z")
    await client.upload("notes.txt", b"never found", contentDate="2023-08-15T00:00:00.000Z")
    await client.album("Summer")
    return client


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("type:(PHOTOS)", ["beach.jpg", "dog.jpg", "tower.jpg"]),
        ("type:(PHOTOS OR VIDEOS)", ["beach.jpg", "dog.jpg", "film.mov", "tower.jpg"]),
        ("type:(VIDEOS)", ["film.mov"]),
        ("type:(ALBUMS)", ["Summer"]),
        ("", ["Summer", "beach.jpg", "dog.jpg", "film.mov", "tower.jpg"]),
        ("type:(PHOTOS) AND timeYear:(2023)", ["beach.jpg", "dog.jpg"]),
        ("type:(PHOTOS) timeYear:(2023) timeDay:(2)", ["dog.jpg"]),
        ("timeMonth:(8 OR 12)", ["beach.jpg", "dog.jpg", "tower.jpg"]),
        ("location:(CAN)", ["beach.jpg"]),
        ("location:(CAN#BC)", ["beach.jpg"]),
        ("location:(CAN#BC#Vancouver)", ["beach.jpg"]),
        ("location:(can#bc#vancouver OR FRA)", ["beach.jpg", "tower.jpg"]),
        ("location:(CAN#B)", []),
        ("location:(CAN#B*)", ["beach.jpg"]),
        ("things:(dog)", ["dog.jpg"]),
        ("things:(dog AND palm tree)", ["dog.jpg"]),
        ("things:(dog AND cat OR palm tree)", ["dog.jpg"]),
        ("things:(dog AND cat)", []),
        ("favorite:(true)", ["tower.jpg"]),
        ("name:(bea*)", ["beach.jpg"]),
        ("name:(BEACH.JPG)", ["beach.jpg"]),
        ("extension:(mov)", ["film.mov"]),
        ("people:(nobody)", []),
        ("clusterId:(nobody)", []),
        ("type:(PHOTOS) AND (name:(bea*) OR name:(tow*))", ["beach.jpg", "tower.jpg"]),
    ],
)
async def test_search_filters(library, filters, expected):
    assert await library.names("search", filters=filters) == sorted(expected)


async def test_family_members_are_the_owner(library):
    owner = library.credentials.owner_id
    assert (await library.get("search", filters=f"familyMembers:({owner}) AND type:(PHOTOS)"))["count"] == 3
    assert (await library.get("search", filters="familyMembers:(A0)"))["count"] == 0


@pytest.mark.parametrize(
    "filters", ["kind:FILE", "type:(SONGS)", "timeYear:(x)", "type:(PHOTOS", "things:()", "dog", "a b:c"]
)
async def test_a_bad_search_is_400_of_shape_b(client, filters):
    body = await client.get("search", 400, filters=filters)
    assert body["message"].startswith("Invalid filter: ")
    assert body["code"]


async def test_hidden_and_trashed_are_not_found(library):
    found = {node["name"]: node["id"] for node in (await library.get("search"))["data"]}
    await library.patch(f"nodes/{found['dog.jpg']}", settings={"hidden": True})
    await library.trash(found["tower.jpg"])
    assert await library.names("search", filters="type:(PHOTOS)") == ["beach.jpg"]
    await library.patch(f"nodes/{found['dog.jpg']}", settings={"hidden": False})
    await library.restore(found["tower.jpg"])
    assert len(await library.names("search", filters="type:(PHOTOS)")) == 3


async def test_the_newest_photograph_comes_first(library):
    page = await library.get("search", filters="type:(PHOTOS OR VIDEOS)")
    assert [node["name"] for node in page["data"]] == ["beach.jpg", "dog.jpg", "tower.jpg", "film.mov"]
    page = await library.get("search", filters="type:(PHOTOS OR VIDEOS)", sort="['contentProperties.contentDate ASC']")
    assert [node["name"] for node in page["data"]] == ["film.mov", "tower.jpg", "dog.jpg", "beach.jpg"]
    page = await library.get("search", filters="type:(PHOTOS)", sort="['name ASC']", limit=1, offset=1)
    assert [node["name"] for node in page["data"]] == ["dog.jpg"]
    await library.get("search", 400, sort="['contentProperties.size ASC']")


async def test_aggregations_stand_beside_the_answer(library):
    found = (await library.get("search", limit=1, searchContext="all", groupByForTime="year"))["aggregations"]
    assert set(found) == {"allPeople", "clusterId", "favorite", "location", "people", "things", "time", "type"}
    assert {row["match"]: row["count"] for row in found["type"]} == {"PHOTOS": 3, "VIDEOS": 1, "ALBUMS": 1}
    assert [(row["match"], row["count"]) for row in found["time"]] == [("2023", 2), ("2022", 1), ("2021", 1)]
    assert [(row["match"], row["count"]) for row in found["favorite"]] == [("true", 1)]
    assert {row["match"] for row in found["things"]} == {"dog", "palm tree"}
    place = next(row for row in found["location"] if row["match"] == "CAN#BC#Vancouver")
    assert place["searchData"]["locationInfo"] == {
        "city": "Vancouver",
        "state": "British Columbia",
        "stateCode": "BC",
        "country": "Canada",
        "countryIso3Code": "CAN",
    }


async def test_aggregations_are_of_what_was_found(library):
    found = (await library.get("search", filters="timeYear:(2022)"))["aggregations"]
    assert [row["match"] for row in found["location"]] == ["FRA#IDF#Paris"]
    assert found["things"] == []


@pytest.mark.parametrize(("bucket", "expected"), [("month", "2023-08"), ("day", "2023-08-15"), ("year", "2023")])
async def test_time_is_grouped_as_asked(library, bucket, expected):
    found = await library.get("search", filters="name:(beach.jpg)", groupByForTime=bucket)
    assert [row["match"] for row in found["aggregations"]["time"]] == [expected]
    await library.get("search", 400, groupByForTime="week")


@pytest.mark.parametrize(
    "category",
    ["allPeople", "clusterId", "familyMembers", "favorite", "location", "people", "things", "time", "type"],
)
async def test_every_category_can_be_asked_for(library, category):
    answer = await library.get("search/aggregation", category=category, aggregationContext="all")
    assert answer["category"] == category
    assert all(set(row) >= {"value", "count", "searchData"} for row in answer["aggregations"])
    assert bool(answer["aggregations"]) is (category not in {"allPeople", "clusterId", "people"})


async def test_an_unknown_category_is_400(client):
    await client.get("search/aggregation", 400, category="colours")
    await client.get("search/aggregation", 400)


async def test_people_that_were_recognised_are_counted_by_name(client, jpeg):
    node = await client.upload("a.jpg", jpeg())
    with client.store.write() as write:
        write.execute("INSERT INTO tags VALUES ('person', 'cluster1', ?)", (node["id"],))
        write.execute("INSERT INTO people VALUES ('cluster1', 'Ada', NULL)")
        write.touch(node["id"])
    [row] = (await client.get("search/aggregation", category="people"))["aggregations"]
    assert (row["value"], row["count"], row["searchData"]["clusterName"]) == ("cluster1", 1, "Ada")
    assert await client.names("search", filters="people:(cluster1)") == ["a.jpg"]


async def test_counts_of_a_large_library_agree_with_each_other(client):
    seed(client.store, 1000)
    page = await client.get("search", filters="type:(PHOTOS)", limit=1)
    assert page["count"] == 1000
    assert sum(row["count"] for row in page["aggregations"]["things"]) == 1000
    assert sum(row["count"] for row in page["aggregations"]["location"]) == 500
    favorites = await client.get("search", filters="favorite:(true)", limit=1)
    assert favorites["count"] == page["aggregations"]["favorite"][0]["count"] == 20


async def test_without_a_type_everything_that_is_no_favourite_is_found(library):
    assert await library.names("search", filters="favorite:(false)") == ["Summer", "beach.jpg", "dog.jpg", "film.mov"]
    assert await library.names("search", filters="type:(PHOTOS) AND favorite:(false)") == ["beach.jpg", "dog.jpg"]
    rows = (await library.get("search/aggregation", category="favorite"))["aggregations"]
    assert [(row["value"], row["count"]) for row in rows] == [("true", 1)]


@pytest.mark.parametrize(
    "extra",
    [
        {"timeZone": "Europe/Berlin"},
        {"language": "de"},
        {"searchOnFamily": "false"},
        {"dedupeContext": "x", "assetMapping": "NONE"},
        {"asset": "ALL", "tempLink": "false"},
        {"lowResThumbnail": "false"},
        {"_": "1700000000000"},
    ],
)
async def test_parameters_of_the_browser_change_nothing(library, extra):
    assert await library.get("search", **extra) == await library.get("search")


async def test_both_shapes_of_an_aggregation_tell_the_same(library):
    inline = (await library.get("search", searchContext="all"))["aggregations"]
    for category, rows in inline.items():
        alone = (await library.get("search/aggregation", category=category, aggregationContext="all"))["aggregations"]
        assert [(row["match"], row["count"], row["searchData"]) for row in rows] == [
            (row["value"], row["count"], row["searchData"]) for row in alone
        ]
        assert not any("value" in row for row in rows)
        assert not any("match" in row for row in alone)


async def test_an_aggregation_is_limited_and_grouped_as_asked(library):
    rows = (await library.get("search/aggregation", category="time", groupBy="month", limit=2))["aggregations"]
    assert [row["value"] for row in rows] == ["2023-08", "2022-12"]


async def test_small_pictures_come_inside_the_nodes_when_asked_for(library):
    page = await library.get("search", lowResThumbnail="true")
    shown = {node["name"]: node.get("lowResThumbnail") for node in page["data"]}
    assert {name for name, picture in shown.items() if picture} == {"beach.jpg", "dog.jpg", "tower.jpg"}
    preview = Image.open(io.BytesIO(base64.b64decode(shown["beach.jpg"])))
    assert preview.format == "JPEG"
    assert preview.size == (24, 18)
    assert await library.get("search", lowResThumbnail="true") == page
    assert not any("lowResThumbnail" in node for node in (await library.get("search"))["data"])


async def test_a_page_of_unseen_pictures_gets_some_previews_at_a_time_until_it_has_all(client, jpeg):
    for seed_ in range(previews.FRESH + 3):
        await client.upload(f"{seed_}.jpg", jpeg(seed=seed_ * 8, size=(8, 8)))
    counts = []
    for _ in range(3):
        page = await client.get("search", lowResThumbnail="true")
        counts.append(sum("lowResThumbnail" in node for node in page["data"]))
    assert counts == [previews.FRESH, previews.FRESH + 3, previews.FRESH + 3]


async def test_only_the_fields_that_were_asked_for_are_sent(library):
    page = await library.get("search", filters="name:(beach*)", fields="name,contentProperties.md5")
    [node] = page["data"]
    assert set(node) == {"id", "name", "contentProperties"}
    assert set((await library.get("search", limit=1, fieldList="kind"))["data"][0]) == {"id", "kind"}


async def test_the_parts_of_a_live_photo_are_left_out_when_nobody_wants_them(client, jpeg):
    still = await client.upload("a.jpg", jpeg())
    await client.upload("a.mov", b"film", parent=still["id"], kind="ASSET", assetType="LIVE_VIDEO")
    [node] = (await client.get("search"))["data"]
    assert [asset["name"] for asset in node["assets"]] == ["a.mov"]
    assert node["childAssetTypeInfo"] == [{"assetType": "LIVE_VIDEO"}]
    [node] = (await client.get("search", asset="NONE"))["data"]
    assert "assets" not in node


async def test_words_are_found_whatever_their_case_and_people_only_as_they_are(library):
    assert await library.names("search", filters="things:(DOG)") == ["dog.jpg"]
    assert await library.names("search", filters="things:(dog) things:(Palm Tree)") == ["dog.jpg"]
