"""The journal of a transfer: which steps of a plan were begun and done, and where what they put away can be had from.

From it an interrupted run goes on, and an undo knows what to take back. Only trashing, moving, removing and replacing
are on the disk before they are done; what is merely finished may be finished twice.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.errors import CorruptStoreError, NewerStoreError, PlanError
from ap_remote.ledger import Ledger
from ap_remote.transfer.report import Deed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ap_remote.transfer.plan import Plan

FORMAT: Final = 1

What = Literal["start", "begin", "away", "done", "end", "undo", "undone", "kept"]
"""``begin`` is an intention; ``away`` says where the old file of a step is now; ``kept`` that an undo left it."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a journal."""

    what: What
    at: str
    format: int = 0
    plan: str = ""
    source: str = ""
    target: str = ""
    step: int = -1
    """Which step of the plan, counted from 0."""
    deed: Deed = ""
    id: str = ""
    """The node that was made or moved; before it has its final name, the one that waits for it."""
    md5: str = ""
    stamp: str = ""
    """What the local file was when it was finished."""
    place: str = ""
    """Where the old one can be had from: an id, a local path, or a path of the account."""
    note: str = ""


class Past(msgspec.Struct, kw_only=True):
    """What a journal says of one step."""

    begun: Line | None = None
    away: Line | None = None
    done: Line | None = None
    undone: bool = False


class Journal:
    """An open journal, or none: then nothing is kept."""

    def __init__(self, ledger: Ledger[Line] | None = None) -> None:
        """Read what *ledger* holds."""
        self._ledger = ledger
        self.past: dict[int, Past] = {}
        """By step. Only what earlier runs did."""
        for line in ledger.lines if ledger is not None else ():
            self._note(line)

    @property
    def start(self) -> Line | None:
        """The first line, which says whose journal it is."""
        return self._ledger.lines[0] if self._ledger is not None and self._ledger.lines else None

    @property
    def undoing(self) -> bool:
        """Whether an undo has begun."""
        return self._ledger is not None and any(line.what == "undo" for line in self._ledger.lines)

    def write(self, what: What, *, lazy: bool = False, **fields: object) -> Line:
        """Append a line and return it; unless *lazy* it is on the disk when this returns.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        fields |= {"what": what, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        line = msgspec.convert(fields, Line)
        if self._ledger is not None:
            self._ledger.append(line, lazy=lazy)
        return line

    def _note(self, line: Line) -> None:
        if line.step < 0:
            return
        past = self.past.setdefault(line.step, Past())
        match line.what:
            case "begin":
                past.begun = line
            case "away":
                past.away = None if line.note else line
            case "done":
                past.done = line
            case "undone":
                past.undone = True


@contextmanager
def open_journal(file: Path | None, plan: Plan, *, must_exist: bool = False) -> Iterator[Journal]:
    """Open the journal of *plan*; nobody else may meanwhile. Without a *file* nothing is kept.

    Raises:
        PlanError: it is missing and must exist, is no journal, or is another plan's.
        BusyStoreError: another process has it open.
        NewerStoreError: a newer version wrote it.
        StoreError: it cannot be opened.
    """
    if file is None:
        yield Journal()
        return
    if must_exist and not file.exists():
        raise PlanError(f"there is no journal {file}")
    try:
        ledger = Ledger(file, Line)
    except CorruptStoreError as exc:
        raise PlanError(str(exc)) from exc
    with ledger:
        journal = Journal(ledger)
        start = journal.start
        if start is None:
            journal.write("start", format=FORMAT, plan=plan.id, source=plan.source, target=plan.target)
        elif start.what != "start":
            raise PlanError(f"{file} is no journal: it does not begin with a plan")
        elif start.format > FORMAT:
            raise NewerStoreError(f"the journal {file}", start.format, FORMAT)
        elif start.plan != plan.id:
            raise PlanError(f"the journal {file} belongs to the plan {start.plan}, not to {plan.id}; name a new file")
        yield journal
