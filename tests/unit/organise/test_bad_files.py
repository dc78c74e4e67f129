"""Files of plans, journals and classes that nobody would write on purpose."""

from __future__ import annotations

import pytest

from ap_remote.cli.organise import _file
from ap_remote.connect import plans_folder
from ap_remote.errors import ConfigError, PlanError
from ap_remote.organise.history import read_past
from ap_remote.organise.journal import Line, deeds_of
from ap_remote.organise.taxonomy import read_taxonomy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 2_000, "cannot be read as YAML"),
        ('- name: "\\UFFFFFFFF"', "cannot be read as YAML"),
        ('- name: A\n  prompts: ["\\uD800"]', "line 2: a prompt among prompts is empty or no text"),
        ('- name: A\n  prompts: [x]\n  template: "\\uD800"', "line 3: template is empty or no text"),
        ("- &a [*a]", "line 1: a class is written as"),
        ("- name: A\n  prompts: &x [y]\n- name: B\n  prompts: [*x, *x]", "a prompt among prompts is empty or no text"),
        ("- name: !!python/object/apply:os.abort []\n  prompts: [x]", "line 1: name is one value"),
    ],
    ids=["nested without end", "no character", "half a prompt", "half a template", "itself", "aliases", "a call"],
)
def test_yaml_that_its_parser_does_not_look_out_for_is_one_sentence_too(text, said):
    with pytest.raises(ConfigError, match=said):
        read_taxonomy(text, "classes.yaml")


def test_lines_of_a_move_that_was_never_announced_are_no_deed():
    lines = [Line(what="moved", at="", folder=0, members=("a",)), Line(what="move", at="", folder=0)]
    assert deeds_of(lines)[0].moves == {}


def test_a_journal_of_torn_characters_beside_the_plans_does_not_stop_a_new_one(tmp_path):
    (tmp_path / "a.journal.jsonl").write_bytes(b'{"what": "start", "at": "\xff"}\n')
    assert not read_past(tmp_path, "event").albums


@pytest.mark.parametrize("plan", ["/etc/passwd", "*", "**", "[", "../a", "a/b", "\0"])
def test_what_is_no_plan_s_id_finds_none(tmp_path, monkeypatch, plan):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    plans_folder("local:").mkdir(parents=True)
    (plans_folder("local:") / "0123.json").write_bytes(b"")
    assert _file("local:", "01").name == "0123.json"
    with pytest.raises(PlanError, match="no such plan"):
        _file("local:", plan)
