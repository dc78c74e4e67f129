"""Transfers against a service that truncates, lies, is away, and files that change under way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import IntegrityError
from ap_remote.remote.base import Measured
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import run_plan
from ap_remote.transfer.options import Options
from ap_remote.transfer.plan import sealed
from ap_remote.transfer.planner import make_plan
from ap_remote.transfer.pool import Patience
from ap_remote.transfer.sending import Outgoing, send
from ap_remote.transfer.undo import undo
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.faults import Fault
from ap_remote_emulator.faults.behaviour import Behaviour, Bodies
from ap_remote_emulator.library.check import check_store

URL = "http://local.invalid"
MIB = 2**20


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path / "service", internal=True)


@pytest.fixture
async def remote(app: Any, clock: Clock, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    cookies = load_credentials(tmp_path / "service" / "credentials.json")
    transport = Transport(Session(cookies, Hosts.for_service(URL)), app=app, retry=Retry(sleep=clock.sleep))
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache", clock=clock, sleep=clock.sleep) as opened:
        yield opened
    assert check_store(app.state.store) == []


async def nothing(_: int) -> None:
    """Let all pass."""


async def names(remote: AmazonPhotosRemote, folder: str = "") -> set[str]:
    return {each.path async for each in remote.list(folder, recursive=True, fresh=True) if not each.is_folder}


def inside(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def grow(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"more")


def shrink(file: Path) -> None:
    os.truncate(file, 2 * MIB)


def rewrite(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(2 * MIB)
        stream.write(b"other bytes")


@pytest.mark.parametrize("change", [grow, shrink, rewrite])
async def test_a_file_that_changes_while_it_is_sent_is_nowhere_to_be_seen(remote, tmp_path: Path, change):
    file = tmp_path / "film.mp4"
    file.write_bytes(os.urandom(3 * MIB))
    passed = 0

    async def watch(size: int) -> None:
        nonlocal passed
        passed += size
        if passed == size:
            change(file)

    with pytest.raises(IntegrityError):
        await send(remote, Outgoing(file=file, size=3 * MIB, watch=watch), "Pictures/film.mp4")
    assert await names(remote) == set()


async def test_a_digest_that_is_not_that_of_the_bytes_leaves_nothing(remote, tmp_path: Path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"the bytes of today")
    with pytest.raises(IntegrityError):
        await remote.put(Measured(file, "0" * 32, 18), "Pictures/a.bin")
    assert await names(remote) == set()


async def test_a_planned_digest_that_no_longer_holds_is_a_failed_row(remote, tmp_path: Path):
    """The file has the same size, times and inode, as a few tools can make it."""
    source, target = Disk(tmp_path / "photos"), Account(remote, "Pictures")
    source.root.mkdir()
    (source.root / "a.bin").write_bytes(b"the bytes of today")
    plan = await make_plan("copy", source, target, options=Options(duplicates="refuse"))
    (step,) = [each for each in plan.steps if each.action == "copy"]
    assert step.source is not None
    lie = replace(step, source=replace(step.source, md5="0" * 32))
    plan = sealed(replace(plan, steps=tuple(lie if each is step else each for each in plan.steps)))
    report = await run_plan(plan, source, target)
    assert len(report.select("failed")) == 1
    assert await names(remote) == set()


async def test_an_outage_of_a_minute_fails_nothing(remote, app, clock: Clock, tmp_path: Path):
    source, target = Disk(tmp_path / "photos"), Account(remote, "Pictures")
    source.root.mkdir()
    for number in range(5):
        (source.root / f"{number}.bin").write_bytes(b"%d" % number)
    plan = await make_plan("copy", source, target)
    app.state.faults.add(Fault(method="POST", path="/v2/upload*", times=-1, status=503, body="{}"))
    began = clock.now

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.now - began > 60:
            app.state.faults.clear()

    report = await run_plan(plan, source, target, patience=Patience(sleep=sleep))
    assert not report.select("failed")
    assert len(await names(remote)) == 5


async def test_a_replacement_over_the_service_and_back(remote, tmp_path: Path):
    disk, target = Disk(tmp_path / "photos"), Account(remote, "Pictures")
    disk.root.mkdir()
    (disk.root / "a.bin").write_bytes(b"one")
    await run_plan(await make_plan("copy", disk, target), disk, target)
    first = await remote.stat("Pictures/a.bin")
    (disk.root / "a.bin").write_bytes(b"two, longer")
    plan, journal = await make_plan("copy", disk, target), tmp_path / "journal"
    report = await run_plan(plan, disk, target, journal=journal)
    assert not report.select("failed")
    second = await remote.stat("Pictures/a.bin", fresh=True)
    assert (second.size, second.id != first.id) == (11, True)
    assert not (await undo(plan, journal, disk, target)).select("failed")
    assert (await remote.stat("Pictures/a.bin", fresh=True)).id == first.id
    assert await names(remote) == {"Pictures/a.bin"}


async def test_a_download_that_the_service_cuts_short_is_put_together(remote, app, tmp_path: Path):
    data = os.urandom(3 * MIB)
    await remote.put(data, "Pictures/a.bin")
    source, target = Account(remote, "Pictures"), Disk(tmp_path / "here")
    plan = await make_plan("copy", source, target)
    app.state.store.knobs.turn(Behaviour(bodies=Bodies(truncate=MIB)))
    report = await run_plan(plan, source, target)
    assert not report.select("failed")
    assert (target.root / "a.bin").read_bytes() == data


async def test_a_download_whose_length_is_a_lie_never_gets_its_name(remote, app, tmp_path: Path):
    await remote.put(os.urandom(3 * MIB), "Pictures/a.bin")
    source, target = Account(remote, "Pictures"), Disk(tmp_path / "here")
    plan = await make_plan("copy", source, target)
    app.state.store.knobs.turn(Behaviour(bodies=Bodies(length_off=-1)))
    report = await run_plan(plan, source, target)
    assert len(report.select("failed")) == 1
    assert inside(target.root) == []


async def test_a_disk_that_fills_up_ends_the_run_and_keeps_what_is_whole(remote, small_disk: Path, tmp_path: Path):
    for number in range(4):
        await remote.put(os.urandom(2 * MIB), f"Pictures/{number}.bin")
    source, target = Account(remote, "Pictures"), Disk(small_disk / "here")
    plan = await make_plan("copy", source, target, options=Options(transfers=1))
    journal = tmp_path / "journal"
    with pytest.raises(OSError, match="No space left"):
        await run_plan(plan, source, target, journal=journal)
    whole = inside(target.root)
    assert whole
    assert all((target.root / name).stat().st_size == 2 * MIB for name in whole)
    assert not [name for name in whole if "partial" in name]
    await asyncio.to_thread((target.root / "0.bin").unlink)
    await asyncio.to_thread((target.root / "1.bin").unlink)
    report = await run_plan(plan, source, target, journal=journal)
    assert not report.select("failed")
    assert inside(target.root) == sorted({"2.bin", "3.bin", *whole} - {"0.bin", "1.bin"})
