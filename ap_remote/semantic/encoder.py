"""What an encoder promises.

An encoder turns photographs and texts into unit vectors of one space. Vectors of two encoders never meet: each says by
its *fingerprint* which weights, preprocessing and prompts it is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from ap_remote.semantic.results import Label

PIPELINE: Final = 2
"""Part of every fingerprint: rises when fetching or decoding changes what an encoder is shown, or what is kept of it.

Since 2 perceptual hashes and sharpness are kept beside each vector.
"""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides what a photograph's vector is; its digest is the fingerprint.

    Kept in ``meta.json``. Device and number format of a pass are not in it: they change a vector by less than its
    storage as fp16 does, or by little more, and an index made on a card is searched on a processor.
    """

    pipeline: int = PIPELINE
    weights: dict[str, str]
    """SHA-256 of each file, by what it is for: ``model``, ``sentences`` …"""
    model: dict[str, Any]
    """The configuration that the network is built from, without what does not change a vector."""
    preprocess: dict[str, Any]
    """Mean, standard deviation, interpolation and manner of resizing."""
    tokenizer: str
    thumbnail: int
    """Pixels wanted on a photograph's longer side."""


class Encoded(NamedTuple):
    """What became of a batch: one row and one tuple of labels for each picture."""

    vectors: NDArray[np.float32]
    labels: list[tuple[Label, ...]]


@runtime_checkable
class Encoder(Protocol):
    """Images and texts to unit vectors. Methods block and may be called from any thread, one at a time."""

    @property
    def spec(self) -> str:
        """The name that :func:`ap_remote.semantic.registry.load_encoder` takes."""
        ...

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits; known without loading the weights into memory."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def device(self) -> str:
        """Where it computes: ``cpu``, ``cuda``, ``mps``."""
        ...

    @property
    def thumbnail_size(self) -> int:
        """Pixels wanted on a photograph's longer side; part of the fingerprint."""
        ...

    def load(self) -> None:
        """Read what encoding pictures needs; without this call the first picture waits for it.

        Raises:
            EncoderError: the weights are missing or do not fit.
            MissingExtraError: a library is not installed.
        """
        ...

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, dim]`` of upright RGB pictures.

        Raises:
            EncoderError: the weights are missing or do not fit.
            MissingExtraError: a library is not installed.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, dim]`` of texts. Raises as :meth:`encode_images`."""
        ...


@runtime_checkable
class SupportsLabels(Protocol):
    """The encoder has a classifier inside and can name what it sees."""

    def labels(self, images: Sequence[Image], *, top: int = 5) -> list[tuple[Label, ...]]:
        """Return the *top* most probable classes of each picture, most probable first."""
        ...


@runtime_checkable
class SupportsPreparation(Protocol):
    """Resizing and scaling can be done apart from the network, in other threads."""

    def prepare(self, image: Image) -> NDArray[np.float32]:
        """Return the network's input ``[3, h, w]`` for one picture. Safe in many threads at once."""
        ...

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]], *, top: int = 0) -> Encoded:
        """Encode what :meth:`prepare` made; the *top* labels of each come along where there is a classifier."""
        ...


@runtime_checkable
class SupportsProvenance(Protocol):
    """What the fingerprint is made of can be written down."""

    @property
    def provenance(self) -> Provenance:
        """What :attr:`Encoder.fingerprint` is the digest of. Raises as :meth:`Encoder.load`."""
        ...


@runtime_checkable
class SupportsBatch(Protocol):
    """There is a number of pictures for which a pass is best."""

    @property
    def batch(self) -> int:
        """Pictures in one pass."""
        ...
