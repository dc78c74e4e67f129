"""``photos_suggest_folders`` and ``photos_apply_folders``: albums by event, theme, person, place or month.

What is suggested is a plan of :mod:`ap_remote.organise`, a file in the account's own folder; what is applied are
albums, and pictures stay where they are. Both are jobs, which the next server finishes where one was stopped.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import anyio.to_thread
import msgspec
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote import organise
from ap_remote.errors import BusyStoreError, NotFoundError, UnsupportedError
from ap_remote.model import Kind, NodeId, Status
from ap_remote.organise.plan import is_own
from ap_remote.query import parse_search
from ap_remote.remote.features import SupportsAlbums, SupportsPeople
from ap_remote.remote.paths import fold, normalise
from ap_remote_mcp.changes.folderplans import (
    chosen,
    journal_file,
    loaded,
    owned,
    part,
    place_of,
    plan_file,
    plans_home,
    suggested,
)
from ap_remote_mcp.changes.gate import Deed, Sure, ask, begun, permitted
from ap_remote_mcp.changes.proposal import Effect, Proposal
from ap_remote_mcp.changes.wording import quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.items import item
from ap_remote_mcp.results.pages import Change, Folder, Listing, PlannedAlbum, Preview, Skipped, Suggestions
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.jobs import handed_over
from ap_remote_mcp.tools.parameters import Filter, FolderPath, PlanToken
from ap_remote_mcp.tools.queries import Position, seal
from ap_remote_mcp.tools.rows import Cut, Row

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.jobs import Running
    from ap_remote_mcp.journal import Operation

SUGGEST: Final = "suggest folders"
APPLY: Final = "apply folders"
Way = Literal["event", "theme", "person", "place", "month"]
PlanId = Annotated[str, Meta(min_length=1, max_length=64)]
FolderName = Annotated[str, Meta(min_length=1, max_length=256)]
Only = Annotated[tuple[FolderName, ...], Meta(max_length=100, description="names of folders")]
Renamed = Annotated[dict[str, FolderName], Meta(max_length=100, description="old to new name")]
_SHOWN: Final = 50
"""Albums and skipped pictures that are told one by one."""
_NAMED: Final = 3


# -- suggesting --------------------------------------------------------------------------------------------------------


async def photos_suggest_folders(
    ctx: Context[App],
    *,
    by: Way = "event",
    filter_: Filter = "",
    path: FolderPath = "",
    granularity: organise.Granularity = "normal",
    max_folders: Annotated[int, Meta(ge=1, le=100)] = 20,
    min_size: Annotated[int, Meta(ge=2, le=1000, description="pictures in one")] = 5,
) -> Suggestions:
    """Plan albums; changes nothing. photos_list(path="plan:ID/NAME") shows one, photos_apply_folders makes them."""
    app: App = ctx.request_context.lifespan_context
    plans_home(app)
    parse_search(filter_)
    if path:
        await app.remote.stat(normalise(path))
    if by == "theme" and not await app.covered():
        raise CodedError(
            Code.INDEX_MISSING, "Themes need the semantic index", "photos_sync(what=embeddings) makes it; or by=event."
        )
    if by == "person" and not isinstance(app.remote, SupportsPeople):
        raise UnsupportedError("this remote knows no people")
    arguments = {
        "by": by,
        "query": filter_,
        "path": path,
        "granularity": granularity,
        "max_folders": max_folders,
        "min_size": min_size,
    }
    job = await handed_over(ctx, SUGGEST, arguments)
    if job.state == "done":
        return msgspec.convert(job.result, Suggestions)
    return Suggestions(job=job)


async def suggest_folders(app: App, job: Running) -> dict[str, Any]:
    """Make a plan and keep it; called again, it makes the same or what the library then suggests."""
    found = await organise.propose(
        app.remote, app.index, progress=lambda done, total: job.report(done, total or 0, "people"), **job.arguments
    )
    plan = owned(found, job.record.who)
    if plan.folders:
        await anyio.to_thread.run_sync(organise.save_plan, plan, plan_file(app, plan.id))
    return dict(msgspec.to_builtins(suggested(app, plan)))


async def plan_listing(app: App, named: tuple[str, str], position: Position, limit: int) -> Listing:
    """Return the folders of a plan, or what would go into one of them, as it is now."""
    plan = await loaded(app, named[0])
    answer = Listing(items=[], as_of=app.now)
    if not named[1]:
        answer.folders = [
            Folder(
                id=each.album or f"plan:{plan.id}/#{number}",
                name=clean(each.name),
                path=f"plan:{plan.id}/{clean(each.name)}",
                kind="album",
                count=len(each.members),
            )
            for number, each in list(enumerate(plan.folders, 1))[position.at : position.at + app.limits.folders]
        ]
        at = position.at + len(answer.folders)
        if at < len(plan.folders):
            answer.next = seal(app, Position(query=position.query, at=at))
            answer.note = f"{len(plan.folders) - at} more folders: pass next as cursor"
        return answer
    members = plan.folders[place_of(plan, named[1])].members
    gone, seen, size = 0, 0, 600
    for member in members[position.at : position.at + limit]:
        try:
            shown = item(await app.remote.stat(NodeId(member.id)), score=member.score)
        except NotFoundError:
            gone, seen = gone + 1, seen + 1
            continue
        size += app.weigh(shown)
        if answer.items and size > app.limits.result_bytes:
            break
        answer.items.append(shown)
        seen += 1
    answer.total = len(members)
    at = position.at + seen
    if seen and at < len(members):
        answer.next = seal(app, Position(query=position.query, at=at, last=members[at - 1].id))
    answer.note = f"{gone} of this page are gone since the plan was made" if gone else ""
    return answer


async def plan_rows(app: App, named: tuple[str, str], position: Position, limit: int) -> Cut:
    """Return a page of what would go into a folder of a plan; what is gone is passed over."""
    plan = await loaded(app, named[0])
    members = plan.folders[place_of(plan, named[1])].members
    entries, _ = await app.entries([member.id for member in members[position.at : position.at + limit]])
    return Cut([Row(entry) for entry in entries], more=position.at + limit < len(members))


# -- applying ----------------------------------------------------------------------------------------------------------


class Folders(Proposal, frozen=True, kw_only=True):
    """Albums that would be made or added to."""

    plan: organise.Plan

    def preview(self) -> Preview:
        """Return what is shown."""
        folders = self.plan.folders
        more = len(folders) - _SHOWN
        return Preview(
            count=len({member.id for folder in folders for member in folder.members}),
            albums=[
                PlannedAlbum(name=clean(each.name), count=len(each.members), album=each.album or "")
                for each in folders[:_SHOWN]
            ],
            warnings=[*self.warnings, *([f"{more} more albums are not listed"] if more > 0 else [])],
        )


async def ask_apply(plan_id: PlanId, only: Only, rename: Renamed, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before albums are made."""
    return await ask(ctx, plan, partial(propose_apply, plan_id=plan_id, only=only, rename=rename))


async def photos_apply_folders(
    ctx: Context[App],
    *,
    plan_id: PlanId,
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_apply)],
    only: Only = (),
    rename: Renamed = msgspec.field(default_factory=dict),  # noqa: B008 - read by the bridge, which makes a struct of it
    plan: PlanToken = "",
) -> Change:
    """Make the albums of a plan; pictures stay where they are. Without plan: a preview and its plan. A job does it."""
    app: App = ctx.request_context.lifespan_context
    propose = partial(propose_apply, plan_id=plan_id, only=only, rename=rename)
    proposal = await permitted(ctx, plan, sure, propose)
    if isinstance(proposal, Change):
        return proposal
    assert isinstance(proposal, Folders)  # noqa: S101 - propose_apply() makes nothing else
    made = proposal.plan
    await anyio.to_thread.run_sync(organise.save_plan, made, plan_file(app, made.id))
    app.jobs.admit(caller())
    op_id = begun(app, proposal, plan)
    job = await handed_over(ctx, APPLY, {"plan": made.id, "op_id": op_id})
    return Change(action=proposal.action, op_id=op_id, skipped=list(proposal.skipped), job=job)


async def propose_apply(app: App, *, plan_id: str, only: Sequence[str], rename: Mapping[str, str]) -> Folders:
    """Look at which albums would be made.

    An album counts as one change, however many pictures it gets: they stay as they are (own choice).

    Raises:
        CodedError: no such plan or folder, or it was applied already.
    """
    if not isinstance(app.remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    source = await loaded(app, plan_id)
    plan = chosen(source, only, rename)
    standing = await _standing(app, plan.id)
    if standing is not None and (standing.ended or standing.undoing):
        did = "taken back" if standing.undoing else "applied"
        raise CodedError(
            Code.PLAN_STALE, f"The plan was {did} already", "photos_suggest_folders makes one of what is left."
        )
    warnings: list[str] = []
    skipped: tuple[Skipped, ...] = ()
    if standing is not None:
        warnings.append("an interrupted run will be finished")
    else:
        plan, skipped = await _without_made(app, plan)
    folders = plan.folders
    names = {fold(album.name) async for album in app.remote.albums()}
    clashing = [quoted(each.name) for each in folders if each.album is None and fold(each.name) in names]
    if clashing and standing is None:
        more = f" and {len(clashing) - _NAMED} more" if len(clashing) > _NAMED else ""
        warnings.append(f"there are albums of these names already: {', '.join(clashing[:_NAMED])}{more}; use rename")
    pictures = len({member.id for folder in folders for member in folder.members})
    named = ", ".join(quoted(each.name) for each in folders[:_NAMED])
    more = f" and {len(folders) - _NAMED} more" if len(folders) > _NAMED else ""
    albums = "1 album" if len(folders) == 1 else f"{len(folders)} albums"
    return Folders(
        action="apply_folders",
        entries=(),
        plan=plan,
        skipped=skipped,
        bound={"plan": plan.id, "source": source.id, "stands_alone": bool(folders)},
        warnings=tuple(warnings),
        question=f"Make or fill {albums} with {pictures} pictures: {named}{more}? The pictures stay where they are.",
        cost=len(folders),
    )


async def _standing(app: App, plan_id: str) -> organise.Applied | None:
    """Return what became of a plan so far.

    Raises:
        CodedError: another call or process is at it.
    """
    try:
        return await anyio.to_thread.run_sync(organise.read_journal, journal_file(app, plan_id))
    except BusyStoreError as exc:
        raise CodedError(
            Code.BUSY, "The plan is being applied or taken back", "photos_job follows the job, or stops it."
        ) from exc


async def _without_made(app: App, plan: organise.Plan) -> tuple[organise.Plan, tuple[Skipped, ...]]:
    """Leave out folders that an album of an earlier plan of the same way holds as a whole."""
    assert isinstance(app.remote, SupportsAlbums)  # noqa: S101 - its caller looked
    held: list[tuple[Entry, set[str]]] = [
        (album, {each.id async for each in app.remote.list(NodeId(album.id))})
        async for album in app.remote.albums()
        if is_own(album.description, plan.by)
    ]
    kept: list[organise.PlanFolder] = []
    skipped: list[Skipped] = []
    for folder in plan.folders:
        members = {member.id for member in folder.members}
        there = next((album for album, inside in held if members <= inside), None)
        if there is None:
            kept.append(folder)
        else:
            skipped.append(Skipped(id=there.id, why=f"an album of an earlier plan holds all of {quoted(folder.name)}"))
    return (part(plan, kept) if skipped else plan), tuple(skipped)


async def apply_folders(app: App, job: Running) -> dict[str, Any]:
    """Make the albums; called again after a restart, it finishes what is left, by the plan's own journal."""
    plan = await loaded(app, str(job.arguments["plan"]), job.record.who)
    journal = journal_file(app, plan.id)
    told = await anyio.to_thread.run_sync(organise.read_journal, journal)
    if told is None or not told.ended:
        job.report(0, len(plan.folders), "albums")
        await organise.apply(app.remote, plan, journal, progress=lambda done, total: job.report(done, total, "albums"))
        told = await anyio.to_thread.run_sync(organise.read_journal, journal)
    assert told is not None  # noqa: S101 - apply() leaves its journal
    op_id = str(job.arguments["op_id"])
    await app.journal.refresh()
    operation = app.journal.find(op_id)
    if operation is None or operation.done is None:
        app.journal.end(op_id, [album.id for album in told.albums], {"plan": plan.id})
    app.forget_counts()
    app.audit("apply_folders", op_id, done=len(told.albums), skipped=len(told.skipped))
    return {
        "op_id": op_id,
        "albums": [
            {"id": album.id, "name": clean(album.name), "count": album.members} for album in told.albums[:_SHOWN]
        ],
        "done": len(told.albums),
        "verified": sum([await _holds(app, album.id, told.members[album.id]) for album in told.albums]),
        "skipped": [{"id": each.id, "why": clean(each.why)} for each in told.skipped[:_SHOWN]],
        "skipped_in_all": len(told.skipped),
    }


async def _holds(app: App, album: str, members: Sequence[str]) -> bool:
    """Whether an album holds what was put in."""
    try:
        inside = {each.id async for each in app.remote.list(NodeId(album), fresh=True)}
    except NotFoundError:
        return False
    return inside.issuperset(members)


# -- taking back -------------------------------------------------------------------------------------------------------


async def propose_undo(app: App, operation: Operation) -> Proposal:
    """Look at which albums an undo would take away, or empty of what the plan put in.

    Raises:
        CodedError: nothing was made, or it is still being made.
    """
    plan_id = str(operation.bound["plan"])
    told = await _standing(app, plan_id)
    if told is None:
        raise CodedError(Code.NOT_FOUND, "Nothing was made by it", "photos_list shows the albums.")
    found, _ = await app.entries([album.id for album in told.albums], fresh=True)
    living = tuple(each for each in found if each.kind is Kind.ALBUM and each.status is Status.AVAILABLE)
    named = ", ".join(quoted(each.name) for each in living[:_NAMED])
    return Proposal(
        action="unapply_folders",
        entries=living,
        bound={"plan": plan_id, "stands_alone": True},
        question=f"Take back what the plan did to {len(living)} albums: {named}? The pictures stay where they are.",
    )


async def _undo(app: App, proposal: Proposal) -> Effect:
    journal = journal_file(app, str(proposal.bound["plan"]))
    before = await _standing(app, str(proposal.bound["plan"]))
    writing()
    report = await organise.undo(app.remote, journal)
    after = await anyio.to_thread.run_sync(organise.read_journal, journal)
    assert before is not None  # noqa: S101 - undo() raises without a journal
    assert after is not None  # noqa: S101 - as above
    left = {album.id for album in after.albums}
    organise.retire(journal)
    return Effect(
        done=tuple(album.id for album in before.albums if album.id not in left),
        refused=tuple(Skipped(id=each, why="it was changed since, so it was left") for each in sorted(left)),
        made={"added": {album.id: before.members[album.id] for album in before.albums if not album.new}},
        note="; ".join(clean(note) for note in report.notes[:_NAMED]),
    )


async def _is_undone(app: App, proposal: Proposal, effect: Effect) -> AsyncGenerator[int]:
    """Yield 1 for every album that is gone, or no longer holds what was added."""
    del proposal
    added: dict[str, Sequence[str]] = effect.made["added"]
    for album in effect.done:
        found, _ = await app.entries([album], fresh=True)
        gone = not found or found[0].status is not Status.AVAILABLE
        if gone or album not in added:
            yield int(gone)
            continue
        inside = {each.id async for each in app.remote.list(NodeId(album), fresh=True)}
        yield int(inside.isdisjoint(added[album]))


UNAPPLYING: Final = Deed(_undo, _is_undone)
