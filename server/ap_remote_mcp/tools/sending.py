"""The job behind ``photos_upload``: file after file, never twice.

What is about to be sent is noted first, so that whoever takes the job up after a restart looks for that file, by name
and content, before sending it again. After an answer that never came nothing more is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

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
from ap_remote_mcp.changes.terms import Action
from ap_remote_mcp.errors import coded
from ap_remote_mcp.journal import Made
from ap_remote_mcp.policy.roots import OutsideRootsError
from ap_remote_mcp.tools.carrying import Carrying, Order
from ap_remote_mcp.tools.outgoing import Outgoing, by_descriptor, is_unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote_mcp.context import App
    from ap_remote_mcp.jobs import Running

Dedupe = Literal["skip", "keep"]
_FATAL: Final = (AuthenticationError, AccessDeniedError, QuotaExceededError, OutcomeUnknownError)
"""What the next file would meet as well; after an unknown outcome nothing more is sent."""
_NOT_TRIED: Final = "not tried, since the one before failed for good"


class Sent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one file."""

    file: str
    state: Literal["uploaded", "already_there", "failed"]
    id: str = ""
    why: str = ""


class UploadOrder(Order, frozen=True, kw_only=True):
    """What is sent."""

    dedupe: Dedupe
    files: tuple[Outgoing, ...]


class _Kept(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the next process needs in order to go on."""

    outcomes: dict[int, Sent] = {}
    under_way: int | None = None
    """The file that is being sent, or was when the process ended."""


async def upload(app: App, job: Running) -> dict[str, Any]:
    """Send the files of a job; called again after a restart, those that have no outcome yet."""
    sending = Sending(app, job)
    await sending.run()
    with_ids = [each.id for each in sending.outcomes.values() if each.state == "uploaded"]
    try:
        entries, _ = await app.entries(with_ids, fresh=True)
    except RemoteError:
        sending.remark("what was uploaded could not be read back")
    else:
        md5s = {each.md5 for each in sending.files}
        job.record.result["verified"] = sum(each.md5 in md5s for each in entries)
    return job.record.result


class Sending(Carrying[int, Sent]):
    """The files of one job by their numbers, what became of them, and which is on its way."""

    action: ClassVar[Action] = Action.UPLOAD
    states: ClassVar[tuple[str, ...]] = ("uploaded", "already_there", "failed")
    rest: ClassVar[str] = "call photos_upload again without plan for a new one, which leaves out what is there"

    def __init__(self, app: App, job: Running) -> None:
        order = msgspec.convert(dict(job.arguments), UploadOrder)
        super().__init__(app, job, order.op_id, range(len(order.files)))
        self.files = order.files
        self._to = order.to
        self._skip = order.dedupe == "skip"
        self._kept = msgspec.convert(job.record.kept, _Kept, str_keys=True)
        self.outcomes = self._kept.outcomes

    async def stopped(self) -> None:
        """Look what became of the file that was on its way when the job was stopped."""
        at = self._kept.under_way
        if at is None or at in self.outcomes:
            return
        file = self.files[at]
        found: Entry | None = None
        with anyio.move_on_after(self.app.limits.stop_seconds, shield=True):
            try:
                found = await self._there(file)
            except RemoteError:
                found = None
        if found is not None:
            self.keep(at, Sent(file=file.file, state="uploaded", id=found.id))
        else:
            why = "[outcome_unknown] stopped while it was sent: look with photos_list before anything else"
            self.keep(at, Sent(file=file.file, state="failed", why=why))

    def untried(self, key: int, why: str) -> Sent:
        """Return the outcome of a file that is not tried."""
        return Sent(file=self.files[key].file, state="failed", why=why)

    def made(self) -> tuple[Sequence[str], Made]:
        """Return the ids of what was uploaded, with the md5 that each was sent with."""
        md5 = {each.id: self.files[at].md5 for at, each in self.outcomes.items() if each.state == "uploaded"}
        return tuple(md5), Made(md5=md5)

    def end(self) -> None:
        """Write the journal and the result; the library has more than before."""
        super().end()
        self.app.forget_counts()

    def keep(self, key: int, outcome: Sent) -> None:
        """Note what became of a file, for the next process too."""
        super().keep(key, outcome)
        self._note()

    async def one(self, key: int) -> tuple[Sent, str]:
        """Return what became of a file, and why the others need not be tried, if so."""
        return await self._one(key, self.files[key])

    async def _one(self, at: int, file: Outgoing) -> tuple[Sent, str]:
        resumed = self._kept.under_way == at
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
        with self.app.roots.opened(file.path) as (real, descriptor):
            if not await anyio.to_thread.run_sync(is_unchanged, descriptor, file):
                return Sent(file=file.file, state="failed", why="it changed since the preview")
            self._begin(at)
            await self.job.settled()
            try:
                entry = await self.app.remote.put(
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
            twin = await self.app.remote.stat(NodeId(node_id), fresh=True)
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
            found = await self.app.remote.stat(join(self._to, file.name), fresh=True)
        except NotFoundError:
            return None
        return found if found.md5 == file.md5 else None

    def _begin(self, at: int) -> None:
        self._kept.under_way = at
        self._note()

    def _note(self) -> None:
        self.job.record.kept = msgspec.to_builtins(self._kept, str_keys=True)
        self.job.keep()
