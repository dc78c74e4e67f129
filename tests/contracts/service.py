"""The local service in process, as tests see it: a door behind the remote's back, a clock, what the remote sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.transport.client import Transport
from ap_remote_emulator.library.nodes import set_tags

URL = "http://local.invalid"


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class WatchedTransport(Transport):
    """Remembers what was sent, and may change what comes back."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.titles: list[str] = []
        self.changed: Callable[[Any, Any], Any] = lambda _, answer: answer

    async def send(self, call: Any) -> Any:
        self.titles.append(call.title)
        return self.changed(call, await super().send(call))


class CountedTransport(WatchedTransport):
    """Remembers what was streamed as well."""

    def stream(self, call: Any, **options: Any) -> Any:
        self.titles.append(call.title)
        return super().stream(call, **options)


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


def plant(app: Any, node_id: str, *, people: Sequence[str], things: Sequence[str] | None = None) -> None:
    """Let a photograph show people and, unless they stay as they are, things; the service finds both out later."""
    with app.state.store.write() as write:
        if things is not None:
            set_tags(write, node_id, "thing", things)
        set_tags(write, node_id, "person", people)
        for each in people:
            write.execute("INSERT OR IGNORE INTO people (id) VALUES (?)", (each,))
        write.touch(node_id)


class OverService:
    """A contract's fixtures, from a module's own: ``remote`` over the local service, its ``door`` and ``clock``."""

    @pytest.fixture
    def remote(self, remote: AmazonPhotosRemote) -> AmazonPhotosRemote:
        return remote

    @pytest.fixture
    def seed(self, door: BackDoor, clock: Clock):
        async def put(path: str, data: bytes) -> str:
            # What somebody else writes is seen once what is known has grown old.
            clock.now += 3600
            return await door.seed(path, data)

        return put

    @pytest.fixture
    def peek(self, door: BackDoor):
        return door.peek
