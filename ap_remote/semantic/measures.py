"""What the pixels of a picture say beside its meaning: perceptual hashes, sharpness, brightness.

They come from the same decoded thumbnail as the vector, so they cost no second fetch. Hashes are those of the library
imagehash; two pictures are near when few of the 64 bits differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SIDE: Final = 256
"""Pixels of the longer side at which sharpness is measured, so that pictures of all sizes compare."""


class Measures(msgspec.Struct, frozen=True, array_like=True):
    """Of one picture."""

    phash: int
    """64 bits of the discrete cosine transform; stays near through resizing and recompression."""
    dhash: int
    """64 bits of horizontal gradients; sees crops and burst frames apart that share a phash."""
    sharpness: float
    """Variance of the Laplacian of the grey picture, 0 for a flat one; blur lowers it."""
    luma: float
    """Mean brightness, 0 to 255."""


def measure(image: Image) -> Measures:
    """Measure an upright RGB picture."""
    hashes: Any = need("imagehash")
    grey = image.convert("L")
    small = grey.copy()
    small.thumbnail((SIDE, SIDE))
    pixels = np.asarray(small, dtype=np.float32)
    return Measures(
        phash=_bits(hashes.phash(grey).hash),
        dhash=_bits(hashes.dhash(grey).hash),
        sharpness=round(float(_laplacian(pixels).var()), 3),
        luma=round(float(pixels.mean()), 3),
    )


def distance(one: int, other: int) -> int:
    """Return how many bits of two hashes differ, 0 to 64."""
    return (one ^ other).bit_count()


def _bits(hashed: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(hashed).tobytes(), "big")


def _laplacian(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the five-point Laplacian of the picture without its border; a picture too thin for it is flat."""
    if min(pixels.shape) < 3:  # noqa: PLR2004 - a pixel needs neighbours on all sides
        return np.zeros((1, 1), dtype=np.float32)
    inner = pixels[1:-1, 1:-1]
    around: NDArray[np.float32] = pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]
    return around - 4 * inner
