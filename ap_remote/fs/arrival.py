"""A local file in the making: it appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Arrival:
    """Writes beside the target under a passing name, then renames over it."""

    def __init__(self, target: str | Path) -> None:
        self._target = Path(target)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._target.with_name(f".{secrets.token_hex(8)}.partial")
        self._file = self._partial.open("xb")

    def write(self, data: bytes) -> None:
        """Append *data*."""
        self._file.write(data)

    def finish(self, date: datetime | None) -> None:
        """Give the file its name, and *date* as its modification time."""
        self._file.close()
        if date is not None:
            os.utime(self._partial, (date.timestamp(), date.timestamp()))
        self._partial.replace(self._target)

    def abandon(self) -> None:
        """Remove what was written; what stood under the name before is untouched."""
        with contextlib.suppress(OSError):  # what it still holds may not fit on the disk, which is why it is abandoned
            self._file.close()
        self._partial.unlink(missing_ok=True)
