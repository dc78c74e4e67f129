"""Batches that follow from their number alone, so that what a killed writer did can be done again."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ap_remote.cache import NodeCache, Walk
from ap_remote.model import Entry, Kind, Status

_START = datetime(2020, 1, 1, tzinfo=UTC)


def apply(cache: NodeCache, number: int) -> None:
    """Do batch *number*: nodes that come, change, move, go to the trash and for ever, and where the sync stands."""
    chance = random.Random(number)
    entries = [
        Entry(
            path="",
            name=f"{node}-{chance.randrange(3)}.jpg",
            id=f"n{node}",
            kind=Kind.FILE,
            version=number + 1,
            size=chance.randrange(10**6),
            md5=f"{chance.randrange(5):032x}",
            created=_START + timedelta(hours=node),
            taken=_START + timedelta(hours=chance.randrange(100)) if node % 2 else None,
            content_type=chance.choice(("image/jpeg", "video/mp4", "text/plain")),
            status=chance.choice((Status.AVAILABLE, Status.AVAILABLE, Status.TRASHED)),
            hidden=node % 7 == 0,
            parents=tuple(sorted(chance.sample(("F0", "F1", "F2"), chance.randrange(1, 3)))),
            description="x" * chance.randrange(2000),
        )
        for node in chance.sample(range(200), 12)
    ]
    gone = [f"n{node}" for node in chance.sample(range(200), 3)]
    state = msgspec.structs.replace(
        cache.sync_state(),
        checkpoint=str(number),
        walk=Walk(mode="delta", began=float(number)) if number % 3 else None,
    )
    cache.put_batch(entries, gone=gone, seen=1000.0 + number * 60, state=state)


def prepare(cache: NodeCache) -> None:
    """Make what every run begins with."""
    cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER, version=1))
    folders = [
        Entry(path="", name=f"F{n}", id=f"F{n}", kind=Kind.FOLDER, version=1, parents=("root",)) for n in range(3)
    ]
    cache.put(folders)
    cache.remember("changes", "yes", 5.0)


def position(cache: NodeCache) -> int:
    """Return how many batches were done."""
    checkpoint = cache.sync_state().checkpoint
    return 0 if checkpoint is None else int(checkpoint) + 1


def replayed(folder: Path, count: int) -> NodeCache:
    """Return a cache in which nobody was killed."""
    cache = NodeCache(folder)
    prepare(cache)
    for number in range(count):
        apply(cache, number)
    return cache


def main(folder: str) -> None:
    """Go on where the cache stands, and tell how many batches are done."""
    cache = NodeCache(Path(folder), map_size=1 << 20)
    prepare(cache)
    number = position(cache)
    while True:
        apply(cache, number)
        number += 1
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
