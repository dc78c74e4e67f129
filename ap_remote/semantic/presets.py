"""Encoders by a name that says what they are for.

A test holds this table to the installed open_clip. Nothing here is downloaded: an encoder whose weights are not on this
machine says the command that fetches them. Licences are those of the weights, as their model cards state them.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A model of open_clip with its weights."""

    name: str
    model: str
    pretrained: str
    dim: int
    """Length of a vector."""
    repository: str
    """Where the weights are, on the model hub."""
    words: str | None = None
    """Where tokenizer and configuration of the text tower are, if not with the weights."""
    licence: str
    use: str
    """What it is for, in a few words."""
    packages: tuple[str, ...] = ("open_clip",)
    """Modules that must be installed."""
    others: tuple[str, ...] = ()
    """Encoders that could be named in its place."""
    others_licence: str = ""

    @property
    def spec(self) -> str:
        """What :func:`ap_remote.semantic.registry.load_encoder` takes."""
        return f"open_clip:{self.model}/{self.pretrained}"

    @property
    def command(self) -> str:
        """What fetches the weights."""
        return fetch_command(self.repository, self.words)


_APPLE: Final = "apple-amlr: for research only"
_TOKENIZER: Final = ("open_clip", "transformers")

PRESETS: Final = (
    Preset(
        name="fast-cpu",
        model="ViT-B-32-256",
        pretrained="datacomp_s34b_b86k",
        dim=512,
        repository="laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        licence="MIT",
        use="a processor without a card; English",
        others=("open_clip:MobileCLIP2-S0/dfndr2b", "open_clip:MobileCLIP2-S2/dfndr2b"),
        others_licence=_APPLE,
    ),
    Preset(
        name="default",
        model="ViT-B-16-SigLIP2-256",
        pretrained="webli",
        dim=768,
        repository="timm/ViT-B-16-SigLIP2-256",
        licence="Apache-2.0",
        use="most libraries; the larger languages",
        packages=_TOKENIZER,
    ),
    Preset(
        name="quality-gpu",
        model="ViT-SO400M-16-SigLIP2-256",
        pretrained="webli",
        dim=1152,
        repository="timm/ViT-SO400M-16-SigLIP2-256",
        licence="Apache-2.0",
        use="a CUDA card; the larger languages",
        packages=_TOKENIZER,
        others=("open_clip:ViT-H-14-378-quickgelu/dfn5b",),
        others_licence=_APPLE,
    ),
    Preset(
        name="languages",
        model="nllb-clip-large-siglip",
        pretrained="v1",
        dim=1152,
        repository="visheratin/nllb-clip-large-siglip",
        words="facebook/nllb-200-distilled-1.3B",
        licence="CC-BY-NC-4.0 (not for commercial use)",
        use="questions in two hundred languages; a CUDA card",
        packages=_TOKENIZER,
    ),
)


def preset(name: str) -> Preset | None:
    """Return the preset of that name."""
    return next((each for each in PRESETS if each.name == name), None)


def fetch_command(repository: str, words: str | None = None) -> str:
    """Return the command line that brings a repository of the model hub into the hub's cache on this machine."""
    command = f"hf download {repository}"
    if words and words != repository:
        command += f" && {words_command(words)}"
    return command


def words_command(repository: str) -> str:
    """Return the command line that fetches a tokenizer and a configuration, without the weights beside them."""
    return f"hf download {repository} --include '*.json' --include '*.model' --include '*.txt'"
