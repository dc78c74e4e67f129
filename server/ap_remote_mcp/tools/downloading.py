"""``photos_download``: pictures of the library into a folder of this machine.

Nothing in the library changes, so few files need no plan. Files are added and none is replaced; each is compared with
the md5 that the service promised and written down in a manifest beside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote_mcp.changes.gate import Sure, ask, permitted, previewed
from ap_remote_mcp.changes.proposal import Proposal, picked
from ap_remote_mcp.changes.terms import Action, DownloadTerms
from ap_remote_mcp.changes.wording import counted, named, quoted, sized
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.jobfiles import JobKind
from ap_remote_mcp.journal import Before
from ap_remote_mcp.policy.roots import OutsideRootsError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Change
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.carrying import handed_on
from ap_remote_mcp.tools.parameters import ChangedIds, PlanToken
from ap_remote_mcp.tools.saving import ONLY_JPEG, DownloadOrder, Naming, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry


class Download(Proposal[DownloadTerms], frozen=True, kw_only=True):
    """Pictures that would be saved. Nothing of the library changes, so the journal needs no more than their ids."""

    @property
    def before(self) -> list[Before]:
        """What the journal keeps."""
        return [Before(id=entry.id) for entry in self.entries]


async def ask_download(  # noqa: PLR0917 - resolvers take the tool's arguments by name
    ids: ChangedIds,
    to: str,
    naming: Naming,
    size: Size,
    strip_gps: bool,  # noqa: FBT001 - as above
    plan: str,
    ctx: Context[App],
) -> Sure | Elicit[Sure]:
    """Ask the person before many files are written."""
    return await ask(ctx, plan, partial(propose, ids=ids, to=to, naming=naming, size=size, strip_gps=strip_gps))


async def photos_download(
    ctx: Context[App],
    *,
    ids: ChangedIds,
    to: Annotated[str, Meta(min_length=1, max_length=1000, description="e.g. root1/Rome")],
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_download)],
    naming: Naming = "name",
    size: Size = "original",
    strip_gps: bool = False,
    plan: PlanToken = "",
) -> Change:
    """Save pictures to a local folder with a manifest; nothing is overwritten. More than 50 or 1 GiB need a plan."""
    app: App = ctx.request_context.lifespan_context
    wish = partial(propose, ids=ids, to=to, naming=naming, size=size, strip_gps=strip_gps)
    app.jobs.admit(caller())
    if plan:
        proposal = await permitted(ctx, plan, sure, wish)
        if isinstance(proposal, Change):
            return proposal
    else:
        proposal = await wish(app)
        if not proposal.entries or _is_much(app, proposal):
            return previewed(app, proposal)

    def order(op_id: str) -> DownloadOrder:
        ids = tuple(entry.id for entry in proposal.entries)
        folder = str(_target(app, to))
        return DownloadOrder(op_id=op_id, ids=ids, to=folder, naming=naming, size=size, strip_gps=strip_gps)

    return await handed_on(ctx, proposal, plan, JobKind.DOWNLOAD, order, size=_bytes(proposal.entries))


async def propose(app: App, *, ids: Sequence[str], to: str, naming: Naming, size: Size, strip_gps: bool) -> Download:
    """Look at what would be saved.

    Raises:
        CodedError: the folder may not be written, or the disk has no room.
    """
    folder = _target(app, to)

    def why_not(entry: Entry) -> str:
        if entry.is_folder:
            return "a folder or album: photos_download saves files"
        if size == "web":
            return "" if entry.is_photo or entry.is_video else "no picture can be made of it"
        return ONLY_JPEG if strip_gps and entry.content_type not in (None, "image/jpeg") else ""

    entries, skipped = await picked(app, ids, why_not)
    total = _bytes(entries)
    if total > app.limits.transfer_bytes:
        raise CodedError(
            Code.BAD_ARGUMENT, f"{sized(total)} are more than the {sized(app.limits.transfer_bytes)} of one call"
        )
    free = await anyio.to_thread.run_sync(_free, folder)
    if size == "original" and total > free:
        raise CodedError(
            Code.BUDGET, f"The disk has room for {sized(free)}, {sized(total)} are needed", "Ask for less."
        )
    shown = clean(app.roots.shown(folder))
    live = sum(entry.is_live for entry in entries)
    return Download(
        action=Action.DOWNLOAD,
        entries=entries,
        # What is shown is cut and cleaned; the plan is for the folder itself.
        terms=DownloadTerms(
            to=shown,
            folder=hashlib.sha256(os.fsencode(folder)).hexdigest(),
            naming=naming,
            size=size,
            strip_gps=strip_gps,
        ),
        skipped=skipped,
        warnings=(f"{live} live photos come without their films",) if live else (),
        question=f"Save {counted(entries)} ({sized(total)}) to {quoted(shown, 80)}: {named(entries)}?",
        cost=0,
    )


def _bytes(entries: Sequence[Entry]) -> int:
    return sum(entry.size for entry in entries)


def _is_much(app: App, proposal: Download) -> bool:
    files = len(proposal.entries)
    if files > app.limits.unasked_files or _bytes(proposal.entries) > app.limits.unasked_bytes:
        return True
    return files > app.unasked.left


def _target(app: App, to: str) -> Path:
    try:
        return app.roots.to_write(to)
    except OutsideRootsError as exc:
        raise CodedError(Code.OUTSIDE_ROOTS, f"The folder cannot be used: {exc.reason}") from exc


def _free(folder: Path) -> int:
    while not os.path.lexists(folder):
        folder = folder.parent
    return shutil.disk_usage(folder).free
