"""A few workers over one list of jobs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from ap_remote.errors import UnavailableError
    from ap_remote.transfer.report import Row

Job = TypeVar("Job")


class Patience:
    """Ends a run when the service is gone: thousands of files need not each find that out, tries and all."""

    def __init__(self, limit: int = 5) -> None:
        """Bear *limit* files in a row that could not reach the service, less one."""
        self._limit = limit
        self._lost = 0

    def answered(self) -> None:
        """The service spoke, for good or ill."""
        self._lost = 0

    def lost(self, exc: UnavailableError) -> None:
        """It did not.

        Raises:
            UnavailableError: *exc*, when it was one too many.
        """
        self._lost += 1
        if self._lost >= self._limit:
            raise exc


async def run(jobs: Sequence[Job], work: Callable[[Job], Awaitable[Row]], *, workers: int) -> list[Row]:
    """Do every job, *workers* at a time, and return the rows in the order of the jobs.

    An exception ends the run: it cancels the other workers and is raised as it is, not in a group.
    """
    rows: list[Row | None] = [None] * len(jobs)

    async def labour(todo: Iterator[tuple[int, Job]]) -> None:
        for position, job in todo:
            rows[position] = await work(job)

    queue = iter(enumerate(jobs))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, workers)):
                group.create_task(labour(queue))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [row for row in rows if row is not None]
