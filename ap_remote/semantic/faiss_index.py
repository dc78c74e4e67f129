"""The FAISS index: exact, half precision, and a cache.

``index/<fingerprint>/index.faiss`` is rebuilt from the store whenever its manifest does not match (fingerprint,
watermark, count, FAISS version, checksum). FAISS reads files with native code, so only a file whose checksum we wrote
is ever handed to it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from ap_remote.errors import StoreError
from ap_remote.semantic.depot import write_file
from ap_remote.semantic.extras import need
from ap_remote.semantic.vectors import NOBODY, Neighbours, empty, members

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ap_remote.semantic.rows import Watermark

FACTORY: Final = "IDMap2,SQfp16"
"""Exact inner product over fp16 rows: half the memory and time of fp32 at a recall of .999."""

_BATCH: Final = 65_536
_log = logging.getLogger(__name__)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a cached index was built from."""

    factory: str
    faiss: str
    fingerprint: str
    dim: int
    count: int
    changes: int
    sha256: str = ""


class FaissIndex:
    """Exact search by FAISS; filters are bitmaps applied inside the scan."""

    def __init__(self, index: Any) -> None:
        """Serve a FAISS ``IDMap2`` whose ids are row numbers."""
        self._index = index
        self._faiss = need("faiss")
        _survive_forks()
        ids = self._faiss.vector_to_array(index.id_map)
        self._span = int(ids.max()) + 1 if len(ids) else 0

    @classmethod
    def build(cls, rows: NDArray[np.int64], vectors: NDArray[np.float16], *, dim: int) -> FaissIndex:
        """Return an index over *vectors* ``[n, dim]`` under the numbers *rows*, which must be distinct."""
        faiss = need("faiss")
        index = faiss.index_factory(dim, FACTORY, faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(rows), _BATCH):
            part = slice(start, start + _BATCH)
            index.add_with_ids(np.ascontiguousarray(vectors[part], dtype=np.float32), rows[part])
        return cls(index)

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return int(self._index.ntotal)

    @property
    def span(self) -> int:
        """One more than the greatest row number."""
        return self._span

    def search(self, queries: NDArray[np.float32], k: int, *, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Return the *k* nearest rows of each query; see :class:`~ap_remote.semantic.vectors.VectorIndex`."""
        found = min(k, self.size)
        if found == 0:
            return empty(len(queries), k)
        if allowed is None:
            scores, rows = self._index.search(queries, found)
            if found == k:
                return Neighbours(rows, scores)
        else:
            scores, rows = self._filtered(queries, found, allowed)
        answer = empty(len(queries), k)
        real = rows != NOBODY
        answer.rows[:, :found][real] = rows[real]
        answer.scores[:, :found][real] = scores[real]
        return answer

    def _filtered(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_]) -> tuple[Any, Any]:
        bitmap = np.packbits(allowed, bitorder="little")
        chosen = self._faiss.IDSelectorBitmap(bitmap)
        scores, rows = self._index.search(queries, k, params=self._faiss.SearchParameters(sel=chosen))
        if not members(rows[rows != NOBODY], allowed).all():
            # Some builds of FAISS take a filter and drop it without a word; a wrong photograph is worse than none.
            message = "this build of FAISS ignores filters; install faiss-cpu, or faiss-gpu-cuvs"
            raise StoreError(message)
        return scores, rows


@cache
def _survive_forks() -> None:
    """Let forked processes search in one thread: OpenMP's others are not there, and it would wait for them for ever."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: need("faiss").omp_set_num_threads(1))


def open_index(
    folder: Path,
    *,
    fingerprint: str,
    dim: int,
    watermark: Watermark,
    load: Callable[[], tuple[NDArray[np.int64], NDArray[np.float16]]],
) -> FaissIndex:
    """Return the cached index if it matches the store, else build it anew and cache it.

    Args:
        folder: where the cache is.
        fingerprint: whose vectors are wanted.
        dim: their length.
        watermark: the state of the store that the index must show.
        load: reads all rows and vectors from the store; called only when the cache cannot be used.
    """
    faiss = need("faiss")
    wanted = Manifest(
        factory=FACTORY,
        faiss=faiss.__version__,
        fingerprint=fingerprint,
        dim=dim,
        count=watermark.rows,
        changes=watermark.changes,
    )
    cached = _cached(folder, wanted)
    if cached is not None:
        return FaissIndex(cached)
    rows, vectors = load()
    built = FaissIndex.build(rows, vectors, dim=dim)
    _keep(folder, wanted, built)
    return built


def _cached(folder: Path, wanted: Manifest) -> Any | None:
    faiss = need("faiss")
    try:
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
        if msgspec.structs.replace(manifest, sha256="") != wanted:
            return None
        body = (folder / "index.faiss").read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as exc:
        _log.warning("the cached index in %s cannot be read and is made anew: %s", folder, exc)
        return None
    if hashlib.sha256(body).hexdigest() != manifest.sha256:
        _log.warning("the cached index in %s is damaged and is made anew", folder)
        (folder / "index.faiss").unlink(missing_ok=True)
        return None
    return faiss.deserialize_index(np.frombuffer(body, dtype=np.uint8))


def _keep(folder: Path, wanted: Manifest, built: FaissIndex) -> None:
    body = need("faiss").serialize_index(built._index).tobytes()  # noqa: SLF001 - the same module
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "index.faiss", body)
        manifest = msgspec.structs.replace(wanted, sha256=hashlib.sha256(body).hexdigest())
        write_file(folder / "manifest.json", msgspec.json.encode(manifest))
    except (OSError, StoreError) as exc:
        _log.warning("the index is used but not cached: %s", exc)
