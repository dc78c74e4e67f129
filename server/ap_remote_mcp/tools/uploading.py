"""``photos_upload``: photographs and videos of this machine into the library.

What leaves is shown first: files inside the roots, media by their first bytes. A job sends them.
"""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from msgspec import Meta

from ap_remote.errors import IsFileError, NotFoundError, UnsupportedError
from ap_remote.model import Entry
from ap_remote.remote.features import SupportsDigests
from ap_remote.remote.paths import fold, is_view, normalise
from ap_remote_mcp.changes.gate import Sure, ask, permitted
from ap_remote_mcp.changes.proposal import Proposal
from ap_remote_mcp.changes.terms import Action, UploadTerms
from ap_remote_mcp.changes.wording import quoted, sized
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.jobfiles import JobKind
from ap_remote_mcp.policy.filenames import candidates
from ap_remote_mcp.policy.limits import MAX_CHANGE
from ap_remote_mcp.results.pages import Change, LocalFile, Preview, Skipped
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.carrying import handed_on
from ap_remote_mcp.tools.jobs import within
from ap_remote_mcp.tools.outgoing import LocalFileError, Outgoing, looked_at
from ap_remote_mcp.tools.parameters import PlanToken
from ap_remote_mcp.tools.sending import Dedupe, UploadOrder

if TYPE_CHECKING:
    from collections.abc import Sequence

LocalPath = Annotated[str, Meta(min_length=1, max_length=1000)]
LocalPaths = Annotated[tuple[LocalPath, ...], Meta(min_length=1, max_length=MAX_CHANGE, description="e.g. root1/a.jpg")]
_NAMED: Final = 3


class Upload(Proposal[UploadTerms], frozen=True, kw_only=True):
    """Files that would be sent; a plan is bound to where they are, what is in them and what they will be called."""

    files: tuple[Outgoing, ...] = ()
    room: int = 0
    """JSON bytes for the list of the files."""

    def preview(self) -> Preview:
        """Return what is shown."""
        rows = [_row(each) for each in self.files]
        shown, left = within(rows, self.room)
        return Preview(
            count=len(self.files),
            bytes=sum(each.size for each in self.files),
            files=shown,
            warnings=[*self.warnings, *([f"{left} more files are not listed"] if left else [])],
        )


def _row(file: Outgoing) -> LocalFile:
    renamed = Path(file.path).name != file.name
    return LocalFile(file=file.file, kind=file.kind, size=file.size, name=clean(file.name) if renamed else "")


async def ask_upload(paths: LocalPaths, to: str, dedupe: Dedupe, plan: str, ctx: Context[App]) -> Sure | Elicit[Sure]:
    """Ask the person before files leave this machine."""
    return await ask(ctx, plan, partial(propose, paths=paths, to=to, dedupe=dedupe))


async def photos_upload(
    ctx: Context[App],
    *,
    paths: LocalPaths,
    to: Annotated[str, Meta(min_length=1, max_length=1000, description="folder, made if missing")],
    sure: Annotated[ElicitationResult[Sure], Resolve(ask_upload)],
    dedupe: Dedupe = "skip",
    plan: PlanToken = "",
) -> Change:
    """Upload local photos and videos from the server's roots. Without plan: a preview and its plan. A job does it."""
    proposal = await permitted(ctx, plan, sure, partial(propose, paths=paths, to=to, dedupe=dedupe))
    if isinstance(proposal, Change):
        return proposal

    def order(op_id: str) -> UploadOrder:
        return UploadOrder(op_id=op_id, to=proposal.terms.to, dedupe=dedupe, files=proposal.files)

    size = sum(each.size for each in proposal.files)
    return await handed_on(ctx, proposal, plan, JobKind.UPLOAD, order, size=size)


async def propose(app: App, *, paths: Sequence[str], to: str, dedupe: Dedupe) -> Upload:
    """Look at the files, and at what the library holds of them.

    Raises:
        CodedError: none of them may be sent, or they are too much.
    """
    if app.remote.features.read_only:
        raise UnsupportedError("this remote can only be read")
    files, refused = await _files(app, paths)
    size = sum(each.size for each in files)
    if size > app.limits.transfer_bytes:
        raise CodedError(
            Code.BAD_ARGUMENT, f"{sized(size)} are more than the {sized(app.limits.transfer_bytes)} of one call"
        )
    folder, folder_id = await _folder(app, to)
    taken: dict[str, Entry | None] = {}
    if folder_id:
        taken |= {fold(each.name): each async for each in app.remote.list(folder, fresh=True)}
    held = await _held(app, files, dedupe)
    there: list[Skipped] = []
    sent: list[Outgoing] = []
    for file in files:
        name, twin = _name(file, taken)
        twin = held.get(file.md5, "") if dedupe == "skip" and not twin else twin
        if twin:
            there.append(Skipped(id=twin, why=f"already_there: {file.file}"))
            continue
        if dedupe == "skip" and any(each.md5 == file.md5 for each in sent):
            there.append(Skipped(id=file.file, why="the same as another of these files"))
            continue
        taken[fold(name)] = None
        sent.append(msgspec.structs.replace(file, name=name))
    names = ", ".join(quoted(each.name) for each in sent[:_NAMED])
    more = f" and {len(sent) - _NAMED} more" if len(sent) > _NAMED else ""
    total = sized(sum(each.size for each in sent))
    return Upload(
        action=Action.UPLOAD,
        entries=(),
        terms=UploadTerms(
            to=folder,
            folder=folder_id,
            dedupe=dedupe,
            files=tuple((each.file, each.name, each.size, each.md5) for each in sent),
        ),
        files=tuple(sent),
        skipped=(*there, *refused),
        stands_alone=bool(sent),
        warnings=() if folder_id else (f"the folder {quoted(folder, 80)} will be made",),
        question=f"Upload {len(sent)} {'file' if len(sent) == 1 else 'files'} ({total}) of this machine to the folder "
        f"{quoted(folder, 80)}: {names}{more}?",
        cost=len(sent),
        room=app.limits.result_bytes // 2,
    )


async def _files(app: App, paths: Sequence[str]) -> tuple[list[Outgoing], list[Skipped]]:
    files: dict[str, Outgoing] = {}
    refused: list[Skipped] = []
    first: LocalFileError | None = None
    for given in dict.fromkeys(paths):
        try:
            file = await looked_at(app, given)
        except LocalFileError as exc:
            first = first or exc
            refused.append(Skipped(id=clean(given), why=exc.reason))
        else:
            files.setdefault(file.path, file)
    if first is not None and not files:
        raise CodedError(first.code, f"None of the files may be sent; the first: {first.reason}") from first
    return list(files.values()), refused


async def _folder(app: App, to: str) -> tuple[str, str]:
    """Return the target as the library has it and its id, ``""`` where it is to be made."""
    path = normalise(to)
    if is_view(path):
        raise CodedError(Code.BAD_ARGUMENT, "A view is no folder", "Upload to a folder, then use photos_album.")
    try:
        found = await app.remote.stat(path, fresh=True)
    except NotFoundError:
        return path, ""
    if not found.is_folder:
        raise IsFileError(path)
    return found.path, found.id


async def _held(app: App, files: Sequence[Outgoing], dedupe: Dedupe) -> dict[str, str]:
    """Return the ids of what the library holds of these contents; a remote that cannot tell is asked while sending."""
    if dedupe == "keep" or not files or not isinstance(app.remote, SupportsDigests):
        return {}
    return {md5: entry.id for md5, entry in (await app.remote.known([each.md5 for each in files])).items()}


def _name(file: Outgoing, taken: dict[str, Entry | None]) -> tuple[str, str]:
    """Return a name that is free in the folder; or the id of what is there of this name and content."""
    for name in chain([file.name], islice(candidates(file.name), 1, None)):
        if fold(name) not in taken:
            return name, ""
        entry = taken[fold(name)]
        if entry is not None and entry.md5 == file.md5 and not entry.is_folder:
            return name, entry.id
    raise CodedError(Code.BAD_ARGUMENT, f"{quoted(file.name)} has too many namesakes in the folder")
