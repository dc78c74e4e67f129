from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    PlanError,
    QuotaExceededError,
    ServiceFullError,
    UnavailableError,
)
from ap_remote.model import NodeId, Status
from ap_remote.transfer import fetching
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import NOTHING_REMOVED, run_plan
from ap_remote.transfer.options import Options
from ap_remote.transfer.plan import Plan, Seen, Step, sealed
from ap_remote.transfer.planner import make_plan
from ap_remote.transfer.pool import Patience
from ap_remote.transfer.report import Row


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class Told:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.expected = (0, 0)
        self.bytes: dict[str, int] = {}
        self.rows: list[Row] = []

    def expect(self, files: int, size: int) -> None:
        self.expected = (files, size)

    def begin(self, path: str, size: int) -> None:
        self.bytes[path] = 0

    def moved(self, path: str, size: int) -> None:
        self.bytes[path] += size

    def advance(self, row: Row) -> None:
        self.rows.append(row)


def write(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def inside(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and ".ap-trash" not in file.parts
    }


async def held(remote: MemoryRemote, folder: str = "") -> dict[str, bytes]:
    found = [each async for each in remote.list(folder, recursive=True) if not each.is_folder]
    return {each.path: remote.raw(each.path) or b"" for each in found}


def results(report) -> list[tuple[str, str]]:
    return sorted((row.target, row.result) for row in report.rows)


@pytest.fixture
def remote() -> MemoryRemote:
    return MemoryRemote()


@pytest.fixture
def photos(tmp_path: Path) -> Disk:
    return Disk(write(tmp_path / "photos", a_jpg=b"a", deep__b_jpg=b"bb", deep__er__empty=b""))


async def test_a_tree_goes_up_and_comes_down_as_it_was(photos: Disk, remote: MemoryRemote, tmp_path: Path):
    target = Account(remote, "Pictures")
    told = Told()
    report = await run_plan(await make_plan("copy", photos, target), photos, target, meter=told)
    assert not report.select("failed")
    assert await held(remote) == {"Pictures/a.jpg": b"a", "Pictures/deep/b.jpg": b"bb", "Pictures/deep/er/empty": b""}
    assert (told.expected, sum(told.bytes.values())) == ((3, 3), 3)
    back = Disk(tmp_path / "back")
    report = await run_plan(await make_plan("copy", target, back), target, back)
    assert not report.select("failed")
    assert inside(back.root) == inside(photos.root)


async def test_a_second_run_finds_nothing_to_do(photos: Disk, remote: MemoryRemote):
    target = Account(remote, "Pictures")
    await run_plan(await make_plan("copy", photos, target), photos, target)
    again = await make_plan("copy", photos, target)
    assert again.steps == ()


async def test_an_account_goes_to_another_through_a_file(remote: MemoryRemote, monkeypatch: pytest.MonkeyPatch):
    taken = datetime(2019, 5, 4, tzinfo=UTC)
    await remote.put(b"a", "from/a.txt", taken=taken)
    remote.seed("from/live.heic", b"still")
    remote.seed_film("from/live.heic", "live.mov", b"film")
    other = MemoryRemote("other")
    source, target = Account(remote, "from"), Account(other, "to")
    report = await run_plan(await make_plan("copy", source, target), source, target)
    assert not report.select("failed")
    assert (await held(other))["to/a.txt"] == b"a"
    assert (await other.stat("to/a.txt")).taken == taken


async def test_the_film_of_a_live_photo_comes_down_beside_it(remote: MemoryRemote, tmp_path: Path):
    remote.seed("from/live.heic", b"still")
    remote.seed_film("from/live.heic", "live.mov", b"film")
    source, target = Account(remote, "from"), Disk(tmp_path / "here")
    await run_plan(await make_plan("copy", source, target), source, target)
    assert inside(target.root) == {"live.heic": b"still", "live.mov": b"film"}


async def test_a_source_that_changed_since_is_not_sent(photos: Disk, remote: MemoryRemote):
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target)
    (photos.root / "a.jpg").write_bytes(b"other")
    report = await run_plan(plan, photos, target)
    (row,) = report.select("failed")
    assert "changed since the plan was made" in row.reason
    assert "Pictures/a.jpg" not in await held(remote)


async def test_a_source_in_the_account_that_changed_since_does_not_come_down(remote: MemoryRemote, tmp_path: Path):
    await remote.put(b"old", "from/a.txt")
    source, target = Account(remote, "from"), Disk(tmp_path / "here")
    plan = await make_plan("copy", source, target)
    await remote.put(b"new", "from/a.txt", if_exists="overwrite")
    (row,) = (await run_plan(plan, source, target)).select("failed")
    assert "changed since the plan was made" in row.reason
    assert inside(target.root) == {}


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_target_that_appeared_meanwhile_is_left_alone(remote: MemoryRemote, tmp_path: Path, way: str):
    disk = Disk(tmp_path / "here")
    await remote.mkdir("there")
    account = Account(remote, "there")
    if way == "down":
        await remote.put(b"new", "there/a.txt")
        plan = await make_plan("copy", account, disk)
        write(disk.root, a_txt=b"mine")
        report = await run_plan(plan, account, disk)
        assert inside(disk.root) == {"a.txt": b"mine"}
    else:
        write(disk.root, a_txt=b"new")
        plan = await make_plan("copy", disk, account)
        await remote.put(b"mine", "there/a.txt")
        report = await run_plan(plan, disk, account)
        assert await held(remote) == {"there/a.txt": b"mine"}
    (row,) = report.select("failed")
    assert "appeared" in row.reason


async def test_what_appeared_with_the_same_bytes_is_skipped(photos: Disk, remote: MemoryRemote):
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(duplicates="keep"))
    await remote.put(b"a", "Pictures/a.jpg")
    report = await run_plan(plan, photos, target)
    assert ("Pictures/a.jpg", "skipped") in results(report)


async def test_a_replaced_file_goes_to_the_trash_and_the_new_one_gets_its_name(photos: Disk, remote: MemoryRemote):
    old = remote.seed("Pictures/a.jpg", b"old")
    target = Account(remote, "Pictures")
    report = await run_plan(await make_plan("copy", photos, target), photos, target)
    assert not report.select("failed")
    assert (await held(remote))["Pictures/a.jpg"] == b"a"
    assert (await remote.stat(NodeId(old))).status is Status.TRASHED
    assert len(await held(remote)) == 3


async def test_in_place_keeps_the_node(photos: Disk, remote: MemoryRemote):
    old = remote.seed("Pictures/a.jpg", b"old")
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(in_place=True))
    await run_plan(plan, photos, target)
    assert (await remote.stat("Pictures/a.jpg")).id == old
    assert remote.raw("Pictures/a.jpg") == b"a"


async def test_a_backup_folder_gets_what_is_replaced_and_removed_and_loses_nothing_there(
    photos: Disk, remote: MemoryRemote
):
    remote.seed("Pictures/a.jpg", b"old")
    remote.seed("Pictures/gone.jpg", b"gone")
    remote.seed("Backup/a.jpg", b"older")
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", photos, target, options=Options(backup_dir="Backup"))
    report = await run_plan(plan, photos, target)
    assert not report.select("failed")
    backup = await held(remote, "Backup")
    assert backup == {"Backup/a.jpg": b"older", "Backup/a (1).jpg": b"old", "Backup/gone.jpg": b"gone"}


async def test_a_replaced_local_file_is_kept(remote: MemoryRemote, tmp_path: Path):
    await remote.put(b"new", "from/a.txt")
    source, target = Account(remote, "from"), Disk(write(tmp_path / "here", a_txt=b"old"))
    await run_plan(await make_plan("copy", source, target), source, target)
    assert inside(target.root) == {"a.txt": b"new"}
    kept = [file.read_bytes() for file in target.root.rglob(".ap-trash/**/a.txt")]
    assert kept == [b"old"]


async def test_a_replaced_local_file_goes_to_the_backup_folder(remote: MemoryRemote, tmp_path: Path):
    await remote.put(b"new", "from/a.txt")
    source, target = Account(remote, "from"), Disk(write(tmp_path / "here", a_txt=b"old"))
    plan = await make_plan("copy", source, target, options=Options(backup_dir=str(tmp_path / "backup")))
    await run_plan(plan, source, target)
    assert inside(tmp_path / "backup") == {"a.txt": b"old"}


@pytest.mark.parametrize("verb", ["trash", "move"])
async def test_a_replacement_that_fails_leaves_the_old_file(photos: Disk, verb: str):
    class Failing(MemoryRemote):
        failing = True

        async def trash(self, *targets):  # type: ignore[override]
            if verb == "trash" and self.failing:
                self.failing = False
                raise PlanError("no")
            return await super().trash(*targets)

        async def move(self, source, path):  # type: ignore[override]
            if verb == "move":
                raise PlanError("no")
            return await super().move(source, path)

    remote = Failing()
    old = remote.seed("Pictures/a.jpg", b"old")
    target = Account(remote, "Pictures")
    report = await run_plan(await make_plan("copy", photos, target), photos, target)
    assert [row.target for row in report.select("failed")] == ["Pictures/a.jpg"]
    entry = await remote.stat("Pictures/a.jpg")
    assert (entry.id, remote.raw("Pictures/a.jpg")) == (old, b"old")
    assert len(await held(remote)) == 3


async def test_a_sync_removes_what_the_source_has_not_but_not_after_a_failure(photos: Disk, remote: MemoryRemote):
    gone = remote.seed("Pictures/gone.jpg", b"gone")
    remote.seed("Pictures/old/one.jpg", b"one")
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", photos, target)
    (photos.root / "a.jpg").write_bytes(b"changed meanwhile")
    report = await run_plan(plan, photos, target)
    assert {row.reason for row in report.select("skipped")} == {NOTHING_REMOVED}
    assert (await remote.stat(NodeId(gone))).status is Status.AVAILABLE
    report = await run_plan(await make_plan("sync", photos, target), photos, target)
    assert not report.select("failed")
    assert set(await held(remote)) == {"Pictures/a.jpg", "Pictures/deep/b.jpg", "Pictures/deep/er/empty"}
    assert (await remote.stat(NodeId(gone))).status is Status.TRASHED


async def test_a_folder_into_which_something_came_meanwhile_is_not_removed(photos: Disk, remote: MemoryRemote):
    remote.seed("Pictures/old/one.jpg", b"one")
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", photos, target)
    remote.seed("Pictures/old/new.jpg", b"new")
    report = await run_plan(plan, photos, target)
    assert ("Pictures/old", "skipped") in results(report)
    assert remote.raw("Pictures/old/new.jpg") == b"new"


async def test_what_is_removed_must_be_what_the_plan_saw(photos: Disk, remote: MemoryRemote):
    remote.seed("Pictures/gone.jpg", b"gone")
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", photos, target)
    await remote.put(b"work", "Pictures/gone.jpg", if_exists="overwrite")
    report = await run_plan(plan, photos, target)
    assert ("Pictures/gone.jpg", "failed") in results(report)
    assert remote.raw("Pictures/gone.jpg") == b"work"


async def test_a_move_removes_each_source_whose_target_was_verified(photos: Disk):
    class Refusing(MemoryRemote):
        async def put(self, source, path, **kwargs):  # type: ignore[override]
            if path.endswith("b.jpg"):
                raise PlanError("not this one")
            return await super().put(source, path, **kwargs)

    target = Account(Refusing(), "Pictures")
    report = await run_plan(await make_plan("move", photos, target), photos, target)
    assert len(report.select("failed")) == 1
    assert inside(photos.root) == {"deep/b.jpg": b"bb"}


async def test_a_move_between_accounts_trashes_the_source(remote: MemoryRemote):
    node = remote.seed("from/a.txt", b"a")
    source, target = Account(remote, "from"), Account(MemoryRemote("other"), "to")
    await run_plan(await make_plan("move", source, target), source, target)
    assert (await remote.stat(NodeId(node))).status is Status.TRASHED


async def test_a_move_within_one_account_sends_nothing(remote: MemoryRemote, monkeypatch: pytest.MonkeyPatch):
    node = remote.seed("from/deep/a.txt", b"a")
    source, target = Account(remote, "from"), Account(remote, "to")
    monkeypatch.setattr(MemoryRemote, "put", None)
    report = await run_plan(await make_plan("move", source, target), source, target)
    assert not report.select("failed")
    assert (await remote.stat("to/deep/a.txt")).id == node


async def test_the_limit_of_bytes_stops_before_the_file_that_would_exceed_it(remote: MemoryRemote, tmp_path: Path):
    source = Disk(write(tmp_path / "photos", a=b"1" * 6, b=b"2" * 6, c=b"3" * 6))
    target = Account(remote, "to")
    journal = tmp_path / "journal"
    plan = await make_plan("copy", source, target, options=Options(max_transfer=13))
    report = await run_plan(plan, source, target, journal=journal)
    assert "13 bytes" in report.stopped
    assert sorted(await held(remote)) == ["to/a", "to/b"]
    report = await run_plan(plan, source, target, journal=journal)
    assert (report.stopped, len(await held(remote))) == ("", 3)


async def test_an_outage_of_a_minute_fails_nothing(photos: Disk):
    clock = Clock()

    class Away(MemoryRemote):
        async def put(self, source, path, **kwargs):  # type: ignore[override]
            if clock.now < 60:
                raise UnavailableError("away")
            return await super().put(source, path, **kwargs)

    target = Account(Away(), "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(transfers=1))
    report = await run_plan(plan, photos, target, patience=Patience(sleep=clock.sleep))
    assert not report.select("failed")
    assert 60 <= clock.now < 90


@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.parametrize("verb", ["put", "move", "trash"])
async def test_a_connection_that_breaks_before_the_answer_fails_nothing_and_doubles_nothing(
    photos: Disk, tmp_path: Path, verb: str, *, arrived: bool
):
    remote = MemoryRemote()
    await remote.put(b"old", "Pictures/a.jpg")
    await remote.put(b"surplus", "Pictures/surplus.jpg")
    act, broken = getattr(remote, verb), set[str]()

    async def breaking(*args: Any, **kwargs: Any) -> Any:
        which = str(args[1] if verb in ("put", "move") else args[0])
        if which in broken:
            return await act(*args, **kwargs)
        broken.add(which)
        if arrived:
            await act(*args, **kwargs)
        raise OutcomeUnknownError("the connection broke")

    setattr(remote, verb, breaking)
    target = Account(remote, "Pictures")
    plan = await make_plan("sync", photos, target, options=Options(transfers=1))
    report = await run_plan(plan, photos, target, patience=Patience(sleep=Clock().sleep))
    assert broken
    assert not report.select("failed")
    assert await held(remote) == {f"Pictures/{path}": data for path, data in inside(photos.root).items()}


async def test_a_service_that_stays_away_ends_the_run_and_the_journal_goes_on(photos: Disk, tmp_path: Path):
    clock = Clock()

    class Away(MemoryRemote):
        away = True
        sent = 0

        async def put(self, source, path, **kwargs):  # type: ignore[override]
            if self.away and self.sent:
                raise UnavailableError("away")
            self.sent += 1
            return await super().put(source, path, **kwargs)

    remote = Away()
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(transfers=1))
    journal = tmp_path / "journal"
    with pytest.raises(UnavailableError):
        await run_plan(plan, photos, target, journal=journal, patience=Patience(sleep=clock.sleep))
    remote.away = False
    report = await run_plan(plan, photos, target, journal=journal)
    assert len(await held(remote)) == remote.sent == 3
    assert [row.reason for row in report.select("skipped") if row.target.endswith("jpg")] != []


@pytest.mark.parametrize("error", [AuthenticationError("expired"), QuotaExceededError("full")])
async def test_an_expired_login_and_a_full_account_end_the_run_at_once(photos: Disk, tmp_path: Path, error: Exception):
    asked: list[str] = []

    class Refusing(MemoryRemote):
        async def put(self, source, path, **kwargs):  # type: ignore[override]
            asked.append(path)
            raise error

    target = Account(Refusing(), "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(transfers=1))
    with pytest.raises(type(error)):
        await run_plan(plan, photos, target)
    assert len(asked) == 1


async def test_a_full_disk_ends_the_run_and_leaves_nothing(
    remote: MemoryRemote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await remote.put(b"a" * 100, "from/a.txt")

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetching.Partial, "write", full)
    source, target = Account(remote, "from"), Disk(tmp_path / "here")
    with pytest.raises(OSError, match="No space"):
        await run_plan(await make_plan("copy", source, target), source, target)
    assert inside(tmp_path / "here") == {}


async def test_a_file_that_may_not_be_read_is_a_failed_row(photos: Disk, remote: MemoryRemote, monkeypatch):
    def refuse(self, *args: object, **kwargs: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(duplicates="keep"))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    report = await run_plan(plan, photos, target)
    assert len(report.select("failed")) == 3
    assert "Permission denied" in report.select("failed")[0].reason


async def test_a_cancelled_run_keeps_its_journal_and_goes_on(photos: Disk, tmp_path: Path):
    class Slow(MemoryRemote):
        sent: list[str]
        slow = True

        async def put(self, source, path, **kwargs):  # type: ignore[override]
            self.sent.append(path)
            if self.slow and len(self.sent) == 2:
                begun.set()
                await asyncio.Event().wait()
            return await super().put(source, path, **kwargs)

    begun = asyncio.Event()
    remote = Slow()
    remote.sent = []
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target, options=Options(transfers=1))
    journal = tmp_path / "journal"
    task = asyncio.create_task(run_plan(plan, photos, target, journal=journal))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await held(remote)) == 1
    remote.slow = False
    await run_plan(plan, photos, target, journal=journal)
    assert len(await held(remote)) == 3
    assert len(remote.sent) == 4


async def test_an_upload_whose_line_was_lost_is_found_and_not_sent_twice(photos: Disk, remote: MemoryRemote, tmp_path):
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target)
    journal = tmp_path / "journal"
    await run_plan(plan, photos, target, journal=journal)
    kept = [line for line in journal.read_bytes().splitlines() if b'"done"' not in line and b'"end"' not in line]
    journal.write_bytes(b"\n".join(kept) + b"\n")
    versions = {path: (await remote.stat(path)).version for path in await held(remote)}
    report = await run_plan(plan, photos, target, journal=journal)
    assert len(report.select("done")) == len(plan.steps)
    assert {path: (await remote.stat(path)).version for path in await held(remote)} == versions


@pytest.mark.parametrize("cut", range(1, 7))
@pytest.mark.parametrize("backup", [None, "Backup"])
async def test_a_replacement_that_is_killed_anywhere_goes_on_and_loses_nothing(
    tmp_path: Path, cut: int, backup: str | None
):
    """A crash is an error that nothing may handle, at each call that changes the account in turn."""

    class Killed(BaseException):
        pass

    class Dying(MemoryRemote):
        calls = 0
        dying = True

        def count(self) -> None:
            self.calls += 1
            if self.dying and self.calls >= cut:
                raise Killed

        async def put(self, *args, **kwargs):  # type: ignore[override]
            self.count()
            entry = await super().put(*args, **kwargs)
            self.count()
            return entry

        async def trash(self, *targets):  # type: ignore[override]
            self.count()
            outcome = await super().trash(*targets)
            self.count()
            return outcome

        async def move(self, source, path):  # type: ignore[override]
            self.count()
            entry = await super().move(source, path)
            self.count()
            return entry

    remote = Dying()
    old = remote.seed("Pictures/a.txt", b"old")
    source, target = Disk(write(tmp_path / "photos", a_txt=b"new")), Account(remote, "Pictures")
    plan = await make_plan("copy", source, target, options=Options(backup_dir=backup))
    journal = tmp_path / "journal"
    with pytest.raises(Killed):
        await run_plan(plan, source, target, journal=journal)
    everything = [remote._tree.entry(node) for node in remote._tree.everything()]
    assert any(entry.id == old for entry in everything)
    remote.dying = False
    report = await run_plan(plan, source, target, journal=journal)
    assert not report.select("failed")
    assert remote.raw("Pictures/a.txt") == b"new"
    assert set(await held(remote, "Pictures")) == {"Pictures/a.txt"}
    was = await remote.stat(NodeId(old))
    assert was.status is Status.TRASHED if backup is None else was.path == "Backup/a.txt"


async def test_another_plans_journal_is_refused(photos: Disk, remote: MemoryRemote, tmp_path: Path):
    journal = tmp_path / "journal"
    target = Account(remote, "Pictures")
    await run_plan(await make_plan("copy", photos, target), photos, target, journal=journal)
    other = Account(remote, "Other")
    plan = await make_plan("copy", photos, other, options=Options(duplicates="keep"))
    with pytest.raises(PlanError, match="belongs to the plan"):
        await run_plan(plan, photos, other, journal=journal)


async def test_a_plan_that_was_changed_is_refused(photos: Disk, remote: MemoryRemote):
    target = Account(remote, "Pictures")
    plan = msgspec.structs.replace(await make_plan("copy", photos, target), target="elsewhere")
    with pytest.raises(PlanError, match="changed after"):
        await run_plan(plan, photos, target)


async def test_a_thousand_named_files_go_side_by_side(remote: MemoryRemote, tmp_path: Path):
    files = {f"{number:04}_jpg": b"%d" % number for number in range(1000)}
    names = frozenset(name.replace("_", ".") for name in files)
    source, target = Disk(write(tmp_path / "photos", other=b"x", **files), only=names), Account(remote, "to")
    under_way, most = 0, 0
    send = MemoryRemote.put

    async def put(self, *args, **kwargs):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        try:
            return await send(self, *args, **kwargs)
        finally:
            under_way -= 1

    remote.put = put.__get__(remote)  # type: ignore[method-assign]
    report = await run_plan(await make_plan("copy", source, target), source, target)
    assert len(report.select("done")) >= 1000
    assert most == 4


async def test_problems_and_skipped_files_of_the_plan_are_in_the_report(remote: MemoryRemote, photos: Disk):
    target = Account(remote, "Pictures")
    plan = await make_plan("copy", photos, target)
    await run_plan(plan, photos, target)
    plan = await make_plan("copy", photos, target, options=Options(ignore_existing=True))
    assert len((await run_plan(plan, photos, target)).select("skipped")) == len(plan.skipped) > 0


def test_two_sides_on_this_disk_are_refused_by_a_row(tmp_path: Path):
    source = Disk(write(tmp_path / "one", a=b"a"))
    step = Step(action="copy", path="a", source=Seen(path="a", size=1, md5=hashlib.md5(b"a").hexdigest()))
    plan = sealed(Plan(created=datetime.now(UTC), verb="copy", source="", target="", steps=(step,)))
    report = asyncio.run(run_plan(plan, source, Disk(tmp_path / "two")))
    assert [row.result for row in report.rows] == ["failed"]
    assert not os.path.lexists(tmp_path / "two/a")


async def test_a_service_without_room_is_not_waited_for_and_smaller_files_still_go(tmp_path: Path):
    clock = Clock()

    class Full(MemoryRemote):
        async def put(self, source, path, **kwargs):  # type: ignore[override]
            if path.endswith("big"):
                raise ServiceFullError("the service has no room")
            return await super().put(source, path, **kwargs)

    source, target = Disk(write(tmp_path / "photos", big=b"big", small=b"s")), Account(Full(), "to")
    plan = await make_plan("copy", source, target, options=Options(transfers=1))
    report = await run_plan(plan, source, target, patience=Patience(sleep=clock.sleep))
    assert results(report) == [("to/big", "failed"), ("to/small", "done")]
    assert clock.now == 0
