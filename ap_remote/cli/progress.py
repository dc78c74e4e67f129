"""How a transfer that is under way shows itself: bars on a terminal, else a plain line now and then."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from rich.cells import cell_len
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ap_remote.cli.console import ERR, is_quiet, say, shown
from ap_remote.cli.render import size_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from rich.console import RenderableType

    from ap_remote.transfer.report import Row

INTERVAL: Final = 10.0
"""Seconds between two plain lines."""
_WINDOW: Final = 20.0
"""Seconds over which the rate is taken: long enough to be calm, short enough to be true."""
_FRAMES: Final = 4.0
"""Pictures a second."""
_BAR: Final = 24
_MINUTE: Final = 60
_HOUR: Final = 3600


class OnWay(msgspec.Struct):
    """A file that is being transferred."""

    size: int
    moved: int = 0


class Tally:
    """A :class:`ap_remote.transfer.report.Meter` that adds up; what draws, reads it.

    ``rows`` keeps what is finished, so that a run which ends by an error can still be told of.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count from now on; *clock* tells seconds."""
        self._clock = clock
        self._samples = deque([(clock(), 0)])
        self.files = 0
        self.size = 0
        self.settled = 0
        self.passed = 0
        self.failed = 0
        self.on_way: dict[str, OnWay] = {}
        self.rows: list[Row] = []

    def expect(self, files: int, size: int) -> None:
        """Add to what is to be done; *size* is bytes."""
        self.files += files
        self.size += size

    def begin(self, path: str, size: int) -> None:
        """Show a file from now on."""
        self.on_way[path] = OnWay(size)

    def moved(self, path: str, size: int) -> None:
        """Count bytes of a file; an attempt that broke off takes its own back."""
        self.passed += size
        there = self.on_way.get(path)
        if there is not None:
            there.moved = min(max(there.moved + size, 0), there.size)
        now = self._clock()
        self._samples.append((now, self.passed))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW:  # noqa: PLR2004 - a rate needs two
            self._samples.popleft()

    def advance(self, row: Row) -> None:
        """Count a file as finished: what it was expected to bring is no longer to be waited for."""
        self.rows.append(row)
        self.failed += row.result == "failed"
        key = self._key(row)
        there = self.on_way.pop(key) if key is not None else None
        self.settled += there.size if there is not None else row.size

    @property
    def done(self) -> int:
        """Files that are finished, for good or ill."""
        return len(self.rows)

    @property
    def progress(self) -> int:
        """Bytes that need not be waited for any more, never more than all."""
        return min(self.settled + sum(each.moved for each in list(self.on_way.values())), max(self.size, 0))

    @property
    def rate(self) -> float:
        """Bytes a second of late; 0 where it cannot be said."""
        (then, before), (_, passed) = self._samples[0], self._samples[-1]
        seconds = self._clock() - then
        return max(passed - before, 0) / seconds if seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to the end at this rate; ``None`` where it cannot be said."""
        rate, rest = self.rate, self.size - self.progress
        return rest / rate if rate > 0 and rest > 0 else None

    def _key(self, row: Row) -> str | None:
        """Return under which path a finished file was begun: rows name both ends, a beginning the path below them."""
        for key in self.on_way:
            if any(end == key or end.endswith(("/" + key, ":" + key)) for end in (row.target, row.source)):
                return key
        return None


def summary(tally: Tally) -> str:
    """Return the one plain line that tells how far a run is."""
    share = f" ({tally.progress * 100 // tally.size} %)" if tally.size else ""
    parts = [f"{tally.done:,}/{tally.files:,} files", f"{size_text(tally.progress)} of {size_text(tally.size)}{share}"]
    if tally.rate:
        parts.append(f"{size_text(int(tally.rate))}/s")
    if tally.left is not None:
        parts.append(f"{duration(tally.left)} left")
    if tally.failed:
        parts.append(f"{tally.failed:,} failed")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a span of time as a person reads it, e.g. ``3 min 21 s``."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


class Bars:
    """The picture of a tally: a bar for all, and one for each file on its way."""

    def __init__(self, tally: Tally, *, names: int) -> None:
        """Draw *tally*, with lines for *names* files at most."""
        self._tally = tally
        self._names = names

    def __call__(self) -> RenderableType:
        """Return the picture as it is now."""
        tally = self._tally
        whole = Table.grid(padding=(0, 1))
        failed = Text(f"{tally.failed:,} failed", style="red") if tally.failed else Text()
        whole.add_row(
            Text(f"{tally.done:,}/{tally.files:,} files"),
            ProgressBar(total=max(tally.size, 1), completed=tally.progress or int(not tally.size), width=_BAR),
            Text(f"{size_text(tally.progress)} of {size_text(tally.size)}", style="progress.download"),
            Text(f"{size_text(int(tally.rate))}/s" if tally.rate else "", style="progress.data.speed"),
            Text(f"{duration(tally.left)} left" if tally.left is not None else "", style="progress.remaining"),
            failed,
        )
        files = Table.grid(padding=(0, 1))
        room = max(ERR.width - _BAR // 2 - 30, 10)
        for path, each in list(tally.on_way.items())[: self._names]:
            files.add_row(
                Text(f" {ending(shown(path), room)}", no_wrap=True),
                ProgressBar(total=max(each.size, 1), completed=each.moved, width=_BAR // 2),
                Text(f"{size_text(each.moved)} of {size_text(each.size)}", style="progress.download"),
            )
        return Group(whole, files)


def ending(text: str, cells: int) -> str:
    """Return the end of a text that fits into so many columns of a terminal: a path's end tells most."""
    if cell_len(text) <= cells:
        return text
    kept = text[-cells:]
    while cell_len(kept) > cells - 1:
        kept = kept[1:]
    return f"…{kept}"


@asynccontextmanager
async def shown_progress(
    tally: Tally, *, transfers: int = 4, interval: float = INTERVAL, one_line: bool = False, asked: bool = False
) -> AsyncIterator[Tally]:
    """Show a tally on stderr while the block runs.

    Args:
        tally: what to show.
        transfers: how many files are named at most.
        interval: seconds between two plain lines where nobody watches; 0 for none.
        one_line: name no files.
        asked: where nobody watches, end with a line even when the run was shorter than the interval.
    """
    if not is_quiet():
        with _drawn(Bars(tally, names=0 if one_line else transfers)):
            yield tally
        return
    teller = asyncio.create_task(_lines(tally, interval)) if interval > 0 else None
    try:
        yield tally
    finally:
        if teller is not None:
            teller.cancel()
        if asked:
            say(summary(tally))


@contextmanager
def _drawn(bars: Bars) -> Iterator[None]:
    with Live(get_renderable=bars, console=ERR, refresh_per_second=_FRAMES, transient=True):
        yield


async def _lines(tally: Tally, interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        say(summary(tally))
