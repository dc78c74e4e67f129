"""Opening a data folder, and the transactions over it.

Reads see one snapshot each. Writes take SQLite's write lock at once (``BEGIN IMMEDIATE``) and number every change, so
that deltas and caches can tell what is new. A commit is durable before it returns (``synchronous=FULL``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from ap_remote_emulator.blobs import Blobs, make_folder
from ap_remote_emulator.clock import Clock
from ap_remote_emulator.errors import StoreError, StoreFullError
from ap_remote_emulator.faults.knobs import Knobs, late, veiled
from ap_remote_emulator.library import schema
from ap_remote_emulator.library.rendering import render_changed
from ap_remote_emulator.library.veil import Veil, wanted

_BUSY_SECONDS: Final = 60.0
_REMEMBERED: Final = 64
DEFAULT_FOLDERS: Final = ("Pictures", "Videos", "Documents", "Backup")
_BESIDE: Final = ("shares", "archives", "local_ids", "parts", "part_uploads")
SERVICE: Final = "CloudDriveWeb"
"""What ``createdBy`` says about nodes made over the web door."""


def new_id() -> str:
    """Return a fresh node id: 22 characters of ``[A-Za-z0-9_-]``."""
    return secrets.token_urlsafe(16)


class Sql(Protocol):
    """What can be asked: a connection inside a snapshot, or a write transaction."""

    def execute(self, sql: str, parameters: Any = ..., /) -> sqlite3.Cursor:
        """Execute one statement."""
        ...


class Write:
    """A write transaction.

    Attributes:
        connection: where to execute.
        now: the time of the whole transaction, in milliseconds.
        first: the number of the last change before it.
    """

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self.now = now
        self.first = self._seq = int(
            connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0],
        )

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute one statement."""
        return self.connection.execute(sql, parameters)

    def next_seq(self) -> int:
        """Return the number of the next change."""
        self._seq += 1
        return self._seq

    def touch(self, node_id: str) -> None:
        """Count a change of a node: its version, its date, its place in the delta stream."""
        self.execute(
            "UPDATE nodes SET version = version + 1, modified = ?, seq = ?, body = NULL WHERE id = ?",
            (self.now, self.next_seq(), node_id),
        )

    def flush(self, owner_id: str) -> None:
        """Keep the number of the last change, and the JSON of what changed."""
        if self._seq != self.first:
            render_changed(self.connection, owner_id, self.first)
            self.execute("UPDATE meta SET value = ? WHERE key = 'seq'", (self._seq,))


class Store:
    """One data folder, open. Safe for many threads; a forked child begins with connections of its own.

    Attributes:
        data: the folder.
        blobs: the bytes.
        clock: the time.
        owner_id: the account's id.
        store_id: changes when the store begins anew, which old checkpoints must notice.
        secret: signs tokens and URLs.
        knobs: how the service is to misbehave, for tests.
        veil: what listings do not show yet, if the knobs say so.
    """

    def __init__(self, data: Path, blobs: Blobs, clock: Clock) -> None:
        self.data = data
        self.blobs = blobs
        self.clock = clock
        self.owner_id = ""
        self.store_id = ""
        self.secret = b""
        self.knobs = Knobs()
        self.veil = Veil()
        self._begin_process()

    def _begin_process(self) -> None:
        self._pid = os.getpid()
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        # A forked child must neither use nor close its parent's connections: they are kept, and left alone.
        self._inherited = getattr(self, "_idle", [])
        self._idle: list[sqlite3.Connection] = []
        self._remembered: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that nobody else uses meanwhile."""
        if self._pid != os.getpid():
            self._begin_process()
        with self._guard:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = _connect(self.data / "library.db")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            with self._guard:
                self._idle.append(connection)

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Open a snapshot to read from; listings see it through the veil, if there is one."""
        if veiled.get():
            with (
                contextlib.closing(_connect(self.data / "library.db")) as own,
                self.veil.over(own, self.clock.now()) as connection,
            ):
                yield connection
            return
        with self.truth() as connection:
            yield connection

    @contextlib.contextmanager
    def truth(self) -> Iterator[sqlite3.Connection]:
        """Open a snapshot that no veil covers."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def write(self) -> Iterator[Write]:
        """Open a write transaction; an exception undoes all of it.

        Raises:
            StoreFullError: the disk has no room.
        """
        if self._pid != os.getpid():
            self._begin_process()
        try:
            # SQLite's own waiting is a poll with growing pauses; threads of one process queue up here instead.
            with self._writing, self.connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                write = Write(connection, self.clock.now())
                yield write
                write.flush(self.owner_id)
                if wanted(self.knobs.behaviour, late.get()):
                    with self.truth() as before:
                        self.veil.note(before, write, self.knobs.behaviour, late.get())
                connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StoreFullError from error
            raise

    def remembered(self, connection: sqlite3.Connection, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """Return what *make* returns, computed once per state of the library.

        Args:
            connection: the snapshot that *make* reads.
            key: names the question; the state is added to it.
            make: answers the question.
        """
        if veiled.get():
            return make()
        seq = connection.execute("SELECT value FROM meta WHERE key = 'seq'").fetchone()[0]
        whole = (seq, *key)
        with self._guard:
            if whole in self._remembered:
                self._remembered.move_to_end(whole)
                return self._remembered[whole]
        answer = make()
        with self._guard:
            self._remembered[whole] = answer
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return answer

    def collect(self) -> None:
        """Remove the blobs that lost their last node."""
        with self.write() as write:
            for (sha,) in write.execute("SELECT sha FROM garbage").fetchall():
                self._forget(write, sha)
            write.execute("DELETE FROM garbage")

    def _forget(self, write: Write, sha: str) -> None:
        if write.execute("SELECT 1 FROM nodes WHERE sha = ? LIMIT 1", (sha,)).fetchone() is None:
            self.blobs.remove(sha)

    def sweep(self) -> None:
        """Remove what processes left behind that died in the middle of an upload or a purge."""

        def forget(sha: str) -> None:
            with self.write() as write:
                self._forget(write, sha)

        self.blobs.sweep(forget)
        with self.read() as connection:
            garbage = connection.execute("SELECT 1 FROM garbage LIMIT 1").fetchone()
        if garbage is not None:
            self.collect()

    def reset(self) -> None:
        """Forget every node and begin anew with the default folders."""
        with self.write() as write:
            write.execute("INSERT OR IGNORE INTO garbage SELECT DISTINCT sha FROM nodes WHERE sha IS NOT NULL")
            for table in ("nodes", "edges", "tags", "people", "places", "purged", *_BESIDE):
                write.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand one line above
            write.execute("UPDATE meta SET value = ? WHERE key = 'store_id'", (new_id(),))
            _plant(write)
        self._load()
        self.veil.lift()
        self.collect()

    def close(self) -> None:
        """Close the idle connections; the store opens new ones if it is used again."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _load(self) -> None:
        with self.read() as connection:
            meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        self.owner_id, self.store_id, self.secret = meta["owner_id"], meta["store_id"], meta["secret"]


def open_store(data: Path, *, clock: Clock | None = None) -> Store:
    """Open the store in *data*, or make it there.

    Raises:
        StoreError: the folder cannot be used, or holds a store of a newer version.
    """
    try:
        make_folder(data)
        store = Store(data, Blobs(data), clock or Clock())
        with _first_come(data), store.connection() as connection:
            _create(connection, store.clock.now())
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot use {data} as a store: {error.strerror or error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"cannot open the store in {data}: {error}") from error
    store._load()  # noqa: SLF001 - the constructor's second half, which needs the tables
    store.sweep()
    return store


@contextlib.contextmanager
def _first_come(data: Path) -> Iterator[None]:
    """Let one process at a time create the database: switching a file to WAL cannot be done by two."""
    with (data / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def _create(connection: sqlite3.Connection, now: int) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if schema.prepare(connection):
        owner = "A" + "".join(secrets.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(13))
        connection.executemany(
            "INSERT INTO meta (key, value) VALUES (?, ?)",
            [("owner_id", owner), ("store_id", new_id()), ("secret", secrets.token_bytes(32)), ("seq", 0)],
        )
        write = Write(connection, now)
        _plant(write)
        write.flush(owner)
    elif found != schema.VERSION:
        # What a node shows may be more than it was in the older format.
        owner = connection.execute("SELECT value FROM meta WHERE key = 'owner_id'").fetchone()[0]
        render_changed(connection, owner, -1)
    connection.execute("COMMIT")


def _plant(write: Write) -> None:
    """Make the root and the folders that every account has."""
    root = new_id()
    for name in (None, *DEFAULT_FOLDERS):
        node_id = new_id() if name else root
        key = name.lower() if name else None
        write.execute(
            "INSERT INTO nodes (id, kind, name, name_key, status, is_root, created, modified, seq, created_by)"
            " VALUES (?, 'FOLDER', ?, ?, 'AVAILABLE', ?, ?, ?, ?, ?)",
            (node_id, name, key, int(name is None), write.now, write.now, write.next_seq(), SERVICE),
        )
        if name:
            write.execute("INSERT INTO edges VALUES (?, ?, 'FOLDER', ?, ?, 1)", (root, node_id, write.next_seq(), key))
