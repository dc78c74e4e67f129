"""Ctrl-C during a transfer: the first lets what is on its way arrive, the second stops at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ap_remote.cli.console import say
from ap_remote.errors import RemoteError
from ap_remote.transfer.pool import Patience

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")


class StoppedError(RemoteError):
    """Somebody ended a run, and what was on its way has arrived."""

    exit_code = 130


class Interruption:
    """Whether somebody wants a run to end, and how soon."""

    def __init__(self) -> None:
        """Nobody does yet."""
        self._asked = asyncio.Event()
        self.at_once = False

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._asked.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait, but not on when somebody wants an end.

        Raises:
            StoppedError: somebody does.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), seconds)
        if self.stopping:
            raise StoppedError("stopped while the service was away")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C meanwhile; what runs asks :attr:`stopping`, and its task is cancelled the second time."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def pressed() -> None:
            if not self.stopping:
                self._asked.set()
                say("stopping when what is on its way has arrived; press again to stop at once")
            elif task is not None and not self.at_once:
                self.at_once = True
                say("stopping at once")
                task.cancel()

        with _handled(lambda *_: loop.call_soon_threadsafe(pressed)):
            yield

    def caught(self) -> bool:
        """Whether a cancellation that arrived was ours; then it counts no more."""
        task = asyncio.current_task()
        if self.at_once and task is not None:
            task.uncancel()
        return self.at_once


class StoppablePatience(Patience):
    """Lets a run end when somebody wants it: each step that was begun comes to its end, and then none is begun."""

    def __init__(self, interruption: Interruption) -> None:
        """Listen to *interruption*."""
        super().__init__(sleep=interruption.pause)
        self._interruption = interruption
        self._under_way = 0
        self._quiet = asyncio.Event()

    async def bear(self, act: Callable[[], Awaitable[T]]) -> T:
        """Return what *act* does.

        Raises:
            StoppedError: an end is wanted, and all that was begun before has ended.
        """
        if self._interruption.stopping:
            if self._under_way:
                await self._quiet.wait()
            raise StoppedError("stopped")
        self._under_way += 1
        self._quiet.clear()
        try:
            return await super().bear(act)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()

    def is_out(self, error: BaseException) -> bool:
        """Whether *error* ends the whole run."""
        return isinstance(error, StoppedError) or super().is_out(error)


@contextmanager
def answering() -> Iterator[None]:
    """Let Ctrl-C end a question, as it does outside of an event loop."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Handle Ctrl-C so meanwhile. Only the main thread gets signals; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
