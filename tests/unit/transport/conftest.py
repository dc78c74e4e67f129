from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ap_remote.transport import Hosts, Pacer, Retry, Session, Transport

CANARY = "canary"
COOKIES = {
    "session-id": f"{CANARY}-111-2222222-3333333",
    "ubid-main": f"{CANARY}-444-5555555-6666666",
    "at-main": f"Atza|{CANARY}-token",
}


@pytest.fixture
def cookies() -> dict[str, str]:
    return dict(COOKIES)


@pytest.fixture
def local(cookies: dict[str, str]) -> Session:
    """A session with a service of one's own."""
    return Session(cookies, Hosts.for_service("http://local.invalid"))


@pytest.fixture
def slept() -> list[float]:
    """The seconds that a retry would have slept."""
    return []


@pytest.fixture
def retry(slept: list[float]) -> Retry:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ticks = iter(range(1_000_000))
    return Retry(sleep=sleep, chance=lambda: 1.0, clock=lambda: float(next(ticks)))


@pytest.fixture
def session() -> Session:
    return Session(COOKIES, Hosts.for_marketplace("com"))


@pytest.fixture
async def transport(session: Session, retry: Retry) -> AsyncIterator[Transport]:
    async with Transport(session, retry=retry, pacer=Pacer.unlimited()) as each:
        yield each
