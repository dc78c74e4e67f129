"""``photos_album`` and ``photos_person``: albums and what is in them, names of people."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote.errors import (
    BatchError,
    OutcomeUnknownError,
    ProtocolError,
    RemoteError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsAlbums, SupportsFolders, SupportsPeople
from ap_remote.remote.paths import ALBUMS_VIEW, check_name, join
from ap_remote_mcp.changes.each import UNKNOWN, each_one
from ap_remote_mcp.changes.gate import Deed, Sure, ask, change
from ap_remote_mcp.changes.proposal import Effect, Proposal, picked
from ap_remote_mcp.changes.wording import counted, named, quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import Code, CodedError, coded
from ap_remote_mcp.policy.limits import MAX_CHANGE
from ap_remote_mcp.results.pages import Change, Skipped
from ap_remote_mcp.tools.listing import album_named
from ap_remote_mcp.tools.parameters import Id, PlanToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

AlbumAction = Literal["create", "add", "remove", "rename"]
Ids = Annotated[tuple[Id, ...], Meta(max_length=MAX_CHANGE, description="none to rename")]
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


async def propose_album(app: App, *, do: AlbumAction, album: str, ids: Sequence[str], name: str) -> Proposal:
    """Look at what would change.

    Raises:
        CodedError: no such album, or ids or a name are missing.
    """
    if not isinstance(app.remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    if do == "rename":
        return await _propose_rename(app, album, name)
    if not ids and do != "create":
        raise CodedError(Code.BAD_ARGUMENT, f"action={do} needs ids")
    found = None if do == "create" else await album_named(app, album)
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
    verb = {"create": "Make the album {0} with", "add": "Add to the album {0}", "remove": "Take out of the album {0}"}
    return Proposal(
        action=f"album_{do}",
        entries=entries,
        skipped=skipped,
        bound={"name": title, "stands_alone": True} if found is None else {"album": found.id, "name": title},
        question=f"{verb[do].format(quoted(title))} {counted(entries)}: {named(entries)}?",
        cost=len(entries) + (do == "create"),
    )


async def _propose_rename(app: App, album: str, name: str) -> Proposal:
    if not name:
        raise CodedError(Code.BAD_ARGUMENT, "action=rename needs name")
    found = await album_named(app, album)
    return Proposal(
        action="album_rename",
        entries=(found,),
        bound={"album": found.id, "name": check_name(name)},
        question=f"Rename the album {quoted(found.name)} to {quoted(name)}?",
    )


async def _apply_album(app: App, proposal: Proposal) -> Effect:
    remote = app.remote
    if not isinstance(remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    if proposal.action == "album_rename":
        return await each_one(proposal.entries, partial(_rename, app, str(proposal.bound["name"])))
    writing()
    if proposal.action != "album_create":
        return await _members_changed(app, remote, NodeId(str(proposal.bound["album"])), proposal)
    album = (await remote.create_album(str(proposal.bound["name"]))).id
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
    note = "; ".join(each for each in (f"the album's id is {album}", effect.note) if each)
    return msgspec.structs.replace(effect, made={"album": album}, note=note)


async def _members_changed(app: App, remote: SupportsAlbums, album: NodeId, proposal: Proposal) -> Effect:
    """Add the entries, or take them out; where no usable answer came, look which of them are in.

    Raises:
        RemoteError: none of them was added, or taken out, as far as one sees.
    """
    members = [NodeId(entry.id) for entry in proposal.entries]
    out = proposal.action == "album_remove"
    refused: dict[str, str] = {}
    try:
        await (remote.remove_from_album if out else remote.add_to_album)(album, members)
    except BatchError as exc:
        refused = {each.id: "the service refused" for each in exc.outcomes if each.id and each.error}
    except (UnavailableError, ProtocolError) as exc:
        try:
            inside = {each.id async for each in app.remote.list(album, fresh=True)}
        except RemoteError:
            raise OutcomeUnknownError("no usable answer, and nothing to be seen") from exc
        refused = {each.value: "no usable answer came, and it is as it was" for each in members}
        refused = {each: why for each, why in refused.items() if (each in inside) is out}
        if len(refused) == len(members):
            raise
    return Effect(
        done=tuple(entry.id for entry in proposal.entries if entry.id not in refused),
        refused=tuple(Skipped(id=each, why=why) for each, why in refused.items()),
    )


async def _rename(app: App, name: str, album: Entry) -> None:
    if not isinstance(app.remote, SupportsFolders):
        raise UnsupportedError("this remote cannot rename")
    await app.remote.move(NodeId(album.id), join(ALBUMS_VIEW, name))


async def _verify_album(app: App, proposal: Proposal, effect: Effect) -> int:
    album = NodeId(str(effect.made.get("album") or proposal.bound["album"]))
    if proposal.action == "album_rename":
        return int((await app.remote.stat(album, fresh=True)).name == proposal.bound["name"])
    inside = {each.id async for each in app.remote.list(album, fresh=True)}
    out = proposal.action == "album_remove"
    return sum((each not in inside) if out else (each in inside) for each in effect.done)


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


async def propose_person(app: App, *, person: str, name: str) -> Proposal:
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
        action="person",
        entries=(),
        bound={"person": known.id, "name": name, "was": known.name or "", "stands_alone": True},
        question=f"Name {who}, seen in {known.count} pictures, {quoted(name)}?",
        cost=1,
    )


async def _name(app: App, proposal: Proposal) -> Effect:
    if not isinstance(app.remote, SupportsPeople):
        raise UnsupportedError("this remote knows no people")
    writing()
    await app.remote.name_person(str(proposal.bound["person"]), str(proposal.bound["name"]))
    return Effect(done=(str(proposal.bound["person"]),))


async def _verify_name(app: App, proposal: Proposal, effect: Effect) -> int:
    del effect
    people = await app.remote.people() if isinstance(app.remote, SupportsPeople) else ()
    return sum(each.id == proposal.bound["person"] and each.name == proposal.bound["name"] for each in people)


NAMING: Final = Deed(_name, _verify_name)
