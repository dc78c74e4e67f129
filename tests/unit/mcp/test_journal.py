"""The journal: what was changed, by whom, and how it was before; readable by every process of the account."""

from __future__ import annotations

import stat

import pytest

from ap_remote.errors import CorruptStoreError, StoreError
from ap_remote_mcp.journal import Before, Journal


def journal(folder, now=1_700_000_000.0):
    moments = iter(range(10_000))
    return Journal(folder, lambda: now + next(moments))


@pytest.fixture(params=["kept", "passing"])
def folder(request, tmp_path):
    return tmp_path / "journal" if request.param == "kept" else None


def test_an_operation_is_told_with_what_was_before_and_what_was_done(folder):
    book = journal(folder)
    op_id = book.begin("move", "local", [Before(id="a", version=3, path="Pictures/a.jpg")], {"to": "Trips"})
    book.end(op_id, ["a"], {"folder": "f1"})
    (operation,) = book.operations()
    assert (operation.op_id, operation.action, operation.who) == (op_id, "move", "local")
    assert operation.entries == (Before(id="a", version=3, path="Pictures/a.jpg"),)
    assert (operation.bound, operation.done, operation.made) == ({"to": "Trips"}, ("a",), {"folder": "f1"})
    assert book.find("nobody") is None
    book.close()
    book.close()


def test_an_operation_whose_end_nobody_saw_has_no_result(folder):
    book = journal(folder)
    op_id = book.begin("trash", "local", [Before(id="a")])
    assert book.find(op_id).done is None
    book.close()


def test_operations_come_last_first_and_know_who_took_them_back(folder):
    book = journal(folder)
    first = book.begin("trash", "local", [Before(id="a")])
    book.end(first, ["a"])
    second = book.begin("undo", "local", [Before(id="a")])
    book.end(second, ["a"])
    book.undone(first, second)
    assert [each.op_id for each in book.operations()] == [second, first]
    assert book.find(first).undone_by == second
    book.close()


def test_another_process_reads_what_this_one_did_while_both_write(tmp_path):
    here, there = journal(tmp_path), journal(tmp_path, 1_700_000_100.0)
    mine = here.begin("trash", "local", [Before(id="a")])
    theirs = there.begin("mark", "local", [Before(id="b", favorite=True)])
    here.end(mine, ["a"])
    there.end(theirs, ["b"])
    assert {each.op_id for each in here.operations()} == {mine, theirs}
    assert here.find(theirs).entries[0].favorite is True
    here.close()
    there.close()


def test_a_torn_last_line_is_not_read(tmp_path):
    book = journal(tmp_path)
    op_id = book.begin("trash", "local", [Before(id="a")])
    book.close()
    (file,) = tmp_path.glob("*.jsonl")
    with file.open("ab") as stream:
        stream.write(b'{"what":"ended","op_')
    assert journal(tmp_path).find(op_id).done is None


def test_a_foreign_file_is_said_to_be_none(tmp_path):
    (tmp_path / "2026-01-01-1-aa.jsonl").write_bytes(b"hello\n")
    with pytest.raises(CorruptStoreError, match="is no journal"):
        journal(tmp_path).operations()


def test_the_files_are_their_owners_alone(tmp_path):
    folder = tmp_path / "journal"
    book = journal(folder)
    book.begin("trash", "local", [Before(id="a")])
    book.close()
    (file,) = folder.glob("*.jsonl")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_journal_that_cannot_be_written_lets_nothing_begin(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StoreError):
        journal(blocked / "journal").begin("trash", "local", [Before(id="a")])
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
