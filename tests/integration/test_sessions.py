"""Sessions against the service itself: how they end, are renewed, rotate, and what other processes do meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ap_remote.api import account, content, nodes
from ap_remote.connect import connect
from ap_remote.errors import AuthenticationError
from ap_remote.transport import FileStore, Hosts, Session, Transport, load_credentials
from ap_remote.transport.asgi import ASGIApp, ASGITransport
from ap_remote_emulator.app import create_app
from ap_remote_emulator.library.sessions import expire_current

URL = "http://local.invalid"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "service"


@pytest.fixture
def app(data: Path) -> Any:
    return create_app(data, internal=True)


@pytest.fixture
async def stage(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=ASGITransport(app), base_url=f"{URL}/_internal/") as client:
        yield client


@pytest.fixture
def own(data: Path, tmp_path: Path, app: Any) -> FileStore:
    """The client's own copy of the cookies, as `ap login` makes it."""
    store = FileStore(tmp_path / "account" / "credentials.json", own=True)
    store.save(load_credentials(data / "credentials.json"))
    return store


@pytest.fixture
def opened(own: FileStore, tmp_path: Path) -> Callable[..., Transport]:
    def opened(service: ASGIApp) -> Transport:
        session = Session(own.load(), Hosts.for_service(URL), on_rotate=own.save, reread=own.load)
        return Transport(session, app=service, lock=tmp_path / "account" / "session.lock")

    return opened


class Watched:
    """The service, and the paths that it was asked for."""

    def __init__(self, app: ASGIApp, *, tokens_only: bool = False) -> None:
        self._app = app
        self._tokens_only = tokens_only
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        if self._tokens_only and scope["path"].startswith(("/v2/", "/cdproxy/")):
            # A content host that takes no cookies, as a browser finds it: without them the service refuses by itself.
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"cookie"]}
        await self._app(scope, receive, send)

    def count(self, path: str) -> int:
        return self.paths.count(path)


def upload(name: str, parent: str, body: bytes) -> Any:
    digest = hashlib.md5(body).hexdigest()
    return content.upload(
        name, parent, body, md5=digest, size=len(body), wishes=content.wishes(suppress=("DEDUPLICATION",))
    )


async def folder_in(transport: Transport) -> str:
    """Make an empty folder; return its id."""
    root = (await transport.send(nodes.root())).data[0].id
    return (await transport.send(nodes.create_folder("of this test", root))).id


async def turn(stage: httpx.AsyncClient, **knobs: Any) -> None:
    (await stage.post("behaviour", json=knobs)).raise_for_status()


async def test_a_session_that_ended_is_renewed_and_nothing_is_lost(app: Any, opened: Any, own: FileStore) -> None:
    service = Watched(app)
    async with opened(service) as transport:
        folder = await folder_in(transport)
        before = own.load()
        await asyncio.to_thread(expire_current, app.state.store)
        body = bytes(range(256)) * 8192
        made = await transport.send(upload("a.bin", folder, body))
        assert made.content_properties is not None
        assert made.content_properties.md5 == hashlib.md5(body).hexdigest()
        assert (await transport.send(nodes.children(folder))).count == 1
    assert service.count("/ap/exchangetoken/refresh") == 1
    after = own.load()
    assert after["at-main"] != before["at-main"]
    assert {**after, "at-main": ""} == {**before, "at-main": ""}


async def test_calls_at_the_same_time_share_the_renewal(app: Any, opened: Any) -> None:
    service = Watched(app)
    async with opened(service) as transport:
        folder = await folder_in(transport)
        await asyncio.to_thread(expire_current, app.state.store)
        calls = [nodes.create_folder(f"folder {number}", folder) for number in range(12)]
        made = await asyncio.gather(*map(transport.send, calls))
        assert len({each.id for each in made}) == 12
        assert (await transport.send(nodes.children(folder))).count == 12
    assert service.count("/ap/exchangetoken/refresh") == 1


async def test_short_sessions_are_renewed_as_often_as_they_end(app: Any, opened: Any, stage: httpx.AsyncClient) -> None:
    service = Watched(app)
    async with opened(service) as transport:
        await turn(stage, session={"requests": 5})
        for _ in range(23):
            assert (await transport.send(account.info())).status == "ACTIVE"
    assert service.count("/ap/exchangetoken/refresh") == 4


async def test_cookies_that_rotate_all_the_time_are_followed_by_call_and_file(
    app: Any, opened: Any, own: FileStore, stage: httpx.AsyncClient
) -> None:
    service = Watched(app)
    async with opened(service) as transport:
        await turn(stage, session={"rotateEvery": 2})
        before = own.load()
        for _ in range(10):
            await transport.send(account.info())
        assert transport.session.cookies == own.load()
        assert own.load()["session-id"] != before["session-id"]
    assert service.paths == ["/drive/v1/account/info"] * 10
    async with opened(service) as again:
        assert (await again.send(account.info())).status == "ACTIVE"


async def test_one_of_two_processes_renews_and_the_other_reads_it(app: Any, opened: Any) -> None:
    service = Watched(app)
    async with opened(service) as first, opened(service) as second:
        await asyncio.to_thread(expire_current, app.state.store)
        await first.send(account.info())
        await second.send(account.info())
    assert service.count("/ap/exchangetoken/refresh") == 1


async def test_a_session_without_a_refresh_token_ends_at_once(app: Any, own: FileStore) -> None:
    service = Watched(app)
    cookies = {name: value for name, value in own.load().items() if not name.startswith("sess-at")}
    async with Transport(Session(cookies, Hosts.for_service(URL)), app=service) as transport:
        await asyncio.to_thread(expire_current, app.state.store)
        with pytest.raises(AuthenticationError, match="log in again"):
            await transport.send(account.info())
    assert service.paths == ["/drive/v1/account/info"]


async def test_a_renewal_that_is_refused_ends_in_one_probe(app: Any, own: FileStore) -> None:
    service = Watched(app)
    cookies = {**own.load(), "sess-at-main": "another's"}
    async with Transport(Session(cookies, Hosts.for_service(URL)), app=service) as transport:
        await asyncio.to_thread(expire_current, app.state.store)
        with pytest.raises(AuthenticationError, match="log in again"):
            await transport.send(nodes.root())
    assert service.paths == ["/drive/v1/nodes", "/ap/exchangetoken/refresh", "/drive/v1/account/info"]


async def test_a_content_host_without_cookies_gets_tokens_and_fresh_ones(
    app: Any, opened: Any, stage: httpx.AsyncClient
) -> None:
    service = Watched(app, tokens_only=True)
    async with opened(service) as transport:
        folder = await folder_in(transport)
        await turn(stage, session={"tokenRequests": 3})
        for number in range(7):
            made = await transport.send(upload(f"{number}.bin", folder, b"x" * number))
            assert made.name == f"{number}.bin"
        assert (await transport.send(nodes.children(folder))).count == 7
    assert service.count("/photos/auth/token") == 3


async def test_the_local_account_outlives_its_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    async with connect("local:") as remote:
        await remote.put(b"one", "Trip/a.txt")
        service = remote._transport._sender.client._transport._app  # type: ignore[attr-defined]  # its own service
        await asyncio.to_thread(expire_current, service.state.store)
        await remote.put(b"two", "Trip/b.txt")
        assert sorted([each.name async for each in remote.list("Trip", fresh=True)]) == ["a.txt", "b.txt"]
