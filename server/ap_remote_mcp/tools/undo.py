"""``photos_undo``: taking back what was done, by the journal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import UNSET, Meta

from ap_remote.errors import UnsupportedError
from ap_remote.model import Kind, NodeId, Status
from ap_remote.remote.features import SupportsFolders, SupportsMarks, SupportsPeople
from ap_remote.remote.paths import fold, join, split
from ap_remote_mcp.changes.each import each_one
from ap_remote_mcp.changes.gate import Deed, Sure, ask, change, each_holds
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.redflags import red_flags
from ap_remote_mcp.changes.terms import (
    Action,
    AlbumTerms,
    Marks,
    MoveBackTerms,
    MoveTerms,
    PersonTerms,
    Terms,
    UndoTerms,
    UnmarkTerms,
)
from ap_remote_mcp.changes.wording import counted, named, quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.principal import caller, permit
from ap_remote_mcp.results.pages import Change, Skipped
from ap_remote_mcp.tools import albums, applying, trash
from ap_remote_mcp.tools.jobs import stopped
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
        told = await stopped(ctx, id)
        return Change(action=Action.CANCEL, job=told, note="the job was told to stop; photos_job shows how far it came")
    return await change(ctx, plan, sure, partial(propose_undo, op_id=id), UNDOING)


async def propose_undo(app: App, *, op_id: str) -> Proposal[UndoTerms]:
    """Look at what taking a change back would mean now.

    Raises:
        CodedError: no such change of this caller, it was taken back, it cannot be, or only by somebody who may more.
    """
    await app.journal.refresh()
    operation = app.journal.find(op_id)
    if operation is None or operation.who != caller():
        raise CodedError(Code.NOT_FOUND, "There is no such change", "photos://journal lists the changes.")
    if operation.undone_by:
        raise CodedError(Code.BAD_ARGUMENT, f"It was taken back by {operation.undone_by}", "Nothing is left to do.")
    found = _INVERSE.get(operation.action)
    if found is None:
        sentence = f"A change by {operation.action} cannot be taken back"
        raise CodedError(Code.UNSUPPORTED, sentence, _instead(app, operation))
    ability, inverse = found
    if ability not in app.allowed:
        sentence = f"Taking back a change by {operation.action} comes with --allow {ability}"
        raise CodedError(Code.READ_ONLY_MODE, sentence)
    permit(ability)
    proposal = await inverse(app, operation)
    return Proposal(
        action=Action.UNDO,
        entries=proposal.entries,
        terms=UndoTerms(undoes=op_id, inverse=proposal.action, terms=proposal.terms),
        skipped=proposal.skipped,
        stands_alone=proposal.stands_alone,
        warnings=proposal.warnings,
        question=proposal.question,
        cost=proposal.cost,
    )


async def _apply(app: App, proposal: Proposal[UndoTerms]) -> Effect:
    inner = _inner(proposal)
    return await _DEEDS[inner.action].apply(app, inner)


async def _verify(app: App, proposal: Proposal[UndoTerms], effect: Effect) -> AsyncGenerator[int]:
    inner = _inner(proposal)
    async with aclosing(_DEEDS[inner.action].verify(app, inner, effect)) as seen:
        async for each in seen:
            yield each


UNDOING: Final = Deed(_apply, _verify)


def _inner(proposal: Proposal[UndoTerms]) -> Proposal[Terms]:
    """Return what an undo comes to."""
    terms = proposal.terms
    return Proposal(
        action=Action(terms.inverse), entries=proposal.entries, terms=terms.terms, question=proposal.question
    )


def _instead(app: App, operation: Operation) -> str:
    """Return what to do about a change that has no inverse."""
    if operation.action == Action.UNDO:
        undone = app.journal.find(operation.about(UndoTerms).undoes)
        tool = _TOOLS.get(undone.action) if undone is not None else None
        return f"Make the change again with {tool}." if tool else "Make the change again with its own tool."
    if operation.action == Action.DOWNLOAD:
        return "The library was not changed; the person can delete the local files, which the manifest names."
    return "Tell the person."


def _ids(operation: Operation) -> list[str]:
    """Return what was changed; all that was meant to be, where nobody saw the end."""
    return [each.id for each in operation.entries] if operation.done is None else list(operation.done)


# -- the inverse of each action ----------------------------------------------------------------------------------------


async def _untrash(app: App, operation: Operation) -> Proposal[Terms]:
    return await trash.propose(app, action=Action.RESTORE, ids=_ids(operation))


async def _trash_again(app: App, operation: Operation) -> Proposal[Terms]:
    return await trash.propose(app, action=Action.TRASH, ids=_ids(operation))


async def _move_back(app: App, operation: Operation) -> Proposal[MoveBackTerms]:
    homes = {each.id: each.path for each in operation.entries}
    went = fold(operation.about(MoveTerms).to)
    entries, skipped = await picked(
        app, _ids(operation), lambda entry: "" if fold(split(entry.path)[0]) == went else "it was moved again since"
    )
    return Proposal(
        action=Action.MOVE_BACK,
        entries=entries,
        terms=MoveBackTerms(homes={entry.id: homes[entry.id] for entry in entries}),
        skipped=skipped,
        question=f"Move {counted(entries)} back to where they were: {named(entries)}?",
    )


async def _apply_move_back(app: App, proposal: Proposal[MoveBackTerms]) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsFolders):
        raise UnsupportedError("this remote has no folders")

    async def back(entry: Entry) -> None:
        above, _ = split(proposal.terms.homes[entry.id])
        await remote.mkdir(above, parents=True, exist_ok=True)
        await remote.move(NodeId(entry.id), join(above, entry.name))

    return await each_one(proposal.entries, back)


def _is_home(entry: Entry, proposal: Proposal[MoveBackTerms]) -> bool:
    return fold(split(entry.path)[0]) == fold(split(proposal.terms.homes[entry.id])[0])


async def _unmark(app: App, operation: Operation) -> Proposal[UnmarkTerms]:
    given = operation.about(Marks)
    before = {each.id: _marks(each, given) for each in operation.entries}
    entries, skipped = await picked(
        app, _ids(operation), lambda entry: "" if given.hold(entry) else "it was marked again since"
    )
    return Proposal(
        action=Action.UNMARK,
        entries=entries,
        terms=UnmarkTerms(before={entry.id: before[entry.id] for entry in entries}),
        skipped=skipped,
        question=f"Give {counted(entries)} the marks they had: {named(entries)}?",
    )


def _marks(before: Before, given: Marks) -> Marks:
    """Return how an entry was marked, as far as that was changed."""
    return Marks(
        favorite=UNSET if given.favorite is UNSET else bool(before.favorite),
        hidden=UNSET if given.hidden is UNSET else bool(before.hidden),
    )


async def _apply_unmark(app: App, proposal: Proposal[UnmarkTerms]) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsMarks):
        raise UnsupportedError("this remote has no marks")
    before = proposal.terms.before
    return await each_one(proposal.entries, lambda entry: remote.mark(NodeId(entry.id), **before[entry.id].given))


def _is_unmarked(entry: Entry, proposal: Proposal[UnmarkTerms]) -> bool:
    return proposal.terms.before[entry.id].hold(entry)


async def _take_out(app: App, operation: Operation) -> Proposal[AlbumTerms]:
    album = operation.about(AlbumTerms).album
    return await albums.propose_album(app, do="remove", album=album, ids=_ids(operation), name="")


async def _put_back(app: App, operation: Operation) -> Proposal[AlbumTerms]:
    album = operation.about(AlbumTerms).album
    return await albums.propose_album(app, do="add", album=album, ids=_ids(operation), name="")


async def _name_back(app: App, operation: Operation) -> Proposal[AlbumTerms]:
    """Give an album the name that it had, if it still has the one that the operation gave it."""
    (before,) = operation.entries
    given = operation.about(AlbumTerms)

    def why_not(album: Entry) -> str:
        return _no_album(album) or ("" if album.name == given.name else "it was renamed again since")

    entries, skipped = await picked(app, [before.id], why_not)
    if not entries:
        return Proposal(action=Action.ALBUM_RENAME, entries=(), terms=given, skipped=skipped, question="")
    return await albums.propose_album(app, do="rename", album=before.id, ids=(), name=before.name)


async def _unmake(app: App, operation: Operation) -> Proposal[Terms]:
    """Put the album in the trash that an operation made, if nobody worked on it; its pictures stay where they are."""
    made, name = operation.made.album, operation.about(AlbumTerms).name
    if not made:
        raise CodedError(Code.UNSUPPORTED, "Nobody knows which album was made", "photos_list shows the albums.")
    # Changes by these tools are known by the versions that they left, those that were taken back among them.
    told = (each.made for each in app.journal.operations() if each.made.album == made)
    ours = [each.version for each in told if each.version is not UNSET]

    def why_not(album: Entry) -> str:
        why = _no_album(album)
        if not why and album.name != name:
            why = "it was renamed since"
        return why or ("" if not ours or album.version == max(ours) else "it was changed since")

    entries, skipped = await picked(app, [made], why_not)
    if entries:
        inside = {each.id async for each in app.remote.list(NodeId(made), fresh=True)}
        if inside != set(operation.done or ()):
            entries, skipped = (), (Skipped(id=made, why="it holds other pictures than it was made with"),)
    return Proposal(
        action=Action.TRASH,
        entries=entries,
        terms=Terms(),
        skipped=skipped,
        question="".join(f"Move the album {quoted(each.name)} to the trash? Its pictures stay." for each in entries),
    )


def _no_album(entry: Entry) -> str:
    if entry.kind is not Kind.ALBUM:
        return "it is no album"
    return "it is in the trash already" if entry.status is Status.TRASHED else ""


async def _unname(app: App, operation: Operation) -> Proposal[PersonTerms]:
    given = operation.about(PersonTerms)
    if not given.was:
        raise CodedError(Code.UNSUPPORTED, "The person had no name before, and a name cannot be removed", "Rename it.")
    people = await app.remote.people() if isinstance(app.remote, SupportsPeople) else ()
    now = next((each for each in people if each.id == given.person), None)
    if now is None or now.name != given.name:
        why = "it was named again since" if now else "nobody has this id any more"
        skipped = (Skipped(id=given.person, why=why),)
        return Proposal(action=Action.PERSON, entries=(), terms=given, skipped=skipped, question="")
    return await albums.propose_person(app, person=given.person, name=given.was)


async def _take_back(app: App, operation: Operation) -> Proposal[Terms]:
    """Trash what was uploaded, as far as it is still what was sent."""
    if operation.done is None:
        raise CodedError(Code.BUSY, "The upload has not ended", "Stop its job first, or wait for it with photos_job.")
    sent = operation.made.md5

    def why_not(entry: Entry) -> str:
        if entry.status is Status.TRASHED:
            return "already in the trash"
        return "" if entry.md5 == sent.get(entry.id) else "its content was replaced since"

    entries, skipped = await picked(app, operation.done, why_not)
    return Proposal(
        action=Action.TRASH,
        entries=entries,
        terms=Terms(),
        skipped=skipped,
        question=f"Move {counted(entries)} that were uploaded to the trash: {named(entries)}?",
        warnings=await red_flags(app, entries),
    )


_INVERSE: Final[dict[str, tuple[Ability, Callable[[App, Operation], Awaitable[Proposal[Terms]]]]]] = {
    Action.TRASH: (Ability.TRASH, _untrash),
    Action.RESTORE: (Ability.TRASH, _trash_again),
    Action.MOVE: (Ability.ORGANISE, _move_back),
    Action.MARK: (Ability.ORGANISE, _unmark),
    Action.ALBUM_CREATE: (Ability.ORGANISE, _unmake),
    Action.ALBUM_ADD: (Ability.ORGANISE, _take_out),
    Action.ALBUM_REMOVE: (Ability.ORGANISE, _put_back),
    Action.ALBUM_RENAME: (Ability.ORGANISE, _name_back),
    Action.PERSON: (Ability.ORGANISE, _unname),
    Action.UPLOAD: (Ability.TRANSFER, _take_back),
    Action.APPLY_FOLDERS: (Ability.ORGANISE, applying.propose_undo),
}
"""What takes an action back, and what a server and a caller must be allowed for it.

An album or an upload goes to the trash by the ability that made it, and only as far as it is still what was made.
"""
_TOOLS: Final[dict[str, str]] = {
    Action.TRASH: "photos_trash",
    Action.RESTORE: "photos_restore",
    Action.MOVE: "photos_move",
    Action.MARK: "photos_mark",
    Action.ALBUM_CREATE: "photos_album",
    Action.ALBUM_ADD: "photos_album",
    Action.ALBUM_REMOVE: "photos_album",
    Action.ALBUM_RENAME: "photos_album",
    Action.PERSON: "photos_person",
    Action.UPLOAD: "photos_restore",
    Action.APPLY_FOLDERS: "photos_suggest_folders and photos_apply_folders",
}
"""Which tool does again what an undo took back."""
_DEEDS: Final[dict[Action, Deed[Any]]] = {
    Action.TRASH: trash.DEED,
    Action.RESTORE: trash.DEED,
    Action.MOVE_BACK: Deed(_apply_move_back, each_holds(_is_home)),
    Action.UNMARK: Deed(_apply_unmark, each_holds(_is_unmarked)),
    Action.ALBUM_ADD: albums.ALBUMS,
    Action.ALBUM_REMOVE: albums.ALBUMS,
    Action.ALBUM_RENAME: albums.ALBUMS,
    Action.PERSON: albums.NAMING,
    Action.UNAPPLY_FOLDERS: applying.UNAPPLYING,
}
"""How each inverse is carried out; an action and its terms come from one proposal, so that they fit."""
