"""An event loop in a thread of its own, so that plain code and a notebook whose own loop is running may both wait."""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from ap_remote.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ap_remote.remote.base import Remote

T = TypeVar("T")
_NAME: Final = "ap-remote"


class Loop:
    """Runs what a remote does. Remote and thread are made when they are first needed; any thread may call.

    Args:
        make: opens the remote; what it raises is raised to whoever asked, and tried anew the next time.
    """

    def __init__(self, make: Callable[[], Remote]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._remote: Remote | None = None
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._pid: int | None = None
        self._closed = False

    @property
    def remote(self) -> Remote:
        """The remote.

        Raises:
            RemoteError: closed, or carried over a fork.
        """
        with self._lock:
            if self._closed:
                raise RemoteError("this client is closed: make a new one")
            if self._pid not in (None, os.getpid()):
                raise RemoteError("this client was in use before the process forked: make a new one in the child")
            if self._remote is None:
                self._remote = self._make()
                self._pid = os.getpid()
            return self._remote

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for what *work* returns; Ctrl-C, or any other end of the wait, ends the work too."""
        portal = self._started()
        scopes: list[anyio.CancelScope] = []
        left = threading.Event()

        async def watched() -> T:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                if left.is_set():
                    scope.cancel()
                try:
                    return await work()
                finally:
                    scopes.clear()
            raise CancelledError

        try:
            return portal.start_task_soon(watched).result()
        except CancelledError:
            raise RemoteError("this client was closed meanwhile") from None
        except BaseException:
            # Ctrl-C may come before there is a future that could be cancelled.
            left.set()
            for scope in [*scopes]:
                portal.start_task_soon(scope.cancel)
            raise

    def close(self) -> None:
        """Release connections and the thread. Closing twice is allowed."""
        with self._lock:
            self._closed = True
            portal, self._portal = self._portal, None
        # A forked child has the names of things, and not the thread.
        if portal is None or self._pid != os.getpid() or self._remote is None or self._thread is None:
            return
        try:
            portal.call(self._remote.close)
        finally:
            portal.call(portal.stop, True)  # noqa: FBT003 - what others still wait for ends, too
            self._thread.join()

    def abandoned(self) -> None:
        """Close it for somebody who did not: the garbage collector, or the end of the interpreter."""
        if self._thread is threading.current_thread():
            # The collector may run in any thread, and a loop cannot wait for its own end.
            threading.Thread(target=self.close, name=f"{_NAME}-close").start()
        else:
            self.close()

    def closed_with(self, owner: object) -> None:
        """Close when *owner* is dropped."""
        weakref.finalize(owner, self.abandoned)

    def _started(self) -> BlockingPortal:
        with self._lock:
            _ = self.remote
            if self._portal is None:
                ready: Future[BlockingPortal] = Future()
                self._thread = threading.Thread(target=_serve, args=(ready,), name=_NAME, daemon=True)
                self._thread.start()
                self._portal = ready.result()
            return self._portal


def _serve(ready: Future[BlockingPortal]) -> None:
    """Run a loop until its portal is stopped.

    `anyio.from_thread.start_blocking_portal` does the same behind a generator, whose end a forked child would wait for.
    """

    async def main() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    try:
        anyio.run(main)
    except BaseException as exc:
        if ready.done():
            raise
        ready.set_exception(exc)
