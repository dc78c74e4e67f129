"""report, stats, largest and gaps over the embedded service."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ap_remote.cli.main import app
from ap_remote.connect import connect

FIRST = datetime(2020, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of fifty days with a hole in it; nothing in the tests changes it."""
    home = tmp_path_factory.mktemp("home")

    async def fill() -> None:
        async with connect("local:") as remote:
            for day in (*range(20), *range(50, 60)):
                taken = FIRST + timedelta(days=day)
                await remote.put(f"photo {day}".encode(), f"Pictures/2020/p{day}.jpg", taken=taken)
            await remote.put(b"a film of many bytes", "Videos/a.mp4", taken=FIRST)
            await remote.put(b"photo 0", "Pictures/copy/<script>.jpg", taken=FIRST)
            await remote.put(b"gone", "Documents/gone.txt")
            await remote.trash("Documents/gone.txt")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AP_HOME", str(home))
        patch.delenv("AP_CONFIG", raising=False)
        asyncio.run(fill())
    return home


@pytest.fixture
def ap(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AP_HOME", str(home))
    monkeypatch.delenv("AP_REMOTE", raising=False)
    monkeypatch.delenv("AP_CONFIG", raising=False)
    runner = CliRunner()

    def run(*words: str, code: int = 0) -> Result:
        result = runner.invoke(app, list(words))
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result

    return run


def rows(result: Result) -> list[dict]:
    return [json.loads(row) for row in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("year", {"2020": 32}),
        ("month", {"2020-01": 22, "2020-02": 10}),
        ("camera", {"": 32}),
        ("kind", {"photo": 31, "video": 1}),
        ("extension", {"jpg": 31, "mp4": 1}),
        ("place", {"": 32}),
        ("folder", {"Pictures/2020": 30, "Pictures/copy": 1, "Videos": 1}),
    ],
)
def test_stats_count_by_what_was_asked(ap, by: str, keys: dict[str, int]) -> None:
    found = rows(ap("stats", "local:", "--by", by, "--json"))
    assert {each["key"]: each["count"] for each in found} == keys
    shown = ap("stats", "local:", "--by", by).stdout.splitlines()
    assert len(shown) == len(keys)
    for line, each in zip(shown, found, strict=True):
        assert line.startswith(each["key"] or "(not known)")
        assert f" {each['count']} " in line
        assert "█" in line or "▏" in line or each["count"] == 1


def test_stats_take_filters_a_search_and_a_limit(ap) -> None:
    assert rows(ap("stats", "local:", "--by", "kind", "--json", "--include", "*.mp4"))[0]["key"] == "video"
    assert rows(ap("stats", "local:Pictures", "--by", "folder", "--json", "--search", "type:(PHOTOS)")) == rows(
        ap("stats", "local:Pictures", "--by", "folder", "--json")
    )
    limited = ap("stats", "local:", "--by", "folder", "-n", "1")
    assert len(limited.stdout.splitlines()) == 1
    assert "and 2 more" in limited.stderr


def test_largest_lists_files_and_videos(ap) -> None:
    found = rows(ap("largest", "local:", "-n", "2", "--json"))
    assert next((each["path"], each["size"], each["sort"]) for each in found) == ("Videos/a.mp4", 20, "video")
    assert len(found) == 2
    assert ap("largest", "local:", "--videos").stdout.splitlines() == ["      20 B  2020-01-01  Videos/a.mp4"]


def test_gaps_are_listed_with_their_days(ap) -> None:
    assert ap("gaps", "local:").stdout == "2020-01-21 to 2020-02-19     30 days\n"
    (gap,) = rows(ap("gaps", "local:", "--json"))
    assert (gap["first"], gap["last"], gap["days"], gap["usual"]) == ("2020-01-21", "2020-02-19", 30, 1.0)
    assert "no gaps" in ap("gaps", "local:Videos").stderr


def test_a_report_is_one_private_page(ap, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    told = ap("report", "local:", "-o", str(target))
    assert "0600" in told.stderr
    assert told.stdout == ""
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    text = target.read_text("utf-8")
    assert "Pictures/copy/&lt;script&gt;.jpg" in text
    assert "<script" not in text
    assert list(tmp_path.iterdir()) == [target]


def test_a_report_as_json_holds_the_same_figures_and_writes_nothing(ap, tmp_path: Path) -> None:
    (found,) = rows(ap("report", "local:", "--json"))
    assert (found["files"], len(found["gaps"]), len(found["duplicates"])) == (32, 1, 1)
    assert list(tmp_path.iterdir()) == []


def test_open_shows_the_page(ap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    ap("report", "local:Videos", "-o", str(tmp_path / "a b.html"), "--open", "--thumbnails", "2")
    assert opened == [(tmp_path / "a b.html").as_uri()]


def test_about_tells_of_the_trash_too(ap) -> None:
    (found,) = rows(ap("about", "local:", "--json"))
    assert (found["trash"], found["trash_bytes"], found["trashed"]) == (1, 4, 4)
    assert found["photos"] + found["videos"] >= 32
    assert "in trash" in ap("about", "local:").stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("stats", "local:", "--by", "colour"), 2, "one of year, month"),
        (("report", "local:"), 2, "-o report.html"),
        (("report", "local:", "--json", "--open"), 2, "--open needs -o"),
        (("report", "local:", "-o", "/"), 2, "is a folder"),
        (("report", "local:", "-o", "/nowhere/at/all/r.html"), 2, "there is no folder"),
        (("gaps", "local:Videos/a.mp4"), 2, "is a file"),
        (("gaps", "local:nowhere"), 4, "no such entry"),
        (("largest", "local:", "--search", "type:(PHOTOS"), 2, "character"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_library_is_read(ap, words, code, told) -> None:
    assert told in ap(*words, code=code).stderr
