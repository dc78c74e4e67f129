"""The pipeline of a build: list, leave out what is there, fetch, decode, encode, store.

Fetching is asynchronous and bounded, decoding runs in threads, encoding in one thread of its own, so that the network,
the decoder and the model work at the same time; a bounded queue between them keeps memory flat. Vectors reach the
disk every :data:`FLUSH_ROWS` photographs or :data:`FLUSH_SECONDS`, and when a build is broken off: the next one goes
on from there.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio
import numpy as np

from ap_remote.errors import UnavailableError
from ap_remote.model import Status
from ap_remote.semantic import thumbnails
from ap_remote.semantic.encoder import Encoded, SupportsLabels, SupportsPreparation
from ap_remote.semantic.measures import Measures, measure
from ap_remote.semantic.results import BuildReport, ItemFailure, Label
from ap_remote.semantic.shards import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.store import EmbeddingStore

BATCH: Final = 16
"""Photographs in one pass of the model; more is no faster on a processor and waits longer."""

FETCHERS: Final = 8
FLUSH_ROWS: Final = 1024
FLUSH_SECONDS: Final = 20.0
LABELS: Final = 5
SILENCE: Final = 5
"""Failures of the connection in a row after which the build ends: the service is down, not the photographs."""


class _Decoded(NamedTuple):
    picture: Any
    """What the encoder takes."""
    measures: Measures


class _Ready(NamedTuple):
    md5: str
    decoded: _Decoded


class _Work(NamedTuple):
    """A content without a vector, and the photographs that have it."""

    md5: str
    entries: list[Entry]


class Build:
    """One run of the pipeline; use :func:`build`."""

    def __init__(
        self,
        remote: Remote,
        store: EmbeddingStore,
        encoder: Encoder,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Keep what the stages share."""
        self._remote = remote
        self._store = store
        self._encoder = encoder
        self._progress = progress
        self._stages = dict.fromkeys(("list", "load", "fetch", "decode", "encode", "store"), 0.0)
        self._failed: list[ItemFailure] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._records: list[Record] = []
        self._flushed = perf_counter()
        self._silence = 0
        self._done = 0
        self._total = 0
        self._encoded = 0

    async def run(self, *, query: str, limit: int | None, retry: bool) -> BuildReport:
        """Run all stages and report."""
        began = perf_counter()
        entries = await self._list(query)
        work = await asyncio.to_thread(self._plan, entries, complete=not query, retry=retry)
        left = [] if limit is None else work[limit:]
        work = work[: len(work) - len(left)]
        later = sum(len(each.entries) for each in left)
        self._total = len(entries) - later
        self._advance(self._total - len(work))
        busy = 0.0
        if work:
            await self._timed("load", self._encoder.load)
            started = perf_counter()
            await self._pipeline(work)
            busy = perf_counter() - started
        await asyncio.to_thread(self._finish)
        return BuildReport(
            total=self._total,
            encoded=self._encoded,
            reused=self._total - self._encoded - len(self._failed),
            left=later,
            failed=tuple(sorted(self._failed, key=lambda each: each.path)),
            seconds=perf_counter() - began,
            images_per_second=self._encoded / busy if busy else 0.0,
            device=self._encoder.device,
            encoder=self._encoder.spec,
            fingerprint=self._encoder.fingerprint,
            stages={stage: round(seconds, 6) for stage, seconds in self._stages.items()},
        )

    async def _list(self, query: str) -> list[Entry]:
        began = perf_counter()
        entries = [
            entry async for entry in self._remote.search(query) if entry.is_photo and entry.status is Status.AVAILABLE
        ]
        self._stages["list"] += perf_counter() - began
        return entries

    def _plan(self, entries: list[Entry], *, complete: bool, retry: bool) -> list[_Work]:
        """Point photographs at their contents and return the contents that need a vector."""
        fingerprint = self._encoder.fingerprint
        self._store.begin(fingerprint, self._encoder.spec, self._encoder.dim)
        self._store.point([(each.id, each.md5, each.path) for each in entries if each.md5], complete=complete)
        known = self._store.catalog.known(fingerprint)
        lasting = {
            md5: failure
            for md5, failure in self._store.catalog.failures(fingerprint).items()
            if failure.status != "transient" and not retry
        }
        work: dict[str, _Work] = {}
        for entry in entries:
            if entry.md5 is None:
                reason = "the service has no checksum of it yet"
                self._failed.append(ItemFailure(path=entry.path, reason=reason, status="transient"))
            elif entry.md5 in lasting:
                failure = lasting[entry.md5]
                self._failed.append(ItemFailure(path=entry.path, reason=failure.reason, status=failure.status))
            elif entry.md5 not in known:
                work.setdefault(entry.md5, _Work(entry.md5, [])).entries.append(entry)
        return list(work.values())

    async def _pipeline(self, work: list[_Work]) -> None:
        ready: asyncio.Queue[_Ready | None] = asyncio.Queue(maxsize=2 * BATCH)
        todo = iter(work)
        decoders = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="ap-decode")
        model = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ap-encode")
        try:
            async with asyncio.TaskGroup() as tasks:
                fetchers = [tasks.create_task(self._fetch_all(todo, ready, decoders)) for _ in range(FETCHERS)]
                tasks.create_task(self._encode_all(ready, model))
                await asyncio.wait(fetchers)
                await ready.put(None)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            decoders.shutdown(wait=False, cancel_futures=True)
            # Whoever stops the build may do so at every await; what was encoded is kept all the same.
            with anyio.CancelScope(shield=True):
                await asyncio.to_thread(model.shutdown, wait=True, cancel_futures=True)
                await self._flush()

    async def _fetch_all(
        self, todo: Iterator[_Work], ready: asyncio.Queue[_Ready | None], decoders: ThreadPoolExecutor
    ) -> None:
        for work in todo:
            picture = await self._picture(work, decoders)
            if isinstance(picture, ItemFailure):
                await self._fail(work, picture)
            else:
                await ready.put(_Ready(work.md5, picture))

    async def _picture(self, work: _Work, decoders: ThreadPoolExecutor) -> _Decoded | ItemFailure:
        """Return what the encoder takes, from the first photograph of that content which is still there."""
        failure = ItemFailure(path=work.entries[0].path, reason="it is no longer there", status="missing")
        for entry in work.entries:
            began = perf_counter()
            fetched = await thumbnails.fetch(self._remote, entry, size=self._encoder.thumbnail_size)
            self._stages["fetch"] += perf_counter() - began
            self._silence = self._silence + 1 if fetched.status == "transient" else 0
            if self._silence >= SILENCE:
                raise UnavailableError(f"the build was broken off, {SILENCE} photographs in a row: {fetched.reason}")
            if fetched.status == "ok":
                try:
                    return await asyncio.get_running_loop().run_in_executor(decoders, self._decode, fetched)
                except thumbnails.UnreadableError as exc:
                    return ItemFailure(path=entry.path, reason=str(exc), status="unreadable")
            failure = ItemFailure(path=entry.path, reason=fetched.reason, status=fetched.status)
            if fetched.status != "missing":
                break
        return failure

    def _decode(self, fetched: thumbnails.Fetched) -> _Decoded:
        began = perf_counter()
        try:
            size = self._encoder.thumbnail_size
            image = thumbnails.decode(fetched.data, size=size, upright=fetched.upright)
            ready = self._encoder.prepare(image) if isinstance(self._encoder, SupportsPreparation) else image
            return _Decoded(ready, measure(image))
        finally:
            self._stages["decode"] += perf_counter() - began

    async def _encode_all(self, ready: asyncio.Queue[_Ready | None], model: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        ended = False
        while not ended:
            batch: list[_Ready] = []
            while len(batch) < BATCH:
                item = await ready.get()
                if item is None:
                    ended = True
                    break
                batch.append(item)
            if batch:
                encoded = await loop.run_in_executor(model, self._encode, [each.decoded.picture for each in batch])
                self._vectors.append(encoded.vectors)
                self._records += [
                    Record(item.md5, labels, item.decoded.measures)
                    for item, labels in zip(batch, encoded.labels, strict=True)
                ]
                self._encoded += len(batch)
                self._advance(len(batch))
            if len(self._records) >= FLUSH_ROWS or perf_counter() - self._flushed >= FLUSH_SECONDS:
                await self._flush()

    def _encode(self, pictures: list[Any]) -> Encoded:
        began = perf_counter()
        try:
            if isinstance(self._encoder, SupportsPreparation):
                return self._encoder.encode_prepared(pictures, top=LABELS)
            labels: list[tuple[Label, ...]] = [()] * len(pictures)
            if isinstance(self._encoder, SupportsLabels):
                labels = self._encoder.labels(pictures, top=LABELS)
            return Encoded(self._encoder.encode_images(pictures), labels)
        finally:
            self._stages["encode"] += perf_counter() - began

    async def _flush(self) -> None:
        vectors, records = self._vectors, self._records
        self._vectors, self._records, self._flushed = [], [], perf_counter()
        if records:
            await self._timed(
                "store",
                lambda: self._store.append(self._encoder.fingerprint, np.concatenate(vectors), records),
            )

    async def _fail(self, work: _Work, failure: ItemFailure) -> None:
        await asyncio.to_thread(self._store.fail, self._encoder.fingerprint, work.md5, failure)
        self._failed += [
            ItemFailure(path=entry.path, reason=failure.reason, status=failure.status) for entry in work.entries
        ]
        self._advance(1)

    def _finish(self) -> None:
        fingerprint = self._encoder.fingerprint
        self._store.catalog.touch(fingerprint, datetime.now(UTC).isoformat(timespec="seconds"))
        if self._store.catalog.uncovered(fingerprint) == 0:
            self._store.catalog.activate(fingerprint)

    async def _timed(self, stage: str, action: Callable[[], None]) -> None:
        began = perf_counter()
        await asyncio.to_thread(action)
        self._stages[stage] += perf_counter() - began

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
) -> BuildReport:
    """Bring the vectors of *remote*'s photographs up to date.

    Args:
        remote: whose photographs.
        store: an open writer.
        encoder: makes the vectors.
        query: only photographs that this search finds, in Amazon's syntax.
        limit: at most so many new contents, in the order of the search; the next build takes the next ones.
        retry: try again what could not be decoded at an earlier build.
        progress: gets photographs done and in all; called on the event loop.

    Raises:
        QuerySyntaxError: in *query*.
        EncoderError: the weights are missing or do not fit.
        UnavailableError: the service stopped answering; what was done is kept.
        StoreError: the disk is full or cannot be written; what was stored before is kept.
    """
    return await Build(remote, store, encoder, progress).run(query=query, limit=limit, retry=retry)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group that is none: the cause, where tasks were cancelled after it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
