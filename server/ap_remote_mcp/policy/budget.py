"""Amounts that may be spent in a sliding window, by all servers of an account together where a file keeps them."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import msgspec
from filelock import FileLock, Timeout

from ap_remote.atomic import make_private, write_atomically
from ap_remote.errors import BusyStoreError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAY: Final = 86_400.0
_GRAIN: Final = 600.0
"""Seconds whose spendings are one row of the file; all of them count until the last leaves the window."""
_PATIENCE: Final = 2.0
"""Seconds to wait for another server, which holds the lock for about a millisecond."""

_log: Final = logging.getLogger(__name__)
Rows = list[tuple[float, int]]
"""When, as Unix time, and how much; the oldest first."""


class BudgetSpentError(Exception):
    """More was asked than is left.

    Attributes:
        resets_at: Unix time at which the oldest spending leaves the window.
        left: what may still be spent before.
    """

    def __init__(self, left: int, resets_at: float) -> None:
        super().__init__("budget spent")
        self.left = left
        self.resets_at = resets_at


class Purse:
    """The file in which all servers of an account write down what they spent, by the budget's name.

    It is written at every spending, under a lock, and not forced to the disk: a machine that stops may forget the last.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def rows(self, name: str) -> Rows:
        """Return what was spent from a budget."""
        return self._read().get(name, [])

    def keep(self, name: str, rows: Rows) -> None:
        """Write down what was spent from a budget; call it under :meth:`locked`.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            body = msgspec.json.encode(self._read() | {name: rows})
            write_atomically(self._file, body, private=True, durable=False)
        except OSError as exc:
            raise StoreError(f"cannot write {self._file}: {exc.strerror or exc}") from exc

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other server spend meanwhile.

        Raises:
            BusyStoreError: one of them does not end.
            StoreError: the lock cannot be made.
        """
        try:
            make_private(self._file.parent)
            lock = FileLock(self._file.with_name(f"{self._file.name}.lock"), timeout=_PATIENCE, thread_local=False)
            lock.acquire(poll_interval=0.005)
        except Timeout as exc:
            raise BusyStoreError(f"another server works with {self._file}") from exc
        except OSError as exc:
            raise StoreError(f"cannot lock {self._file}: {exc.strerror or exc}") from exc
        try:
            yield
        finally:
            lock.release()

    def _read(self) -> dict[str, Rows]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Rows])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as exc:
            _log.warning("what was spent today cannot be read, and counts as nothing: %s", type(exc).__name__)
            return {}


class Budget:
    """Counts what was spent in the last *window* seconds and refuses what would exceed *amount*.

    Args:
        amount: what may be spent in a window.
        window: seconds.
        clock: seconds since 1970.
        purse: where other servers read and write what was spent; without one this process counts alone.
        name: the budget's own in the purse.
    """

    def __init__(
        self,
        amount: int,
        *,
        window: float = DAY,
        clock: Callable[[], float] = time.time,
        purse: Purse | None = None,
        name: str = "",
    ) -> None:
        self._amount = amount
        self._window = window
        self._clock = clock
        self._purse = purse
        self._name = name
        self._spent: deque[tuple[float, int]] = deque()

    @property
    def left(self) -> int:
        """What may be spent now."""
        self._look()
        return self._amount - sum(each for _, each in self._spent)

    def afford(self, cost: int) -> None:
        """Make sure that so much is left, and take nothing.

        Raises:
            BudgetSpentError: less is left.
        """
        left = self.left
        if cost > left:
            oldest = self._spent[0][0] if self._spent else self._clock()
            raise BudgetSpentError(left, oldest + self._window)

    def spend(self, cost: int) -> None:
        """Take *cost* from what is left.

        Raises:
            BudgetSpentError: less is left; nothing was taken.
            StoreError: what was spent cannot be written down; nothing was taken.
        """
        with nullcontext() if self._purse is None else self._purse.locked():
            self.afford(cost)
            self._take(cost)

    def take(self, cost: int) -> None:
        """Count what is spent already, also if it is more than was left.

        Raises:
            StoreError: it cannot be written down.
        """
        with nullcontext() if self._purse is None else self._purse.locked():
            self._look()
            self._take(cost)

    def _look(self) -> None:
        """Bring what this process knows up to date."""
        if self._purse is not None:
            self._spent = deque(self._purse.rows(self._name))
        horizon = self._clock() - self._window
        while self._spent and self._spent[0][0] <= horizon:
            self._spent.popleft()

    def _take(self, cost: int) -> None:
        now = self._clock()
        if self._purse is None:
            self._spent.append((now, cost))
            return
        rows = list(self._spent)
        if rows and rows[-1][0] // _GRAIN == now // _GRAIN:
            cost += rows.pop()[1]
        self._purse.keep(self._name, [*rows, (now, cost)])
