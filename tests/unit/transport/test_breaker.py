from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock

from ap_remote.api import account, content, nodes
from ap_remote.errors import AuthenticationError, UnavailableError
from ap_remote.transport import Breaker, Pacer, Retry, Session, Transport
from ap_remote.transport.breaker import LONGEST, PAUSE, REFUSALS
from ap_remote.transport.retry import Failure

INFO = {"status": "ACTIVE"}
ROBOT = '<form action="/errors/validateCaptcha">Enter the characters you see below</form>'
SIGN_IN = '<form name="signIn"><input type="password"><img id="auth-captcha-image"></form>'


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def guarded(session: Session, retry: Retry, clock: Clock) -> AsyncIterator[Transport]:
    async with Transport(session, retry=retry, pacer=Pacer.unlimited(), breaker=Breaker(clock=clock)) as each:
        yield each


async def refuse(transport: Transport, httpx_mock: HTTPXMock) -> None:
    """Make it stop."""
    httpx_mock.add_response(status_code=503, text=ROBOT, headers={"content-type": "text/html"})
    with pytest.raises(UnavailableError):
        await transport.send(nodes.create_folder("x", "p" * 22))


async def test_refusals_in_a_row_stop_the_sending(
    guarded: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(status_code=503, json={"message": "System unavailable"}, is_reusable=True)
    with pytest.raises(UnavailableError, match="System unavailable"):
        await guarded.send(account.info())
    with pytest.raises(UnavailableError, match=r"refused too often.*wait 5 minutes, lower the rate, .*`ap login NAME`"):
        await guarded.send(account.info())
    assert len(httpx_mock.get_requests()) == REFUSALS
    del slept[:]
    with pytest.raises(UnavailableError, match="wait 5 minutes"):
        await guarded.send(account.info())
    assert len(httpx_mock.get_requests()) == REFUSALS
    assert slept == []


async def test_an_answer_between_them_begins_the_count_anew(guarded: Transport, httpx_mock: HTTPXMock) -> None:
    for _ in range(4):
        for _ in range(5):
            httpx_mock.add_response(status_code=503)
        httpx_mock.add_response(json=INFO)
        assert (await guarded.send(account.info())).status == "ACTIVE"


@pytest.mark.parametrize("status", [200, 503])
async def test_one_page_for_robots_is_enough(
    guarded: Transport, httpx_mock: HTTPXMock, slept: list[float], status: int
) -> None:
    httpx_mock.add_response(status_code=status, html=ROBOT)
    with pytest.raises(UnavailableError, match=r"takes this machine for a robot.*home connection"):
        await guarded.send(account.info())
    with pytest.raises(UnavailableError, match=r"takes this machine for a robot, so nothing is sent.*wait 5 minutes"):
        await guarded.send(account.info())
    assert len(httpx_mock.get_requests()) == 1
    assert slept == []


async def test_a_page_for_robots_in_place_of_bytes_counts_as_well(guarded: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(html=ROBOT)
    with pytest.raises(UnavailableError, match="robot"):
        await guarded.send(content.content("abc"))
    with pytest.raises(UnavailableError, match="nothing is sent"):
        await guarded.send(account.info())


async def test_a_sign_in_form_with_a_puzzle_asks_to_sign_in(guarded: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(html=SIGN_IN)
    with pytest.raises(AuthenticationError):
        await guarded.send(account.info())
    httpx_mock.add_response(json=INFO)
    await guarded.send(account.info())


async def test_after_the_pause_one_question_decides(guarded: Transport, httpx_mock: HTTPXMock, clock: Clock) -> None:
    await refuse(guarded, httpx_mock)
    clock.now += PAUSE - 1
    with pytest.raises(UnavailableError, match="wait 1 minute, lower"):
        await guarded.send(account.info())
    clock.now += 1
    asked, done = asyncio.Event(), asyncio.Event()

    async def slowly(request: object) -> httpx.Response:
        asked.set()
        await done.wait()
        return httpx.Response(200, json=INFO)

    httpx_mock.add_callback(slowly)
    question = asyncio.create_task(guarded.send(account.info()))
    await asked.wait()
    for _ in range(3):
        with pytest.raises(UnavailableError, match="nothing is sent"):
            await guarded.send(account.info())
    done.set()
    assert (await question).status == "ACTIVE"
    assert len(httpx_mock.get_requests()) == 2
    httpx_mock.add_response(json=INFO, is_reusable=True)
    await asyncio.gather(*(guarded.send(account.info()) for _ in range(5)))


async def test_a_question_that_is_refused_doubles_the_pause(
    guarded: Transport, httpx_mock: HTTPXMock, clock: Clock
) -> None:
    await refuse(guarded, httpx_mock)
    clock.now += PAUSE
    httpx_mock.add_response(status_code=503)
    with pytest.raises(UnavailableError, match="wait 10 minutes"):
        await guarded.send(account.info())
    clock.now += 2 * PAUSE
    httpx_mock.add_response(json=INFO)
    await guarded.send(account.info())


async def test_a_question_that_is_cancelled_leaves_its_place_to_another(
    guarded: Transport, httpx_mock: HTTPXMock, clock: Clock
) -> None:
    await refuse(guarded, httpx_mock)
    clock.now += PAUSE

    asked = asyncio.Event()

    async def forever(request: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    httpx_mock.add_callback(forever)  # type: ignore[arg-type]  # it never returns
    task = asyncio.create_task(guarded.send(account.info()))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    httpx_mock.add_response(json=INFO)
    assert (await guarded.send(account.info())).status == "ACTIVE"


async def test_a_service_that_says_how_long_is_left_alone_so_long(
    guarded: Transport, httpx_mock: HTTPXMock, clock: Clock
) -> None:
    httpx_mock.add_response(status_code=503, html=ROBOT, headers={"retry-after": "1200"})
    with pytest.raises(UnavailableError):
        await guarded.send(account.info())
    clock.now += 600
    with pytest.raises(UnavailableError, match="wait 10 minutes"):
        await guarded.send(account.info())


async def test_the_storage_behind_a_signed_address_stops_nothing(guarded: Transport, httpx_mock: HTTPXMock) -> None:
    signed = "https://storage.example.com/x?X-Amz-Signature=s"
    httpx_mock.add_response(status_code=302, headers={"location": signed}, is_reusable=True)
    httpx_mock.add_response(url=signed, status_code=503, html=ROBOT, is_reusable=True)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await guarded.send(content.content("abc"))
    httpx_mock.add_response(json=INFO)
    await guarded.send(account.info())


def test_a_service_of_ones_own_is_never_left_alone() -> None:
    breaker = Breaker.never()
    for _ in range(100):
        breaker.refused(robot=True)
        assert not isinstance(breaker.admit(), Failure)


@settings(max_examples=80)
@given(st.lists(st.sampled_from(["ask good", "ask bad", "ask robot", "ask nothing", "wait", "wait long"]), max_size=40))
def test_it_is_open_for_a_bounded_time_only_and_lets_one_through_afterwards(events: list[str]) -> None:
    clock = Clock()
    breaker = Breaker(refusals=3, clock=clock)
    for event in events:
        if event.startswith("wait"):
            clock.now += PAUSE if event == "wait" else LONGEST
        elif not isinstance(ticket := breaker.admit(), Failure):
            if event == "ask good":
                breaker.answered()
            elif event != "ask nothing":
                breaker.refused(robot=event == "ask robot")
            breaker.release(ticket)
    clock.now += LONGEST
    ticket = breaker.admit()
    assert not isinstance(ticket, Failure)
    breaker.answered()
    breaker.release(ticket)
    assert not isinstance(breaker.admit(), Failure)
    assert not isinstance(breaker.admit(), Failure)


def test_it_tells_for_how_long_it_rests(clock: Clock) -> None:
    breaker = Breaker(clock=clock)
    assert breaker.rests == 0.0
    breaker.refused(robot=True)
    clock.now += 100.0
    assert breaker.rests == PAUSE - 100.0
    clock.now += PAUSE
    assert breaker.rests == 0.0
