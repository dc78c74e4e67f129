"""The encoder of an index: the one that was named, else the one that the index was built with."""

from __future__ import annotations

import shlex
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ap_remote.errors import CorruptStoreError, EncoderError
from ap_remote.semantic.encoder import SupportsProvenance
from ap_remote.semantic.registry import OFFLINE, load_encoder
from ap_remote.semantic.texts import TextVectors

if TYPE_CHECKING:
    from ap_remote.semantic.catalog import Generation
    from ap_remote.semantic.encoder import Encoder, Provenance
    from ap_remote.semantic.store import EmbeddingStore

_DIGITS = 12


class Chosen:
    """Finds the encoder when it is first needed, holds it to the index, and remembers the vectors of texts."""

    def __init__(
        self, folder: Path, wanted: str | Encoder | None, *, device: str | None = None, compiled: bool = False
    ) -> None:
        """Choose for the index in *folder*.

        Args:
            folder: the index; what encoders keep lies beneath it.
            wanted: an encoder, what :func:`~ap_remote.semantic.registry.load_encoder` takes, or ``None`` for the one
                that the index was built with, ``offline`` where there is no index yet.
            device: as :func:`~ap_remote.semantic.registry.load_encoder` takes it.
            compiled: the same.
        """
        self._folder = folder
        self._wanted = wanted
        self._device = device
        self._compiled = compiled
        # Not by its protocol: that would ask for the fingerprint, for which the weights are read.
        self._encoder: Encoder | None = None if wanted is None or isinstance(wanted, str) else wanted
        self.texts = TextVectors()
        self._lock = Lock()

    def encoder(self) -> Encoder:
        """Return the encoder; its weights are read when they are first needed.

        Raises:
            EncoderError: no such encoder, or its weights are missing.
            MissingExtraError: a library is not installed.
        """
        with self._lock:
            if self._encoder is None:
                spec = self._wanted if isinstance(self._wanted, str) else recorded(self._folder) or OFFLINE
                cache = self._folder / "encoders"
                self._encoder = load_encoder(spec, cache=cache, device=self._device, compiled=self._compiled)
            return self._encoder

    def check(self, store: EmbeddingStore, active: Generation) -> None:
        """Make sure that the encoder is the one that the active generation was made with.

        Raises:
            EncoderError: it is another, or its files were exchanged; the sentence names the command that helps.
        """
        encoder = self.encoder()
        if encoder.fingerprint == active.fingerprint:
            return
        command = f"`ap index build --encoder {shlex.quote(encoder.spec)}`"
        if encoder.spec != active.encoder:
            message = (
                f"the index was built with the encoder {active.encoder!r} ({active.fingerprint}), not with "
                f"{encoder.spec!r} ({encoder.fingerprint}); name that encoder, or run {command} with this one"
            )
            raise EncoderError(message)
        now = encoder.provenance if isinstance(encoder, SupportsProvenance) else None
        message = (
            f"{encoder.spec!r} is no longer what the index was built with ({changes(_then(store, active), now)}); "
            f"put back what it was, or make all vectors anew with {command}"
        )
        raise EncoderError(message)


def recorded(folder: Path) -> str | None:
    """Return the name of the encoder that an index was built with; ``None`` where nothing is built.

    Where the catalogue is damaged, which a build makes again, what lies beside the vectors tells.

    Raises:
        CorruptStoreError: the catalogue is damaged, and there are vectors of several encoders, or of none.
    """
    from ap_remote.semantic.catalog import Catalog
    from ap_remote.semantic.store import CATALOG

    if not (folder / CATALOG).exists():
        return None
    try:
        with closing(Catalog(folder / CATALOG)) as catalog:
            active = catalog.active()
            return None if active is None else active.encoder
    except CorruptStoreError as exc:
        named = _named(folder)
        if len(named) != 1:
            message = f"{folder / CATALOG} is damaged; `ap index build --encoder` makes it again, with an encoder named"
            raise CorruptStoreError(message) from exc
        return named.pop()


def _named(folder: Path) -> set[str]:
    """Return the names of the encoders of which an index keeps vectors on this machine."""
    from ap_remote.semantic import shards, whereabouts
    from ap_remote.semantic.depot import LocalDepot

    root = whereabouts.root(folder)
    if not isinstance(root, Path) or not root.is_dir():
        return set()
    found = set()
    for each in root.iterdir():
        with suppress(CorruptStoreError, OSError):
            found.add(shards.read_meta(LocalDepot(each)).encoder)
    return found


def changes(then: Provenance | None, now: Provenance | None) -> str:
    """Return in words what differs between two encoders of one name."""
    if then is None or now is None:
        return "it has another fingerprint"
    found = [
        f"its weights {name!r} had the sha256 {then.weights.get(name, 'none')[:_DIGITS]}, now {digest[:_DIGITS]}"
        for name, digest in now.weights.items()
        if then.weights.get(name) != digest
    ]
    parts = {
        "its configuration": then.model != now.model,
        "its preprocessing": then.preprocess != now.preprocess,
        "its tokenizer": then.tokenizer != now.tokenizer,
        "the size of thumbnails": then.thumbnail != now.thumbnail,
        "this program's pipeline": then.pipeline != now.pipeline,
    }
    changed = [part for part, differs in parts.items() if differs]
    if changed:
        found.append(f"{', '.join(changed)} changed")
    return "; ".join(found) or "it has another fingerprint"


def _then(store: EmbeddingStore, active: Generation) -> Provenance | None:
    try:
        return store.meta(active.fingerprint).made_with
    except (CorruptStoreError, FileNotFoundError):
        return None
