from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from ap_remote_emulator.__main__ import main
from ap_remote_emulator.app import create_app
from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library import credentials, editing, nodes, open_store
from ap_remote_emulator.library.check import check, check_store
from ap_remote_emulator.library.rendering import iso
from ap_remote_emulator.library.views import View

_OPEN = """
import sys
from pathlib import Path
from ap_remote_emulator.app import create_app
app = create_app(Path(sys.argv[1]))
print(app.state.credentials.access_token, app.state.store.store_id)
"""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_several_processes_may_create_one_store_at_once(tmp_path):
    command = [sys.executable, "-c", _OPEN, str(tmp_path / "data")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) for _ in range(4)]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(answers) == 1
    assert check(tmp_path / "data") == []


def test_threads_write_one_after_the_other(data):
    store = open_store(data)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: editing.create(store, {"kind": "FOLDER", "name": f"f{n}"}, v2=True), range(64)))
    assert len({msgspec.json.decode(node)["id"] for node in made}) == 64
    with store.read() as connection:
        assert connection.execute("SELECT COUNT(*), COUNT(DISTINCT seq) FROM nodes").fetchone()[:] == (69, 69)
    store.close()


def test_two_stores_over_one_folder_see_each_other(data):
    one, two = open_store(data), open_store(data)
    node = editing.create(one, {"kind": "FOLDER", "name": "a"}, v2=True)
    assert nodes.get(two, msgspec.json.decode(node)["id"], View()) == node
    barrier = threading.Barrier(2)

    def many(store):
        barrier.wait()
        for number in range(30):
            editing.create(store, {"kind": "FOLDER", "name": f"{id(store)}-{number}"}, v2=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(many, (one, two)))
    assert check_store(one) == []
    one.close()
    two.close()


def test_a_failed_write_leaves_nothing(data):
    store = open_store(data)

    def fail():
        with store.write() as write:
            nodes.insert(write, kind="FOLDER", name="half", parents=[nodes.root_id(write)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM nodes").fetchone()[0] == 5
    store.close()


def test_a_reader_keeps_its_snapshot(data):
    store = open_store(data)
    with store.read() as connection:
        before = connection.execute("SELECT COUNT(*) FROM nodes").fetchone()[0]
        editing.create(store, {"kind": "FOLDER", "name": "a"}, v2=True)
        assert connection.execute("SELECT COUNT(*) FROM nodes").fetchone()[0] == before
    store.close()


def test_a_newer_store_is_refused_and_left_alone(data):
    open_store(data).close()
    with sqlite3.connect(data / "library.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        open_store(data)


def test_a_damaged_database_is_a_store_error(data):
    data.mkdir()
    (data / "library.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(StoreError, match="cannot open"):
        open_store(data)


def test_a_file_in_place_of_the_folder_is_a_store_error(data):
    data.write_text("x")
    with pytest.raises(StoreError, match="cannot use"):
        open_store(data)


@pytest.mark.parametrize("text", ["", "{", '{"cookies": {}, "access_token": "x", "owner_id": "A"}'])
def test_damaged_credentials_are_a_store_error(data, text):
    store = open_store(data)
    credentials.path_of(data).write_text(text)
    with pytest.raises(StoreError, match="delete it"):
        create_app(data)
    store.close()


def test_credentials_outlive_the_process(data):
    first, second = create_app(data), create_app(data)
    assert first.state.credentials == second.state.credentials
    assert json.loads(credentials.path_of(data).read_text())["owner_id"] == first.state.store.owner_id
    first.state.store.close()
    second.state.store.close()


def test_files_of_dead_uploads_are_swept_and_those_of_living_ones_are_not(data):
    store = open_store(data)
    dead = data / "tmp" / "0123456789abcdef.part"
    dead.write_bytes(b"left behind")
    with store.blobs.receive() as upload:
        upload.write(b"alive")
        open_store(data).close()
        assert not dead.exists()
        assert upload.path.read_bytes() == b"alive"
        upload.finish()
        open_store(data).close()
        assert upload.path.exists()
    assert list((data / "tmp").iterdir()) == []
    store.close()


def test_a_blob_whose_transaction_never_ended_is_swept(data):
    store = open_store(data)
    with store.blobs.receive() as upload:
        upload.write(b"linked, but never committed")
        upload.finish()
        upload.place(store.blobs)
        kept = upload.path.with_name(upload.path.name.replace(".part", "0.part"))
        os.link(upload.path, kept)
    assert check_store(store) == [f"blob {upload.sha} belongs to no node"]
    open_store(data).close()
    assert check_store(store) == []
    assert not kept.exists()
    store.close()


def test_a_forked_child_gets_connections_of_its_own(data):
    store = open_store(data)
    editing.create(store, {"kind": "FOLDER", "name": "before"}, v2=True)
    child = os.fork()
    if child == 0:
        try:
            editing.create(store, {"kind": "FOLDER", "name": "in the child"}, v2=True)
        except BaseException:  # noqa: BLE001 - the child must end here whatever happens
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    editing.create(store, {"kind": "FOLDER", "name": "after"}, v2=True)
    assert check_store(store) == []
    store.close()


def test_the_command_checks_a_store(data, capsys, tmp_path):
    open_store(data).close()
    assert main(["--data", str(data), "--check"]) == 0
    stray = data / "blobs" / "00" / ("0" * 64)
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert main(["--data", str(data), "--check"]) == 1
    assert capsys.readouterr().out == f"blob {'0' * 64} belongs to no node\n"
    Path(tmp_path / "file").write_text("x")
    assert main(["--data", str(tmp_path / "file"), "--check"]) == 2


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_692_094_272_345, "2023-08-15T10:11:12.345Z"),
    ],
)
def test_dates_are_written_as_amazon_writes_them(milliseconds, expected):
    assert iso(milliseconds) == expected
