"""What may be tried again, and how long to wait before.

Waiting is arithmetic (:meth:`RetryPolicy.delay`); sleeping, chance and the clock are arguments.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from ap_remote.errors import RemoteError, TransportError
from ap_remote.transport.session import Shown

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

AGAIN: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses after which an idempotent call is made again. Never 401, never another 4xx."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that failed."""

    error: RemoteError
    again: bool = False
    """Whether another attempt may help and can do no harm."""
    after: float | None = None
    """Seconds for which the service asked to be left alone."""
    expired: Shown | None = None
    """The credentials that one of the account's hosts refused; fresh ones may help."""
    robot: bool = False
    """Whether the answer is a page that tells people from robots."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential back-off with full jitter: the wait is drawn from ``[0, base * 2**n]``, at most ``cap``. Seconds."""

    tries: int = 6
    base: float = 0.5
    cap: float = 20.0
    patience: float = 120.0
    """The longest ``Retry-After`` that is waited for; a longer one ends the call."""

    def delay(self, attempt: int, *, jitter: float, hint: float | None = None) -> float:
        """Return the seconds to wait after attempt number *attempt* (from 1).

        Args:
            attempt: how many were made.
            jitter: a number in ``[0, 1]``.
            hint: what ``Retry-After`` said; the wait is never shorter.
        """
        # 2**60 seconds is beyond any cap; larger exponents only overflow.
        longest = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60))
        return max(longest * jitter, hint or 0.0)

    def ends(self, attempt: int, *, hint: float | None = None) -> bool:
        """Whether no further attempt is made after number *attempt*."""
        return attempt >= self.tries or (hint or 0.0) > self.patience


class Retry:
    """A policy with what it needs of the world."""

    def __init__(
        self,
        policy: RetryPolicy | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy or RetryPolicy()
        self._sleep = sleep
        self._chance = chance
        self._clock = clock

    async def run(self, attempt: Callable[[], Awaitable[T | Failure]], *, title: str) -> T:
        """Return what *attempt* gives at last.

        Args:
            attempt: makes one try; returns a :class:`Failure` instead of raising.
            title: verb and path, for the error.

        Raises:
            RemoteError: the last failure; one of transport tells verb, path, tries and seconds.
        """
        begun = self._clock()
        first = await attempt()
        if not isinstance(first, Failure):
            return first
        # Most processes see no failure, and it brings tornado along where that is installed.
        from tenacity import AsyncRetrying, retry_if_result

        made = 0

        async def counted() -> T | Failure:
            nonlocal made
            made += 1
            return first if made == 1 else await attempt()

        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=lambda state: self.policy.ends(state.attempt_number, hint=_failure(state).after),
            wait=lambda state: self.policy.delay(
                state.attempt_number, jitter=self._chance(), hint=_failure(state).after
            ),
            retry=retry_if_result(lambda result: isinstance(result, Failure) and result.again),
            retry_error_callback=_failure,
        )
        result: T | Failure = await retrying(counted)
        if isinstance(result, Failure):
            raise _told(result.error, title=title, tries=made, seconds=self._clock() - begun)
        return result


def _failure(state: RetryCallState) -> Failure:
    """Return the failure that made tenacity ask; it asks only after one."""
    if state.outcome is None:
        raise RuntimeError("no attempt was made")
    return cast("Failure", state.outcome.result())


def _told(error: RemoteError, *, title: str, tries: int, seconds: float) -> RemoteError:
    if not isinstance(error, TransportError):
        return error
    times = "1 try" if tries == 1 else f"{tries} tries"
    told = type(error)(f"{error.message} ({title}: {times}, {seconds:.1f} s)")
    told.__cause__ = error.__cause__
    return told
