"""The service in process, and a client that holds its credentials."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette

from ap_remote_emulator.app import create_app

V2 = {"resourceVersion": "V2", "ContentType": "JSON"}


class Client:
    """Speaks to one service with its cookies; every answer is checked against the status expected."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.store = app.state.store
        credentials = app.state.credentials
        self.credentials = credentials
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://photos.test",
            cookies=credentials.cookies,
            headers={"x-amzn-sessionid": credentials.cookies["session-id"]},
        )
        self.stranger = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://photos.test")

    async def call(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        answer = await self.http.request(method, path, **arguments)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
        return answer.json()

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        return await self.call("GET", f"/drive/v1/{path}", status, params={**V2, **query})

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        return await self.call("POST", f"/drive/v1/{path}", status, json={**V2, **body})

    async def patch(self, path: str, status: int = 200, **body: Any) -> Any:
        return await self.call("PATCH", f"/drive/v1/{path}", status, json={**V2, **body})

    async def upload(self, name: str, content: bytes, status: int = 201, parent: str = "", **query: str) -> Any:
        where = {"parentNodeId": parent} if parent else {}
        params = {"name": name, "kind": "FILE", **where, **query}
        return await self.call("POST", "/cdproxy/nodes", status, params=params, content=content)

    async def folder(self, name: str, parent: str | None = None) -> str:
        parents = {"parents": [parent]} if parent else {}
        node: dict[str, Any] = await self.post("nodes", 201, kind="FOLDER", name=name, **parents)
        return str(node["id"])

    async def album(self, name: str) -> str:
        node: dict[str, Any] = await self.post("nodes", 201, kind="VISUAL_COLLECTION", name=name)
        return str(node["id"])

    async def trash(self, *ids: str, status: int = 200) -> Any:
        return await self.patch("trash", status, op="add", value=list(ids), recurse="true")

    async def restore(self, *ids: str, status: int = 200) -> Any:
        return await self.patch("trash", status, op="remove", value=list(ids), conflictResolution="RENAME")

    async def names(self, path: str = "nodes", **query: Any) -> list[str]:
        found: dict[str, Any] = await self.get(path, **query)
        return sorted(node.get("name", "") for node in found["data"])

    async def root(self) -> str:
        found = await self.get("nodes", filters="isRoot:true")
        return str(found["data"][0]["id"])

    async def content(self, node_id: str) -> bytes:
        answer = await self.http.get(f"/cdproxy/nodes/{node_id}")
        assert answer.status_code == 200
        return answer.content


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def app(data: Path) -> Iterator[Starlette]:
    app = create_app(data, internal=True)
    yield app
    app.state.store.close()


@pytest.fixture
async def client(app: Starlette) -> AsyncIterator[Client]:
    client = Client(app)
    yield client
    await client.http.aclose()
    await client.stranger.aclose()


@pytest.fixture
def jpeg() -> Callable[..., bytes]:
    """Return a maker of photographs: JPEG bytes with the EXIF that the test asks for."""

    def make(
        *,
        seed: int = 0,
        size: tuple[int, int] = (64, 48),
        taken: str = "",
        position: tuple[float, float] | None = None,
        orientation: int = 0,
        **exif_text: str,
    ) -> bytes:
        image = Image.new("RGB", size, (seed % 256, seed // 256 % 256, 90))
        exif = Image.Exif()
        if orientation:
            exif[0x0112] = orientation
        if "make" in exif_text:
            exif[0x010F] = exif_text["make"]
        if taken:
            exif[0x8769] = {0x9003: taken}
        if position:
            exif[0x8825] = {
                1: "N" if position[0] >= 0 else "S",
                2: _degrees(position[0]),
                3: "E" if position[1] >= 0 else "W",
                4: _degrees(position[1]),
            }
        out = io.BytesIO()
        image.save(out, "JPEG", exif=exif)
        return out.getvalue()

    return make


def _degrees(value: float) -> tuple[float, float, float]:
    value = abs(value)
    degrees = int(value)
    minutes = int((value - degrees) * 60)
    return float(degrees), float(minutes), (value - degrees - minutes / 60) * 3600
