"""The knobs as they are turned, with what they count. One per open store; every process has its own."""

from __future__ import annotations

import threading
from collections import Counter
from contextvars import ContextVar
from typing import Final

from ap_remote_emulator.faults.behaviour import Behaviour
from ap_remote_emulator.faults.sessions import Sessions

FOREVER: Final = -1

veiled: Final[ContextVar[bool]] = ContextVar("veiled", default=False)
"""Whether the request at hand sees the library through the veil of visibility lag: listings do, all else does not."""

late: Final[ContextVar[int]] = ContextVar("late", default=0)
"""Milliseconds by which what the request at hand writes becomes visible later, whatever the operation."""


_OFF: Final = Behaviour()


class Knobs:
    """The present behaviour. Safe for many threads.

    Attributes:
        behaviour: how the service behaves; frozen, so that a request may hold on to it.
        sessions: cookies and tokens that were made or ended by knobs.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: Counter[str] = Counter()
        self.behaviour = _OFF
        self.sessions = Sessions()

    @property
    def off(self) -> bool:
        """Whether nothing was ever turned, so that no request need look any further."""
        return self.behaviour is _OFF and self.sessions.untouched

    def turn(self, behaviour: Behaviour) -> None:
        """Behave so from now on; every count begins anew. Rotated cookies stay good, for clients hold them."""
        with self._guard:
            self.behaviour = _OFF if behaviour == _OFF else behaviour
            self._counts.clear()
        self.sessions.revive()

    def count(self, what: str) -> int:
        """Return how often this was called before for *what*."""
        with self._guard:
            self._counts[what] += 1
            return self._counts[what] - 1

    def forget(self, what: str) -> None:
        """Begin to count anew."""
        with self._guard:
            self._counts[what] = 0

    def enter(self) -> int:
        """Count a request in; return how many there are now."""
        with self._guard:
            self._counts["now"] += 1
            return self._counts["now"]

    def leave(self) -> None:
        """Count a request out."""
        with self._guard:
            self._counts["now"] = max(0, self._counts["now"] - 1)

    def befalls(self, what: str, times: int) -> bool:
        """Whether something that happens *times* times (-1: always) happens now; counts it."""
        return times == FOREVER or (times > 0 and self.count(what) < times)

    def refuses(self, what: str, every: int, length: int) -> bool:
        """Whether this request falls into a burst of *length* refusals that follows every *every* requests."""
        return every > 0 and self.count(what) % (every + length) >= every
