"""Every tool, once as it should be called and once as it should not, by clients of both protocol eras."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import get_type_hints

import jsonschema
import msgspec
import pytest

from tests.unit.mcp.everything import CHANGING, PICTURES, TOOLS, Person, call, compact, nulls, populate, told, world

NOBODY = "nobody"
TABLE = {
    # tool: how it is called, how it is called wrongly, the code of the refusal
    "photos_search": (lambda w: {"query": "beach"}, lambda w: {"filter": "things:("}, "bad_query"),
    "photos_list": (lambda w: {"depth": 2}, lambda w: {"path": "Nowhere"}, "not_found"),
    "photos_get": (lambda w: {"ids": [w.ids["cat.jpg"], NOBODY], "detail": "all"}, lambda w: {}, "bad_argument"),
    "photos_facets": (lambda w: {"by": "place"}, lambda w: {"by": "thing", "place": "Atlantis"}, "not_found"),
    "photos_view": (lambda w: {"ids": [w.ids["cat.jpg"]]}, lambda w: {"ids": [NOBODY]}, "not_found"),
    "photos_contact_sheet": (
        lambda w: {"filter": "type:(PHOTOS)"},
        lambda w: {"ids": [NOBODY], "query": "cat"},
        "bad_argument",
    ),
    "photos_show": (lambda w: {"ids": [w.ids["cat.jpg"]]}, lambda w: {"ids": [NOBODY]}, "not_found"),
    "photos_duplicates": (lambda w: {}, lambda w: {"cursor": "forged"}, "bad_argument"),
    "photos_suggest_folders": (
        lambda w: {"by": "month", "min_size": 2},
        lambda w: {"path": "Nowhere"},
        "not_found",
    ),
    "photos_status": (lambda w: {}, lambda w: {"verbose": True}, "bad_argument"),
    "photos_job": (lambda w: {"job_id": w.job, "wait_s": 1}, lambda w: {"job_id": "0" * 32}, "not_found"),
    "photos_sync": (lambda w: {"what": "embeddings"}, lambda w: {"limit": -1}, "bad_argument"),
    "photos_move": (
        lambda w: {"ids": [w.ids["cat.jpg"]], "to": "Pictures/2024"},
        lambda w: {"ids": [w.ids["cat.jpg"]], "to": "Nowhere"},
        "not_found",
    ),
    "photos_album": (
        lambda w: {"action": "add", "album": "Rome", "ids": [w.ids["cat.jpg"]]},
        lambda w: {"action": "add", "album": "Nowhere", "ids": [w.ids["cat.jpg"]]},
        "not_found",
    ),
    "photos_mark": (
        lambda w: {"ids": [w.ids["cat.jpg"]], "favorite": "yes"},
        lambda w: {"ids": [w.ids["cat.jpg"]]},
        "bad_argument",
    ),
    "photos_apply_folders": (lambda w: {"plan_id": w.plan}, lambda w: {"plan_id": "0" * 16}, "not_found"),
    "photos_person": (
        lambda w: {"person": "P1", "name": "Ada"},
        lambda w: {"person": NOBODY, "name": "Ada"},
        "not_found",
    ),
    "photos_upload": (
        lambda w: {"paths": ["root1/new.jpg"], "to": "Pictures/New"},
        lambda w: {"paths": ["/etc/passwd"], "to": "Pictures/New"},
        "outside_roots",
    ),
    "photos_download": (
        lambda w: {"ids": [w.ids["cat.jpg"]], "to": "root1/out"},
        lambda w: {"ids": [w.ids["cat.jpg"]], "to": "/etc"},
        "outside_roots",
    ),
    "photos_trash": (lambda w: {"ids": [w.ids["cat.jpg"]]}, lambda w: {"ids": [w.ids["Rome"]]}, "bad_argument"),
    "photos_restore": (
        lambda w: {"ids": [w.ids["coffee.jpg"]]},
        lambda w: {"ids": [w.ids["coffee.jpg"]], "plan": "forged"},
        "plan_stale",
    ),
    "photos_purge": (lambda w: {"ids": [w.ids["coffee.jpg"]]}, lambda w: {"ids": [w.ids["cat.jpg"]]}, "bad_argument"),
    "photos_undo": (lambda w: {"id": w.op}, lambda w: {"id": "0" * 16}, "not_found"),
}

# readOnly, destructive, idempotent, openWorld, as the design's table has them. Of a tool that only reads, the second
# and the third mean nothing.
MARKS = {
    "photos_search": (True, None, None, True),
    "photos_list": (True, None, None, True),
    "photos_get": (True, None, None, True),
    "photos_facets": (True, None, None, True),
    "photos_view": (True, None, None, True),
    "photos_contact_sheet": (True, None, None, True),
    "photos_show": (True, None, None, True),
    "photos_duplicates": (True, None, None, True),
    "photos_suggest_folders": (True, None, None, False),
    "photos_status": (True, None, None, False),
    "photos_job": (True, None, None, False),
    "photos_sync": (False, False, True, True),
    "photos_apply_folders": (False, False, True, True),
    "photos_move": (False, False, True, True),
    "photos_album": (False, True, True, True),
    "photos_mark": (False, False, True, True),
    "photos_person": (False, False, True, True),
    "photos_upload": (False, False, True, True),
    "photos_download": (False, False, True, True),
    "photos_trash": (False, True, True, True),
    "photos_restore": (False, False, True, True),
    "photos_undo": (False, False, True, True),
    "photos_purge": (False, True, True, True),
}


@pytest.fixture
async def place(library, tmp_path, make_jpeg):
    made = world(library, tmp_path, make_jpeg)
    await populate(made)
    return made


async def prepare(client, made):
    """Let there be a job, a plan of folders and a change, for the tools that take one."""
    made.job = (await call(client, "photos_sync", what="embeddings"))["job_id"]
    made.plan = (await call(client, "photos_suggest_folders", by="month", min_size=2))["plan_id"]
    wish = {"ids": [made.ids["dog.jpg"]], "favorite": "yes"}
    made.op = (await call(client, "photos_mark", plan=(await call(client, "photos_mark", **wish))["plan"], **wish))[
        "op_id"
    ]


def shape(name):
    """Return the schema of a tool's answer, whether it is published or not."""
    return msgspec.json.schema(get_type_hints(TOOLS[name].fn)["return"])


def check_answer(name, result, published):
    """Assert what holds for every answer that is no refusal."""
    assert not result.is_error, result.content
    if name in PICTURES:
        assert result.structured_content is None, "hosts would paste it as text"
        for block in result.content:
            if block.type == "image":
                assert block.mime_type == "image/jpeg"
                assert b64decode(block.data).startswith(b"\xff\xd8\xff")
        return
    (block,) = result.content
    assert block.type == "text"
    assert json.loads(block.text) == result.structured_content
    assert block.text == compact(result.structured_content)
    assert nulls(result.structured_content) == 0
    jsonschema.Draft202012Validator(shape(name)).validate(result.structured_content)
    if published is not None:
        jsonschema.Draft202012Validator(published).validate(result.structured_content)


async def test_the_tables_have_every_tool_and_no_other(open_client, place):
    async with open_client(server=place.server()) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert TABLE.keys() == names
    assert MARKS.keys() == names


async def test_the_annotations_are_those_of_the_design(open_client, place):
    """What is left out counts as the protocol says: it writes, it destroys, it is not idempotent, it is open."""
    async with open_client(server=place.server()) as client:
        published = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    for name, (reads, destroys, repeats, opens) in MARKS.items():
        marks = published[name]
        assert bool(marks.read_only_hint) is reads, name
        assert (marks.open_world_hint is not False) is opens, name
        if not reads:
            assert (marks.destructive_hint is not False) is destroys, name
            assert bool(marks.idempotent_hint) is repeats, name


@pytest.mark.parametrize("name", TABLE)
async def test_a_tool_answers_in_both_halves_what_its_schema_says(open_client, place, name):
    person = Person()
    async with open_client(server=place.server(), on_question=person) as client:
        published = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}[name]
        await prepare(client, place)
        person.questions.clear()
        arguments = TABLE[name][0](place)
        result = await client.call_tool(name, arguments)
        check_answer(name, result, published)
        if name not in CHANGING:
            return
        assert person.questions == [], "a preview asks nobody"
        shown = result.structured_content
        assert shown["preview"]["count"] >= 1 or name == "photos_person"
        done = await client.call_tool(name, arguments | {"plan": shown["plan"]})
    check_answer(name, done, published)
    assert len(set(person.questions)) == 1
    assert done.structured_content["op_id"]
    job = done.structured_content.get("job")
    assert job is None or job["state"] == "done", job


async def test_every_tool_refuses_with_its_code_and_the_next_step(open_client, place):
    async with open_client(server=place.server(), on_question=Person()) as client:
        for name, (_, wrong, code) in TABLE.items():
            result = await client.call_tool(name, wrong(place))
            assert result.is_error, name
            assert result.structured_content is None, name
            (block,) = result.content
            assert block.text.startswith(f"[{code}] "), (name, block.text)
            assert len(block.text.splitlines()) == 1, name
            assert len(block.text.partition("] ")[2].split(". ")) >= 2, f"{name}: what happened, and what to do next"


@pytest.mark.parametrize("name", sorted(PICTURES - {"photos_show"}))
async def test_a_tool_that_shows_pictures_sends_some(open_client, place, name):
    async with open_client(server=place.server()) as client:
        result = await client.call_tool(name, TABLE[name][0](place))
    assert any(block.type == "image" for block in result.content)
    assert told(result)
