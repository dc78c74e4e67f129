"""What a transfer says at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ap_remote.cli.reporting import ReportFile, closing, exit_code, reasons, row_json, tell
from ap_remote.errors import ConfigError
from ap_remote.transfer.report import Report, Row


def row(result="done", deed="", size=0, reason="", path="a.jpg") -> Row:
    return Row(source=f"/photos/{path}", target=f"Pics/{path}", result=result, deed=deed, size=size, reason=reason)


def report(*rows: Row, seconds=2.0, stopped="") -> Report:
    return Report(rows=rows, seconds=seconds, stopped=stopped)


def test_the_table_counts_by_deed_and_groups_what_was_skipped() -> None:
    told = closing(
        report(
            row(deed="copied", size=2048),
            row(deed="copied", size=2048),
            row(deed="removed"),
            row(deed="made"),
            row("skipped", reason="already there, byte for byte"),
            row("skipped", reason="the account holds these bytes at 'Old/a.jpg'"),
            row("skipped", reason="the account holds these bytes at 'Old/b.jpg'"),
            row("failed", reason="it broke"),
        )
    )
    assert told == [
        "2 copied, 1 put into the trash, 1 folders made (4.0 KiB in 2.0 s, 2.0 KiB/s), 3 skipped, 1 failed",
        "        2 skipped: the account holds these bytes at …",
        "        1 skipped: already there, byte for byte",
    ]


def test_a_command_has_words_of_its_own_for_its_deeds() -> None:
    assert closing(report(row(deed="copied")), words={"copied": "uploaded"})[0].startswith("1 uploaded (")
    assert closing(report(), words={"copied": "uploaded"}) == ["0 uploaded (0 B in 2.0 s), 0 skipped, 0 failed"]


def test_one_reason_alone_keeps_what_it_names_and_too_many_are_cut() -> None:
    assert reasons(["it is like 'a'"]) == [("it is like 'a'", 1)]
    assert reasons(["the same bytes as node x1: 'a'", "the same bytes as node x2: 'b'"]) == [
        ("the same bytes as …: …", 2)
    ]
    many = reasons([f"reason {'x' * number}" for number in range(30)])
    assert many[-1] == ("for other reasons", 10)
    assert sum(count for _, count in many) == 30


def test_failures_are_told_up_to_a_screenful(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("failed", reason="it broke", path=f"{number}.jpg") for number in range(25)]
    tell(report(*rows), hint=" (--report FILE has all)")
    out, err = capsys.readouterr()
    assert "25 failed" in out
    assert err.count("failed /photos/") == 20
    assert "… and 5 more failed (--report FILE has all)" in err


def test_json_is_alone_on_stdout_with_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    tell(report(row(deed="copied", size=1), row("failed", reason="it broke")), json=True)
    out, err = capsys.readouterr()
    assert [json.loads(line)["result"] for line in out.splitlines()] == ["done", "failed"]
    assert "failed /photos/a.jpg: it broke" in err


def test_a_name_that_is_no_text_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    tell(report(row("failed", path="a\udc80.jpg", reason="its name is no text")), json=True)
    assert json.loads(capsys.readouterr().out)["source"] == "/photos/a?.jpg"
    assert set(row_json(row())) == {"source", "target", "result", "deed", "size", "reason"}


@pytest.mark.parametrize(
    ("rows", "stopped", "asked", "code"),
    [
        ((row(deed="copied"),), "", True, 0),
        ((row(deed="moved"),), "", True, 0),
        ((row(deed="copied"), row("failed")), "the limit was reached", True, 1),
        ((row(deed="copied"),), "the limit was reached", False, 8),
        ((row("skipped"), row(deed="made"), row(deed="removed")), "", True, 9),
        ((row("skipped"),), "", False, 0),
    ],
)
def test_the_exit_code_tells_failure_limit_and_nothing(rows, stopped, asked, code) -> None:
    assert exit_code(report(*rows, stopped=stopped), error_on_no_transfer=asked) == code


def test_a_report_file_is_whole_or_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.json"
    ReportFile(file).write(report(row(deed="copied", size=3)), command="copy", source="a", target="b", code=0)
    before = file.read_bytes()
    assert json.loads(before)["deeds"]["copied"] == 1

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ap_remote.atomic.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        ReportFile(file).write(report(), command="copy", source="a", target="b", code=1)
    assert file.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_where_a_report_cannot_be_is_said_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder"):
        ReportFile(tmp_path)
    with pytest.raises(ConfigError, match="cannot be written there"):
        ReportFile(tmp_path / "nowhere" / "report.json")
