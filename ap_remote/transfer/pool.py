"""A few workers over one list of jobs, and how long they wait for a service that is gone."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from ap_remote.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    QuotaExceededError,
    RateLimitedError,
    RemoteError,
    StoreError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Job = TypeVar("Job")
T = TypeVar("T")

PAUSES: Final = (0.2, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0)
"""Seconds between the tries of one file while nothing is heard of the service: a minute and a half (own choice)."""
OWN_FAULT: Final = 3
"""Tries after which a file is given up, when others came through between them."""
FATAL: Final = (AuthenticationError, QuotaExceededError, StoreError)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Patience:
    """Waits for a service that is gone, and tells that from a file that alone does not come through.

    Args:
        sleep: waits so many seconds.
        pauses: seconds between tries.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._sleep = sleep
        self._pauses = pauses
        self._answers = 0
        self._gone: BaseException | None = None

    def heard(self) -> None:
        """The service spoke, for good or ill."""
        self._answers += 1

    async def bear(self, act: Callable[[], Awaitable[T]]) -> T:
        """Return what *act* does, which is tried again for as long as the service may only be away for a moment.

        It looks first at what an earlier try has done: a connection may break when all was sent and nothing answered.

        Raises:
            UnavailableError: as *act* raised it last; :meth:`is_out` tells whether the run should go on.
            OutcomeUnknownError: the same.
        """
        tries = 0
        answers = 0
        while True:
            try:
                result = await act()
            except (UnavailableError, RateLimitedError, OutcomeUnknownError) as exc:
                if not (exc.retryable or isinstance(exc, OutcomeUnknownError)):
                    self.heard()
                    raise
                if tries == 0:
                    answers = self._answers
                if tries + 1 >= OWN_FAULT and self._answers > answers:
                    raise
                if tries >= len(self._pauses):
                    self._gone = exc
                    raise
                await self._sleep(self._pauses[tries])
                tries += 1
            except RemoteError:
                self.heard()
                raise
            else:
                self.heard()
                return result

    def is_out(self, error: BaseException) -> bool:
        """Whether *error* ends the whole run, not only its file.

        It does when the login has expired, the account, the local disk or a local store is full or unusable, or the
        service stayed away.
        """
        if isinstance(error, FATAL) or error is self._gone:
            return True
        return is_full(error)


def is_full(error: BaseException) -> bool:
    """Whether the local disk has no room, or takes nothing at all."""
    return isinstance(error, OSError) and not isinstance(error, RemoteError) and error.errno in _FULL


async def run_all(jobs: Sequence[Job], work: Callable[[Job], Awaitable[T]], *, workers: int) -> list[T]:
    """Do every job, *workers* at a time, and return the answers in the order of the jobs.

    An exception ends the run: it cancels the other workers and is raised as it is, not in a group.
    """
    done: dict[int, T] = {}

    async def labour(todo: Iterator[tuple[int, Job]]) -> None:
        for position, job in todo:
            done[position] = await work(job)

    queue = iter(enumerate(jobs))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(max(1, workers), len(jobs))):
                group.create_task(labour(queue))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [done[position] for position in sorted(done)]


async def to_its_end(act: Awaitable[T]) -> T:
    """Return what *act* does; a cancellation waits until it is done, for it would leave two names out of step."""
    task = asyncio.ensure_future(act)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            # Looked at, so that nobody misses it: the cancellation is what counts.
            task.exception()
        raise
