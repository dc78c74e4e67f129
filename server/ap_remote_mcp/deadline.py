"""The time of one call: a person's to answer first, then the tool's own; and whether it may have changed something."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import anyio

from ap_remote_mcp.errors import Code, CodedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_running: ContextVar[Deadline] = ContextVar("deadline")


class Deadline:
    """When the running call is given up, and what is true then."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._begun = False
        self.writing = False

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Be the deadline of what runs in the block."""
        token = _running.set(self)
        try:
            yield
        finally:
            _running.reset(token)

    def begin(self, seconds: float) -> None:
        """Give the tool's own work its time."""
        self._begun = True
        self._scope.deadline = anyio.current_time() + seconds

    def ask(self, seconds: float) -> None:
        """Give a person time: the work is done, and a question follows."""
        self._begun = False
        self._scope.deadline = anyio.current_time() + seconds

    def late(self) -> CodedError:
        """Return what is true when the time is over."""
        if self.writing:
            return CodedError(Code.OUTCOME_UNKNOWN, "The change was begun and did not end in time")
        if self._begun:
            return CodedError(Code.BUSY, "The call took too long and was given up; nothing was changed")
        return CodedError(Code.DECLINED, "Nobody answered the question in time")


def begin(seconds: float) -> None:
    """Give the body of the running call its time."""
    _running.get().begin(seconds)


@contextmanager
def preparing(seconds: float, question_seconds: float) -> Iterator[None]:
    """Look at the library for a question: within a tool's time, and behind it a person's begins."""
    running = _running.get()
    running.begin(seconds)
    yield
    running.ask(question_seconds)


def writing() -> None:
    """Say that from here on the running call may have changed something. A job has no deadline: nothing is said."""
    running = _running.get(None)
    if running is not None:
        running.writing = True
