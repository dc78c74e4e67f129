"""Stops asking a service that has had enough: after refusals in a row nothing is sent for a while, then one question.

Amazon answers 503 when it is overloaded, and as well when it takes a machine for a robot [amazon-photos-api.md 3.2];
whoever goes on asking then stays a robot for longer. The numbers are our own choice.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, Self

from ap_remote.errors import UnavailableError
from ap_remote.transport.retry import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSALS: Final = 8
"""More than one call makes by itself, so that one alone never stops the others."""
PAUSE: Final = 300.0
"""Seconds; doubled each time the question afterwards is refused as well."""
LONGEST: Final = 3600.0
_OVERLOAD: Final = "the service refused too often"
_ROBOT: Final = "Amazon takes this machine for a robot"


class Breaker:
    """One per account.

    Args:
        refusals: how many in a row make it stop; ``None`` never does.
        pause: seconds for which it stops at first.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        *,
        refusals: int | None = REFUSALS,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = refusals
        self._first = pause
        self._clock = clock
        self._count = 0
        self._pause = pause
        self._until: float | None = None
        self._reason = _OVERLOAD
        self._probe: object | None = None

    @classmethod
    def never(cls) -> Self:
        """Return one that lets everything pass, for a service of one's own."""
        return cls(refusals=None)

    def admit(self) -> object | Failure:
        """Return a pass for one request, to be given back to :meth:`release`; or why nothing is sent.

        After a pause there is one pass at a time, until an answer is heard.
        """
        if self._until is None:
            return object()
        left = self._until - self._clock()
        if left <= 0 and self._probe is None:
            self._probe = object()
            return self._probe
        return Failure(error=UnavailableError(self._sentence(max(left, 0.0))))

    @property
    def rests(self) -> float:
        """Seconds for which nothing is sent from now on; 0.0 where something may be."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    def release(self, ticket: object) -> None:
        """Take a pass back, whatever became of its request."""
        if ticket is self._probe:
            self._probe = None

    def answered(self) -> None:
        """Hear an answer that is no refusal; one that was on its way when the pause began does not end it."""
        if self._until is not None and self._clock() < self._until:
            return
        self._count, self._pause, self._until = 0, self._first, None

    def refused(self, *, robot: bool = False, after: float | None = None) -> None:
        """Hear a 503, or a page that is meant for robots, which counts for all.

        Args:
            robot: whether it was such a page.
            after: seconds for which the service asked to be left alone.
        """
        self._count += 1
        if self._most is None or (self._until is not None and self._clock() < self._until):
            return
        if robot or self._until is not None or self._count >= self._most:
            self._pause = self._first if self._until is None else min(2 * self._pause, LONGEST)
            self._until = self._clock() + max(self._pause, after or 0.0)
            self._reason = _ROBOT if robot else _OVERLOAD

    def _sentence(self, left: float) -> str:
        minutes = max(1, math.ceil(left / 60))
        return (
            f"{self._reason}, so nothing is sent for now: wait {minutes} minute{'s' * (minutes > 1)}, lower the rate, "
            "and if it goes on, log in from a home connection (`ap login NAME`)"
        )
