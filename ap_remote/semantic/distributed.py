"""A build's partitions on a dask cluster that is there already.

The client lists, plans and commits; workers fetch, decode, encode and write shards. They open the account by their own
configuration, and share its pace through the scheduler as all remotes in dask's workers do. What a task carries is the
name of the account, ids and paths, no credentials.

A worker that dies costs its partitions a new beginning elsewhere. A client that dies leaves whole shards behind, which
the next build adopts, with a cluster or without.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

import anyio

from ap_remote.errors import ConfigError, MissingExtraError, RemoteError, UnavailableError
from ap_remote.semantic import partitions_worker
from ap_remote.semantic.partitions_worker import Order
from ap_remote.semantic.registry import load_encoder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.partitions import Outcome, Partition

PATIENCE: Final = 10.0
"""Seconds for a scheduler to answer the first time (own choice)."""
PACKAGE: Final = "ap-remote"
_NEEDED: Final = (PACKAGE, "numpy", "pillow", "msgspec")
_AHEAD: Final = 2
"""Partitions handed to the scheduler for each place to work, so that none waits for the client (own choice)."""
_GPU: Final = "GPU"


class Cluster(NamedTuple):
    """A dask cluster, and how its workers get what they need."""

    address: str
    """Of its scheduler, such as ``tcp://10.0.0.1:8786``."""
    remote: Callable[[], Remote]
    """Opens the account in a worker. It is pickled: it may hold no credentials."""
    encoder: Callable[[], Encoder] | None = None
    """Makes the encoder in a worker; by default the build's own, by its name."""
    device: str | None = None
    """Where workers compute, as :func:`~ap_remote.semantic.registry.load_encoder` takes it."""
    compiled: bool = False
    size: int | None = None
    """Contents of a partition; see :func:`ap_remote.semantic.partitions.cut`."""


class Workers:
    """The workers of a cluster, ready for a build; :func:`workers` opens them."""

    def __init__(self, client: Any, cluster: Cluster, order: Order, found: Mapping[str, Any]) -> None:
        """Take what the scheduler says of its workers."""
        self._client = client
        self._cluster = cluster
        self._order = order
        self._futures: deque[Any] = deque()
        announced = [int(each.get("resources", {}).get(_GPU, 0)) for each in found.values()]
        self._resources = {_GPU: 1} if any(announced) and cluster.device != "cpu" else None
        cards = dict(zip(found, announced, strict=True))
        self._addresses = [each for each in found if cards[each] or not self._resources]
        self.processes = len(self._addresses)
        self.places = sum(cards[each] if self._resources else int(found[each]["nthreads"]) for each in self._addresses)
        """How many partitions are worked on at a time."""
        self.device = ""

    @property
    def build(self) -> str:
        """What tells this build from others."""
        return self._order.build

    @property
    def size(self) -> int | None:
        """The contents of a partition that were asked for."""
        return self._cluster.size

    async def greet(self) -> None:
        """Make sure that every worker can take part, before any is given work.

        Raises:
            ConfigError: one cannot; the sentence says which and why.
            UnavailableError: the scheduler went away.
        """
        with _reached(self._cluster):
            versions = await self._client.get_versions(packages=_NEEDED)
        own = versions["client"]["packages"][PACKAGE]
        for address in set(self._addresses) & versions["workers"].keys():
            packages = versions["workers"][address]["packages"]
            if packages[PACKAGE] != own:
                has = f"has {PACKAGE} {packages[PACKAGE]}" if packages[PACKAGE] else f"has no {PACKAGE}"
                raise ConfigError(f"the dask worker {address} {has}, and here it is {own}: install the same on both")
            missing = [name for name in _NEEDED if packages[name] is None]
            if missing:
                message = (
                    f"the dask worker {address} has no {', '.join(missing)}: pip install 'ap-remote[semantic]' there"
                )
                raise ConfigError(message)
        self.device = ", ".join(sorted({str(device) for device in await self._everywhere(_greeted)}))

    async def load(self) -> None:
        """Have every worker read the encoder's weights. Raises as :meth:`greet`."""
        await self._everywhere(_loaded)

    async def _everywhere(self, function: Callable[[Order], Coroutine[Any, Any, Any]]) -> list[Any]:
        """Run a function in every worker that takes part, and return its answers.

        Raises:
            ConfigError: one answers with an error.
            UnavailableError: the scheduler went away.
        """
        with _reached(self._cluster):
            told = await self._client.run(function, self._order, workers=self._addresses, on_error="return")
        for address, answer in told.items():
            if isinstance(answer, RemoteError):
                raise ConfigError(f"the dask worker {address} cannot take part: {answer}") from answer
            if isinstance(answer, BaseException) and not isinstance(answer, OSError):
                raise answer
        return [answer for answer in told.values() if not isinstance(answer, OSError)]  # the others left just now

    async def run(self, partitions: Iterator[Partition]) -> AsyncGenerator[tuple[Partition, Outcome]]:
        """Have partitions done, which are made in a thread when they are needed, and yield what became of them in turn.

        Raises:
            UnavailableError: the scheduler went away, or workers died of a partition again and again.
            RemoteError: what ended a partition: the account, the service, the disk.
        """
        from distributed import KilledWorker

        waiting: deque[Partition] = deque()
        died: KilledWorker | None = None
        while True:
            while len(waiting) < _AHEAD * self.places and (piece := await asyncio.to_thread(next, partitions, None)):
                waiting.append(piece)
                self._futures.append(self._submit(piece))
            if not waiting:
                break
            try:
                outcome = await self._futures[0].result()
            except KilledWorker as exc:
                died = exc
                waiting.popleft()
                self._futures.popleft()
                continue
            except CancelledError as exc:
                raise UnavailableError(f"{_scheduler(self._cluster)} went away; what was done is kept") from exc
            if outcome.error is not None:
                raise outcome.error
            yield waiting.popleft(), outcome
            self._futures.popleft()
        if died is not None:
            message = (
                f"{died.allowed_failures + 1} dask workers died over the same photographs; the others are stored: look "
                "at the workers' memory and logs, then build again"
            )
            raise UnavailableError(message) from died

    def _submit(self, partition: Partition) -> Any:
        # The resource of a card keeps two partitions from sharing one.
        return self._client.submit(
            partitions_worker.work,
            self._order,
            partition,
            key=f"ap-index-{partition.name}",
            resources=self._resources,
            pure=False,
        )

    async def release(self) -> None:
        """Break off what is under way, and let the workers free what they opened."""
        if self._futures:
            await self._client.cancel([*self._futures], force=True)
        await self._client.run(_released, self.build, on_error="ignore")


@asynccontextmanager
async def workers(
    cluster: Cluster, encoder: Encoder, *, place: str, cache: Path, frames: int
) -> AsyncIterator[Workers]:
    """Speak to a cluster while the block runs.

    Args:
        cluster: where it is.
        encoder: the build's; workers make their own by its name.
        place: where generations have their folders, as every worker reaches it.
        cache: what encoders keep; used where it is there.
        frames: pictures of each film beside its poster.

    Raises:
        MissingExtraError: dask is not installed.
        UnavailableError: no scheduler answers, it went away, or it has no workers.
        ConfigError: the address is none, or a worker cannot take part.
    """
    load = cluster.encoder or partial(
        _encoder, encoder.spec, cache=cache, device=cluster.device, compiled=cluster.compiled
    )
    order = Order(uuid4().hex, cluster.remote, load, encoder.fingerprint, place, frames)
    client = await _client(cluster)
    try:
        with _reached(cluster):
            found = (await client.scheduler.identity())["workers"]
        if not found:
            raise UnavailableError(f"{_scheduler(cluster)} has no workers: start `dask worker {cluster.address}`")
        opened = Workers(client, cluster, order, found)
        try:
            await opened.greet()
            yield opened
        finally:
            with anyio.move_on_after(partitions_worker.ENDING, shield=True), suppress(OSError, CancelledError):
                await opened.release()
    finally:
        with anyio.move_on_after(PATIENCE, shield=True):
            await client.close()


async def _client(cluster: Cluster) -> Any:
    """Return a connected client.

    Raises:
        MissingExtraError: dask is not installed.
        UnavailableError: no scheduler answers.
        ConfigError: the address is none.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as exc:
        raise MissingExtraError("a build on a dask cluster", "dask") from exc
    client: Any = None
    try:
        client = Client(  # type: ignore[no-untyped-call]  # distributed leaves most of it untyped
            cluster.address, asynchronous=True, set_as_default=False, timeout=PATIENCE
        )
        await client
    except (OSError, MemoryError, ValueError, TypeError) as exc:  # TypeError: TLS that nobody has set up
        if client is not None:
            await client.close()
        if isinstance(exc, OSError):
            message = f"{_scheduler(cluster)} does not answer: start one with `dask scheduler`, or look at the address"
            raise UnavailableError(message) from exc
        if isinstance(exc, MemoryError):  # what another kind of server says is taken for the length of a message
            raise ConfigError(f"what answers at {cluster.address} is no dask scheduler: look at the address") from exc
        raise ConfigError(f"{cluster.address!r} is no address of a dask scheduler: {exc}") from exc
    return client


def _scheduler(cluster: Cluster) -> str:
    return f"dask's scheduler at {cluster.address}"


@contextmanager
def _reached(cluster: Cluster) -> Iterator[None]:
    """Tell in one sentence that the connection broke while the block waited for the scheduler."""
    try:
        yield
    except OSError as exc:
        message = f"{_scheduler(cluster)} went away: see that it runs and can be reached from here, then build again"
        raise UnavailableError(message) from exc


def _encoder(spec: str, *, cache: Path, device: str | None, compiled: bool) -> Encoder:
    """Return the encoder in a worker, which may be on another machine."""
    return load_encoder(spec, cache=cache if cache.parent.is_dir() else None, device=device, compiled=compiled)


async def _greeted(order: Order) -> str | RemoteError:
    return await asyncio.to_thread(partitions_worker.greet, order)


async def _loaded(order: Order) -> RemoteError | None:
    return await asyncio.to_thread(partitions_worker.load, order)


async def _released(build: str) -> None:
    await asyncio.to_thread(partitions_worker.release, build)
