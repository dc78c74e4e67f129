"""Only one sync of an account at a time, whichever process it runs in.

The lock is the kernel's (``flock``), so it ends with the process that holds it, however that one ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ap_remote.atomic import make_private
from ap_remote.errors import BusyStoreError, StoreError

FILE: Final = "sync.lock"
_SHORTEST: Final = 0.05
_LONGEST: Final = 0.5


class SyncLock:
    """Holds the lock of a cache's folder while its ``async with`` lasts.

    Args:
        folder: the cache's.
        wait: wait for whoever holds it, instead of raising.
        sleep: waits a number of seconds.

    Raises:
        BusyStoreError: another sync runs, and *wait* is false.
        StoreError: the lock's file cannot be opened.
    """

    def __init__(
        self, folder: Path, *, wait: bool = False, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._folder = folder
        self._wait = wait
        self._sleep = sleep
        self._file: int | None = None

    async def __aenter__(self) -> Self:
        """Take the lock."""
        try:
            make_private(self._folder)
            file = os.open(self._folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StoreError(f"the lock of the node cache cannot be opened: {exc}") from exc
        try:
            await self._take(file)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let it go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _take(self, file: int) -> None:
        pause = _SHORTEST
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                if not self._wait:
                    raise BusyStoreError(f"another sync of this account is running ({self._folder})") from exc
                await self._sleep(pause)
                pause = min(pause * 2, _LONGEST)
            else:
                return
