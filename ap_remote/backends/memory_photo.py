"""What the bytes of a file say about themselves, and small renditions of pictures. Pillow does the reading."""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from PIL import Image, ImageOps

from ap_remote.errors import UnsupportedError
from ap_remote.model import Media, Place

PlaceOf = Callable[[float, float], Place | None]
"""Names the place at a latitude and a longitude, in degrees."""

_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_UNKNOWN: Final = "application/octet-stream"
_UNREADABLE: Final = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
"""What Pillow raises over bytes that are no picture, or a broken one."""

_EXIF_IFD: Final = 0x8769
_GPS_IFD: Final = 0x8825
_MAKE, _MODEL, _TAKEN = 0x010F, 0x0110, 0x9003
_NAMES: Final = {
    0x0112: "orientation",
    0x0131: "software",
    0x0132: "dateTime",
    0x829A: "exposureTime",
    0x8822: "exposureProgram",
    0x8827: "isoSpeedRatings",
    0x9003: "dateTimeOriginal",
    0x9004: "dateTimeDigitized",
    0x9202: "apertureValue",
    0x9207: "meteringMode",
    0x9209: "flash",
    0x920A: "focalLength",
    0xA402: "exposureMode",
    0xA403: "whiteBalance",
}
"""EXIF tags under Amazon's names [amazon-photos-api.md 6.4]."""

_TYPES: Final = mimetypes.MimeTypes()
for _extension, _type in {".heic": "image/heic", ".webp": "image/webp", ".mkv": "video/x-matroska"}.items():
    _TYPES.add_type(_type, _extension)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a file."""

    content_type: str
    taken: datetime | None = None
    media: Media | None = None


def read(name: str, data: bytes, *, place_of: PlaceOf | None = None) -> Reading:
    """Read what a file says; one that cannot be read as a picture keeps the type that its name implies.

    EXIF dates have no zone and are taken for UTC, as Amazon does.
    """
    by_name = _TYPES.guess_type(name, strict=False)[0] or _UNKNOWN
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return _picture(image, place_of)
    except _UNREADABLE:
        return Reading(content_type=by_name)


def thumbnail(data: bytes, *, size: int) -> bytes:
    """Return an upright JPEG whose longer side is at most *size* pixels; small pictures are not made larger.

    Raises:
        UnsupportedError: the bytes are no picture that Pillow reads.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            image.draft("RGB", (size, size))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((size, size))
            target = io.BytesIO()
            _on_white(upright).save(target, "JPEG", quality=85)
    except _UNREADABLE as exc:
        message = "no rendition can be made: the bytes are not a readable picture"
        raise UnsupportedError(message) from exc
    return target.getvalue()


def _on_white(image: Image.Image) -> Image.Image:
    """JPEG knows no transparency."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


def _picture(image: Image.Image, place_of: PlaceOf | None) -> Reading:
    exif = image.getexif()
    details = exif.get_ifd(_EXIF_IFD)
    rows = {**dict(exif), **details}
    media = Media(
        width=image.width,
        height=image.height,
        make=_said(rows.get(_MAKE)),
        model=_said(rows.get(_MODEL)),
        place=_place(exif.get_ifd(_GPS_IFD), place_of),
        exif={name: str(rows[tag]) for tag, name in _NAMES.items() if tag in rows},
    )
    # A JPEG that carries a second picture calls itself MPO.
    content_type = "image/jpeg" if image.format == "MPO" else Image.MIME[image.format or ""]
    return Reading(content_type=content_type, taken=_date(rows.get(_TAKEN)), media=media)


def _said(value: object) -> str | None:
    return str(value).strip("\0 ") or None if value is not None else None


def _date(value: object) -> datetime | None:
    try:
        return datetime.strptime(str(value).strip("\0 "), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _place(gps: dict[int, object], place_of: PlaceOf | None) -> Place | None:
    latitude = _degrees(gps.get(2), negative=_said(gps.get(1)) == "S", limit=90)
    longitude = _degrees(gps.get(4), negative=_said(gps.get(3)) == "W", limit=180)
    if latitude is None or longitude is None:
        return None
    named = place_of(latitude, longitude) if place_of else None
    return msgspec.structs.replace(named or Place(), latitude=latitude, longitude=longitude)


def _degrees(value: object, *, negative: bool, limit: int) -> float | None:
    if not isinstance(value, tuple):
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    total = round(degrees + minutes / 60 + seconds / 3600, 6)
    # A camera without a fix writes 0/0, which reads as not-a-number and fails this comparison.
    return (-total if negative else total) if abs(total) <= limit else None
