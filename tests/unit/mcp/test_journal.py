"""The journal: what was changed, by whom, and how it was before; readable by every process of the account."""

from __future__ import annotations

import json
import os
import stat
import threading

import pytest

from ap_remote.errors import CorruptStoreError, StoreError
from ap_remote_mcp import journal as module
from ap_remote_mcp.changes.terms import AlbumTerms, FoldersTerms, Marks, MoveTerms, PersonTerms, UndoTerms, UploadTerms
from ap_remote_mcp.journal import Before, Journal, Made


def journal(folder, now=1_700_000_000.0):
    moments = iter(range(10_000))
    return Journal(folder, lambda: now + next(moments))


@pytest.fixture(params=["kept", "passing"])
def folder(request, tmp_path):
    return tmp_path / "journal" if request.param == "kept" else None


def test_an_operation_is_told_with_what_was_before_and_what_was_done(folder):
    book = journal(folder)
    op_id = book.begin("move", "local", [Before(id="a", version=3, path="Pictures/a.jpg")], MoveTerms(to="Trips"))
    book.end(op_id, ["a"], Made(album="f1", version=2))
    (operation,) = book.operations()
    assert (operation.op_id, operation.action, operation.who) == (op_id, "move", "local")
    assert operation.entries == (Before(id="a", version=3, path="Pictures/a.jpg"),)
    assert operation.about(MoveTerms) == MoveTerms(to="Trips")
    assert (operation.done, operation.made) == (("a",), Made(album="f1", version=2))
    with pytest.raises(CorruptStoreError, match=f"{op_id} otherwise than move is"):
        operation.about(FoldersTerms)
    assert book.find("nobody") is None
    book.close()
    book.close()


@pytest.mark.parametrize(
    ("wrote", "terms", "left"),
    [
        (("move", {"to": "Trips", "folder": "", "create": True}, {}), MoveTerms(to="Trips", create=True), Made()),
        (("mark", {"favorite": True}, {}), Marks(favorite=True), Made()),
        (
            ("album_create", {"name": "Rome", "stands_alone": True}, {"album": "a1", "version": 3}),
            AlbumTerms(name="Rome"),
            Made(album="a1", version=3),
        ),
        (
            ("person", {"person": "P1", "name": "Ada", "was": "", "stands_alone": True}, {}),
            PersonTerms(person="P1", name="Ada"),
            Made(),
        ),
        (
            (
                "upload",
                {"to": "New", "folder": "f1", "dedupe": "skip", "files": [["root1/a.jpg", "a.jpg", 3, "ab"]]},
                {"md5": {"n1": "ab"}},
            ),
            UploadTerms(to="New", folder="f1", files=(("root1/a.jpg", "a.jpg", 3, "ab"),)),
            Made(md5={"n1": "ab"}),
        ),
        (
            ("undo", {"homes": {"a": "Pictures/a.jpg"}, "inverse": "move_back", "undoes": "0" * 16}, {}),
            UndoTerms(undoes="0" * 16, inverse="move_back"),
            Made(),
        ),
    ],
)
def test_what_the_first_version_wrote_is_read_for_as_long_as_it_can_be_taken_back(tmp_path, wrote, terms, left):
    """Its terms were a dictionary, with what the plan needed besides."""
    action, bound, made = wrote
    at = "2023-11-14T22:13:20.000+00:00"
    begun = {"what": "begun", "op_id": "1" * 16, "at": at, "action": action, "who": "local", "bound": bound}
    ended = {"what": "ended", "op_id": "1" * 16, "at": at, "done": ["a"], **({"made": made} if made else {})}
    (tmp_path / "2023-11-14-1-abcd.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (begun, ended)))
    operation = journal(tmp_path).find("1" * 16)
    assert (operation.about(type(terms)), operation.made, operation.done) == (terms, left, ("a",))


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


DAY = 86_400.0


def test_the_newest_operation_is_known_however_long_the_journal_is(tmp_path):
    """One file of more than the 16 MiB that were once read of each."""
    book = journal(tmp_path)
    old = book.begin("trash", "local", [Before(id="a")])
    book.close()
    (file,) = tmp_path.glob("*.jsonl")
    line = file.read_bytes()
    with file.open("ab") as stream:
        for number in range(5):
            filler = line.replace(old.encode(), b"%016x" % number).replace(b'"a"', b'"' + b"x" * (4 << 20) + b'"')
            stream.write(filler)
        stream.write(line.replace(old.encode(), b"f" * 16))
    assert file.stat().st_size > 16 << 20
    assert journal(tmp_path).find("f" * 16).entries == (Before(id="a"),)


def test_a_full_file_is_followed_by_a_new_one_and_both_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FULL", 500)
    book = journal(tmp_path)
    ids = [book.begin("trash", "local", [Before(id=str(each))]) for each in range(12)]
    for op_id in ids:
        book.end(op_id, ["x"])
    files = list(tmp_path.glob("*.jsonl"))
    assert len(files) > 3
    assert max(each.stat().st_size for each in files) < 1000
    for reader in (book, journal(tmp_path)):
        assert [each.op_id for each in reader.operations()] == ids[::-1]
        assert all(each.done == ("x",) for each in reader.operations())
    book.close()


def test_what_was_read_is_not_read_again_and_of_what_grew_only_the_rest(tmp_path, monkeypatch):
    here, there = journal(tmp_path), journal(tmp_path)
    first = there.begin("trash", "local", [Before(id="a")])
    read = []
    learn = Journal._learn
    monkeypatch.setattr(Journal, "_learn", lambda self, line: (read.append((self, line.what)), learn(self, line)))
    assert here.find(first).done is None
    here.operations()
    assert read == [(here, "begun")]
    there.end(first, ["a"])
    assert here.find(first).done == ("a",)
    assert [what for who, what in read if who is here] == ["begun", "ended"]
    there.close()


def test_its_own_operations_are_known_without_reading(tmp_path):
    book = journal(tmp_path)
    op_id = book.begin("trash", "local", [Before(id="a")])
    next(tmp_path.glob("*.jsonl")).write_bytes(b"not to be read")
    assert book.find(op_id).action == "trash"
    book.close()


def test_an_end_that_is_read_before_its_beginning_counts(tmp_path):
    here, there = journal(tmp_path), journal(tmp_path)
    op_id = here.begin("upload", "local", [])
    there.end(op_id, ["a"])
    here.close()
    there.close()
    first, second = sorted(tmp_path.glob("*.jsonl"), key=lambda each: b"ended" not in each.read_bytes())
    first.rename(tmp_path / "a.jsonl")
    second.rename(tmp_path / "b.jsonl")
    assert journal(tmp_path).find(op_id).done == ("a",)


async def test_the_files_of_others_are_read_in_a_thread(tmp_path, monkeypatch):
    there = journal(tmp_path)
    op_id = there.begin("trash", "local", [Before(id="a")])
    threads = set()
    read = Journal._read
    monkeypatch.setattr(
        Journal, "_read", lambda self, *given: (threads.add(threading.current_thread()), read(self, *given))
    )
    here = journal(tmp_path)
    await here.refresh()
    assert here.find(op_id) is not None
    assert threads
    assert threading.main_thread() not in threads
    there.close()


def test_what_is_older_than_180_days_is_forgotten_with_its_file_and_no_other(tmp_path):
    now = 1_700_000_000.0
    books = {"old": journal(tmp_path, now - 181 * DAY), "young": journal(tmp_path, now - 179 * DAY)}
    ids = {name: book.begin("trash", "local", [Before(id="a")]) for name, book in books.items()}
    held = journal(tmp_path, now - 181 * DAY)
    held.begin("trash", "local", [Before(id="held")])
    for name, book in books.items():
        book.close()
        os.utime(tmp_path / book._own.copy().pop(), (now - (181 if name == "old" else 179) * DAY,) * 2)
    os.utime(tmp_path / held._own.copy().pop(), (now - 181 * DAY,) * 2)
    reader = journal(tmp_path, now)
    assert [each.op_id for each in reader.operations()] == [ids["young"]]
    reader.sweep()
    assert {each.name for each in tmp_path.glob("*.jsonl")} == held._own | books["young"]._own
    held.close()


def test_what_can_be_read_is_known_beside_a_file_that_cannot(tmp_path):
    there = journal(tmp_path)
    op_id = there.begin("trash", "local", [Before(id="a")])
    there.close()
    (tmp_path / "0000-foreign.jsonl").write_bytes(b"hello\n")
    book = journal(tmp_path)
    for _ in range(2):
        with pytest.raises(CorruptStoreError):
            book.operations()
    assert op_id in book._known
