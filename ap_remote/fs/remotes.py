"""One remote for each event loop that uses the filesystem.

Connections belong to the loop they were opened on, and nothing opened before a fork is safe after it. So a remote is
made inside the first coroutine that needs it, kept by process and loop, and closed on its own loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import TYPE_CHECKING, Final

from fsspec.asyn import sync_teardown  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.exceptions import FSTimeoutError  # type: ignore[import-untyped]  # fsspec ships no types

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from ap_remote.remote.base import Remote

_CLOSING: Final = 5.0
"""Seconds that the end of a filesystem waits for a remote to close."""

_log = logging.getLogger(__name__)


class Seat:
    """A remote on its loop, with the lock under which that loop makes folders."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.folders = asyncio.Lock()


class Remotes:
    """Makes remotes when a loop first asks and closes them together."""

    def __init__(self, factory: Callable[[], Remote]) -> None:
        self._factory = factory
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._seats: dict[AbstractEventLoop, Seat] = {}

    def here(self) -> Seat:
        """Return the running loop's seat, making its remote if need be."""
        loop = asyncio.get_running_loop()
        if self._pid != os.getpid():
            self._forget_the_parent()
        with self._lock:
            for other in [each for each in self._seats if each.is_closed()]:
                del self._seats[other]
            seat = self._seats.get(loop)
            if seat is None:
                seat = self._seats[loop] = Seat(self._factory())
            return seat

    async def close(self) -> None:
        """Close the running loop's remote here, and those of other loops where they run."""
        with self._lock:
            mine = self._seats.pop(asyncio.get_running_loop(), None)
        if mine is not None:
            await mine.remote.close()
        await asyncio.to_thread(self.shutdown)

    def shutdown(self) -> None:
        """Close what is still open, from any thread; a loop that no longer runs cannot be asked."""
        if self._pid != os.getpid():
            return
        with self._lock:
            seats, self._seats = self._seats, {}
        for loop, seat in seats.items():
            try:
                sync_teardown(loop, seat.remote.close, timeout=_CLOSING, description="closing a remote")
            except (RuntimeError, FSTimeoutError) as exc:
                _log.debug("a remote was left to the garbage collector: %s", exc)

    def _forget_the_parent(self) -> None:
        # The parent still uses its connections: they are dropped here, never closed.
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._seats = {}
