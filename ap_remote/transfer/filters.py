"""Which files a listing or a transfer takes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to take: bounds of size and time."""

    min_size: int | None = None
    max_size: int | None = None
    not_after: datetime | None = None
    """The newest time that is taken (``--min-age``)."""
    not_before: datetime | None = None

    def takes(self, path: str, *, size: int, modified: datetime | None) -> bool:
        """Whether a file is taken; one without a time passes the bounds of time."""
        del path
        if self.min_size is not None and size < self.min_size:
            return False
        if self.max_size is not None and size > self.max_size:
            return False
        if modified is None:
            return True
        return not (
            (self.not_after is not None and modified > self.not_after)
            or (self.not_before is not None and modified < self.not_before)
        )

    def enters(self, path: str) -> bool:
        """Whether anything below a folder can be taken, so that it is worth a look."""
        del path
        return True


EVERYTHING: Final = Filters()
