"""A transfer in a process of its own that is killed in the middle, and gone on with by another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ap_remote_emulator.library.check import check

MIB = 2**20
_PATH = os.pathsep.join(path for path in sys.path if path)

CHILD = """
import asyncio, json, os, signal, sys
from pathlib import Path
from ap_remote.config import Account as Configured, Settings
from ap_remote.connect import connect
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import run_plan
from ap_remote.transfer.options import Options
from ap_remote.transfer.planfile import load_plan, save_plan
from ap_remote.transfer.planner import make_plan
from ap_remote.transfer.report import SilentMeter

way, url, credentials, base, kill_at = sys.argv[1:]
base = Path(base)

class Deadly(SilentMeter):
    passed = 0
    def moved(self, path, size):
        self.passed += size
        if 0 <= int(kill_at) <= self.passed:
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    configured = Configured(name="there", kind="service", url=url, credentials=credentials)
    settings = Settings(home=base / "home", file=base / "config.toml", accounts={"there": configured}, max_age=60)
    async with connect("there:", settings=settings) as remote:
        disk, account = Disk(base / way), Account(remote, "Pictures")
        source, target = (disk, account) if way == "up" else (account, disk)
        file = base / f"{way}.json"
        if not file.exists():
            save_plan(await make_plan("copy", source, target, options=Options(transfers=2)), file)
        report = await run_plan(load_plan(file), source, target, journal=base / f"{way}.jsonl", meter=Deadly())
        print(json.dumps([[row.result, row.target, row.reason] for row in report.rows]))

asyncio.run(main())
"""


class Service:
    """The service as a process, asked with none of the library's own code."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ap_remote_emulator", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": _PATH},
        )
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url: str = ready["url"]
        self.credentials: str = ready["credentials"]
        token = json.loads(Path(self.credentials).read_text())["access_token"]
        self.http = httpx.Client(base_url=self.url, headers={"x-amz-access-token": token}, timeout=60, trust_env=False)

    def files(self) -> list[dict[str, Any]]:
        """Every file there ever was, in the trash or not."""
        found = []
        for status in ("AVAILABLE", "TRASH", "PENDING"):
            query = {"filters": f"kind:FILE AND status:{status}", "resourceVersion": "V2", "limit": 200}
            found += self.http.get("/drive/v1/nodes", params=query).json()["data"]
        return found

    def end(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.communicate(timeout=30)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "service")
    yield service
    service.end()
    assert check(tmp_path / "service") == []
    assert list((tmp_path / "service" / "tmp").iterdir()) == []


def copy(service: Service, base: Path, way: str, *, kill_at: int = -1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, way, service.url, service.credentials, str(base), str(kill_at)],
        env={**os.environ, "PYTHONPATH": _PATH},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def library(folder: Path) -> dict[str, bytes]:
    """Small files around a large one."""
    found = {f"{number:02}.bin": os.urandom(10_000) for number in range(12)} | {"05 large.bin": os.urandom(8 * MIB)}
    folder.mkdir()
    for name, data in found.items():
        (folder / name).write_bytes(data)
    return found


def visible(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}


KILLED = [45_000, 3 * MIB, 8 * MIB + 90_000]


@pytest.mark.parametrize("kill_at", KILLED)
def test_a_killed_upload_goes_on_and_sends_nothing_twice(service: Service, tmp_path: Path, kill_at: int):
    sent = library(tmp_path / "up")
    assert copy(service, tmp_path, "up", kill_at=kill_at).returncode == -signal.SIGKILL
    assert all(node["contentProperties"]["size"] == len(sent[node["name"]]) for node in service.files())
    before = {node["name"]: node["id"] for node in service.files()}
    done = copy(service, tmp_path, "up")
    assert done.returncode == 0, done.stderr
    assert "failed" not in {row[0] for row in json.loads(done.stdout)}
    after = service.files()
    assert sorted(node["name"] for node in after) == sorted(sent)
    assert {node["name"]: node["id"] for node in after}.items() >= before.items()
    assert {node["version"] for node in after} == {1}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, dict[str, bytes]]]:
    """A service that nobody changes, and what was sent to it."""
    base = tmp_path_factory.mktemp("filled")
    service = Service(base / "service")
    sent = library(base / "up")
    done = copy(service, base, "up")
    assert done.returncode == 0, done.stderr
    yield service, sent
    service.end()


@pytest.mark.parametrize("kill_at", KILLED)
def test_a_killed_download_goes_on_and_shows_no_half_file(
    filled: tuple[Service, dict[str, bytes]], tmp_path: Path, kill_at: int
):
    service, sent = filled
    (tmp_path / "down").mkdir()
    assert copy(service, tmp_path, "down", kill_at=kill_at).returncode == -signal.SIGKILL
    there = visible(tmp_path / "down")
    assert there.items() <= sent.items()
    inodes = {name: (tmp_path / "down" / name).stat().st_ino for name in there}
    done = copy(service, tmp_path, "down")
    assert done.returncode == 0, done.stderr
    assert visible(tmp_path / "down") == sent
    assert {file.name for file in (tmp_path / "down").iterdir()} == set(sent)
    assert {name: (tmp_path / "down" / name).stat().st_ino for name in there} == inodes
