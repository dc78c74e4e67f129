"""The road of a transfer command: plan, show, ask, keep, run, tell."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import msgspec
import typer

from ap_remote.cli import plans, reporting, runs, sides
from ap_remote.cli.console import counting_bar, line, say
from ap_remote.cli.console import run as run_to_end
from ap_remote.cli.interruption import Interruption, StoppablePatience, StoppedError, answering
from ap_remote.cli.progress import Tally, shown_progress
from ap_remote.cli.sides import End
from ap_remote.errors import ConfigError, RemoteError
from ap_remote.transfer.filters import EVERYTHING, Filters
from ap_remote.transfer.options import Options
from ap_remote.transfer.plan import Note, Verb, sealed
from ap_remote.transfer.report import Report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from ap_remote.cli.runs import Run
    from ap_remote.cli.wishes import RunOptions, ShownOptions
    from ap_remote.transfer.plan import Plan
    from ap_remote.transfer.sides import Side

INTERRUPTED: Final = 130
_IN_THE_WAY: Final = "a file of that name has other content (--overwrite replaces it)"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One plan that is to be made and run."""

    verb: Verb
    source: End
    target: End
    options: Options
    filters: Filters = EVERYTHING
    only: frozenset[str] | None = None
    """Of a local source, these names in it."""
    replaces: bool = True
    """Whether a file of the same name may be replaced; if not, it is a failure."""


class Session:
    """What one command does: its plans one after the other, shown and told of as one run."""

    def __init__(
        self, command: str, wishes: ShownOptions, *, transfers: int = 4, words: Mapping[str, str] | None = None
    ) -> None:
        """Prepare for *command*; *words* say what was done in other words, e.g. ``uploaded`` for ``copied``.

        Raises:
            ConfigError: the report cannot be written where it is wished, or a wish cannot be read.
        """
        self._command = command
        self._wishes = wishes
        self._transfers = transfers
        self._words = words
        self._interval = wishes.interval
        self._book = reporting.ReportFile(wishes.report) if wishes.report is not None else None
        self._interruption = Interruption()
        self._since: float | None = None
        self._tally = Tally()
        self._reports: list[Report] = []
        self._told = 0
        self._ends = ("", "")
        self._kept: list[Run] = []
        self._silent = False

    def conduct(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, tell of it, and exit with its code.

        Raises:
            typer.Exit: something failed, a limit was reached, it was interrupted.
        """
        code = run_to_end(self._conduct(work))
        if code:
            raise typer.Exit(code)

    async def transfer(self, job: Job, wishes: RunOptions) -> None:
        """Make a plan, and do with it what is wished."""
        async with sides.opened(job.source, job.target, only=job.only) as (source, target):
            plan = await planned(job, source, target)

            def ask() -> None:
                if job.verb == "sync":
                    plans.ask(plan, yes=wishes.yes)

            await self.settle(plan, source, target, wishes=wishes, ask=ask)

    async def settle(
        self, plan: Plan, source: Side, target: Side, *, wishes: RunOptions, ask: Callable[[], None]
    ) -> None:
        """Save a plan, show it, or ask and run it; as is wished."""
        self._ends = (plan.source, plan.target)
        if wishes.save_plan is not None:
            self._silent = True
            _save(plan, wishes.save_plan.expanduser())
        elif wishes.dry_run:
            self._silent = True
            plans.show(plan, json=wishes.json)
        else:
            with answering():
                if wishes.interactive:
                    plan = plans.chosen(plan)
                else:
                    ask()
            await self.carry(plan, source, target)

    async def carry(self, plan: Plan, source: Side, target: Side, kept: Run | None = None) -> None:
        """Run a plan, with a journal by which it goes on or is taken back."""
        from ap_remote.transfer.engine import run_plan

        if kept is None and plan.steps:
            kept = runs.keep(plan)
        if kept is not None:
            self._kept.append(kept)
        self._ends = (plan.source, plan.target)
        self._since = time.monotonic()
        async with self._shown():
            with self._interruption.listening():
                report = await run_plan(
                    plan,
                    source,
                    target,
                    journal=kept.journal if kept is not None else None,
                    meter=self._tally,
                    patience=StoppablePatience(self._interruption),
                )
        self.add(report)

    async def take_back(self, plan: Plan, kept: Run, source: Side, target: Side) -> None:
        """Undo a run."""
        from ap_remote.transfer.undo import undo

        self._ends = (plan.source, plan.target)
        self._since = time.monotonic()
        with self._interruption.listening():
            report = await undo(plan, kept.journal, source, target, patience=StoppablePatience(self._interruption))
        self.add(report)

    def silence(self) -> None:
        """Tell of no files: all was said."""
        self._silent = True

    def add(self, report: Report) -> None:
        """Tell of this, too."""
        self._reports.append(report)
        self._since = None
        self._told = len(self._tally.rows)

    def _shown(self) -> AbstractAsyncContextManager[Tally]:
        return shown_progress(
            self._tally,
            transfers=self._transfers,
            interval=self._interval,
            one_line=self._wishes.stats_one_line,
            asked=self._wishes.progress,
        )

    @property
    def is_stopped(self) -> bool:
        """Whether no more plans are to be begun."""
        return self._interruption.stopping or any(report.stopped for report in self._reports)

    def report(self) -> Report:
        """Return what became of all files so far, those of a run that broke off included."""
        rows = [row for report in self._reports for row in report.rows] + self._tally.rows[self._told :]
        broken = time.monotonic() - self._since if self._since is not None else 0.0
        return Report(
            rows=tuple(rows),
            seconds=sum(report.seconds for report in self._reports) + broken,
            plan=self._reports[-1].plan if self._reports else "",
            stopped=next((report.stopped for report in self._reports if report.stopped), ""),
        )

    async def _conduct(self, work: Callable[[], Awaitable[None]]) -> int:
        code, error = 1, "it broke off"
        try:
            try:
                await work()
            except StoppedError:
                code = INTERRUPTED
            except asyncio.CancelledError:
                if not self._interruption.caught():
                    raise
                code = INTERRUPTED
            else:
                code = self._code()
            error = ""
        except asyncio.CancelledError:
            code, error = INTERRUPTED, "interrupted"
            raise
        except (RemoteError, OSError) as exc:
            code, error = getattr(exc, "exit_code", 1), str(exc)
            raise
        finally:
            self._close(code, error)
        return code

    def _close(self, code: int, error: str) -> None:
        """Tell of what was done, however it ended, and how it goes on."""
        report = self.report()
        if not self._silent and (report.rows or not error):
            reporting.tell(report, words=self._words, json=self._wishes.json, hint=" (--report FILE has all)")
        # What the plan already knew to be impossible is no more possible the next time.
        may_go_on = bool(error or self._tally.failed or report.stopped or code == INTERRUPTED)
        broken = [each for each in map(runs.again, self._kept) if each.state == "unfinished" and may_go_on]
        if code == INTERRUPTED and not error:
            say("ap: interrupted")
        for each in broken:
            say(f"`ap transfer resume {each.id}` goes on where it broke off; so does the same command")
        if self._book is not None:
            self._book.write(
                report, command=self._command, source=self._ends[0], target=self._ends[1], code=code, error=error
            )
        if self._kept:
            runs.prune()

    def _code(self) -> int:
        if self._silent:
            return 0
        return reporting.exit_code(self.report(), error_on_no_transfer=self._wishes.error_on_no_transfer)


def _save(plan: Plan, file: Path) -> None:
    from ap_remote.transfer.planfile import save_plan

    save_plan(plan, file)
    for text in plans.sums(plan):
        line(text)
    line(f"`ap transfer run {file}` does it")


def perform(jobs: Sequence[Job], wishes: RunOptions, *, command: str, words: Mapping[str, str] | None = None) -> None:
    """Make and run plans, one after the other.

    Raises:
        ConfigError: wishes that exclude each other.
        typer.Exit: something failed, a limit was reached, it was interrupted.
    """
    if wishes.save_plan is not None and len(jobs) > 1:
        raise ConfigError("--save-plan keeps one plan, and these sources need several: name one source")
    session = Session(command, wishes, transfers=max(job.options.transfers for job in jobs), words=words)

    async def work() -> None:
        for job in jobs:
            if not session.is_stopped:
                await session.transfer(job, wishes)

    session.conduct(work)


async def planned(job: Job, source: Side, target: Side) -> Plan:
    """Return the plan of a job. Nothing is changed."""
    from ap_remote.transfer.planner import make_plan

    with counting_bar("files looked at") as progress:
        plan = await make_plan(job.verb, source, target, options=job.options, filters=job.filters, progress=progress)
    return plan if job.replaces else _without_replacing(plan)


def _without_replacing(plan: Plan) -> Plan:
    """Return a plan in which what would be replaced cannot be done."""
    notes = tuple(
        Note(path=step.path, reason=_IN_THE_WAY, size=step.size) for step in plan.steps if step.action == "replace"
    )
    if not notes:
        return plan
    kept = tuple(step for step in plan.steps if step.action != "replace")
    return sealed(msgspec.structs.replace(plan, steps=kept, problems=plan.problems + notes))
