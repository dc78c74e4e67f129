"""How fast bytes may pass, both ways together, and how many of them a file has had so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ap_remote.transfer.report import Meter

_SLICES: Final = 10
"""Portions of a second's worth: the less at once, the steadier."""


class Bandwidth:
    """A limit that all files of a run share. Bytes a second; ``None`` is no limit."""

    def __init__(self, rate: int | None) -> None:
        from aiolimiter import AsyncLimiter

        self._slice = max(1, rate // _SLICES) if rate else 0
        self._limiter = AsyncLimiter(self._slice, self._slice / rate) if rate else None

    async def take(self, size: int) -> None:
        """Wait until *size* bytes may pass."""
        while self._limiter is not None and size > 0:
            portion = min(size, self._slice)
            await self._limiter.acquire(portion)
            size -= portion


class Flow:
    """The bytes of one file: held back by the limit, told to the meter.

    Args:
        path: the file as the meter knows it.
        size: its bytes.
        bandwidth: the limit.
        meter: is told.
    """

    def __init__(self, path: str, size: int, bandwidth: Bandwidth, meter: Meter) -> None:
        self._path = path
        self._size = size
        self._bandwidth = bandwidth
        self._meter = meter
        self.passed = 0

    async def __call__(self, size: int) -> None:
        """Let a piece pass. More bytes than the file has mean that an attempt began anew."""
        if self.passed + size > self._size:
            self.restart()
        await self._bandwidth.take(size)
        self.tell(size)

    def tell(self, size: int) -> None:
        """Count bytes that need not pass (any more)."""
        self.passed += size
        self._meter.moved(self._path, size)

    def restart(self) -> None:
        """Count from nothing again."""
        if self.passed:
            self._meter.moved(self._path, -self.passed)
            self.passed = 0

    def of(self, bandwidth: Bandwidth, meter: Meter) -> Flow:
        """Return a flow of the same file that is told to another meter."""
        return Flow(self._path, self._size, bandwidth, meter)
