"""Search by meaning against a bare FAISS call over the same vectors, and what the index costs in time and memory."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import statistics
import tempfile
import time
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import psutil

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import NotFoundError
from ap_remote.model import Entry, Kind, NodeId, Ref
from ap_remote.semantic import SemanticIndex
from ap_remote.semantic.extras import need
from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ap_remote.semantic.faiss_index import FaissIndex
    from ap_remote.semantic.store import EmbeddingStore

SIZES = (100_000, 1_000_000)
DIM = 384
APPENDED = 1000
_K = 48
_QUESTIONS = 60
_SHARD = 50_000
_PAUSE = 0.05
"""Seconds between turns: the threads of OpenMP spin on for a while after a call, and whoever is next shares the cores
with them."""


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[Figure]:
    """Yield this family's figures."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            yield from _sized(Path(folder), size)


class _Directions:
    """An encoder whose texts are made-up unit vectors: what is timed is the search, not a model."""

    spec = "directions"
    fingerprint = "bench-directions"
    dim = DIM
    device = "cpu"
    thumbnail_size = 32

    def load(self) -> None:
        """Have nothing to load."""

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Return a direction for each text."""
        return np.concatenate([_unit(np.random.default_rng(zlib.crc32(text.encode())), 1) for text in texts])

    def encode_images(self, images: list[Any]) -> NDArray[np.float32]:
        """Refuse: there are none."""
        raise NotImplementedError(f"{len(images)} images, but only texts are asked for")


class _Rows(MemoryRemote):
    """A remote whose entries are made when they are asked for."""

    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return the entry of an id."""
        del fresh
        if not isinstance(target, NodeId):
            raise NotFoundError(str(target))
        return Entry(
            path=f"{target.value}.jpg",
            name=f"{target.value}.jpg",
            id=target.value,
            kind=Kind.FILE,
            md5=_md5(target.value),
        )


def _md5(node_id: str) -> str:
    return hashlib.md5(node_id.encode(), usedforsecurity=False).hexdigest()


def _unit(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    vectors = random.normal(size=(count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _sized(folder: Path, size: int) -> Iterator[Figure]:
    faiss = need("faiss")  # with the same settings of OpenMP that searches have
    encoder = _Directions()
    _fill(folder, encoder, size)
    yield from _costs(folder, encoder, size)
    index = SemanticIndex(folder, encoder)
    first = asyncio.run(index.search(_Rows(), text="0", limit=20))
    opened = _open(folder, encoder)
    bare = faiss.index_factory(DIM, "SQfp16", faiss.METRIC_INNER_PRODUCT)
    for start in range(0, size, _SHARD):
        bare.add(_part(start, size))
    turns = asyncio.run(_ask(index, opened, bare, encoder))
    detail = {"vectors": size, "dim": DIM, "tier": opened.tier.name, "median_of": _QUESTIONS}
    named = "the bare FAISS call over the same vectors (aim is for the ratio)"
    yield _ratio("search.text", turns.text, turns.bare, named=named, detail={**detail, "hits": len(first)})
    yield _ratio("search.collapsed", turns.collapsed, turns.bare, named=named, detail=detail)
    yield _ratio("search.index", turns.layer, turns.bare, named=named, detail=detail)
    for share in (0.01, 0.5):
        yield _filtered(opened, bare, size, share)


def _ratio(bench: str, value: float, peer: float, *, named: str, detail: dict[str, Any]) -> Figure:
    return Figure(
        bench=bench,
        value=round(value * 1e3, 3),
        unit="ms",
        aim=1.1,
        peer=named,
        peer_value=round(peer * 1e3, 3),
        ratio=round(value / peer, 3),
        detail=detail,
    )


def _part(start: int, size: int) -> NDArray[np.float32]:
    return _unit(np.random.default_rng(start), min(_SHARD, size - start))


def _name(number: int) -> str:
    return f"node{number:018d}"


def _fill(folder: Path, encoder: _Directions, size: int) -> None:
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore

    with EmbeddingStore(folder, write=True) as store:
        store.begin(encoder.fingerprint, encoder.spec, DIM)
        for start in range(0, size, _SHARD):
            vectors = _part(start, size)
            records = [Record(_md5(_name(start + number))) for number in range(len(vectors))]
            store.append(encoder.fingerprint, vectors, records)
        store.point(((_name(each), _md5(_name(each)), f"{each}.jpg") for each in range(size)), complete=True)
        store.catalog.activate(encoder.fingerprint)


def _open(folder: Path, encoder: _Directions) -> FaissIndex:
    from ap_remote.semantic.store import EmbeddingStore

    with EmbeddingStore(folder) as store:
        return _opened(store, encoder)


def _opened(store: EmbeddingStore, encoder: _Directions) -> FaissIndex:
    from ap_remote.semantic.faiss_index import open_index

    generation = store.active()
    if generation is None:
        raise RuntimeError("the store that was just filled is empty")
    return open_index(
        store.index_folder(encoder.fingerprint),
        fingerprint=encoder.fingerprint,
        dim=DIM,
        watermark=store.watermark(encoder.fingerprint),
        load=lambda: store.stored(generation),
    )


def _costs(folder: Path, encoder: _Directions, size: int) -> Iterator[Figure]:
    """Time the first opening, the next, and one after rows were added; weigh the process as it serves."""
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore

    process = psutil.Process()
    query = _unit(np.random.default_rng(9), 1)
    built, _ = _timed(lambda: _open(folder, encoder))
    before = process.memory_full_info()
    reload, index = _timed(lambda: _open(folder, encoder))
    index.search(query, _K)
    after = process.memory_full_info()
    tier = index.tier.name
    bytes_each = DIM * 2
    with EmbeddingStore(folder, write=True) as store:
        store.begin(encoder.fingerprint, encoder.spec, DIM)
        records = [Record(_md5(f"more{number}")) for number in range(APPENDED)]
        store.append(encoder.fingerprint, _unit(np.random.default_rng(8), APPENDED), records)
    appended, _ = _timed(lambda: _open(folder, encoder))
    detail = {"vectors": size, "dim": DIM, "tier": tier}
    yield Figure(bench="index.make", value=round(built, 2), unit="s", detail=detail)
    yield Figure(bench="index.reload", value=round(reload, 3), unit="s", detail=detail)
    yield Figure(bench="index.append", value=round(appended, 2), unit="s", detail={**detail, "appended": APPENDED})
    yield Figure(
        bench="index.memory",
        value=round((after.rss - before.rss) / 2**20, 1),
        unit="MiB resident, with the pages of the mapped file",
        detail={**detail, "vectors_mib": round(size * bytes_each / 2**20, 1)},
    )


def _timed(work: Callable[[], FaissIndex]) -> tuple[float, FaissIndex]:
    begun = time.perf_counter()
    done = work()
    return time.perf_counter() - begun, done


def _filtered(index: FaissIndex, bare: Any, size: int, share: float) -> Figure:
    """Compare a filtered search with the bare call under the same filter, and its answer with all that is right."""
    faiss = need("faiss")
    random = np.random.default_rng(4)
    allowed = np.zeros(index.span, dtype=np.bool_)
    allowed[random.choice(size, int(size * share), replace=False)] = True
    bitmap = np.packbits(allowed[:size], bitorder="little")
    ours, peer, hits = [], [], 0
    for number in range(_QUESTIONS):
        query = _unit(np.random.default_rng(number), 1)
        time.sleep(_PAUSE)
        begun = time.perf_counter()
        params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap))
        _, right = bare.search(query, 10, params=params)
        peer.append(time.perf_counter() - begun)
        time.sleep(_PAUSE)
        begun = time.perf_counter()
        found = index.search(query, 10, allowed=allowed)
        ours.append(time.perf_counter() - begun)
        hits += len(set(right[0].tolist()) & set(found.rows[0].tolist()))
    detail = {"vectors": size, "dim": DIM, "allowed": share, "recall_at_10": round(hits / (10 * _QUESTIONS), 4)}
    named = "the bare FAISS call with the same bitmap (aim is for the ratio)"
    return _ratio("search.filtered", statistics.median(ours), statistics.median(peer), named=named, detail=detail)


class _Turns(NamedTuple):
    """Median seconds of one question."""

    text: float
    """Our search, as :meth:`SemanticIndex.search` does it."""
    collapsed: float
    """The same with copies and bursts collapsed, as the command line does it."""
    layer: float
    """Our index alone."""
    bare: float


async def _ask(index: SemanticIndex, opened: FaissIndex, bare: Any, encoder: _Directions) -> _Turns:
    """Time searches, their index alone and the bare call in turns."""
    remote = _Rows()
    times: dict[str, list[float]] = {name: [] for name in _Turns._fields}
    for number in range(_QUESTIONS):
        vector = encoder.encode_texts([str(number)])
        turns: dict[str, Callable[[], Any]] = {
            "bare": partial(bare.search, vector, _K),
            "layer": partial(opened.search, vector, _K),
            "text": partial(index.ask, remote, text=str(number), limit=20),
            # Another text, as the vectors of texts are kept.
            "collapsed": partial(index.ask, remote, text=f"{number} collapsed", limit=20, collapse=True),
        }
        for name, work in turns.items():
            times[name].append(await _turn(work))
    return _Turns(**{name: statistics.median(each) for name, each in times.items()})


async def _turn(work: Callable[[], Any]) -> float:
    await asyncio.sleep(_PAUSE)
    begun = time.perf_counter()
    done = work()
    if inspect.isawaitable(done):
        await done
    return time.perf_counter() - begun
