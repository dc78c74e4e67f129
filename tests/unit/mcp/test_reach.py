"""What the server can reach at all: no address that an argument names, no verb that no tool should have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ap_remote_mcp

SOURCES = {
    each.relative_to(Path(ap_remote_mcp.__file__).parent).as_posix(): each.read_text("utf-8")
    for each in sorted(Path(ap_remote_mcp.__file__).parent.rglob("*.py"))
}
TREES = {name: ast.parse(text) for name, text in SOURCES.items()}
SPEAKS = {"urllib.request": {"access.py"}, "socket": {"server.py"}, "uvicorn": {"server.py"}}
"""Who may import what could open a connection: keys of an issuer are fetched; HTTP is served on a listening socket."""
CLIENTS = {"httpx", "httpx2", "aiohttp", "requests", "http", "ftplib", "smtplib", "asyncio.subprocess", "subprocess"}
VERBS = {
    # of a remote: the modules that may say it
    "trash": {"tools/trash.py"},
    "restore": {"tools/trash.py"},
    "delete": {"tools/purge.py"},
    "put": {"tools/sending.py"},
    "move": {"tools/moving.py", "tools/albums.py", "tools/undo.py"},
    "mkdir": {"tools/moving.py", "tools/undo.py", "tools/sending.py"},
    "mark": {"tools/moving.py", "tools/undo.py"},
    "create_album": {"tools/albums.py"},
    "add_to_album": {"tools/albums.py"},
    "remove_from_album": {"tools/albums.py"},
    "name_person": {"tools/albums.py"},
}
NEVER = {
    "merge_people": "it cannot be taken back",
    "set_person_cover": "no tool needs it",
    "set_album_cover": "no tool needs it",
    "share": "nothing is made public",
    "create_share": "nothing is made public",
    "unshare": "nothing is made public",
    "links": "a link is a key to the picture",
    "link": "a link is a key to the picture",
    "cleanup": "the trash is emptied by a person",
    "empty_trash": "the trash is emptied by a person",
}


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def said_of_a_remote(tree):
    """Yield the verbs that are said of something called ``remote``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            (isinstance(node.value, ast.Name) and node.value.id == "remote")
            or (isinstance(node.value, ast.Attribute) and node.value.attr == "remote")
        ):
            yield node.attr


def test_the_sources_are_all_there():
    assert len(SOURCES) > 50
    assert "tools/purge.py" in SOURCES


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_opens_a_connection_but_where_it_must(name):
    found = set(imported(TREES[name]))
    for module, where in SPEAKS.items():
        assert module not in found or name in where, f"{name} imports {module}"
    assert not {each.split(".")[0] for each in found} & CLIENTS
    assert not {each for each in found if each.startswith(("ap_remote.transport", "ap_remote.api", "ap_remote.wire"))}


def test_the_only_address_that_is_fetched_comes_from_the_command_line():
    """``urlopen`` is called twice at most, by what asks the issuer; what it asks is no argument of a tool."""
    calls = [
        (name, node)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "urlopen" in ast.unparse(node.func)
    ]
    assert {name for name, _ in calls} == {"access.py"}
    # Tools import nothing of access.py: the contract of the layers forbids it, and so does this.
    assert not [
        name for name, tree in TREES.items() if name.startswith("tools/") and "access" in str(set(imported(tree)))
    ]


def texts(tree):
    """Yield the strings of a source that are no docstrings."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_no_source_names_a_host_but_this_machine():
    address = re.compile(r"(?:https?|wss?|ftp)://([A-Za-z0-9_.\[\]:-]+)")
    hosts = {host for tree in TREES.values() for text in texts(tree) for host in address.findall(text)}
    assert hosts <= {"127.0.0.1", "localhost", "[::1]"}


def test_no_tool_takes_an_address():
    from tests.unit.mcp.everything import TOOLS

    for tool in TOOLS.values():
        for name, schema in tool.parameters["properties"].items():
            assert "uri" not in schema.get("format", "")
            assert not re.search(r"url|uri|href|host|address|endpoint|account|credential|token\b|cookie", name), name


@pytest.mark.parametrize("name", SOURCES)
def test_each_verb_of_a_remote_is_said_where_it_belongs(name):
    for verb in said_of_a_remote(TREES[name]):
        assert verb not in NEVER, f"{name}: {NEVER[verb]}"
        assert name in VERBS.get(verb, {name}), f"{name} says {verb}"


def test_every_verb_of_the_table_is_said_somewhere():
    said = {verb for tree in TREES.values() for verb in said_of_a_remote(tree)}
    assert VERBS.keys() <= said | {"put"}
    assert "delete" in said, "otherwise this looks for the wrong thing"


def test_the_words_of_sharing_are_in_no_source():
    for name, text in SOURCES.items():
        assert not re.search(r"\b(create_share|shareId|share_link|share_url|tempLink|temp_link)\b", text), name


def test_nothing_is_run_by_a_shell_or_from_text():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}, name
                assert "pickle" not in called, name
