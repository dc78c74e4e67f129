"""CLIP-like encoders through open_clip: by model and tag, or from a folder.

open_clip makes a random model with one line of warning when it finds no weights; here weights are always required.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.errors import EncoderError
from ap_remote.semantic.devices import pick_device
from ap_remote.semantic.encoder import PIPELINE, Encoded
from ap_remote.semantic.extras import need
from ap_remote.semantic.minilm import offline
from ap_remote.semantic.weights import fingerprint, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

CONFIG: Final = "open_clip_config.json"
WEIGHTS: Final = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
PROMPT: Final = "a photo of {text}"
SENTENCE_WORDS: Final = 4
"""Texts with at least so many words are taken as they are; shorter ones are put into :data:`PROMPT`."""


class ClipEncoder:
    """Photographs and texts in the space of a CLIP model."""

    def __init__(self, spec: str, *, cache: Path | None = None, device: str | None = None) -> None:
        """Find the weights; they are read when they are first needed.

        Args:
            spec: ``open_clip:MODEL/TAG`` or ``local-dir:/path`` (a folder with open_clip's configuration and weights).
            cache: remembers the weights' digest.
            device: ``cpu`` or ``cuda``; by default CUDA where it is there.

        Raises:
            EncoderError: the folder or its weights are missing, or open_clip knows no such model or tag.
            MissingExtraError: open_clip is not installed.
        """
        self.spec = spec
        self._cache = cache
        self._wanted = device
        self._device: str | None = None
        self._lock = Lock()
        self._model: Any = None
        self._transform: Any = None
        self._tokenizer: Any = None
        self._fingerprint: str | None = None
        if spec.startswith("local-dir:"):
            self._source: _Folder | _Tag = _Folder(Path(spec.removeprefix("local-dir:")).expanduser())
        else:
            self._source = _Tag(spec.removeprefix("open_clip:"))
        self._config = self._source.config()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._config["embed_dim"])

    @property
    def thumbnail_size(self) -> int:
        """Twice the model's side: the shorter side of most photographs then still covers it."""
        side = self._config["vision_cfg"].get("image_size", 224)
        return 2 * int(max(side) if isinstance(side, (list, tuple)) else side)

    @property
    def device(self) -> str:
        """Where the model computes."""
        if self._device is None:
            self._device = pick_device(self._wanted)
        return self._device

    @property
    def fingerprint(self) -> str:
        """What the weights, the configuration and the preprocessing make of it."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint(
                {
                    "pipeline": PIPELINE,
                    "model": self._config,
                    "weights": sha256(self._source.weights(), cache=self._cache),
                    "preprocess": self._source.preprocess(),
                    "thumbnail": self.thumbnail_size,
                    "prompt": [PROMPT, SENTENCE_WORDS],
                },
            )
        return self._fingerprint

    def load(self) -> None:
        """Read the weights and the tokenizer."""
        with self._lock:
            if self._model is not None:
                return
            library = need("open_clip")
            name, pretrained = self._source.arguments()
            with offline(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # open_clip warns of activation variants that the configuration settles
                try:
                    model, _, transform = library.create_model_and_transforms(
                        name, pretrained=pretrained, device=self.device, require_pretrained=True
                    )
                    self._tokenizer = library.get_tokenizer(name)
                except Exception as exc:  # open_clip and torch raise whatever damaged files provoke
                    message = f"the encoder {self.spec!r} cannot be loaded: {exc}"
                    raise EncoderError(message) from exc
            self._transform = transform
            self._model = model.eval()

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """Return the model's input, by open_clip's own transform."""
        self.load()
        pixels: NDArray[np.float32] = self._transform(image).numpy()
        return pixels

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]], *, top: int = 0) -> Encoded:
        """Encode what :meth:`prepare` made; there is no classifier, so labels are empty whatever *top* is."""
        del top
        self.load()
        torch = need("torch")
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(batch)).to(self.device)
            vectors = self._model.encode_image(pixels, normalize=True).float().cpu().numpy()
        return Encoded(vectors, [()] * len(batch))

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors of pictures."""
        if not images:
            return np.empty((0, self.dim), dtype=np.float32)
        return self.encode_prepared([self.prepare(image) for image in images]).vectors

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of texts; short ones are completed to a caption, as the model was trained on captions."""
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        self.load()
        torch = need("torch")
        captions = [text if len(text.split()) >= SENTENCE_WORDS else PROMPT.format(text=text) for text in texts]
        with torch.inference_mode():
            tokens = self._tokenizer(captions).to(self.device)
            vectors: NDArray[np.float32] = self._model.encode_text(tokens, normalize=True).float().cpu().numpy()
        return vectors


class _Folder:
    """A model in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def arguments(self) -> tuple[str, str | None]:
        self.weights()
        return f"local-dir:{self._folder}", None

    def weights(self) -> Path:
        for name in WEIGHTS:
            if (self._folder / name).is_file():
                return self._folder / name
        message = f"there are no weights in {self._folder}: {WEIGHTS[0]} is missing"
        raise EncoderError(message)

    def config(self) -> dict[str, Any]:
        self.weights()
        model = self._read().get("model_cfg")
        if not isinstance(model, dict) or "embed_dim" not in model or "vision_cfg" not in model:
            message = f"{self._folder / CONFIG} describes no model"
            raise EncoderError(message)
        return model

    def preprocess(self) -> dict[str, Any]:
        return dict(self._read().get("preprocess_cfg") or {})

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


class _Tag:
    """A model that open_clip knows by name, with weights that it knows by tag and keeps in its cache."""

    def __init__(self, name: str) -> None:
        self._model, _, self._tag = name.partition("/")
        library = need("open_clip")
        tags = library.list_pretrained_tags_by_model(self._model)
        if not tags:
            message = f"open_clip knows no model {self._model!r} with weights"
            raise EncoderError(message)
        if self._tag not in tags:
            message = f"open_clip knows no weights {self._tag!r} of {self._model}; known are {', '.join(tags)}"
            raise EncoderError(message)

    def arguments(self) -> tuple[str, str | None]:
        return self._model, str(self.weights())

    def weights(self) -> Path:
        """Return the weights' file, which must have been downloaded: nothing is fetched in silence."""
        library = need("open_clip")
        config = library.get_pretrained_cfg(self._model, self._tag)
        with offline():
            found = _in_hub_cache(str(config.get("hf_hub") or "")) or _in_url_cache(str(config.get("url") or ""))
        if found is None:
            message = (
                f"the weights of {self._model}/{self._tag} are not on this machine; fetch them with "
                f"open_clip.download_pretrained, or put them in a folder and name it local-dir:/path"
            )
            raise EncoderError(message)
        return found

    def config(self) -> dict[str, Any]:
        return dict(need("open_clip").get_model_config(self._model))

    def preprocess(self) -> dict[str, Any]:
        config = need("open_clip").get_pretrained_cfg(self._model, self._tag)
        keys = ("mean", "std", "interpolation", "resize_mode", "quick_gelu")
        return {key: config[key] for key in keys if config.get(key) is not None}


def _in_hub_cache(repository: str) -> Path | None:
    if not repository.strip("/"):
        return None
    hub = need("huggingface_hub")
    for name in WEIGHTS:
        found = hub.try_to_load_from_cache(repository.rstrip("/"), name)
        if isinstance(found, str):
            return Path(found)
    return None


def _in_url_cache(url: str) -> Path | None:
    file = Path("~/.cache/clip").expanduser() / Path(url).name if url else None
    return file if file is not None and file.is_file() else None
