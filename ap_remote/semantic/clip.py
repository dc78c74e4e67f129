"""CLIP-like encoders through open_clip: by model and tag, or from a folder. Weights are always required."""

from __future__ import annotations

import warnings
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.errors import EncoderError, RemoteError
from ap_remote.semantic.checkpoints import Folder, Source, Tag, essential, stamps, tokenizer_id
from ap_remote.semantic.devices import pick_device
from ap_remote.semantic.encoder import Encoded, Provenance
from ap_remote.semantic.extras import need
from ap_remote.semantic.inference import Passes, batch_size
from ap_remote.semantic.minilm import offline
from ap_remote.semantic.texts import Prompts, canonical, prompts_for
from ap_remote.semantic.weights import digest_of, one_sentence, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

_TEXTS: Final = 64
"""Captions in one pass of the text tower."""


class ClipEncoder:
    """Photographs and texts in the space of a CLIP model."""

    def __init__(
        self,
        spec: str,
        *,
        cache: Path | None = None,
        device: str | None = None,
        compiled: bool = False,
        batch: int | None = None,
        prompts: Prompts | None = None,
    ) -> None:
        """Find the model; its weights are read when they are first needed.

        Args:
            spec: ``open_clip:MODEL/TAG`` or ``local-dir:/path`` (a folder with open_clip's configuration and weights).
            cache: remembers the weights' digest.
            device: as :func:`~ap_remote.semantic.devices.pick_device` takes it.
            compiled: let ``torch.compile`` translate the image tower when it is loaded.
            batch: pictures in one pass; by default what suits the device.
            prompts: the captions that short texts are put into; by default those of the model's family.

        Raises:
            EncoderError: the folder is missing or holds no model, or open_clip knows no such model or tag.
            MissingExtraError: open_clip is not installed.
        """
        self.spec = spec
        self._cache = cache
        self._wanted = device
        self._device: str | None = None
        self._compiled = compiled
        self._batch = batch
        self._lock = Lock()
        self._model: Any = None
        self._passes: Passes | None = None
        self._transform: Any = None
        self._tokenizer: Any = None
        self._provenance: Provenance | None = None
        self._stamps: list[str] = []
        self._source: Source = (
            Folder(Path(spec.removeprefix("local-dir:")).expanduser())
            if spec.startswith("local-dir:")
            else Tag(spec.removeprefix("open_clip:"))
        )
        self._config = self._source.config()
        if isinstance(self._source, Folder):
            self._source.weights()
        self.prompts = prompts or prompts_for(self._config)

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
    def batch(self) -> int:
        """Pictures in one pass."""
        return self._batch or batch_size(self.device)

    @property
    def provenance(self) -> Provenance:
        """What weights, configuration, preprocessing and tokenizer are; captions change no photograph's vector."""
        if self._provenance is None:
            weights, words = self._source.weights(), self._source.words()
            self._stamps = stamps(weights, words)
            self._provenance = Provenance(
                weights={"model": sha256(weights, cache=self._cache)},
                model=essential(self._config),
                preprocess=self._source.preprocess(),
                tokenizer=tokenizer_id(words, cache=self._cache),
                thumbnail=self.thumbnail_size,
            )
        return self._provenance

    @property
    def fingerprint(self) -> str:
        """The digest of :attr:`provenance`."""
        return digest_of(self.provenance)

    def load(self) -> None:
        """Read the weights and the tokenizer."""
        with self._lock:
            if self._model is None:
                model, transform = self._created()
                side = model.visual.image_size
                height, width = side if isinstance(side, (list, tuple)) else (side, side)
                passes = Passes(model.encode_image, device=self.device, size=self.batch, compiled=self._compiled)
                if self._compiled:
                    passes.warm((3, height, width))
                self._transform, self._passes, self._model = transform, passes, model

    def _created(self) -> tuple[Any, Any]:
        """Return open_clip's model and transform; they are of the files that the fingerprint was taken of.

        Raises:
            EncoderError: the files are damaged, do not fit, or changed meanwhile.
        """
        _ = self.provenance
        library, torch = need("open_clip"), need("torch")
        arguments = self._source.arguments()
        with offline(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # open_clip warns of activation variants that the configuration settles
            try:
                model, _, transform = library.create_model_and_transforms(
                    **arguments, device=self.device, require_pretrained=True
                )
                self._tokenizer = library.get_tokenizer(arguments["model_name"])
            except RemoteError:
                raise
            except Exception as exc:  # open_clip and torch raise whatever damaged files provoke
                message = f"the encoder {self.spec!r} cannot be loaded: {one_sentence(exc)}"
                raise EncoderError(message) from exc
        if stamps(self._source.weights(), self._source.words()) != self._stamps:
            message = f"the files of {self.spec!r} changed while they were being read; start again when they are whole"
            raise EncoderError(message)
        return model.eval().to(memory_format=torch.channels_last), transform

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """Return the model's input, by open_clip's own transform."""
        self.load()
        pixels: NDArray[np.float32] = self._transform(image).numpy()
        return pixels

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]], *, top: int = 0) -> Encoded:
        """Encode what :meth:`prepare` made; there is no classifier, so labels are empty whatever *top* is."""
        del top
        self.load()
        assert self._passes is not None  # noqa: S101 - load makes it
        return Encoded(self._passes(batch), [()] * len(batch))

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors of pictures."""
        if not images:
            return np.empty((0, self.dim), dtype=np.float32)
        return self.encode_prepared([self.prepare(image) for image in images]).vectors

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of texts: each the mean direction of its captions (:attr:`prompts`)."""
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        self.load()
        sets = [self.prompts.captions(canonical(text)) for text in texts]
        places = {caption: place for place, caption in enumerate(dict.fromkeys(each for some in sets for each in some))}
        captions = list(places)
        made = np.concatenate(
            [self._captions(captions[start : start + _TEXTS]) for start in range(0, len(captions), _TEXTS)]
        )
        sums = np.stack([made[[places[caption] for caption in some]].sum(axis=0) for some in sets])
        vectors: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors

    def _captions(self, captions: list[str]) -> NDArray[np.float32]:
        """Return unit vectors of captions, in float32 on every device: a question is the same wherever it is asked."""
        with need("torch").inference_mode():
            tokens = self._tokenizer(captions).to(self.device)
            vectors: NDArray[np.float32] = self._model.encode_text(tokens, normalize=True).float().cpu().numpy()
        return vectors
