"""The Amazon remote over the local service in process: the contract, and what a service may do to a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ap_remote_emulator.app import create_app

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from tests.contracts.remote import RemoteContract

URL = "http://local.invalid"


class BackDoor:
    """Speaks to the service by itself, with none of the library's own code."""

    def __init__(self, app: Any, cookies: dict[str, str]) -> None:
        headers = {
            "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "x-amzn-sessionid": cookies["session-id"],
        }
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=URL, headers=headers, follow_redirects=True
        )
        self.root: str | None = None

    async def call(self, method: str, path: str, **options: Any) -> Any:
        answer = await self.client.request(method, path, **options)
        answer.raise_for_status()
        return answer.json()

    async def child(self, parent: str, name: str) -> dict[str, Any] | None:
        offset = 0
        while True:
            page = await self.call(
                "GET",
                f"/drive/v1/nodes/{parent}/children",
                params={"resourceVersion": "V2", "limit": 200, "offset": offset},
            )
            for node in page["data"]:
                if node["name"].casefold() == name.casefold():
                    return node
            offset += len(page["data"])
            if not page["data"] or offset >= page["count"]:
                return None

    async def find(self, path: str, *, make: bool = False) -> str | None:
        if self.root is None:
            page = await self.call("GET", "/drive/v1/nodes", params={"filters": "isRoot:true"})
            self.root = page["data"][0]["id"]
        at = self.root
        for name in filter(None, path.split("/")):
            node = await self.child(at, name)
            if node is None and make:
                body = {"kind": "FOLDER", "name": name, "parents": [at], "resourceVersion": "V2"}
                node = await self.call("POST", "/drive/v1/nodes", json=body)
            if node is None:
                return None
            at = node["id"]
        return at

    async def seed(self, path: str, data: bytes) -> str:
        folder, _, name = path.rpartition("/")
        parent = await self.find(folder, make=True)
        params = {"name": name, "parentNodeId": parent, "fileSize": len(data), "suppress": "DEDUPLICATION"}
        node = await self.call("POST", "/v2/upload", params=params, content=data)
        return node["id"]

    async def peek(self, path: str) -> bytes | None:
        node_id = await self.find(path)
        if node_id is None:
            return None
        answer = await self.client.get(f"/cdproxy/nodes/{node_id}")
        return answer.content if answer.is_success else None


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path / "service", internal=True)


@pytest.fixture
def cookies(app: Any, tmp_path: Path) -> dict[str, str]:
    return load_credentials(tmp_path / "service" / "credentials.json")


@pytest.fixture
async def door(app: Any, cookies: dict[str, str]) -> AsyncIterator[BackDoor]:
    opened = BackDoor(app, cookies)
    yield opened
    await opened.client.aclose()


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


class CountingTransport(Transport):
    """Remembers what was sent."""

    titles: list[str]

    async def send(self, call: Any) -> Any:
        self.titles.append(call.title)
        return await super().send(call)


@pytest.fixture
def transport(app: Any, cookies: dict[str, str], clock: Clock) -> CountingTransport:
    made = CountingTransport(Session(cookies, Hosts.for_service(URL)), app=app, retry=Retry(sleep=clock.sleep))
    made.titles = []
    return made


@pytest.fixture
async def remote(transport: CountingTransport, clock: Clock, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache", clock=clock, sleep=clock.sleep) as opened:
        yield opened


class TestAmazonPhotosRemote(RemoteContract):
    @pytest.fixture
    def remote(self, remote: AmazonPhotosRemote) -> AmazonPhotosRemote:
        return remote

    @pytest.fixture
    def seed(self, door: BackDoor, clock: Clock):
        async def put(path: str, data: bytes) -> str:
            # What somebody else writes is seen once the cache has grown old.
            clock.now += 3600
            return await door.seed(path, data)

        return put

    @pytest.fixture
    def peek(self, door: BackDoor):
        return door.peek
