"""Work that takes longer than a call: it goes on in the background and outlives the client, and the server too.

A job's record is written behind the work, in a thread; work that must not go on before it is on the disk awaits
:meth:`Running.settled`. A server that starts takes up what another left unfinished, where the kind of work allows it.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import anyio.to_thread
import msgspec
from filelock import Timeout

from ap_remote.errors import RemoteError, StoreError
from ap_remote.remote.once import once
from ap_remote_mcp.errors import Code, CodedError, coded
from ap_remote_mcp.jobfiles import JobFiles, JobRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
    from pathlib import Path

    from anyio.abc import TaskGroup
    from filelock import FileLock

_KEPT: Final = 7 * 86_400.0
"""Seconds for which a finished job can be asked about."""
_WRITTEN: Final = 1.0
"""Seconds between two notes of how far a job is."""
MOST_OF_ONE: Final = 4
"""Jobs of one caller that a server runs at once."""
MOST: Final = 8
"""Jobs that a server runs at once."""
_FULL: Final = "Wait for one with photos_job, or stop one (stop=true); the resource photos://jobs lists them."
_GLANCE: Final = 0.25
"""Seconds between two looks at a job that another server runs."""

_log: Final = logging.getLogger(__name__)


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
            self._jobs.heed(self)
            self.wake()

    def keep(self) -> None:
        """Have the record written soon; what is noted until then goes with it."""
        self._written = self._jobs.clock()
        self._jobs.note(self.record)
        self._jobs.heed(self)
        self.wake()

    async def settled(self) -> None:
        """Wait until all that was kept is on the disk.

        Raises:
            StoreError: it cannot be written.
        """
        await self._jobs.settled(self.record.job_id)

    def wake(self) -> None:
        """Let those who wait for the job look at it."""
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
        self._files = None if folder is None else JobFiles(folder)
        self._kinds: dict[str, Kind] = {}
        self._running: dict[str, Running] = {}
        self._ended: dict[str, JobRecord] = {}
        self._unwritten: dict[str, JobRecord] = {}
        self._writing: dict[str, anyio.Event] = {}
        self._unwritable: dict[str, OSError] = {}
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
        if self._files is not None:
            self._files.sweep(self.clock() - _KEPT)
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for record in self._kept():
                self._take_up(record)
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()

    def admit(self, who: str) -> None:
        """Make sure that a caller may begin one more job.

        Raises:
            CodedError: too many of them run.
        """
        own = sum(each.record.who == who for each in self._running.values())
        if own >= MOST_OF_ONE or len(self._running) >= MOST:
            what = f"{own} of your jobs run already" if own >= MOST_OF_ONE else "As many jobs run as this server takes"
            raise CodedError(Code.BUSY, what, _FULL)

    async def start(self, kind: str, who: str, arguments: dict[str, Any]) -> JobRecord:
        """Begin a job, which goes on when the call that began it is over; or return the caller's same job that runs.

        Raises:
            CodedError: too many jobs run.
            StoreError: it cannot be noted on the disk; nothing was begun.
        """
        same = await self._same(kind, who, arguments)
        if same is not None:
            return same
        self.admit(who)
        if self._tasks is None:
            raise RuntimeError("jobs run while the server serves")
        record = JobRecord(job_id=secrets.token_hex(16), kind=kind, who=who, begun=self.clock(), arguments=arguments)
        running = self._running[record.job_id] = Running(self, record)
        lock: FileLock | None = None
        try:
            if self._files is not None:
                lock = self._files.lock(record.job_id)
                await anyio.to_thread.run_sync(self._files.write, record.job_id, msgspec.json.encode(record))
        except BaseException as exc:
            del self._running[record.job_id]
            if self._files is not None:
                self._files.drop(record.job_id, lock)
            if isinstance(exc, OSError):
                raise StoreError(f"the job cannot be noted on the disk: {exc.strerror or exc}") from exc
            raise
        self._launch(running, lock)
        return record

    async def _same(self, kind: str, who: str, arguments: dict[str, Any]) -> JobRecord | None:
        """Return a job with these arguments that is under way, here or in another server."""

        def is_it(record: JobRecord) -> bool:
            return (record.kind, record.who, record.arguments) == (kind, who, arguments) and not record.is_ended

        kept = await anyio.to_thread.run_sync(self._kept)
        for each in (*(each.record for each in self._running.values()), *filter(is_it, kept)):
            if is_it(each) and (found := self.get(each.job_id, who)) is not None and not found.is_ended:
                return found
        return None

    def get(self, job_id: str, who: str) -> JobRecord | None:
        """Return a job of this caller; somebody else's is as unknown as one that never was.

        One that another process left unfinished, and that nobody has taken up since, is taken up.
        """
        running = self._running.get(job_id)
        record = running.record if running is not None else self._ended.get(job_id)
        if record is None and self._files is not None:
            record = self._files.read(job_id)
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
            while (record := self.get(job_id, who)) is not None and self.is_under_way(record):
                await self.next_change(job_id)()
        return self.get(job_id, who)

    def is_under_way(self, record: JobRecord) -> bool:
        """Whether something may happen yet: one that has ended is written first."""
        return not record.is_ended or record.job_id in self._running

    def next_change(self, job_id: str) -> Callable[[], Awaitable[None]]:
        """Return what waits until a job has come further than it is now; of one of another server, for a moment."""
        running = self._running.get(job_id)
        return partial(anyio.sleep, _GLANCE) if running is None else running.changed.wait

    def cancel(self, job_id: str, who: str) -> JobRecord | None:
        """Let a job stop at its next step, at its next report where another server runs it.

        Returns:
            The job as it is, ``None`` if nobody here knows it.

        Raises:
            StoreError: the other server cannot be told.
        """
        record = self.get(job_id, who)
        running = self._running.get(job_id)
        if record is not None and running is not None:
            running.scope.cancel()
        elif self._files is not None and record is not None and not record.is_ended:
            self._files.stop(job_id)
        return record

    def heed(self, running: Running) -> None:
        """Stop a job that another server was told to stop."""
        if self._files is not None and self._files.is_stopped(running.record.job_id):
            running.scope.cancel()

    def all(self, who: str) -> list[JobRecord]:
        """Return the caller's jobs, the last begun first."""
        known = {each.job_id: each for each in self._kept()} | self._ended
        known |= {key: each.record for key, each in self._running.items()}
        return sorted((each for each in known.values() if each.who == who), key=lambda each: -each.begun)

    def unfinished(self) -> list[Mapping[str, Any]]:
        """Return the arguments of everybody's jobs that have not ended; for the server itself, not for callers."""
        records = [*self._kept(), *(each.record for each in self._running.values())]
        return [each.arguments for each in records if not each.is_ended]

    def note(self, record: JobRecord) -> None:
        """Have a record written soon, and say so to whoever wants to hear of it."""
        self._tell(record)
        if self._files is None or self._tasks is None:
            return
        self._unwritten[record.job_id] = record
        if record.job_id not in self._writing:
            self._writing[record.job_id] = anyio.Event()
            self._tasks.start_soon(self._write_out, record.job_id)

    async def settled(self, job_id: str) -> None:
        """Wait until what was noted of a job is on the disk.

        Raises:
            StoreError: it cannot be written.
        """
        while (writing := self._writing.get(job_id)) is not None:
            await writing.wait()
        if (exc := self._unwritable.get(job_id)) is not None:
            raise StoreError(f"the job {job_id} cannot be written: {exc.strerror or exc}") from exc

    async def _write_out(self, job_id: str) -> None:
        """Write a job's record until nothing new is in it."""
        assert self._files is not None  # noqa: S101 - asked by note(), which looked
        with anyio.CancelScope(shield=True):
            while (record := self._unwritten.pop(job_id, None)) is not None:
                try:
                    await anyio.to_thread.run_sync(self._files.write, job_id, msgspec.json.encode(record))
                    self._unwritable.pop(job_id, None)
                except OSError as exc:
                    _log.warning("the job %s cannot be written: %s", job_id, exc.strerror)
                    self._unwritable[job_id] = exc
        self._writing.pop(job_id).set()

    async def _end(self, record: JobRecord) -> None:
        """Bring the last state of a job to the disk, or remember it here."""
        self._tell(record)
        with anyio.CancelScope(shield=True):
            with suppress(StoreError):
                await self.settled(record.job_id)
            try:
                if self._files is not None:
                    await anyio.to_thread.run_sync(self._files.write, record.job_id, msgspec.json.encode(record))
                elif record.is_ended:
                    self._ended[record.job_id] = record
            except OSError as exc:
                # A full disk ends neither the other jobs nor the server; here the job is known as it is.
                _log.warning("the job %s cannot be written: %s", record.job_id, exc.strerror)
                self._ended[record.job_id] = record
        self._unwritable.pop(record.job_id, None)

    def _kept(self) -> list[JobRecord]:
        return [] if self._files is None else self._files.records()

    def _tell(self, record: JobRecord) -> None:
        if self._told is not None and self._tasks is not None:
            self._tasks.start_soon(self._told, record.job_id)

    def _launch(self, running: Running, lock: FileLock | None) -> None:
        """Let the work begin; what was told to stop meanwhile stops at its first step."""
        assert self._tasks is not None  # noqa: S101 - asked by callers that looked
        self._running[running.record.job_id] = running
        self._tell(running.record)
        self.heed(running)
        self._tasks.start_soon(self._run, running, lock)

    async def _run(self, running: Running, lock: FileLock | None) -> None:
        record = running.record
        try:
            with running.scope, once():
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
            try:
                await self._end(record)
            finally:
                self._running.pop(record.job_id, None)
                running.wake()
                if self._files is not None and record.is_ended:
                    self._files.heard(record.job_id)
                if lock is not None:
                    lock.release()

    def _take_up(self, record: JobRecord) -> JobRecord:
        """Go on with a job that nobody does, if it can be gone on with; return it as it is then."""
        if record.is_ended or record.job_id in self._running or self._files is None:
            return record
        try:
            lock = self._files.lock(record.job_id)
        except Timeout:
            return record  # another process runs it
        with ExitStack() as stack:
            stack.callback(lock.release)
            # The one that had the lock may have come further, or to the end, since the record was read.
            record = self._files.read(record.job_id) or record
            kind = self._kinds.get(record.kind)
            # A kind that is not known here is not this server's to do, nor to give up: it was not allowed to.
            if not record.is_ended and kind is not None and kind.resumes:
                self._launch(Running(self, record), lock)
                stack.pop_all()
            elif not record.is_ended and kind is not None:
                record.state, record.ended = "interrupted", self.clock()
                record.note = "the server was stopped while it ran"
                self._files.write(record.job_id, msgspec.json.encode(record))
        return record
