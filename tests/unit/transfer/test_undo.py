from __future__ import annotations

from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import PlanError, UnavailableError
from ap_remote.model import NodeId, Status
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import run_plan
from ap_remote.transfer.options import Options
from ap_remote.transfer.planner import make_plan
from ap_remote.transfer.pool import Patience
from ap_remote.transfer.undo import undo


def inside(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and ".ap-trash" not in file.parts
    }


async def held(remote: MemoryRemote, folder: str = "") -> dict[str, tuple[str, bytes]]:
    found = [each async for each in remote.list(folder, recursive=True) if not each.is_folder]
    return {each.path: (each.id, remote.raw(each.path) or b"") for each in found}


@pytest.fixture
def remote() -> MemoryRemote:
    remote = MemoryRemote()
    remote.seed("Pictures/a.txt", b"old")
    remote.seed("Pictures/gone.txt", b"gone")
    remote.seed("Pictures/gone/below.txt", b"below")
    remote.seed("Pictures/before.txt", b"renamed")
    return remote


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    root = tmp_path / "photos"
    (root / "deep").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"new")
    (root / "after.txt").write_bytes(b"renamed")
    (root / "deep/b.txt").write_bytes(b"b")
    return Disk(root)


@pytest.mark.parametrize("backup", [None, "Backup"])
async def test_a_sync_is_taken_back_whole(remote: MemoryRemote, disk: Disk, tmp_path: Path, backup: str | None):
    before = await held(remote)
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", disk, target, options=Options(backup_dir=backup))
    journal = tmp_path / "journal"
    assert not (await run_plan(plan, disk, target, journal=journal)).select("failed")
    assert await held(remote, "Pictures") != before
    report = await undo(plan, journal, disk, target)
    assert not report.select("failed")
    assert not report.select("skipped")
    assert await held(remote, "Pictures") == before
    assert not [each async for each in remote.list("Pictures") if each.name == "deep"]


async def test_undoing_twice_does_nothing_more(remote: MemoryRemote, disk: Disk, tmp_path: Path):
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", disk, target)
    journal = tmp_path / "journal"
    await run_plan(plan, disk, target, journal=journal)
    await undo(plan, journal, disk, target)
    assert (await undo(plan, journal, disk, target)).rows == ()
    with pytest.raises(PlanError, match="undone"):
        await run_plan(plan, disk, target, journal=journal)


async def test_a_download_that_replaced_and_removed_is_taken_back(remote: MemoryRemote, disk: Disk, tmp_path: Path):
    before = inside(disk.root)
    source = Account(remote, "Pictures")
    plan = await make_plan("sync", source, disk)
    journal = tmp_path / "journal"
    assert not (await run_plan(plan, source, disk, journal=journal)).select("failed")
    assert inside(disk.root) != before
    report = await undo(plan, journal, source, disk)
    assert not report.select("failed")
    assert not report.select("skipped")
    assert inside(disk.root) == before


async def test_a_move_is_taken_back(remote: MemoryRemote, tmp_path: Path):
    before = await held(remote, "Pictures")
    source, target = Account(remote, "Pictures"), Account(remote, "Elsewhere")
    plan = await make_plan("move", source, target)
    journal = tmp_path / "journal"
    assert not (await run_plan(plan, source, target, journal=journal)).select("failed")
    assert await held(remote, "Pictures") == {}
    assert not (await undo(plan, journal, source, target)).select("failed")
    assert await held(remote, "Pictures") == before


async def test_a_move_from_a_disk_brings_the_files_back(disk: Disk, tmp_path: Path):
    before = inside(disk.root)
    remote = MemoryRemote()
    target = Account(remote, "Pictures")
    plan = await make_plan("move", disk, target)
    journal = tmp_path / "journal"
    await run_plan(plan, disk, target, journal=journal)
    assert inside(disk.root) == {}
    await undo(plan, journal, disk, target)
    assert inside(disk.root) == before
    assert await held(remote) == {}


async def test_what_changed_since_is_left_alone_and_told(disk: Disk, tmp_path: Path):
    remote = MemoryRemote()
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", disk, target)
    journal = tmp_path / "journal"
    await run_plan(plan, disk, target, journal=journal)
    await remote.put(b"work", "Pictures/a.txt", if_exists="overwrite")
    await remote.put(b"more", "Pictures/deep/more.txt")
    report = await undo(plan, journal, disk, target)
    left = {row.target for row in report.select("skipped")}
    assert left == {"Pictures/a.txt", "Pictures/deep"}
    assert set(await held(remote)) == {"Pictures/a.txt", "Pictures/deep/more.txt"}


async def test_a_download_that_was_edited_since_is_left_alone(remote: MemoryRemote, tmp_path: Path):
    source, target = Account(remote, "Pictures"), Disk(tmp_path / "here")
    plan = await make_plan("copy", source, target)
    journal = tmp_path / "journal"
    await run_plan(plan, source, target, journal=journal)
    (target.root / "a.txt").write_bytes(b"edited")
    report = await undo(plan, journal, source, target)
    assert inside(target.root) == {"a.txt": b"edited"}
    assert str(target.root / "a.txt") in {row.target for row in report.select("skipped")}


async def test_what_was_replaced_in_place_cannot_come_back_and_that_is_told(
    remote: MemoryRemote, disk: Disk, tmp_path: Path
):
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", disk, target, options=Options(in_place=True))
    journal = tmp_path / "journal"
    await run_plan(plan, disk, target, journal=journal)
    report = await undo(plan, journal, disk, target)
    assert "in place" in " ".join(row.reason for row in report.select("skipped"))
    assert remote.raw("Pictures/a.txt") == b"new"


async def test_a_name_that_was_taken_since_is_told_and_nothing_is_overwritten(
    remote: MemoryRemote, disk: Disk, tmp_path: Path
):
    source = Account(remote, "Pictures")
    plan = await make_plan("sync", source, disk)
    journal = tmp_path / "journal"
    await run_plan(plan, source, disk, journal=journal)
    (disk.root / "after.txt").write_bytes(b"mine")
    report = await undo(plan, journal, source, disk)
    assert inside(disk.root)["after.txt"] == b"mine"
    assert any("after.txt" in row.reason for row in report.select("skipped"))


@pytest.mark.parametrize("cut", range(1, 9))
async def test_an_undo_that_is_killed_anywhere_goes_on(disk: Disk, tmp_path: Path, cut: int):
    class Killed(BaseException):
        pass

    class Dying(MemoryRemote):
        calls, dying = 0, False

        def count(self) -> None:
            self.calls += self.dying
            if self.dying and self.calls == cut:
                raise Killed

        async def trash(self, *targets):  # type: ignore[override]
            self.count()
            outcome = await super().trash(*targets)
            self.count()
            return outcome

        async def restore(self, *targets):  # type: ignore[override]
            self.count()
            outcome = await super().restore(*targets)
            self.count()
            return outcome

    remote = Dying()
    old = remote.seed("Pictures/a.txt", b"old")
    remote.seed("Pictures/gone.txt", b"gone")
    before = await held(remote)
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", disk, target)
    journal = tmp_path / "journal"
    await run_plan(plan, disk, target, journal=journal)
    remote.dying = True
    with pytest.raises(Killed):
        await undo(plan, journal, disk, target)
    remote.dying = False
    assert not (await undo(plan, journal, disk, target)).select("failed")
    assert await held(remote) == before
    assert (await remote.stat(NodeId(old))).status is Status.AVAILABLE


async def test_an_interrupted_run_can_be_undone_instead(disk: Disk, tmp_path: Path):
    class Away(MemoryRemote):
        sent = 0

        async def put(self, source, path, **kwargs):  # type: ignore[override]
            self.sent += 1
            if self.sent == 3:
                raise UnavailableError("away")
            return await super().put(source, path, **kwargs)

    remote = Away()
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", disk, target, options=Options(transfers=1))
    journal = tmp_path / "journal"
    with pytest.raises(UnavailableError):
        await run_plan(plan, disk, target, journal=journal, patience=Patience(pauses=()))
    await undo(plan, journal, disk, target)
    assert await held(remote) == {}


async def test_there_must_be_a_journal(remote: MemoryRemote, disk: Disk, tmp_path: Path):
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", disk, target)
    with pytest.raises(PlanError, match="no journal"):
        await undo(plan, tmp_path / "none", disk, target)
