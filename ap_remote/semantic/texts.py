"""Words on their way to a vector: their canonical form, the captions they are put into, and what is remembered of them.

Models of this kind were trained on captions, so one or two words score better inside one ("a photo of ..."); several
captions are averaged (Radford et al., arXiv 2103.00020, section 3.1.4). A sentence is a caption already. None of this
touches a photograph's vector: the captions belong to the key of a text's vector, not to an encoder's fingerprint.
"""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import msgspec

from ap_remote.errors import ConfigError, EncoderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.semantic.encoder import Encoder

SLOT: Final = "{}"
SENTENCE_WORDS: Final = 4
CAPACITY: Final = 1024
_LATIN: Final = 0x24F
"""The last letter of Latin Extended-B; English words around another script say nothing to a tokenizer."""
_MEDIA: Final = re.compile(
    r"\b(photos?|photographs?|pictures?|images?|screenshots?|drawings?|paintings?|scans?)\b", re.IGNORECASE
)


class Prompts(msgspec.Struct, frozen=True, kw_only=True):
    """How a text becomes captions."""

    templates: tuple[str, ...] = (SLOT,)
    """Each has one ``{}``, where the text goes."""
    sentence_words: int = SENTENCE_WORDS
    """Texts with at least so many words are taken as they are."""

    def __post_init__(self) -> None:
        if not self.templates or any(each.count(SLOT) != 1 for each in self.templates):
            message = f"a caption has one {SLOT} for the text, and there is one caption at least: {self.templates!r}"
            raise ConfigError(message)

    def captions(self, text: str) -> tuple[str, ...]:
        """Return what is encoded in place of *text*.

        A sentence, what is written in another script than Latin, and what names a medium itself ("screenshot") stays
        alone.
        """
        alone = (
            not text
            or len(text.split()) >= self.sentence_words
            or any(ord(char) > _LATIN and char.isalpha() for char in text)
            or _MEDIA.search(text) is not None
        )
        return (text,) if alone else tuple(template.replace(SLOT, text) for template in self.templates)


@runtime_checkable
class SupportsPrompts(Protocol):
    """Texts are put into captions before they are encoded."""

    @property
    def prompts(self) -> Prompts:
        """The captions, which belong to the key of a text's vector."""
        ...


BARE: Final = Prompts()
CLIP: Final = Prompts(templates=("a photo of {}", "a photo of a {}", "a photo of the {}"))
SIGLIP: Final = Prompts(templates=("a photo of {}", "this is a photo of {}"))
"""The second is the caption of SigLIP's model cards."""


def prompts_for(model: Mapping[str, Any]) -> Prompts:
    """Return the captions for a model of open_clip, by its configuration.

    Text towers of many languages (``hf_model_name``) take the bare words. A tokenizer of one's own marks SigLIP's
    family; the rest is CLIP's.
    """
    text = model.get("text_cfg") or {}
    if text.get("hf_model_name"):
        return BARE
    return SIGLIP if text.get("hf_tokenizer_name") else CLIP


def canonical(text: str) -> str:
    """Return *text* composed (NFC), without space around it and with single spaces inside.

    Case stays: not every tokenizer ignores it.
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


class TextVectors:
    """The vectors of the texts that were asked last, by fingerprint, captions and canonical text.

    May be used from many threads; two that ask for the same new text at one time both encode it.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Keep *capacity* texts; a vector of 768 numbers takes 3 kB."""
        self._capacity = capacity
        self._known: OrderedDict[tuple[str, Prompts | None, str], NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many texts are remembered."""
        return len(self._known)

    def of(self, encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, dim]``; what is not remembered is encoded in one call.

        Raises:
            EncoderError: the weights are missing or do not fit, or the encoder gives what is no number.
            MissingExtraError: a library is not installed.
        """
        import numpy as np

        prompts = encoder.prompts if isinstance(encoder, SupportsPrompts) else None
        keys = [(encoder.fingerprint, prompts, canonical(text)) for text in texts]
        found = {key: vector for key in keys if (vector := self._get(key)) is not None}
        new = [key for key in dict.fromkeys(keys) if key not in found]
        if new:
            made = np.asarray(encoder.encode_texts([text for _, _, text in new]), dtype=np.float32)
            if not np.isfinite(made).all():
                message = f"the encoder {encoder.spec!r} gave no usable vector for a text"
                raise EncoderError(message)
            found.update(zip(new, made, strict=True))
        self._keep({key: found[key] for key in keys})
        vectors = np.empty((len(keys), encoder.dim), dtype=np.float32)
        for row, key in enumerate(keys):
            vectors[row] = found[key]
        return vectors

    def _get(self, key: tuple[str, Prompts | None, str]) -> NDArray[np.float32] | None:
        with self._lock:
            return self._known.get(key)

    def _keep(self, found: dict[tuple[str, Prompts | None, str], NDArray[np.float32]]) -> None:
        with self._lock:
            for key, vector in found.items():
                self._known[key] = vector
                self._known.move_to_end(key)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
