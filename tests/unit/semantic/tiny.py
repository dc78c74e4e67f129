"""A CLIP model small enough to be made in a test: never trained, the same every time."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

TINY: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
SQUARE: dict[str, Any] = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def make_checkpoint(folder: Path, *, seed: int = 5) -> Path:
    """Write a folder as open_clip writes one: configuration and weights."""
    import open_clip
    import safetensors.torch
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is a random model is the point
        model = open_clip.CLIP(**TINY)
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    configure(folder)
    return folder


def configure(folder: Path, *, model: dict[str, Any] | None = None, preprocess: dict[str, Any] | None = None) -> None:
    """Write a checkpoint's configuration."""
    config = {"model_cfg": TINY if model is None else model, "preprocess_cfg": preprocess or SQUARE}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
