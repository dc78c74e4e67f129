from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ap_remote.errors import NewerStoreError, PlanError
from ap_remote.transfer.options import Options
from ap_remote.transfer.plan import FORMAT, Note, Plan, Seen, Step, sealed
from ap_remote.transfer.planfile import load_plan, save_plan


@pytest.fixture
def plan() -> Plan:
    when = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    seen = Seen(path="caf\u00e9\n.jpg", size=3, md5="0" * 32, id="N", version=2, stamp="3-1-1-1", modified=when)
    return sealed(
        Plan(
            created=when,
            verb="sync",
            source="/data",
            target="home:Pictures",
            options=Options(max_delete=3, duplicates="keep"),
            steps=(
                Step(action="copy", path="caf\u00e9\n.jpg", source=seen),
                Step(action="remove", path="old", there=seen, reason="gone"),
            ),
            skipped=(Note(path="a", reason="b", size=1),),
            problems=(Note(path="c", reason="d"),),
        )
    )


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path, plan: Plan):
    file = tmp_path / "plans" / "p.json"
    save_plan(plan, file)
    assert load_plan(file) == plan
    assert b"\n" in file.read_bytes()
    assert [each.name for each in file.parent.iterdir()] == ["p.json"]


def test_a_plan_that_was_changed_is_refused(tmp_path: Path, plan: Plan):
    file = tmp_path / "p.json"
    save_plan(plan, file)
    file.write_bytes(file.read_bytes().replace(b'"old"', b'"new"'))
    with pytest.raises(PlanError, match="was changed"):
        load_plan(file)


def test_a_newer_plan_is_refused_whatever_else_it_says(tmp_path: Path):
    file = tmp_path / "p.json"
    file.write_bytes(msgspec.json.encode({"format": FORMAT + 1, "verb": "teleport", "steps": 7}))
    with pytest.raises(NewerStoreError, match="newer ap_remote") as caught:
        load_plan(file)
    assert caught.value.exit_code == 12


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": 1, "verb": "fly"}', b'{"format": 1, "verb": "copy"}']
)
def test_what_is_no_plan_is_said_in_one_sentence(tmp_path: Path, content: bytes):
    file = tmp_path / "p.json"
    file.write_bytes(content)
    with pytest.raises(PlanError, match="is no plan of a transfer") as caught:
        load_plan(file)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 14


def test_a_plan_that_is_not_there_or_cannot_be_read_is_said(tmp_path: Path):
    with pytest.raises(PlanError, match="there is no plan"):
        load_plan(tmp_path / "p.json")
    with pytest.raises(PlanError, match="cannot read"):
        load_plan(tmp_path)


def test_a_plan_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, plan: Plan, monkeypatch):
    file = tmp_path / "p.json"
    save_plan(plan, file)
    before = file.read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PlanError, match="No space left"):
        save_plan(msgspec.structs.replace(plan, source="/other"), file)
    assert file.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["p.json"]
    (tmp_path / "f").touch()
    with pytest.raises(PlanError, match="cannot write"):
        save_plan(plan, tmp_path / "f" / "p.json")
