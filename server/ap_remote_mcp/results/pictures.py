"""Small pictures for a model to look at: decoded with care, encoded anew, nothing of the original's metadata left."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ap_remote.transfer.stripping import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def _on() -> None:
    """Go on."""


def shrink(
    data: bytes, step: Callable[[], None] = _on, /, *, side: int, max_bytes: int, max_pixels: int, aim: int = _AIM
) -> bytes:
    """Return a JPEG of *data* whose longer side is at most *side* pixels, without any metadata.

    Its quality is lowered until it has at most *aim* bytes, if it can be. *step* is called before each part of the
    work, here and below, and ends it by what it raises.

    Raises:
        PictureError: not a JPEG, PNG or WebP, damaged, or beyond the bounds.
    """
    step()
    return _jpeg(_decode(data, side=side, max_bytes=max_bytes, max_pixels=max_pixels), step, aim)


def tile(data: bytes | None, step: Callable[[], None] = _on, /, *, max_bytes: int, max_pixels: int) -> Image.Image:
    """Return a picture for a grid; a grey one where there is none, or none that can be opened."""
    step()
    if data is not None:
        with suppress(PictureError):
            return _decode(data, side=TILE_PX, max_bytes=max_bytes, max_pixels=max_pixels)
    return Image.new("RGB", (TILE_PX, TILE_PX), "grey")


def sheet(tiles: Sequence[Image.Image], step: Callable[[], None] = _on, /, *, side: int) -> bytes:
    """Return a JPEG with the tiles in a numbered grid, row by row from 1; its longer side has at most *side* pixels.

    A row is as high as its highest picture: models pay for each pixel, white ones too.
    """
    columns = ceil(sqrt(len(tiles)))
    edge = min(TILE_PX, (side - _GAP) // columns - _GAP)
    pictures = []
    for each in tiles:
        step()
        picture = each.copy()
        picture.thumbnail((edge, edge))
        pictures.append(picture)
    rows = [pictures[at : at + columns] for at in range(0, len(pictures), columns)]
    heights = [max(edge // 4, *(picture.height for picture in row)) for row in rows]
    grid = Image.new("RGB", (_GAP + columns * (edge + _GAP), _GAP + sum(heights) + len(rows) * _GAP), "white")
    font = ImageFont.load_default(size=max(14, edge // 8))
    top = _GAP
    for line, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for column, picture in enumerate(row):
            corner = (_GAP + column * (edge + _GAP), top)
            grid.paste(picture, (corner[0] + (edge - picture.width) // 2, top + (height - picture.height) // 2))
            _number(grid, str(line * columns + column + 1), corner, font)
        top += height + _GAP
    return _jpeg(grid, step)


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


def _jpeg(picture: Image.Image, step: Callable[[], None], aim: int = _AIM) -> bytes:
    """Encode pixels alone: a fresh image carries no EXIF, profile or comment."""
    bare = Image.new("RGB", picture.size)
    bare.paste(picture)
    data = b""
    for quality in _QUALITIES:
        step()
        stream = BytesIO()
        bare.save(stream, "JPEG", quality=quality, optimize=True)
        data = stream.getvalue()
        if len(data) <= aim:
            break
    return data
