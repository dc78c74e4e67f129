"""The catalogue's connection to SQLite: one lock, one way in which errors are told."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

from ap_remote.errors import BusyStoreError, CorruptStoreError, NewerStoreError, StoreError
from ap_remote.semantic.schema import FORMAT, grow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Database:
    """An open catalogue. Methods may be called from any thread; they exclude each other."""

    def __init__(self, file: Path) -> None:
        """Open or make the catalogue at *file*.

        Raises:
            NewerStoreError: written by a newer version.
            CorruptStoreError: it is no catalogue.
            StoreError: it cannot be opened.
        """
        self._file = file
        self._lock = RLock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=10)
        except (OSError, sqlite3.OperationalError) as exc:
            message = f"cannot open {file}: {exc}"
            raise StoreError(message) from exc
        try:
            with self._guard():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise NewerStoreError(f"the index catalogue {self._file}", version, FORMAT)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        if version < FORMAT:
            with self._transaction() as db:  # another process may have done it while this one waited
                grow(db)

    def check(self) -> None:
        """Read every page. It takes about as long as reading the file, so only who writes does it.

        Raises:
            CorruptStoreError: some of it is damaged.
        """
        with self._guard() as db:
            (told,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if told != "ok":
                raise sqlite3.DatabaseError(str(told).splitlines()[-1])

    @property
    def connection(self) -> sqlite3.Connection:
        """What must be closed in the end, by whoever does not call :meth:`close`."""
        return self._db

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _guard(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.OperationalError as exc:
                raise self._told(exc) from exc
            except sqlite3.DatabaseError as exc:
                message = f"{self._file} is damaged ({exc}); `ap index build` makes it again from the shards"
                raise CorruptStoreError(message) from exc

    def _told(self, exc: sqlite3.OperationalError) -> StoreError:
        folder, code = self._file.parent, exc.sqlite_errorcode & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return BusyStoreError(f"another process writes to {self._file}")
        # Beside a catalogue lies what its readers share; where that is missing and cannot be made, it cannot be opened.
        if code == sqlite3.SQLITE_READONLY or (code == sqlite3.SQLITE_CANTOPEN and not os.access(folder, os.W_OK)):
            message = f"cannot write to {folder}, and an index is not even read without: let this user write there"
            return StoreError(f"{message}, or use a copy of it (AP_HOME)")
        return StoreError(f"cannot use {self._file}: {exc}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
