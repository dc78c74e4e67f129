"""``photos_undo``: taking back what was done, by the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote.errors import UnsupportedError
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsFolders, SupportsMarks
from ap_remote.remote.paths import fold, join, split
from ap_remote_mcp.changes.each import each_one
from ap_remote_mcp.changes.gate import Deed, Sure, ask, change, each_holds
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.wording import counted, named, quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Change
from ap_remote_mcp.tools import albums, folders, trash
from ap_remote_mcp.tools.parameters import PlanToken

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote_mcp.journal import Before, Operation

OpId = Annotated[str, Meta(min_length=1, max_length=64, description="op_id or job_id")]


async def ask_undo(id: OpId, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:  # noqa: A002 - the tool's argument
    """Ask the person before a change is taken back."""
    return await ask(ctx, plan, partial(propose_undo, op_id=id))


async def photos_undo(
    ctx: Context[App],
    *,
    id: OpId,  # noqa: A002 - the shortest name that says it
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_undo)],
    plan: PlanToken = "",
) -> Change:
    """Take back a change by its op_id (photos://journal lists them), or stop a job by its job_id.

    Without plan: a preview and its plan. What changed since is left alone.
    """
    app: App = ctx.request_context.lifespan_context
    job = app.jobs.get(id, caller())
    if job is not None:
        if job.is_ended:
            raise CodedError(Code.BAD_ARGUMENT, f"The job is {job.state}", "Undo its op_id, if its result names one.")
        app.jobs.cancel(id, caller())
        app.turn.leave()
        await app.jobs.wait(id, caller(), app.limits.stop_seconds)
        return Change(action="cancel", op_id=id, note="the job was told to stop; photos_job shows how far it came")
    return await change(ctx, plan, sure, partial(propose_undo, op_id=id), UNDOING)


async def propose_undo(app: App, *, op_id: str) -> Proposal:
    """Look at what taking a change back would mean now.

    Raises:
        CodedError: no such change of this caller, it was taken back, or it cannot be.
    """
    operation = app.journal.find(op_id)
    if operation is None or operation.who != caller():
        raise CodedError(Code.NOT_FOUND, "There is no such change", "photos://journal lists the changes.")
    if operation.undone_by:
        raise CodedError(Code.BAD_ARGUMENT, f"It was taken back by {operation.undone_by}", "Nothing is left to do.")
    inverse = _INVERSE.get(operation.action)
    if inverse is None:
        raise CodedError(Code.UNSUPPORTED, f"A change by {operation.action} cannot be taken back", "Tell the person.")
    proposal = await inverse(app, operation)
    return Proposal(
        action="undo",
        entries=proposal.entries,
        skipped=proposal.skipped,
        bound={**proposal.bound, "inverse": proposal.action},
        undoes=op_id,
        question=proposal.question,
        cost=proposal.cost,
    )


async def _apply(app: App, proposal: Proposal) -> Effect:
    inner = _inner(proposal)
    return await _DEEDS[inner.action].apply(app, inner)


async def _verify(app: App, proposal: Proposal, effect: Effect) -> int:
    inner = _inner(proposal)
    return await _DEEDS[inner.action].verify(app, inner, effect)


UNDOING: Final = Deed(_apply, _verify)


def _inner(proposal: Proposal) -> Proposal:
    return Proposal(
        action=str(proposal.bound["inverse"]),
        entries=proposal.entries,
        bound=proposal.bound,
        question=proposal.question,
    )


def _ids(operation: Operation) -> list[str]:
    """Return what was changed; all that was meant to be, where nobody saw the end."""
    return [each.id for each in operation.entries] if operation.done is None else list(operation.done)


# -- the inverse of each action ----------------------------------------------------------------------------------------


async def _untrash(app: App, operation: Operation) -> Proposal:
    return await trash.propose(app, action="restore", ids=_ids(operation))


async def _trash_again(app: App, operation: Operation) -> Proposal:
    return await trash.propose(app, action="trash", ids=_ids(operation))


async def _move_back(app: App, operation: Operation) -> Proposal:
    homes = {each.id: each.path for each in operation.entries}
    went = fold(str(operation.bound["to"]))
    entries, skipped = await picked(
        app, _ids(operation), lambda entry: "" if fold(split(entry.path)[0]) == went else "it was moved again since"
    )
    return Proposal(
        action="move_back",
        entries=entries,
        skipped=skipped,
        bound={"homes": {entry.id: homes[entry.id] for entry in entries}},
        question=f"Move {counted(entries)} back to where they were: {named(entries)}?",
    )


async def _apply_move_back(app: App, proposal: Proposal) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsFolders):
        raise UnsupportedError("this remote has no folders")
    homes: dict[str, str] = proposal.bound["homes"]

    async def back(entry: Entry) -> None:
        above, _ = split(homes[entry.id])
        await remote.mkdir(above, parents=True, exist_ok=True)
        await remote.move(NodeId(entry.id), join(above, entry.name))

    return await each_one(proposal.entries, back)


def _is_home(entry: Entry, proposal: Proposal) -> bool:
    return fold(split(entry.path)[0]) == fold(split(proposal.bound["homes"][entry.id])[0])


async def _unmark(app: App, operation: Operation) -> Proposal:
    before = {each.id: _marks(each, operation.bound) for each in operation.entries}
    wanted = {name: value for name, value in operation.bound.items() if name in ("favorite", "hidden")}
    entries, skipped = await picked(
        app,
        _ids(operation),
        lambda entry: (
            "" if all(getattr(entry, name) is value for name, value in wanted.items()) else "it was marked again since"
        ),
    )
    return Proposal(
        action="unmark",
        entries=entries,
        skipped=skipped,
        bound={"before": {entry.id: before[entry.id] for entry in entries}},
        question=f"Give {counted(entries)} the marks they had: {named(entries)}?",
    )


def _marks(before: Before, bound: dict[str, Any]) -> dict[str, bool]:
    return {name: bool(getattr(before, name)) for name in ("favorite", "hidden") if name in bound}


async def _apply_unmark(app: App, proposal: Proposal) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsMarks):
        raise UnsupportedError("this remote has no marks")
    before: dict[str, dict[str, bool]] = proposal.bound["before"]
    return await each_one(proposal.entries, lambda entry: remote.mark(NodeId(entry.id), **before[entry.id]))


def _is_unmarked(entry: Entry, proposal: Proposal) -> bool:
    return all(getattr(entry, name) is value for name, value in proposal.bound["before"][entry.id].items())


async def _take_out(app: App, operation: Operation) -> Proposal:
    return await albums.propose_album(
        app, do="remove", album=str(operation.bound["album"]), ids=_ids(operation), name=""
    )


async def _put_back(app: App, operation: Operation) -> Proposal:
    return await albums.propose_album(app, do="add", album=str(operation.bound["album"]), ids=_ids(operation), name="")


async def _name_back(app: App, operation: Operation) -> Proposal:
    (album,) = operation.entries
    return await albums.propose_album(app, do="rename", album=album.id, ids=(), name=album.name)


async def _unmake(app: App, operation: Operation) -> Proposal:
    """Put the album in the trash that an operation made; its pictures stay where they are."""
    made = operation.made.get("album")
    if not made:
        raise CodedError(Code.UNSUPPORTED, "Nobody knows which album was made", "photos_list shows the albums.")
    found, _ = await app.entries([made], fresh=True)
    return Proposal(
        action="trash",
        entries=tuple(found),
        question="".join(f"Move the album {quoted(each.name)} to the trash? Its pictures stay." for each in found),
    )


async def _unname(app: App, operation: Operation) -> Proposal:
    was = str(operation.bound.get("was") or "")
    if not was:
        raise CodedError(Code.UNSUPPORTED, "The person had no name before, and a name cannot be removed", "Rename it.")
    return await albums.propose_person(app, person=str(operation.bound["person"]), name=was)


async def _take_back(app: App, operation: Operation) -> Proposal:
    """Trash what was uploaded, as far as it is still what was sent."""
    if operation.done is None:
        raise CodedError(Code.BUSY, "The upload has not ended", "Stop its job first, or wait for it with photos_job.")
    sent: dict[str, str] = operation.made.get("md5", {})

    def why_not(entry: Entry) -> str:
        if entry.status is Status.TRASHED:
            return "already in the trash"
        return "" if entry.md5 == sent.get(entry.id) else "its content was replaced since"

    entries, skipped = await picked(app, operation.done, why_not)
    return Proposal(
        action="trash",
        entries=entries,
        skipped=skipped,
        question=f"Move {counted(entries)} that were uploaded to the trash: {named(entries)}?",
    )


_INVERSE: Final[dict[str, Callable[[App, Operation], Awaitable[Proposal]]]] = {
    "trash": _untrash,
    "restore": _trash_again,
    "move": _move_back,
    "mark": _unmark,
    "album_create": _unmake,
    "album_add": _take_out,
    "album_remove": _put_back,
    "album_rename": _name_back,
    "person": _unname,
    "upload": _take_back,
    "apply_folders": folders.propose_undo,
}
_DEEDS: Final = {
    "trash": trash.DEED,
    "restore": trash.DEED,
    "move_back": Deed(_apply_move_back, each_holds(_is_home)),
    "unmark": Deed(_apply_unmark, each_holds(_is_unmarked)),
    "album_add": albums.ALBUMS,
    "album_remove": albums.ALBUMS,
    "album_rename": albums.ALBUMS,
    "person": albums.NAMING,
    "unapply_folders": folders.UNAPPLYING,
}
