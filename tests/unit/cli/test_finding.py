"""``ap index search | similar | duplicates`` over photographs in memory, as a person types them."""

from __future__ import annotations

import asyncio
import json
import shlex

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
    assert {"cosine", "z", "margin", "reason", "count", "duplicates"} <= found[0].keys()
    assert all(each["reason"].startswith(f"cosine {each['cosine']:.2f} with") for each in found)


def test_an_answer_goes_on_behind_its_cursor_and_an_empty_one_says_why(ap):
    assert "no picture is near enough" in ap("index", "search", "local:", "red", "--min-score", "2").output
    assert "uncalibrated" in ap("index", "search", "local:", "red", "--min-score", "auto").output
    ap("index", "search", "local:", "red", "--min-score", "much", code=2)
    ap("index", "search", "local:", 'red "blue', code=2)
    ap("index", "search", "local:", "red", "--after", "x", code=2)


def pages(ap, *words):
    """Type a command, then the command that each page names for the next one."""
    while words:
        page = ap(*words)
        yield page
        named = [line.removeprefix("more: ap ") for line in page.stderr.splitlines() if line.startswith("more: ")]
        words = shlex.split(named[0]) if named else ()


@pytest.mark.parametrize(
    "question",
    [
        ("index", "search", "local:", "red -blue^.5"),
        ("index", "search", "local:", "--", "-blue red"),
        ("search", "local:", "type:(PHOTOS)", "--semantic", '"red"', "--min-score", "-1", "--subtract"),
    ],
)
def test_where_nobody_watches_each_page_names_the_command_for_the_next(ap, question):
    whole = ap(*question[:2], "--all", *question[2:]).stdout.splitlines()
    found = [page.stdout for page in pages(ap, *question[:2], "--all", "--limit", "1", *question[2:])]
    assert len(whole) == 4
    assert "".join(found).splitlines() == whole
    assert [text.count("\n") for text in found][:4] == [1] * 4


def test_answers_to_a_picture_go_on_too(ap, tmp_path):
    likes = [tmp_path / "a picture.png", tmp_path / "red.png"]
    for file, name in zip(likes, ("orange", "red"), strict=True):
        file.write_bytes(picture(name))
    question = ("local:", f"{likes[0]}^2", f"{likes[1]}", "--all")
    found = [page.stdout for page in pages(ap, "index", "similar", *question, "--limit", "2")]
    assert "".join(found) == ap("index", "similar", *question).stdout
    unlike = ("search", "local:", "--like", f"{likes[0]}", "--unlike", f"{likes[1]}", "--all")
    found = [page.stdout for page in pages(ap, *unlike, "--limit", "3")]
    assert "".join(found) == ap(*unlike).stdout


def test_a_program_reads_the_cursor_behind_the_answers_and_what_made_the_vectors_beside_them(ap):
    question = ("index", "search", "local:", "red -blue", "--json", "--all")
    whole = objects(ap(*question))
    assert [each["fingerprint"] for each in whole] == ["00000000planted0"] * 4
    found, after = [], ()
    while True:
        *hits, last = objects(ap(*question, "--limit", "1", *after))
        if last.keys() != {"cursor"}:
            break
        found += hits
        after = ("--after", last["cursor"])
    assert [*found, *hits, last] == whole
    assert found[0]["name"] == "red.png"


def test_json_is_gone_on_with_as_json(ap):
    found = [objects(page) for page in pages(ap, "index", "search", "local:", "red", "--json", "--all", "--limit", "2")]
    assert [len(page) for page in found] == [3, 2]
    assert found[0][-1].keys() == {"cursor"}
    assert "cursor" not in found[1][-1]


def test_a_question_that_begins_with_a_minus_is_told_where_it_goes(ap):
    for text in ("-blue red", "-blue^.5 red"):
        said = " ".join(ap("index", "search", "local:", text, "--all", code=2).stderr.replace("│", " ").split())
        assert f"goes behind --: -- {shlex.quote(text)}" in said
        assert ap("index", "search", "local:", "--all", "--", text).stdout
    assert "behind --" not in ap("index", "search", "local:", "red", "-x", code=2).stderr


def test_an_answer_that_has_one_page_names_no_next_one(ap):
    for words in (("red",), ("red", "--json"), ("red", "--variety", "0.5", "--limit", "1"), ("red", "--limit", "4")):
        page = ap("index", "search", "local:", *words, "--all")
        assert "more:" not in page.stderr
        assert '{"cursor"' not in page.stdout
    assert "--after goes with" in ap("search", "local:", "type:(PHOTOS)", "--after", "x", code=2).stderr


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
