from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ap_remote.errors import NotFoundError, RateLimitedError, UnavailableError
from ap_remote.transport import Pacer, Retry, RetryPolicy
from ap_remote.transport.faults import retry_after
from ap_remote.transport.retry import Failure


@given(
    attempt=st.integers(1, 10_000),
    jitter=st.floats(0, 1),
    hint=st.none() | st.floats(0, 1e6),
)
def test_a_wait_is_within_its_bounds(attempt: int, jitter: float, hint: float | None) -> None:
    policy = RetryPolicy()
    wait = policy.delay(attempt, jitter=jitter, hint=hint)
    assert wait >= (hint or 0)
    assert wait <= max(policy.cap, hint or 0)


def test_waits_double_until_the_cap() -> None:
    policy = RetryPolicy(base=1.0, cap=5.0)
    assert [policy.delay(attempt, jitter=1.0) for attempt in range(1, 6)] == [1, 2, 4, 5, 5]
    assert policy.delay(3, jitter=0.0) == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("3", 3.0),
        ("2.5", 2.5),
        ("soon", None),
        ("-5", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=10.0) == seconds


async def test_another_failure_than_transports_is_raised_as_it_is(retry: Retry) -> None:
    error = NotFoundError("a")

    async def attempt() -> int | Failure:
        return Failure(error=error)

    with pytest.raises(NotFoundError) as caught:
        await retry.run(attempt, title="GET a")
    assert caught.value is error


async def test_the_cause_survives_the_retelling(retry: Retry) -> None:
    error = UnavailableError("down")
    error.__cause__ = ValueError("why")

    async def attempt() -> int | Failure:
        return Failure(error=error)

    with pytest.raises(UnavailableError, match=r"down \(GET a: 1 try, 1\.0 s\)") as caught:
        await retry.run(attempt, title="GET a")
    assert caught.value.__cause__ is error.__cause__


async def test_an_unexpected_exception_is_not_retried(retry: Retry, slept: list[float]) -> None:
    async def attempt() -> int | Failure:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await retry.run(attempt, title="GET a")
    assert slept == []


async def test_a_cancelled_attempt_is_not_retried(retry: Retry, slept: list[float]) -> None:
    async def attempt() -> int | Failure:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await retry.run(attempt, title="GET a")
    assert slept == []


async def test_a_policy_of_one_try_does_not_wait(slept: list[float]) -> None:
    async def attempt() -> int | Failure:
        return Failure(error=RateLimitedError("slow"), again=True)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with pytest.raises(RateLimitedError):
        await Retry(RetryPolicy(tries=1), sleep=sleep).run(attempt, title="GET a")
    assert slept == []


async def test_no_more_requests_wait_for_an_answer_than_allowed() -> None:
    pacer = Pacer(rate=None, concurrency=2)
    inside = 0
    most = 0
    go_on = asyncio.Event()

    async def request() -> None:
        nonlocal inside, most
        async with pacer.slot():
            inside += 1
            most = max(most, inside)
            await go_on.wait()
            inside -= 1

    tasks = [asyncio.create_task(request()) for _ in range(5)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert inside == 2
    go_on.set()
    await asyncio.gather(*tasks)
    assert most == 2


async def test_a_burst_is_let_through_and_the_next_one_waits() -> None:
    pacer = Pacer(rate=3, concurrency=None)
    done = 0

    async def request() -> None:
        nonlocal done
        async with pacer.slot():
            done += 1

    tasks = [asyncio.create_task(request()) for _ in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert done == 3
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_unlimited_pacer_never_waits() -> None:
    pacer = Pacer.unlimited()
    async with pacer.slot(), pacer.slot(), pacer.slot():
        pass
