"""From an entry to an upright RGB picture, or to a reason why not.

What fails is a value, never an exception that takes a batch along. A remote that makes thumbnails is asked for one;
otherwise, and where it has none, the photograph itself is read.
"""

from __future__ import annotations

import io
import warnings
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ap_remote.errors import IntegrityError, IsFolderError, NotFoundError, TransportError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsThumbnails

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote

PIXEL_LIMIT: Final = 100_000_000
"""Pixels above which a picture is not decoded: a small file can unfold to fill the memory."""

BYTE_LIMIT: Final = 256 * 2**20
"""Bytes above which an original is not fetched for want of a thumbnail."""

Status = Literal["ok", "unreadable", "missing", "transient"]

_open_lock = Lock()
"""Guards ``warnings.catch_warnings``, which is not made for threads."""


class Fetched(NamedTuple):
    """Bytes of a picture, or why there are none."""

    status: Status
    data: bytes = b""
    reason: str = ""
    upright: bool = False
    """Whether EXIF orientation was applied by whoever made the bytes."""


class UnreadableError(ValueError):
    """These bytes are no picture that can be shown; the text says why."""


async def fetch(remote: Remote, entry: Entry, *, size: int) -> Fetched:
    """Fetch a thumbnail of about *size* pixels, or the original where there is none.

    Raises:
        RemoteError: what concerns the account and not this photograph, such as expired credentials.
    """
    try:
        if isinstance(remote, SupportsThumbnails):
            try:
                return Fetched("ok", await remote.thumbnail(NodeId(entry.id), size=size), upright=True)
            except UnsupportedError:
                return await _original(remote, entry)
        return await _original(remote, entry)
    except (NotFoundError, IsFolderError):
        return Fetched("missing", reason="it is no longer there")
    except (TransportError, IntegrityError) as exc:
        return Fetched("transient", reason=str(exc))


async def _original(remote: Remote, entry: Entry) -> Fetched:
    if entry.size > BYTE_LIMIT:
        return Fetched("unreadable", reason=f"it has no thumbnail and {entry.size} bytes, too many to read here")
    pieces = [piece async for piece in remote.get(NodeId(entry.id))]
    return Fetched("ok", b"".join(pieces))


def decode(data: bytes, *, size: int, upright: bool = False) -> Image.Image:
    """Return an RGB picture, turned upright, whose longer side is at most *size* where that is cheap.

    Raises:
        UnreadableError: empty, no picture, truncated, or too large when unfolded.
    """
    if not data:
        message = "the file is empty"
        raise UnreadableError(message)
    try:
        with _open(data) as image:
            width, height = image.size
            _check_size(width, height)
            image.draft("RGB", (size, size))
            image.load()
            turned = image if upright else ImageOps.exif_transpose(image)
            turned.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
            return _rgb(turned)
    except UnreadableError:
        raise
    except Image.DecompressionBombError as exc:
        message = "it unfolds to more pixels than are decoded here"
        raise UnreadableError(message) from exc
    except UnidentifiedImageError as exc:
        message = "it is not a picture that can be read"
        raise UnreadableError(message) from exc
    except Exception as exc:  # Pillow's plugins raise whatever the bytes provoke; one file must not end a build
        message = f"it cannot be decoded: {exc}"
        raise UnreadableError(message) from exc


def _check_size(width: int, height: int) -> None:
    if width * height > PIXEL_LIMIT:
        message = f"it unfolds to {width} x {height} pixels, more than {PIXEL_LIMIT} are not decoded"
        raise UnreadableError(message)


def _open(data: bytes) -> Image.Image:
    with _open_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged EXIF is told in warnings; the size is checked by our own limit
        image = Image.open(io.BytesIO(data))
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
