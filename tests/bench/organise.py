"""Auto-foldering: plans of 100,000 photographs, which are synthetic, with groups that are known."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Entry, Kind, Media, Place
from ap_remote.organise import propose
from ap_remote.semantic.library import VectorTable
from ap_remote.semantic.vectors import Held
from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from numpy.typing import NDArray

PHOTOS = 100_000
DIM = 384
THEMES = 600
_HOMES = ((49.28, -123.12, "Vancouver"), (49.2, -123.0, "Burnaby"))
_AWAY = ((41.9, 12.5, "Rome"), (48.85, 2.35, "Paris"), (35.7, 139.7, "Tokyo"), (64.1, -21.9, "Reykjavik"))


def run() -> Iterator[Figure]:
    """Yield this family's figures."""
    account = Synthetic(photographs(PHOTOS))
    index: Any = Planted(PHOTOS)
    for by in ("event", "theme", "taxonomy"):
        began, busy = time.perf_counter(), time.process_time()
        plan = asyncio.run(propose(account, index, by=by))
        took, busy = time.perf_counter() - began, time.process_time() - busy
        placed = len({member.id for folder in plan.folders for member in folder.members})
        yield Figure(
            bench=f"organise.plan_by_{by}",
            value=took,
            unit="s",
            aim=60.0,
            detail={
                "photographs": PHOTOS,
                "albums": len(plan.folders),
                "placed": placed,
                "processor_seconds": round(busy, 2),
            },
        )


def photographs(count: int) -> list[Entry]:
    """Return photographs of ten years: days at home, and a trip every hundred days or so."""
    random = np.random.default_rng(3)
    found = []
    when, place, left = datetime(2014, 1, 1, 9, tzinfo=UTC), _HOMES[0], 0
    for number in range(count):
        if left == 0:
            away = random.random() < 0.1
            place = (_AWAY if away else _HOMES)[int(random.integers(4 if away else 2))]
            left = int(random.integers(20, 160)) if away else int(random.integers(1, 40))
            when += timedelta(hours=float(random.uniform(24, 120)))
        left -= 1
        when += timedelta(minutes=float(random.exponential(12)))
        spot = Place(latitude=place[0] + random.normal() / 50, longitude=place[1] + random.normal() / 50, city=place[2])
        path = f"{when:%Y}/{number:06d}.jpg"
        found.append(
            Entry(
                path=path,
                name=f"{number:06d}.jpg",
                id=f"n{number}",
                kind=Kind.FILE,
                md5=f"{number:032x}",
                content_type="image/jpeg",
                taken=when,
                media=Media(place=spot),
            )
        )
    return found


class Synthetic(MemoryRemote):
    """Finds photographs that nobody had to make."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Hold *entries*."""
        super().__init__("bench")
        self._entries = entries

    def search(self, query: str = "", **_: Any) -> AsyncIterator[Entry]:  # type: ignore[override]
        """Yield them all."""
        return self._all()

    async def _all(self) -> AsyncIterator[Entry]:
        for entry in self._entries:
            yield entry


class Planted:
    """Vectors around :data:`THEMES` middles, a fifth of them around none; a text's vector is one that anybody has."""

    folder = Path("planted")
    """Where calibrations would be; there are none."""

    def __init__(self, count: int) -> None:
        """Make the vectors."""
        random = np.random.default_rng(5)
        centres = random.normal(size=(THEMES, DIM)).astype(np.float32)
        self.theme = random.integers(THEMES, size=count)
        vectors = centres[self.theme] + 0.7 * random.normal(size=(count, DIM)).astype(np.float32)
        stray = random.random(count) < 0.2
        self.theme[stray] = -1
        vectors[stray] = random.normal(size=(int(stray.sum()), DIM))
        self._vectors = _unit(vectors)

    async def encoder(self) -> Any:
        """Return what tells the fingerprint."""
        return SimpleNamespace(fingerprint="planted")

    async def table(self) -> VectorTable:
        """Return them as an index does."""
        count = len(self._vectors)
        places = np.arange(count)
        return VectorTable(tuple(f"n{number}" for number in places), places, Held(places, self._vectors))

    async def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a vector for each text."""
        seeds = [int.from_bytes(text.encode()[-8:], "big") for text in texts]
        return _unit(np.stack([np.random.default_rng(seed).normal(size=DIM) for seed in seeds]))


def _unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit
