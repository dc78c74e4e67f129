"""The same query over the same library: what the service finds is what our own evaluator finds."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ap_remote.connect import connect
from ap_remote.query import matches, parse_search

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
    for query in QUERIES:
        parsed = parse_search(query)
        found = {entry.path async for entry in remote.search(query)}
        assert found == {entry.path for entry in entries if matches(parsed, entry)}, query
