"""The one gate through which every change goes.

Nothing changes without a plan from a preview of exactly these entries, in these versions, with these arguments, for
this caller. Where the client can put questions to a person, the person answers as well. Before the change the journal
is written; after it the result is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult
from pydantic import BaseModel, Field

from ap_remote.errors import RemoteError
from ap_remote_mcp import deadline
from ap_remote_mcp.changes.proposal import Effect, Proposal
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.plans import PlanRefusedError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Change, Preview

if TYPE_CHECKING:
    from ap_remote.model import Entry

Propose = Callable[[App], Awaitable[Proposal]]
Apply = Callable[[App, Proposal], Awaitable[Effect]]
Verify = Callable[[App, Proposal, Effect], Awaitable[int]]


class Deed(NamedTuple):
    """How a proposal is carried out, and how one sees that it was.

    Attributes:
        apply: changes the library; it calls :func:`ap_remote_mcp.deadline.writing` before its first request.
        verify: reads back what was done and returns how much of it is as it should be.
    """

    apply: Apply
    verify: Verify


def each_holds(holds: Callable[[Entry, Proposal], bool]) -> Verify:
    """Return the verification that looks at every entry that was changed."""

    async def verify(app: App, proposal: Proposal, effect: Effect) -> int:
        entries, _ = await app.entries(effect.done, fresh=True)
        return sum(holds(entry, proposal) for entry in entries)

    return verify


class Sure(BaseModel):
    """A person's answer; elicitation takes pydantic models only."""

    confirm: bool = Field(description="Yes, do it")


async def ask(ctx: Context[App], plan: str, propose: Propose) -> Sure | Elicit[Sure]:
    """Put the question of a proposal to the person, if there is a plan that permits it and somebody to ask."""
    if not plan or not can_ask(ctx):
        return Sure(confirm=False)
    proposal = await asked_about(ctx, plan, propose)
    return Elicit(proposal.question, Sure)


async def asked_about(ctx: Context[App], plan: str, propose: Propose) -> Proposal:
    """Return what a person is to be asked about, if the plan permits it. The turn is free while the person thinks.

    Raises:
        CodedError: it does not.
    """
    app: App = ctx.request_context.lifespan_context
    with app.speaking(), deadline.preparing(app.limits.call_seconds, app.limits.question_seconds):
        async with app.turn:
            proposal = await propose(app)
    check(app, proposal, plan)
    return proposal


async def change(ctx: Context[App], plan: str, sure: ElicitationResult[Sure], propose: Propose, deed: Deed) -> Change:
    """Return the preview of a change with its plan; or, with the plan, make the change.

    Args:
        ctx: of the call.
        plan: from the preview; ``""`` for a preview.
        sure: the person's answer, where one could be asked.
        propose: looks at the library and says what would change.
        deed: does it.
    """
    app: App = ctx.request_context.lifespan_context
    proposal = await permitted(ctx, plan, sure, propose)
    return proposal if isinstance(proposal, Change) else await applied(app, proposal, plan, deed)


async def permitted(ctx: Context[App], plan: str, sure: ElicitationResult[Sure], propose: Propose) -> Proposal | Change:
    """Return the proposal that a plan permits, and the person where one can be asked; without a plan its preview.

    Raises:
        CodedError: it is not permitted.
    """
    app: App = ctx.request_context.lifespan_context
    proposal = await propose(app)
    if not plan:
        return previewed(app, proposal)
    check(app, proposal, plan)
    if can_ask(ctx) and not (isinstance(sure, AcceptedElicitation) and sure.data.confirm):
        use(app, proposal, plan)
        raise CodedError(Code.DECLINED, "The person said no")
    return proposal


def begun(app: App, proposal: Proposal, plan: str) -> str:
    """Spend the plan and the budget, write the journal, and return the operation's id; a change may follow."""
    app.spend(app.changes, len(proposal.entries) if proposal.cost is None else proposal.cost, "changes")
    use(app, proposal, plan)
    return app.journal.begin(proposal.action, caller(), proposal.before, proposal.arguments)


def can_ask(ctx: Context[App]) -> bool:
    """Whether the client shows forms to a person."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def check(app: App, proposal: Proposal, plan: str) -> None:
    """Make sure that a plan permits a proposal.

    Raises:
        CodedError: it does not.
    """
    with _refusing():
        app.plans.check(plan, proposal.permit(caller()))


def use(app: App, proposal: Proposal, plan: str) -> None:
    """Check a plan and make it worthless from now on.

    Raises:
        CodedError: it permits something else, or nothing.
    """
    with _refusing():
        app.plans.use(plan, proposal.permit(caller()))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except PlanRefusedError as exc:
        raise CodedError(Code.PLAN_STALE, f"The plan permits nothing: {exc.reason}") from exc


def previewed(app: App, proposal: Proposal) -> Change:
    """Return what would happen, and the plan that permits it."""
    if not proposal.entries and not proposal.bound.get("stands_alone"):
        return Change(
            action=proposal.action, preview=Preview(count=0), skipped=list(proposal.skipped), note="nothing to do"
        )
    token, expires = app.plans.issue(proposal.permit(caller()))
    return Change(
        action=proposal.action,
        preview=proposal.preview(),
        plan=token,
        expires=app.time_of(expires) + "Z",
        skipped=list(proposal.skipped),
        note="nothing was changed; show this to the person, then repeat the call with plan",
    )


async def applied(app: App, proposal: Proposal, plan: str, deed: Deed) -> Change:
    """Spend the plan, write the journal, make the change, and look at what came of it."""
    op_id = begun(app, proposal, plan)
    effect = await deed.apply(app, proposal)
    app.journal.end(op_id, effect.done, effect.made)
    if proposal.undoes and effect.done:
        app.journal.undone(proposal.undoes, by=op_id)
    app.forget_counts()
    verified, note = await read_back(app, proposal, effect, deed.verify)
    skipped = [*proposal.skipped, *effect.refused]
    app.audit(proposal.action, op_id, done=len(effect.done), skipped=len(skipped))
    until = ""
    if proposal.undo_days is not None and effect.done:
        until = (datetime.fromtimestamp(app.clock(), UTC) + timedelta(days=proposal.undo_days)).date().isoformat()
    return Change(
        action=proposal.action,
        op_id=op_id,
        done=len(effect.done),
        skipped=skipped,
        verified=verified,
        undo_until=until,
        note="; ".join(each for each in (effect.note, note) if each),
    )


async def read_back(app: App, proposal: Proposal, effect: Effect, verify: Verify) -> tuple[int, str]:
    """Return how much of a change shows, and what to say where it is not all."""
    try:
        verified = await verify(app, proposal, effect)
    except RemoteError:
        return 0, "the service accepted the change, but it could not be read back"
    complete = verified >= len(effect.done)
    return verified, "" if complete else "some entries do not show the change yet; check with photos_get"
