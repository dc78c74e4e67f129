"""Themes: groups of what is shown, beside k-means that is told how many there are, and beside time alone."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from ap_remote.model import Entry, Kind
from ap_remote.organise.events import find_events
from ap_remote.organise.themes import Names, find_themes, prompts
from ap_remote.semantic import load_encoder
from ap_remote.semantic.library import VectorTable
from ap_remote.semantic.vectors import Held
from tests.quality.library import build
from tests.quality.measures import Clustering, clustering
from tests.quality.report import Figure, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ap_remote.organise.groups import Grouping
    from tests.quality.library import Library

MIN_SIZE = 3
DIM = 128
_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


class Planted(NamedTuple):
    """Photographs with vectors around middles that are known."""

    entries: dict[str, Entry]
    table: VectorTable
    right: NDArray[np.int64]
    """The middle of each; -1 where it is around none."""
    names: Names


class Compared(NamedTuple):
    """Ours beside two others."""

    ours: Clustering
    k_means: Clustering
    time: Clustering


def planted(themes: int, count: int, *, seed: int = 3, noise: float = 0.55, stray: float = 0.2) -> Planted:
    """Return *count* photographs of *themes*, few of most and many of some, a part of them of no theme at all."""
    random = np.random.default_rng(seed)
    centres = unit(random.normal(size=(themes, DIM)))
    share = random.pareto(1.5, size=themes) + 0.3
    right = random.choice(themes, size=count, p=share / share.sum())
    vectors = centres[right] + noise * unit(random.normal(size=(count, DIM)))
    strays = random.random(count) < stray
    right[strays] = -1
    vectors[strays] = random.normal(size=(int(strays.sum()), DIM))
    # What one photographs goes over into something else from day to day, so that time tells a little of it.
    order = np.argsort(right + 0.5 * themes * random.random(count), kind="stable")
    taken = np.empty(count)
    taken[order] = np.cumsum(random.exponential(6, size=count))
    entries = {f"n{number}": _entry(number, _NOON + timedelta(hours=float(taken[number]))) for number in range(count)}
    table = VectorTable(tuple(entries), np.arange(count), Held(np.arange(count), unit(vectors)))
    words, phrases = prompts()
    names = Names(words, unit(random.normal(size=(len(phrases), DIM))))
    return Planted(entries, table, _large_enough(right), names)


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the vectors with a length of 1."""
    scaled: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def find_planted(one: Planted) -> Clustering:
    """Look for planted themes as we do."""
    found = find_themes(one.entries, one.table, one.names, min_size=MIN_SIZE)
    return clustering(labels_of(found, list(one.entries)), one.right)


def compare_planted(one: Planted) -> Compared:
    """Look for planted themes in three ways."""
    ids = list(one.entries)
    return Compared(
        find_planted(one),
        clustering(_k_means(one.table.take(one.table.rows), one.right), one.right),
        clustering(labels_of(find_events(list(one.entries.values()), min_size=MIN_SIZE), ids), one.right),
    )


async def compare_demo(library: Library) -> Compared:
    """Look for the subjects of the demo's photographs in three ways."""
    entries = {entry.id: entry async for entry in library.remote.search("type:(PHOTOS)")}
    table = await library.index.table()
    words, phrases = prompts()
    names = Names(words, await library.index.encode_texts(phrases))
    ids = list(entries)
    subjects = [library.photographs[entries[node].path].subject for node in ids]
    number = {subject: place for place, subject in enumerate(sorted(set(map(str, subjects))))}
    right = _large_enough(np.asarray([number[str(subject)] for subject in subjects]))
    rows = dict(zip(table.ids, table.rows, strict=True))
    vectors = table.take([rows[node] for node in ids])
    ours = find_themes(entries, table, names, min_size=MIN_SIZE)
    return Compared(
        clustering(labels_of(ours, ids), right),
        clustering(_k_means(vectors, right), right),
        clustering(labels_of(find_events(list(entries.values()), min_size=MIN_SIZE), ids), right),
    )


def labels_of(grouping: Grouping, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the group of each photograph, -1 where it is in none."""
    number = {member.entry.id: place for place, group in enumerate(grouping.groups) for member in group.members}
    return np.asarray([number.get(node, -1) for node in ids])


def figures(name: str, one: Compared) -> Iterator[Figure | Rows]:
    """Yield what three ways of grouping are worth."""
    ways = {"ours": one.ours, "k-means, told how many": one.k_means, "time alone": one.time}
    rows = tuple(
        (way, *(f"{value:.3f}" if isinstance(value, float) else str(value) for value in found))
        for way, found in ways.items()
    )
    yield Rows(quality=f"themes.{name}", columns=("way", *Clustering._fields), rows=rows)
    for field in Clustering._fields[:-1]:
        other = {"k_means": round(getattr(one.k_means, field), 4), "time": round(getattr(one.time, field), 4)}
        yield Figure(quality=f"themes.{name}.{field}", value=round(getattr(one.ours, field), 4), detail=other)


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures."""
    yield from figures("planted", compare_planted(planted(40, 3000)))
    with tempfile.TemporaryDirectory() as folder:
        yield from figures("demo", asyncio.run(_demo(Path(folder))))


async def _demo(folder: Path) -> Compared:
    return await compare_demo(await build(folder, load_encoder("offline", cache=folder / "encoder")))


def _k_means(vectors: NDArray[np.float32], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cells of k-means, which is told the number of themes; it leaves nothing out."""
    wanted = len(np.unique(right[right >= 0]))
    labels: NDArray[np.int64] = KMeans(wanted, n_init=4, random_state=0).fit_predict(vectors)
    return labels


def _large_enough(right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels without those that are too few for a group."""
    counts = Counter(right.tolist())
    return np.asarray([label if counts[label] >= MIN_SIZE else -1 for label in right.tolist()])


def _entry(number: int, taken: datetime) -> Entry:
    name = f"{number:05}.jpg"
    return Entry(path=name, name=name, id=f"n{number}", kind=Kind.FILE, content_type="image/jpeg", taken=taken)
