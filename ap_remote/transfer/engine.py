"""Runs a plan: folders first, then moves, then files side by side, then what is to be removed.

Every step looks again before it acts. With a journal an interrupted run goes on where it was, and can be undone.
"""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ap_remote.errors import DuplicateContentError, NotFoundError, PlanError, RemoteError
from ap_remote.model import NodeId
from ap_remote.remote.paths import fold, join
from ap_remote.transfer.account import Account
from ap_remote.transfer.away import item_of, look_again, put_away, times_below
from ap_remote.transfer.bandwidth import Bandwidth, Flow
from ap_remote.transfer.carrying import ALREADY, Carrier, Outcome
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.journal import Journal, Past, open_journal
from ap_remote.transfer.plan import content_id
from ap_remote.transfer.pool import Patience, run_all, to_its_end
from ap_remote.transfer.report import Report, Row, SilentMeter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from ap_remote.transfer.plan import Note, Plan, Step
    from ap_remote.transfer.report import Meter, Result
    from ap_remote.transfer.sides import Side

    Act = Callable[[int, Step, Flow], Awaitable[Outcome]]
    Numbered = tuple[int, Step]

EARLIER: Final = "done by an earlier run of this plan"
NOTHING_REMOVED: Final = "nothing is removed, because not everything before it was done"


async def run_plan(
    plan: Plan,
    source: Side,
    target: Side,
    *,
    journal: Path | None = None,
    meter: Meter | None = None,
    patience: Patience | None = None,
) -> Report:
    """Do what a plan says and tell what became of each step.

    One step that fails leaves the others alone, but then nothing of the target is removed. A run that broke off is
    finished by calling this again with the same journal; so is one that failed in part, or was stopped by a limit.

    Args:
        plan: what to do.
        source: where from, as the plan was made with.
        target: where to.
        journal: a file that does not exist yet, or that of the interrupted run.
        meter: is told how it goes on.
        patience: how long to wait for a service that is gone.

    Raises:
        PlanError: the journal is another plan's, or was undone; or the plan was changed since it got its id.
        AuthenticationError: the login has expired. This and what follows end the run at once.
        QuotaExceededError: the account is full.
        UnavailableError: the service stayed away.
        StoreError: a local store, or the journal, cannot be used.
        OSError: the local disk is full.
    """
    if plan.id != content_id(plan):
        raise PlanError(f"the plan was changed after it got its id {plan.id}; make it again and look at it first")
    with open_journal(journal, plan) as book:
        if book.undoing:
            raise PlanError(f"the plan {plan.id} was undone by this journal; name a new file to run it again")
        await look_up(source)
        await look_up(target)
        run = _Run(plan, source, target, book=book, meter=meter or SilentMeter(), patience=patience or Patience())
        return await run.go()


class _Run:
    """One run of one plan."""

    def __init__(
        self, plan: Plan, source: Side, target: Side, *, book: Journal, meter: Meter, patience: Patience
    ) -> None:
        self._plan = plan
        self._source = source
        self._target = target
        self._book = book
        self._meter = meter
        self._patience = patience
        self._bandwidth = Bandwidth(plan.options.bandwidth)
        self._carrier = Carrier(plan, source, target, book, self._bandwidth)
        self._rows: dict[int, Row] = {}
        self._stopped = ""

    async def go(self) -> Report:
        plan, begun = self._plan, time.monotonic()
        told = [each for each in plan.steps if each.action != "mkdir"]
        self._meter.expect(len(told), sum(each.size for each in told))
        await self._folders()
        await self._moves()
        await self._files()
        if not self._stopped:
            await self._removals()
        rows = [*self._notes(), *(self._rows[number] for number in sorted(self._rows))]
        if not self._stopped and not any(row.result == "failed" for row in rows):
            self._book.write("end", plan=plan.id)
        return Report(rows=tuple(rows), seconds=time.monotonic() - begun, plan=plan.id, stopped=self._stopped)

    def _notes(self) -> Iterator[Row]:
        results: tuple[tuple[tuple[Note, ...], Result], ...] = (
            (self._plan.skipped, "skipped"),
            (self._plan.problems, "failed"),
        )
        for notes, result in results:
            for each in notes:
                yield Row(
                    source=place_of(self._source, each.path),
                    target=place_of(self._target, each.path),
                    result=result,
                    size=each.size,
                    reason=each.reason,
                )

    def _of(self, *actions: str) -> list[Numbered]:
        return [(number, step) for number, step in enumerate(self._plan.steps) if step.action in actions]

    async def _folders(self) -> None:
        """Make folders, those above before those in them."""
        steps = sorted(self._of("mkdir"), key=lambda each: each[1].path.count("/"))
        for _, level in groupby(steps, key=lambda each: each[1].path.count("/")):
            await self._together([*level], self._mkdir, quiet=True)

    async def _files(self) -> None:
        """Carry files in the order of the plan, up to the limit of bytes."""
        limit, steps, size = self._plan.options.max_transfer, self._of("copy", "replace"), 0
        for position, (number, step) in enumerate(steps if limit is not None else ()):
            past = self._book.past.get(number)
            size += 0 if past is not None and past.done is not None else step.size
            if limit is not None and size > limit:
                steps = steps[:position]
                self._stopped = f"the limit of {limit:,} bytes was reached"
                break
        await self._together(steps, self._carrier.carry)

    async def _moves(self) -> None:
        for each in self._of("move"):
            await self._one(each, self._move)

    async def _removals(self) -> None:
        """Remove, what lies deeper first as the plan has it."""
        failed = bool(self._plan.problems) or any(row.result == "failed" for row in self._rows.values())
        whole = [each for each in self._of("remove") if not (failed and each[1].at == "target")]
        for number, step in self._of("remove"):
            if failed and step.at == "target":
                self._close(number, step, Outcome("skipped", "", NOTHING_REMOVED))
        for _, level in groupby(whole, key=lambda each: each[1].path.count("/")):
            await self._together([*level], self._remove)

    async def _together(self, steps: list[Numbered], act: Act, *, quiet: bool = False) -> None:
        async def work(each: Numbered) -> None:
            await self._one(each, act, quiet=quiet)

        await run_all(steps, work, workers=self._plan.options.transfers)

    async def _one(self, each: Numbered, act: Act, *, quiet: bool = False) -> None:
        """Do one step, again where the service was away, and note what became of it."""
        number, step = each
        past = self._book.past.get(number)
        if past is not None and past.done is not None:
            self._close(number, step, Outcome("skipped", "", EARLIER), quiet=quiet)
            return
        flow = Flow(step.path, step.size, self._bandwidth, self._meter)
        if not quiet:
            self._meter.begin(step.path, step.size)
        outcome = await tried(self._patience, flow, lambda: act(number, step, flow))
        self._close(number, step, outcome, quiet=quiet)

    def _close(self, number: int, step: Step, outcome: Outcome, *, quiet: bool = False) -> None:
        seen = step.source or step.there
        from_source = step.source is not None and step.action in ("copy", "replace")
        row = Row(
            source=place_of(self._source if from_source else self._side(step), seen.path if seen else step.path),
            target=place_of(self._target if step.action == "move" else self._side(step), step.path),
            result=outcome.result,
            deed=outcome.deed,
            size=step.size,
            reason=outcome.reason,
        )
        self._rows[number] = row
        if not quiet:
            self._meter.advance(row)

    def _side(self, step: Step) -> Side:
        return self._target if step.at == "target" else self._source

    async def _mkdir(self, number: int, step: Step, flow: Flow) -> Outcome:
        del flow
        await self._side(step).mkdir(step.path)
        self._book.write("done", lazy=True, step=number, deed="made")
        return Outcome("done", "made")

    async def _move(self, number: int, step: Step, flow: Flow) -> Outcome:
        del flow
        if step.source is None:
            raise PlanError(f"step {number} of the plan {self._plan.id} does not say what it moves")
        side, past = self._side(step), self._book.past.setdefault(number, Past())
        try:
            await look_again(side, step.source)
        except RemoteError:
            if past.begun is None or not await self._has_moved(side, step):
                raise
        else:
            past.begun = self._book.write("begin", step=number)
            await to_its_end(self._moved(number, side, step, past))
        self._book.write("done", step=number, deed="moved", id=step.source.id or "")
        return Outcome("done", "moved")

    async def _moved(self, number: int, side: Side, step: Step, past: Past) -> None:
        """Move within one side, or from one root to the other of one account; what is in the way is put away."""
        assert step.source is not None  # noqa: S101 - `_move` asked
        back = None
        if step.there is not None:
            back = await self._carrier.put_away(number, self._target, step.there, past)
        try:
            if isinstance(self._target, Account) and isinstance(side, Account):
                await side.move_to(item_of(step.source), self._target.path(step.path), step.path)
            else:
                await side.move(item_of(step.source), step.path)
        except Exception:  # whatever it was, the two must not both be away
            if back is not None:
                await back()
            raise

    async def _has_moved(self, side: Side, step: Step) -> bool:
        """Whether an earlier try moved it, and ended before it could say so."""
        assert step.source is not None  # noqa: S101 - `_move` asked
        if isinstance(side, Disk):
            file = side.file(step.path)
            return file.is_dir() or (file.is_file() and file.stat().st_size == step.source.size)
        if isinstance(side, Account) and isinstance(self._target, Account) and step.source.id is not None:
            entry = await side.remote.stat(NodeId(step.source.id), fresh=True)
            return fold(entry.path) == fold(self._target.path(step.path))
        return False

    async def _remove(self, number: int, step: Step, flow: Flow) -> Outcome:
        del flow
        seen = step.there or step.source
        if seen is None:
            raise PlanError(f"step {number} of the plan {self._plan.id} does not say what it removes")
        side, past = self._side(step), self._book.past.setdefault(number, Past())
        if step.at == "source" and not self._has_arrived(step.path):
            return Outcome("skipped", "", "it stays, because it did not arrive at the target")
        place = ""
        try:
            is_folder = await look_again(side, seen)
        except NotFoundError:
            if past.begun is None:
                return Outcome("skipped", "", "it is gone already")
        else:
            if is_folder and (why := await self._is_in_use(side, step)):
                return Outcome("skipped", "", why)
            past.begun = self._book.write("begin", step=number)
            backup = self._plan.options.backup_dir if step.at == "target" else None
            place = await to_its_end(put_away(side, seen, backup))
        self._book.write("done", lazy=True, step=number, deed="removed", id=seen.id or "", place=place)
        return Outcome("done", "removed")

    async def _is_in_use(self, side: Side, step: Step) -> str:
        """Return why a folder is not to be removed.

        One of the source goes when nothing is left in it. One of the target goes with all that the plan saw in it,
        so nothing may have come since.
        """
        inside = await times_below(side, step.path)
        if step.at == "source":
            return "the folder stays, because something is in it" if inside else ""
        new = any(when is None or when > self._plan.created for when in inside)
        return "the folder stays, because something came into it since the plan was made" if new else ""

    def _has_arrived(self, path: str) -> bool:
        """Whether all that the plan brings from a path of the source is at the target, verified."""
        head = path + "/"
        for number, step in self._of("copy", "replace"):
            if step.source is None or not (step.source.path == path or step.source.path.startswith(head)):
                continue
            row = self._rows.get(number)
            if row is None or not (row.result == "done" or row.reason in (ALREADY, EARLIER)):
                return False
        return True


def place_of(side: Side, path: str) -> str:
    """Return a path of a side as a person finds it: on the disk, or in the account."""
    if isinstance(side, Disk):
        return str(side.file(path))
    return side.path(path) if isinstance(side, Account) else join(side.label, path)


async def tried(patience: Patience, flow: Flow, attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Make an attempt at one file, again where the service was away, and return what became of it.

    Raises:
        RemoteError: what ends a whole run, such as a login that has ended.
        OSError: the same, such as a full disk.
    """

    async def anew() -> Outcome:
        flow.restart()
        return await attempt()

    try:
        return await patience.bear(anew)
    except DuplicateContentError as exc:
        return Outcome("skipped", "", str(exc))
    except (RemoteError, OSError) as exc:
        if patience.is_out(exc):
            raise
        return Outcome("failed", "", sentence(exc))


def sentence(error: BaseException) -> str:
    """Return what a row says of an error."""
    notes: list[str] = getattr(error, "__notes__", [])
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, RemoteError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join([text, *notes])


async def look_up(side: Side) -> None:
    """Let an account know whether its root is a file, and where one lies that is named by its id."""
    if isinstance(side, Account):
        try:
            await side.look_up()
        except NotFoundError:
            # A target that is not there yet; of a source each file says so itself.
            if isinstance(side.target, NodeId):
                raise
