"""The face of semantic search: build an index over a remote's photographs, ask how it stands, search it."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
import msgspec

from ap_remote.errors import ConfigError
from ap_remote.model import NodeId
from ap_remote.semantic import question, whereabouts
from ap_remote.semantic.chosen import Chosen
from ap_remote.semantic.extras import need
from ap_remote.semantic.opened import Opened, VectorTable
from ap_remote.semantic.results import Answer, Hit, IndexStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.remote.base import Remote
    from ap_remote.semantic.calibration import Calibration
    from ap_remote.semantic.candidates import Negatives
    from ap_remote.semantic.distributed import Cluster
    from ap_remote.semantic.duplicates import Duplicates
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.question import Example
    from ap_remote.semantic.results import BuildReport

__all__ = ["Like", "SemanticIndex", "VectorTable"]

Like = Path | bytes | NodeId


class SemanticIndex:
    """Photographs by meaning. Nothing is loaded before it is needed; blocking work runs in threads."""

    def __init__(
        self,
        folder: Path,
        encoder: str | Encoder | None = None,
        *,
        vectors: Path | str | None = None,
        device: str | None = None,
        compiled: bool = False,
        tier: str | None = None,
    ) -> None:
        """Use the index in *folder*, which a build makes where there is none.

        Args:
            folder: keeps catalogue, vectors, index and what encoders keep.
            encoder: an encoder, or what :func:`~ap_remote.semantic.registry.load_encoder` takes; by default the one
                that the index was built with, and ``offline`` for the first build.
            vectors: keeps the vectors in place of *folder*: a path, or an address of fsspec without credentials. By
                default they stay where they are.
            device: where the encoder computes, as ``load_encoder`` takes it.
            compiled: let ``torch.compile`` translate the encoder.
            tier: what serves searches, of :data:`~ap_remote.semantic.tiers.NAMES`; the library's size tells by default.

        Raises:
            ConfigError: the address of the vectors says how to get in.
        """
        self.folder = folder
        self.vectors = None if vectors is None else whereabouts.root(folder, vectors)
        """Where vectors are to lie; ``None``: where they are."""
        self._chosen = Chosen(folder, encoder, device=device, compiled=compiled)
        self._opened = Opened(folder, self._chosen, vectors=self.vectors, tier=tier)

    async def build(
        self,
        remote: Remote,
        *,
        query: str = "",
        progress: Callable[[int, int], None] | None = None,
        limit: int | None = None,
        retry: bool = False,
        cluster: Cluster | None = None,
    ) -> BuildReport:
        """Make vectors for the photographs that have none; see :func:`ap_remote.semantic.build.build`.

        Raises:
            BusyStoreError: another process builds.
        """
        need("numpy")
        from ap_remote.semantic.build import build
        from ap_remote.semantic.store import EmbeddingStore

        encoder = await self.encoder()
        await asyncio.to_thread(lambda: encoder.fingerprint)
        store = await asyncio.to_thread(EmbeddingStore, self.folder, write=True, vectors=self.vectors)
        try:
            return await build(
                remote, store, encoder, query=query, limit=limit, retry=retry, progress=progress, cluster=cluster
            )
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(store.close)

    def status(self) -> IndexStatus:
        """Return how the index stands, without loading any of it.

        Raises:
            StoreError: it cannot be read, or vectors that lie elsewhere are not there.
        """
        need("numpy")
        from ap_remote.semantic.store import CATALOG, EmbeddingStore

        nothing = IndexStatus(
            folder=str(self.folder), place=str(whereabouts.root(self.folder, self.vectors)), built=False
        )
        if not (self.folder / CATALOG).exists():
            return nothing
        with EmbeddingStore(self.folder, vectors=self.vectors) as store:
            active = store.active()
            if active is None:
                return nothing
            one = active.fingerprint
            store.reach(one)
            return msgspec.structs.replace(
                nothing,
                built=True,
                encoder=active.encoder,
                fingerprint=one,
                dim=active.dim,
                photos=store.catalog.photographs(one),
                vectors=store.watermark(one).rows,
                failed=tuple(store.catalog.failures(one).values()),
                updated=datetime.fromisoformat(active.updated) if active.updated else None,
                bytes=store.size(one),
            )

    async def search(
        self,
        remote: Remote,
        *,
        text: str | None = None,
        like: Like | Example | Sequence[Example] | None = None,
        query: str = "",
        limit: int = 20,
        min_score: float | Literal["auto"] | None = None,
    ) -> list[Hit]:
        """Return the photographs nearest to a question, best first; see :meth:`ask`, which also says why and pages.

        Photographs with the same bytes are one hit; nothing else is collapsed.
        """
        found = await self.ask(remote, text=text, like=like, query=query, limit=limit, min_score=min_score)
        return list(found.hits)

    async def ask(
        self,
        remote: Remote,
        *,
        text: str | None = None,
        like: Like | Example | Sequence[Example] | None = None,
        query: str = "",
        limit: int = 20,
        min_score: float | Literal["auto"] | None = None,
        confidence: float | None = None,
        negatives: Negatives = "score",
        collapse: bool = False,
        variety: float = 0.0,
        cursor: str = "",
    ) -> Answer:
        """Return the photographs nearest to texts, pictures, or both together, best first, and what is to be said.

        What is gone, trashed, hidden or overwritten since the build is left out. *query* is applied before the vectors
        are compared: the answer is that of an exact search among the photographs that it finds. Of a video its nearest
        frame stands for all.

        Args:
            remote: the remote that the index was built over.
            text: what the photograph shows, in plain words; the grammar is that of
                :mod:`ap_remote.semantic.question`.
            like: a local file, the bytes of a picture, or a photograph of the remote (which is not among the hits);
                or several of them with weights.
            query: a filter in Amazon's search syntax; answered offline where the node cache is complete.
            limit: at most so many hits.
            min_score: leave out hits with a lower score. ``"auto"`` leaves out what does not stand out, by a
                calibration where there is one for this question.
            confidence: leave out what is less probable; without a calibration it means ``"auto"``.
            negatives: whether what is unwanted lowers scores, or is subtracted from the question.
            collapse: let pictures that are one encoded anew, and the frames of a burst, be one hit.
            variety: 0 to 1, how much hits should differ from each other; such an answer has one page.
            cursor: of the page before. Pages stay in order through new builds; what a build put before is not shown,
                and the note says so.

        Raises:
            ConfigError: nothing wanted is asked for, or an argument is none.
            StoreError: nothing is built yet.
            EncoderError: the index was built with another encoder, or *like* is no picture.
            QuerySyntaxError: in *text* or *query*.
            LimitError: *text* is too long.
        """
        wish = question.wish(text, like)
        _check(min_score, confidence, variety, cursor)
        need("numpy")
        if limit <= 0:
            return Answer(hits=(), note="no hits were asked for")
        from ap_remote.semantic import answers, asking
        from ap_remote.semantic.calibration import Cut

        pictures = (
            await asking.pictures(remote, wish, self._chosen.encoder, self._opened.known) if wish.examples else []
        )
        found = await answers.by_md5(remote, query) if query else None
        wide = limit * answers.POOL if variety else limit
        candidates, first, kept = await asyncio.to_thread(
            self._opened.begin, asking.Asked(wish, pictures, query, found, negatives, wide, is_whole=collapse)
        )
        cut = Cut(
            lowest=min_score if isinstance(min_score, (int, float)) else None,
            auto=min_score == "auto" or confidence is not None,
            confidence=confidence,
            calibration=kept,
            photographs=candidates.serving.vectors.size,
        )
        asked = answers.digest(candidates.serving.generation.fingerprint, wish, query, negatives, cut.lowest, collapse)
        after = answers.opened(cursor, asked)
        wanted = answers.Wanted(limit, cut, collapse, variety, after, asked)
        return await answers.collect(candidates, first, remote, wanted, self._opened.store)

    async def calibrate(
        self, text: str, *, yes: Sequence[str], no: Sequence[str], precision: float = 0.9
    ) -> Calibration:
        """Learn from marked photographs how sure an answer to *text* is, keep that, and return it.

        Args:
            text: the question; later ones of the same terms use what was learned.
            yes: ids of photographs that are it: marked by a person, or found by ``things:(…)``.
            no: ids of photographs that are not.
            precision: which share of what ``min_score="auto"`` leaves should be right.

        Raises:
            ConfigError: too few of the photographs are in the index.
            MissingExtraError: scikit-learn is not installed.
        """
        need("numpy")
        return await asyncio.to_thread(self._opened.calibrate, question.wish(text, None), yes, no, precision)

    async def duplicates(self, remote: Remote, *, query: str = "", kinds: Sequence[str] = ()) -> Duplicates:
        """Return photographs that are one; see :func:`ap_remote.semantic.duplicates.find`.

        Raises:
            StoreError: nothing is built yet.
            LimitError: too many pairs are near.
        """
        need("numpy")
        from ap_remote.semantic import duplicates

        serving = await asyncio.to_thread(self._opened.serving)
        return await duplicates.find(remote, serving, self._opened.store, query=query, kinds=kinds)

    async def table(self) -> VectorTable:
        """Return every indexed photograph with its vector and labels.

        Raises:
            StoreError: nothing is built yet.
        """
        need("numpy")
        return await asyncio.to_thread(self._opened.table)

    async def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, dim]`` of texts, by the index's encoder."""
        encoder = await self.encoder()
        return await asyncio.to_thread(encoder.encode_texts, texts)

    async def encoder(self) -> Encoder:
        """Return the encoder, found but not read. Raises as :func:`~ap_remote.semantic.registry.load_encoder`."""
        return await asyncio.to_thread(self._chosen.encoder)

    def check(self) -> None:
        """Make sure that the index can be asked, and was built with this encoder.

        Raises:
            StoreError: nothing is built yet.
            EncoderError: it was built with another, or its files were exchanged.
        """
        need("numpy")
        self._opened.generation(self._opened.store())

    def close(self) -> None:
        """Let go of the files; the next question opens them again. Without it they stay open."""
        self._opened.close()


def _check(min_score: float | str | None, confidence: float | None, variety: float, cursor: str) -> None:
    """Raise ConfigError where an argument of a search is none."""
    if isinstance(min_score, str) and min_score != "auto":
        message = f"the lowest score is a number or 'auto', not {min_score!r}"
        raise ConfigError(message)
    if isinstance(min_score, float) and math.isnan(min_score):
        message = "the lowest score is not a number"
        raise ConfigError(message)
    if confidence is not None and not 0 <= confidence <= 1:
        message = f"a confidence is between 0 and 1, not {confidence}"
        raise ConfigError(message)
    if not 0 <= variety <= 1:
        message = f"variety is between 0 and 1, not {variety}"
        raise ConfigError(message)
    if variety and cursor:
        message = "an answer with variety has one page: its order is not that of the scores"
        raise ConfigError(message)
