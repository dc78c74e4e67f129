"""Where a redirect led is asked once for many, and never believed for long."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from ap_remote.api import content
from ap_remote.errors import AccessDeniedError, RemoteError
from ap_remote.transport import Retry, Session, Transport
from ap_remote.transport.onward import LIFE, Onward

MADE = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
PLAIN = httpx.URL("https://storage.example.com/a")


def at(expires: str, date: str = "20261122T120000Z") -> httpx.URL:
    return httpx.URL(f"https://storage.example.com/a?x-amz-date={date}&X-Amz-Expires={expires}&X-Amz-Signature=s")


@pytest.mark.parametrize(
    ("url", "life"),
    [
        (PLAIN, LIFE),
        (at("900"), LIFE),
        (at("7"), 4.0),
        (at("3"), 0.0),
        (at("7", "1763812800000"), 7.0),
        (at("soon"), LIFE),
    ],
)
async def test_a_way_is_remembered_until_it_ends_by_our_word_or_its_own(url: httpx.URL, life: float) -> None:
    clock = [100.0]
    ways = Onward(clock=lambda: clock[0], now=lambda: MADE + 3.0)
    ways.learn("a 1", url)
    clock[0] += life - 0.001
    assert await ways.recall("a 1") == (url if life else None)
    assert await ways.recall("a 2") is None
    clock[0] += 0.002
    assert await ways.recall("a 1") is None


async def test_what_is_forgotten_and_what_is_too_old_among_many_is_not_known() -> None:
    ways = Onward()
    for number in range(2000):
        ways.learn(f"{number}", PLAIN)
    assert await ways.recall("0") is None
    assert await ways.recall("1999") == PLAIN
    ways.forget("1999")
    assert await ways.recall("1999") is None
    assert repr(ways) == "Onward(1023)"


async def test_who_wants_the_same_way_waits_for_whoever_asks_for_it() -> None:
    ways = Onward()
    with ways.asking("a 1"):
        waiting = [asyncio.create_task(ways.recall("a 1")) for _ in range(3)]
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert not waiting[1].done()
        ways.learn("a 1", PLAIN)
        assert await asyncio.gather(*waiting[1:]) == [PLAIN, PLAIN]
    with ways.asking("b 1"):
        other = asyncio.create_task(ways.recall("b 1"))
        await asyncio.sleep(0)
    assert await other is None, "the asking has failed: everybody asks for himself"


class Service:
    """Redirects to a store, which takes whatever is not in *refused*."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.refused: dict[str, int] = {}
        self.cookies: set[bytes] = set()
        self.number = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        store = scope["server"][0] == "storage.example.com"
        self.asked["store" if store else "redirect"] += 1
        if store:
            self.cookies.add(headers.get(b"cookie", b""))
            status, sent, body = self.refused.get(scope["path"], 200), [], b"bytes"
        else:
            self.number += 1
            location = f"https://storage.example.com/{self.number}?X-Amz-Signature=s"
            status, sent, body = 302, [(b"location", location.encode())], b""
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def transport(session: Session, service: Service, retry: Retry) -> AsyncIterator[Transport]:
    async with Transport(session, app=service, retry=retry) as each:
        yield each


async def read(transport: Transport, leads: str = "abc 1") -> bytes:
    call = msgspec.structs.replace(content.content("abc"), leads=leads)
    async with transport.stream(call) as download:
        return b"".join([piece async for piece in download.aiter()])


async def test_many_who_read_one_file_at_once_ask_once_for_the_way(transport: Transport, service: Service) -> None:
    assert await asyncio.gather(*(read(transport) for _ in range(20))) == [b"bytes"] * 20
    assert service.asked == {"redirect": 1, "store": 20}
    assert service.cookies == {b""}
    await read(transport, "abc 2")
    await transport.send(content.content("abc"))
    assert service.asked["redirect"] == 3, "another version is another file, and what names no file is asked anew"


async def test_a_way_that_has_gone_bad_is_asked_for_anew_before_it_counts(
    transport: Transport, service: Service, slept: list[float]
) -> None:
    for status in (403, 404, 500, 503, 302):
        await read(transport)
        service.refused[f"/{service.number}"] = status
        assert await read(transport) == b"bytes"
    assert slept == [], "none of it was an attempt that failed"
    service.refused = {f"/{number}": 403 for number in range(100)}
    with pytest.raises(AccessDeniedError):
        await read(transport)


async def test_a_way_to_nowhere_is_asked_for_anew(transport: Transport, service: Service) -> None:
    await read(transport)
    known, service.asked = service.number, Counter()
    serve = transport._client._transport._app

    async def dies_there(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == f"/{known}":
            raise OSError("gone")
        await serve(scope, receive, send)

    transport._client._transport._app = dies_there
    assert await read(transport) == b"bytes"
    assert service.asked == {"redirect": 1, "store": 1}


async def test_what_came_from_a_way_and_was_not_good_makes_it_be_asked_for_anew(
    transport: Transport, service: Service
) -> None:
    await read(transport)
    transport.forget("abc 1")
    await read(transport)
    assert service.asked["redirect"] == 2


async def test_when_the_asking_fails_everybody_asks_for_himself(transport: Transport, service: Service) -> None:
    service.refused = {f"/{number}": 403 for number in range(100)}
    failures = await asyncio.gather(*(read(transport) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, RemoteError) for each in failures)
