"""`ap index` beside searching: builds as they are watched, gc, compact, status."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.cli import building
from ap_remote.connect import semantic_index
from ap_remote.errors import ConfigError
from ap_remote.semantic import SemanticIndex, wishes
from ap_remote.semantic.results import BuildReport
from ap_remote.semantic.stages import Crew, Stages
from ap_remote.semantic.upkeep import held
from tests.unit.cli.conftest import Ap
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import made

OLD, NEW = "00000000planted0", "0000000000000002"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(home: Path) -> Path:
    """The index of ``local:``, with vectors of two encoders and a picture that cannot be read."""
    del home
    where = semantic_index("local:").folder

    async def grow() -> None:
        remote = MemoryRemote()
        for number in range(4):
            remote.seed(f"{number}.png", picture((number, 0, 0)))
        await made(remote, where)
        remote.seed("bad.png", b"no picture")
        await made(remote, where, PlantedEncoder(NEW))
        await remote.trash("0.png")
        await made(remote, where, PlantedEncoder(NEW))

    asyncio.run(grow())
    return where


def test_a_line_tells_how_far_how_fast_how_long_still_and_what_limits() -> None:
    told: list[str] = []
    clock, watch = Clock(), Clock()
    progress = building.BuildProgress(told.append, clock)
    stages = Stages({"decode": Crew(4, "thread")}, watch)
    progress.watch(stages)
    progress(1000, 2000)
    stages.begin()
    clock.now, watch.now = 10.0, 10.0
    stages.add("decode", 24.4)
    progress(1100, 2000)
    clock.now = 12.0
    progress(1110, 2000)
    assert told == [
        "1,100/2,000 photographs, 10.0/s, 1 min 30 s left, decode limits: 61 % of the time of 4 threads",
    ]


def test_a_report_says_in_a_line_of_its_own_what_limits(capsys: pytest.CaptureFixture[str]) -> None:
    report = BuildReport(
        total=12,
        encoded=10,
        reused=2,
        seconds=5.0,
        images_per_second=2.5,
        device="cpu",
        encoder="planted",
        fingerprint=OLD,
        limit="encode limits: 93 % of the time of 1 thread",
        compacted=7,
    )
    building.tell(report)
    assert capsys.readouterr().out.splitlines() == [
        "12 photographs: 10 embedded, 2 already there, 0 failed; 2.5 images/s on cpu, 5.0 s",
        "encode limits: 93 % of the time of 1 thread",
        "7 vectors that no photograph has any more were taken away",
    ]


def test_gc_shows_asks_and_takes_away_what_serves_no_search(ap: Ap, folder: Path) -> None:
    shown = ap("index", "gc", "local:", code=2)
    assert f"to take away: {OLD}  planted: 4 rows" in shown.output
    assert "--yes" in shown.output
    assert len(held(folder)) == 2
    assert "1 taken away" in ap("index", "gc", "local:", "--yes").output
    assert [each.fingerprint for each in held(folder)] == [NEW]
    assert "nothing to take away" in ap("index", "gc", "local:", "--yes").output


def test_gc_of_no_index_says_that_there_is_none(ap: Ap, home: Path) -> None:
    said = " ".join(ap("index", "gc", "local:", "--yes").output.split())
    assert f"there is no index in {home}" in said
    assert "in use" not in said
    assert not (home / "accounts").exists()


def test_gc_tells_a_script_what_it_took_away(ap: Ap, folder: Path) -> None:
    said = json.loads(ap("index", "gc", "local:", "--yes", "--json").stdout)
    assert said["removed"] == [OLD]
    assert said["bytes"] > 0


def test_compact_takes_dead_rows_away(ap: Ap, folder: Path) -> None:
    assert "2 dead rows taken away" in ap("index", "compact", "local:").output
    assert json.loads(ap("index", "compact", "local:", "--json").stdout)["removed"] == 0
    assert [each.dead for each in held(folder)] == [0, 0]


def test_compact_of_nothing_says_so(ap: Ap) -> None:
    assert "ap index build" in ap("index", "compact", "local:", code=12).output


def test_status_shows_all_vectors_and_what_failed_how_often(ap: Ap, folder: Path) -> None:
    said = ap("index", "status", "local:").stdout
    assert f"vectors {NEW}  planted: 4 rows, 1 of them dead, 100.0 % covered" in said
    assert f"vectors {OLD}" in said
    assert "bad.png: it is not a picture that can be read (unreadable, tried 1 times)" in said


def test_wishes_for_builds_are_kept_with_the_index(home: Path) -> None:
    where = home / "index"
    building.keep_wishes(where, frames=None, switch_at=None)
    assert not where.exists()
    building.keep_wishes(where, frames=3, switch_at=0.9)
    building.keep_wishes(where, frames=2, switch_at=None)
    assert wishes.read(where) == wishes.Wishes(frames=2, switch_at=0.9)


def test_what_a_build_is_to_keep_to_is_written_beside_the_loop(ap: Ap, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def written(folder: Path, **wanted: object) -> None:
        threads.append(threading.current_thread())
        raise ConfigError(f"{wanted}")

    async def planted(self: SemanticIndex) -> PlantedEncoder:
        return PlantedEncoder()

    monkeypatch.setattr(SemanticIndex, "encoder", planted)
    monkeypatch.setattr(wishes, "write", written)
    said = ap("index", "build", "memory:", "--frames", "2", code=2).output
    assert "'frames': 2" in said
    assert threads != [threading.main_thread()]


def test_on_a_terminal_a_build_is_drawn(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(building.ERR, "_force_terminal", True)
    monkeypatch.setattr(building.ERR, "is_interactive", True)
    clock = Clock()
    stages = Stages({"decode": Crew(4, "thread")}, clock)
    with building.watched() as progress:
        progress.watch(stages)
        progress(5, 20)
        stages.begin()
        clock.now = 10.0
        stages.add("decode", 20.0)
        progress(10, 20)
    drawn = capfd.readouterr().err
    assert "10/20" in drawn
    assert "decode limits: 50 %" in drawn
