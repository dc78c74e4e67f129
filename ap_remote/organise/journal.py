"""The journal of a plan: one JSON line before and one after each call that changes the account, each fsynced.

From it an interrupted ``apply`` goes on, and ``undo`` knows what to take away.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.errors import CorruptStoreError, PlanError
from ap_remote.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMAT: Final = 2
"""Of the journal of a plan that moves files; one of albums alone has format 1."""

What = Literal[
    "start",
    "create",
    "created",
    "add",
    "added",
    "mkdir",
    "made",
    "move",
    "moved",
    "skip",
    "end",
    "undo",
    "trash",
    "remove",
    "back",
    "backed",
    "rmdir",
    "undone",
    "kept",
]
"""``create``, ``add``, ``mkdir``, ``move``, ``trash``, ``remove``, ``back`` and ``rmdir`` are intentions, written
before the call; ``end`` closes an apply."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a journal."""

    what: What
    at: str
    format: int | None = None
    plan: str | None = None
    account: str | None = None
    by: str | None = None
    """The way of the plan, on the first line."""
    folder: int | None = None
    """Which folder of the plan, counted from 0."""
    name: str | None = None
    album: str | None = None
    members: tuple[str, ...] = ()
    source: str | None = None
    """The path from which a file is moved."""
    path: str | None = None
    """The path that it gets, or that of a folder that is made."""
    note: str | None = None


class Moved(msgspec.Struct, kw_only=True):
    """What a journal says of one file that a plan moves."""

    source: str
    path: str
    done: bool = False
    back: bool = False
    """Whether an undo moved it back."""


class Deed(msgspec.Struct, kw_only=True):
    """What a journal says of one folder of the plan."""

    name: str
    members: tuple[str, ...] = ()
    """Those that were put in by the plan."""
    album: str | None = None
    made: bool = False
    """Whether the plan made the album, rather than adding to one that was there."""
    finished: bool = False
    trashing: bool = False
    """Whether an undo went to put the album in the trash."""
    undone: bool = False
    moves: dict[str, Moved] = msgspec.field(default_factory=dict)
    """Files by id, in the order of their moves."""
    folders: list[str] = msgspec.field(default_factory=list)
    """Paths of folders that were missing and were made, those above first."""


class Journal:
    """An open journal."""

    def __init__(self, ledger: Ledger[Line]) -> None:
        """Serve what is in *ledger*; new lines go there."""
        self.file = ledger.file
        self.lines = ledger.lines
        self._ledger = ledger

    def write(self, what: What, **fields: object) -> None:
        """Append a line; when this returns, it is on the disk.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        fields = {**fields, "what": what, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        self._ledger.append(msgspec.convert(fields, Line))

    @property
    def start(self) -> Line | None:
        """The first line, which says whose journal it is."""
        return self.lines[0] if self.lines else None

    @property
    def ended(self) -> bool:
        """Whether the plan was applied to its end."""
        return any(line.what == "end" for line in self.lines)

    @property
    def undoing(self) -> bool:
        """Whether an undo has begun."""
        return any(line.what == "undo" for line in self.lines)

    def deeds(self) -> dict[int, Deed]:
        """Return what was done, by folder of the plan, the unfinished ones too."""
        return deeds_of(self.lines)


def deeds_of(lines: Iterable[Line]) -> dict[int, Deed]:
    """Return what the lines of a journal say of each folder of the plan."""
    found: dict[int, Deed] = {}
    for line in lines:
        if line.folder is not None:
            deed = found.setdefault(line.folder, Deed(name=line.name or ""))
            if line.what in ("mkdir", "move", "moved", "backed"):
                _note_move(deed, line)
            else:
                _note_album(deed, line)
    return found


def _note_move(deed: Deed, line: Line) -> None:
    if line.what == "mkdir":
        if line.path not in deed.folders:
            deed.folders.append(line.path or "")
        return
    for id_ in line.members:
        if line.what == "move":
            deed.moves[id_] = Moved(source=line.source or "", path=line.path or "")
        elif id_ in deed.moves:  # what was not announced was not written by a plan
            deed.moves[id_].done |= line.what == "moved"
            deed.moves[id_].back |= line.what == "backed"


def _note_album(deed: Deed, line: Line) -> None:
    match line.what:
        case "create" | "add":
            deed.members = line.members
            deed.album, deed.made = line.album, line.what == "create"
        case "created" | "added":
            deed.album, deed.finished = line.album, True
        case "trash":
            deed.trashing = True
        case "undone":
            deed.undone = True
        case _:
            pass


def peek(file: Path) -> list[Line]:
    """Return the lines of a journal that somebody may be writing; a torn last one, or a file of another kind, is none.

    Raises:
        PlanError: it cannot be read.
    """
    try:
        whole, _, _ = file.read_bytes().rpartition(b"\n")
    except OSError as exc:
        raise PlanError(f"cannot read the journal {file}: {exc.strerror or exc}") from exc
    try:
        return msgspec.json.Decoder(Line).decode_lines(whole)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def retire(file: Path) -> Path:
    """Give the journal of an undone plan a name of its own, so that the plan may be applied anew, and return it."""
    return file.rename(file.with_name(f"{file.stem}.undone-{time.time_ns()}.jsonl"))


@contextmanager
def open_journal(file: Path, *, must_exist: bool = False) -> Iterator[Journal]:
    """Open a journal for reading and appending; nobody else may meanwhile. A torn last line is cut off.

    Raises:
        PlanError: it is missing and must exist, or is no journal, or of a newer version.
        BusyStoreError: another process has it open.
        StoreError: it cannot be opened.
    """
    if must_exist and not file.exists():
        message = f"there is no journal {file}"
        raise PlanError(message)
    try:
        ledger = Ledger(file, Line)
    except CorruptStoreError as exc:
        raise PlanError(str(exc)) from exc
    except UnicodeDecodeError as exc:
        raise PlanError(f"{file} is no journal: {exc}") from exc
    with ledger:
        _check(file, ledger.lines)
        yield Journal(ledger)


def _check(file: Path, lines: list[Line]) -> None:
    """Raise unless the lines are those of a journal that this version knows."""
    if lines and lines[0].what != "start":
        message = f"{file} is no journal: it does not begin with a plan"
        raise PlanError(message)
    if lines and (lines[0].format or 0) > FORMAT:
        message = f"{file} was written by a newer ap_remote (format {lines[0].format}, this one knows {FORMAT})"
        raise PlanError(message)
