"""Append-only files of typed JSON lines: what was done and what is about to be, so that a crash can be told from it.

A line that announces something which cannot be repeated is on the disk before :meth:`Ledger.append` returns. Lines of
which it does no harm to lose the last ones may be ``lazy``: they outlive the process at once, and the machine with the
next group.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Final, Generic, Self, TypeVar

import msgspec

from ap_remote.errors import BusyStoreError, CorruptStoreError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

Line = TypeVar("Line", bound=msgspec.Struct)

GROUP: Final = 64
"""Lazy lines that wait for the disk together, at most."""
GROUP_SECONDS: Final = 0.2
"""How long the first of them waits, if more lines come."""


class Ledger(Generic[Line]):
    """An open file of lines; nobody else may write it meanwhile. Use it as a context manager, or close it.

    Args:
        file: where; its folder is made.
        kind: what a line is.
        clock: seconds that never go back.

    Raises:
        BusyStoreError: another process has it open.
        CorruptStoreError: a line that was written whole cannot be read. (A torn last one is cut off: what it
            announces was not begun.)
        StoreError: the file cannot be opened.
    """

    def __init__(self, file: Path, kind: type[Line], *, clock: Callable[[], float] = time.monotonic) -> None:
        from filelock import FileLock, Timeout

        self.file = file
        self._clock = clock
        self._waiting = 0
        self._since = 0.0
        with ExitStack() as stack:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(file.with_name(file.name + ".lock"), timeout=0, thread_local=False))
                self._stream = stack.enter_context(file.open("a+b", buffering=0))
                self.lines = _read(file, self._stream, kind)
            except Timeout as exc:
                raise BusyStoreError(f"another process works with the journal {file}") from exc
            except OSError as exc:
                raise StoreError(f"cannot use the journal {file}: {exc.strerror or exc}") from exc
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        """Return the ledger itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def append(self, line: Line, *, lazy: bool = False) -> None:
        """Write a line; when this returns it is on the disk, or with *lazy* in the system's hands.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        try:
            self._write(msgspec.json.encode(line) + b"\n")
            self._waiting += 1
            if self._waiting == 1:
                self._since = self._clock()
            if not lazy or self._waiting >= GROUP or self._clock() - self._since >= GROUP_SECONDS:
                self._settle()
        except OSError as exc:
            raise self._unwritable(exc) from exc
        self.lines.append(line)

    def close(self) -> None:
        """Bring what waits to the disk and let the file go. Closing twice is allowed.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        with self._open:
            if not self._stream.closed:
                try:
                    self._settle()
                except OSError as exc:
                    raise self._unwritable(exc) from exc

    def _write(self, body: bytes) -> None:
        end = os.fstat(self._stream.fileno()).st_size
        try:
            while body:
                body = body[self._stream.write(body) :]
        except OSError:
            # After half a line the next one could not be read.
            with suppress(OSError):
                self._stream.truncate(end)
            raise

    def _settle(self) -> None:
        if self._waiting:
            os.fsync(self._stream.fileno())
            self._waiting = 0

    def _unwritable(self, exc: OSError) -> StoreError:
        reason = exc.strerror or exc
        return StoreError(f"cannot write the journal {self.file}: {reason}; the work stopped before its next step")


def _read(file: Path, stream: IO[bytes], kind: type[Line]) -> list[Line]:
    stream.seek(0)
    body = stream.read()
    whole = body[: body.rfind(b"\n") + 1]
    if len(whole) < len(body):
        stream.truncate(len(whole))
    decoder = msgspec.json.Decoder(kind)
    try:
        return [decoder.decode(line) for line in whole.splitlines()]
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise CorruptStoreError(f"{file} is no journal: {exc}") from exc
