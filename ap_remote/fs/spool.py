"""Bytes on their way: in memory while they are few, then in a temporary file that has a name."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import IO

    from _typeshed import ReadableBuffer

MEMORY_LIMIT: Final = 8 * 2**20
"""Bytes that are kept in memory before a temporary file takes over."""


class Spool:
    """Collects what will be uploaded once. ``tempfile.SpooledTemporaryFile`` would have no path to stream from."""

    def __init__(self, *, limit: int = MEMORY_LIMIT) -> None:
        self._limit = limit
        self._memory: io.BytesIO | None = io.BytesIO()
        self._file: IO[bytes] | None = None
        self._size = 0
        self._at = 0

    def __len__(self) -> int:
        """Return the bytes collected so far."""
        return self._size

    def write(self, data: ReadableBuffer) -> int:
        """Put *data* where the last write ended, or :meth:`seek` went, and return its length in bytes.

        Raises:
            OSError: the disk that holds temporary files is full.
            ValueError: the spool was closed.
        """
        view = memoryview(data).cast("B")
        sink = self._sink(len(view))
        sink.write(view)
        self._at += len(view)
        if view.nbytes:  # nothing past the end is not a gap
            self._size = max(self._size, self._at)
        return len(view)

    def seek(self, offset: int) -> None:
        """Let the next write begin *offset* bytes from the start; a gap past the end is filled with zeros.

        Raises:
            ValueError: the spool was closed, or *offset* is negative.
        """
        self._sink(0).seek(offset)
        self._at = offset

    def body(self) -> bytes | Path:
        """Return what was written: bytes, or the path of a file that lives until :meth:`close`."""
        if self._memory is not None:
            return self._memory.getvalue()
        if self._file is None:
            raise ValueError("the spool is closed")
        self._file.flush()
        return Path(self._file.name)

    def close(self) -> None:
        """Forget the bytes. Closing twice is allowed."""
        self._memory = None
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # what its buffer still holds may not fit on the disk; it is not needed
                file.close()

    def _sink(self, more: int) -> IO[bytes]:
        if self._memory is not None:
            if self._at + more <= self._limit:
                return self._memory
            memory, self._memory = self._memory, None
            self._file = tempfile.NamedTemporaryFile(prefix="ap-", suffix=".spool")  # noqa: SIM115 - close() deletes it
            self._file.write(memory.getbuffer())
            self._file.seek(self._at)
        if self._file is None:
            raise ValueError("the spool is closed")
        return self._file
