"""The time of one call: a person's to answer first, then the tool's own; and whether it may have changed something."""

from __future__ import annotations

import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import anyio

from ap_remote_mcp.errors import Code, CodedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MADE: Final = "Do not repeat the call; photos://journal has its op_id, and photos_get tells what is true now."
_running: ContextVar[Deadline] = ContextVar("deadline")


class Deadline:
    """When the running call is given up, and what is true then."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._begun = False
        self.writing = False
        self._written = False

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

    def written(self) -> float:
        """Say that the change is made and noted, and return the seconds that are left to look at it.

        The call is not given up from here on: whoever looks ends by those seconds, and what was done is told.
        """
        self.writing = False
        self._written = True
        left = max(0.0, self._scope.deadline - anyio.current_time())
        self._scope.deadline = math.inf
        return left

    def late(self) -> CodedError:
        """Return what is true when the time is over."""
        if self._written:
            return CodedError(Code.BUSY, "The change was made and could not be looked at in time", _MADE)
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


def written() -> float:
    """Say that the change of the running call is made and noted, and return the seconds left to look at it."""
    running = _running.get(None)
    return math.inf if running is None else running.written()


def writing() -> None:
    """Say that from here on the running call may have changed something. A job has no deadline: nothing is said."""
    running = _running.get(None)
    if running is not None:
        running.writing = True
