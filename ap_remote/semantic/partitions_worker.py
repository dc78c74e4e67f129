"""What a worker's process keeps between partitions: the account's open remote, the encoder, the threads.

Each process opens one bench for a build, whichever of its threads comes first, and closes it when the build says so or
another build comes. The functions of this module run in workers; they know no scheduler, only what they are handed.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from ap_remote.errors import ConfigError, EncoderError, RemoteError, UnavailableError
from ap_remote.semantic.frames import need_video
from ap_remote.semantic.partitions import Outcome, Partition, fill
from ap_remote.semantic.pipeline import Pools

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder

T = TypeVar("T")

ENDING: Final = 15.0
"""Seconds for which the end of a build waits for what a worker keeps of its last passes (own choice)."""


class Order(NamedTuple):
    """What all partitions of a build share. It goes to every worker, so nothing in it may be a secret."""

    build: str
    """Tells this build from others."""
    remote: Callable[[], Remote]
    """Opens the account by the worker's own configuration."""
    encoder: Callable[[], Encoder]
    fingerprint: str
    place: str
    """Where the vectors are kept, as every worker reaches it."""
    frames: int = 0

    def __repr__(self) -> str:
        """Return which build it is."""
        return f"<build {self.build}>"


def greet(order: Order) -> str | RemoteError:
    """Open this process's bench and return the encoder's device, or why it cannot take part."""
    try:
        bench = _sit(order)
    except RemoteError as exc:
        return exc
    _leave(bench)
    return bench.encoder.device


def load(order: Order) -> RemoteError | None:
    """Read the encoder's weights, and return why they cannot be read."""
    try:
        bench = _sit(order)
    except RemoteError as exc:
        return exc
    try:
        bench.load()
    except RemoteError as exc:
        return exc
    finally:
        _leave(bench)
    return None


def work(order: Order, partition: Partition) -> Outcome:
    """Do a partition. What ends the build is in the outcome, so that no log shows what a traceback would."""
    try:
        bench = _sit(order)
    except RemoteError as exc:
        return Outcome(partition.name, {}, {}, ConfigError(f"the worker on {socket.gethostname()} cannot help: {exc}"))
    try:
        return bench.run(partition)
    except RemoteError as exc:
        return Outcome(partition.name, {}, {}, exc)
    finally:
        _leave(bench)


def release(build: str) -> None:
    """Break off what a build still does in this process, keep what was encoded, and let its bench go."""
    with _lock:
        _ended.append(build)
        bench = _benches.get(build)
        if bench is not None:
            bench.stop()
            _close_idle()


class Bench:
    """An open remote and an encoder, with an event loop of their own."""

    def __init__(self, order: Order) -> None:
        """Open them.

        Raises:
            ConfigError: the account is not known here, or is another one.
            AuthenticationError: its credentials are missing here.
            EncoderError: the encoder here is not the build's.
            MissingExtraError: a library is not installed.
        """
        if order.frames:
            need_video()
        self.users = 0
        self.encoder = order.encoder()
        if self.encoder.fingerprint != order.fingerprint:
            message = (
                f"its encoder {self.encoder.spec!r} has the fingerprint {self.encoder.fingerprint}, not the build's "
                f"{order.fingerprint}; give it the same weights"
            )
            raise EncoderError(message)
        self._order = order
        self._remote = order.remote()
        self._pools = Pools()
        self._running: set[asyncio.Task[Outcome]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ap-bench", daemon=True)
        self._thread.start()
        self._wait(self._remote.__aenter__())

    def load(self) -> None:
        """Read the encoder's weights; raises as :meth:`ap_remote.semantic.encoder.Encoder.load`."""
        self._pools.model.submit(self.encoder.load).result()

    def run(self, partition: Partition) -> Outcome:
        """Do a partition; raises as :func:`ap_remote.semantic.partitions.fill`."""
        return self._wait(self._do(partition))

    async def _do(self, partition: Partition) -> Outcome:
        order = self._order
        doing = asyncio.create_task(
            fill(self._remote, self.encoder, partition, place=order.place, frames=order.frames, pools=self._pools)
        )
        self._running.add(doing)
        try:
            return await doing
        except asyncio.CancelledError:
            return Outcome(partition.name, {}, {}, UnavailableError("the build was broken off"))
        finally:
            self._running.discard(doing)

    def stop(self) -> None:
        """Break off what is being done, and return when what was encoded is kept."""
        self._wait(self._stop())

    async def _stop(self) -> None:
        running = [*self._running]
        for each in running:
            each.cancel()
        if running:
            await asyncio.wait(running, timeout=ENDING)

    def close(self) -> None:
        """Let everything go; nothing may run any more."""
        self._wait(self._remote.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._pools.close()

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def _sit(order: Order) -> Bench:
    """Return this process's bench for a build, opened by whoever comes first."""
    with _lock:
        if order.build in _ended:
            raise UnavailableError("the build was broken off")
        bench = _benches.get(order.build)
        if bench is None:
            _close_idle()
            bench = _benches[order.build] = Bench(order)
        bench.users += 1
        return bench


def _leave(bench: Bench) -> None:
    with _lock:
        bench.users -= 1
        if any(_benches[build] is bench for build in _ended if build in _benches):
            _close_idle()


def _close_idle() -> None:
    """Close the benches that nobody sits at; whoever calls holds the lock."""
    for build, bench in [*_benches.items()]:
        if not bench.users:
            del _benches[build]
            bench.close()


_lock: Final = threading.Lock()
_benches: Final[dict[str, Bench]] = {}
_ended: Final[deque[str]] = deque(maxlen=64)
"""Builds that are over, the last ones: a task of theirs that comes late does nothing."""
