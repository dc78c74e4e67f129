"""The demo's report: what a person sees of a step that holds, one that fails, one that cannot be tried."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from fixtures.demo.context import expect, expect_same
from fixtures.demo.processes import Ap, Completed, Service, make_environ
from fixtures.demo.report import Report, Step, Unverified


@pytest.fixture
def told():
    """A report into memory, and a function that returns what it printed."""
    stream = io.StringIO()
    report = Report(Console(file=stream, width=120, color_system=None))
    return report, stream.getvalue


def fail() -> str:
    raise Unverified("two files are missing", "$ ap lsf\nexit code 0")


def crash() -> str:
    raise RuntimeError("out of paper")


def test_a_verified_step_is_one_line_that_says_what_was_checked(told):
    report, printed = told
    report.run(Step("Files", "ap put", lambda: "71 files sent"))
    (line,) = (line for line in printed().splitlines() if "ap put" in line)
    assert line.startswith(" ✔ ap put")
    assert line.endswith("71 files sent")
    assert report.good


def test_a_failed_step_shows_its_evidence(told):
    report, printed = told
    report.run(Step("Files", "ap lsf", fail))
    assert "✘ ap lsf" in printed()
    assert "two files are missing" in printed()
    assert "exit code 0" in printed()
    assert not report.good


def test_a_step_that_breaks_is_a_failed_step_with_its_traceback(told):
    report, printed = told
    report.run(Step("Files", "ap lsf", crash))
    assert "RuntimeError: out of paper" in printed()
    assert "in crash" in printed()
    assert report.failed == ["ap lsf"]


def test_what_builds_on_a_failed_step_is_not_tried(told):
    report, printed = told
    tried = []
    report.run(Step("Files", "first", fail))
    report.run(Step("Files", "second", lambda: tried.append(1) or "", needs=("first",)))
    report.run(Step("Files", "third", lambda: "well", needs=()))
    assert tried == []
    assert "not tried: it needs first" in printed()
    assert report.verified == ["third"]
    assert not report.good


def test_the_closing_line_counts(told):
    report, printed = told
    report.run(Step("Files", "first", lambda: "well"))
    report.run(Step("Files", "second", fail))
    report.close("Contact sheet: x.html")
    assert "✘ 1 step verified, 1 failed in" in printed()
    assert "Contact sheet: x.html" in printed()


def test_markup_and_foreign_bytes_in_names_are_printed_as_they_are(told):
    report, printed = told
    report.run(Step("Files", "[bold]", lambda: "[red]coins [detail].jpg \udcff"))
    assert "[bold]" in printed()
    assert "[red]coins [detail].jpg ?" in printed()


def test_a_difference_names_what_is_missing_and_what_is_too_much():
    with pytest.raises(Unverified) as caught:
        expect_same("files", ["a", "b", "b"], ["a", "b", "c"])
    assert caught.value.message == "files: 1 missing, 1 too much"
    assert "missing: 'c'" in caught.value.evidence
    assert "too much: 'b'" in caught.value.evidence


def test_order_makes_no_difference_but_number_does():
    expect_same("files", ["a", "b"], ["b", "a"])
    with pytest.raises(Unverified):
        expect_same("files", ["a"], ["a", "a"])


def test_a_condition_that_does_not_hold_is_told_with_its_evidence():
    expect([1], "never said")
    with pytest.raises(Unverified) as caught:
        expect([], "nothing there", "the shelf")
    assert (caught.value.message, caught.value.evidence) == ("nothing there", "the shelf")


def test_a_command_with_another_exit_code_is_told_with_its_words(tmp_path):
    with pytest.raises(Unverified) as caught:
        Ap(make_environ(tmp_path))("no-such-command")
    assert "$ ap no-such-command" in caught.value.evidence
    assert "exit code 2" in caught.value.evidence


def test_a_commands_json_is_read_line_by_line_and_other_words_are_refused():
    good = Completed(("ls",), 0, '{"path":"a"}\n\n{"path":"b"}\n', "", 0.1)
    assert [row["path"] for row in good.objects()] == ["a", "b"]
    with pytest.raises(Unverified, match="expected one JSON object, found 2"):
        good.object()
    with pytest.raises(Unverified, match="no JSON object"):
        Completed(("ls",), 0, "Traceback", "", 0.1).objects()


def test_a_service_that_ends_at_once_is_told_with_its_log(tmp_path):
    service = Service(tmp_path / "data", tmp_path / "log", {})
    service._command = [sys.executable, "-c", "import sys; sys.exit('no room')"]
    with service, pytest.raises(Unverified) as caught:
        service.start()
    assert "exit code 1" in caught.value.evidence
    assert "no room" in caught.value.evidence
    assert service.pid == 0


def test_a_service_is_stopped_at_the_end_of_its_block(tmp_path):
    service = Service(tmp_path / "data", tmp_path / "log", {})
    words = 'print(\'{"url":"http://127.0.0.1:1","credentials":"c"}\', flush=True); import time; time.sleep(600)'
    service._command = [sys.executable, "-c", words]
    with service:
        assert service.start().credentials == "c"
        assert service.pid
    assert service.pid == 0


def test_commands_see_a_home_of_their_own_and_none_of_the_persons_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_REMOTE", "home:")
    monkeypatch.setenv("AP_CONFIG", "/etc/mine.toml")
    environ = make_environ(tmp_path)
    assert {key: value for key, value in environ.items() if key.startswith("AP_")} == {"AP_HOME": str(tmp_path)}
