"""From an entry to an upright RGB picture, or to a reason why not.

What fails is a value, never an exception that takes a batch along. A remote that makes thumbnails is asked for one;
otherwise, and where it has none, the photograph itself is read. Of an animation the first picture counts. HEIC and
cameras' raw files are read by their thumbnails alone.
"""

from __future__ import annotations

import io
import re
import warnings
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from ap_remote.errors import IntegrityError, IsFolderError, NotFoundError, TransportError, UnsupportedError
from ap_remote.model import ByteRange, NodeId
from ap_remote.remote.features import SupportsThumbnails

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote

PIXEL_LIMIT: Final = 100_000_000
"""Pixels above which a picture is not decoded: a small file can unfold to fill the memory."""

JPEG_LIMIT: Final = 300_000_000
"""Pixels of a JPEG, which is decoded at an eighth of its sides; telephones make 200 million."""

BYTE_LIMIT: Final = 256 * 2**20
"""Bytes above which an original is not fetched for want of a thumbnail."""

Status = Literal["ok", "unreadable", "missing", "too_large", "transient"]

_SHAPE_PIXELS: Final = 3
_SHAPE_SHARE: Final = 0.06
"""By how much a thumbnail's shorter side may differ from what the photograph's shape makes of its longer one."""

_FOREIGN: Final = (
    (re.compile(rb"....ftyp(?:hei[cfmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL), "HEIC"),
    (re.compile(rb"....ftypcrx |FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|.MRM|FOVb", re.DOTALL), "a camera's raw file"),
)
"""What begins so is a picture, but none that is decoded here."""

_GONE: Final = "it is no longer there"

_JPEG: Final = b"\xff\xd8\xff"
_open_lock = Lock()
"""Guards ``warnings.catch_warnings``, which is not made for threads."""


class Fetched(NamedTuple):
    """Bytes of a picture, or why there are none."""

    status: Status
    data: bytes = b""
    reason: str = ""
    upright: bool = False
    """Whether the service made it: then EXIF orientation was applied already."""


class UnreadableError(ValueError):
    """These bytes are no picture that can be shown; the text says why."""

    def __init__(self, reason: str, *, status: Status = "unreadable") -> None:
        super().__init__(reason)
        self.status: Status = status


async def fetch(remote: Remote, entry: Entry, *, size: int) -> Fetched:
    """Fetch a thumbnail of about *size* pixels, or the original where there is none.

    Raises:
        RemoteError: what concerns the account and not this photograph, such as expired credentials.
    """
    found = await thumbnail(remote, entry, size=size)
    return await original(remote, entry) if found is None else found


async def original(remote: Remote, entry: Entry) -> Fetched:
    """Fetch the photograph itself. Raises as :func:`fetch`."""
    if entry.size > BYTE_LIMIT:
        reason = f"it has no thumbnail and {entry.size} bytes, too many to read here"
        return Fetched("too_large", reason=reason)
    try:
        return Fetched("ok", b"".join([piece async for piece in remote.get(NodeId(entry.id))]))
    except (NotFoundError, IsFolderError):
        return Fetched("missing", reason=_GONE)
    except (TransportError, IntegrityError) as exc:
        return Fetched("transient", reason=str(exc))


async def beginning(remote: Remote, entry: Entry) -> Fetched:
    """Fetch a photograph's first byte, to learn whether it would come. Raises as :func:`fetch`."""
    try:
        return Fetched("ok", b"".join([piece async for piece in remote.get(NodeId(entry.id), span=ByteRange(0, 1))]))
    except (NotFoundError, IsFolderError):
        return Fetched("missing", reason=_GONE)
    except (TransportError, IntegrityError) as exc:
        return Fetched("transient", reason=str(exc))


async def thumbnail(remote: Remote, entry: Entry, *, size: int) -> Fetched | None:
    """Fetch what the service shows of a photograph or a film; ``None`` where that is nothing. Raises as `fetch`."""
    if not isinstance(remote, SupportsThumbnails):
        return None
    try:
        return Fetched("ok", await remote.thumbnail(NodeId(entry.id), size=size), upright=True)
    except UnsupportedError:
        return None
    except (NotFoundError, IsFolderError):
        return Fetched("missing", reason=_GONE)
    except (TransportError, IntegrityError) as exc:
        return Fetched("transient", reason=str(exc))


def decode(
    data: bytes, *, size: int, upright: bool = False, shape: tuple[int | None, int | None] = (None, None)
) -> Image.Image:
    """Return an RGB picture, turned upright, whose longer side is at most *size* where that is cheap.

    Args:
        data: a file's bytes.
        size: pixels.
        upright: EXIF orientation was applied already.
        shape: width and height of the photograph that the picture must be of, one way up or the other, where known.

    Raises:
        UnreadableError: empty, no picture, truncated, too large when unfolded, or of another photograph.
    """
    if not data:
        message = "the file is empty"
        raise UnreadableError(message)
    try:
        with _open(data) as image:
            width, height = image.size
            _check_size(width, height, JPEG_LIMIT if isinstance(image, JpegImagePlugin.JpegImageFile) else PIXEL_LIMIT)
            _check_shape(width, height, *shape)
            image.draft("RGB", (size, size))
            image.load()
            turned = image if upright else ImageOps.exif_transpose(image)
            turned.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
            return _rgb(turned)
    except UnreadableError:
        raise
    except Image.DecompressionBombError as exc:
        message = "it unfolds to more pixels than are decoded here"
        raise UnreadableError(message, status="too_large") from exc
    except UnidentifiedImageError as exc:
        foreign = next((name for start, name in _FOREIGN if start.match(data)), None)
        if foreign is not None:
            message = f"it is {foreign}, which is read by its thumbnail only, and there is none"
        else:
            message = "it is not a picture that can be read"
        raise UnreadableError(message) from exc
    except Exception as exc:  # Pillow's plugins raise whatever the bytes provoke; one file must not end a build
        message = f"it cannot be decoded: {exc}"
        raise UnreadableError(message) from exc


def _check_size(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        message = f"it unfolds to {width} x {height} pixels, more than {limit} are not decoded"
        raise UnreadableError(message, status="too_large")


def _check_shape(width: int, height: int, true_width: int | None, true_height: int | None) -> None:
    if not (true_width and true_height and width and height):
        return
    long, short = max(width, height), min(width, height)
    expected = long * min(true_width, true_height) / max(true_width, true_height)
    if abs(short - expected) > _SHAPE_PIXELS + _SHAPE_SHARE * expected:
        message = (
            f"its thumbnail has {width} x {height} pixels, which is not the shape of {true_width} x {true_height}: "
            "it shows something else"
        )
        raise UnreadableError(message)


def _open(data: bytes) -> Image.Image:
    with _open_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged EXIF is told in warnings; the size is checked by our own limit
        # A JPEG not by Image.open, whose limit is below what telephones make, and which does not know of draft().
        image = JpegImagePlugin.jpeg_factory(io.BytesIO(data)) if data[:3] == _JPEG else Image.open(io.BytesIO(data))
        image.getexif()  # read here, so that its complaints stay here
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(ground, image).convert("RGB")
    if image.mode.startswith("I") or image.mode == "F":
        return _stretched(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Spread 16- and 32-bit samples over 8 bits; Pillow alone would cut them off."""
    samples = np.asarray(image.convert("F"))
    low, high = float(samples.min()), float(samples.max())
    scale = 255 / (high - low) if high > low else 0.0
    return Image.fromarray(((samples - low) * scale).astype(np.uint8)).convert("RGB")
