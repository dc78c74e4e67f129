"""``photos_duplicates``: photographs that are one, in three answers: the same bytes, encoded anew, a burst.

What counts as one, and which is kept, is decided by :mod:`ap_remote.semantic.duplicates`, as for ``ap index
duplicates``; files of the same bytes are found without an index too. Advice: it removes nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio.to_thread
import msgspec
from mcp.server.mcpserver import Context

from ap_remote.backends.readonly import ReadOnlyRemote
from ap_remote.model import Status
from ap_remote.remote.paths import fold, normalise
from ap_remote.semantic.near import ranked
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_CHANGE
from ap_remote_mcp.results.pages import Copies, Duplicates
from ap_remote_mcp.tools.parameters import Cursor, Filter, FolderPath, Rows
from ap_remote_mcp.tools.queries import DuplicatesQuery, Position, Sameness, begin, seal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote, Sort
    from ap_remote.semantic.duplicates import Duplicates as Found

_MB: Final = 1e6
_ADVICE: Final[dict[Sameness, str]] = {
    "exact": "advice from one listing: ap dedupe also weighs albums and other marks, and may keep another one",
    "re-encoded": "the others may be smaller or a little cropped: look at a group before any of it goes",
    "burst": "frames of a burst are different pictures, no copies: let a person choose which may go",
}
_NARROW: Final = "Narrow it by path or filter, e.g. one year: timeYear:(2023)."


class _Found(NamedTuple):
    groups: list[Copies]
    looked_at: int
    note: str


class _Listed(ReadOnlyRemote):
    """A library of what was listed already, so that nobody is asked again."""

    def __init__(self, inner: Remote, entries: Sequence[Entry]) -> None:
        super().__init__(inner)
        self._entries = entries

    async def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield all of it, whatever is asked."""
        del query, sort
        for entry in self._entries[:limit]:
            yield entry


async def photos_duplicates(
    ctx: Context[App],
    *,
    kind: Sameness = "exact",
    path: FolderPath = "",
    filter_: Filter = "",
    limit: Rows = 20,
    cursor: Cursor = "",
) -> Duplicates:
    """Find copies: exact (same bytes) or re-encoded (saved anew); or burst (frames, no copies). Trashes nothing.

    All but exact need the index. Groups say which to keep; look at ids before photos_trash.
    """
    app: App = ctx.request_context.lifespan_context
    query, position = begin(app, DuplicatesQuery(kind=kind, path=path, filter=filter_), cursor)
    found = await (_exact(app, query) if query.kind == "exact" else _looked(app, query, position))
    groups = sorted(found.groups, key=lambda group: (-group.reclaim_mb, group.keep))
    shown, following = _page(app, position, groups, limit)
    moved = position.at > 0 and [group.keep for group in groups[position.at - 1 : position.at]] != [position.last]
    notes = [
        found.note,
        "the library changed since the last page: some may repeat or be missing" if moved else "",
        _ADVICE[query.kind] if shown and not position.at else "",
    ]
    return Duplicates(
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
    # Ranked as the other kinds are: an answer that kept another twin would, together with theirs, leave none.
    return [_copies("exact", *ranked(same)) for same in known.values() if len(same) > 1]


async def _looked(app: App, query: DuplicatesQuery, position: Position) -> _Found:
    if app.index is None or not await app.covered():
        raise CodedError(
            Code.INDEX_MISSING,
            "There is no semantic index of this library",
            "photos_sync(what=embeddings) makes one; kind=exact needs none.",
        )
    files, note = await _files(app, query)
    app.turn.leave()
    photographs = [entry for entry in files if entry.is_photo]
    if len(photographs) > app.limits.compared:
        what = f"{len(photographs)} pictures are too many to compare all with all; at most {app.limits.compared}"
        raise CodedError(Code.BAD_ARGUMENT, what, _NARROW)
    key = await anyio.to_thread.run_sync(_digest, query.kind, photographs)
    found: Found
    if position.at and app.alike is not None and app.alike[0] == key:
        found = app.alike[1]
    else:
        found = await app.index.duplicates(_Listed(app.remote, photographs), kinds=[query.kind])
        app.alike = key, found
    groups = [_copies(each.kind, (each.keep, *each.others), each.why, each.least) for each in found.groups]
    return _Found(groups, found.looked_at, "; ".join(each for each in (note, found.note) if each))


def _digest(kind: Sameness, entries: Sequence[Entry]) -> bytes:
    """Return what stands for a question and all that its answer rests on but the index."""
    digest = hashlib.blake2b(kind.encode())
    encoder = msgspec.msgpack.Encoder()
    for entry in entries:
        digest.update(encoder.encode(entry))
    return digest.digest()


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


def _copies(kind: Sameness, entries: Sequence[Entry], why: str, least: float | None = None) -> Copies:
    """Return a group; the first entry is the one to keep."""
    others = entries[1:]
    group = Copies(
        kind=kind,
        keep=entries[0].id,
        why=why,
        ids=[each.id for each in others[:MAX_CHANGE]],
        reclaim_mb=round(sum(each.size for each in others) / _MB, 2),
        more=max(0, len(others) - MAX_CHANGE),
    )
    if least is not None:
        group.score = least
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
