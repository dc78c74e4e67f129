"""Albums as ends of transfers: what comes is added, what goes is taken out, and no photograph is ever trashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import UnavailableError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.base import Remote
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import run_plan
from ap_remote.transfer.options import Options
from ap_remote.transfer.planner import make_plan
from ap_remote.transfer.pool import Patience
from ap_remote.transfer.undo import undo

ROME = ".views/albums/Rome"


class Watched(MemoryRemote):
    """Counts what passes, and refuses additions while it is told to."""

    def __init__(self, name: str = "memory") -> None:
        super().__init__(name)
        self.sent: list[str] = []
        self.got = 0
        self.refuses = False

    async def put(self, source, path, **options):
        if not path.startswith(".views"):
            self.sent.append(path)
        return await super().put(source, path, **options)

    async def get(self, target, *, span=None):
        self.got += 1
        async for piece in super().get(target, span=span):
            yield piece

    async def add_to_album(self, album, members):
        if self.refuses:
            raise UnsupportedError("the service refused it")
        await super().add_to_album(album, members)


@pytest.fixture
def remote() -> Watched:
    remote = Watched()
    for name in ("a", "b", "old"):
        remote.seed(f"box/{name}.jpg", name.encode())
    return remote


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "a.jpg").write_bytes(b"a")
    (root / "b.jpg").write_bytes(b"another b")
    (root / "new.jpg").write_bytes(b"new")
    return Disk(root)


async def members(remote: Remote, album: str = ROME) -> dict[str, str]:
    return {each.name: each.id async for each in remote.list(album, fresh=True)}


async def files(remote: MemoryRemote) -> dict[str, bytes | None]:
    found = [each async for each in remote.list("", recursive=True) if not each.is_folder]
    return {each.path: remote.raw(each.path) for each in found}


async def run(verb, source, target, journal=None, **wishes):
    plan = await make_plan(verb, source, target, options=Options(**wishes))
    return plan, await run_plan(plan, source, target, journal=journal, patience=Patience(pauses=()))


@pytest.fixture
async def album(remote: Watched) -> dict[str, str]:
    """Rome, with a photograph that the disk has, one that it has otherwise, and one that it lacks."""
    await remote.create_album("Rome", members=[f"box/{name}.jpg" for name in ("a", "b", "old")])
    return await members(remote)


async def test_a_sync_adds_and_takes_out_and_trashes_nothing(remote: Watched, disk: Disk, album, tmp_path: Path):
    before = await files(remote)
    _, report = await run("sync", disk, Account(remote, ROME))
    assert not report.select("failed")
    now = await members(remote)
    assert list(now) == ["a.jpg", "b.jpg", "new.jpg"]
    assert (now["a.jpg"], now["b.jpg"] != album["b.jpg"]) == (album["a.jpg"], True)
    assert await files(remote) == before | {"Pictures/Rome/b.jpg": b"another b", "Pictures/Rome/new.jpg": b"new"}
    assert [each async for each in remote.trashed()] == []
    again = await make_plan("sync", disk, Account(remote, ROME))
    assert again.steps == ()


@pytest.mark.parametrize("times", [1, 2])
async def test_a_sync_of_an_album_is_taken_back(remote: Watched, disk: Disk, album, tmp_path: Path, times):
    target = Account(remote, ROME)
    plan, _ = await run("sync", disk, target, tmp_path / "journal")
    for _ in range(times):
        report = await undo(plan, tmp_path / "journal", disk, target)
    assert not report.select("failed")
    assert await members(remote) == album
    assert [each async for each in remote.trashed()] == []
    if times == 1:
        assert any("stays at 'Pictures/Rome/new.jpg'" in row.reason for row in report.rows)


async def test_an_album_that_is_missing_is_made_by_a_copy(remote: Watched, disk: Disk):
    _, report = await run("copy", disk, Account(remote, ROME))
    assert len(report.select("done")) == 3
    now = await members(remote)
    assert list(now) == ["a.jpg", "b.jpg", "new.jpg"]
    assert now["a.jpg"] == (await remote.stat("box/a.jpg")).id, "what the account has is added"
    assert sorted(remote.sent) == ["Pictures/Rome/b.jpg", "Pictures/Rome/new.jpg"]
    assert [each.name async for each in remote.albums()] == ["Rome"]


async def test_what_the_account_holds_under_another_name_is_skipped_as_ever(remote: Watched, disk: Disk):
    remote.seed("box/other name.jpg", b"new")
    _, report = await run("copy", disk, Account(remote, ROME))
    assert [row.source.rpartition("/")[2] for row in report.select("skipped")] == ["new.jpg"]
    assert list(await members(remote)) == ["a.jpg", "b.jpg"]
    _, report = await run("copy", disk, Account(remote, ROME), duplicates="keep")
    assert list(await members(remote)) == ["a.jpg", "b.jpg", "new.jpg"]


async def test_a_folder_of_the_account_becomes_an_album_and_no_bytes_pass(remote: Watched, tmp_path: Path):
    source, target = Account(remote, "box"), Account(remote, ROME)
    plan, report = await run("sync", source, target, tmp_path / "journal")
    assert not report.select("failed")
    assert await members(remote) == {each.name: each.id async for each in remote.list("box")}
    assert (remote.sent, remote.got) == ([], 0)
    report = await undo(plan, tmp_path / "journal", source, target)
    assert not report.select("failed")
    assert await members(remote) == {}
    assert len(await files(remote)) == 3


async def test_one_album_is_made_like_another_and_back(remote: Watched, album, tmp_path: Path):
    other = remote.seed("other/b.jpg", b"other b")
    await remote.create_album("Oslo", members=["box/a.jpg", NodeId(other)])
    source, target = Account(remote, ROME), Account(remote, ".views/albums/Oslo")
    before = await members(remote, ".views/albums/Oslo")
    plan, report = await run("sync", source, target, tmp_path / "journal")
    assert not report.select("failed")
    assert await members(remote, ".views/albums/Oslo") == album
    assert remote.raw("other/b.jpg") == b"other b"
    await undo(plan, tmp_path / "journal", source, target)
    assert await members(remote, ".views/albums/Oslo") == before
    assert (remote.sent, remote.got) == ([], 0)


async def test_an_album_named_by_its_id_is_the_same(remote: Watched, disk: Disk, album):
    node = (await remote.stat(ROME)).id
    _, report = await run("sync", disk, Account(remote, NodeId(node)))
    assert not report.select("failed")
    assert list(await members(remote)) == ["a.jpg", "b.jpg", "new.jpg"]
    assert [each async for each in remote.trashed()] == []


async def test_an_album_is_copied_from_another_account(remote: Watched, album):
    target = Watched("away")
    _, report = await run("copy", Account(remote, ROME), Account(target, ".views/albums/Roma"))
    assert not report.select("failed")
    assert list(await members(target, ".views/albums/Roma")) == ["a.jpg", "b.jpg", "old.jpg"]
    assert target.raw("Pictures/Roma/a.jpg") == b"a"


async def test_a_folder_in_the_source_is_a_problem_and_then_nothing_is_taken_out(remote: Watched, disk: Disk, album):
    (disk.root / "deep").mkdir()
    (disk.root / "deep" / "x.jpg").write_bytes(b"x")
    plan, report = await run("sync", disk, Account(remote, ROME))
    assert {each.path for each in plan.problems} == {"deep", "deep/x.jpg"}
    assert all("no folders" in each.reason for each in plan.problems)
    assert "old.jpg" in await members(remote)
    assert len(report.select("failed")) == 2


async def test_what_cannot_be_added_fails_and_the_old_member_is_in_its_place(remote: Watched, disk: Disk, album):
    (disk.root / "a.jpg").unlink()
    (disk.root / "new.jpg").unlink()
    remote.refuses = True
    plan = await make_plan("sync", disk, Account(remote, ROME))
    put_back = remote.add_to_album

    async def refuses_new_ones(where, which):
        remote.refuses = str(which[0]) not in {f"id:{each}" for each in album.values()}
        await put_back(where, which)

    remote.add_to_album = refuses_new_ones  # type: ignore[method-assign] - only what is new is refused
    report = await run_plan(plan, disk, Account(remote, ROME), patience=Patience(pauses=()))
    (row,) = report.select("failed")
    assert "'Pictures/Rome/b.jpg'" in row.reason
    assert await members(remote) == album


async def test_a_run_that_broke_off_between_upload_and_album_goes_on_without_sending_again(
    remote: Watched, disk: Disk, tmp_path: Path
):
    target = Account(remote, ROME)
    plan = await make_plan("copy", disk, target)
    remote.refuses = True
    report = await run_plan(plan, disk, target, journal=tmp_path / "journal", patience=Patience(pauses=()))
    assert len(report.select("failed")) == 3
    sent = list(remote.sent)
    remote.refuses = False
    report = await run_plan(plan, disk, target, journal=tmp_path / "journal", patience=Patience(pauses=()))
    assert not report.select("failed")
    assert remote.sent == sent
    assert list(await members(remote)) == ["a.jpg", "b.jpg", "new.jpg"]
    await undo(plan, tmp_path / "journal", disk, target)
    assert await members(remote) == {}


async def test_somebody_elses_work_in_the_album_is_left_alone_by_an_undo(
    remote: Watched, disk: Disk, album, tmp_path: Path
):
    target = Account(remote, ROME)
    plan, _ = await run("sync", disk, target, tmp_path / "journal")
    await remote.trash(f"{ROME}/new.jpg")
    await remote.trash("box/old.jpg")
    report = await undo(plan, tmp_path / "journal", disk, target)
    assert {row.result for row in report.rows} == {"done", "skipped"}
    assert await members(remote) == {name: album[name] for name in ("a.jpg", "b.jpg")}


async def test_a_file_that_changes_while_it_is_sent_is_taken_out_and_the_accounts_own_is_not_trashed(
    remote: Watched, disk: Disk, monkeypatch
):
    plan = await make_plan("copy", disk, Account(remote, ROME))
    put = remote.put

    async def changing(source, path, **options):
        entry = await put(source, path, **options)
        if path == f"{ROME}/a.jpg":
            (disk.root / "a.jpg").write_bytes(b"changed")
        return entry

    monkeypatch.setattr(remote, "put", changing)
    report = await run_plan(plan, disk, Account(remote, ROME), patience=Patience(pauses=()))
    (row,) = report.select("failed")
    assert "changed while it was sent" in row.reason
    assert list(await members(remote)) == ["b.jpg", "new.jpg"]
    assert remote.raw("box/a.jpg") == b"a"


async def test_in_place_gives_a_member_new_bytes(remote: Watched, disk: Disk, album):
    await run("copy", disk, Account(remote, ROME), in_place=True)
    assert (await members(remote))["b.jpg"] == album["b.jpg"]
    assert remote.raw("box/b.jpg") == b"another b"


@pytest.mark.parametrize(
    ("verb", "ends", "wishes", "told"),
    [
        ("move", (ROME, None), {}, "moved out of the album"),
        ("move", ("box", ROME), {}, "a copy adds it"),
        ("sync", (None, ROME), {"backup_dir": "Backup"}, "no meaning"),
        ("copy", (None, ".views/albums"), {}, "only be read"),
        ("copy", (None, ".views/trash"), {}, "only be read"),
        ("copy", (None, f"{ROME}/deeper"), {}, "only be read"),
        ("move", (".views/trash", "box"), {}, "only be read"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_happens(  # noqa: PLR0917 - what pytest fills in
    remote: Watched, disk: Disk, album, verb, ends, wishes, told
):
    source, target = (disk if each is None else Account(remote, each) for each in ends)
    with pytest.raises(UnsupportedError, match=told):
        await make_plan(verb, source, target, options=Options(**wishes))
    assert await members(remote) == album


async def test_a_service_that_is_away_is_an_error_and_what_was_sent_is_found_again(remote: Watched, disk: Disk):
    async def away(*_):
        raise UnavailableError("the service is away")

    plan = await make_plan("copy", disk, Account(remote, ROME))
    add, remote.add_to_album = remote.add_to_album, away  # type: ignore[method-assign] - a failure
    with pytest.raises(UnavailableError, match="the service is away"):
        await run_plan(plan, disk, Account(remote, ROME), patience=Patience(pauses=()))
    sent = set(remote.sent)
    remote.add_to_album = add  # type: ignore[method-assign] - and its end
    await run("copy", disk, Account(remote, ROME))
    assert len(remote.sent) == len(set(remote.sent)) or set(remote.sent) >= sent
    assert list(await members(remote)) == ["a.jpg", "b.jpg", "new.jpg"]
    assert [each.path async for each in remote.list("Pictures/Rome")] == [
        "Pictures/Rome/b.jpg",
        "Pictures/Rome/new.jpg",
    ]
