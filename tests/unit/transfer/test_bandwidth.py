from __future__ import annotations

import asyncio

import aiolimiter
import pytest

from ap_remote.transfer.bandwidth import Bandwidth, Flow


class Counting:
    def __init__(self) -> None:
        self.told: list[int] = []

    def expect(self, files: int, size: int) -> None: ...
    def begin(self, path: str, size: int) -> None: ...
    def advance(self, row: object) -> None: ...
    def moved(self, path: str, size: int) -> None:
        self.told.append(size)


async def test_the_limit_is_one_for_all_who_share_it(monkeypatch: pytest.MonkeyPatch):
    acquired: list[float] = []
    limits: list[tuple[float, float]] = []
    acquire = aiolimiter.AsyncLimiter.acquire

    class Watched(aiolimiter.AsyncLimiter):
        def __init__(self, max_rate: float, time_period: float) -> None:
            limits.append((max_rate, time_period))
            super().__init__(max_rate * 1e9, time_period)

        async def acquire(self, amount: float = 1) -> None:
            acquired.append(amount)
            await acquire(self, amount)

    monkeypatch.setattr(aiolimiter, "AsyncLimiter", Watched)
    bandwidth = Bandwidth(1000)
    await asyncio.gather(*(bandwidth.take(2050) for _ in range(2)))
    ((most, period),) = limits
    assert most / period == 1000
    assert sum(acquired) == 4100
    assert max(acquired) <= most


async def test_without_a_limit_nothing_waits():
    await Bandwidth(None).take(2**40)


async def test_a_file_that_begins_anew_gives_its_bytes_back():
    meter = Counting()
    flow = Flow("a", 10, Bandwidth(None), meter)
    for size in (6, 6, 4):
        await flow(size)
    assert (meter.told, sum(meter.told), flow.passed) == ([6, -6, 6, 4], 10, 10)
