"""Answers of the service that are kept for a while, each asked for once at a time; and what was written meanwhile."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any, Final, TypeVar

T = TypeVar("T")
_MOST: Final = 512
"""Answers that are kept; the oldest go first."""


class Asked:
    """What was asked, and when. Answers are small: ids and counts; the nodes themselves are in the node cache.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._noted: dict[str, float] = {}
        self.version = 0
        """Grows whenever something is forgotten."""

    async def get(self, key: Hashable, since: float, ask: Callable[[], Awaitable[T]]) -> tuple[float, T]:
        """Return when the answer was asked for, and the answer; asked anew if that is before *since*."""
        known = self._since(key, since)
        if known is not None:
            return known
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            known = self._since(key, since)
            if known is not None:
                return known
            began, version = max(self._clock(), since), self.version
            try:
                answer = await ask()
            finally:
                self._locks.pop(key, None)
            if version == self.version:
                self._answers[key] = (began, answer)
                self._answers.move_to_end(key)
                while len(self._answers) > _MOST:
                    self._answers.popitem(last=False)
            return began, answer

    def forget(self, *keys: Hashable) -> None:
        """Ask again for these when they are needed next; without keys for everything."""
        self.version += 1
        if not keys:
            self._answers.clear()
        for key in keys:
            self._answers.pop(key, None)

    def note(self, ids: Iterable[str]) -> None:
        """Note that nodes were written now: answers may not show it."""
        self._noted |= dict.fromkeys(ids, self._clock())

    def noted(self, since: float) -> set[str]:
        """Return which nodes were written at *since* or later; older notes are dropped."""
        self._noted = {node_id: when for node_id, when in self._noted.items() if when >= since}
        return set(self._noted)

    def _since(self, key: Hashable, since: float) -> tuple[float, Any] | None:
        known = self._answers.get(key)
        return known if known is not None and known[0] >= since else None
