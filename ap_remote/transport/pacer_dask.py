"""The pacing that all workers of a dask cluster share, through its scheduler.

Nothing here imports ``distributed``: only where a worker runs in this process, which somebody else then imported it
for, its scheduler is asked. Each process of a worker asks for as many permits at once as requests wait in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import uuid
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from ap_remote.errors import UnavailableError
from ap_remote.transport.allowance import Allowance
from ap_remote.transport.desk import ROUND, Dealt, Desk
from ap_remote.transport.pacer import PATIENCE, Pacer, Pacing, too_long

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import AsyncIterator, Callable, Coroutine

    from distributed import Worker

AGAIN: Final = 60.0
"""Seconds after which a scheduler that did not answer is asked again."""
CROWD: Final = 8
"""The workers that are assumed where the scheduler never told their number (own choice)."""
_ENDED: Final = frozenset({"closing", "closed", "failed", "stopping", "stopped"})

_log: Final = logging.getLogger("ap_remote.transport")


def pacing(account: str, *, rate: float | None, concurrency: int | None) -> Pacing:
    """Return the pacing of an account: in a dask worker the one that all workers share, elsewhere its own.

    Args:
        account: what tells the account from others, e.g. name and address. It is no secret.
        rate: requests per second; ``None`` sets no limit.
        concurrency: requests in flight; ``None`` sets no limit.
    """
    if rate is None and concurrency is None:
        return Pacer.unlimited()
    worker = worker_here()
    if worker is None:
        return Pacer(rate=rate, concurrency=concurrency)
    return SharedPacer(_share(worker, account, rate, concurrency))


def worker_here() -> Worker | None:
    """Return the dask worker that this code runs in, or one of this process; never one of a parent process."""
    module = sys.modules.get("distributed.worker")
    if module is None:
        return None
    found = []
    with suppress(ValueError):  # no task runs in this thread; pyarrow's threads, for one, are not dask's
        found.append(module.get_worker())
    for worker in (*found, *module.Worker._instances):  # noqa: SLF001 - the only list of them, kept since 2019
        # After a fork the parent's workers are still listed; what watches their process tells whose they are.
        if worker.status.name not in _ENDED and worker.monitor.proc.pid == os.getpid():
            return worker  # type: ignore[no-any-return]  # a module out of sys.modules has no types
    return None


class Permit:
    """One request's leave to go, waited for on the loop that sends it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.granted = self._loop.create_future()

    def grant(self) -> bool:
        """Let the request go, from any thread; whether its loop still runs."""
        return self._settle(lambda: self.granted.set_result(None))

    def refuse(self, error: Exception) -> bool:
        """Let the request fail, from any thread; whether its loop still runs."""
        return self._settle(lambda: self.granted.set_exception(error))

    def _settle(self, settle: Callable[[], None]) -> bool:
        try:
            self._loop.call_soon_threadsafe(lambda: None if self.granted.done() else settle())
        except RuntimeError:  # the loop is closed
            return False
        return True


class SharedPacer:
    """The pacing of one transport in a dask worker. All transports of an account in the process have one share."""

    def __init__(self, share: Share) -> None:
        self.share = share

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a place for one request.

        Raises:
            RateLimitedError: the service asked for a pause that is too long to wait for.
            UnavailableError: the worker is closing.
        """
        permit = Permit()
        if not self.share.soon(self.share.enter, permit):
            raise UnavailableError("this dask worker is closing")
        try:
            await permit.granted
            yield
        finally:
            self.share.soon(self.share.leave, permit)

    def slow_down(self, seconds: float) -> None:
        """Let no worker send anything for that long."""
        self.share.soon(self.share.slow_down, seconds)


class Share:
    """What one worker process has of an account's allowance. All but :meth:`soon` runs on the worker's loop."""

    def __init__(self, worker: Worker, account: str, *, rate: float | None, concurrency: int | None) -> None:
        self.rate = rate
        self.concurrency = concurrency
        self._worker = worker
        self._loop: AbstractEventLoop = worker.loop.asyncio_loop  # type: ignore[attr-defined]  # tornado's, untyped
        self._account = account
        self._name = uuid.uuid4().hex
        self._waiting: deque[Permit] = deque()
        self._held: set[Permit] = set()
        self._got = 0
        self._done = 0
        self._told = 0
        self._crowd = 0
        self._registered = False
        self._local: Desk | None = None
        self._again = 0.0
        self._tasks: set[Task[None]] = set()
        self._asking: Task[None] | None = None
        self._telling: Task[None] | None = None
        self._slowing: Task[None] | None = None

    def soon(self, function: Callable[..., None], *arguments: object) -> bool:
        """Call a function of this share on its loop, from any thread; whether that loop still runs."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def enter(self, permit: Permit) -> None:
        """Put a request in the queue."""
        self._waiting.append(permit)
        if self._asking is None or self._asking.done():
            self._asking = self._start(self._ask())

    def leave(self, permit: Permit) -> None:
        """Hear that a request is over, or that it waits no longer."""
        if permit in self._held:
            self._held.remove(permit)
            self._free(1)
        elif permit in self._waiting:
            self._waiting.remove(permit)

    def slow_down(self, seconds: float) -> None:
        """Tell everyone to send nothing for that long; nothing more is asked for here before that is told."""
        before = self._slowing
        self._slowing = self._start(self._slow(seconds, before))

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _ask(self) -> None:
        while self._waiting:
            if self._slowing is not None:
                await asyncio.wait({self._slowing})
            dealt = await self._take(len(self._waiting))
            self._got += dealt.permits
            left = dealt.permits
            while left and self._waiting:
                permit = self._waiting.popleft()
                if permit.grant():
                    self._held.add(permit)
                    left -= 1
            if left:  # who wanted them is gone
                self._free(left)
            if not dealt.permits and dealt.paused > PATIENCE:
                while self._waiting:
                    self._waiting.popleft().refuse(too_long(dealt.paused))

    async def _take(self, want: int) -> Dealt:
        if time.monotonic() >= self._again:
            try:
                return await self._take_from_scheduler(want)
            except Exception as exc:  # noqa: BLE001 - the scheduler hands over whatever went wrong there
                await self._part(exc)
        return await self._own_desk().take(self._name, "", got=self._got, done=self._done, want=want)

    def _own_desk(self) -> Desk:
        """Return what deals this worker's part while the scheduler does not."""
        if self._local is None:
            self._local = Desk(self._part_of_allowance())
        return self._local

    async def _take_from_scheduler(self, want: int) -> Dealt:
        if self._worker.status.name in _ENDED:
            self._worker = worker_here() or self._worker
        scheduler = self._worker.scheduler
        if not self._registered:
            from distributed.protocol.pickle import dumps

            from ap_remote.transport.pacer_plugin import NAME, PacingPlugin

            plugin = dumps(PacingPlugin())  # type: ignore[no-untyped-call]  # distributed leaves it untyped
            await scheduler.register_scheduler_plugin(plugin=plugin, name=NAME, idempotent=True)
            self._registered = True
        self._told = self._done
        answer = await scheduler.ap_pacing_take(
            account=self._account,
            name=self._name,
            worker=self._worker.contact_address,
            got=self._got,
            done=self._told,
            want=want,
            rate=self.rate,
            concurrency=self.concurrency,
        )
        self._crowd = answer["workers"]
        self._local = None
        return Dealt(answer["permits"], answer["paused"])

    async def _part(self, cause: Exception) -> None:
        """Go on with a fair part of the allowance, for a while."""
        if not self._crowd:
            with suppress(OSError, KeyError, TypeError):  # it did not answer before either
                self._crowd = len((await self._worker.scheduler.identity())["workers"])
        if self._local is None and self._worker.status.name not in _ENDED:
            _log.warning(
                "dask's scheduler does not share the pace of %s (%s): this worker takes one part in %d",
                self._account,
                f"{type(cause).__name__}: {cause}",
                self._crowd or CROWD,
            )
        self._registered = False
        self._again = time.monotonic() + AGAIN

    def _part_of_allowance(self) -> Allowance:
        crowd = self._crowd or CROWD
        rate = None if self.rate is None else self.rate / crowd
        return Allowance(rate=rate, concurrency=None if self.concurrency is None else max(1, self.concurrency // crowd))

    def _free(self, permits: int) -> None:
        self._done += permits
        if self._local is not None:
            self._local.give_back(self._name, done=self._done)
        elif self._telling is None or self._telling.done():
            self._telling = self._start(self._tell())

    async def _tell(self) -> None:
        while self._told < self._done and self._local is None and self._worker.status.name not in _ENDED:
            done = self._done
            try:
                await self._worker.scheduler.ap_pacing_give_back(account=self._account, name=self._name, done=done)
            except OSError as exc:
                _log.debug("a permit could not be given back yet: %s", exc)
                await asyncio.sleep(ROUND)
            else:
                self._told = max(self._told, done)

    async def _slow(self, seconds: float, before: Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        if self._local is not None:
            self._local.slow_down(seconds)
            return
        try:
            await self._worker.scheduler.ap_pacing_slow_down(account=self._account, seconds=seconds)
        except Exception as exc:  # noqa: BLE001 - as above
            await self._part(exc)
            self._own_desk().slow_down(seconds)  # the others go on, but here the service is left alone


_shares: WeakKeyDictionary[AbstractEventLoop, dict[str, Share]] = WeakKeyDictionary()
_lock = threading.Lock()


def _share(worker: Worker, account: str, rate: float | None, concurrency: int | None) -> Share:
    loop = worker.loop.asyncio_loop  # type: ignore[attr-defined]  # tornado's, untyped
    with _lock:
        shares = _shares.setdefault(loop, {})
        share = shares.get(account)
        if share is None:
            share = shares[account] = Share(worker, account, rate=rate, concurrency=concurrency)
        share.rate, share.concurrency = rate, concurrency
        return share
