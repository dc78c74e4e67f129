"""Whose turn it is to speak to the remote: one call's at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import anyio

if TYPE_CHECKING:
    from types import TracebackType


class Turn:
    """A lock that a call may leave while it needs nothing of the remote: it waits for a job, or a picture is drawn."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()

    async def __aenter__(self) -> Self:
        """Wait for the turn."""
        await self._lock.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""
        self.leave()

    async def take(self) -> None:
        """Wait for the turn once more where it was left; nothing happens where the caller has it."""
        if not self._held():
            await self._lock.acquire()

    def leave(self) -> None:
        """Let others speak; nothing happens where the turn was left already."""
        if self._held():
            self._lock.release()

    def _held(self) -> bool:
        return self._lock.statistics().owner == anyio.get_current_task()
