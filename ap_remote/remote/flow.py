"""Who watches, and slows, the bytes that leave in a task.

A verb such as ``put`` reads its file itself, so its caller sees no bytes pass. Whoever wants to count them, or to
hold them back, says so around the call; the remote reports each piece before it hands it on. The watch belongs to the
running task and to those that it starts, as a decimal context does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Watch = Callable[[int], Awaitable[None]]
"""Is awaited with a piece's length in bytes before it goes; may take its time. A repeated attempt reports anew."""

_watch: Final[ContextVar[Watch | None]] = ContextVar("ap_remote.flow", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let *watch* see the bytes of all that this task sends inside the block."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


async def passing(size: int) -> None:
    """Report that *size* bytes are about to leave, and wait as long as the watch wants."""
    watch = _watch.get()
    if watch is not None:
        await watch(size)
