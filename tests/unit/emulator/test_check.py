"""The self-check: each kind of damage is told in a sentence, and a sound store has none."""

from __future__ import annotations

import io
import sqlite3

import pytest

from ap_remote_emulator.__main__ import main
from ap_remote_emulator.app import create_app
from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library import editing, nodes, open_store
from ap_remote_emulator.library.check import check, check_store
from ap_remote_emulator.library.store import new_id

_FOLDER = "SELECT id FROM nodes WHERE name = 'Pictures'"


@pytest.fixture
def store(data):
    app = create_app(data)
    yield app.state.store
    app.state.store.close()


def _file(store, name="a.txt", content=b"abc"):
    """Put a file into the store without any door, and return its row."""
    node_id = new_id()
    with store.blobs.receive() as upload:
        upload.write(content)
        upload.finish()
        with store.write() as write:
            upload.place(store.blobs)
            row = {
                "id": node_id,
                "kind": "FILE",
                "name": name,
                "name_key": name,
                "status": "AVAILABLE",
                "created": 0,
                "modified": 0,
                "seq": write.next_seq(),
                "created_by": "x",
                "sha": upload.sha,
                "md5": upload.md5,
                "size": upload.size,
                "content_version": 1,
                "content_type": "text/plain",
                "extension": "txt",
                "content_date": 0,
            }
            columns, marks = ", ".join(row), ", ".join("?" * len(row))
            write.execute(f"INSERT INTO nodes ({columns}) VALUES ({marks})", tuple(row.values()))
            nodes.add_edge(write, nodes.root_id(write), "FOLDER", node_id, name, live=True)
    with store.read() as connection:
        return nodes.find(connection, node_id)


def test_a_sound_store_has_no_faults_and_its_progress_reaches_the_end(store):
    _file(store, "a.txt", b"abc")
    _file(store, "b.txt", b"defgh")
    told = {}
    assert check_store(store, lambda what, done, total: told.update({what: (done, total)})) == []
    assert told == {"nodes": (7, 7), "content": (8, 8)}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE nodes SET body = X'7B7D' WHERE name = 'a.txt'", "stored JSON of node"),
        ("UPDATE nodes SET name_key = 'b', body = NULL WHERE name = 'Pictures'", "cannot be found by its name"),
        ("UPDATE nodes SET labels = 'x' WHERE name = 'Pictures'", "labels that cannot be read of node"),
        ("UPDATE nodes SET status = 'LOST' WHERE name = 'Pictures'", "unknown status of node"),
        ("UPDATE nodes SET status = 'PENDING' WHERE name = 'a.txt'", "waits for an upload that is not there"),
        ("UPDATE nodes SET trash_root = id WHERE name = 'Pictures'", "disagrees with the trash"),
        ("UPDATE nodes SET is_root = 0", "there is not exactly one root"),
        ("UPDATE nodes SET seq = 99999 WHERE name = 'Pictures'", "change numbered beyond the last"),
        ("UPDATE edges SET live = 0 WHERE name_key = 'a.txt'", "edge that disagrees with its node"),
        ("UPDATE edges SET parent_kind = 'FILE' WHERE name_key = 'a.txt'", "edge that disagrees with its parent"),
        ("DELETE FROM edges WHERE name_key = 'a.txt'", "node without a place"),
        ("INSERT INTO edges VALUES ('nowhere', 'nobody', 'FOLDER', 1, 'x', 0)", "edge to a parent that is not there"),
        (
            f"INSERT INTO edges VALUES (({_FOLDER}), 'nobody', 'FOLDER', 1, 'x', 0)",
            "edge from a child that is not there",
        ),
        (
            f"UPDATE edges SET parent_id = ({_FOLDER}) WHERE child_id = ({_FOLDER})",
            "node that no path from the root leads to",
        ),
        (
            f"""UPDATE nodes SET status = 'TRASH', trash_root = id WHERE id = ({_FOLDER});
            UPDATE edges SET live = 0 WHERE child_id = ({_FOLDER});
            UPDATE edges SET parent_id = ({_FOLDER}) WHERE name_key = 'a.txt';""",
            "living node whose folders are all in the trash",
        ),
        (
            f"INSERT INTO purged SELECT id, kind, name, seq, 0 FROM nodes WHERE id = ({_FOLDER})",
            "both there and purged",
        ),
        ("INSERT INTO tags VALUES ('thing', 'dog', 'nobody')", "tag of a node that is not there"),
        (f"INSERT INTO shares VALUES ('s', ({_FOLDER}), NULL, 0)", "share of a node that is no shared collection"),
        ("INSERT INTO archives VALUES ('a', '[', 17)", "archive whose list cannot be read, made to last until: 17"),
        ("INSERT INTO local_ids VALUES ('x', 'nobody')", "local id of a node that never was: nobody"),
        (
            "INSERT INTO part_uploads VALUES ('u', 'nobody', '{}', NULL, 0)",
            "upload in parts to a node that never was: u",
        ),
        (f"INSERT INTO part_uploads VALUES ('u', ({_FOLDER}), '{{', NULL, 0)", "upload in parts whose wishes"),
        ("INSERT INTO parts VALUES ('u', 1, 1, 'x')", "a row of parts belongs to a row of part_uploads"),
        (
            f"""INSERT INTO part_uploads VALUES ('u', ({_FOLDER}), '{{}}', NULL, 0);
            INSERT INTO parts VALUES ('u', 1, 1, 'x');""",
            "part 1 of upload u is missing or damaged",
        ),
        ("UPDATE nodes SET md5 = 'x' WHERE name = 'a.txt'", "content of node"),
        ("UPDATE nodes SET size = 4 WHERE name = 'a.txt'", "content of node"),
    ],
)
def test_every_damaged_row_is_a_sentence(store, data, damage, words):
    _file(store)
    with sqlite3.connect(data / "library.db") as connection:
        connection.executescript(damage)
    connection.close()
    assert any(words in fault for fault in check_store(store)), check_store(store)


def test_a_share_is_not_named_by_what_opens_it(store):
    with store.write() as write:
        write.execute("INSERT INTO shares VALUES ('canary-id', 'nobody', 'canary-secret', 0)")
    [fault] = check_store(store)
    assert "canary" not in fault


def test_damaged_missing_and_stray_content_is_told(store):
    row = _file(store)
    path = store.blobs.path(row["sha"])
    path.write_bytes(b"abd")
    assert check_store(store) == [f"content of node {row['id']} is damaged"]
    path.unlink()
    assert check_store(store) == [f"content of node {row['id']} is missing or unreadable"]
    path.write_bytes(b"abc")
    stray = store.blobs.path("0" * 64)
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert check_store(store) == [f"blob {'0' * 64} belongs to no node"]


def test_content_that_is_purged_while_it_is_read_is_no_fault(store):
    row = _file(store)
    store.blobs.path(row["sha"]).unlink()

    def told(what, done, total):
        if what == "nodes" and done == total:
            with store.write() as write:
                write.execute("DELETE FROM edges WHERE child_id = ?", (row["id"],))
                write.execute("DELETE FROM nodes WHERE id = ?", (row["id"],))

    assert check_store(store, told) == []


def test_credentials_that_others_can_read_are_a_fault(store, data):
    (data / "credentials.json").chmod(0o644)
    assert check_store(store) == [f"{data / 'credentials.json'} can be read by others"]
    (data / "credentials.json").write_text("{")
    [fault] = check_store(store)
    assert "is damaged; delete it, and new credentials are made" in fault


def test_a_database_with_damaged_pages_ends_in_sentences(data):
    store = open_store(data)
    for number in range(300):
        editing.create(store, {"kind": "FOLDER", "name": f"folder {number}"}, v2=True)
    store.close()
    with (data / "library.db").open("r+b") as file:
        file.seek(0, io.SEEK_END)
        size = file.tell()
        for page in range(8, size // 4096, 3):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    faults = check(data)
    assert faults
    assert all(fault.startswith(("database: ", "the database is damaged")) for fault in faults[:1])
    assert all("Traceback" not in fault for fault in faults)


def test_a_folder_without_a_store_is_not_made_into_one(tmp_path):
    with pytest.raises(StoreError, match="there is no store in"):
        check(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_the_module_prints_a_line_per_fault_and_ends_with_0_1_or_2(store, data, capsys, tmp_path):
    assert main(["--data", str(data), "--check"]) == 0
    with store.write() as write:
        write.execute("INSERT INTO archives VALUES ('a', '[', 17)")
    assert main(["--data", str(data), "--check"]) == 1
    assert capsys.readouterr().out == "archive whose list cannot be read, made to last until: 17\n"
    assert main(["--data", str(tmp_path / "typo"), "--check"]) == 2
    assert capsys.readouterr().err == f"ap_remote_emulator: there is no store in {tmp_path / 'typo'}\n"
