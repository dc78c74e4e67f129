"""Where permits are waited for: an allowance with the waiting that belongs to it, on one event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.transport.pacer import PATIENCE

if TYPE_CHECKING:
    from ap_remote.transport.allowance import Allowance

ROUND: Final = 5.0
"""Seconds after which an empty answer is given, so that one who asked and is gone is not waited for."""


class Dealt(msgspec.Struct, frozen=True):
    """What a holder got."""

    permits: int
    paused: float
    """Seconds for which the service asked to be left alone."""


class Desk:
    """Deals an account's permits to those that wait, as soon as there are some."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self._answers: dict[str, asyncio.Future[int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, name: str, worker: str, *, got: int, done: int, want: int) -> Dealt:
        """Return as soon as a holder gets permits, or after :data:`ROUND` with none; at once in a very long pause.

        Args:
            name: the holder; it asks once at a time.
            worker: where it lives.
            got: permits that ever reached it.
            done: permits that it needs no longer, of those.
            want: permits wanted now, one at least.
        """
        self._answer(name, 0)
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        self.allowance.ask(name, worker, got=got, done=done, want=want)
        self.deal()
        try:
            if self.allowance.paused <= PATIENCE:
                await asyncio.wait({answer}, timeout=ROUND)
        finally:
            if self._answers.get(name) is answer and not answer.done():
                self.allowance.withdraw(name)
                self._answer(name, 0)
        return Dealt(answer.result(), self.allowance.paused)

    def give_back(self, name: str, *, done: int) -> None:
        """Hear how many permits a holder is done with, since its beginning."""
        self.allowance.give_back(name, done=done)
        self.deal()

    def slow_down(self, seconds: float) -> None:
        """Give nothing out for that long."""
        self.allowance.slow_down(seconds)
        if self.allowance.paused > PATIENCE:
            self._send_away(self.allowance.waiting)
        self.deal()

    def leave(self, worker: str) -> None:
        """Free what every holder of a worker has."""
        self._send_away(self.allowance.leave(worker))
        self.deal()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._send_away(self.allowance.waiting)
        self.deal()

    def deal(self) -> None:
        """Give out what there is, and come back when there will be more."""
        for name, permits in self.allowance.deal().items():
            self._answer(name, permits)
        if self._timer is not None:
            self._timer.cancel()
        wait = self.allowance.wait()
        self._timer = None if wait is None else asyncio.get_running_loop().call_later(wait, self.deal)

    def _send_away(self, names: tuple[str, ...] | list[str]) -> None:
        for name in names:
            self.allowance.withdraw(name)
            self._answer(name, 0)

    def _answer(self, name: str, permits: int) -> None:
        answer = self._answers.pop(name, None)
        if answer is not None and not answer.done():
            answer.set_result(permits)
