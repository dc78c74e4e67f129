"""What ``photos_upload`` and ``photos_download`` share: a proposal becomes a job, which takes file after file.

A file has one outcome, and a job that is taken up after a restart goes on with those that have none. Where the next
file would meet what this one met, the others are not tried.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import anyio
import msgspec

from ap_remote_mcp.changes.gate import begun
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Change
from ap_remote_mcp.tools.jobs import followed, started, within

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from mcp.server.mcpserver import Context

    from ap_remote_mcp.changes.proposal import Proposal
    from ap_remote_mcp.changes.terms import Action, Terms
    from ap_remote_mcp.context import App
    from ap_remote_mcp.jobfiles import JobKind
    from ap_remote_mcp.jobs import Running
    from ap_remote_mcp.journal import Made


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a job is asked to do; its file keeps it."""

    op_id: str
    """The operation in the journal, which the job ends."""
    to: str


class Told(Protocol):
    """What became of one file."""

    @property
    def state(self) -> str:
        """``failed``, or another word for what went well."""
        ...


async def handed_on(
    ctx: Context[App], proposal: Proposal[Terms], plan: str, kind: JobKind, order: Callable[[str], Order], *, size: int
) -> Change:
    """Hand a proposal that is permitted over to a job, and return how far that is when the call's time is nearly over.

    Args:
        ctx: of the call.
        proposal: what is carried.
        plan: that permits it; ``""`` for so little that none is needed.
        kind: of the job.
        order: returns what it is asked to do, given the operation.
        size: bytes that are charged to the day's budget.

    Raises:
        CodedError: too many jobs run, a budget is spent, or the job cannot be noted; nothing was begun then.
    """
    app: App = ctx.request_context.lifespan_context
    app.jobs.admit(caller())
    app.afford(app.carried, size, "bytes")
    if plan:
        op_id = begun(app, proposal, plan)
    else:
        op_id = app.journal.begin(proposal.action, caller(), proposal.before, proposal.terms)
    job_id = await started(app, kind, msgspec.to_builtins(order(op_id)))
    app.carried.take(size)
    if not plan:
        app.unasked.take(len(proposal.entries))
    job = await followed(ctx, app, job_id, app.limits.wait_seconds)
    return Change(action=proposal.action, op_id=op_id, skipped=list(proposal.skipped), job=job)


K = TypeVar("K", bound="Hashable")
R = TypeVar("R", bound=Told)


class Carrying(ABC, Generic[K, R]):
    """The files of one job and what became of them.

    Args:
        app: knows the library.
        job: under way.
        op_id: the operation in the journal.
        keys: name the files, in the order in which they are taken.
    """

    action: ClassVar[Action]
    states: ClassVar[tuple[str, ...]]
    """In the order in which they are counted; the first is what a file is taken for, the last is ``failed``."""
    rest: ClassVar[str]
    """How to ask for what was not done."""

    def __init__(self, app: App, job: Running, op_id: str, keys: Sequence[K]) -> None:
        self.app = app
        self.job = job
        self.op_id = op_id
        self.keys = keys
        self.outcomes: dict[K, R] = {}

    @abstractmethod
    async def one(self, key: K) -> tuple[R, str]:
        """Return what became of a file, and why the others need not be tried, if so."""

    @abstractmethod
    def untried(self, key: K, why: str) -> R:
        """Return the outcome of a file that is not tried."""

    @abstractmethod
    def made(self) -> tuple[Sequence[str], Made | None]:
        """Return the ids of what is done and what the undo needs, for the journal."""

    async def recalled(self) -> dict[K, R]:
        """Return what became of files in an earlier process."""
        return {}

    async def stopped(self) -> None:
        """See to the file that was on its way when a person stopped the job."""

    def keep(self, key: K, outcome: R) -> None:
        """Note what became of a file."""
        self.outcomes[key] = outcome
        self.tell()
        self.job.report(len(self.outcomes), len(self.keys), "files")

    def shown(self, rows: Sequence[R], *, ended: bool) -> tuple[Sequence[R], int, dict[str, Any]]:
        """Return the rows that are told one by one, how many are left out, and what stands beside them."""
        del ended
        fitting, left = within(list(rows), self.app.limits.result_bytes // 2)
        return fitting, left, {}

    async def run(self) -> None:
        """Take all files that have no outcome, then write the journal and the result.

        A person who stops the job ends it so as well. When the server ends, the next one goes on.
        """
        try:
            await self._all()
        except anyio.get_cancelled_exc_class():
            if self.job.scope.cancel_called:
                await self.stopped()
                self.end()
            raise
        except BaseException:
            self.end()
            raise
        self.end()

    def end(self) -> None:
        """Write the journal and the result."""
        done, made = self.made()
        self.app.journal.end(self.op_id, done, made)
        self.tell(ended=True)
        self.app.audit(self.action, self.op_id, done=len(done), skipped=len(self.keys) - len(done))

    def tell(self, *, ended: bool = False) -> None:
        """Say what became of the files so far, first of all those that failed."""
        rows = [self.outcomes[key] for key in self.keys if key in self.outcomes]
        shown, left, beside = self.shown(sorted(rows, key=lambda each: each.state != "failed"), ended=ended)
        found = [each.state for each in rows]
        fine = len(found) - found.count("failed")
        self.job.record.result = {
            "op_id": self.op_id,
            **beside,
            **{state: found.count(state) for state in self.states if state in found},
            "files": msgspec.to_builtins(shown),
            **({"left_out": left} if left else {}),
        }
        if ended and fine < len(self.keys):
            self.remark(f"{fine} of {len(self.keys)} are done; for the rest look, then {self.rest}")

    def remark(self, sentence: str) -> None:
        """Add a sentence to the result."""
        result = self.job.record.result
        result["note"] = "; ".join(filter(None, (result.get("note"), sentence)))

    async def _all(self) -> None:
        recalled = await self.recalled()
        self.tell()
        over = ""
        for key in self.keys:
            if key in self.outcomes:
                continue
            if key in recalled:
                outcome = recalled[key]
            elif over:
                outcome = self.untried(key, over)
            else:
                outcome, over = await self.one(key)
            self.keep(key, outcome)
