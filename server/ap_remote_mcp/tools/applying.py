"""``photos_apply_folders``: the albums of a plan, and how they are taken back; pictures stay where they are.

Making them is a job, which the next server finishes where one was stopped, by the plan's own journal.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio.to_thread
import msgspec
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote import organise
from ap_remote.errors import BusyStoreError, NotFoundError, UnsupportedError
from ap_remote.model import Kind, NodeId, Status
from ap_remote.organise.plan import is_own
from ap_remote.remote.features import SupportsAlbums
from ap_remote.remote.paths import fold
from ap_remote_mcp.changes.folderplans import chosen, journal_file, loaded, part, plan_file
from ap_remote_mcp.changes.gate import Deed, Sure, ask, begun, permitted
from ap_remote_mcp.changes.proposal import Effect, Proposal
from ap_remote_mcp.changes.terms import Action, FoldersTerms
from ap_remote_mcp.changes.wording import quoted
from ap_remote_mcp.context import App
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.jobfiles import JobKind
from ap_remote_mcp.journal import Made
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Change, PlannedAlbum, Preview, Skipped
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.jobs import handed_over
from ap_remote_mcp.tools.parameters import PlanToken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.jobs import Running
    from ap_remote_mcp.journal import Operation

PlanId = Annotated[str, Meta(min_length=1, max_length=64)]
FolderName = Annotated[str, Meta(min_length=1, max_length=256)]
Only = Annotated[tuple[FolderName, ...], Meta(max_length=100, description="names of folders")]
Renamed = Annotated[dict[str, FolderName], Meta(max_length=100, description="old to new name")]
_SHOWN: Final = 50
"""Albums and skipped pictures that are told one by one."""
_NAMED: Final = 3


class Folders(Proposal[FoldersTerms], frozen=True, kw_only=True):
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
    made = proposal.plan
    await anyio.to_thread.run_sync(organise.save_plan, made, plan_file(app, made.id))
    app.jobs.admit(caller())
    op_id = begun(app, proposal, plan)
    job = await handed_over(ctx, JobKind.APPLY, {"plan": made.id, "op_id": op_id})
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
    if source.moves:
        raise CodedError(
            Code.UNSUPPORTED, "This plan moves files into folders", "A person applies it: ap organise apply --move."
        )
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
        action=Action.APPLY_FOLDERS,
        entries=(),
        terms=FoldersTerms(plan=plan.id, source=source.id),
        plan=plan,
        skipped=skipped,
        stands_alone=bool(folders),
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
        app.journal.end(op_id, [album.id for album in told.albums], Made(plan=plan.id))
    app.forget_counts()
    app.audit(Action.APPLY_FOLDERS, op_id, done=len(told.albums), skipped=len(told.skipped))
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


async def propose_undo(app: App, operation: Operation) -> Proposal[FoldersTerms]:
    """Look at which albums an undo would take away, or empty of what the plan put in.

    Raises:
        CodedError: nothing was made, or it is still being made.
    """
    plan_id = operation.about(FoldersTerms).plan
    told = await _standing(app, plan_id)
    if told is None:
        raise CodedError(Code.NOT_FOUND, "Nothing was made by it", "photos_list shows the albums.")
    found, _ = await app.entries([album.id for album in told.albums], fresh=True)
    living = tuple(each for each in found if each.kind is Kind.ALBUM and each.status is Status.AVAILABLE)
    named = ", ".join(quoted(each.name) for each in living[:_NAMED])
    return Proposal(
        action=Action.UNAPPLY_FOLDERS,
        entries=living,
        terms=FoldersTerms(plan=plan_id),
        stands_alone=True,
        question=f"Take back what the plan did to {len(living)} albums: {named}? The pictures stay where they are.",
    )


async def _undo(app: App, proposal: Proposal[FoldersTerms]) -> Effect:
    journal = journal_file(app, proposal.terms.plan)
    before = await _standing(app, proposal.terms.plan)
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
        made=Made(added={album.id: tuple(before.members[album.id]) for album in before.albums if not album.new}),
        rest="",
        note="; ".join(clean(note) for note in report.notes[:_NAMED]),
    )


async def _is_undone(app: App, proposal: Proposal[FoldersTerms], effect: Effect) -> AsyncGenerator[int]:
    """Yield 1 for every album that is gone, or no longer holds what was added."""
    del proposal
    added = effect.made.added
    for album in effect.done:
        found, _ = await app.entries([album], fresh=True)
        gone = not found or found[0].status is not Status.AVAILABLE
        if gone or album not in added:
            yield int(gone)
            continue
        inside = {each.id async for each in app.remote.list(NodeId(album), fresh=True)}
        yield int(inside.isdisjoint(added[album]))


UNAPPLYING: Final = Deed(_undo, _is_undone)
