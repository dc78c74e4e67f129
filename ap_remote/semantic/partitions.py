"""Pieces of a build that any machine can do: contents in, one shard out, the same one however often it is done.

A partition is fetched, decoded and encoded as in a build on one machine, and becomes one shard, whose name follows from
the build and the contents and whose rows are in a fixed order. A shard that is there is the answer: whoever is asked
again after a crash does nothing. Two builds never write one name, for a catalogue that knows a shard must not see it
change. No scheduler is known here; :mod:`ap_remote.semantic.distributed` speaks to one.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio
import numpy as np

from ap_remote.errors import CorruptStoreError, RemoteError, StoreError
from ap_remote.semantic import shards
from ap_remote.semantic.depot import depot
from ap_remote.semantic.pipeline import DECODERS, FETCHERS, Pipeline
from ap_remote.semantic.planning import failure
from ap_remote.semantic.stages import Crew, Stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.depot import Depot
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.pipeline import Pools
    from ap_remote.semantic.planning import Item
    from ap_remote.semantic.shards import Failed, Record
    from ap_remote.semantic.thumbnails import UnreadableError

SIZE: Final = 4096
"""Contents of a partition (own choice): at 50 a second a minute and a half of work, 4 MB of vectors at 512 numbers."""
LEAST: Final = 64
"""Contents below which a partition is not made smaller to occupy one more worker: each costs a file and a commit."""
_ROUNDS: Final = 4
"""Partitions for each place to work, where there is little to do: the last one is waited for by all others."""
_STAGES: Final = ("fetch", "decode", "encode", "store")


class Partition(NamedTuple):
    """Contents that become one shard. Its text is its name: that is what ends up in logs."""

    name: str
    items: tuple[Item, ...]
    now: datetime
    """By which failures say when to try again."""
    elsewhere: tuple[Entry, ...] = ()
    """Photographs of other partitions; see :class:`~ap_remote.semantic.pipeline.Pipeline`."""

    def __repr__(self) -> str:
        """Return its name and size."""
        return f"<partition {self.name}: {len(self.items)} contents>"


class Outcome(NamedTuple):
    """What became of a partition; vectors and failures are in the shard."""

    name: str
    seconds: Mapping[str, float]
    """Of work, by stage."""
    counts: Mapping[str, int]
    error: RemoteError | None = None
    """What ends the build; then there is no shard of that name."""


def cut(
    work: Iterator[Item],
    *,
    count: int,
    build: str,
    places: int,
    now: datetime,
    size: int | None = None,
    elsewhere: tuple[Entry, ...] = (),
) -> Iterator[Partition]:
    """Cut the work of a build into partitions, in its order, each when it is asked for.

    Args:
        work: what is to be done.
        count: of it.
        build: tells this build from others.
        places: how many partitions are worked on at a time.
        now: the build's time.
        size: contents of each; by default :data:`SIZE`, and less where that leaves somebody without work.
        elsewhere: photographs that tell whether the service is down.
    """
    if size is None:
        size = min(SIZE, max(LEAST, -(-count // (_ROUNDS * places))))
    while piece := tuple(islice(work, size)):
        yield Partition(shards.named_by([build, *(item.md5 for item in piece)]), piece, now, elsewhere)


def crews(places: int, workers: int) -> dict[str, Crew]:
    """Return who does the work of each stage where *places* partitions are worked on in *workers* processes."""
    return {
        "fetch": Crew(FETCHERS * places, "connection"),
        "decode": Crew(DECODERS * workers, "thread"),
        "encode": Crew(workers, "worker"),
        "store": Crew(places, "thread"),
    }


async def fill(
    remote: Remote, encoder: Encoder, partition: Partition, *, place: str, frames: int, pools: Pools
) -> Outcome:
    """Make the shard of a partition, unless it is there, and say what that took.

    Broken off, it keeps what was encoded in a shard that is named by it, which the next build adopts.

    Args:
        remote: whose photographs.
        encoder: makes the vectors.
        partition: what is to be done.
        place: where generations have their folders, a path or an address of fsspec.
        frames: pictures of each film beside its poster.
        pools: threads, which stay open.

    Raises:
        StoreError: the vectors are not reached from here, or cannot be written.
        EncoderError: the weights are missing or do not fit.
        RemoteError: the account or the service, not a content.
    """
    stages = Stages(dict.fromkeys(_STAGES, Crew(1, "worker")))
    target = depot(place, encoder.fingerprint)
    await asyncio.to_thread(_check, target, encoder)
    if await asyncio.to_thread(shards.whole, target, partition.name) is None:
        with stages.timed("load"):  # at once where it was done; never beside another's pass
            await asyncio.get_running_loop().run_in_executor(pools.model, encoder.load)
        kept = _Kept(partition.now)
        try:
            pipeline = Pipeline(remote, encoder, stages, frames=frames, pools=pools, elsewhere=partition.elsewhere)
            await pipeline.run(iter([partition.items]), kept)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(kept.save, target, encoder.dim)
            raise
        with stages.timed("store", len(kept.records)):
            # A worker that everybody took for dead may have been slow only, and may be late.
            if await asyncio.to_thread(shards.whole, target, partition.name) is None:
                await asyncio.to_thread(kept.write, target, partition.name, encoder.dim)
    return Outcome(partition.name, stages.seconds, stages.counts)


class _Kept:
    """What came out of the pipeline so far."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._vectors: list[NDArray[np.float16]] = []
        self.records: list[Record] = []
        self._failed: list[Failed] = []

    async def keep(self, vectors: NDArray[np.float32], records: list[Record], *, whole: int) -> None:
        """Take a batch."""
        del whole
        self._vectors.append(vectors.astype(np.float16))
        self.records += records

    async def fail(self, item: Item, exc: UnreadableError, *, seen: int) -> None:
        """Take a failure."""
        self._failed.append(shards.Failed(item.md5, failure(item, exc, seen=seen, now=self._now)))

    def write(self, target: Depot, name: str, dim: int) -> None:
        """Write everything, in an order that does not depend on which picture was faster."""
        order = sorted(range(len(self.records)), key=lambda each: (self.records[each].md5, self.records[each].frame))
        vectors = np.concatenate([np.empty((0, dim), np.float16), *self._vectors])[order]
        failed = sorted(self._failed, key=lambda each: each.md5)
        shards.write(target, name, vectors, [self.records[each] for each in order], failed)

    def save(self, target: Depot, dim: int) -> None:
        """Write what there is of a partition that is not done."""
        if self.records or self._failed:
            made = [f"{each.md5} {each.frame}" for each in self.records]
            failed = [f"{each.md5} failed {each.failure.tries}" for each in self._failed]
            self.write(target, shards.named_by(["unfinished", *made, *failed]), dim)


def _check(target: Depot, encoder: Encoder) -> None:
    """Make sure that the folder here is the one that the build writes to."""
    try:
        found = shards.read_meta(target)
    except (FileNotFoundError, CorruptStoreError):
        found = None
    if found is None or (found.fingerprint, found.dim) != (encoder.fingerprint, encoder.dim):
        message = f"{target.place} is not the folder of the build's vectors; every worker must reach that one"
        raise StoreError(message)
