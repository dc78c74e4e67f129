"""The MCP Inspector's command line: the TypeScript client, over both transports and in both eras."""

from __future__ import annotations

import json

import pytest

from tests.mcp_check.conftest import MODULES, PATH, ROOT

INSPECTOR = MODULES / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
QUIET = ("-q", "--format", "json")
TOOL_FAILED = 5


@pytest.fixture(params=["legacy", "modern"])
def inspect(request, node, run):
    def start(*words):
        status, said, complained = run(node, str(INSPECTOR), "--cli", "--protocol-era", request.param, *words, *QUIET)
        return status, json.loads(said) if said.strip() else complained

    return start


@pytest.fixture
def over_http(bare):
    return ["--server-url", bare, "--transport", "http"]


@pytest.fixture
def over_stdio(command):
    return [*command, "--cwd", str(ROOT), "-e", f"PYTHONPATH={PATH}"]


def test_the_schemas_are_portable_over_http(inspect, over_http):
    status, answer = inspect(*over_http, "--method", "tools/list", "--strict")
    assert status == 0, answer
    assert answer["result"]["tools"][0]["name"] == "photos_search"


def test_the_schemas_are_portable_over_stdio(inspect, over_stdio):
    status, answer = inspect(*over_stdio, "--method", "tools/list", "--strict")
    assert status == 0, answer
    assert len(answer["result"]["tools"]) > 15


def test_tools_answer_and_refuse(inspect, over_http):
    call = [*over_http, "--method", "tools/call", "--tool-name"]
    status, found = inspect(*call, "photos_search", "--tool-args-json", '{"things": ["dog"], "limit": 3}')
    assert status == 0, found
    assert len(found["result"]["structuredContent"]["items"]) == 3
    status, refused = inspect(*call, "photos_search", "--tool-args-json", '{"limit": 0}')
    assert status == TOOL_FAILED, refused


def test_resources_and_prompts_are_listed(inspect, over_http):
    for method, key in (("resources/list", "resources"), ("prompts/list", "prompts")):
        status, answer = inspect(*over_http, "--method", method)
        assert status == 0, answer
        assert answer["result"][key]
