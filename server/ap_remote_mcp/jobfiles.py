"""Jobs as files in the account's folder: a record, a lock for the process that runs it, a word that it shall stop."""

from __future__ import annotations

import logging
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from filelock import FileLock

from ap_remote.atomic import make_private, write_atomically
from ap_remote.errors import CorruptStoreError, StoreError

if TYPE_CHECKING:
    from pathlib import Path


class JobKind(StrEnum):
    """The work that the tools hand over, as clients read it."""

    SUGGEST = "suggest folders"
    APPLY = "apply folders"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    SYNC_CHANGES = "sync changes"
    SYNC_EMBEDDINGS = "sync embeddings"


State = Literal["running", "done", "failed", "cancelled", "interrupted"]
_RECORD: Final = ".job.json"
_LOCK: Final = ".lock"
_STOP: Final = ".stop"
_ID: Final = 2 * 16
"""Hexadecimal digits of an id."""
_ENDED: Final = frozenset({"done", "failed", "cancelled", "interrupted"})

_log: Final = logging.getLogger(__name__)


class JobRecord(msgspec.Struct, kw_only=True):
    """A job as its file keeps it."""

    job_id: str
    kind: str
    """A word and no :class:`JobKind`: another version of this server may have written it."""
    who: str
    begun: float
    """Seconds since 1970."""
    arguments: dict[str, Any]
    state: State = "running"
    done: int = 0
    total: int = 0
    note: str = ""
    result: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    """What the work needs in order to go on; nobody is told of it."""
    ended: float = 0.0

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in _ENDED


class JobFiles:
    """The files of an account's jobs.

    Args:
        folder: where; it is made when the first job begins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lock(self, job_id: str) -> FileLock:
        """Take the lock of a job, which whoever runs it holds.

        Raises:
            Timeout: another process holds it.
            OSError: it cannot be made.
        """
        make_private(self._folder)
        lock = FileLock(self._beside(job_id, _LOCK), timeout=0, thread_local=False)
        lock.acquire()
        return lock

    def write(self, job_id: str, body: bytes) -> None:
        """Write the record of a job; it takes as long as the disk does, so call it in a thread.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        make_private(self._folder)
        write_atomically(self._beside(job_id, _RECORD), body, private=True)

    def read(self, job_id: str) -> JobRecord | None:
        """Return a record; ``None`` where there is none.

        Raises:
            CorruptStoreError: it is no record.
        """
        # An id from outside names a file only if it is one that we could have made.
        if len(job_id) != _ID or not set(job_id) <= set("0123456789abcdef"):
            return None
        file = self._beside(job_id, _RECORD)
        try:
            return msgspec.json.decode(file.read_bytes(), type=JobRecord)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as exc:
            raise CorruptStoreError(f"{file} is no job: {exc}") from exc

    def records(self) -> list[JobRecord]:
        """Return all records that can be read."""
        if not self._folder.is_dir():
            return []
        found = []
        for file in sorted(self._folder.glob(f"*{_RECORD}")):
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=JobRecord))
            except (OSError, msgspec.DecodeError) as exc:
                _log.warning("the job %s cannot be read: %s", file.name, type(exc).__name__)
        return found

    def stop(self, job_id: str) -> None:
        """Leave word for the process that runs a job.

        Raises:
            StoreError: it cannot be written.
        """
        try:
            self._beside(job_id, _STOP).touch(mode=0o600)
        except OSError as exc:
            raise StoreError(f"the job {job_id} cannot be told to stop: {exc.strerror or exc}") from exc

    def is_stopped(self, job_id: str) -> bool:
        """Whether another process left word that a job shall stop."""
        return self._beside(job_id, _STOP).exists()

    def heard(self, job_id: str) -> None:
        """Take the word away, when the job has ended."""
        with suppress(OSError):
            self._beside(job_id, _STOP).unlink(missing_ok=True)

    def drop(self, job_id: str, lock: FileLock | None) -> None:
        """Leave nothing of a job that was not begun."""
        if lock is not None:
            lock.release()
        for suffix in (_RECORD, _LOCK):
            with suppress(OSError):
                self._beside(job_id, suffix).unlink(missing_ok=True)

    def sweep(self, horizon: float) -> None:
        """Remove jobs that ended before a moment, and locks from before it that belong to none."""
        for record in self.records():
            if record.is_ended and record.ended < horizon:
                for suffix in (_RECORD, _LOCK, _STOP):
                    self._beside(record.job_id, suffix).unlink(missing_ok=True)
        if not self._folder.is_dir():
            return
        for file in (*self._folder.glob(f"*{_LOCK}"), *self._folder.glob(f"*{_STOP}")):
            # Of a process that was killed before it wrote the record. It is young where one is about to be written.
            if not self._beside(file.stem, _RECORD).exists() and file.lstat().st_mtime < horizon:
                file.unlink(missing_ok=True)

    def _beside(self, job_id: str, suffix: str) -> Path:
        return self._folder / f"{job_id}{suffix}"
