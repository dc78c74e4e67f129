"""``photos_purge``: deleting for ever. Only a person can say so, by typing how many pictures go."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta
from pydantic import BaseModel, ConfigDict, Field

from ap_remote.model import NodeId, Status
from ap_remote_mcp.changes import gate
from ap_remote_mcp.changes.batch import all_at_once
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.redflags import red_flags
from ap_remote_mcp.changes.terms import Action, Terms
from ap_remote_mcp.changes.wording import quoted, sized
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_PURGE
from ap_remote_mcp.results.pages import Change
from ap_remote_mcp.tools.parameters import Id, PlanToken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from ap_remote.model import Entry

PurgedIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_PURGE, description="all in the trash")]


class Typed(BaseModel):
    """Nothing is deleted unless you type how many pictures go."""

    # Hosts show people the title and the docstring; elicitation takes pydantic models only.
    model_config = ConfigDict(title="Delete for ever")

    count: int = Field(
        strict=True, title="How many pictures", description="Type how many pictures are to be deleted for ever"
    )


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
        raise CodedError(Code.DECLINED, gate.unconfirmed(typed, "The person did not type the number"))
    return await gate.applied(app, proposal, plan, PURGE)


async def propose(app: App, *, ids: Sequence[str]) -> Proposal[Terms]:
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
    flags = await red_flags(app, entries)
    among = f", {quoted(entries[0].name)} among them ({sized(sum(each.size for each in entries))})" if entries else ""
    return Proposal(
        action=Action.PURGE,
        entries=entries,
        terms=Terms(),
        skipped=skipped,
        warnings=("this cannot be undone", *flags),
        # The number is for the person to know from the preview; whoever fills forms in would read it here.
        question=f"Delete pictures for ever{among}? Nothing brings them back. Type how many go, as the preview told.",
    )


async def _apply(app: App, proposal: Proposal[Terms]) -> Effect:
    async def look(ids: Sequence[str]) -> set[str]:
        found, _ = await app.entries(ids, fresh=True)
        return set(ids) - {entry.id for entry in found}

    targets = (NodeId(entry.id) for entry in proposal.entries)
    return await all_at_once(proposal.entries, partial(app.remote.delete, *targets), look)


async def _gone(app: App, proposal: Proposal[Terms], effect: Effect) -> AsyncGenerator[int]:
    del proposal
    for some in gate.parts(effect.done):
        _, missing = await app.entries(some, fresh=True)
        yield len(missing)


PURGE: Final = gate.Deed(_apply, _gone)
