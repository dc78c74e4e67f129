"""What is decoded at most: a small file can unfold to fill the memory."""

from __future__ import annotations

from typing import Final

from PIL import Image

MAX_BYTES: Final = 256 << 20
"""Bytes of a file that a decoder wants whole in memory."""


JPEG_PIXELS: Final = 300_000_000
"""Of a JPEG, which is decoded at an eighth of its sides where little is wanted; telephones make 200 million."""


def check_pixels(width: int, height: int, *, most: int | None = None) -> None:
    """Hold other decoders to Pillow's own limit, or to one of ours.

    Raises:
        Image.DecompressionBombError: it is more than *most*, by default twice ``Image.MAX_IMAGE_PIXELS``.
    """
    if most is None and Image.MAX_IMAGE_PIXELS is not None:
        most = 2 * Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise Image.DecompressionBombError(f"{width} x {height} pixels are more than {most}")
