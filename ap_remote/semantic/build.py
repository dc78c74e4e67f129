"""The run of a build: list, leave out what is there, fetch, decode, encode, store.

Fetching is asynchronous and bounded, decoding runs in threads, encoding in one thread of its own, so that the network,
the decoder and the model work at the same time; bounded queues between them keep memory flat and hold the faster ones
back. Vectors reach the disk every :data:`FLUSH_ROWS` pictures or :data:`FLUSH_SECONDS`, and when a build is broken off:
the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import anyio
import numpy as np

from ap_remote.model import Status
from ap_remote.semantic import compaction, wishes
from ap_remote.semantic.encoder import Encoded, SupportsBatch, SupportsLabels, SupportsPreparation
from ap_remote.semantic.frames import need_video
from ap_remote.semantic.planning import Item, Plan, failure
from ap_remote.semantic.results import BuildReport, ItemFailure, Label
from ap_remote.semantic.shards import Record
from ap_remote.semantic.sources import Ready, Source, Sources
from ap_remote.semantic.stages import Crew, Stages, SupportsStages
from ap_remote.semantic.thumbnails import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.store import EmbeddingStore

BATCH: Final = 16
"""Pictures in one pass of a model that names no number; more is no faster on a processor and waits longer."""

FETCHERS: Final = 8
DECODERS: Final = min(16, os.cpu_count() or 1)
FLUSH_ROWS: Final = 1024
FLUSH_SECONDS: Final = 20.0
LABELS: Final = 5
DEAD_ROWS: Final = 1024
"""Dead rows below which a build does not compact: they are small, and what was trashed may come back."""


class Build:
    """One run of the pipeline; use :func:`build`."""

    def __init__(
        self,
        remote: Remote,
        store: EmbeddingStore,
        encoder: Encoder,
        progress: Callable[[int, int], None] | None,
        now: Callable[[], datetime],
    ) -> None:
        """Keep what the stages share."""
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
        if self._wishes.frames:
            need_video()
        if isinstance(self._progress, SupportsStages):
            self._progress.watch(self._stages)
        plan = await self._list(query, retry=retry)
        work = await asyncio.to_thread(plan.close, complete=not query)
        self._failed += plan.failed
        left = [] if limit is None else work[limit:]
        work = work[: len(work) - len(left)]
        later = sum(len(each.entries) for each in left)
        self._total = plan.total - later
        self._advance(self._total - len(work))
        if work:
            with self._stages.timed("load"):
                await asyncio.to_thread(self._encoder.load)
            self._stages.begin()
            await self._pipeline(work)
            self._stages.end()
        removed = await asyncio.to_thread(self._finish, complete=not query and not left)
        limiting = self._stages.limit()
        return BuildReport(
            total=self._total,
            encoded=self._encoded,
            reused=self._total - self._encoded - len(self._failed),
            left=later,
            failed=tuple(sorted(self._failed, key=lambda each: each.path)),
            seconds=perf_counter() - began,
            images_per_second=self._encoded / self._stages.wall if work else 0.0,
            device=self._encoder.device,
            encoder=self._encoder.spec,
            fingerprint=self._encoder.fingerprint,
            stages={stage: round(seconds, 6) for stage, seconds in self._stages.seconds.items()},
            counts=dict(self._stages.counts),
            limit="" if limiting is None else str(limiting),
            coverage=await asyncio.to_thread(self._store.catalog.coverage, self._encoder.fingerprint),
            compacted=removed,
        )

    async def _list(self, query: str, *, retry: bool) -> Plan:
        """Return the plan with the whole listing in it."""
        plan: Plan | None = None
        with self._stages.timed("list", 0):
            async for entry in self._remote.search(query):
                if plan is None:  # the first answer shows that the query is one; nothing is written before
                    plan = await asyncio.to_thread(self._plan, retry=retry)
                if (entry.is_photo or entry.is_video) and entry.status is Status.AVAILABLE:
                    plan.take(entry)
            if plan is None:
                plan = await asyncio.to_thread(self._plan, retry=retry)
        self._stages.add("list", 0.0, plan.total)
        return plan

    def _plan(self, *, retry: bool) -> Plan:
        return Plan(self._store, self._encoder, frames=self._wishes.frames, retry=retry, now=self._now())

    async def _pipeline(self, work: list[Item]) -> None:
        fetched: asyncio.Queue[Source | None] = asyncio.Queue(maxsize=DECODERS)
        size = self._encoder.batch if isinstance(self._encoder, SupportsBatch) else BATCH
        ready: asyncio.Queue[Ready | None] = asyncio.Queue(maxsize=2 * size)
        todo = iter(work)
        decoders = ThreadPoolExecutor(max_workers=DECODERS, thread_name_prefix="ap-decode")
        model = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ap-encode")
        sources = Sources(self._remote, self._encoder, self._stages, count=self._wishes.frames, threads=decoders)
        try:
            async with asyncio.TaskGroup() as tasks:
                fetching = [tasks.create_task(_fetch_all(todo, sources, fetched)) for _ in range(FETCHERS)]
                decoding = [tasks.create_task(self._decode_all(sources, fetched, ready)) for _ in range(DECODERS)]
                tasks.create_task(self._encode_all(ready, model, size))
                await asyncio.wait(fetching)
                for _ in decoding:
                    await fetched.put(None)
                await asyncio.wait(decoding)
                await ready.put(None)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            decoders.shutdown(wait=False, cancel_futures=True)
            # Whoever stops the build may do so at every await; what was encoded is kept all the same.
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(model.shutdown, wait=True, cancel_futures=True)
                await self._flush()

    async def _decode_all(
        self, sources: Sources, fetched: asyncio.Queue[Source | None], ready: asyncio.Queue[Ready | None]
    ) -> None:
        while (source := await fetched.get()) is not None:
            seen = source.item.first

            async def put(picture: Ready) -> None:
                nonlocal seen
                seen += 1
                await ready.put(picture)

            try:
                await sources.decode(source, put)
            except UnreadableError as exc:
                await self._fail(source, exc, seen=seen)

    async def _encode_all(self, ready: asyncio.Queue[Ready | None], model: ThreadPoolExecutor, size: int) -> None:
        loop = asyncio.get_running_loop()
        ended = False
        while not ended:
            batch: list[Ready] = []
            while len(batch) < size:
                item = await ready.get()
                if item is None:
                    ended = True
                    break
                batch.append(item)
            if batch:
                encoded = await loop.run_in_executor(model, self._encode, [each.picture for each in batch])
                self._vectors.append(encoded.vectors)
                self._records += [
                    Record(item.md5, labels, item.measures, item.frame, item.moment)
                    for item, labels in zip(batch, encoded.labels, strict=True)
                ]
                whole = sum(each.ends for each in batch)
                self._encoded += whole
                self._advance(whole)
            if len(self._records) >= FLUSH_ROWS or perf_counter() - self._flushed >= FLUSH_SECONDS:
                await self._flush()

    def _encode(self, pictures: list[Any]) -> Encoded:
        with self._stages.timed("encode", len(pictures)):
            if isinstance(self._encoder, SupportsPreparation):
                return self._encoder.encode_prepared(pictures, top=LABELS)
            labels: list[tuple[Label, ...]] = [()] * len(pictures)
            if isinstance(self._encoder, SupportsLabels):
                labels = self._encoder.labels(pictures, top=LABELS)
            return Encoded(self._encoder.encode_images(pictures), labels)

    async def _flush(self) -> None:
        vectors, records = self._vectors, self._records
        self._vectors, self._records, self._flushed = [], [], perf_counter()
        if records:
            with self._stages.timed("store", len(records)):
                one = self._encoder.fingerprint
                await asyncio.to_thread(lambda: self._store.append(one, np.concatenate(vectors), records))

    async def _fail(self, source: Source, exc: UnreadableError, *, seen: int) -> None:
        """Keep why a content has no vector, or a film only its first *seen* ones."""
        item = source.item
        reason = f"{exc}; it is found by its first picture only" if seen else str(exc)
        kept = failure(item, reason=reason, status=exc.status, now=self._now())
        if seen:
            self._partial.append((item.md5, kept))
        else:
            await asyncio.to_thread(self._store.fail, self._encoder.fingerprint, item.md5, kept)
        self._failed += [
            ItemFailure(path=each.path, reason=reason, status=kept.status, tries=kept.tries, again=kept.again)
            for each in item.entries
        ]
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

    Raises:
        QuerySyntaxError: in *query*.
        EncoderError: the weights are missing or do not fit.
        MissingExtraError: pictures of films are wanted, and what reads them is not installed.
        UnavailableError: the service stopped answering; what was done is kept.
        StoreError: the disk is full or cannot be written; what was stored before is kept.
    """
    return await Build(remote, store, encoder, progress, now).run(query=query, limit=limit, retry=retry)


async def _fetch_all(todo: Iterator[Item], sources: Sources, fetched: asyncio.Queue[Source | None]) -> None:
    for item in todo:
        await fetched.put(await sources.fetch(item))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group that is none: the cause, where tasks were cancelled after it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
