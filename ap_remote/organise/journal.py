"""The journal of a plan: one JSON line before and one after each call that changes the account, each fsynced.

From it an interrupted ``apply`` goes on, and ``undo`` knows what to take away.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.errors import BusyStoreError, PlanError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT: Final = 1

What = Literal["start", "create", "created", "add", "added", "skip", "end", "undo", "trash", "remove", "undone", "kept"]
"""``create``, ``add``, ``trash`` and ``remove`` are intentions, written before the call; ``end`` closes an apply."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a journal."""

    what: What
    at: str
    format: int | None = None
    plan: str | None = None
    account: str | None = None
    folder: int | None = None
    """Which folder of the plan, counted from 0."""
    name: str | None = None
    album: str | None = None
    members: tuple[str, ...] = ()
    note: str | None = None


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


class Journal:
    """An open journal."""

    def __init__(self, file: Path, stream: IO[bytes], lines: list[Line]) -> None:
        """Serve *lines*, which are in the file; new ones go to *stream*."""
        self.file = file
        self._stream = stream
        self.lines = lines

    def write(self, what: What, **fields: object) -> None:
        """Append a line; when this returns, it is on the disk.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        fields = {**fields, "what": what, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        line = msgspec.convert(fields, Line)
        try:
            self._stream.write(msgspec.json.encode(line) + b"\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as exc:
            message = (
                f"cannot write the journal {self.file}: {exc.strerror or exc}; the work stopped before its next step"
            )
            raise StoreError(message) from exc
        self.lines.append(line)

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
        found: dict[int, Deed] = {}
        for line in self.lines:
            if line.folder is None:
                continue
            deed = found.setdefault(line.folder, Deed(name=line.name or ""))
            if line.what in ("create", "add"):
                deed.members = line.members
                deed.album, deed.made = line.album, line.what == "create"
            elif line.what in ("created", "added"):
                deed.album, deed.finished = line.album, True
            elif line.what == "trash":
                deed.trashing = True
            elif line.what == "undone":
                deed.undone = True
        return found


@contextmanager
def open_journal(file: Path, *, must_exist: bool = False) -> Iterator[Journal]:
    """Open a journal for reading and appending; nobody else may meanwhile. A torn last line is cut off.

    Raises:
        PlanError: it is missing and must exist, or is no journal, or of a newer version.
        BusyStoreError: another process has it open.
        StoreError: it cannot be opened.
    """
    from filelock import FileLock, Timeout

    if must_exist and not file.exists():
        message = f"there is no journal {file}"
        raise PlanError(message)
    # What is done with the journal stays outside: many a remote's error is an OSError too, and no fault of the file.
    with ExitStack() as stack:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(file.with_name(file.name + ".lock"), timeout=0, thread_local=False))
            stream = stack.enter_context(file.open("a+b"))
            journal = Journal(file, stream, _read(file, stream))
        except Timeout as exc:
            message = f"another process works with the journal {file}"
            raise BusyStoreError(message) from exc
        except OSError as exc:
            message = f"cannot use the journal {file}: {exc.strerror or exc}"
            raise StoreError(message) from exc
        yield journal


def _read(file: Path, stream: IO[bytes]) -> list[Line]:
    stream.seek(0)
    body = stream.read()
    whole = body[: body.rfind(b"\n") + 1]
    if len(whole) < len(body):
        # A crash tore the line while it was written: the call that it announces was not made yet.
        stream.truncate(len(whole))
    try:
        lines = [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]
    except msgspec.DecodeError as exc:
        message = f"{file} is no journal: {exc}"
        raise PlanError(message) from exc
    if lines and lines[0].what != "start":
        message = f"{file} is no journal: it does not begin with a plan"
        raise PlanError(message)
    if lines and (lines[0].format or 0) > FORMAT:
        message = f"{file} was written by a newer ap_remote (format {lines[0].format}, this one knows {FORMAT})"
        raise PlanError(message)
    return lines
