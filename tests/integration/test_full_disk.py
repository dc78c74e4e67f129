"""A disk that is really full: a tiny file system, mounted where the system lets us."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ap_remote.cli.main import app
from ap_remote_emulator.app import create_app
from ap_remote_emulator.library.check import check_store

MIB = 2**20


def ap(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AP_HOME": str(home)}
    environment.pop("AP_REMOTE", None)
    return subprocess.run(
        [sys.executable, "-m", "ap_remote", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run(home: Path, *words: str) -> str:
    """Run ``ap`` in this process: it prepares, or looks at what the other left."""
    done = CliRunner(env={"AP_HOME": str(home), "AP_REMOTE": None}).invoke(app, list(words))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_a_full_disk_under_the_service_loses_nothing_and_shows_no_half_file(small_disk: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    (tmp_path / "small.bin").write_bytes(os.urandom(MIB // 4))
    (tmp_path / "big.bin").write_bytes(os.urandom(8 * MIB))
    run(home, "put", str(tmp_path / "small.bin"), "local:Documents")
    refused = ap(home, "put", str(tmp_path / "big.bin"), "local:Documents")
    assert refused.returncode == 1
    assert "space" in refused.stderr
    assert "Traceback" not in stderr_of(refused)
    assert run(home, "lsf", "local:Documents") == "small.bin\n"
    run(home, "get", "local:Documents/small.bin", str(tmp_path / "back"))
    assert (tmp_path / "back" / "small.bin").read_bytes() == (tmp_path / "small.bin").read_bytes()


def test_a_full_disk_under_a_download_leaves_no_half_file(small_disk: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "big.bin").write_bytes(os.urandom(8 * MIB))
    run(home, "put", str(tmp_path / "big.bin"), "local:Documents")
    refused = ap(home, "get", "local:Documents/big.bin", str(small_disk))
    assert refused.returncode == 1
    assert "space" in refused.stderr
    assert "Traceback" not in stderr_of(refused)
    assert not os.listdir(small_disk)  # noqa: PTH208 - every name, hidden ones too


def stderr_of(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr + done.stdout


class Door:
    """The service in process over a small disk, with its access token."""

    def __init__(self, data: Path) -> None:
        self.app = create_app(data)
        self.store = self.app.state.store
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url="http://photos.test",
            headers={"x-amz-access-token": self.app.state.credentials.access_token},
        )

    async def call(self, method: str, path: str, status: int, **arguments: Any) -> Any:
        answer = await self.http.request(method, path, **arguments)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **arguments: Any) -> None:
        body = await self.call(method, path, 500, **arguments)
        assert body["code"] == "INSUFFICIENT_STORAGE"
        assert "No space left" in body["message"]
        assert list((self.store.data / "tmp").iterdir()) == []
        assert check_store(self.store) == []


@pytest.fixture
async def door(small_disk: Path) -> AsyncIterator[Door]:
    door = Door(small_disk / "data")
    yield door
    await door.http.aclose()
    door.store.close()


BIG = os.urandom(8 * MIB)


async def test_a_full_disk_is_said_at_every_door_and_nothing_is_left_behind(door: Door) -> None:
    node = await door.call("POST", "/cdproxy/nodes", 201, params={"name": "a.txt"}, content=b"old")
    form = {"metadata": (None, '{"name": "big.bin"}'), "content": ("x", BIG, "text/plain")}
    await door.refused("POST", "/cdproxy/nodes", params={"name": "big.bin"}, content=BIG)
    await door.refused("POST", "/v2/upload", params={"name": "big.bin"}, content=BIG)
    await door.refused("POST", "/cdproxy/nodes", files=form)
    await door.refused("PUT", f"/v2/upload/{node['id']}", content=BIG)
    await door.refused("PUT", f"/cdproxy/nodes/{node['id']}/content", content=BIG)
    await door.refused("PUT", f"/cdproxy/nodes/{node['id']}/content", files={"content": ("x", BIG, "text/plain")})
    found = await door.call("GET", "/drive/v1/nodes", 200, params={"filters": "kind:FILE"})
    assert [each["name"] for each in found["data"]] == ["a.txt"]
    assert (await door.http.get(f"/cdproxy/nodes/{node['id']}")).content == b"old"
    await door.call("POST", "/cdproxy/nodes", 201, params={"name": "b.txt"}, content=b"there is room for this")


async def test_a_disk_that_fills_up_keeps_the_parts_that_were_accepted(door: Door) -> None:
    base = "/v2/upload/multipart-upload"
    started = await door.call("POST", base, 201, params={"name": "big.bin"})
    node, query = f"{base}/{started['nodeId']}", {"uploadId": started["uploadId"]}
    await door.call("PUT", f"{node}/parts/1", 200, params=query, content=BIG[: 3 * MIB])
    await door.refused("PUT", f"{node}/parts/2", params=query, content=BIG)
    await door.call("PUT", f"{node}/parts/2", 200, params=query, content=b"the end")
    await door.refused("POST", f"{node}/complete", params=query)  # no room for the parts and the whole
    found = (await door.call("GET", node, 200, params=query))["parts"]
    assert [part["part-size"] for part in found] == [3 * MIB, 7]
    assert (await door.call("GET", f"/drive/v1/nodes/{started['nodeId']}", 200))["status"] == "PENDING"
    assert door.store.blobs.every() == []
    await door.call("PUT", f"{node}/parts/1", 200, params=query, content=BIG[:1000])
    made = await door.call("POST", f"{node}/complete", 200, params=query)
    assert (await door.http.get(f"/cdproxy/nodes/{made['id']}")).content == BIG[:1000] + b"the end"
