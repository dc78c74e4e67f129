"""What this server changed: a line before, a line after, a line when it was taken back.

Each process writes a file of its own, so that two hosts may serve one account; what one did, the other can take back.
The lines hold ids, versions, paths and marks, never content, and outlive the process.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ap_remote.errors import CorruptStoreError, StoreError
from ap_remote.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_SUFFIX: Final = ".jsonl"
_READ: Final = 1 << 24
"""Bytes of one file that are read: about 100,000 changed entries."""


class Before(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as it was before a change: what is needed to give it back."""

    id: str
    version: int = 0
    path: str = ""
    name: str = ""
    favorite: bool | None = None
    hidden: bool | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal."""

    what: Literal["begun", "ended", "undone"]
    op_id: str
    at: str
    action: str = ""
    who: str = ""
    entries: tuple[Before, ...] = ()
    bound: dict[str, Any] = {}
    """The other arguments of the action: a target folder, an album."""
    done: tuple[str, ...] = ()
    made: dict[str, Any] = {}
    """What came to be that an undo takes away: an album, folders, uploaded files."""
    by: str = ""
    """Which operation took it back."""


class Operation(msgspec.Struct, kw_only=True):
    """What the journal says of one change."""

    op_id: str
    at: str
    action: str
    who: str
    entries: tuple[Before, ...] = ()
    bound: dict[str, Any] = {}
    done: tuple[str, ...] | None = None
    """``None`` while nobody knows: the process ended, or the answer never came."""
    made: dict[str, Any] = {}
    undone_by: str = ""


class Journal:
    """The operations of one account.

    Args:
        folder: keeps the files; ``None`` remembers for the life of the process only.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._ledger: Ledger[Line] | None = None
        self._lines: list[Line] = []

    def begin(self, action: str, who: str, entries: Sequence[Before], bound: dict[str, Any] | None = None) -> str:
        """Note what is about to happen and return the id of the operation.

        Raises:
            StoreError: the journal cannot be written; nothing may be changed then.
        """
        op_id = secrets.token_hex(8)
        self._write(
            Line(
                what="begun",
                op_id=op_id,
                at=self._now(),
                action=action,
                who=who,
                entries=tuple(entries),
                bound=bound or {},
            )
        )
        return op_id

    def end(self, op_id: str, done: Sequence[str], made: dict[str, Any] | None = None) -> None:
        """Note what happened."""
        self._write(Line(what="ended", op_id=op_id, at=self._now(), done=tuple(done), made=made or {}))

    def undone(self, op_id: str, by: str) -> None:
        """Note that an operation was taken back by another."""
        self._write(Line(what="undone", op_id=op_id, at=self._now(), by=by))

    def find(self, op_id: str) -> Operation | None:
        """Return an operation, whichever process did it; ``None`` if nobody knows it."""
        return next((each for each in self.operations() if each.op_id == op_id), None)

    def operations(self) -> list[Operation]:
        """Return every operation, the last first.

        Raises:
            CorruptStoreError: a file of the journal cannot be read.
        """
        known: dict[str, Operation] = {}
        lines = sorted(self._all(), key=lambda line: line.what != "begun")
        for line in lines:
            if line.what == "begun":
                known[line.op_id] = Operation(
                    op_id=line.op_id,
                    at=line.at,
                    action=line.action,
                    who=line.who,
                    entries=line.entries,
                    bound=line.bound,
                )
            elif (operation := known.get(line.op_id)) is not None:
                if line.what == "ended":
                    operation.done = line.done
                    operation.made = line.made
                else:
                    operation.undone_by = line.by
        return sorted(known.values(), key=lambda each: (each.at, each.op_id), reverse=True)

    def close(self) -> None:
        """Let the file go. Closing twice is allowed."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def _write(self, line: Line) -> None:
        if self._folder is None:
            self._lines.append(line)
            return
        if self._ledger is None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as exc:
                raise StoreError(f"cannot make the journal's folder {self._folder}: {exc.strerror or exc}") from exc
            name = f"{self._now()[:10]}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
            self._ledger = Ledger(self._folder / name, Line)
            self._ledger.file.chmod(0o600)
        self._ledger.append(line)

    def _all(self) -> Iterator[Line]:
        yield from self._lines
        if self._folder is None or not self._folder.is_dir():
            return
        decoder = msgspec.json.Decoder(Line)
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")):
            # Another process may be in the middle of its last line.
            body = file.read_bytes()[:_READ].rpartition(b"\n")[0]
            try:
                yield from (decoder.decode(line) for line in body.splitlines())
            except msgspec.DecodeError as exc:
                raise CorruptStoreError(f"{file} is no journal: {exc}") from exc

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
