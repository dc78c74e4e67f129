"""Pictures out of a film, by PyAV (the extra ``video``), without fetching all of it.

PyAV reads through a file whose bytes are fetched when they are asked for, block by block: of a film with its directory
in front that is the directory and a little around each moment.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import MissingExtraError
from ap_remote.semantic.thumbnails import PIXEL_LIMIT, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from PIL import Image

BLOCK: Final = 1 << 20
"""Bytes in one fetch."""
BLOCKS: Final = 4
"""Blocks that are kept of one film."""
BYTE_LIMIT: Final = 256 * 2**20
"""Bytes that are fetched of one film at most."""
_DECODED: Final = 300
"""Pictures that are decoded at most to come from a key frame to a moment."""
_MICRO: Final = 1_000_000
_OPTIONS: Final = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,dv"}
"""Containers that hold their own streams; playlists, which may name other files or hosts, are not opened."""


def need_video() -> Any:
    """Return PyAV.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import av
    except ModuleNotFoundError as exc:
        raise MissingExtraError("reading films", "video") from exc
    return av


def shares(count: int) -> list[float]:
    """Return at which shares of its length *count* pictures of a film are taken: the middles of as many equal parts."""
    return [(number + 0.5) / count for number in range(count)]


class RangedFile(io.RawIOBase):
    """A file of known size whose bytes are fetched block by block."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        """Read with *fetch*, which takes start and stop; it may block and may raise."""
        self._fetch = fetch
        self._size = size
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.fetched = 0
        """Bytes so far."""

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; past the end is allowed."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the block, as a raw file may.

        Raises:
            UnreadableError: more than :data:`BYTE_LIMIT` bytes would be fetched.
        """
        target = memoryview(buffer).cast("B")
        number, offset = divmod(self._position, BLOCK)
        piece = self._block(number)[offset : offset + len(target)] if self._position < self._size else b""
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start, stop = number * BLOCK, min((number + 1) * BLOCK, self._size)
            if self.fetched + stop - start > BYTE_LIMIT:
                message = f"its pictures lie too far apart: more than {BYTE_LIMIT} bytes would be fetched"
                raise UnreadableError(message, status="too_large")
            body = self._fetch(start, stop)
            self.fetched += len(body)
            if len(self._blocks) >= BLOCKS:
                self._blocks.popitem(last=False)
            self._blocks[number] = body
        self._blocks.move_to_end(number)
        return self._blocks[number]


def pictures(file: io.RawIOBase, at: Sequence[float], *, size: int) -> Iterator[tuple[float, Image.Image]]:
    """Yield the film's pictures at these shares of its length, with their moments in seconds.

    Args:
        file: the film; whatever its reads raise comes out of here.
        at: shares of its length, 0 to 1, ascending.
        size: pixels of the longer side at most.

    Raises:
        MissingExtraError: PyAV is not installed.
        UnreadableError: it is no film that can be decoded, or its pictures are too large.
    """
    av = need_video()
    try:
        with av.open(file, options=_OPTIONS, metadata_errors="replace") as container:
            if not container.streams.video:
                raise UnreadableError("it is a film without pictures")
            stream = container.streams.video[0]
            # Several films are decoded side by side; threads of one would only wait for each other.
            stream.codec_context.thread_count = 1
            _check_size(stream.codec_context)
            length, first = (container.duration or 0) / _MICRO, (container.start_time or 0) / _MICRO
            for share in at:
                frame = _at(container, stream, first + share * length)
                if frame is None:
                    raise UnreadableError("it holds no picture that can be decoded")
                yield max(0.0, float(frame.time or 0.0) - first), _image(frame, size)
    except (av.FFmpegError, EOFError, ValueError, IndexError) as exc:
        if isinstance(exc, UnreadableError):
            raise
        raise UnreadableError(f"it is no film that can be decoded: {exc}") from exc


def _check_size(context: Any) -> None:
    if context.width * context.height > PIXEL_LIMIT:
        message = (
            f"its pictures have {context.width} x {context.height} pixels, more than {PIXEL_LIMIT} are not decoded"
        )
        raise UnreadableError(message, status="too_large")


def _at(container: Any, stream: Any, moment: float) -> Any:
    """Return the picture that is shown at a moment, or the nearest before it that can be decoded."""
    container.seek(int(moment * _MICRO), backward=True)
    found = None
    for number, frame in enumerate(container.decode(stream)):
        if found is not None and frame.time is not None and frame.time > moment:
            break
        found = frame
        if number >= _DECODED:
            break
    return found


def _image(frame: Any, size: int) -> Image.Image:
    """Return a picture as RGB, upright, its longer side at most *size* pixels."""
    scale = min(1.0, size / max(frame.width, frame.height))
    small = frame.reformat(
        width=max(1, round(frame.width * scale)), height=max(1, round(frame.height * scale)), format="rgb24"
    )
    picture: Image.Image = small.to_image()
    turn = int(getattr(frame, "rotation", 0) or 0)
    return picture.rotate(turn, expand=True) if turn else picture
