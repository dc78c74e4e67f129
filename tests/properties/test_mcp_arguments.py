"""Whatever a client sends, it gets an answer or a coded refusal; and a server that may only read changes nothing."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import NodeId, Place
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server
from tests.contracts.pictures import jpeg
from tests.unit.mcp.described import described_once  # noqa: F401 - a server for each example
from tests.unit.mcp.everything import ALL, TOOLS, Index, Person, snapshot, told

CODED = re.compile(r"\[[a-z_]+\] .+\S", re.DOTALL)
KNOWN = ["cat.jpg", "beach.jpg", "rubbish.jpg"]
WORDS = [
    "Pictures/2023",
    "Pictures",
    "Rome",
    "2023-07",
    "P1",
    "root1/x",
    "type:(PHOTOS)",
    "plan:0123456789abcdef",
    "#1",
]


def value(schema, definitions):  # noqa: PLR0911 - one for each type of JSON
    """Return values as a published schema has them, or a little beside it."""
    if "$ref" in schema:
        return value(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return st.one_of(st.sampled_from(KNOWN + WORDS), st.text(max_size=40), st.just(""))
        case "integer":
            return st.one_of(st.integers(0, schema.get("maximum", 100)), st.integers())
        case "number":
            return st.floats(allow_nan=False)
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(value(schema.get("items", {}), definitions), max_size=3)
        case "object":
            values = schema.get("additionalProperties")
            inner = value(values if isinstance(values, dict) else {}, definitions)
            return st.dictionaries(st.text(max_size=10), inner, max_size=2)
    return st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10))


@st.composite
def calls(draw, names):
    """Return a tool and arguments for it; some are left out, and now and then one is of another kind."""
    name = draw(st.sampled_from(names))
    schema = TOOLS[name].parameters
    definitions = schema.get("$defs", {})
    arguments = {}
    for field, each in schema["properties"].items():
        if field in schema.get("required", []) or draw(st.booleans()):
            arguments[field] = draw(value(each, definitions))
    if "wait_s" in arguments:
        arguments["wait_s"] = 0
    if draw(st.integers(0, 9)) == 0:
        arguments[draw(st.sampled_from([*schema["properties"], "nonsense"]))] = draw(value({}, {}))
    return name, arguments


async def library():
    remote = MemoryRemote("home")
    ids = {}
    for number, name in enumerate(KNOWN):
        ids[name] = remote.seed(
            f"Pictures/2023/{name}",
            jpeg(color="red"),
            taken=datetime(2023, 7, 1 + number, tzinfo=UTC),
            place=Place(label="ITA#RM#Rome", city="Rome", region="RM", country="Italy"),
            things=("cat",),
        )
    remote.plant(ids["cat.jpg"], people=("P1",))
    await remote.create_album("Rome", members=[NodeId(ids["cat.jpg"])])
    await remote.trash(NodeId(ids["rubbish.jpg"]))
    return remote, ids


def meant(arguments, ids):
    """Put ids where the names of files stand for them."""
    if isinstance(arguments, dict):
        return {key: meant(each, ids) for key, each in arguments.items()}
    if isinstance(arguments, list):
        return [meant(each, ids) for each in arguments]
    return ids.get(arguments, arguments) if isinstance(arguments, str) else arguments


async def answered(allow, wishes, era):
    """Call tools, each once more with its plan where it gave one; return the library before and after."""
    remote, ids = await library()
    before = await snapshot(remote)
    server = build_server(remote, index=Index(), allow=allow, limits=Limits(wait_seconds=2.0))
    async with Client(server, mode=era, elicitation_callback=Person()) as client:
        for name, arguments in wishes:
            wish = meant(arguments, ids)
            result = await client.call_tool(name, wish)
            check(name, wish, result)
            plan = (result.structured_content or {}).get("plan")
            if plan:
                check(name, wish, await client.call_tool(name, wish | {"plan": plan}))
    return before, await snapshot(remote)


def check(name, arguments, result):
    assert result.content, (name, arguments)
    if result.is_error:
        assert CODED.fullmatch(told(result)), (name, arguments, told(result))
        assert not told(result).startswith("[unavailable]"), (name, arguments, told(result))


READING = [name for name, tool in TOOLS.items() if "plan" not in tool.parameters["properties"]]
BOUNDS = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@BOUNDS
@given(st.sampled_from(["2026-07-28", "legacy"]), st.lists(calls(sorted(TOOLS)), min_size=8, max_size=16))
def test_a_server_that_may_only_read_answers_everything_and_changes_nothing(era, wishes):
    before, after = asyncio.run(answered(frozenset(), wishes, era))
    assert before == after


@BOUNDS
@given(st.lists(calls(READING), min_size=8, max_size=16))
def test_tools_that_read_change_nothing_where_others_might(wishes):
    before, after = asyncio.run(answered(ALL, wishes, "2026-07-28"))
    assert before == after


@BOUNDS
@given(st.lists(calls(sorted(TOOLS)), min_size=8, max_size=16))
def test_a_server_that_may_do_everything_answers_or_refuses_and_never_breaks(wishes):
    asyncio.run(answered(ALL, wishes, "2026-07-28"))
