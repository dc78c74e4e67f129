"""What this server changed: a line before, a line after, a line when it was taken back.

Each process writes files of its own, so that two hosts may serve one account; what one did, the other can take back.
The lines hold ids, versions, paths and marks, never content, and outlive the process by 180 days. A process remembers
what it has read: of the files of others it reads what they wrote since.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import anyio.to_thread
import msgspec
from filelock import FileLock, Timeout

from ap_remote.atomic import make_private
from ap_remote.errors import CorruptStoreError, StoreError
from ap_remote.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SUFFIX: Final = ".jsonl"
FULL: Final = 8 << 20
"""Bytes after which a new file is begun (own choice): reading one takes a fraction of a second."""
KEPT: Final = 180 * 86_400.0
"""Seconds for which an operation is known, and can be taken back (own choice)."""
T = TypeVar("T", bound=msgspec.Struct)
_NOTHING: Final = msgspec.Raw(b"{}")


class Before(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as it was before a change: what is needed to give it back."""

    id: str
    version: int = 0
    path: str = ""
    name: str = ""
    favorite: bool | None = None
    hidden: bool | None = None


class Made(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came to be, as far as an undo needs it."""

    album: str = ""
    """The id of the album that was made or changed."""
    version: int | msgspec.UnsetType = msgspec.UNSET
    """That the album had then, if it could be looked at."""
    md5: dict[str, str] = {}
    """Of uploaded files, by id."""
    plan: str = ""
    """The plan of folders whose own journal tells the albums."""
    added: dict[str, tuple[str, ...]] = {}
    """The pictures that an undo took out of albums again, by album."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the journal."""

    what: Literal["begun", "ended", "undone"]
    op_id: str
    at: str
    action: str = ""
    """A word and no enumeration: another version of this server may have written it."""
    who: str = ""
    entries: tuple[Before, ...] = ()
    bound: msgspec.Raw = _NOTHING
    """What the action was about beside the entries, as JSON: a target folder, an album."""
    done: tuple[str, ...] = ()
    made: Made = Made()
    by: str = ""
    """Which operation took it back."""


class Operation(msgspec.Struct, kw_only=True):
    """What the journal says of one change."""

    op_id: str
    at: str
    action: str
    who: str
    entries: tuple[Before, ...] = ()
    bound: msgspec.Raw = _NOTHING
    done: tuple[str, ...] | None = None
    """``None`` while nobody knows: the process ended, or the answer never came."""
    made: Made = Made()
    undone_by: str = ""

    def about(self, kind: type[T]) -> T:
        """Return what the action was about beside its entries, by the struct of that action.

        Raises:
            CorruptStoreError: it was about something else.
        """
        try:
            return msgspec.json.decode(self.bound, type=kind)
        except msgspec.DecodeError as exc:
            raise CorruptStoreError(f"the journal tells {self.op_id} otherwise than {self.action} is: {exc}") from exc


class _Seen(msgspec.Struct):
    """What is known of a file: how far it was read, and as what it stood there then."""

    size: int = 0
    mtime_ns: int = 0
    read: int = 0
    """Bytes of its whole lines."""
    last: str = ""
    """When its last operation was noted."""


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
        self._own: set[str] = set()
        self._known: dict[str, Operation] = {}
        self._early: dict[str, list[Line]] = {}
        """What became of operations whose beginning was not read yet: it may stand in a file that is read later."""
        self._seen: dict[str, _Seen] = {}
        self._reading = Lock()
        self._learning = Lock()

    def begin(self, action: str, who: str, entries: Sequence[Before], terms: msgspec.Struct | None = None) -> str:
        """Note what is about to happen and return the id of the operation.

        Args:
            action: what.
            who: asked for it.
            entries: as they are before.
            terms: what it is about beside them.

        Raises:
            StoreError: the journal cannot be written; nothing may be changed then.
        """
        op_id = secrets.token_hex(8)
        self._write(
            Line(
                what="begun",
                op_id=op_id,
                at=self._time(),
                action=action,
                who=who,
                entries=tuple(entries),
                bound=_NOTHING if terms is None else msgspec.Raw(msgspec.json.encode(terms)),
            )
        )
        return op_id

    def end(self, op_id: str, done: Sequence[str], made: Made | None = None) -> None:
        """Note what happened."""
        self._write(Line(what="ended", op_id=op_id, at=self._time(), done=tuple(done), made=made or Made()))

    def undone(self, op_id: str, by: str) -> None:
        """Note that an operation was taken back by another."""
        self._write(Line(what="undone", op_id=op_id, at=self._time(), by=by))

    def find(self, op_id: str) -> Operation | None:
        """Return an operation, whichever process did it; ``None`` if nobody knows it.

        What other processes wrote is read first: nothing, right after :meth:`refresh`, which reads in a thread.

        Raises:
            CorruptStoreError: a file of the journal cannot be read.
        """
        self._look()
        return self._known.get(op_id)

    def operations(self) -> list[Operation]:
        """Return every operation, the last first; reads as :meth:`find` does.

        Raises:
            CorruptStoreError: a file of the journal cannot be read.
        """
        self._look()
        return sorted(self._known.values(), key=lambda each: (each.at, each.op_id), reverse=True)

    async def refresh(self) -> None:
        """Read what other processes wrote since, in a thread.

        Raises:
            CorruptStoreError: a file of the journal cannot be read.
        """
        if self._folder is not None:
            await anyio.to_thread.run_sync(self._look)

    def sweep(self) -> None:
        """Remove the files all of whose operations are older than 180 days, unless a process still writes them."""
        horizon = self._horizon()
        if self._folder is None or not self._folder.is_dir():
            return
        with self._reading:
            for name, seen in list(self._seen.items()):
                file = self._folder / name
                if name in self._own or seen.last >= horizon or seen.mtime_ns >= (self._clock() - KEPT) * 1e9:
                    continue
                lock = file.with_name(f"{name}.lock")
                with suppress(Timeout), FileLock(lock, timeout=0, thread_local=False):
                    file.unlink(missing_ok=True)
                    lock.unlink(missing_ok=True)
                    del self._seen[name]

    def close(self) -> None:
        """Let the file go. Closing twice is allowed."""
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, line: Line) -> None:
        if self._folder is not None:
            ledger = self._ledger or self._opened(self._folder)
            ledger.append(line)
            if ledger.file.stat().st_size >= FULL:
                self.close()
        self._learn(line)

    def _opened(self, folder: Path) -> Ledger[Line]:
        try:
            make_private(folder)
        except OSError as exc:
            raise StoreError(f"cannot make the journal's folder {folder}: {exc.strerror or exc}") from exc
        name = f"{self._time()[:10]}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._own.add(name)
        self._ledger = Ledger(folder / name, Line)
        self._ledger.file.chmod(0o600)
        return self._ledger

    # -- reading -------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read what is new in the files of others; what can be read is known even where another file cannot."""
        if self._folder is None or not self._folder.is_dir():
            return
        failure: CorruptStoreError | None = None
        with self._reading:
            for each in sorted(self._folder.glob(f"*{_SUFFIX}")):
                if each.name in self._own:
                    continue
                try:
                    state = each.stat()
                except FileNotFoundError:
                    continue  # another process swept it
                seen = self._seen.setdefault(each.name, _Seen())
                if (seen.size, seen.mtime_ns) == (state.st_size, state.st_mtime_ns):
                    continue
                try:
                    self._read(each, seen)
                except CorruptStoreError as exc:
                    failure = failure or exc
                else:
                    seen.size, seen.mtime_ns = state.st_size, state.st_mtime_ns
        if failure is not None:
            raise failure

    def _read(self, file: Path, seen: _Seen) -> None:
        decoder = msgspec.json.Decoder(Line)
        try:
            with file.open("rb") as stream:
                stream.seek(seen.read)
                for line in stream:
                    if not line.endswith(b"\n"):
                        break  # another process is in the middle of its last line
                    told = decoder.decode(line)
                    self._learn(told)
                    seen.read += len(line)
                    seen.last = max(seen.last, told.at)
        except FileNotFoundError:
            return  # another process swept it
        except (OSError, msgspec.DecodeError) as exc:
            raise CorruptStoreError(f"{file} is no journal: {exc}") from exc

    def _learn(self, line: Line) -> None:
        """Put a line to its operation; each line once, and a beginning before what became of it."""
        with self._learning:
            if line.what == "begun":
                if line.op_id in self._known or line.at < self._horizon():
                    return
                self._known[line.op_id] = Operation(
                    op_id=line.op_id,
                    at=line.at,
                    action=line.action,
                    who=line.who,
                    entries=line.entries,
                    bound=line.bound.copy(),  # without the rest of its line
                )
                for each in self._early.pop(line.op_id, ()):
                    _became(self._known[line.op_id], each)
            elif (operation := self._known.get(line.op_id)) is not None:
                _became(operation, line)
            elif line.at >= self._horizon():
                self._early.setdefault(line.op_id, []).append(line)

    def _time(self) -> str:
        return _written(self._clock())

    def _horizon(self) -> str:
        return _written(max(0.0, self._clock() - KEPT))


def _became(operation: Operation, line: Line) -> None:
    if line.what == "ended":
        operation.done = line.done
        operation.made = line.made
    else:
        operation.undone_by = line.by


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
