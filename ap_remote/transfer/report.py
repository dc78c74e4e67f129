"""What a transfer did, row by row, and how it tells of its progress."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

Result = Literal["done", "skipped", "failed"]


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one file."""

    source: str
    target: str
    result: Result
    size: int = 0
    reason: str = ""
    """Why it was skipped or failed."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all files. Seconds are wall time."""

    rows: tuple[Row, ...]
    seconds: float

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

    def advance(self, row: Row) -> None:
        """One more file is finished."""
        ...


class SilentMeter:
    """A meter for those who do not look."""

    def expect(self, files: int, size: int) -> None:
        """Ignore the plan."""

    def advance(self, row: Row) -> None:
        """Ignore the progress."""
