"""What the pages tell hosts to start: each line and snippet is read and given to the parser of the command it names."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ap_remote.cli import servers
from ap_remote.cli.main import app
from ap_remote_mcp import server
from ap_remote_mcp.policy.abilities import parse

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "mcp.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REGISTRY = json.loads((ROOT / "server.json").read_text("utf-8"))
KEYS = ("mcpServers", "servers", "mcp_servers", "context_servers")
HOSTS = ("claude mcp add", "codex mcp add", "gemini mcp add")
STARTS = ("ap mcp", "ap-remote-mcp", "uvx", *HOSTS)


def blocks(text, *languages):
    """Return the fenced blocks of a page that are in one of the languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [body for language, body in found if language in languages]


def snippets(text, language):
    """Return the servers that a page's snippets of a language name."""
    read = [json.loads(each) if language == "json" else tomllib.loads(each) for each in blocks(text, language)]
    return [server for each in read for key in KEYS for server in each.get(key, {}).values()]


def lines(text):
    """Return the lines of a page's shell blocks, and what it quotes, that start a server or tell a host to."""
    shell = "\n".join(blocks(text, "", "console")).replace("\\\n", " ")
    quoted = [
        each
        for each in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
        if " " in each
    ]
    return [each for line in [*shell.splitlines(), *quoted] if (each := line.removeprefix("$ ")).startswith(STARTS)]


def command(line):
    """Return the command that a line starts, after what it tells the host; ``None`` where it names an address."""
    words = shlex.split(line, comments=True)
    if not line.startswith(HOSTS):
        return words
    if any(each.startswith("https://") for each in words):
        return None
    return words[words.index("--") + 1 :] if "--" in words else words[words.index("photos") + 1 :]


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Give a command to the parser that reads it; answers with what the server would be started with."""
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    seen = []

    def serve(spec, **options):
        seen.append((spec, options))

    monkeypatch.setattr(servers, "_find", lambda *_: serve)
    monkeypatch.setattr(server, "serve", serve)

    def start(words):
        seen.clear()
        program, *rest = words
        if program == "uvx":
            source, package, program, *rest = rest
            assert source == "--from"
            assert package in (f"{PACKAGE['name']}[mcp]", "/path/to/checkout[mcp]"), "the server is an extra"
        name = Path(program).name
        assert name in PACKAGE["scripts"]
        if name == "ap-remote-mcp":
            assert server.main(rest) == 0
        else:
            assert rest[0] == "mcp"
            done = CliRunner().invoke(app, rest)
            assert done.exit_code == 0, done.output
        ((spec, options),) = seen
        parse(options["allow"])
        return spec, options

    return start


def test_pages_have_lines_for_every_host():
    told = " ".join(lines(GUIDE))
    assert all(each in told for each in (*HOSTS, "ap mcp home: --http", "uvx --from"))
    assert lines(README)
    assert {key for key in KEYS if f'"{key}"' in GUIDE or f"[{key}." in GUIDE} == set(KEYS)


@pytest.mark.parametrize("line", [*lines(GUIDE), *lines(README)])
def test_a_line_of_the_pages_is_one_that_the_command_takes(started, line):
    words = command(line)
    if words is None:
        assert re.search(r"--transport http \w+ https://\S+/mcp( |$)", line)
        return
    spec, options = started(words)
    assert spec in (None, "local:", "home:")
    assert "transfer" not in options["allow"] or options["roots"]


@pytest.mark.parametrize("each", [*snippets(GUIDE, "json"), *snippets(GUIDE, "toml")], ids=str)
def test_a_snippet_of_the_pages_starts_the_server_or_names_one(started, each):
    if "command" in each:
        started([each["command"], *each["args"]])
        assert each.get("type", "stdio") == "stdio"
    else:
        assert each["url"] == "https://photos.example.org/mcp"
        assert each.keys() & {"headers", "bearer_token_env_var"}
        secret = json.dumps(each.get("headers", {}))
        assert not re.search(r"Bearer [A-Za-z0-9]", secret), "a token never stands in a file that is shared"


def test_a_token_that_is_asked_for_is_not_shown():
    (asking,) = (each for each in blocks(GUIDE, "json") if "${input:" in each)
    read = json.loads(asking)
    (wanted,) = set(re.findall(r"\$\{input:(\w+)\}", asking))
    (given,) = read["inputs"]
    assert (given["id"], given["password"]) == (wanted, True)


def test_what_the_registry_is_told_starts_the_server(started, tmp_path):
    (package,) = REGISTRY["packages"]
    filled = {"--allow": "organise,transfer", "--root": str(tmp_path), "remote": "home:"}
    words = [package["identifier"]]
    for each in package["packageArguments"]:
        if each["type"] == "named":
            words += [each["name"], filled[each["name"]]]
        else:
            words.append(each.get("value") or filled[each["valueHint"]])
    spec, options = started(words)
    assert spec == "home:"
    assert options["allow"] == {"organise", "transfer"}
    assert options["roots"] == [tmp_path]
    assert started([package["identifier"], "mcp", "local:"])[1]["allow"] == frozenset()
