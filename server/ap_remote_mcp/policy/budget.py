"""An amount that a process may spend in a sliding window."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DAY: Final = 86_400.0


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


class Budget:
    """Counts what was spent in the last *window* seconds and refuses what would exceed *amount*."""

    def __init__(self, amount: int, *, window: float = DAY, clock: Callable[[], float] = time.time) -> None:
        self._amount = amount
        self._window = window
        self._clock = clock
        self._spent: deque[tuple[float, int]] = deque()

    @property
    def left(self) -> int:
        """What may be spent now."""
        horizon = self._clock() - self._window
        while self._spent and self._spent[0][0] <= horizon:
            self._spent.popleft()
        return self._amount - sum(each for _, each in self._spent)

    def spend(self, cost: int) -> None:
        """Take *cost* from what is left.

        Raises:
            BudgetSpentError: less is left; nothing was taken.
        """
        left = self.left
        if cost > left:
            oldest = self._spent[0][0] if self._spent else self._clock()
            raise BudgetSpentError(left, oldest + self._window)
        self._spent.append((self._clock(), cost))
