"""What stands between a writer and its file: text, compression. Both give up with the file, and end with it."""

from __future__ import annotations

import codecs
import contextlib
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import ReadableBuffer

    from ap_remote.fs.files import RemoteFile


class CompressedWriter(io.BufferedIOBase):
    """Compresses into a file and closes both; the compressors of the standard library leave theirs open."""

    def __init__(self, compressor: Any, file: RemoteFile) -> None:
        super().__init__()
        self._compressor = compressor
        self._file = file

    def writable(self) -> bool:
        """Return true."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Compress *data* and return its own length in bytes."""
        self._compressor.write(data)
        return memoryview(data).nbytes

    def close(self) -> None:
        """Write the compressor's tail and publish the file."""
        if self.closed:
            return
        try:
            self._compressor.close()
        except BaseException:
            self._file.discard()
            raise
        finally:
            super().close()
            self._file.close()

    def discard(self) -> None:
        """Close without publishing."""
        self._file.discard()
        with contextlib.suppress(ValueError):  # its tail finds the file closed, which is what is wanted
            self._compressor.close()
        super().close()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if not self.closed:
            self._dealloc_warn(self)

    def _dealloc_warn(self, source: object) -> None:
        self._file._dealloc_warn(source)  # noqa: SLF001 - the protocol of io's own classes
        self.discard()


class TextWriter(io.TextIOWrapper):
    """Text into a file that knows how to give up."""

    def __init__(self, file: RemoteFile | CompressedWriter, **options: Any) -> None:
        super().__init__(file, **options)  # type: ignore[arg-type]  # the base of RemoteFile is untyped
        self._file = file
        if not file.seekable() and codecs.lookup(self.encoding).name in ("utf-16", "utf-32"):
            # io writes their byte order mark only into what can be sought.
            file.write("".encode(self.encoding))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self._file.discard()
        self.close()
