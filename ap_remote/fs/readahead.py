"""What an open file reads at a time: a small one whole, a large one ahead, the further the longer it goes on.

fsspec's ``readahead`` fetches the same amount at every step: much, and a reader that seeks fetches most of the file for
nothing; little, and one that reads on makes hundreds of requests. Here each step of a reader that reads on is twice
the one before, also where it leaves a little out (some columns of a Parquet file), and a seek begins with the smallest.
Windows that were read stay for a while, so that going to and fro between the ends of a file (Parquet, ZIP) costs
nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from fsspec.caching import BaseCache, register_cache  # type: ignore[import-untyped]  # fsspec ships no types

if TYPE_CHECKING:
    from collections.abc import Callable

SMALLEST: Final = 256 * 2**10
"""Bytes that are read beyond what was asked for, at first and after a seek (own choice)."""

LARGEST: Final = 16 * 2**20
"""Bytes that are read beyond what was asked for, at most (own choice)."""

SKIPPED: Final = 4
"""Smallest steps that a reader may leave out and still be one that reads on: 1 MiB (own choice)."""

_HELD: Final = 32 * 2**20
"""Bytes of windows that are kept; the latest is kept whatever its size."""


class WholeCache(BaseCache):  # type: ignore[misc]  # untyped base
    """All of a file, from the first time that any of it is wanted."""

    name = "whole"

    def __init__(self, blocksize: int, fetcher: Callable[[int, int], bytes], size: int) -> None:
        super().__init__(blocksize, fetcher, size)
        self._data: bytes | None = None

    def _fetch(self, start: int | None, stop: int | None) -> bytes:
        if self._data is None:
            self.miss_count += 1
            self.total_requested_bytes += self.size
            self._data = self.fetcher(0, self.size) if self.size else b""
        else:
            self.hit_count += 1
        return self._data[start:stop]


class GrowingCache(BaseCache):  # type: ignore[misc]  # untyped base
    """Windows of a file, each twice as long as the one that it continues."""

    name = "growing"

    def __init__(self, blocksize: int, fetcher: Callable[[int, int], bytes], size: int) -> None:
        super().__init__(blocksize, fetcher, size)
        self._windows: OrderedDict[int, bytes] = OrderedDict()
        """By where they start, the latest used at the end. They may overlap."""
        self._ahead: dict[int, int] = {}

    def _fetch(self, start: int | None, stop: int | None) -> bytes:
        first = start or 0
        last = self.size if stop is None else min(stop, self.size)
        if first >= last:
            return b""
        have = self._window(first)
        head = b"" if have is None else self._windows[have][first - have : last - have]
        if len(head) == last - first:
            self.hit_count += 1
            return head
        self.miss_count += 1
        before = self._before(first) if have is None else have
        ahead = self.blocksize if before is None else min(2 * self._ahead[before], max(LARGEST, self.blocksize))
        return head + self._extend(first + len(head), last, ahead)

    def _window(self, position: int) -> int | None:
        """Return the start of a window that *position* is in or follows, and count it as used."""
        best = None
        for start, data in self._windows.items():
            if start <= position <= start + len(data) and (
                best is None or start + len(data) > best + len(self._windows[best])
            ):
                best = start
        if best is not None:
            self._windows.move_to_end(best)
        return best

    def _before(self, position: int) -> int | None:
        """Return the start of the window that ends so little before *position* that its reader reads on."""
        near = [
            (start + len(data), start)
            for start, data in self._windows.items()
            if 0 < position - start - len(data) <= max(self._ahead[start], SKIPPED * self.blocksize)
        ]
        return max(near)[1] if near else None

    def _extend(self, start: int, stop: int, ahead: int) -> bytes:
        end = min(stop + ahead, self.size)
        self.total_requested_bytes += end - start
        data: bytes = self.fetcher(start, end)
        self._windows[start], self._ahead[start] = data, ahead
        self._windows.move_to_end(start)
        held = sum(map(len, self._windows.values()))
        while held > _HELD and len(self._windows) > 1:
            oldest, gone = self._windows.popitem(last=False)
            del self._ahead[oldest]
            held -= len(gone)
        self.nblocks = len(self._windows)
        return data[: stop - start]


register_cache(WholeCache, clobber=True)
register_cache(GrowingCache, clobber=True)
