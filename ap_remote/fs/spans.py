"""Arithmetic on byte ranges: slices to spans, and near spans of one file to one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from fsspec.utils import merge_offset_ranges  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.model import ByteRange

if TYPE_CHECKING:
    from collections.abc import Sequence

MERGE_GAP: Final = 64 * 2**10
"""Bytes between two ranges that cost less to read than a second request would."""

MERGE_LIMIT: Final = 8 * 2**20
"""Bytes up to which ranges are put together."""


class Span(msgspec.Struct, frozen=True):
    """Bytes of one file, from *start* to before *stop*; ``None`` is the end."""

    path: str
    start: int
    stop: int | None

    def covers(self, other: Span) -> bool:
        """Whether every byte of *other* is in here."""
        inside = self.stop is None or (other.stop is not None and other.stop <= self.stop)
        return self.path == other.path and self.start <= other.start and inside


def counts_from_end(start: int | None, stop: int | None) -> bool:
    """Whether the slice needs the file's size to be understood."""
    return (start is not None and start < 0) or (stop is not None and stop < 0)


def byte_range(start: int | None, stop: int | None, size: int = 0) -> ByteRange:
    """Return what ``data[start:stop]`` means for a file of *size* bytes, which only negative numbers need."""
    first = 0 if start is None else start if start >= 0 else max(0, size + start)
    last = stop if stop is None or stop >= 0 else max(0, size + stop)
    return ByteRange(first, last if last is None else max(first, last))


def is_empty(span: ByteRange) -> bool:
    """Whether the range holds no byte whatever the file."""
    return span.stop is not None and span.stop <= span.start


def merge(spans: Sequence[Span], *, gap: int) -> list[Span]:
    """Return fewer, larger spans that cover every span given."""
    if not spans:
        return []
    merged = merge_offset_ranges(
        [each.path for each in spans],
        [each.start for each in spans],
        [each.stop for each in spans],
        max_gap=gap,
        max_block=MERGE_LIMIT,
    )
    return [Span(path, start, stop) for path, start, stop in zip(*merged, strict=True)]
