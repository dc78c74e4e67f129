"""``photos_album`` and ``photos_person``: albums and what is in them, names of people."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

import anyio
import msgspec
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote.errors import OutcomeUnknownError, RemoteError, UnsupportedError
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsAlbums, SupportsFolders, SupportsPeople
from ap_remote.remote.paths import ALBUMS_VIEW, check_name, join
from ap_remote_mcp.changes.batch import all_at_once
from ap_remote_mcp.changes.each import UNKNOWN, each_one
from ap_remote_mcp.changes.gate import Deed, Sure, ask, change
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.terms import Action, AlbumTerms, PersonTerms
from ap_remote_mcp.changes.wording import counted, named, quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import Code, CodedError, coded
from ap_remote_mcp.journal import Made
from ap_remote_mcp.policy.limits import MAX_CHANGE
from ap_remote_mcp.results.pages import Change, Skipped
from ap_remote_mcp.tools.parameters import Id, PlanToken
from ap_remote_mcp.tools.targets import album_named

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from ap_remote.model import Entry

_log: Final = logging.getLogger(__name__)
AlbumAction = Literal["create", "add", "remove", "rename"]
_ACTIONS: Final[dict[AlbumAction, Action]] = {
    "create": Action.ALBUM_CREATE,
    "add": Action.ALBUM_ADD,
    "remove": Action.ALBUM_REMOVE,
    "rename": Action.ALBUM_RENAME,
}
Ids = Annotated[tuple[Id, ...], Meta(max_length=MAX_CHANGE, description="none to rename")]
_LOOK: Final = 5.0
"""Seconds in which an album that was changed has to be seen."""
_COUNTED: Final = 5
"""Albums of one name whose content is counted."""
AlbumName = Annotated[str, Meta(min_length=1, max_length=256, description="id or name")]


async def ask_album(  # noqa: PLR0917 - resolvers take the tool's arguments by name
    action: AlbumAction, album: str, ids: Ids, name: str, plan: str, ctx: Context[App]
) -> Sure | Elicit[Sure]:
    """Ask the person before an album changes."""
    return await ask(ctx, plan, partial(propose_album, do=action, album=album, ids=ids, name=name))


async def photos_album(
    ctx: Context[App],
    *,
    action: AlbumAction,
    album: AlbumName,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_album)],
    ids: Ids = (),
    name: Annotated[str, Meta(max_length=256, description="new name, to rename")] = "",
    plan: PlanToken = "",
) -> Change:
    """Create an album, add or remove pictures (they stay in their folders), or rename it. Without plan: a preview."""
    return await change(ctx, plan, sure, partial(propose_album, do=action, album=album, ids=ids, name=name), ALBUMS)


async def propose_album(
    app: App, *, do: AlbumAction, album: str, ids: Sequence[str], name: str
) -> Proposal[AlbumTerms]:
    """Look at what would change.

    Raises:
        CodedError: no such album, or ids or a name are missing.
    """
    if not isinstance(app.remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    if do == "rename":
        return await _propose_rename(app, album, name)
    if name:
        then = "Pass the name of the new album as album." if do == "create" else ""
        raise CodedError(Code.BAD_ARGUMENT, f"action={do} takes no name, which is for action=rename", then)
    if not ids and do != "create":
        raise CodedError(Code.BAD_ARGUMENT, f"action={do} needs ids")
    found = None if do == "create" else await _meant(app, album)
    inside = set() if found is None else {each.id async for each in app.remote.list(NodeId(found.id), fresh=True)}

    def why_not(entry: Entry) -> str:
        if entry.is_folder:
            return "a folder or album"
        if do == "remove":
            return "" if entry.id in inside else "not in the album"
        if entry.status is Status.TRASHED:
            return "in the trash"
        return "in the album already" if entry.id in inside else ""

    entries, skipped = await picked(app, ids, why_not)
    title = check_name(album) if found is None else found.name
    verb = {
        "create": "Make the album {0} with" if entries else "Make the empty album {0}",
        "add": "Add to the album {0}",
        "remove": "Take out of the album {0}",
    }
    return Proposal(
        action=_ACTIONS[do],
        entries=entries,
        terms=AlbumTerms(name=title, album="" if found is None else found.id),
        skipped=skipped,
        stands_alone=found is None,
        warnings=await _twins(app, title) if found is None else (),
        question=f"{verb[do].format(quoted(title))}{f' {counted(entries)}: {named(entries)}' if entries else ''}?",
        cost=len(entries) + (do == "create"),
    )


async def _propose_rename(app: App, album: str, name: str) -> Proposal[AlbumTerms]:
    if not name:
        raise CodedError(Code.BAD_ARGUMENT, "action=rename needs name")
    found = await _meant(app, album)
    return Proposal(
        action=Action.ALBUM_RENAME,
        entries=(found,),
        terms=AlbumTerms(name=check_name(name), album=found.id),
        question=f"Rename the album {quoted(found.name)} to {quoted(name)}?",
    )


async def _meant(app: App, wanted: str) -> Entry:
    """Return the album of that id or name.

    Raises:
        CodedError: there is none; or several have that name, which are told with what they hold.
    """
    try:
        return await album_named(app, wanted)
    except CodedError as exc:
        if exc.code is not Code.AMBIGUOUS:
            raise
    raise CodedError(Code.AMBIGUOUS, "; ".join(await _called(app, wanted)))


async def _twins(app: App, title: str) -> tuple[str, ...]:
    told = await _called(app, title)
    return (f"there will be one more of this name: {'; '.join(told)}; action=add fills one",) if told else ()


async def _called(app: App, title: str) -> list[str]:
    """Return which albums have a name, how many of them are told, and what is in those."""
    assert isinstance(app.remote, SupportsAlbums)  # noqa: S101 - its callers looked
    albums = [each async for each in app.remote.albums() if each.name.casefold() == title.casefold()]
    rows = []
    for album in albums[:_COUNTED]:
        count = len([each async for each in app.remote.list(NodeId(album.id))])
        rows.append(f"{album.id} holds {'1 item' if count == 1 else f'{count} items'}")
    if not rows:
        return []
    more = f" and {len(albums) - _COUNTED} more" if len(albums) > _COUNTED else ""
    return [f"{'1 album has' if len(albums) == 1 else f'{len(albums)} albums have'} that name", ", ".join(rows) + more]


async def _apply_album(app: App, proposal: Proposal[AlbumTerms]) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    album, name = proposal.terms.album, proposal.terms.name
    if proposal.action is Action.ALBUM_RENAME:
        return await _noted(app, album, await each_one(proposal.entries, partial(_rename, app, name)))
    if proposal.action is not Action.ALBUM_CREATE:
        return await _noted(app, album, await _members_changed(app, remote, NodeId(album), proposal))
    writing()
    album = (await remote.create_album(name)).id
    effect = Effect(done=())
    if proposal.entries:
        try:
            effect = await _members_changed(app, remote, NodeId(album), proposal)
        except RemoteError as exc:
            # The album is there, whatever became of its pictures: it must be told, and be there to be taken back.
            unknown = isinstance(exc, OutcomeUnknownError)
            why = UNKNOWN if unknown else str(coded(exc))
            note = "[outcome_unknown] for its pictures; do not repeat the call" if unknown else ""
            effect = Effect(
                done=(), refused=tuple(Skipped(id=each.id, why=why) for each in proposal.entries), note=note
            )
    told = f"done and verified count the pictures in it; the album's id is {album}"
    note = "; ".join(filter(None, (told, effect.note)))
    return await _noted(app, album, msgspec.structs.replace(effect, note=note, rest="use action=add with that id"))


async def _noted(app: App, album: str, effect: Effect) -> Effect:
    """Note for the undo how an album is now that it was changed here."""
    made = Made(album=album)
    try:
        with anyio.move_on_after(_LOOK):
            made = Made(album=album, version=(await app.remote.stat(NodeId(album), fresh=True)).version)
    except RemoteError as exc:
        # What was done is told in any case; an undo then goes by the name and what is in it.
        _log.info("an album that was changed cannot be looked at: %s", type(exc).__name__)
    return msgspec.structs.replace(effect, made=made)


async def _members_changed(app: App, remote: SupportsAlbums, album: NodeId, proposal: Proposal[AlbumTerms]) -> Effect:
    """Add the entries, or take them out; where no usable answer came, look which of them are in.

    Raises:
        RemoteError: none of them was added, or taken out, as far as one sees.
    """
    out = proposal.action is Action.ALBUM_REMOVE

    async def send() -> None:
        members = [NodeId(entry.id) for entry in proposal.entries]
        await (remote.remove_from_album if out else remote.add_to_album)(album, members)

    async def look(ids: Sequence[str]) -> set[str]:
        inside = {each.id async for each in app.remote.list(album, fresh=True)}
        return set(ids) - inside if out else set(ids) & inside

    return await all_at_once(proposal.entries, send, look)


async def _rename(app: App, name: str, album: Entry) -> None:
    if not isinstance(app.remote, SupportsFolders):
        raise UnsupportedError("this remote cannot rename")
    await app.remote.move(NodeId(album.id), join(ALBUMS_VIEW, name))


async def _verify_album(app: App, proposal: Proposal[AlbumTerms], effect: Effect) -> AsyncGenerator[int]:
    album = NodeId(effect.made.album)
    if proposal.action is Action.ALBUM_RENAME:
        yield int((await app.remote.stat(album, fresh=True)).name == proposal.terms.name)
        return
    inside = {each.id async for each in app.remote.list(album, fresh=True)}
    out = proposal.action is Action.ALBUM_REMOVE
    yield sum((each not in inside) if out else (each in inside) for each in effect.done)


ALBUMS: Final = Deed(_apply_album, _verify_album)


async def ask_person(person: str, name: str, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before somebody gets a name."""
    return await ask(ctx, plan, partial(propose_person, person=person, name=name))


async def photos_person(
    ctx: Context[App],
    *,
    person: Annotated[str, Meta(min_length=1, max_length=120, description="from photos_facets by=person")],
    name: Annotated[str, Meta(min_length=1, max_length=120)],
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_person)],
    plan: PlanToken = "",
) -> Change:
    """Name a person whose faces Amazon has grouped. Without plan: a preview and its plan."""
    return await change(ctx, plan, sure, partial(propose_person, person=person, name=name), NAMING)


async def propose_person(app: App, *, person: str, name: str) -> Proposal[PersonTerms]:
    """Look at who would be named.

    Raises:
        CodedError: nobody, or several, answer to *person*.
    """
    if not isinstance(app.remote, SupportsPeople):
        raise UnsupportedError("this remote knows no people")
    wanted = person.casefold()
    found = [each for each in await app.remote.people() if wanted in (each.id.casefold(), (each.name or "").casefold())]
    if not found:
        raise CodedError(Code.NOT_FOUND, "Nobody has that id or name", "photos_facets(by=person) lists the people.")
    if len(found) > 1:
        raise CodedError(Code.AMBIGUOUS, f"{len(found)} people answer: {', '.join(each.id for each in found[:5])}")
    (known,) = found
    who = quoted(known.name) if known.name else "a person without a name"
    return Proposal(
        action=Action.PERSON,
        entries=(),
        terms=PersonTerms(person=known.id, name=name, was=known.name or ""),
        stands_alone=True,
        question=f"Name {who}, seen in {known.count} pictures, {quoted(name)}?",
        cost=1,
    )


async def _name(app: App, proposal: Proposal[PersonTerms]) -> Effect:
    if not isinstance(app.remote, SupportsPeople):
        raise UnsupportedError("this remote knows no people")
    writing()
    await app.remote.name_person(proposal.terms.person, proposal.terms.name)
    return Effect(done=(proposal.terms.person,))


async def _verify_name(app: App, proposal: Proposal[PersonTerms], effect: Effect) -> AsyncGenerator[int]:
    del effect
    wanted = proposal.terms
    people = await app.remote.people() if isinstance(app.remote, SupportsPeople) else ()
    yield sum(each.id == wanted.person and each.name == wanted.name for each in people)


NAMING: Final = Deed(_name, _verify_name)
