"""The same query over the same library: what the service finds is what our own evaluator finds."""

from __future__ import annotations

import io
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote import query
from ap_remote.api import nodes, pages
from ap_remote.connect import connect
from ap_remote.errors import QuerySyntaxError
from ap_remote.query import matches, parse_search
from ap_remote.remote.features import SupportsOffline

QUERIES = (
    "",
    "type:(PHOTOS)",
    "type:(VIDEOS)",
    "type:(PHOTOS OR VIDEOS)",
    "timeYear:(2023)",
    "timeYear:(2023 OR 2022)",
    "timeYear:(2023 AND 2022)",
    "timeYear:(2023) timeMonth:(7)",
    "timeYear:(2023) AND timeMonth:(07) AND timeDay:(20)",
    'timeYear:("2023")',
    "timeMonth:(7 OR 12)",
    "location:(CAN)",
    "location:(CAN#BC#Vancouver)",
    "location:(CAN OR FRA)",
    "location:(Vancouver)",
    "favorite:(true)",
    "favorite:(false)",
    "favorite:(true) AND timeYear:(2022 OR 2023)",
    "name:(cat.jpg)",
    "name:(CAT.JPG)",
    "name:(cat)",
    "name:(c*)",
    "name:(été*)",
    'name:("two words.jpg")',
    "extension:(JPG)",
    "extension:(jpg OR png)",
    "things:(cat)",
)


def jpeg(colour, date, place=None):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = date
    if place is not None:
        latitude, longitude = place
        position = exif.get_ifd(0x8825)
        position[1], position[2] = "N", (latitude, 0, 0)
        position[3], position[4] = "E" if longitude > 0 else "W", (abs(longitude), 0, 0)
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


@pytest.fixture
async def remote(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    async with connect("local:") as remote:
        await remote.put(jpeg("red", "2023:07:20 08:00:00", (49.28, -123.12)), "cat.jpg")
        await remote.put(jpeg("blue", "2022:07:21 23:59:59", (48.85, 2.35)), "P/dog.JPG")
        await remote.put(jpeg("lime", "2023:01:20 00:00:00"), "P/two words.jpg")
        await remote.put(jpeg("yellow", "2022:12:31 23:30:00"), "P/été.jpg")
        await remote.put(jpeg("pink", "2023:07:20 08:00:00"), "P/hidden.jpg")
        await remote.put(jpeg("navy", "2023:07:20 08:00:00"), "P/trashed.jpg")
        await remote.put(b"a,b", "data.csv")
        await remote.mark("cat.jpg", favorite=True)
        await remote.mark("P/hidden.jpg", hidden=True)
        await remote.trash("P/trashed.jpg")
        yield remote


async def test_the_service_and_the_evaluator_find_the_same(remote):
    entries = [entry async for entry in remote.list(recursive=True, fresh=True)]
    for text in QUERIES:
        parsed = parse_search(text)
        found = {entry.path async for entry in remote.search(text)}
        assert found == {entry.path for entry in entries if matches(parsed, entry)}, text


ALTERNATIVES = st.lists(st.integers(0, 5), min_size=1, max_size=3)
VALUES = {
    "type": ("PHOTOS", "VIDEOS", "ALBUMS"),
    "timeYear": ("2022", "2023", "2024", "02023"),
    "timeMonth": ("7", "12", "01", "13"),
    "timeDay": ("20", "21", "31", "0"),
    "favorite": ("true", "false"),
    "name": ("cat.jpg", "CAT.JPG", "Rome", "été.jpg", "two words.jpg", "nobody", 'a") OR name:("b'),
    "extension": ("jpg", "JPG", "png", ""),
    "location": ("CAN", "can#bc", "FRA", "CAN#BC#Vancouver", "Vancouver"),
    "things": ("cat", "dog"),
}
PREFIXES = ("c", "T", "é", "R", "")


@st.composite
def searches(draw: st.DrawFn) -> str:
    """Draw a search of several facets, its values quoted where they must be."""
    clauses = []
    for name in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=4)):
        known = [each for each in VALUES[name] if each]
        values = [query.escape(known[at % len(known)]) for at in draw(ALTERNATIVES)]
        if name == "name" and draw(st.booleans()):
            values.append(draw(st.sampled_from(PREFIXES)) + "*")
        clauses.append(f"{name}:({draw(st.sampled_from([' OR ', ' AND '])).join(values)})")
    return draw(st.sampled_from([" AND ", " "])).join(clauses)


FILTERS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "kind:FILE",
                "kind:(FILE* OR FOLDER*)",
                "kind:VISUAL_COLLECTION",
                "status:TRASH",
                "status:(TRASH OR AVAILABLE)",
                "settings.hidden:true",
                "settings.hidden:false",
                "favorite:true",
                "isRoot:true",
                "contentProperties.contentType:image*",
                "contentProperties.contentType:image/jpeg",
                "contentProperties.extension:jpg",
                "contentProperties.size:3",
                "name:c*",
                'name:"two words.jpg"',
                "name:CAT.JPG",
            ]
        ),
        st.builds(
            "{}:{}{} TO {}{}".format,
            st.sampled_from(["contentProperties.contentDate", "createdDate"]),
            st.sampled_from("[{"),
            st.sampled_from(["*", '"2022-07-21T23:59:59.000Z"', '"2023-01-20T00:00:00.000Z"']),
            st.sampled_from(["*", '"2023-07-20T08:00:00.000Z"', '"2100-01-01"']),
            st.sampled_from("]}"),
        ).filter(lambda text: not text.endswith("* TO *}") and "{* TO *" not in text),
    ),
    max_size=4,
).map(" AND ".join)


async def direct(remote, filters):
    """Return the ids that the service lists for a node filter, asked through the same door."""
    call = partial(nodes.nodes, filters)
    return {node.id async for node in pages.iterate(remote._tree.transport.send, call)}


async def test_the_cache_finds_what_the_service_finds(remote):
    await remote.create_album("Rome", members=["cat.jpg"])
    await remote.put(b"abc", "P/c.txt")
    await remote.sync()

    def collected(found):
        async def collect():
            return [entry.id async for entry in found]

        return collect()

    # One service for all that is drawn: hypothesis has no hold on the loop that it lives in.
    for text in drawn(searches(), 150):
        online = await collected(remote.search(text))
        assert sorted(await collected(remote.search_cached(text))) == sorted(online), text
        for sort in ("-taken", "created", "name"):
            ordered = await collected(remote.search(text, sort=sort))
            assert await collected(remote.search_cached(text, sort=sort)) == ordered, (text, sort)
        assert await remote.count_cached(text) == len(online), text
    for text in drawn(FILTERS, 150):
        found = set(await collected(remote.search_cached(text))) if text else set(remote._cache.ids())
        wanted = await direct(remote, text)
        assert found == wanted if text else found >= wanted, text


def drawn(strategy, count):
    """Return so many different examples, the same in every run."""
    found = []

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def collect(text):
        found.append(text)

    collect()
    return list(dict.fromkeys(found))


async def test_a_search_over_the_cache_is_read_at_once_and_understands_both_languages(remote):
    with pytest.raises(QuerySyntaxError, match="unknown facet 'typ'"):
        remote.search_cached("typ:(PHOTOS)")
    with pytest.raises(QuerySyntaxError, match="takes a date"):
        remote.search_cached("kind:FILE AND createdDate:[soon TO *]")
    assert isinstance(remote, SupportsOffline)
    await remote.sync()
    assert await remote.count_cached("type:(PHOTOS)") == await remote.count_cached("kind:FILE AND name:*") - 2
