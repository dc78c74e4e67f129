"""``docs/protocol.md`` is held to the code: what it names is there, and nothing is left out."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from starlette.routing import Route

from ap_remote_emulator.app import create_app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/protocol.md"
CODE = re.compile(r"`([^`]+)`")
CALL = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\{d\}|\{c\}|/)(\S*)")
FUNCTION = re.compile(r"[a-z_0-9.]+:[\w.]+")
CALLS = ["call", "evidence", "our client", "the service", "tests of the client", "tests of the service", "strangers"]
EVIDENCE = ("recorded", "documented", "inferred", "own choice", "doubtful")
NOT_BUILT = "not built"
ABSENT = "absent on purpose"


class Table(NamedTuple):
    """One table of the page: its header and its rows, cell by cell."""

    header: list[str]
    rows: list[list[str]]


def _tables() -> Iterator[Table]:
    lines = [*PAGE.read_text("utf-8").splitlines(), ""]
    block: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            block.append([cell.strip() for cell in line.strip()[1:-1].split("|")])
        elif block:
            yield Table(header=block[0], rows=block[2:])
            block = []


TABLES = list(_tables())
ROWS = [row for table in TABLES if table.header == CALLS for row in table.rows]


@cache
def _tests_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    places = [tree, *(each for each in ast.walk(tree) if isinstance(each, ast.ClassDef))]
    found = (each for place in places for each in place.body)
    return frozenset(each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def _named(cell: str, *, own: bool = True) -> list[str]:
    """Return the tests that a cell names, of ours or of strangers' clients."""
    tests = [each for each in CODE.findall(cell) if "::" in each]
    return [each for each in tests if each.startswith("tests/interop/") is not own]


def _spans(cell: str) -> list[str]:
    return [each for each in CODE.findall(cell) if FUNCTION.fullmatch(each)]


def _exists(name: str, package: str) -> bool:
    module, _, path = name.partition(":")
    found: object = importlib.import_module(f"{package}.{module}")
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is not None


def _place(prefix: str, path: str) -> str:
    start = {"{d}": "/drive/v1", "{c}": "", "/": "/"}[prefix]
    return re.sub(r"\{\w+\}", "{}", start + path.partition("?")[0])


def test_the_page_has_its_tables() -> None:
    assert all(len(row) == len(table.header) for table in TABLES for row in table.rows)
    assert len(ROWS) > len(EVIDENCE)


def test_every_test_that_the_page_names_exists() -> None:
    text = PAGE.read_text("utf-8")
    named = set(re.findall(r"tests/[\w/]+\.py::\w+", text))
    assert text.count("::") == len(re.findall(r"`tests/[\w/]+\.py::test_\w+`", text))
    missing = {
        each
        for each in named
        for path, _, test in [each.partition("::")]
        if not (ROOT / path).is_file() or test not in _tests_in(path)
    }
    assert missing == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace("`", "")[:60])
def test_a_call_has_its_evidence_and_a_test_on_either_side(row: list[str]) -> None:
    _, evidence, client, service, of_client, of_service, strangers = row
    assert evidence.startswith(EVIDENCE)
    assert client
    assert service
    assert client.startswith(NOT_BUILT) or _named(of_client)
    assert service.startswith(ABSENT) or _named(of_service) or _named(strangers, own=False)
    assert len(_named(strangers, own=False)) == strangers.count("::")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace("`", "")[:60])
def test_a_side_that_lacks_a_call_says_so_and_the_other_names_its_code(row: list[str]) -> None:
    _, evidence, client, service, of_client, _, _ = row
    assert client.startswith((f"{NOT_BUILT}: ", "none: ")) or _spans(client)
    assert service.startswith(ABSENT) or _spans(service) or evidence == "doubtful"
    assert (of_client == NOT_BUILT) == client.startswith(NOT_BUILT)
    assert [each for each in _spans(client) if not _exists(each, "ap_remote")] == []
    assert [each for each in _spans(service) if not _exists(each, "ap_remote_emulator.handlers")] == []


def test_functions_named_beside_behaviours_exist() -> None:
    found = 0
    for table in TABLES:
        if table.header == CALLS or "our client" not in table.header:
            continue
        for row in table.rows:
            names = _spans(row[table.header.index("our client")])
            found += len(names)
            assert [each for each in names if not _exists(each, "ap_remote")] == []
    assert found


def test_every_row_with_evidence_has_a_word_of_the_legend() -> None:
    other = [
        row[0]
        for table in TABLES
        if "evidence" in table.header
        for row in table.rows
        if not row[table.header.index("evidence")].startswith(EVIDENCE)
    ]
    assert other == []


def test_every_behaviour_and_every_open_question_has_tests() -> None:
    bare = [
        (row[0], head)
        for table in TABLES
        if table.header != CALLS
        for row in table.rows
        for head, cell in zip(table.header, row, strict=True)
        if head.startswith("tests") and not _named(cell)
        if head != "tests of the client" or not row[2].startswith("nothing: ")
    ]
    assert bare == []
    assert any(table.header == ["question", "what we do", "tests"] for table in TABLES)


def test_every_route_of_the_service_has_a_row_and_no_built_row_lacks_its_route(tmp_path: Path) -> None:
    app = create_app(tmp_path / "data")
    routes = {
        (method, re.sub(r"\{\w+\}", "{}", route.path))
        for route in app.routes
        if isinstance(route, Route) and not route.path.startswith("/_internal")
        for method in route.methods or ()
        if method != "HEAD"
    }
    rows = [(row, CALL.findall(" ".join(CODE.findall(row[0])))) for row in ROWS]
    built = {(m, _place(*where)) for row, calls in rows if not row[3].startswith(ABSENT) for m, *where in calls}
    absent = {(m, _place(*where)) for row, calls in rows if row[3].startswith(ABSENT) for m, *where in calls}
    assert routes - built == set()
    assert built - routes == set()
    assert absent & routes == set()


def test_every_function_that_makes_a_call_is_named_in_a_row() -> None:
    makers = {
        f"api.{file.stem}:{each.name}"
        for file in (ROOT / "ap_remote/api").glob("*.py")
        for each in ast.parse(file.read_text("utf-8")).body
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_") and each.returns is not None
        if ast.unparse(each.returns).startswith("Call[")
    }
    named = {name for row in ROWS if not row[2].startswith(NOT_BUILT) for name in _spans(row[2])}
    assert makers
    assert makers - named == set()
