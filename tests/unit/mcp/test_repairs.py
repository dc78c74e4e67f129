"""Arguments as hosts and models send them."""

from __future__ import annotations

import pytest

from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.tools import catalogue
from ap_remote_mcp.tools.catalogue import gate_of, tools


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("photos_search", {"things": "cat"}),
        ("photos_search", {"things": '["cat"]'}),
        ("photos_search", {"from": 2023, "things": "cat"}),
        ("photos_search", {"from": "2023-07-20T08:00:00Z", "to": "2023-07-20 23:59", "things": ["cat"]}),
        ("photos_search", {"query": " ", "things": ["cat"]}),
    ],
)
async def test_what_can_mean_one_thing_only_is_put_right(open_client, library, tool, arguments):
    async with open_client(library.remote) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert [item["name"] for item in result.structured_content["items"]] == ["cat.jpg"]


async def test_an_id_alone_is_a_list_of_it_and_truths_are_yes_and_no(open_client, library, said):
    cat = library.ids["cat.jpg"]
    async with open_client(library.remote, allow=frozenset({"organise"})) as client:
        got = await client.call_tool("photos_get", {"ids": cat})
        marked = await client.call_tool("photos_mark", {"ids": cat, "favorite": True})
    assert got.structured_content["items"][0]["id"] == cat
    assert "[bad_argument]" not in said(marked)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mode": "magic"}, "it takes auto, "),
        ({"mode": "\ud800"}, "half a character"),
        ({"query": "a\udfff"}, "half a character"),
        ({"things": ["\ud83d"]}, "half a character"),
        ({"from": "yesterday"}, "a date is YYYY, YYYY-MM or YYYY-MM-DD - at `$.from`"),
        ({"to": "2023-02-30"}, "a date is YYYY"),
        ({"page": 2}, "use cursor"),
        ({"offset": 20}, "use cursor"),
        ({"limt": 5}, "known are query, like_id, "),
        ({"like_id": "FOLDER"}, "like_id is a folder"),
        ({"mode": "semantic", "query": "  "}, "needs query"),
    ],
)
async def test_what_is_wrong_is_told_with_what_would_be_right(
    *, open_client, library, make_index, said, arguments, words
):
    if arguments.get("like_id"):
        arguments = {"like_id": (await library.remote.stat("Pictures")).id}
    async with open_client(library.remote, index=make_index({"cat.jpg": 0.5})) as client:
        told = said(await client.call_tool("photos_search", arguments))
    assert told.startswith("[bad_argument]")
    assert words in told


async def test_a_field_that_is_unknown_and_a_tool_without_pages_name_what_there_is(open_client, library, said):
    async with open_client(library.remote) as client:
        told = said(await client.call_tool("photos_get", {"ids": ["x"], "page": 1}))
        none = said(await client.call_tool("photos_status", {"verbose": True}))
    assert "known are ids, detail" in told
    assert "this tool takes no arguments" in none


def test_the_table_of_what_brings_a_tool_has_every_tool_that_is_brought():
    free = {tool.name for tool in tools(frozenset())}
    for ability in Ability:
        for name in {tool.name for tool in tools(frozenset({ability}))} - free:
            assert gate_of(name) is not None
            assert gate_of(name) == ability or name == "photos_undo"
    assert set(catalogue._BRINGS) == {tool.name for tool in tools(frozenset(Ability))} - free
