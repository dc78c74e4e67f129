"""``photos_purge``: deleting for ever. Only a person can say so, by typing how many pictures go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta
from pydantic import BaseModel, Field

from ap_remote.errors import BatchError, OutcomeUnknownError, RemoteError
from ap_remote.model import NodeId, Status
from ap_remote_mcp.changes import gate
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.wording import counted, named
from ap_remote_mcp.context import App
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_PURGE
from ap_remote_mcp.results.pages import Change, Skipped
from ap_remote_mcp.tools.parameters import Id, PlanToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Outcome

PurgedIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_PURGE, description="all in the trash")]


class Typed(BaseModel):
    """What a person types; elicitation takes pydantic models only."""

    count: int = Field(description="Type how many pictures are to be deleted for ever")


async def ask_purge(ids: PurgedIds, plan: str, ctx: Context[App]) -> Typed | Elicit[Typed]:
    """Let the person type the number."""
    if not plan or not gate.can_ask(ctx):
        return Typed(count=0)
    proposal = await gate.asked_about(ctx, plan, partial(propose, ids=ids))
    return Elicit(proposal.question, Typed)


async def photos_purge(
    ctx: Context[App],
    *,
    ids: PurgedIds,
    typed: Annotated[ElicitationResult[Typed], Resolve(ask_purge)],
    plan: PlanToken = "",
) -> Change:
    """Delete trashed pictures for ever. Nothing brings them back. Only a person can confirm, in the host's own form."""
    app: App = ctx.request_context.lifespan_context
    proposal = await propose(app, ids=ids)
    if not gate.can_ask(ctx):
        raise CodedError(
            Code.UNSUPPORTED,
            "This client cannot ask a person, and nothing is deleted for ever without one",
            "The person can empty the trash with: ap cleanup",
        )
    if not plan:
        return gate.previewed(app, proposal)
    gate.check(app, proposal, plan)
    if not (isinstance(typed, AcceptedElicitation) and typed.data.count == len(proposal.entries)):
        gate.use(app, proposal, plan)
        raise CodedError(Code.DECLINED, "The person did not type the number")
    return await gate.applied(app, proposal, plan, PURGE)


async def propose(app: App, *, ids: Sequence[str]) -> Proposal:
    """Look at what would go for ever.

    Raises:
        CodedError: one of them is not in the trash, or is a folder.
    """

    def why_not(entry: Entry) -> str:
        if entry.status is not Status.TRASHED:
            raise CodedError(Code.BAD_ARGUMENT, f"{entry.id} is not in the trash", "Only what is there can be purged.")
        if entry.is_folder:
            raise CodedError(Code.BAD_ARGUMENT, f"{entry.id} is a {entry.kind} with more in it", "Leave it out.")
        return ""

    entries, skipped = await picked(app, ids, why_not)
    return Proposal(
        action="purge",
        entries=entries,
        skipped=skipped,
        warnings=("this cannot be undone",),
        question=(
            f"Delete {counted(entries)} for ever: {named(entries)}? Nothing brings them back. "
            f"Type {len(entries)} to go on."
        ),
    )


async def _apply(app: App, proposal: Proposal) -> Effect:
    writing()
    outcomes: Sequence[Outcome]
    try:
        outcomes = await app.remote.delete(*(NodeId(entry.id) for entry in proposal.entries))
    except BatchError as exc:
        outcomes = exc.outcomes
    failed = {outcome.id or outcome.target.removeprefix("id:") for outcome in outcomes if outcome.error is not None}
    if failed:
        try:
            _, gone = await app.entries(sorted(failed), fresh=True)
        except RemoteError as exc:
            raise OutcomeUnknownError("no usable answer, and nothing to be seen") from exc
        failed -= set(gone)
    return Effect(
        done=tuple(entry.id for entry in proposal.entries if entry.id not in failed),
        refused=tuple(Skipped(id=each, why="the service refused") for each in sorted(failed)),
    )


async def _gone(app: App, proposal: Proposal, effect: Effect) -> int:
    del proposal
    _, missing = await app.entries(effect.done, fresh=True)
    return len(missing)


PURGE: Final = gate.Deed(_apply, _gone)
