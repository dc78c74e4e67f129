"""``ap index search | similar | duplicates`` over photographs in memory, as a person types them."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from ap_remote.backends.memory import MemoryRemote
from ap_remote.cli import find, index
from ap_remote.cli.main import app
from ap_remote.errors import ConfigError
from ap_remote.model import NodeId
from ap_remote.semantic import SemanticIndex
from tests.unit.semantic.planted import PlantedEncoder, picture


@pytest.fixture
def ap(tmp_path, monkeypatch):
    remote = MemoryRemote("local")
    for name in ("red", "orange", "yellow", "blue"):
        remote.seed(f"{name}.png", picture(name), favorite=name == "orange")
    remote.seed("Copies/red.png", picture("red"))
    asyncio.run(SemanticIndex(tmp_path / "index", PlantedEncoder()).build(remote))
    for module in (find, index):
        monkeypatch.setattr(module, "resolve", lambda spec, **_: (remote, ""))
        monkeypatch.setattr(
            module, "semantic_index", lambda spec, **_: SemanticIndex(tmp_path / "index", PlantedEncoder())
        )

    def run(*words, code=0):
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_words_have_weights_and_signs(ap):
    found = objects(ap("index", "search", "local:", "red -yellow^2", "--json", "--all"))
    assert {found[0]["name"]} == {"red.png"}
    assert found[-1]["score"] < found[0]["score"]
    assert {"z", "margin", "reason", "count", "duplicates"} <= found[0].keys()


def test_an_answer_goes_on_behind_its_cursor_and_an_empty_one_says_why(ap):
    assert "no picture is near enough" in ap("index", "search", "local:", "red", "--min-score", "2").output
    assert "uncalibrated" in ap("index", "search", "local:", "red", "--min-score", "auto").output
    ap("index", "search", "local:", "red", "--min-score", "much", code=2)
    ap("index", "search", "local:", 'red "blue', code=2)
    ap("index", "search", "local:", "red", "--after", "x", code=2)


def test_several_pictures_with_weights_are_one_question(ap, tmp_path):
    for name in ("red", "blue"):
        (tmp_path / f"{name}.png").write_bytes(picture(name))
    found = objects(
        ap("index", "similar", "local:", f"{tmp_path}/red.png^3", f"{tmp_path}/blue.png", "--json", "--all")
    )
    assert found[0]["name"] == "red.png"
    assert "2 pictures" in found[0]["reason"]


def test_a_weight_is_read_unless_it_is_in_the_name(tmp_path):
    (tmp_path / "a^2").write_bytes(b"x")
    assert find._example(f"{tmp_path}/a^2", 1).weight == 1
    assert find._example("id:NODE^.5", -1) == find.Example(NodeId("NODE"), -0.5)
    with pytest.raises(ConfigError, match="no such picture"):
        find._example(f"{tmp_path}/b^2", 1)


def test_duplicates_name_the_one_to_keep(ap):
    [group] = objects(ap("index", "duplicates", "local:", "--json"))
    assert group["kind"] == "exact"
    assert {group["keep"]["path"], *(each["path"] for each in group["others"])} == {"red.png", "Copies/red.png"}
    assert group["why"]
    assert "exact: keep" in ap("index", "duplicates", "local:").stdout
    assert ap("index", "duplicates", "local:", "--kind", "burst").stdout == ""
    ap("index", "duplicates", "local:", "--kind", "near", code=2)
