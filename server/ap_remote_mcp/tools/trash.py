"""``photos_trash`` and ``photos_restore``: into the bin, and out of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote.model import NodeId, Status
from ap_remote_mcp.changes.batch import all_at_once
from ap_remote_mcp.changes.gate import Deed, Sure, ask, change, each_holds
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.redflags import minded, red_flags
from ap_remote_mcp.changes.terms import Action, Terms
from ap_remote_mcp.changes.wording import counted, named, quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.pages import Change
from ap_remote_mcp.tools.parameters import ChangedIds, PlanToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

Way = Literal[Action.TRASH, Action.RESTORE]
_KEPT: Final = 30
"""Days that the trash keeps what is in it [amazon-photos-api.md 8.5]."""
_REASON: Final = 200


async def ask_trash(ids: ChangedIds, plan: str, reason: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before entries go to the trash."""
    return await ask(ctx, plan, partial(propose, action=Action.TRASH, ids=ids, reason=reason))


async def ask_restore(ids: ChangedIds, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before entries come back."""
    return await ask(ctx, plan, partial(propose, action=Action.RESTORE, ids=ids))


async def photos_trash(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_trash)],
    reason: Annotated[str, Meta(max_length=_REASON, description="why, for the person")] = "",
    plan: PlanToken = "",
) -> Change:
    """Move pictures to the trash; photos_restore brings them back within 30 days.

    Without plan: a preview and its plan; show it to the person, then repeat with the plan.
    """
    return await change(ctx, plan, sure, partial(propose, action=Action.TRASH, ids=ids, reason=reason), DEED)


async def photos_restore(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_restore)],
    plan: PlanToken = "",
) -> Change:
    """Take pictures out of the trash (photos_list source=trash), back to their folders.

    Without plan: a preview and its plan.
    """
    return await change(ctx, plan, sure, partial(propose, action=Action.RESTORE, ids=ids), DEED)


async def propose(app: App, *, action: Way, ids: Sequence[str], reason: str = "") -> Proposal[Terms]:
    """Look at what would go, or come back.

    Raises:
        CodedError: one is a folder or an album, which would take unseen entries along.
    """
    entries, skipped = await picked(app, ids, partial(_why_not, action))
    warnings = await red_flags(app, entries) if action is Action.TRASH else ()
    return Proposal(
        action=action,
        entries=entries,
        terms=Terms(),
        skipped=skipped,
        warnings=warnings,
        question=_question(action, entries, reason, warnings),
        undo_days=_KEPT if action is Action.TRASH else None,
    )


def _why_not(action: Way, entry: Entry) -> str:
    if entry.is_folder:
        sentence = f"{entry.id} is a {entry.kind}, which would take along what you have not seen"
        raise CodedError(Code.BAD_ARGUMENT, sentence, "Pass the ids of its files, from photos_list.")
    trashed = entry.status is Status.TRASHED
    if trashed and action is Action.TRASH:
        return "already in the trash"
    return "not in the trash" if action is Action.RESTORE and not trashed else ""


def _question(action: Way, entries: Sequence[Entry], reason: str, warnings: Sequence[str]) -> str:
    why = f" Reason given: {quoted(reason, _REASON)}." if reason else ""
    move = "to the trash" if action is Action.TRASH else "out of the trash"
    return f"Move {counted(entries)} {move}: {named(entries)}?{minded(warnings)}{why}"


async def apply(app: App, proposal: Proposal[Terms]) -> Effect:
    """Trash or restore. What the service gave no usable answer about is looked at: it may have happened.

    Raises:
        RemoteError: nothing was trashed or restored, as far as one sees.
    """
    verb = app.remote.trash if proposal.action is Action.TRASH else app.remote.restore

    async def look(ids: Sequence[str]) -> set[str]:
        found, _ = await app.entries(ids, fresh=True)
        return {entry.id for entry in found if holds(entry, proposal)}

    return await all_at_once(proposal.entries, partial(verb, *(NodeId(entry.id) for entry in proposal.entries)), look)


def holds(entry: Entry, proposal: Proposal[Terms]) -> bool:
    """Whether an entry is where it should be."""
    return entry.status is (Status.TRASHED if proposal.action is Action.TRASH else Status.AVAILABLE)


DEED: Final = Deed(apply, each_holds(holds))
