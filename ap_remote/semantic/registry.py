"""Encoders by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ap_remote.errors import EncoderError
from ap_remote.semantic.presets import PRESETS, preset

if TYPE_CHECKING:
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.texts import Prompts

OFFLINE: Final = "offline"
MODELS: Final = "AP_MODEL_DIR"
"""The variable that names a folder of checkpoints: each a folder as open_clip writes one, known by its name."""
_CONFIG: Final = "open_clip_config.json"


def load_encoder(
    spec: str = OFFLINE,
    *,
    cache: Path | None = None,
    device: str | None = None,
    compiled: bool = False,
    batch: int | None = None,
    prompts: Prompts | None = None,
) -> Encoder:
    """Return the encoder of that name. Weights are read when they are first needed.

    Args:
        spec: ``offline`` (weights come with installed packages), the name of a preset or of a folder in
            ``AP_MODEL_DIR``, ``open_clip:MODEL/TAG``, or ``local-dir:/path``.
        cache: a folder for what is dear to compute and follows from the weights alone.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``auto``, which is the default: the fastest that is there.
        compiled: let ``torch.compile`` translate the image tower; the offline encoder takes no notice.
        batch: pictures in one pass; by default what suits the device.
        prompts: the captions that short texts are put into; by default those of the model's family. The offline encoder
            takes the bare words.

    Raises:
        EncoderError: no such encoder, or its weights are missing.
        MissingExtraError: a library is not installed.
    """
    found = resolve(spec)
    if found == OFFLINE:
        from ap_remote.semantic.conse import ConseEncoder

        return ConseEncoder(cache=cache, device=device, batch=batch)
    from ap_remote.semantic.clip import ClipEncoder

    return ClipEncoder(found, cache=cache, device=device, compiled=compiled, batch=batch, prompts=prompts)


def resolve(spec: str) -> str:
    """Return ``offline``, ``open_clip:MODEL/TAG`` or ``local-dir:/path`` for what a person wrote.

    A folder in ``AP_MODEL_DIR`` goes before a preset: it is on this machine. A preset is looked for there by its own
    name and by its model's.

    Raises:
        EncoderError: nothing is named so.
    """
    if spec == OFFLINE or spec.startswith(("open_clip:", "local-dir:")):
        return spec
    own = checkpoints()
    known = preset(spec)
    for name in (spec, known.model if known else spec):
        if name in own:
            return f"local-dir:{own[name]}"
    if known:
        return known.spec
    names = ", ".join((OFFLINE, *(each.name for each in PRESETS), *own))
    message = f"no encoder is named {spec!r}; known are {names}, open_clip:MODEL/TAG and local-dir:/path"
    raise EncoderError(message)


def checkpoints() -> dict[str, Path]:
    """Return the checkpoints of ``AP_MODEL_DIR`` by name; the variable may also name a single one.

    Raises:
        EncoderError: the variable names no folder.
    """
    value = os.environ.get(MODELS)
    if not value:
        return {}
    folder = Path(value).expanduser().absolute()
    if not folder.is_dir():
        message = f"{MODELS} names {folder}, which is no folder"
        raise EncoderError(message)
    return {each.name: each for each in (folder, *sorted(folder.iterdir())) if (each / _CONFIG).is_file()}
