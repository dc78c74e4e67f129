"""The run of a build: list, leave out what is there, fetch, decode, encode, store.

The stages in between are those of :mod:`ap_remote.semantic.pipeline`, in this process, or in the workers of a dask
cluster (:mod:`ap_remote.semantic.distributed`). Vectors reach the disk every :data:`FLUSH_ROWS` pictures or
:data:`FLUSH_SECONDS`, and when a build is broken off: the next one goes on from there.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from time import perf_counter
from typing import TYPE_CHECKING, Final

import anyio
import msgspec
import numpy as np

from ap_remote.model import Status
from ap_remote.semantic import compaction, wishes
from ap_remote.semantic.agenda import CHUNK
from ap_remote.semantic.frames import need_video
from ap_remote.semantic.pipeline import DECODERS, FETCHERS, Pipeline, Pools
from ap_remote.semantic.planning import Plan, failure
from ap_remote.semantic.results import BuildReport, ItemFailure
from ap_remote.semantic.stages import Crew, Stages, SupportsStages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.distributed import Cluster, Workers
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.planning import Item
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore
    from ap_remote.semantic.thumbnails import UnreadableError

FLUSH_ROWS: Final = 1024
FLUSH_SECONDS: Final = 20.0
DEAD_ROWS: Final = 1024
"""Dead rows below which a build does not compact: they are small, and what was trashed may come back."""


class Build:
    """One run of the pipeline; use :func:`build`."""

    def __init__(
        self,
        remote: Remote,
        store: EmbeddingStore,
        encoder: Encoder,
        *,
        progress: Callable[[int, int], None] | None,
        now: Callable[[], datetime],
        cluster: Cluster | None = None,
    ) -> None:
        """Keep what the stages share."""
        self._cluster = cluster
        self._device = encoder.device
        self._remote = remote
        self._store = store
        self._encoder = encoder
        self._progress = progress
        self._now = now
        self._wishes = wishes.read(store.folder)
        self._stages = Stages(
            {
                "fetch": Crew(FETCHERS, "connection"),
                "decode": Crew(DECODERS, "thread"),
                "encode": Crew(1, "thread"),
                "store": Crew(1, "thread"),
            }
        )
        self._failed: list[ItemFailure] = []
        self._partial: list[tuple[str, ItemFailure]] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._records: list[Record] = []
        self._flushed = perf_counter()
        self._done = 0
        self._total = 0
        self._encoded = 0

    async def run(self, *, query: str, limit: int | None, retry: bool) -> BuildReport:
        """Run all stages and report."""
        began = perf_counter()
        if self._cluster is None:
            if self._wishes.frames:
                need_video()
            return await self._run(self._here, began, query=query, limit=limit, retry=retry)
        from ap_remote.semantic import distributed, partitions

        cache, frames = self._store.folder / "encoders", self._wishes.frames
        place = self._store.place
        async with distributed.workers(self._cluster, self._encoder, place=place, cache=cache, frames=frames) as crew:
            self._stages = Stages(partitions.crews(crew.places, crew.processes))
            self._device = crew.device
            return await self._run(partial(self._there, crew), began, query=query, limit=limit, retry=retry)

    async def _run(
        self,
        work_on: Callable[[Plan], Awaitable[None]],
        began: float,
        *,
        query: str,
        limit: int | None,
        retry: bool,
    ) -> BuildReport:
        if isinstance(self._progress, SupportsStages):
            self._progress.watch(self._stages)
        async with self._listed(query, retry=retry) as plan:
            await asyncio.to_thread(plan.settle, complete=not query, limit=limit)
            self._failed += plan.failed
            self._total = plan.total - plan.later
            self._advance(self._total - plan.count)
            if plan.count:
                await work_on(plan)
                self._stages.end()
        removed = await asyncio.to_thread(self._finish, complete=not query and not plan.later)
        limiting = self._stages.limit()
        return BuildReport(
            total=self._total,
            encoded=self._encoded,
            reused=self._total - self._encoded - len(self._failed),
            left=plan.later,
            failed=tuple(sorted(self._failed, key=lambda each: each.path)),
            seconds=perf_counter() - began,
            images_per_second=self._encoded / self._stages.wall if plan.count else 0.0,
            device=self._device,
            encoder=self._encoder.spec,
            fingerprint=self._encoder.fingerprint,
            stages={stage: round(seconds, 6) for stage, seconds in self._stages.seconds.items()},
            counts=dict(self._stages.counts),
            limit="" if limiting is None else str(limiting),
            coverage=await asyncio.to_thread(self._store.catalog.coverage, self._encoder.fingerprint),
            compacted=removed,
        )

    @asynccontextmanager
    async def _listed(self, query: str, *, retry: bool) -> AsyncIterator[Plan]:
        """Open the plan, with the whole listing in it."""
        plan: Plan | None = None
        try:
            with self._stages.timed("list", 0):
                chunk: list[Entry] = []
                async for entry in self._remote.search(query):
                    if plan is None:  # the first answer shows that the query is one; nothing is written before
                        plan = await asyncio.to_thread(self._plan, retry=retry)
                    if (entry.is_photo or entry.is_video) and entry.status is Status.AVAILABLE:
                        chunk.append(entry)
                    if len(chunk) == CHUNK:
                        await asyncio.to_thread(plan.take, chunk)
                        chunk = []
                if plan is None:
                    plan = await asyncio.to_thread(self._plan, retry=retry)
                await asyncio.to_thread(plan.take, chunk)
            self._stages.add("list", 0.0, plan.total)
            yield plan
        finally:
            if plan is not None:
                with anyio.CancelScope(shield=True):
                    await asyncio.to_thread(plan.close)

    def _plan(self, *, retry: bool) -> Plan:
        return Plan(self._store, self._encoder, frames=self._wishes.frames, retry=retry, now=self._now())

    async def _here(self, plan: Plan) -> None:
        """Run the stages in this process."""
        with self._stages.timed("load"):
            await asyncio.to_thread(self._encoder.load)
        self._stages.begin()
        pools = Pools()
        try:
            pipeline = Pipeline(
                self._remote,
                self._encoder,
                self._stages,
                frames=self._wishes.frames,
                pools=pools,
                elsewhere=await asyncio.to_thread(plan.elsewhere),
            )
            await pipeline.run(plan.pieces(), self)
        finally:
            # Whoever stops the build may do so at every await; what was encoded is kept all the same.
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(pools.close)
                await self._flush()

    async def _there(self, crew: Workers, plan: Plan) -> None:
        """Have the stages run by a cluster's workers, and commit what they made in the order of the plan."""
        from ap_remote.semantic import partitions

        pieces = partitions.cut(
            chain.from_iterable(plan.pieces()),
            count=plan.count,
            build=crew.build,
            places=crew.places,
            now=self._now(),
            size=crew.size,
            elsewhere=await asyncio.to_thread(plan.elsewhere),
        )
        with self._stages.timed("load"):
            await crew.load()
        self._stages.begin()
        async with aclosing(crew.run(pieces)) as made:
            async for piece, outcome in made:
                for stage, seconds in outcome.seconds.items():
                    self._stages.add(stage, seconds, outcome.counts[stage])
                shard = await asyncio.to_thread(self._store.commit, self._encoder.fingerprint, piece.name)
                failed = {each.md5: each.failure for each in shard.failed}
                whole = len(piece.items) - len(failed)
                self._encoded += whole
                self._advance(whole)
                for item in piece.items:
                    if item.md5 in failed:
                        self._report(item, failed[item.md5])

    async def keep(self, vectors: NDArray[np.float32], records: list[Record], *, whole: int) -> None:
        """Take a batch; see :class:`~ap_remote.semantic.pipeline.Sink`."""
        self._vectors.append(vectors)
        self._records += records
        self._encoded += whole
        self._advance(whole)
        if len(self._records) >= FLUSH_ROWS or perf_counter() - self._flushed >= FLUSH_SECONDS:
            await self._flush()

    async def _flush(self) -> None:
        vectors, records = self._vectors, self._records
        self._vectors, self._records, self._flushed = [], [], perf_counter()
        if records:
            with self._stages.timed("store", len(records)):
                one = self._encoder.fingerprint
                await asyncio.to_thread(lambda: self._store.append(one, np.concatenate(vectors), records))

    async def fail(self, item: Item, exc: UnreadableError, *, seen: int) -> None:
        """Keep why a content has no vector, or a film only its first *seen* ones."""
        kept = failure(item, exc, seen=seen, now=self._now())
        if seen:
            self._partial.append((item.md5, kept))
        else:
            await asyncio.to_thread(self._store.fail, self._encoder.fingerprint, item.md5, kept)
        self._report(item, kept)

    def _report(self, item: Item, kept: ItemFailure) -> None:
        self._failed += [msgspec.structs.replace(kept, path=each.path) for each in item.entries]
        self._advance(1)

    def _finish(self, *, complete: bool) -> int:
        """Let searches use the new vectors where they suffice; return how many dead rows were taken away."""
        one, catalog = self._encoder.fingerprint, self._store.catalog
        for md5, kept in self._partial:  # now, since storing pictures of a content forgets that it failed
            self._store.fail(one, md5, kept)
        catalog.touch(one, self._now().isoformat(timespec="seconds"))
        if catalog.coverage(one) >= self._wishes.switch_at:
            catalog.activate(one)
        if not complete:
            return 0
        generation = next(each for each in catalog.generations() if each.fingerprint == one)
        share = compaction.dead_share(self._store, generation)
        if share <= compaction.DEAD_SHARE or share * self._store.watermark(one).rows < DEAD_ROWS:
            return 0
        return compaction.compact(self._store, generation).removed

    def _advance(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


async def build(
    remote: Remote,
    store: EmbeddingStore,
    encoder: Encoder,
    *,
    query: str = "",
    limit: int | None = None,
    retry: bool = False,
    progress: Callable[[int, int], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    cluster: Cluster | None = None,
) -> BuildReport:
    """Bring the vectors of *remote*'s photographs and films up to date.

    How films are looked at, and when a new encoder's vectors serve, is kept with the index
    (:mod:`ap_remote.semantic.wishes`).

    Args:
        remote: whose photographs.
        store: an open writer.
        encoder: makes the vectors.
        query: only photographs that this search finds, in Amazon's syntax.
        limit: at most so many new contents, in the order of the search; the next build takes the next ones.
        retry: try again whatever failed at an earlier build.
        progress: gets photographs done and in all; called on the event loop. One that
            :class:`~ap_remote.semantic.stages.SupportsStages` gets the stages as well.
        now: tells the time, by which what was transient is tried again.
        cluster: whose workers fetch, decode and encode; by default this process does.

    Raises:
        QuerySyntaxError: in *query*.
        EncoderError: the weights are missing or do not fit.
        MissingExtraError: pictures of films are wanted, and what reads them is not installed; or dask is not.
        ConfigError: a worker of the cluster cannot take part.
        UnavailableError: the service stopped answering, or the cluster did; what was done is kept.
        StoreError: the disk is full or cannot be written; what was stored before is kept.
    """
    run = Build(remote, store, encoder, progress=progress, now=now, cluster=cluster).run
    return await run(query=query, limit=limit, retry=retry)
