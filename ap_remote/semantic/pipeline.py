"""Fetch, decode and encode: the stages between a plan and its vectors, wherever they run.

Fetching is asynchronous and bounded, decoding runs in threads, encoding in one thread of its own, so that the network,
the decoder and the model work at the same time; bounded queues between them keep memory flat and hold the faster ones
back.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol

from ap_remote.semantic.encoder import Encoded, SupportsBatch, SupportsLabels, SupportsPreparation
from ap_remote.semantic.shards import Record
from ap_remote.semantic.sources import Ready, Source, Sources
from ap_remote.semantic.thumbnails import UnreadableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.planning import Item
    from ap_remote.semantic.results import Label
    from ap_remote.semantic.stages import Stages

BATCH: Final = 16
"""Pictures in one pass of a model that names no number; more is no faster on a processor and waits longer."""

FETCHERS: Final = 8
DECODERS: Final = min(16, os.cpu_count() or 1)
LABELS: Final = 5


class Sink(Protocol):
    """Takes what comes out of a pipeline. Both are called on the event loop, for one thing at a time or the other."""

    async def keep(self, vectors: NDArray[np.float32], records: list[Record], *, whole: int) -> None:
        """Take the vectors ``[n, dim]`` of a batch and whose they are; with it *whole* contents are complete."""
        ...

    async def fail(self, item: Item, exc: UnreadableError, *, seen: int) -> None:
        """Take why a content has no vector, or a film only its first *seen* ones."""
        ...


class Pools:
    """The threads of a pipeline; several pipelines of one process may share them, and so take turns at the model."""

    def __init__(self) -> None:
        """Start none before there is work."""
        self.decoders = ThreadPoolExecutor(max_workers=DECODERS, thread_name_prefix="ap-decode")
        self.model = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ap-encode")

    def close(self) -> None:
        """Begin nothing any more, and wait for the model's last pass."""
        self.decoders.shutdown(wait=False, cancel_futures=True)
        self.model.shutdown(wait=True, cancel_futures=True)


class Pipeline:
    """One run of the stages."""

    def __init__(
        self,
        remote: Remote,
        encoder: Encoder,
        stages: Stages,
        *,
        frames: int,
        pools: Pools,
        elsewhere: Sequence[Entry] = (),
    ) -> None:
        """Keep what the stages share.

        Args:
            remote: whose photographs.
            encoder: makes the vectors; its weights are read.
            stages: times the stages ``fetch``, ``decode`` and ``encode``.
            frames: pictures of each film beside its poster.
            pools: stay open.
            elsewhere: photographs that tell whether the service is down, when several in a row do not come.
        """
        self._encoder = encoder
        self._stages = stages
        self._pools = pools
        self._sources = Sources(remote, encoder, stages, count=frames, threads=pools.decoders, elsewhere=elsewhere)

    async def run(self, work: Iterator[Sequence[Item]], sink: Sink) -> None:
        """Bring all contents of *work*, which is read in a thread, to *sink*.

        Raises:
            EncoderError: the weights are missing or do not fit.
            UnavailableError: the service stopped answering; what came before went to *sink*.
            RemoteError: what concerns the account and not a content; or what *sink* raises.
        """
        fetched: asyncio.Queue[Source | None] = asyncio.Queue(maxsize=DECODERS)
        size = self._encoder.batch if isinstance(self._encoder, SupportsBatch) else BATCH
        ready: asyncio.Queue[Ready | None] = asyncio.Queue(maxsize=2 * size)
        todo, turn = _each(work), asyncio.Lock()
        try:
            async with asyncio.TaskGroup() as tasks:
                fetching = [tasks.create_task(self._fetch_all(todo, turn, fetched)) for _ in range(FETCHERS)]
                decoding = [tasks.create_task(self._decode_all(fetched, ready, sink)) for _ in range(DECODERS)]
                tasks.create_task(self._encode_all(ready, size, sink))
                await asyncio.wait(fetching)
                for _ in decoding:
                    await fetched.put(None)
                await asyncio.wait(decoding)
                await ready.put(None)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        if self._sources.end is not None:
            raise self._sources.end

    async def _fetch_all(
        self, todo: AsyncIterator[Item], turn: asyncio.Lock, fetched: asyncio.Queue[Source | None]
    ) -> None:
        while await self._sources.is_up():
            async with turn:
                item = await anext(todo, None)
            if item is None:
                return
            await fetched.put(await self._sources.fetch(item))

    async def _decode_all(
        self, fetched: asyncio.Queue[Source | None], ready: asyncio.Queue[Ready | None], sink: Sink
    ) -> None:
        while (source := await fetched.get()) is not None:
            seen = source.item.first

            async def put(picture: Ready) -> None:
                nonlocal seen
                seen += 1
                await ready.put(picture)

            try:
                await self._sources.decode(source, put)
            except UnreadableError as exc:
                await sink.fail(source.item, exc, seen=seen)

    async def _encode_all(self, ready: asyncio.Queue[Ready | None], size: int, sink: Sink) -> None:
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
                pictures = [each.picture for each in batch]
                encoded = await loop.run_in_executor(self._pools.model, self._encode, pictures)
                records = [
                    Record(item.md5, labels, item.measures, item.frame, item.moment)
                    for item, labels in zip(batch, encoded.labels, strict=True)
                ]
                await sink.keep(encoded.vectors, records, whole=sum(each.ends for each in batch))

    def _encode(self, pictures: list[Any]) -> Encoded:
        with self._stages.timed("encode", len(pictures)):
            if isinstance(self._encoder, SupportsPreparation):
                return self._encoder.encode_prepared(pictures, top=LABELS)
            labels: list[tuple[Label, ...]] = [()] * len(pictures)
            if isinstance(self._encoder, SupportsLabels):
                labels = self._encoder.labels(pictures, top=LABELS)
            return Encoded(self._encoder.encode_images(pictures), labels)


async def _each(work: Iterator[Sequence[Item]]) -> AsyncIterator[Item]:
    while piece := await asyncio.to_thread(next, work, ()):
        for item in piece:
            yield item


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group that is none: the cause, where tasks were cancelled after it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
