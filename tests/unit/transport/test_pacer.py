"""The pacing of one process: pauses that the service asks for."""

from __future__ import annotations

import pytest

from ap_remote.api import account
from ap_remote.errors import RateLimitedError
from ap_remote.transport import Pacer, Transport


class Time:
    def __init__(self):
        self.now = 50.0
        self.slept: list[float] = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    return Time()


async def test_a_pause_is_waited_for_once_by_all_and_a_shorter_one_does_not_end_it(time):
    pacer = Pacer(clock=time, sleep=time.sleep)
    pacer.slow_down(7)
    pacer.slow_down(2)
    for _ in range(3):
        async with pacer.slot():
            assert time.now == 57.0
    assert time.slept == [7.0]


async def test_a_pause_beyond_all_patience_is_an_error_and_holds_no_place(time):
    pacer = Pacer(concurrency=1, clock=time, sleep=time.sleep)
    pacer.slow_down(3600)
    for _ in range(3):
        with pytest.raises(RateLimitedError, match="another 3600 seconds"):
            async with pacer.slot():
                pytest.fail("nothing may be sent")
    time.now += 3600
    async with pacer.slot():
        assert time.slept == []


async def test_a_pacer_without_limits_has_no_brakes(time):
    pacer = Pacer(rate=None, concurrency=None, clock=time, sleep=time.sleep)
    pacer.slow_down(3600)
    async with pacer.slot():
        assert time.slept == []


async def test_less_than_one_request_per_second_can_be_asked_for():
    async with Pacer(rate=0.25).slot():
        pass


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((429, {"retry-after": "7"}), [7.0]),
        ((429, {}), [1.0]),
        ((503, {"retry-after": "3"}), [3.0]),
        ((503, {}), []),
        ((500, {"retry-after": "3"}), []),
    ],
)
async def test_what_the_service_asks_of_one_call_is_told_to_the_pacing(httpx_mock, session, retry, answer, expected):
    told: list[float] = []

    class Telling(Pacer):
        def slow_down(self, seconds):
            told.append(seconds)

    status, headers = answer
    httpx_mock.add_response(status_code=status, headers=headers)
    httpx_mock.add_response(json={"status": "ACTIVE"})
    async with Transport(session, retry=retry, pacer=Telling.unlimited()) as transport:
        await transport.send(account.info())
    assert told == expected
