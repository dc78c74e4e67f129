"""A store of an older format with real content becomes one of today's, whoever opens it first."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

from ap_remote_emulator.app import create_app
from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library import open_store, schema
from ap_remote_emulator.library.check import check, check_store
from ap_remote_emulator.library.schema import prepare
from tests.unit.emulator.test_store import _OPEN, _environment

_V1_TABLES = ("meta", "nodes", "edges", "tags", "people", "places", "purged", "garbage")


def _columns(connection, database, table):
    return [row[1] for row in connection.execute(f"PRAGMA {database}.table_info({table})")]


def _downgrade(data):
    """Rewrite a store's database as format 1 had it: its tables, and of each row what they can hold."""
    new, old = data / "library.db", data / "old.db"
    connection = sqlite3.connect(old, isolation_level=None)
    connection.executescript(schema._STEPS[0])
    connection.execute("ATTACH ? AS today", (str(new),))
    for table in _V1_TABLES:
        columns = ", ".join(_columns(connection, "main", table))
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}")
    # What format 1 stored lacks every key that was added since.
    connection.execute("UPDATE nodes SET body = json_object('id', id, 'kind', kind, 'name', name)")
    connection.execute("DETACH today")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    for path in data.glob("library.db*"):
        path.unlink()
    for path in data.glob("old.db*"):
        path.rename(path.with_name(path.name.replace("old.db", "library.db")))


@pytest.fixture
async def old(client, data, jpeg):
    """A format-1 store with a folder, an album, photographs, a text, labels, and something in the trash."""
    folder = await client.folder("trip")
    file = await client.upload("a.jpg", jpeg(taken="2021:05:06 07:08:09", position=(48.2, 16.37)), parent=folder)
    text = await client.upload("note.txt", b"hello")
    gone = await client.upload("gone.txt", b"gone")
    album = await client.album("best")
    await client.patch(f"nodes/{album}/children", op="add", value=[file["id"]])
    await client.patch(f"nodes/{text['id']}", labels=["x"], settings={"favorite": True}, description="words")
    await client.trash(gone["id"])
    known = {each: await client.get(f"nodes/{each}") for each in (folder, file["id"], text["id"], gone["id"], album)}
    client.store.close()
    _downgrade(data)
    return known


def test_a_database_of_format_1_is_what_it_was_then(tmp_path):
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.executescript(schema._STEPS[0])
    assert set(_V1_TABLES) == {
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    assert "family_id" not in _columns(connection, "main", "nodes")
    connection.execute("PRAGMA user_version = 1")
    assert prepare(connection) is False
    assert {"family_id", "properties"} <= set(_columns(connection, "main", "nodes"))
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    connection.close()


async def test_everything_is_served_after_an_upgrade(old, data, client):
    app = create_app(data)
    reborn = type(client)(app)
    try:
        for node_id, node in old.items():
            assert await reborn.get(f"nodes/{node_id}") == node
        by_name = {node["name"]: node for node in old.values()}
        assert await reborn.content(by_name["note.txt"]["id"]) == b"hello"
        assert await reborn.names(filters="kind:FILE") == ["a.jpg", "note.txt"]
        assert await reborn.names("trash") == ["gone.txt"]
        assert await reborn.names(f"nodes/{by_name['best']['id']}/children") == ["a.jpg"]
        assert await reborn.names("search", filters="timeYear:(2021) AND location:(AUT*)") == ["a.jpg"]
        assert await reborn.names(filters="labels:x AND favorite:(true)") == ["note.txt"]
        thumbnail = await reborn.http.get(f"/v1/thumbnail/{by_name['a.jpg']['id']}", params={"viewBox": "32"})
        assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")
        await reborn.restore(by_name["gone.txt"]["id"])
        await reborn.upload("new.txt", b"new")
        await reborn.upload("again.txt", b"hello", 409)
        assert check_store(app.state.store) == []
    finally:
        await reborn.http.aclose()
        await reborn.stranger.aclose()
        app.state.store.close()


def test_several_processes_may_upgrade_one_store_at_once(old, data):
    command = [sys.executable, "-c", _OPEN, str(data)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) for _ in range(3)]
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 3
    assert len(answers) == 1
    assert check(data) == []


def test_an_upgrade_that_fails_leaves_the_old_store_as_it_was(old, data, monkeypatch):
    connection = sqlite3.connect(data / "library.db")
    before = connection.execute("SELECT id, body FROM nodes ORDER BY id").fetchall()
    connection.close()
    monkeypatch.setattr(schema, "_STEPS", (*schema._STEPS[:1], "CREATE TABLE fresh (x);\nCREATE TABLE nodes (x);\n"))
    with pytest.raises(StoreError, match="already exists"):
        open_store(data)
    connection = sqlite3.connect(data / "library.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'fresh'").fetchone() == (0,)
    assert connection.execute("SELECT id, body FROM nodes ORDER BY id").fetchall() == before
    connection.close()


def test_foreign_keys_are_on_for_every_connection(data):
    store = open_store(data)
    with store.read() as connection, store.write() as write, store.truth() as other:
        for each in (connection, write, other):
            assert each.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    with pytest.raises(sqlite3.IntegrityError), store.write() as write:
        write.execute("INSERT INTO parts VALUES ('nobody', 1, 1, 'x')")
    store.close()
