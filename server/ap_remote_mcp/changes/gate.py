"""The one gate through which every change goes.

Nothing changes without a plan from a preview of exactly these entries, in these versions, with these arguments, for
this caller. Where the client can put questions to a person, the person answers as well. Before the change the journal
is written; after it the result is looked at.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

import anyio
import msgspec
from mcp.server.mcpserver import AcceptedElicitation, CancelledElicitation, Context, Elicit, ElicitationResult
from pydantic import BaseModel, ConfigDict, Field

from ap_remote.errors import RemoteError
from ap_remote.remote.once import once
from ap_remote_mcp import deadline
from ap_remote_mcp.changes.proposal import Effect, Proposal
from ap_remote_mcp.changes.terms import Terms, UndoTerms
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.plans import PlanRefusedError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Change, Preview

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

P = TypeVar("P", bound=Proposal[Terms])
T = TypeVar("T", bound=Terms)
Propose = Callable[[App], Awaitable[P]]
Apply = Callable[[App, Proposal[T]], Awaitable[Effect]]
Verify = Callable[[App, Proposal[T], Effect], AsyncGenerator[int]]
_NOT_YET: Final = "some entries do not show the change yet; check with photos_get"
_LOOKED_AT: Final = 25
"""Entries that are read back together; where the time ends, what was seen before counts."""


class Deed(NamedTuple, Generic[T]):
    """How a proposal is carried out, and how one sees that it was.

    Attributes:
        apply: changes the library; it calls :func:`ap_remote_mcp.deadline.writing` before its first request.
        verify: reads back what was done and yields, part by part, how much of it is as it should be.
    """

    apply: Apply[T]
    verify: Verify[T]


def each_holds(holds: Callable[[Entry, Proposal[T]], bool]) -> Verify[T]:
    """Return the verification that looks at every entry that was changed."""

    async def verify(app: App, proposal: Proposal[T], effect: Effect) -> AsyncGenerator[int]:
        for some in parts(effect.done):
            entries, _ = await app.entries(some, fresh=True)
            yield sum(holds(entry, proposal) for entry in entries)

    return verify


def parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield ids, as many as are read back together."""
    return (ids[at : at + _LOOKED_AT] for at in range(0, len(ids), _LOOKED_AT))


class Sure(BaseModel):
    """Nothing is changed unless you confirm."""

    # Hosts show people the title and the docstring; elicitation takes pydantic models only.
    model_config = ConfigDict(title="A change in your photo library")

    confirm: bool = Field(title="Yes, do it", description="Confirm to make this change")


async def ask(ctx: Context[App], plan: str, propose: Propose[Proposal[Terms]]) -> Sure | Elicit[Sure]:
    """Put the question of a proposal to the person, if there is a plan that permits it and somebody to ask."""
    if not plan or not can_ask(ctx):
        return Sure(confirm=False)
    proposal = await asked_about(ctx, plan, propose)
    return Elicit(proposal.question, Sure)


async def asked_about(ctx: Context[App], plan: str, propose: Propose[P]) -> P:
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


async def change(
    ctx: Context[App], plan: str, sure: ElicitationResult[Sure], propose: Propose[Proposal[T]], deed: Deed[T]
) -> Change:
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


async def permitted(ctx: Context[App], plan: str, sure: ElicitationResult[Sure], propose: Propose[P]) -> P | Change:
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
        raise CodedError(Code.DECLINED, unconfirmed(sure, "The person did not confirm"))
    return proposal


def unconfirmed(answer: ElicitationResult[Any], otherwise: str) -> str:
    """Return what became of a question that was not answered as it had to be."""
    if isinstance(answer, AcceptedElicitation):
        return otherwise
    closed = isinstance(answer, CancelledElicitation)
    return "The person closed the question without an answer" if closed else "The person said no"


def begun(app: App, proposal: Proposal[Terms], plan: str) -> str:
    """Spend the plan and the budget, write the journal, and return the operation's id; a change may follow."""
    cost = len(proposal.entries) if proposal.cost is None else proposal.cost
    app.afford(app.changes, cost, "changes")
    use(app, proposal, plan)
    op_id = app.journal.begin(proposal.action, caller(), proposal.before, proposal.terms)
    try:
        app.changes.take(cost)
    except BaseException:
        app.journal.end(op_id, ())  # nothing follows
        raise
    return op_id


def can_ask(ctx: Context[App]) -> bool:
    """Whether the client shows forms to a person."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def check(app: App, proposal: Proposal[Terms], plan: str) -> None:
    """Make sure that a plan permits a proposal.

    Raises:
        CodedError: it does not.
    """
    with _refusing():
        app.plans.check(plan, proposal.permit(caller()))


def use(app: App, proposal: Proposal[Terms], plan: str) -> None:
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


def previewed(app: App, proposal: Proposal[Terms]) -> Change:
    """Return what would happen, and the plan that permits it."""
    if not proposal.entries and not proposal.stands_alone:
        return Change(
            action=proposal.action, preview=Preview(count=0), skipped=list(proposal.skipped), note="nothing to do"
        )
    preview = msgspec.structs.replace(proposal.preview(), question=proposal.question)
    token, expires = app.plans.issue(proposal.permit(caller()))
    return Change(
        action=proposal.action,
        preview=preview,
        plan=token,
        expires=app.time_of(expires) + "Z",
        skipped=list(proposal.skipped),
        note="nothing was changed; show this to the person, then repeat the call with plan",
    )


async def applied(app: App, proposal: Proposal[T], plan: str, deed: Deed[T]) -> Change:
    """Spend the plan, write the journal, make the change, and look at what came of it.

    An undo that left something can be asked for once more, so only one that left nothing ends its operation.
    """
    op_id = begun(app, proposal, plan)
    with once():
        effect = await deed.apply(app, proposal)
    app.journal.end(op_id, effect.done, effect.made)
    seconds = deadline.written()
    partly = bool(effect.refused and effect.rest)
    if isinstance(proposal.terms, UndoTerms) and effect.done and not partly:
        app.journal.undone(proposal.terms.undoes, by=op_id)
    app.forget_counts()
    verified, note = await read_back(app, proposal, effect, deed.verify, seconds=seconds)
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
        was=effect.was,
        note="; ".join(each for each in (effect.note, _rest(effect) if partly else "", note) if each),
    )


def _rest(effect: Effect) -> str:
    """Say how far a change came, and what to do about the rest."""
    done, left = len(effect.done), len(effect.refused)
    return f"{done} of {done + left} were done and the plan is spent; for the rest look, then {effect.rest}"


async def read_back(
    app: App, proposal: Proposal[T], effect: Effect, verify: Verify[T], *, seconds: float = math.inf
) -> tuple[int, str]:
    """Return how much of a change shows within so many seconds, and what to say where it is not all."""
    verified = 0
    with anyio.move_on_after(seconds) as scope:
        try:
            async with aclosing(verify(app, proposal, effect)) as seen:
                async for each in seen:
                    verified += each
        except RemoteError:
            return verified, "the service accepted the change, but not all of it could be read back"
    if scope.cancelled_caught:
        return verified, "the change was made; there was no time to read all of it back: check with photos_get"
    return verified, "" if verified >= len(effect.done) else _NOT_YET
