"""What is decoded at most: a small file can unfold to fill the memory."""

from __future__ import annotations

from typing import Final

from PIL import Image

MAX_BYTES: Final = 256 << 20
"""Bytes of a file that a decoder wants whole in memory."""


def check_pixels(width: int, height: int) -> None:
    """Hold other decoders to Pillow's own limit.

    Raises:
        Image.DecompressionBombError: it is more than twice ``Image.MAX_IMAGE_PIXELS``.
    """
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > 2 * most:
        raise Image.DecompressionBombError(f"{width} x {height} pixels are more than {2 * most}")
