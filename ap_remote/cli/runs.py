"""Runs of transfers that are kept: a plan and its journal each, by which one goes on or is taken back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote import config
from ap_remote.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.transfer.plan import Plan

State = Literal["planned", "running", "unfinished", "finished", "undone"]
"""``unfinished``: it broke off, reached a limit, or failed in part."""

_JOURNAL: Final = ".journal.jsonl"
_KEPT: Final = 50


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Its id is that of its plan, with a number behind it where the same was done before."""

    id: str
    file: Path
    """The plan."""
    journal: Path
    state: State
    when: float
    """When something was last done, as seconds since 1970."""


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a plan."""

    verb: str = ""
    source: str = ""
    target: str = ""
    created: datetime | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a line of a journal."""

    what: str
    step: int = -1
    deed: str = ""


def folder() -> Path:
    """Return where runs are kept."""
    return config.load().home / "transfers"


def keep(plan: Plan) -> Run:
    """Write a plan down before it is run; one that was interrupted before keeps its journal, by which it goes on.

    Raises:
        PlanError: the same plan is being run by another process.
        StoreError: it cannot be written.
    """
    from ap_remote.transfer.planfile import save_plan

    for number in range(1, 10_000):
        name = plan.id if number == 1 else f"{plan.id}-{number}"
        file = folder() / f"{name}.json"
        if not file.exists():
            save_plan(plan, file)
            return _run(file)
        there = _run(file)
        if there.state == "running":
            raise PlanError(f"the same transfer is under way already, as {name}")
        if there.state in ("planned", "unfinished"):
            return there
    raise PlanError(f"the plan {plan.id} was run too often; remove {folder()}")


def again(run: Run) -> Run:
    """Return a run as it is now."""
    return _run(run.file)


def runs() -> list[Run]:
    """Return the runs that are kept, the newest first."""
    files = (file for file in folder().glob("*.json") if not file.name.startswith("."))
    return sorted((_run(file) for file in files), key=lambda each: each.when, reverse=True)


def find(name: str | None, *states: State) -> Run:
    """Return the run of an id or of its first characters; without one, the newest in one of *states*.

    Raises:
        PlanError: there is none, or several.
    """
    if name is None:
        newest = next((each for each in runs() if not states or each.state in states), None)
        if newest is None:
            raise PlanError(f"no transfer is {' or '.join(states) or 'kept'}; `ap transfer list` shows what there is")
        return newest
    found = [each for each in runs() if each.id == name] or [each for each in runs() if each.id.startswith(name)]
    if not found:
        raise PlanError(f"no transfer {name!r}; `ap transfer list` shows what there is")
    if len(found) > 1:
        raise PlanError(f"several transfers begin with {name!r}: {', '.join(each.id for each in found)}")
    return found[0]


def head(run: Run) -> _Head:
    """Return what a list shows of a run's plan.

    Raises:
        PlanError: the file is no plan.
    """
    try:
        return msgspec.json.decode(run.file.read_bytes(), type=_Head)
    except msgspec.DecodeError as exc:
        raise PlanError(f"{run.file} is no plan: {exc}") from exc


def prune() -> None:
    """Remove finished and undone runs beyond the newest fifty; one that is interrupted stays."""
    ended = [each for each in runs() if each.state in ("finished", "undone")]
    for each in ended[_KEPT:]:
        each.file.unlink(missing_ok=True)
        each.journal.unlink(missing_ok=True)
        each.journal.with_name(each.journal.name + ".lock").unlink(missing_ok=True)


def _run(file: Path) -> Run:
    journal = file.with_name(file.stem + _JOURNAL)
    when = (journal if journal.exists() else file).stat().st_mtime
    return Run(id=file.stem, file=file, journal=journal, state=_state(journal), when=when)


def _state(journal: Path) -> State:
    if not journal.exists():
        return "planned"
    if _is_locked(journal):
        return "running"
    whats = {each.what for each in _lines(journal)}
    if "undo" in whats:
        return "undone"
    return "finished" if "end" in whats else "unfinished"


def deeds(run: Run) -> list[Line]:
    """Return what a run has done and no undo has taken back, the last first."""
    done: dict[int, Line] = {}
    for each in _lines(run.journal) if run.journal.exists() else ():
        if each.what == "done":
            done[each.step] = each
        elif each.what in ("undone", "kept"):
            done.pop(each.step, None)
    return list(reversed(done.values()))


def _is_locked(journal: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(journal.with_name(journal.name + ".lock"), timeout=0):
            return False
    except Timeout:
        return True


def _lines(journal: Path) -> Iterator[Line]:
    """Yield the whole lines of a journal."""
    for text in journal.read_bytes().splitlines():
        try:
            yield msgspec.json.decode(text, type=Line)
        except msgspec.DecodeError:
            # A crash tore the last line; what it announced was not begun.
            return
