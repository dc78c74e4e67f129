from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import BusyStoreError, NewerStoreError, PlanError, StoreError
from ap_remote.model import NodeId, Status
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import run_plan
from ap_remote.transfer.journal import open_journal
from ap_remote.transfer.options import Options
from ap_remote.transfer.plan import Plan, sealed
from ap_remote.transfer.planner import make_plan

PLAN = sealed(Plan(created=datetime.now(UTC), verb="copy", source="here", target="there:"))


def test_what_was_written_is_known_to_the_next_run(tmp_path: Path):
    file = tmp_path / "journal"
    with open_journal(file, PLAN) as journal:
        journal.write("begin", step=1, lazy=True)
        journal.write("away", step=1, place="trash/a")
        journal.write("done", step=1, deed="replaced", id="n", lazy=True)
        journal.write("begin", step=2)
    with open_journal(file, PLAN) as journal:
        assert journal.past[1].done is not None
        assert (journal.past[1].done.deed, journal.past[1].done.id) == ("replaced", "n")
        assert journal.past[1].away is not None
        assert journal.past[1].away.place == "trash/a"
        assert journal.past[2].done is None
        assert not journal.undoing


def test_an_old_file_that_was_brought_back_is_not_away(tmp_path: Path):
    with open_journal(tmp_path / "journal", PLAN) as journal:
        journal.write("away", step=0, place="trash/a")
        journal.write("away", step=0, note="brought back")
    with open_journal(tmp_path / "journal", PLAN) as journal:
        assert journal.past[0].away is None


def test_without_a_file_nothing_is_kept():
    with open_journal(None, PLAN) as journal:
        journal.write("done", step=0)
        assert (journal.past, journal.start) == ({}, None)


@pytest.mark.parametrize("content", [b"a letter\n", b'{"what": "done", "at": ""}\n'])
def test_what_is_no_journal_is_said(tmp_path: Path, content: bytes):
    file = tmp_path / "journal"
    file.write_bytes(content)
    with pytest.raises(PlanError, match="no journal"), open_journal(file, PLAN):
        pass
    assert file.read_bytes() == content


def test_a_newer_journal_is_left_alone(tmp_path: Path):
    file = tmp_path / "journal"
    file.write_bytes(msgspec.json.encode({"what": "start", "at": "", "format": 99, "plan": PLAN.id}) + b"\n")
    with pytest.raises(NewerStoreError), open_journal(file, PLAN):
        pass


def test_one_process_at_a_time(tmp_path: Path):
    file = tmp_path / "journal"
    with open_journal(file, PLAN), pytest.raises(BusyStoreError), open_journal(file, PLAN):
        pass


async def test_a_journal_that_cannot_be_written_stops_before_the_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    remote = MemoryRemote()
    node = remote.seed("Pictures/gone.txt", b"gone")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a").write_bytes(b"a")
    source, target = Disk(tmp_path / "photos"), Account(remote, "Pictures")
    plan = await make_plan("sync", source, target)
    journal = tmp_path / "journal"
    sync = os.fsync

    def full(handle: int) -> None:
        if b'"step":' in journal.read_bytes() and b'"begin","at"' in journal.read_bytes().splitlines()[-1]:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr("ap_remote.ledger.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        await run_plan(plan, source, target, journal=journal)
    assert (await remote.stat(NodeId(node))).status is Status.AVAILABLE


async def test_many_small_files_do_not_wait_for_the_disk_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "photos").mkdir()
    for number in range(200):
        (tmp_path / f"photos/{number}").write_bytes(b"%d" % number)
    source, target = Disk(tmp_path / "photos"), Account(MemoryRemote(), "Pictures")
    plan = await make_plan("copy", source, target, options=Options(transfers=4))
    synced = 0

    def count(_: int) -> None:
        nonlocal synced
        synced += 1

    monkeypatch.setattr("ap_remote.ledger.os.fsync", count)
    monkeypatch.setattr("ap_remote.ledger.time.monotonic", lambda: 0.0)
    report = await run_plan(plan, source, target, journal=tmp_path / "journal")
    assert len(report.select("done")) >= 200
    assert synced < 15
