"""The face of semantic search: build an index over a remote's photographs, ask how it stands, search it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio

from ap_remote.errors import ConfigError, EncoderError, NotFoundError, StoreError
from ap_remote.model import NodeId
from ap_remote.semantic import answers
from ap_remote.semantic.encoder import Encoder
from ap_remote.semantic.extras import need
from ap_remote.semantic.registry import load_encoder
from ap_remote.semantic.results import Hit, IndexStatus, Label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.catalog import Generation
    from ap_remote.semantic.faiss_index import FaissIndex
    from ap_remote.semantic.reader import Reader
    from ap_remote.semantic.results import BuildReport
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore

_OVERFETCH = 2
_SPARE = 8
_GROWTH = 4


class VectorTable(NamedTuple):
    """Every photograph with its vector, as :mod:`ap_remote.organise` needs them."""

    ids: tuple[str, ...]
    """Node ids; several may share a vector."""
    rows: NDArray[np.intp]
    """For each id the row of *vectors*."""
    vectors: NDArray[np.float32]
    labels: tuple[tuple[Label, ...], ...]
    """For each row of *vectors* what the classifier saw."""


class _Serving(NamedTuple):
    generation: Generation
    changes: int
    vectors: FaissIndex


class SemanticIndex:
    """Photographs by meaning. Nothing is loaded before it is needed; blocking work runs in threads."""

    def __init__(self, folder: Path, encoder: str | Encoder = "offline") -> None:
        """Use the index in *folder*, which a build makes where there is none.

        Args:
            folder: keeps catalogue, vectors, index and what encoders keep.
            encoder: an encoder, or what :func:`~ap_remote.semantic.registry.load_encoder` takes.
        """
        self.folder = folder
        self._wanted = encoder
        self._encoder: Encoder | None = None if isinstance(encoder, str) else encoder
        self._serving: _Serving | None = None
        self._reader: Reader | None = None
        self._texts: dict[str, Any] = {}
        self._lock = Lock()

    async def build(
        self,
        remote: Remote,
        *,
        query: str = "",
        progress: Callable[[int, int], None] | None = None,
        limit: int | None = None,
        retry: bool = False,
    ) -> BuildReport:
        """Make vectors for the photographs that have none; see :func:`ap_remote.semantic.build.build`.

        Raises:
            BusyStoreError: another process builds.
        """
        need("numpy")
        from ap_remote.semantic.build import build
        from ap_remote.semantic.store import EmbeddingStore

        encoder = await asyncio.to_thread(self._load)
        await asyncio.to_thread(lambda: encoder.fingerprint)
        store = await asyncio.to_thread(EmbeddingStore, self.folder, write=True)
        try:
            return await build(remote, store, encoder, query=query, limit=limit, retry=retry, progress=progress)
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(store.close)

    def status(self) -> IndexStatus:
        """Return how the index stands, without loading any of it."""
        need("numpy")
        from ap_remote.semantic.store import CATALOG, EmbeddingStore

        if not (self.folder / CATALOG).exists():
            return IndexStatus(folder=str(self.folder), built=False)
        with EmbeddingStore(self.folder) as store:
            active = store.active()
            if active is None:
                return IndexStatus(folder=str(self.folder), built=False)
            one = active.fingerprint
            return IndexStatus(
                folder=str(self.folder),
                built=True,
                encoder=active.encoder,
                fingerprint=one,
                dim=active.dim,
                photos=len(store.catalog.nodes(one)),
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
        like: Path | bytes | NodeId | None = None,
        query: str = "",
        limit: int = 20,
        min_score: float | None = None,
    ) -> list[Hit]:
        """Return the photographs nearest to a text, a picture, or both together, best first.

        Photographs with the same bytes are one hit. What is gone, trashed, hidden or overwritten since the build is
        left out. *query* is applied before the vectors are compared: the answer is that of an exact search among the
        photographs that it finds.

        Args:
            remote: the remote that the index was built over.
            text: what the photograph shows, in plain words.
            like: a local file, the bytes of a picture, or a photograph of the remote (which is not among the hits).
            query: a filter in Amazon's search syntax.
            limit: at most so many hits.
            min_score: leave out hits with a lower cosine.

        Raises:
            ConfigError: neither *text* nor *like*.
            StoreError: nothing is built yet.
            EncoderError: the index was built with another encoder, or *like* is no picture.
            QuerySyntaxError: in *query*.
        """
        if like is None and not (text and text.strip()):
            message = "a search by meaning needs a text, or a picture to be like"
            raise ConfigError(message)
        need("numpy")
        if limit <= 0:
            return []
        serving, encoded = await asyncio.to_thread(self._begin, text)
        found = await answers.by_md5(remote, query) if query else None
        vector, own = await self._vector(remote, serving, encoded, like)
        question = answers.Question(vector, answers.wanted(text, like), query, found, own)
        return await self._collect(remote, serving, question, limit, min_score)

    async def table(self) -> VectorTable:
        """Return every indexed photograph with its vector and labels.

        Raises:
            StoreError: nothing is built yet.
        """
        need("numpy")
        return await asyncio.to_thread(self._table)

    async def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors ``[n, dim]`` of texts, by the index's encoder."""
        encoder = await asyncio.to_thread(self._load)
        return await asyncio.to_thread(encoder.encode_texts, texts)

    def close(self) -> None:
        """Let go of the files; the next question opens them again. Without it they stay open."""
        if self._reader is not None:
            self._reader.close()

    def _load(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                assert isinstance(self._wanted, str)  # noqa: S101 - an encoder that was handed in is kept at once
                self._encoder = load_encoder(self._wanted, cache=self.folder / "encoders")
            return self._encoder

    def _store(self) -> EmbeddingStore:
        """Return the store, open for reading; it stays open."""
        from ap_remote.semantic.reader import Reader

        if self._reader is None:
            self._reader = Reader(self.folder)
        return self._reader.store()

    def _begin(self, text: str | None) -> tuple[_Serving, NDArray[np.float32] | None]:
        """Return what a search needs before it can ask: in one go, since each change of thread costs time."""
        serving = self._serve()
        return serving, self._text(text.strip()) if text and text.strip() else None

    def _generation(self, store: EmbeddingStore) -> Generation:
        active = store.active()
        if active is None or store.catalog.is_empty(active.fingerprint):
            built = active is not None and active.updated
            why = "the last build found no photographs that can be indexed; when there are some, " if built else ""
            message = f"the index in {self.folder} is empty: {why}run `ap index build`"
            raise StoreError(message)
        encoder = self._load()
        if encoder.fingerprint != active.fingerprint:
            message = (
                f"the index was built with the encoder {active.encoder!r} ({active.fingerprint}), not with "
                f"{encoder.spec!r} ({encoder.fingerprint}); name that encoder, or run `ap index build` with this one"
            )
            raise EncoderError(message)
        return active

    def _serve(self) -> _Serving:
        """Return the index in memory, loaded anew when the store has changed."""
        from ap_remote.semantic.faiss_index import open_index

        store = self._store()
        generation = self._generation(store)
        changes = store.catalog.changes(generation.fingerprint)
        with self._lock:
            serving = self._serving
            if serving is not None and (serving.generation, serving.changes) == (generation, changes):
                return serving
            watermark = store.watermark(generation.fingerprint)
            index = open_index(
                store.index_folder(generation.fingerprint),
                fingerprint=generation.fingerprint,
                dim=generation.dim,
                watermark=watermark,
                load=lambda: store.vectors(generation),
            )
            self._serving = _Serving(generation, watermark.changes, index)
            return self._serving

    async def _vector(
        self, remote: Remote, serving: _Serving, encoded: NDArray[np.float32] | None, like: Path | bytes | NodeId | None
    ) -> tuple[NDArray[np.float32], int | None]:
        """Return the query's vector ``[1, dim]`` and, for a photograph of the remote, its own row."""
        import numpy as np

        parts = [] if encoded is None else [encoded]
        own = None
        if isinstance(like, NodeId):
            entry = await remote.stat(like)
            stored, own = await asyncio.to_thread(self._stored, serving, entry)
            parts.append(await self._fetched(remote, entry) if stored is None else stored)
        elif like is not None:
            parts.append(await asyncio.to_thread(self._picture, like))
        total = np.sum(parts, axis=0, dtype=np.float32)
        length = float(np.linalg.norm(total))
        return (total / length if length else total).reshape(1, -1), own

    def _text(self, text: str) -> NDArray[np.float32]:
        known: NDArray[np.float32] | None = self._texts.get(text)
        if known is None:
            known = self._load().encode_texts([text])[0]
            if len(self._texts) >= 256:  # noqa: PLR2004 - a session's questions; the oldest makes room
                self._texts.pop(next(iter(self._texts)))
            self._texts[text] = known
        return known

    def _stored(self, serving: _Serving, entry: Entry) -> tuple[NDArray[np.float32] | None, int | None]:
        if entry.md5 is None:
            return None, None
        store = self._store()
        row = store.catalog.rows_of(serving.generation.fingerprint, [entry.md5]).get(entry.md5)
        return (None, None) if row is None else (store.vector(serving.generation, row), row)

    async def _fetched(self, remote: Remote, entry: Entry) -> NDArray[np.float32]:
        from ap_remote.semantic import thumbnails

        fetched = await thumbnails.fetch(remote, entry, size=self._load().thumbnail_size)
        if fetched.status != "ok":
            message = f"{entry.path!r} cannot be searched by: {fetched.reason}"
            raise EncoderError(message)
        return await asyncio.to_thread(self._picture, fetched.data, upright=fetched.upright)

    def _picture(self, source: Path | bytes, *, upright: bool = False) -> NDArray[np.float32]:
        from ap_remote.semantic import thumbnails

        if isinstance(source, Path):
            try:
                data = source.read_bytes()
            except FileNotFoundError as exc:
                raise NotFoundError(str(source)) from exc
            except OSError as exc:
                message = f"cannot read {source}: {exc.strerror or exc}"
                raise StoreError(message) from exc
        else:
            data = source
        encoder = self._load()
        try:
            image = thumbnails.decode(data, size=encoder.thumbnail_size, upright=upright)
        except thumbnails.UnreadableError as exc:
            name = f"{source}" if isinstance(source, Path) else "the picture to search by"
            message = f"{name} cannot be searched by: {exc}"
            raise EncoderError(message) from exc
        vector: NDArray[np.float32] = encoder.encode_images([image])[0]
        return vector

    async def _collect(
        self, remote: Remote, serving: _Serving, question: answers.Question, limit: int, min_score: float | None
    ) -> list[Hit]:
        """Take neighbours until there are enough that still live, or none is left."""
        found = question.found
        allowed = None if found is None else await asyncio.to_thread(self._mask, serving, found)
        hits: list[Hit] = []
        seen, k = 0, min(limit * _OVERFETCH + _SPARE, serving.vectors.size)
        while True:
            pairs, owners = await asyncio.to_thread(self._nearest, serving, question, k, seen, allowed)
            for row, score in pairs:
                if min_score is not None and score < min_score:
                    return hits
                if row == question.own or row not in owners:
                    continue
                record, nodes = owners[row]
                living = (
                    found.get(record.md5, []) if found is not None else await answers.living(remote, record.md5, nodes)
                )
                if living:
                    hits.append(answers.hit(living, score, record, question))
                    if len(hits) == limit:
                        return hits
            if k == serving.vectors.size or len(pairs) < k - seen:
                return hits
            seen, k = k, min(k * _GROWTH, serving.vectors.size)

    def _mask(self, serving: _Serving, found: dict[str, list[Entry]]) -> NDArray[np.bool_]:
        import numpy as np

        from ap_remote.semantic.vectors import mask

        rows = self._store().catalog.all_rows_of(serving.generation.fingerprint, found)
        return mask(np.asarray(rows, dtype=np.int64), serving.vectors.span)

    def _nearest(
        self, serving: _Serving, question: answers.Question, k: int, seen: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[list[tuple[int, float]], dict[int, tuple[Record, list[str]]]]:
        """Return the nearest *k* rows but the first *seen*, with their scores, and whose they are."""
        neighbours = serving.vectors.search(question.vector, k, allowed=allowed)
        rows, scores = neighbours.rows[0][seen:].tolist(), neighbours.scores[0][seen:].tolist()
        pairs = [(row, score) for row, score in zip(rows, scores, strict=True) if row >= 0]
        return pairs, self._store().catalog.owners_of(serving.generation.fingerprint, [row for row, _ in pairs])

    def _table(self) -> VectorTable:
        import numpy as np

        store = self._store()
        generation = self._generation(store)
        rows, vectors = store.vectors(generation)
        nodes = store.catalog.nodes(generation.fingerprint)
        records = store.catalog.contents_of(generation.fingerprint, (int(row) for row in rows))
        return VectorTable(
            ids=tuple(node for node, _ in nodes),
            rows=np.searchsorted(rows, np.asarray([row for _, row in nodes], dtype=np.int64)),
            vectors=vectors.astype(np.float32),
            labels=tuple(records[int(row)].labels for row in rows),
        )
