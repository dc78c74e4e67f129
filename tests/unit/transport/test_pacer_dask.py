"""The pacing that workers share, with a worker and a scheduler that keep their word, or do not."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from ap_remote.errors import RateLimitedError, UnavailableError
from ap_remote.transport import Pacer, pacer_dask, pacing
from ap_remote.transport.pacer_dask import Share, SharedPacer, worker_here
from ap_remote.transport.pacer_plugin import PacingPlugin


class Scheduler:
    """What a worker sees of its scheduler: the plugin's handlers, and two of its own."""

    def __init__(self, workers):
        self.workers = dict.fromkeys(workers)
        self.handlers = {}
        self.plugin = PacingPlugin()
        self.away: Exception | None = None
        self.asked = 0

    async def register_scheduler_plugin(self, *, plugin, name, idempotent):
        assert (name, idempotent) == ("ap-remote-pacing", True)
        assert plugin.startswith(b"\x80")
        self._answers()
        if not self.handlers:
            await self.plugin.start(self)

    async def identity(self):
        return {"workers": self.workers}

    def __getattr__(self, name):
        async def call(**message):
            self.asked += 1
            self._answers()
            return await self.handlers[name](**message)

        return call

    def _answers(self):
        if self.away is not None:
            raise self.away


def _worker(scheduler, address):
    return SimpleNamespace(
        loop=SimpleNamespace(asyncio_loop=asyncio.get_running_loop()),
        scheduler=scheduler,
        contact_address=address,
        status=SimpleNamespace(name="running"),
    )


@pytest.fixture
def scheduler():
    return Scheduler(["one", "two"])


@pytest.fixture
async def pacers(scheduler):
    """Return the pacing of one account in two workers, three requests at once."""
    return [
        SharedPacer(Share(_worker(scheduler, address), "home", rate=None, concurrency=3)) for address in ("one", "two")
    ]


async def _settled():
    for _ in range(50):
        await asyncio.sleep(0)


@asynccontextmanager
async def _requests(pacers, number):
    """Begin that many requests with each of the pacers; yield how many are inside and let them go at the end."""
    state = SimpleNamespace(inside=0, most=0, go_on=asyncio.Event())

    async def request(pacer):
        async with pacer.slot():
            state.inside += 1
            state.most = max(state.most, state.inside)
            await state.go_on.wait()
            state.inside -= 1

    state.tasks = [asyncio.create_task(request(pacer)) for _ in range(number) for pacer in pacers]
    await _settled()
    try:
        yield state
    finally:
        state.go_on.set()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def test_two_workers_together_have_no_more_in_flight_than_the_account_may(scheduler, pacers):
    async with _requests(pacers, 4) as state:
        assert state.inside == 3
    assert state.most == 3
    allowance = scheduler.plugin.desks["home"].allowance
    await _settled()
    assert (allowance.granted, allowance.most, allowance.places) == (8, 3, 0)


async def test_one_message_asks_for_all_that_wait(scheduler, pacers):
    async with _requests(pacers[:1], 3):
        assert scheduler.asked <= 2  # the first asks for itself, the second message for the rest


async def test_a_worker_that_is_gone_frees_its_places(scheduler, pacers):
    async with _requests(pacers[:1], 3), _requests(pacers[1:], 2) as others:
        assert others.inside == 0
        del scheduler.workers["one"]
        scheduler.plugin.remove_worker(scheduler, "one", stimulus_id="killed")
        await _settled()
        assert others.inside == 2


async def test_a_request_that_is_given_up_leaves_its_place_to_others(pacers):
    async with _requests(pacers[:1], 3) as state, _requests(pacers[1:], 2) as others:
        for task in (state.tasks[0], others.tasks[0]):  # one that is inside and one that waits
            task.cancel()
        await _settled()
        assert others.inside == 1


async def test_a_pause_that_one_worker_hears_of_holds_the_other(scheduler, pacers):
    async with pacers[0].slot():
        pass
    pacers[0].slow_down(60)
    await _settled()
    async with _requests(pacers, 1) as state:
        assert state.inside == 0
        allowance = scheduler.plugin.desks["home"].allowance
        assert 59 < allowance.paused <= 60
        assert len(allowance.waiting) == 2
        for task in state.tasks:
            task.cancel()


@pytest.mark.parametrize("cause", [OSError("gone"), KeyError("ap_pacing_slow_down")])
async def test_a_pause_that_the_scheduler_does_not_take_is_kept_here_all_the_same(scheduler, pacers, cause):
    async with pacers[0].slot():
        pass
    await _settled()
    scheduler.away = cause
    pacers[0].slow_down(3600)
    with pytest.raises(RateLimitedError, match="fewer requests"):
        async with pacers[0].slot():
            pytest.fail("nothing may be sent")


async def test_a_pause_beyond_all_patience_is_an_error_everywhere(pacers):
    async with pacers[1].slot(), _requests(pacers[:1], 3) as state:
        assert state.inside == 2
        pacers[1].slow_down(3600)
        await asyncio.wait(state.tasks, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in state.tasks if task.done()]
        assert [type(task.exception()) for task in failed] == [RateLimitedError]
    with pytest.raises(RateLimitedError, match="fewer requests"):
        async with pacers[0].slot():
            pytest.fail("nothing may be sent")


@pytest.mark.parametrize("cause", [OSError("gone"), ModuleNotFoundError("No module named 'ap_remote'")])
async def test_without_the_scheduler_a_worker_takes_its_part_and_says_so_once(scheduler, caplog, cause):
    scheduler.away = cause
    pacer = SharedPacer(Share(_worker(scheduler, "one"), "home", rate=100, concurrency=4))
    with caplog.at_level(logging.WARNING, "ap_remote.transport"):
        async with _requests([pacer], 5) as state:
            assert state.inside == 2
    assert state.most == 2
    told = f"dask's scheduler does not share the pace of home ({type(cause).__name__}: {cause})"
    assert [record.getMessage() for record in caplog.records] == [f"{told}: this worker takes one part in 2"]


async def test_a_scheduler_that_knows_nothing_of_permits_is_as_good_as_none(scheduler, caplog):
    async def nothing(**message):
        del message

    pacer = SharedPacer(Share(_worker(scheduler, "one"), "home", rate=None, concurrency=4))
    scheduler.handlers["ap_pacing_take"] = nothing
    async with _requests([pacer], 3) as state:
        assert state.inside == 2
    assert len(caplog.records) == 1


async def test_a_scheduler_that_comes_back_is_asked_again_and_hears_what_is_out(scheduler, pacers, monkeypatch):
    monkeypatch.setattr(pacer_dask, "AGAIN", 0.0)
    scheduler.away = OSError("restarting")
    async with _requests(pacers[:1], 1) as before:
        assert before.inside == 1
        scheduler.away = None
        async with _requests(pacers[:1], 1):
            assert scheduler.plugin.desks["home"].allowance.places == 2
    await _settled()
    assert scheduler.plugin.desks["home"].allowance.places == 0


async def test_a_worker_that_the_scheduler_has_lost_gets_no_permit_of_it(scheduler, pacers):
    del scheduler.workers["one"]
    async with pacers[0].slot():
        assert scheduler.plugin.desks == {}


async def test_a_request_whose_worker_is_closing_is_told_so(pacers):
    share = pacers[0].share
    share._loop = asyncio.new_event_loop()
    share._loop.close()
    with pytest.raises(UnavailableError, match="this dask worker is closing"):
        async with pacers[0].slot():
            pytest.fail("nothing may be sent")


def test_outside_of_dask_a_process_has_its_own_pacing(monkeypatch):
    monkeypatch.delitem(sys.modules, "distributed.worker", raising=False)
    assert worker_here() is None
    assert isinstance(pacing("home", rate=10, concurrency=6), Pacer)
    assert "distributed.worker" not in sys.modules


@pytest.mark.parametrize(
    ("status", "ours", "found"),
    [
        ("running", True, True),
        ("paused", True, True),
        ("closed", True, False),
        ("running", False, False),
    ],
)
def test_a_worker_counts_while_it_runs_and_in_its_own_process(monkeypatch, status, ours, found):
    pid = os.getpid() if ours else 1
    worker = SimpleNamespace(
        status=SimpleNamespace(name=status), monitor=SimpleNamespace(proc=SimpleNamespace(pid=pid))
    )

    def get_worker():
        raise ValueError("No worker found")

    module = SimpleNamespace(get_worker=get_worker, Worker=SimpleNamespace(_instances=[worker]))
    monkeypatch.setitem(sys.modules, "distributed.worker", module)
    assert (worker_here() is worker) == found


def test_an_account_without_limits_asks_nobody(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed.worker", None)
    assert isinstance(pacing("local", rate=None, concurrency=None), Pacer)
