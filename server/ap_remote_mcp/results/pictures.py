"""Small pictures for a model to look at: decoded with care, encoded anew, nothing of the original's metadata left."""

from __future__ import annotations

from io import BytesIO
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_MAGIC: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
_QUALITIES: Final = (85, 75, 60, 45)
_AIM: Final = 700_000
"""Bytes of one JPEG before base64; hosts refuse pictures of several megabytes."""
_TILE: Final = 256
_GAP: Final = 4


class PictureError(Exception):
    """Bytes that are no picture, or one too large to be opened."""


def shrink(data: bytes, *, side: int, max_bytes: int, max_pixels: int, aim: int = _AIM) -> bytes:
    """Return a JPEG of *data* whose longer side is at most *side* pixels, without any metadata.

    Its quality is lowered until it has at most *aim* bytes, if it can be.

    Raises:
        PictureError: not a JPEG, PNG or WebP, damaged, or beyond the bounds.
    """
    return _jpeg(_decode(data, side=side, max_bytes=max_bytes, max_pixels=max_pixels), aim)


def sheet(pictures: Sequence[bytes | None], *, side: int, max_bytes: int, max_pixels: int) -> bytes:
    """Return a JPEG with the pictures in a numbered grid, row by row from 1; ``None`` leaves a grey tile."""
    columns = ceil(sqrt(len(pictures)))
    rows = ceil(len(pictures) / columns)
    tile = min(_TILE, (side - _GAP) // columns - _GAP)
    step = tile + _GAP
    grid = Image.new("RGB", (_GAP + columns * step, _GAP + rows * step), "white")
    font = ImageFont.load_default(size=max(14, tile // 8))
    for index, data in enumerate(pictures):
        corner = (_GAP + index % columns * step, _GAP + index // columns * step)
        picture = _tile(data, tile, max_bytes, max_pixels)
        grid.paste(picture, (corner[0] + (tile - picture.width) // 2, corner[1] + (tile - picture.height) // 2))
        _number(grid, str(index + 1), corner, font)
    return _jpeg(grid)


def _tile(data: bytes | None, side: int, max_bytes: int, max_pixels: int) -> Image.Image:
    if data is not None:
        try:
            return _decode(data, side=side, max_bytes=max_bytes, max_pixels=max_pixels)
        except PictureError:
            return Image.new("RGB", (side, side), "grey")
    return Image.new("RGB", (side, side), "grey")


def _number(
    grid: Image.Image, text: str, corner: tuple[int, int], font: ImageFont.ImageFont | ImageFont.FreeTypeFont
) -> None:
    draw = ImageDraw.Draw(grid)
    left, top, right, bottom = draw.textbbox((corner[0] + 4, corner[1] + 2), text, font=font)
    draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill="black")
    draw.text((corner[0] + 4, corner[1] + 2), text, fill="white", font=font)


def _decode(data: bytes, *, side: int, max_bytes: int, max_pixels: int) -> Image.Image:
    if len(data) > max_bytes:
        raise PictureError("the rendition is too large")
    if not data.startswith(_MAGIC):
        raise PictureError("the rendition is no JPEG, PNG or WebP")
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            if opened.width * opened.height > max_pixels:
                raise PictureError("the rendition has too many pixels")
            upright = ImageOps.exif_transpose(opened)
            picture = upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        # Pillow reports damage in headers as SyntaxError and ValueError.
        raise PictureError("the rendition cannot be decoded") from exc
    picture.thumbnail((side, side))
    return picture


def _jpeg(picture: Image.Image, aim: int = _AIM) -> bytes:
    """Encode pixels alone: a fresh image carries no EXIF, profile or comment."""
    bare = Image.new("RGB", picture.size)
    bare.paste(picture)
    data = b""
    for quality in _QUALITIES:
        stream = BytesIO()
        bare.save(stream, "JPEG", quality=quality, optimize=True)
        data = stream.getvalue()
        if len(data) <= aim:
            break
    return data
