"""What a transfer did, row by row, and how it tells of its progress."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Result = Literal["done", "skipped", "failed"]

Deed = Literal["copied", "replaced", "moved", "removed", "made", ""]
"""What was done, for a row whose result is ``done``."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one file or folder."""

    source: str
    target: str
    result: Result
    deed: Deed = ""
    size: int = 0
    """Bytes that passed, or would have."""
    reason: str = ""
    """Why it was skipped or failed."""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of all files. Seconds are wall time."""

    rows: tuple[Row, ...]
    seconds: float
    plan: str = ""
    """The id of the plan that was run."""
    stopped: str = ""
    """Why it ended before its end, e.g. a limit of bytes; empty when it did not."""

    def select(self, result: Result) -> tuple[Row, ...]:
        """Return the rows of one result."""
        return tuple(row for row in self.rows if row.result == result)

    @property
    def size(self) -> int:
        """Bytes of the files that were transferred."""
        return sum(row.size for row in self.select("done"))


class Meter(Protocol):
    """Is told how a transfer goes on; a progress bar implements it."""

    def expect(self, files: int, size: int) -> None:
        """So much is to be done."""
        ...

    def begin(self, path: str, size: int) -> None:
        """A file is on its way."""
        ...

    def moved(self, path: str, size: int) -> None:
        """So many more bytes of it have passed; negative when an attempt broke off and begins anew."""
        ...

    def advance(self, row: Row) -> None:
        """One more file is finished, for good or ill; it is the end of its :meth:`begin`."""
        ...


class SilentMeter:
    """A meter for those who do not look."""

    def expect(self, files: int, size: int) -> None:
        """Ignore the plan."""

    def begin(self, path: str, size: int) -> None:
        """Ignore the file."""

    def moved(self, path: str, size: int) -> None:
        """Ignore the bytes."""

    def advance(self, row: Row) -> None:
        """Ignore the progress."""
