"""`ap organise` over the embedded service, as a person types it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ap_remote.cli import console
from ap_remote.cli.main import app
from tests.unit.semantic.planted import picture


@pytest.fixture
def ap(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "src"
    for name, colour in (("A/one", "red"), ("A/two", "blue"), ("B/three", "lime")):
        (folder / f"{name}.png").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").write_bytes(picture(colour))

    def call(*words, code=0, stdin=None):
        result = CliRunner().invoke(app, list(words), input=stdin)
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    call("put", f"{folder}/", "local:Pictures")
    return call


def months(ap, *words):
    said = ap("organise", "plan", *words, "--by", "month", "--min-size", "1", "--json").stdout
    return json.loads(said)


def test_undo_takes_back_what_was_applied_last_whatever_was_planned_since(ap):
    months(ap, "local:")
    assert ap("organise", "apply", "local:", "--yes").stdout == "1 album with 3 photographs, 0 skipped\n"
    assert months(ap, "local:")["folders"] == []
    assert ap("organise", "undo", "local:").stdout == "1 album taken away\n"
    assert "no plan is applied" in ap("organise", "undo", "local:", code=14).stderr


def test_a_plan_with_nothing_in_it_is_not_applied(ap):
    assert ap("organise", "plan", "local:", "--by", "event", "--min-size", "9").stdout == (
        "3 photographs stay as they are\nno albums: there is nothing to apply\n"
    )
    assert "there is nothing to apply" in ap("organise", "apply", "local:", "--yes", code=14).stderr


def test_where_nobody_can_be_asked_only_a_plan_that_is_named_is_applied(ap):
    chosen = months(ap, "local:", "--granularity", "coarse")
    newest = months(ap, "local:")
    for words in ((), ("--move",), ("--json",), ("",)):
        refused = ap("organise", "apply", "local:", *words, code=2)
        assert refused.stdout == ""
        assert refused.stderr == (
            f"ap: nothing was applied: where nobody can be asked, name the plan (the newest is {newest['id']}) "
            "or say --yes\n"
        )
    assert ap("albums", "local:").stdout == ""
    assert ap("organise", "apply", "local:", chosen["id"]).stdout == "1 album with 3 photographs, 0 skipped\n"
    assert chosen["folders"][0]["name"] in ap("albums", "local:").stdout
    assert newest["folders"][0]["name"] not in ap("albums", "local:").stdout


def test_a_move_is_applied_unasked_by_its_name_and_by_yes_alone(ap):
    planned = months(ap, "local:", "--move", "Sorted")
    ap("organise", "apply", "local:", "--move", "--max-percent", "100", code=2)
    assert "Sorted" not in ap("ls", "local:").stdout
    assert ap("organise", "apply", "local:", planned["id"][:8], "--move", "--max-percent", "100").stdout == (
        "3 files moved, 0 skipped\n"
    )
    ap("organise", "undo", "local:")
    months(ap, "local:", "--move", "Sorted", "--remake")
    done = ap("organise", "apply", "local:", "--move", "--yes", "--max-percent", "100")
    assert done.stdout == "3 files moved, 0 skipped\n"


def test_on_a_terminal_a_plan_is_shown_and_asked_for(ap, monkeypatch):
    [album] = months(ap, "local:")["folders"]
    monkeypatch.setattr(console.ERR, "_force_terminal", True)
    told = ap("organise", "apply", "local:", code=1, stdin="n\n")
    assert album["name"] in told.stdout
    assert "Make 1 album?" in told.stderr
    assert ap("albums", "local:").stdout == ""
    assert "1 album with 3 photographs" in ap("organise", "apply", "local:", stdin="y\n").stdout


def test_a_folder_or_a_filter_bounds_what_is_organised(ap):
    below = months(ap, "local:Pictures/A")
    assert {member["path"] for member in below["folders"][0]["members"]} == {"Pictures/A/one.png", "Pictures/A/two.png"}
    assert months(ap, "local:", "--filter", "favorite:(true)")["folders"] == []
    assert "by its path" in ap("organise", "plan", "local:id:abc", "--by", "month", code=2).stderr
