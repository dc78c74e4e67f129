"""Small files that were read a moment ago, in memory: duckdb and pyarrow open a file once for each of their threads."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ap_remote.fs.blocks import Version

HELD: Final = 32 * 2**20
"""Bytes that are kept for each filesystem (own choice)."""


class Recent:
    """Whole files by their versions, the latest used at the end. Who wants one that is on its way waits for it.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int = HELD) -> None:
        self._limit = limit
        self._size = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Version, bytes] = OrderedDict()
        self._flights: dict[tuple[asyncio.AbstractEventLoop, Version], asyncio.Task[bytes]] = {}

    async def get(self, version: Version, fetch: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """Return the bytes of *version*; where they are not here, *fetch* gets them."""
        with self._lock:
            if version in self._kept:
                self._kept.move_to_end(version)
                return self._kept[version]
        flight = (asyncio.get_running_loop(), version)
        task = self._flights.get(flight)
        if task is None:
            task = self._flights[flight] = asyncio.create_task(fetch())
            task.add_done_callback(lambda done: self._landed(flight, done))
        # Who gives up does not take it from the others.
        return await asyncio.shield(task)

    def _landed(self, flight: tuple[asyncio.AbstractEventLoop, Version], task: asyncio.Task[bytes]) -> None:
        del self._flights[flight]
        if task.cancelled() or task.exception() is not None or len(task.result()) > self._limit:
            return
        version = flight[1]
        with self._lock:
            self._size += len(task.result()) - len(self._kept.pop(version, b""))
            self._kept[version] = task.result()
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
