"""The gallery's page in jsdom: what it shows, and what it says to the host, of the server's real answer."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path

import pytest
from mcp import Client
from mcp.client import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from ap_remote_mcp.tools.showing import ITEMS
from tests.mcp_check.conftest import MODULES
from tests.mcp_check.server import server

DRIVER = Path(__file__).with_name("gallery.mjs")
LOOK = ["look"]
EVIL = "<img src=x onerror=\"document.title='owned'\">\"'&amp;"
DATA = "data:image/jpeg;base64,"
SMALL = "/9j/AAAA"
BETTER = "/9j/BBBB"


def said(method, **params):
    return ["host", {"jsonrpc": "2.0", "method": method, "params": params}]


def answered(number, **result):
    return ["host", {"jsonrpc": "2.0", "id": number, "result": result}]


def refused(number):
    return ["host", {"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "Method not found"}}]


def greeted(context=None, **abilities):
    about = {"protocolVersion": "2026-01-26", "hostInfo": {"name": "host", "version": "1"}}
    return answered(1, **about, hostCapabilities=abilities, hostContext=context or {"locale": "en-GB"})


def shown(*items, **more):
    gallery = {"items": [{"kind": "photo", "jpeg": SMALL, "w": 4, "h": 3} | item for item in items]} | more
    return said("ui/notifications/tool-result", content=[], _meta={ITEMS: gallery})


def three():
    return shown(*({"id": f"id{n}", "name": f"{n}.jpg", "taken": f"2023-07-0{n}T10:00"} for n in (1, 2, 3)))


@pytest.fixture
def play(node, run):
    """Play steps to the page; return what it sent, and what was seen at each look."""
    page = files("ap_remote_mcp.tools").joinpath("gallery.html")
    if not (MODULES / "jsdom").is_dir():
        pytest.skip("NOT CHECKED: jsdom is not installed, run `make mcp-check`")

    def start(*steps):
        status, told, complained = run(node, str(DRIVER), str(MODULES), str(page), json.dumps(steps))
        assert status == 0, complained
        seen = json.loads(told)
        assert not seen["complaints"]
        return seen["sent"], seen["looks"]

    return start


@pytest.fixture(scope="module")
def real():
    """What the server answers a host that shows galleries, as it is on the wire."""

    async def ask():
        shows = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
        async with Client(server(bare=True), extensions=[shows]) as client:
            found = await client.call_tool("photos_search", {"things": ["dog"], "limit": 3})
            ids = [each["id"] for each in found.structured_content["items"]]
            return await client.call_tool("photos_show", {"ids": ids})

    return asyncio.run(ask()).model_dump(mode="json", by_alias=True, exclude_none=True)


def test_the_server_s_answer_is_shown_once_the_host_has_greeted(play, real):
    items = real["_meta"][ITEMS]["items"]
    sent, (before, after) = play(LOOK, greeted(), said("ui/notifications/tool-result", **real), LOOK)
    assert [message["method"] for message in sent[:2]] == ["ui/initialize", "ui/notifications/initialized"]
    assert sent[0]["params"].keys() == {"appInfo", "appCapabilities", "protocolVersion"}
    assert before["tiles"] == []
    assert "Waiting" in before["note"]
    assert [tile["source"] for tile in after["tiles"]] == [DATA + item["jpeg"] for item in items]
    assert [tile["alt"] for tile in after["tiles"]] == [item["name"] for item in items]
    assert after["note"].startswith("3 pictures · ")


def test_a_name_is_never_markup(play):
    rows = ({"id": "a", "name": EVIL}, {"id": "b", "name": EVIL, "jpeg": ""}, {"id": "c", "name": "c", "jpeg": '"><b>'})
    _, (plain, odd, large) = play(
        greeted(), three(), LOOK, shown(*rows), LOOK, ["click", "li:nth-child(2) .open"], LOOK
    )
    assert set(odd["elements"]) <= set(plain["elements"])
    assert [tile["alt"] for tile in odd["tiles"]] == [EVIL, None, None]
    assert odd["tiles"][1]["words"] == f"{EVIL}no picture"
    assert odd["tiles"][2]["words"] == "cno picture"
    assert large["large"]["name"] == EVIL


def test_the_host_hears_numbers_and_ids_of_what_is_chosen_and_no_names(play):
    taken = [["click", "li:nth-child(2) input"], answered(2), ["click", "li:nth-child(3) input"], answered(3)]
    sent, (chosen, cleared) = play(
        greeted(), three(), *taken, LOOK, ["click", "#clear"], answered(4), answered(5), LOOK
    )
    updates = [message["params"]["content"] for message in sent if message["method"] == "ui/update-model-context"]
    assert [block["text"] for content in updates for block in content][:2] == [
        "1 chosen in the gallery: 2 (id2)",
        "2 chosen in the gallery: 2 (id2), 3 (id3)",
    ]
    assert updates[-1] == []
    assert ".jpg" not in json.dumps(updates)
    assert chosen["note"] == "2 of 3 chosen"
    assert chosen["shown"] == ["Clear"]
    assert [tile["chosen"] for tile in cleared["tiles"]] == [False, False, False]


def test_a_host_that_keeps_no_context_is_offered_a_message(play):
    steps = [
        greeted(),
        three(),
        ["click", "li:nth-child(1) input"],
        refused(2),
        LOOK,
        ["click", "#tell"],
        answered(3),
        LOOK,
    ]
    sent, (offered, done) = play(*steps)
    assert offered["shown"] == ["Clear", "Send the choice"]
    assert sent[-1]["method"] == "ui/message"
    assert sent[-1]["params"] == {
        "role": "user",
        "content": [{"type": "text", "text": "1 chosen in the gallery: 1 (id1)"}],
    }
    assert done["note"] == "1 of 3 chosen · sent"


def test_better_pictures_are_read_only_where_the_host_reads_and_only_when_in_view(play):
    read = answered(2, contents=[{"uri": "x", "mimeType": "image/jpeg", "blob": BETTER}])
    bare = shown({"id": "a/b", "name": "a", "jpeg": ""}, {"id": "t", "name": "t.csv", "kind": "file", "jpeg": ""})
    deaf, _ = play(greeted(), bare, ["seen"])
    sent, (before, after) = play(greeted(serverResources={}), bare, LOOK, ["seen"], read, LOOK)
    assert "resources/read" not in {message["method"] for message in deaf}
    uris = [message["params"]["uri"] for message in sent if message["method"] == "resources/read"]
    assert uris == ["photos://node/a%2Fb/preview?px=256"]
    assert before["tiles"][0]["source"] is None
    assert after["tiles"][0]["source"] == DATA + BETTER


def test_the_names_in_the_text_are_enough_where_the_host_keeps_the_pictures(play, real):
    bare = {key: value for key, value in real.items() if key != "_meta"}
    _, (look,) = play(greeted(), said("ui/notifications/tool-result", **bare), LOOK)
    assert [tile["words"] for tile in look["tiles"]] == [
        f"{item['name']}no picture" for item in real["_meta"][ITEMS]["items"]
    ]


def test_keys_go_from_tile_to_tile_and_from_picture_to_picture(play):
    steps = [["key", "li:nth-child(1) .open", "ArrowRight"], LOOK, ["key", "li:nth-child(2) .open", "End"], LOOK]
    large = [
        ["click", "li:nth-child(1) .open"],
        LOOK,
        ["key", "#close", "ArrowRight"],
        LOOK,
        ["key", "#close", "Tab"],
        LOOK,
    ]
    _, looks = play(greeted(), three(), *steps, *large, ["click", "#close"], LOOK)
    right, end, opened, stepped, tabbed, closed = looks
    assert right["focus"] == "Enlarge 2: 2.jpg, 2 Jul 2023"
    assert [tile["stop"] for tile in end["tiles"]] == [False, False, True]
    assert opened["large"] == {"name": "1.jpg", "when": "1 of 3 · 1 July 2023", "source": DATA + SMALL}
    assert opened["focus"] == "Close"
    assert stepped["large"]["name"] == "2.jpg"
    assert tabbed["focus"] is None, "the first button of the window, which is known by its words"
    assert closed["large"] is None
    assert closed["focus"] == "Enlarge 2: 2.jpg, 2 Jul 2023"


def test_it_dresses_as_the_host_does_and_loads_nothing_for_it(play):
    variables = {"--color-text-primary": "#123456", "--font-sans": "url(http://127.0.0.1/x)", "color": "red"}
    context = {"theme": "dark", "styles": {"variables": variables}}
    _, (dark, light) = play(greeted(context), LOOK, said("ui/notifications/host-context-changed", theme="light"), LOOK)
    assert (dark["scheme"], light["scheme"]) == ("dark", "light")
    assert light["variables"] == ["--color-text-primary"]


def test_full_screen_is_offered_where_the_host_has_it_and_taken_as_the_host_says(play):
    modes = {"availableDisplayModes": ["inline", "fullscreen"], "displayMode": "inline"}
    sent, (plain, wide) = play(greeted(modes), three(), LOOK, ["click", "#full"], answered(2, mode="fullscreen"), LOOK)
    assert plain["shown"] == ["Full screen"]
    assert sent[-1]["params"] == {"mode": "fullscreen"}
    assert wide["shown"] == ["Leave full screen"]


def test_it_says_why_there_are_no_pictures(play):
    failed = "[not_found] No item has the id x. Look it up again."
    result = "ui/notifications/tool-result"
    rows = [
        (said("ui/notifications/tool-input", arguments={"ids": ["a", "b"]}), "Waiting for 2 …"),
        (said("ui/notifications/tool-cancelled", reason="no"), "The call was cancelled."),
        (said(result, isError=True, content=[{"type": "text", "text": failed}]), "No item has the id x."),
        (shown(), "There is nothing to show."),
        (said(result, content=[], _meta={ITEMS: {"items": "x"}}), "There is nothing to show."),
        (said(result), "There is nothing to show."),
    ]
    _, looks = play(greeted(), *(step for message, _ in rows for step in (message, LOOK)))
    assert [look["note"] for look in looks] == [note for _, note in rows]
    assert not any(look["tiles"] for look in looks)


def test_a_host_that_refuses_the_greeting_shows_a_sentence(play):
    _, (look,) = play(refused(1), LOOK)
    assert "their names are in the conversation" in look["note"]


def test_only_the_window_around_it_is_heard(play):
    _, (look,) = play(greeted(), [*three(), "stranger"], LOOK)
    assert look["tiles"] == []


def test_it_answers_the_host_s_requests(play):
    asked = [
        ["host", {"jsonrpc": "2.0", "id": 7, "method": method, "params": {}}]
        for method in ("ping", "ui/resource-teardown", "tools/list")
    ]
    sent, _ = play(greeted(), *asked)
    assert sent[-3:-1] == [{"jsonrpc": "2.0", "id": 7, "result": {}}] * 2
    assert sent[-1]["error"]["code"] == -32601
