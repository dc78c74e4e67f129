"""Thumbnails: upright JPEGs that fit a box, without EXIF."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image, ImageOps

from ap_remote_emulator.derive import heifs, pictures, raws, videos
from ap_remote_emulator.derive.kinds import HEIF, RAW

MAX_SIDE: Final = 10_000
_QUALITY: Final = 85
_SIDEWAYS: Final = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
_DEPTHS: Final = (8, 10, 12, 14, 16)
"""Bits of a grey."""
_DECODERS: Final = threading.BoundedSemaphore(2)
"""Decoded pictures are large: no more than two at a time."""


def make(path: Path, width: int, height: int, *, video: bool = False, content_type: str = "") -> bytes | None:
    """Return a JPEG of the picture or *video* at *path*, within *width* x *height* pixels and never enlarged.

    The *content_type* tells a camera's raw file from the TIFF that it is inside. ``None`` says that there is no picture
    in the file, or none that could be decoded.
    """
    with _DECODERS:
        if video:
            frame = videos.first_frame(path)
            return None if frame is None else _encode(frame, width, height)
        raw = raws.picture(path, width, height) if content_type in RAW else None
        if raw is not None:
            return _encode(raw, width, height)
        try:
            with pictures.opened(path) as image:
                turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _SIDEWAYS
                image.draft("RGB", (height, width) if turned else (width, height))
                return _encode(ImageOps.exif_transpose(image), width, height)
        except pictures.UNREADABLE:
            return None


def lacking(content_type: str) -> str:
    """Return why nothing of this type has a thumbnail, if that is for want of a library; otherwise ``""``."""
    readers = ((HEIF, heifs.installed, "pi-heif"), (RAW, raws.installed, "rawpy"))
    name = next((name for types, installed, name in readers if content_type in types and not installed()), "")
    return f"{content_type} is read with {name}, which is not installed (ap-remote[formats])" if name else ""


def _encode(image: Image.Image, width: int, height: int) -> bytes:
    if image.mode.startswith(("I", "F")):
        image = _grey(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        # Transparent parts become white, as on a page.
        layer = image.convert("RGBA")
        layer.thumbnail((width, height), Image.Resampling.LANCZOS)
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    profile = image.info.get("icc_profile") if image.mode == "RGB" else None
    if image.mode not in ("RGB", "L"):
        image = image.convert("RGB")
    image.thumbnail((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=False, icc_profile=profile)
    return out.getvalue()


def _grey(image: Image.Image) -> Image.Image:
    """Return a picture of deep greys in eight bits.

    Cameras and microscopes keep 10, 12 or 14 bits in 16: the fewest that hold the brightest grey are taken for white,
    or such a picture would be as good as black. Numbers with a fraction have their brightest for white.
    """
    # By way of 32 bits: Pillow counts and scales not every byte order of 16.
    image = image if image.mode == "F" else image.convert("I")
    extremes = image.getextrema()
    brightest = float(extremes[1]) if isinstance(extremes[1], int | float) else 0.0
    whole = next((float(1 << bits) for bits in _DEPTHS if brightest < 1 << bits), brightest)
    white = brightest if image.mode == "F" else whole
    factor = 256 / white if white > 0 else 1.0
    grey = image.point(lambda value: value * factor).convert("L")
    grey.info.pop("transparency", None)  # it names a grey of the old depth
    return grey
