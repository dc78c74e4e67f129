"""One remote for each event loop that uses the filesystem.

Connections belong to the loop they were opened on, and nothing opened before a fork is safe after it. So a remote is
made inside the first coroutine that needs it, kept by process and loop, and closed there: with the filesystem, or else
when the loop ends, as ``asyncio.run`` ends one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fsspec.asyn import reset_lock, sync_teardown  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.exceptions import FSTimeoutError  # type: ignore[import-untyped]  # fsspec ships no types

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator, Callable

    from ap_remote.remote.base import Remote

_CLOSING: Final = 5.0
"""Seconds that the end of a filesystem waits for a remote to close."""

_log = logging.getLogger(__name__)

# fsspec's own hook sets a name that nothing reads, so a fork while another thread holds its lock would hang the child.
os.register_at_fork(after_in_child=reset_lock)

_inherited: Final[list[object]] = []
"""What a child has of its parent's remotes. It is kept: to be collected would be to be closed."""


class Seat:
    """A remote on its loop, with the lock under which that loop makes folders. It is made on that loop."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.folders = asyncio.Lock()
        self._kept = _kept(remote)
        # Its first step, which waits for nothing, makes it known to the loop.
        with suppress(StopIteration):
            self._kept.__anext__().send(None)

    async def close(self) -> None:
        """Close the remote; closing twice is allowed."""
        await self._kept.aclose()


async def _kept(remote: Remote) -> AsyncGenerator[None]:
    """Close a remote at the end. A loop that ends closes the generators that began on it."""
    try:
        yield
    finally:
        await remote.close()


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

    def beside(self, loop: AbstractEventLoop) -> Remote | None:
        """Return the remote of a loop, from any thread, if this process has made it and not closed it."""
        seat = self._seats.get(loop) if self._pid == os.getpid() else None
        return None if seat is None else seat.remote

    async def close(self) -> None:
        """Close the running loop's remote here, and those of other loops where they run."""
        if self._pid != os.getpid():
            self._forget_the_parent()
        with self._lock:
            mine = self._seats.pop(asyncio.get_running_loop(), None)
        if mine is not None:
            await mine.close()
        await asyncio.to_thread(self.shutdown)

    def shutdown(self) -> None:
        """Close what is still open, from any thread; a loop that no longer runs cannot be asked."""
        if self._pid != os.getpid():
            self._forget_the_parent()
        with self._lock:
            seats, self._seats = self._seats, {}
        for loop, seat in seats.items():
            try:
                sync_teardown(loop, seat.close, timeout=_CLOSING, description="closing a remote")
            except (RuntimeError, FSTimeoutError) as exc:
                _log.debug("a remote was left to the garbage collector: %s", exc)

    def _forget_the_parent(self) -> None:
        # The parent still uses its connections: they are dropped here, never closed.
        _inherited.append(self._seats)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._seats = {}
