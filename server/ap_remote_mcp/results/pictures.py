"""Small pictures for a model to look at: decoded with care, encoded anew, nothing of the original's metadata left."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ap_remote.transfer.stripping import PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TILE_PX", "PictureError", "sheet", "shrink", "tile"]

TILE_PX: Final = 256
"""Pixels of the longer side of a picture in a grid."""
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_MAGIC: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
_QUALITIES: Final = (85, 75, 60, 45)
_AIM: Final = 700_000
"""Bytes of one JPEG before base64; hosts refuse pictures of several megabytes."""
_GAP: Final = 4
_TIMES: Final = 64
"""How many times the pixels that were asked for a rendition may have (own choice): 4 megapixels for a tile."""
_SCANS: Final = 100
"""Passes of a progressive JPEG, each of which goes over all pixels (own choice); encoders make about ten."""
_SCAN: Final = b"\xff\xda"


def shrink(data: bytes, *, side: int, max_bytes: int, max_pixels: int, aim: int = _AIM) -> bytes:
    """Return a JPEG of *data* whose longer side is at most *side* pixels, without any metadata.

    Its quality is lowered until it has at most *aim* bytes, if it can be.

    Raises:
        PictureError: not a JPEG, PNG or WebP, damaged, or beyond the bounds.
    """
    return _jpeg(_decode(data, side=side, max_bytes=max_bytes, max_pixels=max_pixels), aim)


def tile(data: bytes | None, *, max_bytes: int, max_pixels: int) -> Image.Image:
    """Return a picture for a grid; a grey one where there is none, or none that can be opened."""
    if data is not None:
        with suppress(PictureError):
            return _decode(data, side=TILE_PX, max_bytes=max_bytes, max_pixels=max_pixels)
    return Image.new("RGB", (TILE_PX, TILE_PX), "grey")


def sheet(tiles: Sequence[Image.Image], *, side: int) -> bytes:
    """Return a JPEG with the tiles in a numbered grid, row by row from 1; its longer side has at most *side* pixels."""
    columns = ceil(sqrt(len(tiles)))
    rows = ceil(len(tiles) / columns)
    edge = min(TILE_PX, (side - _GAP) // columns - _GAP)
    step = edge + _GAP
    grid = Image.new("RGB", (_GAP + columns * step, _GAP + rows * step), "white")
    font = ImageFont.load_default(size=max(14, edge // 8))
    for index, each in enumerate(tiles):
        corner = (_GAP + index % columns * step, _GAP + index // columns * step)
        picture = each.copy()
        picture.thumbnail((edge, edge))
        grid.paste(picture, (corner[0] + (edge - picture.width) // 2, corner[1] + (edge - picture.height) // 2))
        _number(grid, str(index + 1), corner, font)
    return _jpeg(grid)


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
    if data.startswith(_MAGIC[0]) and data.count(_SCAN) > _SCANS:
        raise PictureError("the rendition has too many passes")
    try:
        return _upright(data, side, min(max_pixels, _TIMES * side * side))
    except PictureError:
        raise
    except Exception as exc:
        # Pillow's parsers raise whatever damaged bytes provoke: SyntaxError, struct.error, TypeError, KeyError.
        raise PictureError("the rendition cannot be decoded") from exc


def _upright(data: bytes, side: int, max_pixels: int) -> Image.Image:
    with Image.open(BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > max_pixels:
            raise PictureError("the rendition has too many pixels")
        opened.draft("RGB", (side, side))
        picture = ImageOps.exif_transpose(opened).convert("RGB")
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
