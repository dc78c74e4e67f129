"""The job behind ``photos_upload``: file after file, never twice.

What is about to be sent is noted first, so that whoever takes the job up after a restart looks for that file, by name
and content, before sending it again. After an answer that never came nothing more is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
import anyio.to_thread
import msgspec

from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    AuthenticationError,
    DuplicateContentError,
    NotFoundError,
    OutcomeUnknownError,
    QuotaExceededError,
    RemoteError,
)
from ap_remote.model import Entry, NodeId, Status
from ap_remote.remote.base import Measured
from ap_remote.remote.paths import fold, join
from ap_remote_mcp.changes.each import UNKNOWN
from ap_remote_mcp.errors import coded
from ap_remote_mcp.policy.roots import OutsideRootsError
from ap_remote_mcp.tools.jobs import within
from ap_remote_mcp.tools.outgoing import Outgoing, by_descriptor, is_unchanged

if TYPE_CHECKING:
    from ap_remote_mcp.context import App
    from ap_remote_mcp.jobs import Running

UPLOAD: Final = "upload"
_FATAL: Final = (AuthenticationError, AccessDeniedError, QuotaExceededError, OutcomeUnknownError)
"""What the next file would meet as well; after an unknown outcome nothing more is sent."""
_NOT_TRIED: Final = "not tried, since the one before failed for good"


class Sent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one file."""

    file: str
    state: Literal["uploaded", "already_there", "failed"]
    id: str = ""
    why: str = ""


async def upload(app: App, job: Running) -> dict[str, Any]:
    """Send the files of a job; called again after a restart, those that have no outcome yet."""
    sending = Sending(app, job)
    try:
        await sending.all()
    except anyio.get_cancelled_exc_class():
        if job.scope.cancel_called:
            # A person stopped it. When the server ends, the next one goes on and writes the journal.
            await sending.stopped()
            sending.end()
        raise
    except BaseException:
        sending.end()
        raise
    sending.end()
    with_ids = [each.id for each in sending.outcomes.values() if each.state == "uploaded"]
    try:
        entries, _ = await app.entries(with_ids, fresh=True)
    except RemoteError:
        job.record.result["note"] = "what was uploaded could not be read back"
    else:
        md5s = {each.md5 for each in sending.files}
        job.record.result["verified"] = sum(each.md5 in md5s for each in entries)
    return job.record.result


class Sending:
    """The files of one job, what became of them, and which is on its way."""

    def __init__(self, app: App, job: Running) -> None:
        self._app = app
        self._job = job
        self._to = str(job.arguments["to"])
        self._skip = job.arguments["dedupe"] == "skip"
        self.files = msgspec.convert(job.arguments["files"], list[Outgoing])
        kept = job.record.kept
        self.outcomes = {int(at): msgspec.convert(each, Sent) for at, each in kept.get("outcomes", {}).items()}
        self._under_way: int | None = kept.get("under_way")

    async def all(self) -> None:
        """Send one after the other."""
        self._tell()
        over = ""
        for at, file in enumerate(self.files):
            if at in self.outcomes:
                continue
            if over:
                self._keep(at, Sent(file=file.file, state="failed", why=over))
                continue
            outcome, over = await self._one(at, file)
            self._keep(at, outcome)

    async def stopped(self) -> None:
        """Look what became of the file that was on its way when the job was stopped."""
        at = self._under_way
        if at is None or at in self.outcomes:
            return
        file = self.files[at]
        found: Entry | None = None
        with anyio.move_on_after(self._app.limits.stop_seconds, shield=True):
            try:
                found = await self._there(file)
            except RemoteError:
                found = None
        if found is not None:
            self._keep(at, Sent(file=file.file, state="uploaded", id=found.id))
        else:
            why = "[outcome_unknown] stopped while it was sent: look with photos_list before anything else"
            self._keep(at, Sent(file=file.file, state="failed", why=why))

    def end(self) -> None:
        """Write the journal and the result."""
        job, app = self._job, self._app
        uploaded = {each.id: self.files[at].md5 for at, each in self.outcomes.items() if each.state == "uploaded"}
        op_id = str(job.arguments["op_id"])
        app.journal.end(op_id, tuple(uploaded), {"md5": uploaded})
        app.forget_counts()
        self._tell()
        app.audit(UPLOAD, op_id, done=len(uploaded), skipped=len(self.files) - len(uploaded))

    async def _one(self, at: int, file: Outgoing) -> tuple[Sent, str]:
        """Return what became of a file, and why the others need not be tried, if so."""
        resumed = self._under_way == at
        try:
            if resumed and (found := await self._there(file)) is not None:
                return Sent(file=file.file, state="uploaded", id=found.id), ""
            return await self._send(at, file, resumed=resumed), ""
        except OutcomeUnknownError:
            return Sent(file=file.file, state="failed", why=f"[outcome_unknown] {UNKNOWN}"), _NOT_TRIED
        except RemoteError as exc:
            over = _NOT_TRIED if isinstance(exc, _FATAL) else ""
            return Sent(file=file.file, state="failed", why=str(coded(exc))), over
        except OutsideRootsError as exc:
            return Sent(file=file.file, state="failed", why=exc.reason), ""
        except OSError:
            return Sent(file=file.file, state="failed", why="it cannot be read"), ""

    async def _send(self, at: int, file: Outgoing, *, resumed: bool) -> Sent:
        path = join(self._to, file.name)
        with self._app.roots.opened(file.path) as (real, descriptor):
            if not await anyio.to_thread.run_sync(is_unchanged, descriptor, file):
                return Sent(file=file.file, state="failed", why="it changed since the preview")
            self._begin(at)
            await self._job.settled()
            try:
                entry = await self._app.remote.put(
                    Measured(by_descriptor(real, descriptor), file.md5, file.size),
                    path,
                    duplicates="refuse" if self._skip else "keep",
                )
            except DuplicateContentError as exc:
                return await self._twin(file, exc.node_id or "", resumed=resumed)
            except AlreadyExistsError:
                found = await self._there(file)
                if found is None:
                    return Sent(file=file.file, state="failed", why="another file has taken the name meanwhile")
                return await self._twin(file, found.id, resumed=resumed)
        return Sent(file=file.file, state="uploaded", id=entry.id)

    async def _twin(self, file: Outgoing, node_id: str, *, resumed: bool) -> Sent:
        """Return the outcome for a file whose bytes the library has: sent by this job before a restart, or others'."""
        try:
            twin = await self._app.remote.stat(NodeId(node_id), fresh=True)
        except NotFoundError:
            return Sent(file=file.file, state="already_there", id=node_id)
        if twin.status is Status.TRASHED:
            why = "the same picture is in the trash: photos_restore, or dedupe=keep"
            return Sent(file=file.file, state="failed", id=twin.id, why=why)
        ours = resumed and fold(twin.path) == fold(join(self._to, file.name))
        return Sent(file=file.file, state="uploaded" if ours else "already_there", id=twin.id)

    async def _there(self, file: Outgoing) -> Entry | None:
        """Return the file if the library has it, by name and content."""
        try:
            found = await self._app.remote.stat(join(self._to, file.name), fresh=True)
        except NotFoundError:
            return None
        return found if found.md5 == file.md5 else None

    def _begin(self, at: int) -> None:
        self._under_way = at
        self._job.record.kept["under_way"] = at
        self._job.keep()

    def _keep(self, at: int, outcome: Sent) -> None:
        self.outcomes[at] = outcome
        self._job.record.kept.setdefault("outcomes", {})[str(at)] = msgspec.to_builtins(outcome)
        self._tell()
        self._job.report(len(self.outcomes), len(self.files), "files")
        self._job.keep()

    def _tell(self) -> None:
        states = [each.state for each in self.outcomes.values()]
        failed_first = sorted(self.outcomes.values(), key=lambda each: each.state != "failed")
        shown, left = within(failed_first, self._app.limits.result_bytes // 2)
        told: dict[str, Any] = {
            state: states.count(state) for state in ("uploaded", "already_there", "failed") if state in states
        }
        self._job.record.result = {
            "op_id": self._job.arguments["op_id"],
            **told,
            "files": msgspec.to_builtins(shown),
            **({"left_out": left} if left else {}),
        }
