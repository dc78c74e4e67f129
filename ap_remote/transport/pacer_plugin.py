"""The scheduler's side of the pacing that dask's workers share. Imported only where ``distributed`` already is.

Permits are bound to a worker's membership: the scheduler notices within moments when a worker is killed, and after
``distributed.scheduler.worker-ttl`` when it stands still; in both cases its places are free again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from distributed.diagnostics.plugin import SchedulerPlugin

from ap_remote.transport.allowance import Allowance
from ap_remote.transport.desk import Desk

if TYPE_CHECKING:
    from distributed.scheduler import Scheduler

NAME: Final = "ap-remote-pacing"


class PacingPlugin(SchedulerPlugin):
    """Keeps one allowance per account for all workers. The handlers' names are those of the calls on the scheduler."""

    name = NAME
    _scheduler: Scheduler

    def __init__(self) -> None:
        self.desks: dict[str, Desk] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Open the desk."""
        self._scheduler = scheduler
        scheduler.handlers.update(
            {"ap_pacing_take": self.take, "ap_pacing_give_back": self.give_back, "ap_pacing_slow_down": self.slow_down}
        )

    async def close(self) -> None:
        """Let nobody wait any longer."""
        for desk in self.desks.values():
            desk.close()

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """Free the places of a worker that is gone."""
        del scheduler, kwargs
        for desk in self.desks.values():
            desk.leave(worker)

    async def take(
        self,
        *,
        account: str,
        name: str,
        worker: str,
        got: int,
        done: int,
        want: int,
        rate: float | None,
        concurrency: int | None,
    ) -> dict[str, Any]:
        """Answer with permits as soon as there are some; see :meth:`ap_remote.transport.desk.Desk.take`."""
        if worker not in self._scheduler.workers:
            # Nobody would ever free what it got.
            raise ValueError("this worker has left the cluster")
        desk = self.desks.get(account)
        if desk is None:
            desk = self.desks[account] = Desk(Allowance(rate=rate, concurrency=concurrency))
        desk.allowance.limit(rate=rate, concurrency=concurrency)
        dealt = await desk.take(name, worker, got=got, done=done, want=want)
        return {**msgspec.structs.asdict(dealt), "workers": len(self._scheduler.workers)}

    async def give_back(self, *, account: str, name: str, done: int) -> None:
        """Hear how many permits a worker is done with, since its beginning."""
        if account in self.desks:
            self.desks[account].give_back(name, done=done)

    async def slow_down(self, *, account: str, seconds: float) -> None:
        """Give nothing out for that long."""
        if account in self.desks:
            self.desks[account].slow_down(seconds)
