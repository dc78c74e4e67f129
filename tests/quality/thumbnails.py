"""How near the vectors of the service's thumbnails are to those of the originals, on the demo's photographs.

Nothing is asked of them: how a service makes its thumbnails is not ours to choose. It is reported, not assumed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ap_remote.semantic import load_encoder
from ap_remote.semantic.registry import OFFLINE, checkpoints
from ap_remote.semantic.thumbnails import decode
from ap_remote_emulator.derive import thumbnails as service
from fixtures.demo.photos import make_tree
from tests.quality.library import queries
from tests.quality.report import Figure, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from ap_remote.semantic import Encoder

NEIGHBOURS = 10
_SHOWN = 5
_BATCH = 32


class Pair(NamedTuple):
    """The same photographs, once by their originals and once by their thumbnails, unit vectors ``[n, dim]``."""

    paths: tuple[str, ...]
    originals: NDArray[np.float32]
    thumbnails: NDArray[np.float32]


def embed(folder: Path, encoder: Encoder) -> Pair:
    """Make the demo's photographs below *folder* and encode them both ways, as a build decodes them."""
    tree = make_tree(folder)
    size = encoder.thumbnail_size
    paths, originals, small = [], [], []
    for item in tree.photos:
        file = tree.root / item.path
        made = service.make(file, size, size)
        if made is None:
            raise AssertionError(f"the service makes no thumbnail of {item.path}")
        paths.append(item.path)
        originals.append(decode(file.read_bytes(), size=size))
        small.append(decode(made, size=size, upright=True))
    return Pair(tuple(paths), _encoded(encoder, originals), _encoded(encoder, small))


def overlap(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return which share of the nearest is the same, the mean over rows of cosines ``[n, photographs]``."""
    nearest = [np.argsort(-each, axis=1, kind="stable")[:, :NEIGHBOURS].tolist() for each in (one, other)]
    shares = [len(set(ours) & set(theirs)) / NEIGHBOURS for ours, theirs in zip(*nearest, strict=True)]
    return float(np.mean(shares))


def figures(name: str, pair: Pair, texts: NDArray[np.float32]) -> Iterator[Figure | Rows]:
    """Yield how near the vectors are, and how many of the ten nearest are the same.

    Args:
        name: of the encoder.
        pair: what was encoded.
        texts: unit vectors ``[n, dim]`` of questions.
    """
    cosines = np.einsum("nd,nd->n", pair.originals, pair.thumbnails)
    lowest = np.argsort(cosines, kind="stable")[:_SHOWN]
    yield Rows(
        quality=f"thumbnails.{name}",
        columns=("photograph", "cosine with its thumbnail"),
        rows=tuple((pair.paths[row], f"{cosines[row]:.4f}") for row in lowest),
    )
    detail = {"photographs": len(pair.paths)}
    yield Figure(quality=f"thumbnails.{name}.cosine", value=round(float(cosines.mean()), 4), detail=detail)
    yield Figure(quality=f"thumbnails.{name}.lowest_cosine", value=round(float(cosines.min()), 4))
    photographs = overlap(_among(pair.originals), _among(pair.thumbnails))
    yield Figure(quality=f"thumbnails.{name}.overlap_10", value=round(photographs, 4))
    questions = overlap(texts @ pair.originals.T, texts @ pair.thumbnails.T)
    detail = {"questions": len(texts)}
    yield Figure(quality=f"thumbnails.{name}.questions_overlap_10", value=round(questions, 4), detail=detail)


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures."""
    for name in (OFFLINE, *checkpoints()):
        with tempfile.TemporaryDirectory() as folder:
            encoder = load_encoder(name, cache=Path(folder) / "encoder")
            pair = embed(Path(folder) / "photographs", encoder)
            yield from figures(name, pair, encoder.encode_texts([each.text for each in queries()]))


def _among(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of photographs with all others; with themselves they count for nothing."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def _encoded(encoder: Encoder, images: Sequence[Image]) -> NDArray[np.float32]:
    parts = [encoder.encode_images(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
    return np.concatenate(parts)
