"""A build of the index as it is watched, and what looks after the index: index gc, compact."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from ap_remote.cli.console import ERR, Json, Yes, is_quiet, json_line, line, say
from ap_remote.cli.listing import Spec
from ap_remote.cli.progress import INTERVAL, duration
from ap_remote.cli.render import size_text, time_text
from ap_remote.connect import semantic_index
from ap_remote.errors import ConfigError
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ap_remote.semantic.results import BuildReport, IndexStatus
    from ap_remote.semantic.stages import Stages
    from ap_remote.semantic.upkeep import Vectors

_WINDOW: Final = 120.0
"""Seconds over which the rate is taken."""


class BuildProgress:
    """The progress of a build: how many are done of how many, how fast, how long still, which stage limits."""

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Tell a line every so often with *show*; *clock* tells seconds."""
        self._show = show
        self._clock = clock
        self._told = clock()
        self._first: tuple[float, int] | None = None
        self._stages: Stages | None = None

    def watch(self, stages: Stages) -> None:
        """Take the stages of the build."""
        self._stages = stages

    def __call__(self, done: int, total: int) -> None:
        """Take how many photographs are done, and of how many."""
        now = self._clock()
        # What was there already counts as done at once, and says nothing about the pace.
        self._first = self._first or (now, done)
        if now - self._told >= INTERVAL:
            self._told = now
            self._show(self.line(done, total))

    def line(self, done: int, total: int) -> str:
        """Return how the build stands, in one line."""
        parts = [f"{done:,}/{total:,} photographs"]
        if self._first is not None:
            then, before = self._first
            seconds = self._clock() - then
            rate = (done - before) / seconds if seconds > 0 else 0.0
            if rate > 0:
                parts += [f"{rate:.1f}/s", f"{duration((total - done) / rate)} left"]
        return ", ".join([*parts, *filter(None, [self.limit])])

    @property
    def limit(self) -> str:
        """Which stage limits; nothing before any has worked."""
        limit = self._stages.limit() if self._stages is not None else None
        return "" if limit is None else str(limit)


class _Drawn(BuildProgress):
    """The same, drawn on a terminal."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(lambda _: None)
        self._progress = progress
        self._task = progress.add_task("", total=None, limit="", rate="")
        self._start = True

    def __call__(self, done: int, total: int) -> None:
        if self._start:
            self._start = False
            self._progress.reset(self._task, total=total, completed=done)
        speed = self._progress.tasks[0].speed
        self._progress.update(
            self._task, completed=done, total=total, limit=self.limit, rate=f"{speed:.1f}/s" if speed else ""
        )


@contextmanager
def watched() -> Iterator[BuildProgress]:
    """Show a build on stderr while the block runs: drawn for a person, a line every so often for a log."""
    if is_quiet():
        yield BuildProgress(say)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("photographs"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[limit]}", style="dim"),
    )
    with Progress(*columns, console=ERR, transient=True, speed_estimate_period=_WINDOW) as progress:
        yield _Drawn(progress)


def tell(report: BuildReport) -> None:
    """Print what a build did, in words."""
    pace = f"{report.images_per_second:.1f} images/s on {report.device}, " if report.encoded else ""
    line(
        f"{report.total} photographs: {report.encoded} embedded, {report.reused} already there, "
        f"{len(report.failed)} failed; {pace}{report.seconds:.1f} s"
    )
    if report.limit:
        line(report.limit)
    if report.compacted:
        line(f"{report.compacted} vectors that no photograph has any more were taken away")


def keep_wishes(folder: Path, *, frames: int | None, switch_at: float | None) -> None:
    """Let an index keep to what was asked for, if anything was."""
    if frames is not None or switch_at is not None:
        from ap_remote.semantic import wishes

        wishes.write(folder, frames=frames, switch_at=switch_at)


def tell_status(found: IndexStatus, folder: Path) -> None:
    """Print how an index stands: what serves, what else there is, what failed."""
    for key in found.__struct_fields__:
        value = getattr(found, key)
        line(f"{key:12} {len(value) if key == 'failed' else value}")
    for each in found.failed:
        again = f", again from {time_text(each.again)}" if each.again else ""
        line(f"  {each.path}: {each.reason} ({each.status}, tried {each.tries} times{again})")
    from ap_remote.semantic.upkeep import held

    for vectors in held(folder, found.place or None):
        line(f"vectors {_vectors(vectors)}")


def _vectors(each: Vectors) -> str:
    use = "searches use them" if each.serving else "serve no search"
    return (
        f"{each.fingerprint}  {each.encoder}: {each.rows} rows, {each.dead} of them dead, "
        f"{each.coverage * 100:.1f} % covered, {size_text(each.bytes)}; {use}"
    )


def gc(
    spec: Spec = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Vectors that a build seems to be filling as well.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take away the vectors of encoders that no search uses any more.

    They are shown, and then it asks. What a newer encoder has not finished stays, unless --all is said.
    """
    need("numpy")
    from ap_remote.semantic import upkeep

    index = semantic_index(spec)
    present = upkeep.held(index.folder, index.vectors)
    if not present:
        say(f"there is no index in {index.folder}; there is nothing to take away")
        return
    can_go, filling = upkeep.idle(present)
    if every:
        can_go, filling = can_go + filling, []
    for each in filling:
        say(f"left, being filled: {_vectors(each)}")
    if not can_go:
        say("all vectors are in use; there is nothing to take away")
        return
    for each in can_go:
        say(f"to take away: {_vectors(each)}")
    if not yes:
        if not ERR.is_terminal:
            raise ConfigError("nothing was taken away: say --yes when nobody can be asked")
        typer.confirm("Take them away?", abort=True, err=True)
    freed = upkeep.collect(index.folder, [each.fingerprint for each in can_go], index.vectors)
    if json:
        json_line({"removed": [each.fingerprint for each in can_go], "bytes": freed})
    else:
        line(f"{len(can_go)} taken away, {size_text(freed)} freed")


def compact(spec: Spec = None, *, json: Json = False) -> None:
    """Write the vectors anew without those that no photograph has any more; a build does so by itself above 10 %."""
    need("numpy")
    from ap_remote.semantic import upkeep

    index = semantic_index(spec)
    done = upkeep.compact(index.folder, index.vectors)
    if json:
        json_line(done)
    else:
        line(f"{done.removed} dead rows taken away, {done.kept} written anew, {size_text(done.bytes)} freed")
