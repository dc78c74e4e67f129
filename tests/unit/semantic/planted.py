"""An encoder that knows colours only, and pictures for it: whole pipelines run in milliseconds, with answers known."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageColor

DIM = 16
_SPACE = np.linalg.qr(np.random.default_rng(7).normal(size=(DIM, 3)))[0].T.astype(np.float32)
_NAMED = {name: np.asarray(ImageColor.getrgb(name), dtype=np.float32) for name in ("red", "lime", "blue", "yellow")}


def vector(rgb) -> np.ndarray:
    centred = np.asarray(rgb, dtype=np.float32) / 127.5 - 1
    turned = centred @ _SPACE
    return (turned / max(np.linalg.norm(turned), 1e-6)).astype(np.float32)


class PlantedEncoder:
    """Vectors are turned colours; a text is the name of a colour."""

    spec = "planted"
    dim = DIM
    device = "cpu"
    thumbnail_size = 32

    def __init__(self, fingerprint: str = "00000000planted0") -> None:
        self.fingerprint = fingerprint
        self.seen = 0
        self.loads = 0

    def load(self) -> None:
        self.loads += 1

    def encode_images(self, images) -> np.ndarray:
        self.seen += len(images)
        return np.stack([vector(np.asarray(image).reshape(-1, 3).mean(axis=0)) for image in images])

    def encode_texts(self, texts) -> np.ndarray:
        return np.stack(
            [vector(ImageColor.getrgb(text)) if _is_colour(text) else vector((128, 127, 129)) for text in texts]
        )

    def labels(self, images, *, top: int = 5) -> list[tuple[tuple[str, float], ...]]:
        pixels = [np.asarray(image).reshape(-1, 3).mean(axis=0) for image in images]
        nearest = [min(_NAMED, key=lambda name: float(np.abs(_NAMED[name] - rgb).sum())) for rgb in pixels]
        return [((name, 0.9), ("paint", 0.05))[:top] for name in nearest]


def picture(colour, *, size=(24, 16), **saving) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, saving.pop("kind", "PNG"), **saving)
    return target.getvalue()


def _is_colour(text: str) -> bool:
    try:
        ImageColor.getrgb(text)
    except ValueError:
        return False
    return True
