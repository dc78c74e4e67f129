"""``photos_show``: the gallery gets pictures, the model gets their names."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO
from random import Random

import pytest
from mcp import Client
from mcp.client import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote_mcp.policy.limits import MAX_TILES
from ap_remote_mcp.server import build_server
from ap_remote_mcp.tools.showing import ITEMS, PAGE, PICTURES, SIDES

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
        assert picture.size == (item["w"], item["h"]) == (640, 480)
        assert not picture.getexif()
        assert item["jpeg"] not in said(answer)


async def test_a_gallery_goes_on_from_a_page(host, library, said):
    async with host() as client:
        page = (await client.call_tool("photos_search", {"limit": 5})).structured_content
        answer = await client.call_tool("photos_show", {"cursor": page["next"]})
        nothing = await client.call_tool("photos_show", {})
        both = await client.call_tool("photos_show", {"ids": ["x"], "cursor": page["next"]})
    shown = [row[1] for row in json.loads(said(answer))["shown"]]
    assert len(shown) == page["total"] - 5
    assert not {each["id"] for each in page["items"]} & set(shown)
    assert [each["id"] for each in answer.meta[ITEMS]["items"]] == shown
    assert said(nothing).startswith("[bad_argument] photos_show: give ids or a cursor.")
    assert said(both).startswith("[bad_argument]")


async def test_a_file_without_a_picture_has_an_empty_tile(host, library):
    async with host() as client:
        answer = await client.call_tool("photos_show", {"ids": [library.ids["notes.txt"], library.ids["cat.jpg"]]})
    gallery = answer.meta[ITEMS]
    assert [(item["kind"], bool(item["jpeg"])) for item in gallery["items"]] == [("file", False), ("photo", True)]
    assert gallery["missing"] == 0


@pytest.mark.parametrize("count", [1, MAX_TILES])
async def test_all_pictures_together_fit_into_what_a_host_passes_on(era, count):
    remote = MemoryRemote("home")
    coarse = Image.frombytes("RGB", (90, 90), Random(count).randbytes(90 * 90 * 3))
    made = []
    for size in ((600, 900), (900, 600)):
        stream = BytesIO()
        coarse.resize(size).save(stream, "JPEG", quality=95)
        made.append(stream.getvalue())
    ids = [remote.seed(f"Pictures/{number}.jpg", made[number % 2]) for number in range(count)]
    async with Client(build_server(remote, index=None), mode=era, extensions=[SHOWS]) as client:
        answer = await client.call_tool("photos_show", {"ids": ids})
    items = answer.meta[ITEMS]["items"]
    assert len(items) == count
    assert sum(len(item["jpeg"]) for item in items) <= PICTURES
    assert all(SIDES[0] <= max(item["w"], item["h"]) <= SIDES[-1] for item in items)
    assert len(answer.model_dump_json()) < 150_000


async def test_what_hides_in_a_name_does_not_reach_the_page(era):
    remote = MemoryRemote("home")
    stream = BytesIO()
    Image.new("RGB", (32, 32)).save(stream, "JPEG")
    bad = remote.seed("Pictures/a\u202egpj.exe\u200b.jpg", stream.getvalue())
    async with Client(build_server(remote, index=None), mode=era, extensions=[SHOWS]) as client:
        answer = await client.call_tool("photos_show", {"ids": [bad]})
    (item,) = answer.meta[ITEMS]["items"]
    assert not {"\u202e", "\u200b"} & set(item["name"])


async def test_a_host_without_galleries_gets_a_text_that_means_something(open_client, library, said):
    async with open_client(library.remote) as client:
        answer = await client.call_tool("photos_show", {"ids": [library.ids["cat.jpg"]]})
        nothing = await client.call_tool("photos_show", {"ids": ["nobody"]})
    assert not (answer.meta or {}).get(ITEMS)
    assert json.loads(said(answer))["shown"] == [[1, library.ids["cat.jpg"], "cat.jpg", "2023-07-20T08:15"]]
    assert "photos_contact_sheet" in json.loads(said(answer))["note"]
    assert said(nothing).startswith("[not_found]")


async def test_the_tool_names_its_page_and_the_page_is_there(host):
    async with host() as client:
        (tool,) = [each for each in (await client.list_tools()).tools if each.name == "photos_show"]
        (page,) = (await client.read_resource(PAGE)).contents
    assert tool.meta["ui"] == {"resourceUri": PAGE}
    assert PAGE.startswith("ui://")
    assert page.mime_type == APP_MIME_TYPE == "text/html;profile=mcp-app"
    assert page.meta["ui"] == {"prefersBorder": True}, "no domain is asked for, so that the strictest policy holds"
    assert ITEMS in page.text


async def test_the_tool_is_there_for_hosts_without_galleries_as_well(open_client, library):
    async with open_client(library.remote) as client:
        assert "photos_show" in {each.name for each in (await client.list_tools()).tools}


@pytest.fixture
async def page(host):
    async with host() as client:
        (found,) = (await client.read_resource(PAGE)).contents
    return found.text


async def test_the_page_needs_nothing_from_anywhere(page):
    assert not re.search(r"https?:|//cdn|@import|@font-face|<link|<base|<iframe|src=\"|srcset|url\((?!/)", page)
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\b|Worker\(", page)
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie|window\.open|location\b", page)


async def test_the_page_writes_names_as_text_and_runs_no_text(page):
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|DOMParser", page)
    assert not re.search(r"\beval\(|new Function|setTimeout\(\"|javascript:|\son\w+=\"", page)
    assert "event.source !== window.parent" in page


async def test_the_page_is_one_small_document_that_hosts_can_put_a_policy_into(page):
    assert len(page.encode()) <= 20_000
    assert re.match(r'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">', page)
    assert page.count("<script>") == page.count("<style>") == 1


async def test_the_page_speaks_the_published_protocol(page):
    assert re.search(r'"ui/initialize".*protocolVersion: "2026-01-26"', page)
    methods = set(re.findall(r'"((?:ui|resources|tools|notifications|sampling)/[a-z/-]+)"', page))
    assert methods == {
        "ui/initialize",
        "ui/message",
        "ui/request-display-mode",
        "ui/resource-teardown",
        "ui/update-model-context",
        "ui/notifications/host-context-changed",
        "ui/notifications/initialized",
        "ui/notifications/size-changed",
        "ui/notifications/tool-cancelled",
        "ui/notifications/tool-input",
        "ui/notifications/tool-result",
        "resources/read",
    }, "it calls no tool: what changes something is for the person and the model to talk about"


async def test_the_page_can_be_used_without_a_mouse_and_without_motion(page):
    assert ":focus-visible" in page
    assert "prefers-reduced-motion: no-preference" in page
    assert re.findall(r"transition[^;}]*", page) == re.findall(r"no-preference\) \{[^}]*(transition[^;}]*)", page)
    assert 'role="status"' in page


@pytest.mark.parametrize("side", [0, 1])
async def test_its_own_colours_have_enough_contrast_in_light_and_in_dark(page, side):
    colours = {
        name: pair.split(", ")[side] for name, pair in re.findall(r"--(\w+):var\([\w-]+, light-dark\(([^)]+)\)\)", page)
    }
    for ink in ("ink", "soft"):
        for ground in ("ground", "frame"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    (mark,) = re.findall(r"--mark:(#\w+)", page)
    assert contrast("#fff", mark) >= 4.5
    assert contrast(mark, colours["ground"]) >= 3


def contrast(one, other):
    """Return the ratio of WCAG 2.2 between two colours, ``#rgb`` or ``#rrggbb``."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
