"""Work that takes longer than a call: it goes on in the background and outlives the client, and the server too.

A job is a file of its own in the account's folder, written at every step. The process that runs a job holds its lock;
a server that starts takes up what another left unfinished, where the kind of work can be taken up.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import anyio
import msgspec
from filelock import FileLock, Timeout

from ap_remote.atomic import write_atomically
from ap_remote.errors import CorruptStoreError, RemoteError
from ap_remote_mcp.errors import CodedError, coded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from pathlib import Path

    from anyio.abc import TaskGroup

State = Literal["running", "done", "failed", "cancelled", "interrupted"]
_SUFFIX: Final = ".job.json"
_KEPT: Final = 7 * 86_400.0
"""Seconds for which a finished job can be asked about."""
_WRITTEN: Final = 1.0
"""Seconds between two notes of how far a job is."""
_ENDED: Final = frozenset({"done", "failed", "cancelled", "interrupted"})

_log: Final = logging.getLogger(__name__)


class JobRecord(msgspec.Struct, kw_only=True):
    """A job as its file keeps it."""

    job_id: str
    kind: str
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


class Work(Protocol):
    """What a kind of job does. Called again for the same job after a restart, it goes on where it was."""

    async def __call__(self, job: Running) -> dict[str, Any]:
        """Do it all and return the result."""
        ...


class Kind(msgspec.Struct, frozen=True):
    """A kind of job."""

    work: Work
    resumes: bool
    """Whether a new process may go on with it."""


class Running:
    """A job under way, as its work sees it."""

    def __init__(self, jobs: Jobs, record: JobRecord) -> None:
        self.record = record
        self.changed = anyio.Event()
        self.scope = anyio.CancelScope()
        self._jobs = jobs
        self._written = 0.0

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What the job was started with."""
        return self.record.arguments

    def report(self, done: int, total: int = 0, note: str = "") -> None:
        """Say how far the work is."""
        self.record.done, self.record.total = done, total or self.record.total
        self.record.note = note
        if self._jobs.clock() - self._written >= _WRITTEN:
            self.keep()
        else:
            self._wake()

    def keep(self) -> None:
        """Write the record now."""
        self._written = self._jobs.clock()
        self._jobs.write(self.record)
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()


class Jobs:
    """The jobs of one account.

    Args:
        folder: keeps their files; ``None`` for a server without a home, whose jobs end with it.
        clock: seconds since 1970.
        told: hears the id of each job that was begun, came further or ended.
    """

    def __init__(
        self,
        folder: Path | None,
        clock: Callable[[], float],
        told: Callable[[str], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.clock = clock
        self._told = told
        self._folder = folder
        self._kinds: dict[str, Kind] = {}
        self._running: dict[str, Running] = {}
        self._ended: dict[str, JobRecord] = {}
        self._tasks: TaskGroup | None = None

    def offer(self, name: str, work: Work, *, resumes: bool) -> None:
        """Let jobs of a kind be done.

        Args:
            name: the kind, as clients read it.
            work: does it.
            resumes: whether a new process may go on with it.
        """
        self._kinds[name] = Kind(work, resumes)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run jobs while the block lasts; what is unfinished then is taken up by the next server."""
        self._sweep()
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for record in self._records():
                self._take_up(record)
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()

    def start(self, kind: str, who: str, arguments: dict[str, Any]) -> Running:
        """Begin a job; it goes on when the call that began it is over."""
        record = JobRecord(job_id=secrets.token_hex(16), kind=kind, who=who, begun=self.clock(), arguments=arguments)
        return self._launch(record, self._lock(record.job_id))

    def get(self, job_id: str, who: str) -> JobRecord | None:
        """Return a job of this caller; somebody else's is as unknown as one that never was.

        One that another process left unfinished, and that nobody has taken up since, is taken up.
        """
        running = self._running.get(job_id)
        record = running.record if running is not None else self._ended.get(job_id) or self._read(job_id)
        if record is None or record.who != who:
            return None
        if running is None and not record.is_ended and self._tasks is not None:
            record = self._take_up(record)
        return record

    def running(self, job_id: str, who: str) -> Running | None:
        """Return a job of this caller that runs here."""
        running = self._running.get(job_id)
        return running if running is not None and running.record.who == who else None

    async def wait(self, job_id: str, who: str, seconds: float) -> JobRecord | None:
        """Return a job when it has ended, or as it is after so many seconds."""
        with anyio.move_on_after(seconds):
            while (running := self.running(job_id, who)) is not None:
                await running.changed.wait()
        return self.get(job_id, who)

    def cancel(self, job_id: str, who: str) -> JobRecord | None:
        """Let a running job stop at its next step; return it, ``None`` if nobody here knows it."""
        running = self._running.get(job_id)
        if running is not None and running.record.who == who:
            running.scope.cancel()
            return running.record
        return self.get(job_id, who)

    def all(self, who: str) -> list[JobRecord]:
        """Return the caller's jobs, the last begun first."""
        known = {each.job_id: each for each in self._records()} | self._ended
        known |= {key: each.record for key, each in self._running.items()}
        return sorted((each for each in known.values() if each.who == who), key=lambda each: -each.begun)

    def unfinished(self) -> list[Mapping[str, Any]]:
        """Return the arguments of everybody's jobs that have not ended; for the server itself, not for callers."""
        records = [*self._records(), *(each.record for each in self._running.values())]
        return [each.arguments for each in records if not each.is_ended]

    def write(self, record: JobRecord) -> None:
        """Keep a record, and say so to whoever wants to hear of it."""
        if self._told is not None and self._tasks is not None:
            self._tasks.start_soon(self._told, record.job_id)
        if self._folder is None:
            if record.is_ended:
                self._ended[record.job_id] = record
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._file(record.job_id), msgspec.json.encode(record), private=True)

    # -- running -------------------------------------------------------------------------------------------------------

    def _launch(self, record: JobRecord, lock: FileLock | None) -> Running:
        if self._tasks is None:
            raise RuntimeError("jobs run while the server serves")
        running = Running(self, record)
        running.keep()
        self._running[record.job_id] = running
        self._tasks.start_soon(self._run, running, lock)
        return running

    async def _run(self, running: Running, lock: FileLock | None) -> None:
        record = running.record
        try:
            with running.scope:
                record.result = await self._kinds[record.kind].work(running)
                record.state = "done"
            if running.scope.cancelled_caught:
                record.state = "cancelled"
        except anyio.get_cancelled_exc_class():
            # The server ends: the record stays as it is, for the next one.
            raise
        except RemoteError as exc:
            record.state, record.note = "failed", str(coded(exc))
        except CodedError as exc:
            record.state, record.note = "failed", str(exc)
        except Exception:  # noqa: BLE001 - one job's failure ends neither the others nor the server
            _log.exception("job %s (%s) failed", record.job_id, record.kind)
            record.state, record.note = "failed", "[unavailable] The server failed; its log says why."
        finally:
            if record.is_ended:
                record.ended = self.clock()
            self._running.pop(record.job_id, None)
            try:
                running.keep()
            except OSError as exc:
                # A full disk ends neither the other jobs nor the server; here the job is known as it is.
                _log.warning("the job %s cannot be written: %s", record.job_id, exc.strerror)
                self._ended[record.job_id] = record
            if lock is not None:
                lock.release()

    def _take_up(self, record: JobRecord) -> JobRecord:
        """Go on with a job that nobody does, if it can be gone on with; return it as it is then."""
        if record.is_ended or record.job_id in self._running:
            return record
        try:
            lock = self._lock(record.job_id)
        except Timeout:
            return record  # another process runs it
        # The one that had the lock may have come further, or to the end, since the record was read.
        record = self._read(record.job_id) or record
        kind = self._kinds.get(record.kind)
        if not record.is_ended and kind is not None and kind.resumes:
            return self._launch(record, lock).record
        if not record.is_ended and kind is not None:
            record.state, record.ended = "interrupted", self.clock()
            record.note = "the server was stopped while it ran"
            self.write(record)
        # A kind that is not known here is not this server's to do, nor to give up: it was not allowed to.
        if lock is not None:
            lock.release()
        return record

    # -- files ---------------------------------------------------------------------------------------------------------

    def _lock(self, job_id: str) -> FileLock | None:
        if self._folder is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self._folder / f"{job_id}.lock", timeout=0, thread_local=False)
        lock.acquire()
        return lock

    def _file(self, job_id: str) -> Path:
        assert self._folder is not None  # noqa: S101 - asked by callers that looked
        return self._folder / f"{job_id}{_SUFFIX}"

    def _read(self, job_id: str) -> JobRecord | None:
        # An id from outside names a file only if it is one that we could have made.
        if self._folder is None or len(job_id) != 2 * 16 or not set(job_id) <= set("0123456789abcdef"):
            return None
        try:
            return msgspec.json.decode(self._file(job_id).read_bytes(), type=JobRecord)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as exc:
            raise CorruptStoreError(f"{self._file(job_id)} is no job: {exc}") from exc

    def _records(self) -> list[JobRecord]:
        if self._folder is None or not self._folder.is_dir():
            return []
        found = []
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")):
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=JobRecord))
            except (OSError, msgspec.DecodeError) as exc:
                _log.warning("the job %s cannot be read: %s", file.name, type(exc).__name__)
        return found

    def _sweep(self) -> None:
        """Forget jobs that ended long ago."""
        horizon = self.clock() - _KEPT
        for record in self._records():
            if record.is_ended and record.ended < horizon:
                self._file(record.job_id).unlink(missing_ok=True)
                (self._file(record.job_id).with_name(f"{record.job_id}.lock")).unlink(missing_ok=True)
        if self._folder is None or not self._folder.is_dir():
            return
        for file in sorted(self._folder.glob("*.lock")):
            # Of a process that was killed before it wrote the record. It is young where one is about to be written.
            if not self._file(file.stem).exists() and file.lstat().st_mtime < horizon:
                file.unlink(missing_ok=True)
