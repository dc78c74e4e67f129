"""The service's clock: the system's, or one that a test has moved."""

from __future__ import annotations

import time


class Clock:
    """Tells the time in whole milliseconds since 1970-01-01 UTC."""

    def __init__(self, offset_ms: int = 0) -> None:
        self._offset_ms = offset_ms

    def now(self) -> int:
        """Return the present, in milliseconds."""
        return time.time_ns() // 1_000_000 + self._offset_ms

    def advance(self, milliseconds: int) -> None:
        """Move the clock, for instance past the life of a signed URL."""
        self._offset_ms += milliseconds
