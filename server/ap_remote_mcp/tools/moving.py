"""``photos_move`` and ``photos_mark``: another folder, a favourite, hidden."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote.errors import IsFileError, NotFoundError, UnsupportedError
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsFolders, SupportsMarks
from ap_remote.remote.paths import fold, is_view, join, normalise, split
from ap_remote_mcp.changes.each import each_one
from ap_remote_mcp.changes.gate import Deed, Sure, ask, change, each_holds
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.terms import Action, Marks, MoveTerms
from ap_remote_mcp.changes.wording import counted, marked, named, quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.pages import Change
from ap_remote_mcp.tools.parameters import ChangedIds, PlanToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

Setting = Literal["keep", "yes", "no"]
_VALUES: Final[dict[Setting, bool | msgspec.UnsetType]] = {"yes": True, "no": False, "keep": msgspec.UNSET}


async def ask_move(ids: ChangedIds, to: str, create: bool, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:  # noqa: FBT001 - resolvers take the tool's arguments by name
    """Ask the person before entries move."""
    return await ask(ctx, plan, partial(propose_move, ids=ids, to=to, create=create))


async def photos_move(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    to: Annotated[str, Meta(min_length=1, max_length=1000, description="folder path")],
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_move)],
    create: Annotated[bool, Meta(description="make it")] = False,
    plan: PlanToken = "",
) -> Change:
    """Move pictures to another folder; albums keep them. Without plan: a preview and its plan. photos_undo reverses."""
    return await change(ctx, plan, sure, partial(propose_move, ids=ids, to=to, create=create), MOVING)


async def propose_move(app: App, *, ids: Sequence[str], to: str, create: bool) -> Proposal[MoveTerms]:
    """Look at what would move.

    Raises:
        CodedError: there is no such folder and none is to be made, or it is a view.
        RemoteError: the target cannot be a folder.
    """
    folder, folder_id = await _folder(app, to, create=create)
    taken = {fold(each.name) for each in await _inside(app, folder)}

    def why_not(entry: Entry) -> str:
        if entry.is_folder:
            return "a folder or album: photos_move moves files"
        if entry.status is Status.TRASHED:
            return "in the trash: photos_restore first"
        if fold(split(entry.path)[0]) == fold(folder):
            return "there already"
        if fold(entry.name) in taken:
            return "a file of that name is there"
        taken.add(fold(entry.name))
        return ""

    entries, skipped = await picked(app, ids, why_not)
    return Proposal(
        action=Action.MOVE,
        entries=entries,
        terms=MoveTerms(to=folder, folder=folder_id, create=create),
        skipped=skipped,
        warnings=() if folder_id else (f"the folder {quoted(folder, 80)} will be made",),
        question=f"Move {counted(entries)} to the {'' if folder_id else 'new '}folder {quoted(folder, 80)}: "
        f"{named(entries)}?",
    )


async def _folder(app: App, to: str, *, create: bool) -> tuple[str, str]:
    """Return the target as the library has it and its id, ``""`` where it is to be made."""
    if not isinstance(app.remote, SupportsFolders):
        raise UnsupportedError("this remote has no folders")
    path = normalise(to)
    if is_view(path):
        raise CodedError(Code.BAD_ARGUMENT, "A view is no folder", "photos_album changes albums.")
    try:
        found = await app.remote.stat(path, fresh=True)
    except NotFoundError:
        if create:
            return path, ""
        raise CodedError(
            Code.NOT_FOUND,
            f"There is no folder {path!r}",
            "Pass create to make it, or photos_list to see what is there.",
        ) from None
    if not found.is_folder:
        raise IsFileError(path)
    return found.path, found.id


async def _inside(app: App, folder: str) -> list[Entry]:
    try:
        return [each async for each in app.remote.list(folder, fresh=True)]
    except NotFoundError:
        return []


async def _move(app: App, proposal: Proposal[MoveTerms]) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsFolders):
        raise UnsupportedError("this remote has no folders")
    to = proposal.terms.to
    if proposal.terms.create:
        writing()
        await remote.mkdir(to, parents=True, exist_ok=True)
    return await each_one(proposal.entries, lambda entry: remote.move(NodeId(entry.id), join(to, entry.name)))


def _moved(entry: Entry, proposal: Proposal[MoveTerms]) -> bool:
    return fold(split(entry.path)[0]) == fold(proposal.terms.to)


MOVING: Final = Deed(_move, each_holds(_moved))


async def ask_mark(
    ids: ChangedIds, favorite: Setting, hidden: Setting, plan: str, ctx: Context[App]
) -> Sure | Elicit[Sure]:
    """Ask the person before marks change."""
    return await ask(ctx, plan, partial(propose_mark, ids=ids, favorite=favorite, hidden=hidden))


async def photos_mark(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_mark)],
    favorite: Setting = "keep",
    hidden: Setting = "keep",
    plan: PlanToken = "",
) -> Change:
    """Make pictures favourites, or hide them, or the reverse. Without plan: a preview and its plan."""
    return await change(ctx, plan, sure, partial(propose_mark, ids=ids, favorite=favorite, hidden=hidden), MARKING)


async def propose_mark(app: App, *, ids: Sequence[str], favorite: Setting, hidden: Setting) -> Proposal[Marks]:
    """Look at what would be marked.

    Raises:
        CodedError: neither mark is to change.
    """
    if favorite == hidden == "keep":
        raise CodedError(Code.BAD_ARGUMENT, "Neither favorite nor hidden is yes or no")
    wanted = Marks(favorite=_VALUES[favorite], hidden=_VALUES[hidden])

    def why_not(entry: Entry) -> str:
        if entry.is_folder:
            return "a folder or album"
        if entry.status is Status.TRASHED:
            return "in the trash"
        return "so already" if wanted.hold(entry) else ""

    entries, skipped = await picked(app, ids, why_not)
    said = " and ".join(f"{name} {'on' if value else 'off'}" for name, value in wanted.given.items())
    return Proposal(
        action=Action.MARK,
        entries=entries,
        terms=wanted,
        skipped=skipped,
        question=f"Set {said} for {counted(entries)}: {named(entries)}?{marked(entries)}",
    )


async def _mark(app: App, proposal: Proposal[Marks]) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsMarks):
        raise UnsupportedError("this remote has no marks")
    marks = proposal.terms.given
    effect = await each_one(proposal.entries, lambda entry: remote.mark(NodeId(entry.id), **marks))
    done = set(effect.done)
    was: dict[str, list[str]] = {}
    for name in marks:
        for entry in proposal.entries:
            if entry.id in done:
                was.setdefault(name if getattr(entry, name) else f"not {name}", []).append(entry.id)
    return msgspec.structs.replace(effect, was=was)


MARKING: Final = Deed(_mark, each_holds(lambda entry, proposal: proposal.terms.hold(entry)))
