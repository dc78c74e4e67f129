"""`make bench-gpu`: what a card makes of the encoders and of exact search. JSON lines; needs a machine with a card.

Weights are random: a pass takes as long with any. Utilisation is the floating point operations of the passes over those
that the card could have done in bfloat16 without sparsity, by its maker's data sheet.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ap_remote.backends.memory import MemoryRemote
from ap_remote.semantic import SemanticIndex, load_encoder, tiers
from ap_remote.semantic.faiss_index import FaissIndex
from ap_remote.semantic.tiers import Tier
from ap_remote.semantic.vectors import Held
from tests.bench.report import Figure, show, show_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ap_remote.model import Ref

PEAKS: Final = {
    "B200": 2250.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.0,
    "H100": 989.0,
    "A100": 312.0,
    "A10G": 70.0,
    "A10": 125.0,
    "A30": 165.0,
    "L40S": 362.0,
    "L4": 121.0,
    "RTX 4090": 165.2,
    "RTX 3090": 71.2,
}
"""Dense bfloat16 peaks in TFLOP/s, by what stands in a card's name; of two that stand there the longer holds."""


class Model(NamedTuple):
    """A model of open_clip, the batch it is measured with, and what to reach."""

    name: str
    batch: int
    aim: float | None
    """Images per second, or ``None`` where the aim is half of the card's peak."""


MODELS: Final = (
    Model("ViT-B-32", 2048, 30_000),
    Model("ViT-B-16", 1024, None),
    Model("ViT-L-14", 512, None),
    Model("ViT-SO400M-14-SigLIP", 512, None),
)
MFU_AIM: Final = 0.5
ROWS: Final = (1_000_000, 10_000_000)
DIM: Final = 768
THUMBNAILS: Final = 20_000
_DISTINCT: Final = 256
_QUESTIONS: Final = 50


def peak(name: str) -> float | None:
    """Return a card's bfloat16 peak in FLOP/s, ``None`` for one that is not in the table."""
    words = f" {name.replace('-', ' ')} "
    known = [each for each in PEAKS if f" {each} " in words]
    return PEAKS[max(known, key=len)] * 1e12 if known else None


def run() -> Iterator[Figure]:
    """Yield all figures; needs a card."""
    import torch

    card = torch.cuda.get_device_name(0)
    for model in MODELS:
        for compiled in (False, True):
            yield _throughput(model, card, compiled=compiled)
    with tempfile.TemporaryDirectory() as folder:
        yield _end_to_end(Path(folder), THUMBNAILS)
        yield _same_vectors(Path(folder))
    yield from search(ROWS)


def _throughput(model: Model, card: str, *, compiled: bool) -> Figure:
    import torch

    visual, side = network(model.name, "cuda")
    operations = flops(visual, side)
    passed = torch.compile(visual, mode="max-autotune") if compiled else visual
    rate = images_per_second(passed, side, model.batch, device="cuda")
    top = peak(card)
    mfu = None if top is None else rate * operations / top
    del visual, passed
    torch.cuda.empty_cache()
    return Figure(
        bench=f"gpu.encode.{model.name}",
        value=round(rate),
        unit="images/s",
        aim=model.aim if model.aim is not None or top is None else round(MFU_AIM * top / operations),
        ratio=None if mfu is None else round(mfu, 3),
        detail={
            "ratio_is": "share of the card's bf16 peak",
            "card": card,
            "batch": model.batch,
            "gflop_per_image": round(operations / 1e9, 1),
            "compiled": compiled,
        },
    )


def network(name: str, device: str) -> tuple[Any, int]:
    """Return the image part of a model with random weights, and the side of its pictures in pixels."""
    import open_clip
    import torch

    visual = open_clip.create_model(name, pretrained=None).visual.eval().to(device, memory_format=torch.channels_last)
    side = visual.image_size
    return visual, int(side[0] if isinstance(side, (tuple, list)) else side)


def flops(visual: Any, side: int) -> int:
    """Return the floating point operations of one picture's pass; a multiplication and an addition are two."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    one = torch.zeros(1, 3, side, side, device=next(visual.parameters()).device)
    # Attention in one call counts nothing on processors; written out it counts what it is.
    with (
        torch.inference_mode(),
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        visual(one)
    return int(counter.get_total_flops())


def images_per_second(visual: Any, side: int, batch: int, *, device: str, passes: int = 20, warm: int = 5) -> float:
    """Return how many pictures a second pass; on CUDA in bfloat16, elsewhere in float32."""
    import torch

    cuda = device.startswith("cuda")
    pixels = torch.randn(batch, 3, side, side, device=device).to(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cuda", dtype=torch.bfloat16, enabled=cuda):
        for _ in range(warm):
            visual(pixels)
        if cuda:
            torch.cuda.synchronize()
        begun = time.perf_counter()
        for _ in range(passes):
            visual(pixels)
        if cuda:
            torch.cuda.synchronize()
    return passes * batch / (time.perf_counter() - begun)


def checkpoint(folder: Path, name: str) -> str:
    """Write a model with random weights as ``local-dir:`` takes it, and return that spec."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    state = open_clip.create_model(name, pretrained=None).state_dict()
    save_file({key: each.contiguous() for key, each in state.items()}, folder / "open_clip_model.safetensors")
    described = {
        "model_cfg": open_clip.get_model_config(name),
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return f"local-dir:{folder}"


def thumbnails(count: int, *, size: int = 512) -> list[bytes]:
    """Return JPEG files as a service's thumbnails are: smooth shapes with some grain, all different."""
    from PIL import Image, ImageFilter

    random = np.random.default_rng(3)
    made = []
    for _ in range(count):
        coarse = Image.fromarray(random.integers(0, 255, (12, 16, 3), dtype=np.uint8))
        image = coarse.resize((size, 3 * size // 4)).filter(ImageFilter.GaussianBlur(2))
        grain = random.normal(0, 6, (image.height, image.width, 1))
        pixels = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=85)
        made.append(stream.getvalue())
    return made


class Thumbnails(MemoryRemote):
    """A remote whose thumbnails are in memory, so that none has to be made."""

    pictures: tuple[bytes, ...] = ()

    async def thumbnail(self, target: Ref, *, size: int = 512) -> bytes:
        """Return one of the pictures."""
        entry = await self.stat(target)
        return self.pictures[int(entry.name[:8]) % len(self.pictures)]


async def library(pictures: list[bytes], count: int) -> Thumbnails:
    """Return a remote of *count* photographs, which are different files, and show *pictures* in turns."""
    remote = Thumbnails()
    remote.pictures = tuple(pictures)
    for number in range(count):
        # What follows a JPEG's end is not looked at, and makes another content of it.
        await remote.put(pictures[number % len(pictures)] + number.to_bytes(4, "big"), f"{number:08d}.jpg")
    return remote


def end_to_end(folder: Path, encoder: Any, count: int) -> Any:
    """Return the report of a build over *count* photographs whose thumbnails are at hand."""

    async def built() -> Any:
        remote = await library(thumbnails(min(count, _DISTINCT)), count)
        return await SemanticIndex(folder / "index", encoder).build(remote)

    return asyncio.run(built())


def _end_to_end(folder: Path, count: int) -> Figure:
    encoder = load_encoder(checkpoint(folder / "B-32", "ViT-B-32"), cache=folder, device="cuda")
    encoder.load()
    report = end_to_end(folder, encoder, count)
    return Figure(
        bench="gpu.build.ViT-B-32",
        value=round(report.encoded / report.seconds),
        unit="images/s",
        aim=5000,
        detail={"images": report.encoded, "stages_s": {key: round(each, 2) for key, each in report.stages.items()}},
    )


def _same_vectors(folder: Path) -> Figure:
    spec = f"local-dir:{folder / 'B-32'}"
    least = least_cosine(
        load_encoder(spec, cache=folder, device="cuda"), load_encoder(spec, cache=folder, device="cpu")
    )
    return Figure(bench="gpu.parity.encode", value=round(least, 5), unit="least cosine to the processor's", aim=0.999)


def least_cosine(one: Any, other: Any, *, count: int = 16) -> float:
    """Return the least cosine of two encoders' vectors of the same pictures."""
    from PIL import Image

    images = [Image.open(io.BytesIO(each)).convert("RGB") for each in thumbnails(count)]
    left, right = one.encode_images(images), other.encode_images(images)
    return float(np.einsum("nd,nd->n", left, right).min())


def search(sizes: tuple[int, ...], *, dim: int = DIM) -> Iterator[Figure]:
    """Time exact and filtered search on the card, and compare its answers with the store's."""
    if not tiers.cards():
        sys.stderr.write("this build of FAISS uses no card (faiss-gpu-cuvs does): search was not measured on it\n")
        return
    for size in sizes:
        held = vectors(size, dim)
        begun = time.perf_counter()
        index = FaissIndex(tiers.made(Tier(name="gpu"), held, dim), held.rows, tier=Tier(name="gpu"), stored=held)
        loaded = time.perf_counter() - begun
        for share in (1.0, 0.5, 0.01):
            yield _searched(index, held, share, {"vectors": size, "dim": dim, "load_s": round(loaded, 1)})


def _searched(index: FaissIndex, held: Held, share: float, detail: dict[str, Any]) -> Figure:
    from ap_remote.semantic.vectors import nearest

    allowed = None if share == 1 else np.random.default_rng(4).random(index.span) < share
    questions = _unit(np.random.default_rng(5), _QUESTIONS, held.take(np.arange(1)).shape[1])
    index.search(questions[:1], 10, allowed=allowed)
    p50, p95 = timed(lambda question: index.search(question, 10, allowed=allowed), questions)
    few = questions[:5]
    right = nearest(held, few, 10, allowed=allowed).rows
    found = index.search(few, 10, allowed=allowed).rows
    recall = sum(len(set(a) & set(b)) for a, b in zip(right.tolist(), found.tolist(), strict=True)) / right.size
    return Figure(
        bench="gpu.search" if allowed is None else "gpu.search.filtered",
        value=round(p50, 3),
        unit="ms",
        aim=10,
        detail={**detail, "allowed": share, "p95_ms": round(p95, 3), "recall_at_10": recall},
    )


def timed(work: Callable[[Any], Any], questions: NDArray[np.float32]) -> tuple[float, float]:
    """Return median and 95th percentile of single questions, in milliseconds."""
    taken = []
    for question in questions:
        begun = time.perf_counter()
        work(question[None])
        taken.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(taken), float(np.percentile(taken, 95))


def vectors(size: int, dim: int) -> Held:
    """Return unit vectors in fp16 under the numbers from 0, made in parts."""
    table = np.empty((size, dim), dtype=np.float16)
    for start in range(0, size, 100_000):
        table[start : start + 100_000] = _unit(np.random.default_rng(start), min(100_000, size - start), dim)
    return Held(np.arange(size), table)


def _unit(random: np.random.Generator, count: int, dim: int) -> NDArray[np.float32]:
    made = random.standard_normal((count, dim), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def main() -> None:
    """Measure, or say that there is nothing to measure with."""
    import torch

    if not torch.cuda.is_available():
        sys.exit("there is no CUDA device here: nothing was measured")
    show_machine()
    for figure in run():
        show(figure)


if __name__ == "__main__":
    main()
