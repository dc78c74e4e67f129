"""``photos_duplicates``: copies of one picture, by their bytes or by how they look. Advice: it removes nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import anyio.to_thread
from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote.errors import LimitError
from ap_remote.insight.library import File
from ap_remote.insight.names import sort_of
from ap_remote.insight.twins import twins
from ap_remote.model import Status
from ap_remote.remote.paths import fold, normalise
from ap_remote.semantic.near import THRESHOLD, Frames, ranked
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_CHANGE
from ap_remote_mcp.results.pages import Copies, Duplicates
from ap_remote_mcp.tools.parameters import Cursor, Filter, FolderPath, Rows
from ap_remote_mcp.tools.queries import DuplicatesQuery, Position, Sameness, begin, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

_MB: Final = 1e6
_ADVICE: Final = "advice from one listing: ap dedupe also weighs albums and other marks, and may keep another one"
_NARROW: Final = "Narrow it by path or filter, e.g. one year: timeYear:(2023)."


class _Found(NamedTuple):
    groups: list[Copies]
    looked_at: int
    note: str


async def photos_duplicates(
    ctx: Context[App],
    *,
    kind: Sameness = "exact",
    threshold: Annotated[float, Meta(ge=0.8, le=1, description="near: cosine")] = THRESHOLD,
    path: FolderPath = "",
    filter_: Filter = "",
    limit: Rows = 20,
    cursor: Cursor = "",
) -> Duplicates:
    """Find copies: exact (same bytes) or near (looks the same; needs the index). Trashes nothing.

    Groups say which to keep; look at ids before photos_trash.
    """
    app: App = ctx.request_context.lifespan_context
    query = DuplicatesQuery(kind=kind, threshold=threshold, path=path, filter=filter_)
    query, position = begin(app, query, cursor)
    found = await (_exact(app, query) if query.kind == "exact" else _near(app, query))
    groups = sorted(found.groups, key=lambda group: (-group.reclaim_mb, group.keep))
    shown, following = _page(app, position, groups, limit)
    moved = position.at > 0 and [group.keep for group in groups[position.at - 1 : position.at]] != [position.last]
    notes = [
        found.note,
        "the library changed since the last page: some may repeat or be missing" if moved else "",
        _ADVICE if shown and not position.at else "",
    ]
    return Duplicates(
        kind=query.kind,
        groups=shown,
        total_groups=len(groups),
        total_copies=sum(len(group.ids) + group.more for group in groups),
        total_mb=round(sum(group.reclaim_mb for group in groups), 2),
        looked_at=found.looked_at,
        as_of=app.now,
        next=following,
        note="; ".join(note for note in notes if note),
    )


async def _exact(app: App, query: DuplicatesQuery) -> _Found:
    files, note = await _files(app, query)
    app.turn.leave()
    return _Found(await anyio.to_thread.run_sync(_same_bytes, files), len(files), note)


def _same_bytes(files: Sequence[Entry]) -> list[Copies]:
    known: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in files:
        if entry.md5 and entry.size:
            known[entry.md5, entry.size].append(entry)
    groups = []
    for (md5, _), same in known.items():
        if len(same) > 1:
            found = twins(md5, map(_file, same))
            groups.append(_copies([(each.id, each.size) for each in found.files], found.why))
    return groups


async def _near(app: App, query: DuplicatesQuery) -> _Found:
    if app.index is None or not await app.covered():
        raise CodedError(
            Code.INDEX_MISSING,
            "There is no semantic index of this library",
            "photos_sync(what=embeddings) makes one; kind=exact needs none.",
        )
    files, note = await _files(app, query)
    app.turn.leave()
    table = await app.index.table()
    photographs = {entry.id: entry for entry in files if entry.is_photo}
    owners: dict[int, list[Entry]] = defaultdict(list)
    for node, row in zip(table.ids, table.rows, strict=True):
        if node in photographs:
            owners[int(row)].append(photographs[node])
    if len(owners) > app.limits.compared:
        what = f"{len(owners)} pictures are too many to compare all with all; at most {app.limits.compared}"
        raise CodedError(Code.BAD_ARGUMENT, what, _NARROW)
    rows = sorted(owners)
    if not rows:
        return _Found([], 0, note or "none of the pictures is in the index")
    frames = Frames.of([owners[row][0] for row in rows])
    try:
        near = await app.near.find(table.vectors[rows], frames, threshold=query.threshold)
    except LimitError as exc:
        raise CodedError(Code.BAD_ARGUMENT, exc.message, f"Raise threshold. {_NARROW}") from exc
    groups = []
    for members, score in zip(near.groups, near.least, strict=True):
        order, why = ranked(entry for member in members for entry in owners[rows[member]])
        groups.append(_copies([(entry.id, entry.size) for entry in order], why, score))
    looked_at = sum(map(len, owners.values()))
    missing = len(photographs) - looked_at
    left_out = f"{missing} pictures are not in the index and were not compared" if missing else ""
    return _Found(groups, looked_at, "; ".join(each for each in (note, left_out) if each))


async def _files(app: App, query: DuplicatesQuery) -> tuple[list[Entry], str]:
    """Return the files that a question means, each once, and a note where they were too many."""
    folder = normalise(query.path)
    found: dict[str, Entry] = {}
    if query.filter and folder:
        await app.remote.stat(folder)
    begins = fold(f"{folder}/") if folder else ""
    source = app.remote.search(query.filter) if query.filter else app.remote.list(folder, recursive=True)
    async for entry in source:
        if entry.is_folder or entry.status is not Status.AVAILABLE or not fold(entry.path).startswith(begins):
            continue
        if len(found) >= app.limits.listed:
            return list(found.values()), f"only the first {len(found)} files were looked at; narrow it by path"
        found.setdefault(entry.id, entry)
    return list(found.values()), ""


def _file(entry: Entry) -> File:
    return File(
        path=entry.path,
        id=entry.id,
        size=entry.size,
        sort=sort_of(entry),
        taken=entry.taken,
        created=entry.created,
        favorite=entry.favorite,
    )


def _copies(files: Sequence[tuple[str, int]], why: str, score: float = 0.0) -> Copies:
    """Return a group; the first file is the one to keep."""
    others = files[1:]
    group = Copies(
        keep=files[0][0],
        why=why,
        ids=[each for each, _ in others[:MAX_CHANGE]],
        reclaim_mb=round(sum(size for _, size in others) / _MB, 2),
        more=max(0, len(others) - MAX_CHANGE),
    )
    if score:
        group.score = score
    return group


def _page(app: App, position: Position, groups: Sequence[Copies], limit: int) -> tuple[list[Copies], str]:
    """Return the groups of a page that fit into one answer, and the cursor of what follows."""
    shown: list[Copies] = []
    size = 600  # JSON bytes of the other fields
    for group in groups[position.at : position.at + limit]:
        size += app.weigh(group)
        if shown and size > app.limits.result_bytes:
            break
        shown.append(group)
    at = position.at + len(shown)
    if not shown or at >= len(groups):
        return shown, ""
    return shown, seal(app, Position(query=position.query, at=at, last=shown[-1].keep))
