"""Where a build's pictures come from: thumbnails, photographs themselves, films."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ap_remote.errors import (
    IntegrityError,
    IsFolderError,
    MissingExtraError,
    NotFoundError,
    TransportError,
    UnavailableError,
)
from ap_remote.model import ByteRange, NodeId
from ap_remote.semantic import frames, thumbnails
from ap_remote.semantic.encoder import SupportsPreparation
from ap_remote.semantic.measures import Measures, measure
from ap_remote.semantic.thumbnails import Fetched, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Executor, Future

    from PIL.Image import Image

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.planning import Item
    from ap_remote.semantic.stages import Stages

SILENCE: Final = 5
"""Failures of the connection in a row after which others are asked for: the service may be down, or has no pictures of
a whole folder."""
ELSEWHERE: Final = 3
"""Photographs from elsewhere that must fail as well before the build ends (own choice)."""


class Ready(NamedTuple):
    """A picture as the encoder takes it."""

    md5: str
    picture: Any
    """What the encoder takes."""
    measures: Measures
    frame: int = 0
    moment: float = 0.0
    ends: bool = True
    """Whether it is the last picture of its content."""


class Source(NamedTuple):
    """What was fetched of a content, from the first of its entries that is still there."""

    item: Item
    entry: Entry
    fetched: Fetched | None
    """``None`` for a film whose pictures come from itself alone."""


class Sources:
    """Fetches on the event loop, decodes in threads."""

    def __init__(
        self,
        remote: Remote,
        encoder: Encoder,
        stages: Stages,
        *,
        count: int,
        threads: Executor,
        elsewhere: Sequence[Entry] = (),
    ) -> None:
        """Take *count* pictures of each film beside its poster; *elsewhere* are asked for in doubt."""
        self._remote = remote
        self._encoder = encoder
        self._stages = stages
        self._count = count
        self._threads = threads
        self._elsewhere = elsewhere
        self._came: Entry | None = None
        self._silence = 0
        self._reason = ""
        self._doubt = asyncio.Lock()
        self.end: UnavailableError | None = None
        """Why nothing more is to be fetched."""

    async def fetch(self, item: Item) -> Source:
        """Fetch what is needed of a content; what went wrong is in the answer.

        Raises:
            RemoteError: what concerns the account and not this content.
        """
        source = Source(item, item.entries[0], None)
        for entry in item.entries:
            if item.first:
                return source._replace(entry=entry)
            load = thumbnails.thumbnail if entry.is_video else thumbnails.fetch
            with self._stages.timed("fetch"):
                fetched = await load(self._remote, entry, size=self._encoder.thumbnail_size)
            self._heard(entry, fetched)
            source = Source(item, entry, fetched)
            if fetched is None or fetched.status != "missing":
                break
        return source

    def _heard(self, entry: Entry, fetched: Fetched | None) -> None:
        if fetched is not None and fetched.status == "transient":
            self._silence += 1
            self._reason = fetched.reason
            return
        self._silence = 0
        if fetched is not None and fetched.status == "ok":
            self._came = entry

    def _is_in_doubt(self) -> bool:
        return self.end is None and self._silence >= SILENCE

    async def is_up(self) -> bool:
        """Say whether to go on: after :data:`SILENCE` failures in a row photographs from elsewhere are asked for.

        Raises:
            RemoteError: what concerns the account.
        """
        if self._is_in_doubt():
            async with self._doubt:
                if self._is_in_doubt() and not await self._answers():
                    message = f"the build was broken off, {SILENCE} photographs in a row: {self._reason}"
                    self.end = UnavailableError(message)
        return self.end is None

    async def _answers(self) -> bool:
        """Ask for what came last, or for others, until one comes or so many do not."""
        came = () if self._came is None else (self._came,)
        for entry in (*came, *self._elsewhere)[:ELSEWHERE]:
            found = await thumbnails.thumbnail(self._remote, entry, size=self._encoder.thumbnail_size)
            if found is None:
                found = await thumbnails.beginning(self._remote, entry)
            if found.status != "transient":
                self._silence = 0
            if self._silence < SILENCE:  # another one may have come meanwhile
                return True
        return False

    async def decode(self, source: Source, put: Callable[[Ready], Awaitable[None]]) -> None:
        """Hand over the pictures of a content, each when it is decoded.

        Raises:
            UnreadableError: they cannot be read, wholly or from there on; the text says why.
        """
        if source.fetched is not None and source.fetched.status != "ok":
            raise UnreadableError(source.fetched.reason, status=source.fetched.status)
        if not source.entry.is_video:
            await put(await self._photograph(source))
            return
        last = await self._poster(source)
        numbers = [number for number in range(self._count + 1) if number >= source.item.first]
        wanted = numbers if last is None else numbers[1:]
        if wanted:
            last = await self._film(source, wanted, last, put)
        if last is not None:
            await put(last)

    async def _photograph(self, source: Source) -> Ready:
        entry, fetched = source.entry, source.fetched
        assert fetched is not None  # noqa: S101 - only films do without
        shape = (None, None) if entry.media is None else (entry.media.width, entry.media.height)
        try:
            return await self._decoded(source, fetched, shape=shape if fetched.upright else (None, None))
        except UnreadableError as exc:
            if not fetched.upright:
                raise
            # The service rendered something that cannot be used; the photograph itself may well be whole.
            with self._stages.timed("fetch"):
                whole = await thumbnails.original(self._remote, entry)
            if whole.status != "ok":
                raise UnreadableError(f"{exc}; and {whole.reason}", status=whole.status) from exc
            return await self._decoded(source, whole)

    async def _poster(self, source: Source) -> Ready | None:
        """Return a film's thumbnail; where there is none that can be read, its beginning must do."""
        if source.fetched is None:
            return None
        try:
            return await self._decoded(source, source.fetched)
        except UnreadableError:
            return None

    async def _decoded(
        self, source: Source, fetched: Fetched, *, shape: tuple[int | None, int | None] = (None, None)
    ) -> Ready:
        def work() -> Ready:
            with self._stages.timed("decode"):
                size = self._encoder.thumbnail_size
                image = thumbnails.decode(fetched.data, size=size, upright=fetched.upright, shape=shape)
                return self._ready(source.item.md5, image)

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _ready(self, md5: str, image: Image, frame: int = 0, moment: float = 0.0) -> Ready:
        ready = self._encoder.prepare(image) if isinstance(self._encoder, SupportsPreparation) else image
        return Ready(md5, ready, measure(image), frame, moment)

    async def _film(
        self, source: Source, numbers: list[int], last: Ready | None, put: Callable[[Ready], Awaitable[None]]
    ) -> Ready | None:
        """Hand over pictures of the film itself, all but the last, which is returned."""
        loop = asyncio.get_running_loop()
        reader = _Reader(self._remote, source.entry, loop, self._stages)
        at = [0.0, *frames.shares(self._count)]
        size = self._encoder.thumbnail_size
        file = frames.RangedFile(reader, source.entry.size)
        found = frames.pictures(file, [at[number] for number in numbers], size=size)

        def work(number: int) -> Ready | None:
            began, waited = perf_counter(), reader.seconds
            picture = next(found, None)
            ready = None if picture is None else self._ready(source.item.md5, picture[1], number, picture[0])
            self._stages.add("decode", perf_counter() - began - (reader.seconds - waited))
            return ready

        try:
            for number in numbers:
                if last is not None:
                    await put(last._replace(ends=False))
                last = None
                last = await loop.run_in_executor(self._threads, work, number)
        except (NotFoundError, IsFolderError) as exc:
            raise UnreadableError("it is no longer there", status="missing") from exc
        except (TransportError, IntegrityError) as exc:
            raise UnreadableError(str(exc), status="transient") from exc
        except MissingExtraError as exc:
            raise UnreadableError(f"it has no thumbnail, and {exc}; then build with --retry") from exc
        finally:
            reader.close()
        return last


class _Reader:
    """Reads ranges of a file for a thread, on the event loop where the remote lives."""

    def __init__(self, remote: Remote, entry: Entry, loop: asyncio.AbstractEventLoop, stages: Stages) -> None:
        self._remote = remote
        self._entry = entry
        self._loop = loop
        self._stages = stages
        self._pending: Future[bytes] | None = None
        self._closed = False
        self.seconds = 0.0

    def __call__(self, start: int, stop: int) -> bytes:
        began = perf_counter()
        self._pending = asyncio.run_coroutine_threadsafe(self._read(start, stop), self._loop)
        if self._closed:
            self._pending.cancel()
        try:
            return self._pending.result()
        finally:
            spent = perf_counter() - began
            self.seconds += spent
            self._stages.add("fetch", spent)

    async def _read(self, start: int, stop: int) -> bytes:
        span = ByteRange(start, stop)
        return b"".join([piece async for piece in self._remote.get(NodeId(self._entry.id), span=span)])

    def close(self) -> None:
        """Let a thread that waits go: the event loop may end before its answer comes."""
        self._closed = True
        if self._pending is not None:
            self._pending.cancel()
