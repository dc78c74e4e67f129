"""What a folder, an album, the trash or a standing selection holds, in rows."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import UNSET

from ap_remote.errors import NotFoundError, UnsupportedError
from ap_remote.model import Kind, NodeId
from ap_remote.remote.features import SupportsAlbums, SupportsTrashListing
from ap_remote.remote.paths import normalise
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.pages import Folder, Tree
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools import local
from ap_remote_mcp.tools.rows import Row
from ap_remote_mcp.tools.targets import album_named, no_folder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ap_remote.model import Entry, Ref
    from ap_remote_mcp.context import App
    from ap_remote_mcp.tools.queries import ListQuery


async def listed(app: App, query: ListQuery, want: int | None = None) -> AsyncGenerator[Entry]:
    """Yield the entries that a listing means, folders and albums among them; *want* of them are enough.

    Raises:
        CodedError: no such folder or album, or several of that name.
        UnsupportedError: the remote has no albums, or no view of its trash.
        RemoteError: as :meth:`Remote.list` and :meth:`Remote.search`.
    """
    try:
        async for entry in await _source(app, query, want):
            yield entry
    except NotFoundError as exc:
        if query.source != "folder" or query.album:
            raise
        raise await _nothing_at(app, query.path) from exc


async def listed_rows(app: App, query: ListQuery) -> AsyncGenerator[Row]:
    """Yield the items of a listing."""
    async with aclosing(listed(app, query)) as entries:
        async for entry in entries:
            if is_item(query, entry):
                yield Row(entry)


def is_item(query: ListQuery, entry: Entry) -> bool:
    """Whether an entry is shown as an item; a trashed folder is, since there is nothing to descend into."""
    return query.source == "trash" or not entry.is_folder


async def _source(app: App, query: ListQuery, want: int | None) -> AsyncIterator[Entry]:
    match query.source:
        case "trash":
            if not isinstance(app.remote, SupportsTrashListing):
                raise UnsupportedError("this remote cannot list its trash")
            return app.remote.trashed()
        case "recent":
            return local.entries(app, "", sort="-created", limit=want, as_of=await local.moment(app, ""))
        case "favorites":
            return app.remote.search("favorite:(true)")
        case "albums":
            return _albums(app)
        case "unfiled":
            return _unfiled(app, want)
    return app.remote.list(await _target(app, query))


def _albums(app: App) -> AsyncIterator[Entry]:
    if not isinstance(app.remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    return app.remote.albums()


async def _unfiled(app: App, want: int | None) -> AsyncGenerator[Entry]:
    """Yield the pictures that are in no album, the newest first."""
    albums = [each async for each in _albums(app)]
    inside = {each.id for album in albums async for each in app.remote.list(NodeId(album.id))}
    limit = None if want is None else want + len(inside)
    as_of = await local.moment(app, "")
    async for entry in local.entries(app, "", sort="-taken", limit=limit, as_of=as_of):
        if entry.id not in inside:
            yield entry


async def _nothing_at(app: App, path: str) -> CodedError:
    """Return the error for a path at which nothing is."""
    if path.startswith("plan:"):
        what = f"There is no plan {clean(path.removeprefix('plan:'), 40)!r}"
        return CodedError(Code.NOT_FOUND, what, "photos_suggest_folders makes one and tells its id.")
    return await no_folder(app, path)


async def _target(app: App, query: ListQuery) -> Ref:
    if not query.album:
        return normalise(query.path)
    return NodeId((await album_named(app, query.album)).id)


async def folders_in(app: App, entries: list[Entry], depth: int) -> tuple[list[Folder], str]:
    """Return folders for an answer, counted where *depth* asks, with a note where some were left out."""
    folders: list[Folder] = []
    looks = 0
    for entry in entries:
        counted = depth > 0 and looks < app.limits.counted_folders
        inside = [each async for each in app.remote.list(NodeId(entry.id))] if counted else []
        looks += counted
        folders.append(_folder(entry, inside if counted else None))
        if depth > 1:
            folders += [_folder(each, None) for each in inside if each.is_folder]
    notes = []
    if depth > 0 and looks < len(entries):
        notes.append(f"only {looks} folders were counted")
    if len(folders) > app.limits.folders:
        notes.append(f"{len(folders) - app.limits.folders} more folders are not shown; list a deeper path")
    return folders[: app.limits.folders], "; ".join(notes)


async def tree(app: App, depth: int) -> Tree:
    """Return the folders down to a depth, each with how many files and folders it has, as many as an answer holds."""
    folders: list[Folder] = []
    looks = 0
    waiting: list[tuple[Entry | None, int]] = [(None, 0)]
    while waiting and looks < app.limits.counted_folders and len(folders) < app.limits.folders:
        above, level = waiting.pop()
        inside = [each async for each in app.remote.list("" if above is None else NodeId(above.id))]
        looks += 1
        if above is not None:
            folders.append(_folder(above, inside))
        within = sorted((each for each in inside if each.kind is Kind.FOLDER), key=lambda each: each.name.casefold())
        if level < depth:
            waiting += [(each, level + 1) for each in reversed(within)]
    note = f"{len(waiting)} more folders were not looked into; photos_list shows what is in one" if waiting else ""
    return Tree(folders=folders, as_of=app.now, note=note)


def _folder(entry: Entry, inside: list[Entry] | None) -> Folder:
    within = sum(each.is_folder for each in inside or ())
    return Folder(
        id=entry.id,
        name=clean(entry.name),
        path=clean(entry.path, 300),
        kind="album" if entry.kind is Kind.ALBUM else "folder",
        count=UNSET if inside is None else len(inside) - within,
        folders=within,
    )
