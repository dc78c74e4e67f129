"""Semantic search: the index build against a bare loop over the same model and files."""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ap_remote.config import Account, Settings
from ap_remote.connect import connect
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsThumbnails
from ap_remote.semantic import SemanticIndex, load_encoder
from ap_remote.transfer import plan_upload, upload
from tests.bench.report import Figure
from tests.bench.semantic_gpu import checkpoint
from tests.bench.service import service

if TYPE_CHECKING:
    from collections.abc import Iterator

PHOTOS = 160
_BATCH = 16


def run() -> Iterator[Figure]:
    """Yield this family's figures."""
    with tempfile.TemporaryDirectory() as folder, service(Path(folder, "data")) as started:
        yield from asyncio.run(_build(Path(folder), started))


async def _build(folder: Path, started: dict[str, Any]) -> list[Figure]:
    originals = folder / "originals"
    originals.mkdir()
    await asyncio.to_thread(_photographs, originals)
    account = Account(name="bench", kind="service", url=started["url"], credentials=started["credentials"])
    settings = Settings(home=folder / "home", file=folder / "config.toml", accounts={"bench": account}, max_age=3600)
    encoder = load_encoder("offline", cache=folder / "encoder")
    async with connect("bench:", settings=settings) as remote:
        await upload(remote, plan_upload([f"{originals}/"], "Pictures"))
        files = sorted(originals.iterdir())
        await asyncio.to_thread(_bare_loop, encoder, files[:_BATCH])
        cold = await SemanticIndex(folder / "cold", encoder).build(remote)
        thumbnails = folder / "thumbnails"
        await _save_thumbnails(remote, thumbnails, encoder.thumbnail_size)
        warm = await SemanticIndex(folder / "warm", encoder).build(remote)
        clip = await _clip(folder, remote)
    over_originals = await asyncio.to_thread(_bare_loop, encoder, files)
    over_thumbnails = await asyncio.to_thread(_bare_loop, encoder, sorted(thumbnails.iterdir()))
    return [
        clip,
        _rate("index.build", warm.encoded / warm.seconds, over_thumbnails, "the same thumbnails as local files", warm),
        _rate("index.build.first", cold.encoded / cold.seconds, over_originals, "the originals as local files", cold),
    ]


async def _clip(folder: Path, remote: Any) -> Figure:
    """Build with open_clip's ViT-B-32, whose weights are random: a pass takes as long with any."""
    spec = await asyncio.to_thread(checkpoint, folder / "ViT-B-32", "ViT-B-32")
    encoder = load_encoder(spec, cache=folder / "encoder")
    thumbnails = folder / "thumbnails of CLIP"
    await _save_thumbnails(remote, thumbnails, encoder.thumbnail_size)  # from here on the service has them
    files = sorted(thumbnails.iterdir())
    await asyncio.to_thread(encoder.load)
    loop = await asyncio.to_thread(_OpenClip, spec)
    await asyncio.to_thread(loop.rate, files[:_BATCH])
    built = await SemanticIndex(folder / "clip", encoder).build(remote)
    peer = await asyncio.to_thread(loop.rate, files)
    return _rate("index.build.clip", built.encoded / built.seconds, peer, "the same thumbnails as local files", built)


class _OpenClip:
    """open_clip as its own example uses it."""

    def __init__(self, spec: str) -> None:
        import open_clip

        self._model, _, self._preprocess = open_clip.create_model_and_transforms(spec)
        self._model.eval()

    def rate(self, files: list[Path]) -> float:
        """Open, decode, encode, batch by batch, one thing after the other; returns images per second."""
        import torch
        from PIL import Image

        begun = time.perf_counter()
        for start in range(0, len(files), _BATCH):
            images = []
            for file in files[start : start + _BATCH]:
                with Image.open(io.BytesIO(file.read_bytes())) as image:
                    images.append(self._preprocess(image))
            with torch.inference_mode():
                found = self._model.encode_image(torch.stack(images))
                found /= found.norm(dim=-1, keepdim=True)
        return len(files) / (time.perf_counter() - begun)


def _rate(name: str, value: float, peer: float, files: str, report: Any) -> Figure:
    return Figure(
        bench=name,
        value=round(value, 1),
        unit="images/s",
        aim=0.95,
        peer=f"a bare loop of the same model over {files} (aim is for the ratio)",
        peer_value=round(peer, 1),
        ratio=round(value / peer, 2),
        detail={"images": report.encoded, "stages_s": {key: round(each, 2) for key, each in report.stages.items()}},
    )


def _photographs(folder: Path) -> None:
    """Write photographs of 1600 by 1200 pixels, all different, cut from those that scikit-image ships."""
    from PIL import Image
    from skimage import data

    sources = [
        Image.fromarray(getattr(data, name)()).convert("RGB") for name in ("chelsea", "coffee", "astronaut", "rocket")
    ]
    random = np.random.default_rng(5)
    for number in range(PHOTOS):
        source = sources[number % len(sources)]
        width, height = source.size
        left, top = random.uniform(0, 0.2, 2) * (width, height)
        box = (left, top, left + 0.8 * width, top + 0.8 * height)
        source.resize((1600, 1200), box=box).save(folder / f"IMG_{number:04d}.jpg", quality=88)


async def _save_thumbnails(remote: Any, folder: Path, size: int) -> None:
    if not isinstance(remote, SupportsThumbnails):
        raise TypeError("the remote makes no thumbnails")
    await asyncio.to_thread(folder.mkdir)
    async for entry in remote.search("type:(PHOTOS)"):  # type: ignore[attr-defined]  # a remote, and more than that
        picture = await remote.thumbnail(NodeId(entry.id), size=size)
        await asyncio.to_thread((folder / entry.name).write_bytes, picture)


def _bare_loop(encoder: Any, files: list[Path]) -> float:
    """Open, decode, encode, batch by batch, one thing after the other; returns images per second."""
    from PIL import Image, ImageOps

    begun = time.perf_counter()
    for start in range(0, len(files), _BATCH):
        images = []
        for file in files[start : start + _BATCH]:
            with Image.open(io.BytesIO(file.read_bytes())) as image:
                image.draft("RGB", (encoder.thumbnail_size, encoder.thumbnail_size))
                images.append(encoder.prepare(ImageOps.exif_transpose(image).convert("RGB")))
        encoder.encode_prepared(images, top=5)
    return len(files) / (time.perf_counter() - begun)
