"""Schemas and arguments: what a model reads about the tools, and what it may send."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, get_args

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.server.mcpserver import Context

from ap_remote_mcp.context import App
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.results.items import Details
from ap_remote_mcp.results.pages import (
    Change,
    Copies,
    Duplicates,
    Facets,
    FolderIdea,
    Found,
    Job,
    Listing,
    LocalFile,
    PlannedAlbum,
    PlannedMember,
    PlannedMembers,
    Preview,
    SearchPage,
    ServerStatus,
    Suggestions,
)
from ap_remote_mcp.tools.bridge import make, repaired
from ap_remote_mcp.tools.catalogue import tools
from ap_remote_mcp.tools.landing import Line
from ap_remote_mcp.tools.parameters import READS
from ap_remote_mcp.tools.saving import Saved
from ap_remote_mcp.tools.sending import Sent

GOLDEN = Path(__file__).with_name("tools_list.json")
DOCS = Path(__file__).parents[3] / "docs" / "mcp.md"
BUDGET = 2200
"""Tokens that a model pays for the read-only tools, four bytes each."""


def wire(tool):
    return tool.model_dump(mode="json", by_alias=True, exclude_none=True)


def tokens(listed):
    return sum(len(json.dumps(wire(tool), separators=(",", ":"), ensure_ascii=False).encode()) for tool in listed) / 4


async def listed(open_client, library, **options):
    async with open_client(library.remote, **options) as client:
        return (await client.list_tools()).tools


async def test_the_tools_are_what_was_agreed(open_client, library):
    """Set AP_REWRITE_GOLDEN to accept a change, and read the difference."""
    found = [wire(tool) for tool in await listed(open_client, library, allow=frozenset(Ability))]
    if "AP_REWRITE_GOLDEN" in os.environ:
        GOLDEN.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    assert found == json.loads(GOLDEN.read_text("utf-8"))


async def test_the_tools_are_cheap_to_read(open_client, library):
    assert tokens(await listed(open_client, library)) <= BUDGET
    assert tokens(await listed(open_client, library, allow=frozenset(Ability))) <= 4000


async def test_every_schema_is_portable(open_client, library):
    for tool in await listed(open_client, library, allow=frozenset(Ability)):
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        for name, schema in tool.input_schema.get("properties", {}).items():
            assert "anyOf" not in schema, f"{tool.name}.{name} has no null"
            assert "" not in schema.get("enum", []), f"{tool.name}.{name}: some hosts refuse an empty choice"
        if tool.output_schema is not None:
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)
            assert tool.output_schema["type"] == "object"
        assert len(tool.name) <= 40
        assert 20 < len(tool.description) < 500
        assert tool.title is None or not said_by_the_name(tool), f"{tool.name}: its title says what the name says"


def said_by_the_name(tool):
    return all(word in tool.name.split("_") for word in tool.title.lower().split())


async def test_answers_fit_their_schemas(open_client, library):
    calls = {
        "photos_search": {},
        "photos_list": {"path": "Pictures/2023"},
        "photos_get": {"ids": [library.ids["cat.jpg"]], "detail": "all"},
        "photos_facets": {"by": "place"},
        "photos_status": {},
        "photos_trash": {"ids": [library.ids["cat.jpg"]]},
        "photos_restore": {"ids": [library.ids["cat.jpg"]]},
    }
    async with open_client(library.remote, allow=frozenset({"trash"})) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        for name, arguments in calls.items():
            answer = (await client.call_tool(name, arguments)).structured_content
            jsonschema.Draft202012Validator(schemas[name] or PLAIN[name]).validate(answer)


PLAIN = {
    name: msgspec.json.schema(struct)
    for struct, names in {Change: ("photos_trash", "photos_restore"), ServerStatus: ("photos_status",)}.items()
    for name in names
}
"""Answers whose schema is not published, for it would tell a model nothing; clients may still rely on their fields."""


async def test_only_removing_is_marked_destructive(open_client, library):
    marks = {
        tool.name: (bool(tool.annotations.read_only_hint), bool(tool.annotations.destructive_hint))
        for tool in await listed(open_client, library, allow=frozenset(Ability))
    }
    for tool in await listed(open_client, library, allow=frozenset(Ability)):
        if not tool.annotations.read_only_hint:
            assert tool.annotations.destructive_hint is not None, f"{tool.name}: unsaid, it counts as destructive"
    assert marks.pop("photos_trash") == (False, True)
    assert marks.pop("photos_purge") == (False, True)
    assert marks.pop("photos_album") == (False, True), "it takes pictures out of an album"
    for changes in (
        "photos_restore",
        "photos_move",
        "photos_mark",
        "photos_person",
        "photos_undo",
        "photos_sync",
        "photos_apply_folders",
        "photos_upload",
        "photos_download",
    ):
        assert marks.pop(changes) == (False, False)
    assert {read_only for read_only, _ in marks.values()} == {True}


@pytest.mark.parametrize(
    ("tool", "arguments", "part"),
    [
        ("photos_search", {"limit": 101}, "`$.limit`"),
        ("photos_search", {"limit": "many"}, "`$.limit`"),
        ("photos_search", {"limt": 5}, "unknown field `limt`"),
        ("photos_search", {"query": "x" * 501}, "`$.query`"),
        ("photos_search", {"mode": "magic"}, "`$.mode`"),
        ("photos_search", {"from": "yesterday"}, "`$.from`"),
        ("photos_search", {"people": [""]}, "`$.people[0]`"),
        ("photos_get", {}, "`ids`"),
        ("photos_get", {"ids": []}, "`$.ids`"),
        ("photos_get", {"ids": ["x"] * 51}, "`$.ids`"),
        ("photos_get", {"ids": [7]}, "`$.ids[0]`"),
        ("photos_get", {"ids": ["x" * 129]}, "`$.ids[0]`"),
        ("photos_view", {"ids": ["x"], "max_px": 4000}, "`$.max_px`"),
        ("photos_view", {"ids": ["x"] * 5}, "`$.ids`"),
        ("photos_contact_sheet", {"ids": ["x"] * 37}, "`$.ids`"),
        ("photos_facets", {"by": "mood"}, "`$.by`"),
        ("photos_list", {"depth": 3}, "`$.depth`"),
        ("photos_trash", {"ids": ["x"] * 201}, "`$.ids`"),
        ("photos_trash", {"ids": ["x"], "sure": {"confirm": True}}, "unknown field `sure`"),
        ("photos_upload", {"paths": ["a.jpg"], "to": ""}, "`$.to`"),
        ("photos_upload", {"paths": ["a.jpg"], "to": "x", "dedupe": "replace"}, "`$.dedupe`"),
        ("photos_upload", {"paths": [], "to": "x"}, "`$.paths`"),
        ("photos_download", {"ids": ["x"] * 201, "to": "root1"}, "`$.ids`"),
        ("photos_download", {"ids": ["x"], "to": "root1", "size": "huge"}, "`$.size`"),
        ("photos_duplicates", {"kind": "similar"}, "`$.kind`"),
        ("photos_duplicates", {"threshold": 0.98}, "unknown field `threshold`"),
        ("photos_suggest_folders", {"by": "label"}, "`$.by`"),
        ("photos_suggest_folders", {"max_folders": 101}, "`$.max_folders`"),
        ("photos_suggest_folders", {"min_size": 1}, "`$.min_size`"),
        ("photos_status", {"account": "other"}, "unknown field `account`"),
    ],
)
async def test_bad_arguments_are_refused_where_they_are(*, open_client, library, said, tool, arguments, part):
    async with open_client(library.remote, allow=frozenset({"trash", "transfer"})) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert said(result).startswith(f"[bad_argument] {tool}: ")
    assert part in said(result)


async def test_arguments_that_a_host_sent_as_strings_are_read(open_client, library):
    cat = library.ids["cat.jpg"]
    async with open_client(library.remote) as client:
        got = await client.call_tool("photos_get", {"ids": json.dumps([cat])})
        page = await client.call_tool("photos_search", {"limit": "2", "fav": "false"})
        number = await client.call_tool("photos_search", {"query": "2023", "mode": "metadata"})
    assert got.structured_content["items"][0]["id"] == cat
    assert len(page.structured_content["items"]) == 2
    assert number.structured_content["items"], "a text stays a text"


class _Loose(msgspec.Struct):
    text: str = ""
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    ids: tuple[str, ...] = ()
    flag: bool = False


@given(st.dictionaries(st.sampled_from(["text", "count", "ids", "flag", "other"]), st.text(max_size=20)))
@settings(max_examples=60)
def test_repairing_touches_no_text_and_never_fails(arguments):
    read = repaired(arguments, _Loose)
    assert read.keys() == arguments.keys()
    assert read.get("text") == arguments.get("text")
    assert read.get("other") == arguments.get("other")


def test_a_tool_is_made_of_its_signature_and_its_docstring():
    class Answer(msgspec.Struct):
        """Not published."""

        n: int
        more: str = ""

    async def photos_probe(
        ctx: Context[App], *, from_: Annotated[str, msgspec.Meta(max_length=3, description="where")] = "", n: int
    ) -> Answer:
        """Probe
        something.

        Raises:
            Nothing: that a model should read.
        """
        return Answer(n=n)

    photos_probe.__annotations__ |= {
        "ctx": Context[App],
        "from_": Annotated[str, msgspec.Meta(max_length=3, description="where")],
        "n": int,
        "return": Answer,
    }
    tool = make(photos_probe, title="Probe", annotations=READS)
    assert tool.description == "Probe something."
    assert tool.parameters == {
        "type": "object",
        "properties": {"from": {"type": "string", "description": "where"}, "n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    assert tool.output_schema == {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_the_guide_names_every_tool_and_every_field():
    text = DOCS.read_text("utf-8")
    for tool in tools(frozenset(Ability)):
        assert f"`{tool.name}`" in text
    shown = (Copies, Duplicates, FolderIdea, PlannedAlbum, PlannedMember, PlannedMembers, Suggestions)
    for struct in (
        *shown,
        LocalFile,
        Sent,
        Saved,
        Line,
        Details,
        SearchPage,
        Listing,
        Found,
        Facets,
        Preview,
        Change,
        Job,
        ServerStatus,
    ):
        for field in msgspec.structs.fields(struct):
            assert f"`{field.encode_name}`" in text, f"{struct.__name__}.{field.encode_name} is not documented"


def test_the_set_of_tools_is_one_for_each_ability():
    read_only = [tool.name for tool in tools(frozenset())]
    for ability in get_args(Ability) or Ability:
        assert [tool.name for tool in tools(frozenset({ability}))][: len(read_only)] == read_only
