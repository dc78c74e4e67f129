"""Where a CLIP model comes from: a folder of its own, or a name and tag that open_clip knows.

open_clip makes a random model with one line of warning when it finds no weights, and fetches what it misses; here what
is missing is an error that says the command which brings it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from ap_remote.errors import EncoderError
from ap_remote.semantic.extras import need
from ap_remote.semantic.minilm import offline
from ap_remote.semantic.presets import fetch_command, words_command
from ap_remote.semantic.weights import check, fingerprint, sha256, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG: Final = "open_clip_config.json"
WEIGHTS: Final = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
"""Names of weights, in the order in which open_clip looks for them: another order would digest one file and load
another."""
TOKENIZER: Final = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_VOCABULARIES: Final = TOKENIZER[:6]
_OWN: Final = "open_clip.SimpleTokenizer"
"""The tokenizer that open_clip carries."""
PREPROCESS: Final[dict[str, Any]] = {
    "mode": "RGB",
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
    "fill_color": 0,
}
"""What open_clip takes where a configuration is silent. The side is the model's own, whatever is written."""
_IDLE: Final = ("timm_model_pretrained", "hf_model_pretrained", "hf_tokenizer_name")


class Source(Protocol):
    """A model that can be loaded."""

    def arguments(self) -> dict[str, Any]:
        """Return what ``open_clip.create_model_and_transforms`` takes. Raises as :meth:`weights`."""
        ...

    def weights(self) -> Path:
        """Return the file of weights.

        Raises:
            EncoderError: it is not there, or is truncated.
        """
        ...

    def config(self) -> dict[str, Any]:
        """Return the model's configuration.

        Raises:
            EncoderError: there is none.
        """
        ...

    def preprocess(self) -> dict[str, Any]:
        """Return all of the preprocessing's settings, whether they were written or go without saying."""
        ...

    def words(self) -> Path | None:
        """Return the folder with the tokenizer's files; ``None`` where open_clip carries the tokenizer.

        Raises:
            EncoderError: they are not on this machine.
        """
        ...


class Folder:
    """A model in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet."""
        self._folder = folder

    def arguments(self) -> dict[str, Any]:
        """Return the folder under open_clip's own name for it."""
        self.weights()
        return {"model_name": f"local-dir:{self._folder}"}

    def weights(self) -> Path:
        """Return the first file that open_clip would take."""
        for name in WEIGHTS:
            if (self._folder / name).is_file():
                check(self._folder / name)
                return self._folder / name
        message = f"there are no weights in {self._folder}: {WEIGHTS[0]} is missing"
        raise EncoderError(message)

    def config(self) -> dict[str, Any]:
        """Return ``model_cfg``."""
        if not self._folder.is_dir():
            message = f"there are no weights in {self._folder}: no such folder; name the one where they are now"
            raise EncoderError(message)
        found = self._read()
        model, written = found.get("model_cfg"), found.get("preprocess_cfg") or {}
        if not (
            isinstance(model, dict) and {"embed_dim", "vision_cfg", "text_cfg"} <= set(model) and type(written) is dict
        ):
            message = f"{self._folder / CONFIG} describes no model"
            raise EncoderError(message)
        for each in (found, written):
            if "quick_gelu" in each and bool(each["quick_gelu"]) != bool(model.get("quick_gelu")):
                message = (
                    f"{self._folder / CONFIG} contradicts itself: the weights were trained with quick_gelu "
                    f"{each['quick_gelu']}; write the same into its model_cfg"
                )
                raise EncoderError(message)
        return model

    def preprocess(self) -> dict[str, Any]:
        """Return ``preprocess_cfg`` with open_clip's defaults."""
        return _complete(self._read().get("preprocess_cfg") or {})

    def words(self) -> Path | None:
        """Return the folder itself, from which open_clip takes a tokenizer that is not its own."""
        text = self.config()["text_cfg"]
        name = str(text.get("hf_tokenizer_name") or "")
        if text.get("hf_model_name"):
            _tower(str(text["hf_model_name"]))
        if not name:
            return None
        if not _has_vocabulary(self._folder):
            message = (
                f"the tokenizer of {name} is missing in {self._folder}: put its {TOKENIZER[0]} and {TOKENIZER[7]} "
                f"beside the weights, which `{words_command(name)} --local-dir {self._folder}` does"
            )
            raise EncoderError(message)
        _transformers()
        return self._folder

    def _read(self) -> dict[str, Any]:
        file = self._folder / CONFIG
        try:
            found = json.loads(file.read_bytes())
        except FileNotFoundError as exc:
            message = f"there is no model in {self._folder}: {CONFIG} is missing"
            raise EncoderError(message) from exc
        except ValueError as exc:
            message = f"{file} cannot be read: {exc}"
            raise EncoderError(message) from exc
        return found if isinstance(found, dict) else {}


class Tag:
    """A model that open_clip knows by name, with weights that it knows by tag and keeps in a cache."""

    def __init__(self, name: str) -> None:
        """Look the names up.

        Raises:
            EncoderError: open_clip knows no such model or tag, or the two do not belong together.
            MissingExtraError: open_clip is not installed.
        """
        self._model, _, self._tag = name.partition("/")
        library = need("open_clip")
        tags = library.list_pretrained_tags_by_model(self._model)
        if not tags:
            message = f"open_clip knows no model {self._model!r} with weights"
            raise EncoderError(message)
        if self._tag not in tags:
            message = f"open_clip knows no weights {self._tag!r} of {self._model}; known are {', '.join(tags)}"
            raise EncoderError(message)
        self._known: dict[str, Any] = library.get_pretrained_cfg(self._model, self._tag)
        quick = f"{self._model}-quickgelu"
        plain = not library.get_model_config(self._model).get("quick_gelu")
        if self._quick and plain and self._tag in library.list_pretrained_tags_by_model(quick):
            message = (
                f"the weights {self._tag!r} were trained with QuickGELU, which {self._model} computes without; "
                f"name open_clip:{quick}/{self._tag}"
            )
            raise EncoderError(message)

    @property
    def _quick(self) -> bool:
        return bool(self._known.get("quick_gelu"))

    def arguments(self) -> dict[str, Any]:
        """Return the model with the file of its weights and the tag's preprocessing.

        Given a file, open_clip does not look the tag's settings up: they must be said.
        """
        settings = self.preprocess()
        return {
            "model_name": self._model,
            "pretrained": str(self.weights()),
            "force_quick_gelu": self._quick,
            **{f"image_{key}": settings[key] for key in ("mean", "std", "interpolation", "resize_mode")},
        }

    def weights(self) -> Path:
        """Return the file in the cache of the model hub, or in open_clip's own."""
        repository, name = _split(str(self._known.get("hf_hub") or ""))
        found = cached(repository, (name,) if name else WEIGHTS) or _in_url_cache(str(self._known.get("url") or ""))
        if found is None:
            words = str(self.config()["text_cfg"].get("hf_tokenizer_name") or "") or None
            command = fetch_command(repository, words)
            message = (
                f"the weights of {self._model}/{self._tag} are not on this machine; `{command}` fetches them, or put "
                f"them in a folder and name it local-dir:/path"
            )
            raise EncoderError(message)
        check(found)
        return found

    def config(self) -> dict[str, Any]:
        """Return open_clip's configuration of the model."""
        found = dict(need("open_clip").get_model_config(self._model))
        return found | {"quick_gelu": True} if self._quick else found

    def preprocess(self) -> dict[str, Any]:
        """Return the tag's settings."""
        return _complete(self._known)

    def words(self) -> Path | None:
        """Return the folder of the model hub's cache that holds the tokenizer."""
        text = self.config()["text_cfg"]
        name = str(text.get("hf_tokenizer_name") or "")
        if text.get("hf_model_name"):
            _tower(str(text["hf_model_name"]))
        if not name:
            return None
        found = cached(name, _VOCABULARIES)
        if found is None:
            message = f"the tokenizer {name} is not on this machine; `{words_command(name)}` fetches it"
            raise EncoderError(message)
        _transformers()
        return found.parent


def essential(config: dict[str, Any]) -> dict[str, Any]:
    """Return a model's configuration without what does not change a vector, so that two ways to say it are one."""
    found = {key: value for key, value in config.items() if key not in ("init_logit_scale", "init_logit_bias")}
    for part in ("vision_cfg", "text_cfg"):
        found[part] = {key: value for key, value in dict(found[part]).items() if key not in _IDLE}
    found["quick_gelu"] = bool(found.get("quick_gelu"))
    return found


def tokenizer_id(words: Path | None, *, cache: Path | None = None) -> str:
    """Return what stands for a tokenizer: its name where open_clip carries it, else a digest of its files."""
    if words is None:
        return _OWN
    return (
        f"files {fingerprint({name: sha256(words / name, cache=cache) for name in TOKENIZER if _there(words, name)})}"
    )


def stamps(weights: Path, words: Path | None) -> list[str]:
    """Return what changes when a file does that a model is loaded from."""
    return [stamp(weights), *(stamp(words / name) for name in TOKENIZER if words is not None and _there(words, name))]


def _complete(written: dict[str, Any]) -> dict[str, Any]:
    found = PREPROCESS | {key: value for key, value in written.items() if key in PREPROCESS and value is not None}
    return {key: list(value) if isinstance(value, (list, tuple)) else value for key, value in found.items()}


def _there(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _has_vocabulary(folder: Path) -> bool:
    return any(_there(folder, name) for name in _VOCABULARIES)


def _split(hub: str) -> tuple[str, str]:
    """Return repository and file name of what open_clip notes: ``organisation/name/`` or ``organisation/name/file``."""
    organisation, _, rest = hub.partition("/")
    name, _, file = rest.partition("/")
    return f"{organisation}/{name}".strip("/"), file


def cached(repository: str, names: Iterable[str]) -> Path | None:
    """Return the first of *names* that the model hub's cache holds, or that a folder named so holds."""
    if not repository:
        return None
    if Path(repository).is_dir():
        return next((Path(repository) / name for name in names if _there(Path(repository), name)), None)
    hub = need("huggingface_hub")
    for name in names:
        with offline():
            found = hub.try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def _in_url_cache(url: str) -> Path | None:
    file = Path("~/.cache/clip").expanduser() / Path(url).name if url else None
    return file if file is not None and file.is_file() else None


def _tower(name: str) -> None:
    """Look whether a text tower of transformers can be built: open_clip reads its configuration from the hub."""
    _transformers()
    if cached(name, ("config.json",)) is None:
        message = (
            f"the text tower is built from the configuration of {name}, which is not on this machine; "
            f"`{words_command(name)}` fetches it"
        )
        raise EncoderError(message)


def _transformers() -> None:
    try:
        need("transformers")
    except ImportError as exc:
        message = "the tokenizer of this model needs the package transformers: pip install transformers"
        raise EncoderError(message) from exc
