"""Renditions made small and plain enough to stand inside a document."""

from __future__ import annotations

import base64
import io
from typing import Final

from PIL import Image

EDGE: Final = 256
"""Pixels of the longer side."""

_QUALITY: Final = 75
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
_PIXELS: Final = 50_000_000
"""More is no rendition."""
_UNREADABLE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises over bytes that are no picture, or a broken one."""


def data_address(picture: bytes | None) -> str | None:
    """Return a picture as a ``data:`` address of a small JPEG; ``None`` for none, or one that cannot be read.

    It is drawn anew, so that a notebook that is passed on carries no positions, nor anything else that a file says.
    """
    if not picture:
        return None
    small = io.BytesIO()
    try:
        image = Image.open(io.BytesIO(picture), formats=_FORMATS)
        if image.width * image.height > _PIXELS:
            return None
        image.thumbnail((EDGE, EDGE))
        bare = Image.new("RGB", image.size, "white")
        bare.paste(image.convert("RGBA"), mask=image.convert("RGBA"))
        bare.save(small, "JPEG", quality=_QUALITY)
    except _UNREADABLE:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(small.getvalue()).decode("ascii")
