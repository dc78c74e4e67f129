"""Small real pictures for the contract: JPEGs with dates, cameras, positions and orientations."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import cache

from PIL import Image

SPRING_2023 = datetime(2023, 4, 5, 6, 7, 8, tzinfo=UTC)
VANCOUVER = (49.2827, -123.1207)
FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08free"
"""The beginning of an MP4 file: enough for its type, no picture can be made of it."""


def jpeg(
    *,
    taken: datetime | None = None,
    size: tuple[int, int] = (48, 32),
    color: str = "teal",
    orientation: int = 1,
    position: tuple[float, float] | None = None,
    make: str | None = None,
) -> bytes:
    """Return a JPEG of one colour; a smaller bright corner marks its upper left."""
    image = Image.new("RGB", size, color)
    image.paste("white", (0, 0, size[0] // 4, size[1] // 4))
    exif = Image.Exif()
    exif[0x0112] = orientation
    if make:
        exif[0x010F] = make
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if position:
        latitude, longitude = position
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2] = "S" if latitude < 0 else "N", _sexagesimal(latitude)
        gps[3], gps[4] = "W" if longitude < 0 else "E", _sexagesimal(longitude)
    target = io.BytesIO()
    image.save(target, "JPEG", exif=exif)
    return target.getvalue()


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(abs(degrees), 1)
    minutes, rest = divmod(rest * 60, 1)
    return whole, minutes, round(rest * 60, 4)


@cache
def vast(width: int = 16_320, height: int = 12_240) -> bytes:
    """Return a JPEG as telephones with the most pixels make them; grey, which is quick to write and to read."""
    out = io.BytesIO()
    Image.new("L", (width, height), 120).save(out, "JPEG", quality=30)
    return out.getvalue()
