"""``photos_trash`` and ``photos_restore``: preview, plan, a person's answer where one can be asked, then the change.

Nothing changes without a plan from a preview of exactly these entries. Where the client can put questions to a
person, the person answers as well. What was done is read back.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta, Struct
from pydantic import BaseModel, Field

from ap_remote.errors import BatchError, RemoteError
from ap_remote.model import NodeId, Status
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.plans import PlanRefusedError
from ap_remote_mcp.results.items import item, minute
from ap_remote_mcp.results.pages import Change, Preview, Skipped
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.bridge import writing
from ap_remote_mcp.tools.parameters import ChangedIds, PlanToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Outcome

Action = Literal["trash", "restore"]
_KEPT: Final = timedelta(days=30)
"""How long the trash keeps what is in it [amazon-photos-api.md 8.5]."""
_NAMED: Final = 3
_SAMPLES: Final = 4
_REASON: Final = 200


class Sure(BaseModel):
    """A person's answer; elicitation takes pydantic models only."""

    confirm: bool = Field(description="Yes, do it")


class _Targets(Struct, frozen=True):
    """Entries that an action would change, and those that it leaves alone."""

    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]

    @property
    def versions(self) -> dict[str, int]:
        """What a plan is bound to."""
        return {entry.id: entry.version for entry in self.entries}


async def ask_trash(ids: ChangedIds, plan: str, reason: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before entries go to the trash."""
    return await _ask(ctx, "trash", ids, plan, reason)


async def ask_restore(ids: ChangedIds, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before entries come back."""
    return await _ask(ctx, "restore", ids, plan, "")


async def photos_trash(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_trash)],
    reason: Annotated[str, Meta(max_length=_REASON, description="why, for the person")] = "",
    plan: PlanToken = "",
) -> Change:
    """Move pictures to the trash, from where photos_restore brings them back within 30 days.

    First call without plan: a preview and its plan; show it to the person. Then repeat the call with the plan.
    """
    del reason
    return await _change(ctx, "trash", ids, plan, sure)


async def photos_restore(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_restore)],
    plan: PlanToken = "",
) -> Change:
    """Take pictures out of the trash, back to their folders; photos_list(source=trash) shows what is there.

    First call without plan: a preview and its plan. Then repeat the call with the plan.
    """
    return await _change(ctx, "restore", ids, plan, sure)


async def _ask(ctx: Context[App], action: Action, ids: Sequence[str], plan: str, reason: str) -> Sure | Elicit[Sure]:
    if not plan or not _can_ask(ctx):
        return Sure(confirm=False)
    app: App = ctx.request_context.lifespan_context
    with app.speaking():
        async with app.turn:
            targets = await _targets(app, action, ids)
    _permit(app, action, targets, plan)
    return Elicit(_question(action, targets, reason), Sure)


def _question(action: Action, targets: _Targets, reason: str) -> str:
    """Return what the person is asked: a pure function of the entries and the arguments."""
    entries = targets.entries
    named = ", ".join(f"“{clean(entry.name, 40)}”" for entry in entries[:_NAMED])
    more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
    favorites = sum(entry.favorite for entry in entries)
    marked = f" {favorites} of them are favourites." if favorites else ""
    why = f" Reason given: “{clean(reason, _REASON)}”." if reason else ""
    move = "to the trash" if action == "trash" else "out of the trash"
    items = "1 item" if len(entries) == 1 else f"{len(entries)} items"
    return f"Move {items} {move}: {named}{more}?{marked}{why}"


def _can_ask(ctx: Context[App]) -> bool:
    """Whether the client shows forms to a person."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


async def _targets(app: App, action: Action, ids: Sequence[str]) -> _Targets:
    """Look the ids up as they are now and sort out what the action does not apply to.

    Raises:
        CodedError: one is a folder or an album, which would take unseen entries along.
    """
    found, missing = await app.entries(ids, fresh=True)
    skipped = [Skipped(id=each, why="unknown id") for each in missing]
    entries: list[Entry] = []
    for entry in found:
        if entry.is_folder:
            sentence = f"{entry.id} is a {entry.kind}, which would take along what you have not seen"
            raise CodedError(Code.BAD_ARGUMENT, sentence, "Pass the ids of its files, from photos_list.")
        trashed = entry.status is Status.TRASHED
        if trashed and action == "trash":
            skipped.append(Skipped(id=entry.id, why="already in the trash"))
        elif not trashed and action == "restore":
            skipped.append(Skipped(id=entry.id, why="not in the trash"))
        else:
            entries.append(entry)
    return _Targets(tuple(entries), tuple(skipped))


def _permit(app: App, action: Action, targets: _Targets, plan: str) -> None:
    try:
        app.plans.check(plan, action, targets.versions)
    except PlanRefusedError as exc:
        raise CodedError(Code.PLAN_STALE, f"The plan permits nothing: {exc.reason}") from exc


async def _change(
    ctx: Context[App], action: Action, ids: Sequence[str], plan: str, sure: ElicitationResult[Sure]
) -> Change:
    app: App = ctx.request_context.lifespan_context
    targets = await _targets(app, action, ids)
    if not plan:
        return _previewed(app, action, targets)
    _permit(app, action, targets, plan)
    if _can_ask(ctx) and not (isinstance(sure, AcceptedElicitation) and sure.data.confirm):
        app.plans.use(plan, action, targets.versions)
        raise CodedError(Code.DECLINED, "The person said no")
    app.spend(app.changes, len(targets.entries), "changes")
    app.plans.use(plan, action, targets.versions)
    return await _applied(app, action, targets)


def _previewed(app: App, action: Action, targets: _Targets) -> Change:
    entries = targets.entries
    if not entries:
        return Change(action=action, preview=Preview(count=0), skipped=list(targets.skipped), note="nothing to do")
    token, expires = app.plans.issue(action, targets.versions)
    taken = sorted(entry.taken for entry in entries if entry.taken)
    return Change(
        action=action,
        preview=Preview(
            count=len(entries),
            bytes=sum(entry.size for entry in entries),
            oldest=minute(taken[0]) if taken else "",
            newest=minute(taken[-1]) if taken else "",
            favorites=sum(entry.favorite for entry in entries),
            samples=[item(entry) for entry in entries[:_SAMPLES]],
        ),
        plan=token,
        expires=app.time_of(expires) + "Z",
        skipped=list(targets.skipped),
        note="nothing was changed; show this to the person, then repeat the call with plan",
    )


async def _applied(app: App, action: Action, targets: _Targets) -> Change:
    refs = [NodeId(entry.id) for entry in targets.entries]
    verb = app.remote.trash if action == "trash" else app.remote.restore
    writing()
    outcomes: Sequence[Outcome]
    try:
        outcomes = await verb(*refs)
    except BatchError as exc:
        outcomes = exc.outcomes
    failed = {outcome.id or outcome.target.removeprefix("id:") for outcome in outcomes if outcome.error is not None}
    skipped = [*targets.skipped, *(Skipped(id=each, why="the service refused") for each in sorted(failed))]
    done = [entry.id for entry in targets.entries if entry.id not in failed]
    app.forget_counts()
    verified, note = await _read_back(app, action, done)
    op_id = secrets.token_hex(8)
    app.audit(action, op_id, done=len(done), skipped=len(skipped))
    kept = datetime.fromtimestamp(app.clock(), UTC) + _KEPT
    return Change(
        action=action,
        op_id=op_id,
        done=len(done),
        skipped=skipped,
        verified=verified,
        undo_until=kept.date().isoformat() if action == "trash" and done else "",
        note=note,
    )


async def _read_back(app: App, action: Action, ids: Sequence[str]) -> tuple[int, str]:
    """Count the entries that are now as they should be."""
    wanted = Status.TRASHED if action == "trash" else Status.AVAILABLE
    try:
        entries, _ = await app.entries(ids, fresh=True)
    except RemoteError:
        return 0, "the service accepted the change, but it could not be read back"
    verified = sum(entry.status is wanted for entry in entries)
    return verified, "" if verified == len(ids) else "some entries do not show the change yet; check with photos_get"
