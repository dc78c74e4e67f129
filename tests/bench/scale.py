"""What millions of photographs cost: the store, its catalogue and the index that serves them, on made-up vectors.

Not part of `make bench` alone, for it takes many minutes: `make bench ARGS="scale"` measures a million rows, and
`AP_BENCH_ROWS=10000000 make bench ARGS="scale"` as many as are named. Vectors lie in clusters, as those of photographs
do. *near* questions are rows with noise, as an example picture is; *far* ones lie between clusters, as those of words
do, and are harder for an index that looks at a part only.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import psutil

from ap_remote.semantic.extras import need
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import CATALOG, EmbeddingStore
from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ap_remote.semantic.faiss_index import FaissIndex

ROWS: Final = 1_000_000
DIM: Final = 384
_SHARD: Final = 50_000
_CLUSTERS: Final = 20_000
_NOISE: Final = 0.7
"""Length of the noise on a cluster's unit vector: two of one cluster have a cosine of about two thirds."""
_QUESTIONS: Final = 100
_SHARES: Final = (0.001, 0.01, 0.1)
_K: Final = 10
_FINGERPRINT: Final = "scale"


def run(rows: int | None = None) -> Iterator[Figure]:
    """Yield this family's figures for so many rows, by default those of ``AP_BENCH_ROWS`` or a million."""
    count = rows or int(os.environ.get("AP_BENCH_ROWS", ROWS))
    with tempfile.TemporaryDirectory(dir=os.environ.get("AP_BENCH_FOLDER")) as folder:
        library = _Library(count)
        yield from _stored(Path(folder), library)
        yield from _served(Path(folder), library)


class _Library:
    """Vectors in clusters, made part by part and the same every time."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._centres = _unit(np.random.default_rng(0).normal(size=(_CLUSTERS, DIM)))

    def part(self, start: int) -> NDArray[np.float32]:
        """Return the vectors of one shard."""
        random = np.random.default_rng(1 + start)
        size = min(_SHARD, self.count - start)
        centres = self._centres[random.integers(0, _CLUSTERS, size)]
        noise = random.normal(size=(size, DIM), scale=_NOISE / DIM**0.5)
        return _unit(centres + noise)

    def near(self) -> NDArray[np.float32]:
        """Return questions beside rows."""
        random = np.random.default_rng(-1 % 2**32)
        return _unit(self.part(0)[:_QUESTIONS] + random.normal(size=(_QUESTIONS, DIM), scale=0.3 / DIM**0.5))

    def far(self) -> NDArray[np.float32]:
        """Return questions between three clusters each."""
        random = np.random.default_rng(-2 % 2**32)
        chosen = random.integers(0, _CLUSTERS, (_QUESTIONS, 3))
        return _unit(self._centres[chosen].sum(axis=1))


class _Spent(NamedTuple):
    wall: float
    """Seconds."""
    cpu: float


@contextmanager
def _clock() -> Iterator[list[_Spent]]:
    wall, cpu = time.perf_counter(), time.process_time()
    spent: list[_Spent] = []
    yield spent
    spent.append(_Spent(time.perf_counter() - wall, time.process_time() - cpu))


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    short = vectors.astype(np.float32)
    return short / np.linalg.norm(short, axis=1, keepdims=True)


def _figure(name: str, value: float, unit: str, count: int, **detail: object) -> Figure:
    return Figure(
        bench=f"scale.{name}", value=round(value, 4), unit=unit, detail={"vectors": count, "dim": DIM, **detail}
    )


def _stored(folder: Path, library: _Library) -> Iterator[Figure]:
    """Fill a store, and weigh it."""
    count = library.count
    spent = _Spent(0.0, 0.0)
    with EmbeddingStore(folder, write=True) as store:
        store.begin(_FINGERPRINT, _FINGERPRINT, DIM)
        for start in range(0, count, _SHARD):
            vectors = library.part(start)
            records = [Record(_md5(start + number)) for number in range(len(vectors))]
            with _clock() as clock:
                store.append(_FINGERPRINT, vectors, records)
            spent = _Spent(spent.wall + clock[0].wall, spent.cpu + clock[0].cpu)
        with _clock() as pointed:
            store.point(((f"node{each:018d}", _md5(each), f"{each}.jpg") for each in range(count)), complete=True)
        store.catalog.activate(_FINGERPRINT)
        shards = store.size(_FINGERPRINT)
    yield _figure("store.append", count / spent.wall, "rows/s", count, cpu_s=round(spent.cpu, 1))
    yield _figure("store.point", count / pointed[0].wall, "photographs/s", count, cpu_s=round(pointed[0].cpu, 1))
    yield _figure("store.bytes", shards / count, "bytes a row of vectors", count)
    yield _figure("catalogue.bytes", (folder / CATALOG).stat().st_size / count, "bytes a photograph", count)


def _md5(number: int) -> str:
    return f"{number:032x}"


def _served(folder: Path, library: _Library) -> Iterator[Figure]:
    """Make the index that serves so many rows, and ask it beside an exact scan."""
    count = library.count
    with EmbeddingStore(folder) as store:
        with _clock() as made:
            _opened(store)
        with _clock() as again:
            index = _opened(store)
        detail = {"tier": index.tier.name, "effort": index.tier.effort}
        held = sum(file.stat().st_size for file in store.index_folder(_FINGERPRINT).rglob("*") if file.is_file())
        yield _figure("index.make", made[0].wall, "s", count, cpu_s=round(made[0].cpu, 1), **detail)
        yield _figure("index.open", again[0].wall, "s", count, **detail)
        yield _figure("index.bytes", held / count, "bytes a row on the disk", count, **detail)
        random = np.random.default_rng(4)
        asked = [_Asked("near", library.near()), _Asked("far", library.far())]
        for share in _SHARES:
            allowed = np.zeros(index.span, dtype=np.bool_)
            allowed[random.choice(count, int(count * share), replace=False)] = True
            asked.append(_Asked("far", library.far(), share, allowed))
        for one, right in zip(asked, _exact(library, asked), strict=True):
            yield from _answered(index, one, right, detail)
        yield _figure("index.memory", *_alone(folder, library.near()), count, **detail)


def _alone(folder: Path, questions: NDArray[np.float32]) -> tuple[float, str]:
    """Return what serving takes of the memory of a new process that does nothing else, its mapped files left out."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_weighed, folder, questions).result(), "MiB, without pages of mapped files"


def _weighed(folder: Path, questions: NDArray[np.float32]) -> float:
    with EmbeddingStore(folder) as store:
        need("faiss")
        before = _anonymous()
        index = _opened(store)
        for number in range(len(questions)):
            index.search(questions[number : number + 1], _K)
        return (_anonymous() - before) / 2**20


def _anonymous() -> int:
    return sum(each.anonymous for each in psutil.Process().memory_maps())


def _opened(store: EmbeddingStore) -> FaissIndex:
    from ap_remote.semantic.faiss_index import open_index

    generation = store.active()
    if generation is None:
        raise RuntimeError("the store that was just filled is empty")
    return open_index(
        store.index_folder(_FINGERPRINT),
        fingerprint=_FINGERPRINT,
        dim=DIM,
        watermark=store.watermark(_FINGERPRINT),
        load=lambda: store.stored(generation),
    )


class _Asked(NamedTuple):
    """Questions of one kind."""

    kind: str
    questions: NDArray[np.float32]
    share: float = 1.0
    """Of the rows, that is allowed."""
    allowed: NDArray[np.bool_] | None = None


def _exact(library: _Library, asked: list[_Asked]) -> list[list[set[int]]]:
    """Return the nearest rows of each question, by comparing all of them in 32 bits."""
    scores = [np.full((len(each.questions), 0), -np.inf, dtype=np.float32) for each in asked]
    rows = [np.zeros((len(each.questions), 0), dtype=np.int64) for each in asked]
    for start in range(0, library.count, _SHARD):
        part = library.part(start).astype(np.float16).astype(np.float32)  # what the store keeps
        for at, each in enumerate(asked):
            found = each.questions @ part.T
            if each.allowed is not None:
                found[:, ~each.allowed[start : start + len(part)]] = -np.inf
            best = np.argpartition(-found, _K, axis=1)[:, :_K]
            scores[at] = np.concatenate([scores[at], np.take_along_axis(found, best, axis=1)], axis=1)
            rows[at] = np.concatenate([rows[at], best + start], axis=1)
            kept = np.argsort(-scores[at], axis=1)[:, :_K]
            scores[at], rows[at] = (np.take_along_axis(table, kept, axis=1) for table in (scores[at], rows[at]))
    return [[set(row.tolist()) for row in table] for table in rows]


def _answered(index: FaissIndex, asked: _Asked, right: list[set[int]], detail: dict[str, object]) -> Iterator[Figure]:
    """Ask one question after the other; yield how long it took, and how many of the ten nearest were found."""
    seconds, hits = [], 0
    for number, nearest in enumerate(right):
        begun = time.perf_counter()
        found = index.search(asked.questions[number : number + 1], _K, allowed=asked.allowed)
        seconds.append(time.perf_counter() - begun)
        hits += len(nearest & set(found.rows[0].tolist()))
    yield _figure(
        "search", statistics.median(seconds) * 1e3, "ms", index.size,
        p95_ms=round(sorted(seconds)[int(len(seconds) * 0.95)] * 1e3, 2),
        recall_at_10=round(hits / (_K * len(right)), 4), questions=asked.kind, allowed=asked.share, **detail,
    )  # fmt: skip
