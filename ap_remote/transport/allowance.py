"""What an account may still ask, dealt out among several that ask for it at once. Arithmetic, without waiting.

A *holder* is whoever asks: a process. It counts what it got and what it is done with, from its beginning, and tells
both counts whenever it speaks. So a message that is lost, or that comes twice, changes nothing for long.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class _Holder:
    worker: str
    got: int = 0
    done: int = 0
    wanted: int = 0

    @property
    def places(self) -> int:
        return self.got - self.done


class Allowance:
    """Permits for the requests of one account. A permit is a place among those in flight and one of the second's share.

    Args:
        rate: permits per second, averaged; as many may come in a burst. ``None`` sets no limit.
        concurrency: permits that are out at one time. ``None`` sets no limit.
        clock: seconds, of any beginning.
    """

    def __init__(
        self,
        *,
        rate: float | None,
        concurrency: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rate = rate
        self.concurrency = concurrency
        self.granted = 0
        """Permits given out since the beginning."""
        self.most = 0
        """Permits that were out at one time, at most."""
        self._clock = clock
        self._tokens = self._full
        self._filled = clock()
        self._until = self._filled
        self._holders: dict[str, _Holder] = {}
        self._queue: deque[str] = deque()

    @property
    def places(self) -> int:
        """Permits that are out."""
        return sum(holder.places for holder in self._holders.values())

    @property
    def paused(self) -> float:
        """Seconds for which nothing is given out, as the service asked."""
        return max(0.0, self._until - self._clock())

    @property
    def waiting(self) -> tuple[str, ...]:
        """The holders that wait, in the order in which they are served."""
        return tuple(self._queue)

    def limit(self, *, rate: float | None, concurrency: int | None) -> None:
        """Set other limits from now on."""
        if (rate, concurrency) == (self.rate, self.concurrency):
            return
        self._refill()
        self.rate, self.concurrency = rate, concurrency
        self._tokens = self._full if rate is None else min(self._tokens, self._full)

    def ask(self, name: str, worker: str, *, got: int, done: int, want: int) -> None:
        """Hear how many permits a holder wants, and put it in the queue.

        Args:
            name: the holder.
            worker: where it lives; :meth:`leave` forgets all that live there.
            got: permits that ever reached it. What was given beyond that got lost on the way and is free again.
            done: permits that it needs no longer, of those.
            want: permits wanted now.
        """
        holder = self._holders.setdefault(name, _Holder(worker))
        holder.got, holder.done, holder.wanted = got, max(done, holder.done), want
        if name not in self._queue:
            self._queue.append(name)

    def withdraw(self, name: str) -> None:
        """Take a holder out of the queue."""
        if name in self._queue:
            self._queue.remove(name)

    def give_back(self, name: str, *, done: int) -> None:
        """Hear how many permits a holder is done with, since its beginning."""
        holder = self._holders.get(name)
        if holder is not None:
            holder.done = max(holder.done, done)

    def slow_down(self, seconds: float) -> None:
        """Give nothing out for that long, and no burst afterwards; a shorter pause never ends a longer one."""
        until = self._clock() + seconds
        if until > self._until:
            self._until, self._tokens, self._filled = until, 0.0, until

    def leave(self, worker: str) -> list[str]:
        """Free what every holder of a worker has, and return their names."""
        gone = [name for name, holder in self._holders.items() if holder.worker == worker]
        for name in gone:
            self.withdraw(name)
            del self._holders[name]
        return gone

    def deal(self) -> dict[str, int]:
        """Give out what there is, one by one in turn, and return how many each holder gets.

        Whoever gets some leaves the queue; for the rest of what it wanted it asks again, behind the others.
        """
        dealt: Counter[str] = Counter()
        self._refill()
        while self._queue and self._has_place() and self._has_token():
            name = self._queue.popleft()
            holder = self._holders[name]
            holder.got += 1
            holder.wanted -= 1
            dealt[name] += 1
            self._tokens -= 1.0
            self.granted += 1
            self.most = max(self.most, self.places)
            if holder.wanted > 0:
                self._queue.append(name)
        for name in dealt:
            self.withdraw(name)
        return dict(dealt)

    def wait(self) -> float | None:
        """Return the seconds after which :meth:`deal` gives more; ``None`` while it is not time that lacks."""
        if not self._queue or not self._has_place():
            return None
        self._refill()
        if self.rate is None or self._has_token():
            return self.paused
        return self.paused + (1.0 - self._tokens) / self.rate

    @property
    def _full(self) -> float:
        return float("inf") if self.rate is None else max(self.rate, 1.0)

    def _refill(self) -> None:
        now = self._clock()
        if now >= self._filled:
            self._tokens = (
                self._full if self.rate is None else min(self._full, self._tokens + (now - self._filled) * self.rate)
            )
            self._filled = now

    def _has_place(self) -> bool:
        return self.concurrency is None or self.places < self.concurrency

    def _has_token(self) -> bool:
        # What a hundred additions lose must not cost a whole round.
        return self._tokens >= 1.0 - 1e-9 and not self.paused
