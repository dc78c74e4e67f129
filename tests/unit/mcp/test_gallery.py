"""``photos_show``: the gallery gets pictures, the model gets their names."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO

import pytest
from mcp import Client
from mcp.client import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from PIL import Image

from ap_remote_mcp.server import build_server
from ap_remote_mcp.tools.showing import ITEMS, PAGE

SHOWS = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})


@pytest.fixture
def host(era, library):
    """A client that shows galleries, in either era."""

    def make():
        return Client(build_server(library.remote, index=None), mode=era, extensions=[SHOWS])

    return make


async def test_pictures_travel_beside_the_answer_and_not_in_it(host, library, said):
    ids = [library.ids["cat.jpg"], library.ids["beach.jpg"], "nobody"]
    async with host() as client:
        answer = await client.call_tool("photos_show", {"ids": ids})
    told = json.loads(said(answer))
    assert [row[:3] for row in told["shown"]] == [[1, ids[0], "cat.jpg"], [2, ids[1], "beach.jpg"]]
    assert told["missing"] == ["nobody"]
    assert answer.structured_content is None
    items = answer.meta[ITEMS]["items"]
    assert [item["name"] for item in items] == ["cat.jpg", "beach.jpg"]
    for item in items:
        picture = Image.open(BytesIO(b64decode(item["jpeg"])))
        assert max(picture.size) <= 256
        assert not picture.getexif()
        assert item["jpeg"] not in said(answer)


async def test_a_file_without_a_picture_has_an_empty_tile(host, library):
    async with host() as client:
        answer = await client.call_tool("photos_show", {"ids": [library.ids["notes.txt"], library.ids["cat.jpg"]]})
    assert [bool(item["jpeg"]) for item in answer.meta[ITEMS]["items"]] == [False, True]


async def test_a_host_without_galleries_gets_a_text_that_means_something(open_client, library, said):
    async with open_client(library.remote) as client:
        answer = await client.call_tool("photos_show", {"ids": [library.ids["cat.jpg"]]})
        nothing = await client.call_tool("photos_show", {"ids": ["nobody"]})
    assert not (answer.meta or {}).get(ITEMS)
    assert json.loads(said(answer))["shown"][0][2] == "cat.jpg"
    assert "photos_contact_sheet" in json.loads(said(answer))["note"]
    assert said(nothing).startswith("[not_found]")


async def test_the_tool_names_its_page_and_the_page_is_there(host):
    async with host() as client:
        (tool,) = [each for each in (await client.list_tools()).tools if each.name == "photos_show"]
        (page,) = (await client.read_resource(PAGE)).contents
    assert tool.meta["ui"]["resourceUri"] == PAGE
    assert page.mime_type == APP_MIME_TYPE
    assert "ap-remote/gallery" in page.text


async def test_the_page_needs_nothing_from_anywhere_and_writes_names_as_text(host):
    async with host() as client:
        (page,) = (await client.read_resource(PAGE)).contents
    assert not re.search(r"https?://|//cdn|@import|<link|src=\"|fetch\(|XMLHttpRequest|WebSocket|eval\(", page.text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", page.text)
    assert "event.source !== window.parent" in page.text
