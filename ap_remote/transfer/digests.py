"""The md5 of local files, remembered between runs: a cache, which may be removed at any time.

An entry holds for a path for as long as size, times and inode are what they were. A file that was younger than two
seconds when it was read is not remembered: it could change once more within the same tick of its clock, and nobody
would see it (git calls such entries racy). A store that is damaged is made anew; one that cannot be used is done
without.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

T = TypeVar("T")

FORMAT: Final = 1
_TABLE: Final = "CREATE TABLE IF NOT EXISTS digests (path BLOB PRIMARY KEY, stamp TEXT, md5 TEXT) WITHOUT ROWID"
_RACY: Final = 2_000_000_000
"""Nanoseconds."""
_WAIT: Final = 10.0
"""Seconds that another process may hold the store."""
_SMALL: Final = 1 << 20
"""Bytes up to which a file is read in one piece: the buffer for more would cost more than the file."""
_BATCH: Final = 1000
_ASKED: Final = 500


class Digested(msgspec.Struct, frozen=True):
    """A file's md5, and the stamp that it had before and after it was read; none if the two differ."""

    md5: str
    stamp: str | None


def stamp_of(facts: os.stat_result) -> str:
    """Return what changes whenever a file does: size, both times and the inode."""
    return f"{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ctime_ns}-{facts.st_ino}"


def read_digest(file: str | Path) -> tuple[Digested, os.stat_result]:
    """Read a file and return its md5, and what the system said of it before.

    Raises:
        OSError: it cannot be read.
    """
    # Not to wait for ever where a pipe has taken the place of the file.
    number = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(number, "rb", buffering=0) as stream:  # noqa: PTH123 - it is open already
        before = os.fstat(number)
        if before.st_size <= _SMALL:
            digest = hashlib.md5(usedforsecurity=False)
            while piece := stream.read(before.st_size + 1):
                digest.update(piece)
        else:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
        stamp = stamp_of(before)
        same = stamp == stamp_of(os.fstat(number))
    return Digested(md5=digest.hexdigest(), stamp=stamp if same else None), before


class Digests:
    """Digests on disk. Opens at the first use; threads and other processes may use it at once.

    Args:
        file: where it lies; its folder is made.
        clock: nanoseconds since 1970.
    """

    def __init__(self, file: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._store: sqlite3.Connection | None = None
        self._useless = False

    def __repr__(self) -> str:
        return f"Digests({str(self._file)!r})"

    def close(self) -> None:
        """Close the file; closing twice is allowed, and the next use opens it again."""
        with self._lock:
            self._close()

    def known(self, files: Sequence[tuple[str, str]], *, below: str | None = None) -> dict[str, str]:
        """Return the md5 of those of *files*, path and stamp, whose digest still holds.

        Args:
            files: absolute paths with their stamps.
            below: a folder in which all of them lie, so that many are found in one pass.
        """
        if not files:
            return {}

        def ask(store: sqlite3.Connection) -> dict[bytes, tuple[str, str]]:
            if below is not None and len(files) > _ASKED:
                start = os.fsencode(below.rstrip(os.sep) + os.sep)
                rows = store.execute(
                    "SELECT path, stamp, md5 FROM digests WHERE path >= ? AND path < ?",
                    (start, start[:-1] + bytes([start[-1] + 1])),
                )
                return {path: (stamp, md5) for path, stamp, md5 in rows}
            found: dict[bytes, tuple[str, str]] = {}
            for first in range(0, len(files), _ASKED):
                keys = [os.fsencode(path) for path, _ in files[first : first + _ASKED]]
                marks = ",".join("?" * len(keys))
                rows = store.execute(f"SELECT path, stamp, md5 FROM digests WHERE path IN ({marks})", keys)  # noqa: S608 - question marks alone
                found |= {path: (stamp, md5) for path, stamp, md5 in rows}
            return found

        kept = self._use(ask) or {}
        answer = {}
        for path, stamp in files:
            row = kept.get(os.fsencode(path))
            if row is not None and row[0] == stamp:
                answer[path] = row[1]
        return answer

    def read(self, path: str) -> tuple[Digested, bool]:
        """Read a file; tell also whether its digest may be remembered.

        Raises:
            OSError: it cannot be read.
        """
        began = self._clock()
        digested, facts = read_digest(path)
        old = began - facts.st_ctime_ns >= _RACY and abs(began - facts.st_mtime_ns) >= _RACY
        return digested, old and digested.stamp is not None

    def remember(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Keep digests: path, stamp, md5."""
        encoded = [(os.fsencode(path), stamp, md5) for path, stamp, md5 in rows]
        if not encoded:
            return

        def write(store: sqlite3.Connection) -> None:
            with store:
                store.execute("BEGIN IMMEDIATE")
                store.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?)", encoded)

        self._use(write)

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something with the store; ``None`` where it cannot be used."""
        with self._lock:
            if self._useless:
                return None
            for attempt in (1, 2):
                try:
                    if self._store is None:
                        self._store = self._open()
                    return work(self._store)
                except (sqlite3.OperationalError, OSError):
                    # Full, locked or read-only: it is a cache, files are read once more instead.
                    self._close()
                    self._useless = True
                    return None
                except sqlite3.DatabaseError:
                    self._close()
                    self._useless = attempt > 1
                    self._throw_away()
            return None

    def _open(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        store = sqlite3.connect(self._file, timeout=_WAIT, check_same_thread=False, isolation_level=None)
        try:
            store.execute("PRAGMA journal_mode=WAL")
            store.execute("PRAGMA synchronous=NORMAL")
            (found,) = store.execute("PRAGMA user_version").fetchone()
            if found in (0, FORMAT):
                store.execute(_TABLE)
                store.execute(f"PRAGMA user_version={FORMAT}")
            # Another version's table may lack what we ask for: then it is left alone, and done without.
            with closing(store.execute("SELECT path, stamp, md5 FROM digests LIMIT 1")) as rows:
                rows.fetchone()
        except BaseException:
            store.close()
            raise
        return store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _throw_away(self) -> None:
        for end in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + end).unlink(missing_ok=True)


def digest_files(
    files: Sequence[tuple[str, str]],
    store: Digests | None = None,
    *,
    below: str | None = None,
    checkers: int = 8,
    again: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, str | OSError]:
    """Return the md5 of many files, or why one could not be read, by path. Blocks; call it in a thread.

    Args:
        files: absolute paths with the stamps that they were listed with.
        store: what was remembered; what is read is added to it.
        below: a folder in which all of them lie.
        checkers: how many are read at a time.
        again: read what is remembered, too.
        progress: told how many are done; called in several threads, never at once.
    """
    found: dict[str, str | OSError] = {}
    if store is not None and not again:
        found.update(store.known(files, below=below))
    todo = [path for path, _ in files if path not in found]
    if todo:
        _Readers(todo, found, store, len(files), progress).run(checkers)
    elif progress is not None:
        progress(len(files), len(files))
    return found


class _Readers:
    """Threads that read files from one list: one file after the other each, as hashing is what takes the time."""

    def __init__(
        self,
        todo: Sequence[str],
        found: dict[str, str | OSError],
        store: Digests | None,
        total: int,
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        self._todo = iter(todo)
        self._found = found
        self._store = store
        self._total = total
        self._progress = progress
        self._lock = threading.Lock()
        self._fresh: list[tuple[str, str, str]] = []
        self._failure: BaseException | None = None

    def run(self, checkers: int) -> None:
        workers = max(1, min(checkers, 2 * (os.cpu_count() or 1), self._total))
        threads = [threading.Thread(target=self._read_all, name="ap-digest", daemon=True) for _ in range(workers - 1)]
        for each in threads:
            each.start()
        self._read_all()
        for each in threads:
            each.join()
        self._keep(0)
        if self._failure is not None:
            raise self._failure

    def _read_all(self) -> None:
        try:
            while self._failure is None:
                with self._lock:
                    path = next(self._todo, None)
                if path is None:
                    return
                self._read(path)
        except BaseException as exc:  # noqa: BLE001 - it is raised where all of them end
            self._failure = exc

    def _read(self, path: str) -> None:
        try:
            if self._store is None:
                digested, keep = read_digest(path)[0], False
            else:
                digested, keep = self._store.read(path)
        except OSError as exc:
            self._found[path] = exc
        else:
            self._found[path] = digested.md5
            if keep and digested.stamp is not None:
                self._fresh.append((path, digested.stamp, digested.md5))
        if len(self._found) % 100 == 0 and self._progress is not None:
            with self._lock:
                self._progress(len(self._found), self._total)
        if len(self._fresh) >= _BATCH:
            self._keep(_BATCH)

    def _keep(self, least: int) -> None:
        with self._lock:
            if len(self._fresh) < least:
                return
            rows, self._fresh = self._fresh, []
        if self._store is not None:
            self._store.remember(rows)
