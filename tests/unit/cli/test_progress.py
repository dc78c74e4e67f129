"""What a transfer shows of itself while it is under way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ap_remote.cli import console, progress
from ap_remote.cli.progress import Bars, Tally, duration, ending, shown_progress, summary
from ap_remote.transfer.report import Row

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def row(path: str, size: int = 0, result="done") -> Row:
    return Row(source=f"/photos/{path}", target=f"Pictures/{path}", result=result, size=size, deed="copied")


def drawn(tally: Tally, names: int = 4, width: int = 100) -> str:
    paper = Console(width=width, force_terminal=False)
    with paper.capture() as capture:
        paper.print(Bars(tally, names=names)())
    return capture.get()


def test_bytes_files_rate_and_time_left_are_those_of_what_passed() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.expect(3, 30 * MIB)
    tally.begin("a.jpg", 10 * MIB)
    clock.now += 2
    tally.moved("a.jpg", 8 * MIB)
    assert (tally.progress, tally.rate, tally.left) == (8 * MIB, 4 * MIB, 5.5)
    tally.moved("a.jpg", 2 * MIB)
    tally.advance(row("a.jpg", 10 * MIB))
    assert (tally.done, tally.progress, tally.on_way) == (1, 10 * MIB, {})
    assert summary(tally) == "1/3 files, 10.0 MiB of 30.0 MiB (33 %), 5.0 MiB/s, 4.0 s left"


def test_an_attempt_that_broke_off_takes_its_bytes_back() -> None:
    tally = Tally(Clock())
    tally.expect(1, 100)
    tally.begin("a.jpg", 100)
    tally.moved("a.jpg", 70)
    tally.moved("a.jpg", -70)
    assert (tally.progress, tally.on_way["a.jpg"].moved) == (0, 0)
    tally.moved("a.jpg", 100)
    tally.advance(row("a.jpg", 100))
    assert tally.progress == 100


def test_what_was_skipped_or_failed_is_no_longer_waited_for() -> None:
    tally = Tally(Clock())
    tally.expect(2, 30)
    for name, size, result in (("a", 10, "skipped"), ("b", 20, "failed")):
        tally.begin(name, size)
        tally.advance(row(name, size, result))
    assert (tally.progress, tally.failed, tally.rate) == (30, 1, 0)
    assert summary(tally) == "2/2 files, 30 B of 30 B (100 %), 1 failed"


def test_an_old_rate_is_forgotten() -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.expect(1, 10_000)
    tally.begin("a", 10_000)
    clock.now += 1
    tally.moved("a", 5000)
    for _ in range(40):
        clock.now += 1
        tally.moved("a", 10)
    assert tally.rate == pytest.approx(10, rel=0.1)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["begin", "moved", "back", "advance"]), st.integers(0, 50)),
        max_size=30,
    )
)
def test_the_bar_never_leaves_its_bounds(events) -> None:
    clock = Clock()
    tally = Tally(clock)
    tally.expect(3, 60)
    for name, what, size in events:
        clock.now += 0.5
        if what == "begin":
            tally.begin(name, 20)
        elif what == "advance":
            tally.advance(row(name, 20))
        else:
            tally.moved(name, size if what == "moved" else -size)
        assert 0 <= tally.progress <= 60
        assert tally.rate >= 0
        drawn(tally)


def test_each_file_on_its_way_has_a_line_up_to_the_number_of_transfers() -> None:
    tally = Tally(Clock())
    tally.expect(9, 900)
    for number in range(6):
        tally.begin(f"2023/IMG_{number}.jpg", 100)
        tally.moved(f"2023/IMG_{number}.jpg", number * 10)
    shown = drawn(tally, names=4).splitlines()
    assert len(shown) == 5
    assert "0/9 files" in shown[0]
    assert "150 B of 900 B" in shown[0]
    assert "2023/IMG_3.jpg" in shown[4]
    assert "30 B of 100 B" in shown[4]


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("[red]a[/red].jpg", "[red]a[/red].jpg"),
        ("a\x1b[2Jb.jpg", r"a\x1b[2Jb.jpg"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("two\nlines.jpg", r"two\x0alines.jpg"),
        ("lone\udc80.jpg", "lone?.jpg"),
    ],
)
def test_names_cannot_play_tricks_on_a_bar(name: str, shows: str) -> None:
    tally = Tally(Clock())
    tally.expect(1, 1)
    tally.begin(name, 1)
    assert shows in drawn(tally)


def test_a_long_path_keeps_its_end_within_the_width() -> None:
    assert ending("short.jpg", 20) == "short.jpg"
    assert ending("a/very/long/path/IMG_1.jpg", 10) == "…IMG_1.jpg"
    wide = ending("日本" * 20 + "x.jpg", 11)
    assert wide.endswith("x.jpg")
    assert Console().render_str(wide).cell_len <= 11


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 1 s"), (3599.6, "1 h 0 min"), (90_000, "25 h 0 min")],
)
def test_a_span_is_written_for_a_person(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


async def test_where_nobody_watches_a_line_is_told_per_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    enough = asyncio.Event()

    def say(text: str) -> None:
        told.append(text)
        if len(told) == 3:
            enough.set()

    monkeypatch.setattr(progress, "say", say)
    tally = Tally(Clock())
    tally.expect(1, 10)
    async with shown_progress(tally, interval=0.001):
        await asyncio.wait_for(enough.wait(), 10)
    assert set(told) == {"0/1 files, 0 B of 10 B (0 %)"}


async def test_a_quick_run_says_nothing_unless_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(progress, "say", told.append)
    async with shown_progress(Tally(Clock())):
        pass
    assert told == []
    async with shown_progress(Tally(Clock()), asked=True):
        pass
    assert told == ["0/0 files, 0 B of 0 B"]


async def test_on_a_terminal_bars_are_drawn_and_taken_away(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(console.ERR, "_force_terminal", True)
    monkeypatch.setattr(console.ERR, "is_interactive", True)
    tally = Tally()
    tally.expect(1, 10)
    drawn = asyncio.Event()
    loop = asyncio.get_running_loop()
    picture = Bars.__call__

    def noticed(bars: Bars):
        if tally.on_way:
            loop.call_soon_threadsafe(drawn.set)
        return picture(bars)

    monkeypatch.setattr(Bars, "__call__", noticed)
    async with shown_progress(tally):
        tally.begin("IMG_1.jpg", 10)
        tally.moved("IMG_1.jpg", 5)
        await asyncio.wait_for(drawn.wait(), 10)
    out, err = capfd.readouterr()
    assert out == ""
    assert "IMG_1.jpg" in err
    assert err.rindex("\x1b[2K") > err.rindex("IMG_1.jpg")
