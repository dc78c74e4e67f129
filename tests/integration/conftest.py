from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from tests.contracts.service import URL, BackDoor, Clock, WatchedTransport

_ROOM = 256 * 2**20
"""Bytes that the library of a test module never fills."""


@pytest.fixture(scope="module")
def library(quick_disk: Path) -> Iterator[Any]:
    """The filesystem of ``ap://`` over a local service that a module's tests share, in a home of its own."""
    import fsspec

    from ap_remote.fsspec import AmazonPhotosFileSystem

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AP_CONFIG", "AP_REMOTE"):
            patch.delenv(name, raising=False)
        patch.setenv("AP_HOME", str(quick_disk / "home"))
        AmazonPhotosFileSystem.clear_instance_cache()
        yield fsspec.filesystem("ap")
        for fs in list(AmazonPhotosFileSystem._cache.values()):
            fs._remotes.shutdown()  # also what others opened on their own loops
        AmazonPhotosFileSystem.clear_instance_cache()


@pytest.fixture
def app(tmp_path: Path) -> Any:
    """A local service in process."""
    return create_app(tmp_path / "service", internal=True)


@pytest.fixture
def cookies(app: Any, tmp_path: Path) -> dict[str, str]:
    return load_credentials(tmp_path / "service" / "credentials.json")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(app: Any, cookies: dict[str, str]) -> AsyncIterator[BackDoor]:
    opened = BackDoor(app, cookies)
    yield opened
    await opened.client.aclose()


@pytest.fixture
def transport(app: Any, cookies: dict[str, str], clock: Clock) -> WatchedTransport:
    return WatchedTransport(Session(cookies, Hosts.for_service(URL)), app=app, retry=Retry(sleep=clock.sleep))


@pytest.fixture
async def remote(transport: WatchedTransport, clock: Clock, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    """A remote over that service, which nobody has asked anything yet."""
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache", clock=clock, sleep=clock.sleep) as opened:
        yield opened


@pytest.fixture(scope="module")
def quick_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory, where the system has room for one: for tests that write much and ask nothing of the disk.

    Every upload and every step of a node cache waits for a real disk, which takes longer than all the rest.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < _ROOM:
        yield tmp_path_factory.mktemp("quick")
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="ap-tests-") as folder:
        yield Path(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no mount")
    if mounted.returncode:
        pytest.skip(f"this system lets us mount nothing: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
