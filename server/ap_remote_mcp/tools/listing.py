"""What a folder, an album, the trash or a standing selection holds, in rows."""

from __future__ import annotations

import difflib
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import UNSET

from ap_remote.errors import UnsupportedError
from ap_remote.model import Kind, NodeId
from ap_remote.remote.features import SupportsAlbums, SupportsTrashListing
from ap_remote.remote.paths import normalise
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.pages import Folder, Tree
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.rows import Row

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ap_remote.model import Entry, Ref
    from ap_remote_mcp.context import App
    from ap_remote_mcp.tools.queries import ListQuery

_NEAR = 5


async def listed(app: App, query: ListQuery) -> AsyncGenerator[Entry]:
    """Yield the entries that a listing means, folders and albums among them.

    Raises:
        CodedError: no such album, or several of that name.
        UnsupportedError: the remote has no albums, or no view of its trash.
        RemoteError: as :meth:`Remote.list` and :meth:`Remote.search`.
    """
    async for entry in await _source(app, query):
        yield entry


async def listed_rows(app: App, query: ListQuery) -> AsyncGenerator[Row]:
    """Yield the items of a listing."""
    async with aclosing(listed(app, query)) as entries:
        async for entry in entries:
            if is_item(query, entry):
                yield Row(entry)


def is_item(query: ListQuery, entry: Entry) -> bool:
    """Whether an entry is shown as an item; a trashed folder is, since there is nothing to descend into."""
    return query.source == "trash" or not entry.is_folder


async def _source(app: App, query: ListQuery) -> AsyncIterator[Entry]:
    match query.source:
        case "trash":
            if not isinstance(app.remote, SupportsTrashListing):
                raise UnsupportedError("this remote cannot list its trash")
            return app.remote.trashed()
        case "recent":
            return app.remote.search("", sort="-created")
        case "favorites":
            return app.remote.search("favorite:(true)")
    return app.remote.list(await _target(app, query))


async def _target(app: App, query: ListQuery) -> Ref:
    if not query.album:
        return normalise(query.path)
    return NodeId((await album_named(app, query.album)).id)


async def album_named(app: App, wanted: str) -> Entry:
    """Return the album of that id or name.

    Raises:
        CodedError: there is none, or several have that name.
        UnsupportedError: the remote has no albums.
    """
    if not isinstance(app.remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    albums = [album async for album in app.remote.albums()]
    for album in albums:
        if album.id == wanted:
            return album
    named = [album for album in albums if album.name.casefold() == wanted.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        raise CodedError(Code.AMBIGUOUS, f"{len(named)} albums have that name: {', '.join(each.id for each in named)}")
    names = [clean(album.name, 40) for album in albums]
    near = difflib.get_close_matches(clean(wanted, 40), names, n=_NEAR, cutoff=0.4) or names[:_NEAR]
    known = f"; there are {', '.join(map(repr, near))}" if near else "; there are none"
    raise CodedError(Code.NOT_FOUND, f"No album has the name or id {clean(wanted, 40)!r}{known}")


async def folders_in(app: App, entries: list[Entry], depth: int) -> tuple[list[Folder], str]:
    """Return folders for an answer, counted where *depth* asks, with a note where some were left out."""
    folders: list[Folder] = []
    looks = 0
    for entry in entries:
        counted = depth > 0 and looks < app.limits.counted_folders
        inside = [each async for each in app.remote.list(NodeId(entry.id))] if counted else []
        looks += counted
        folders.append(_folder(entry, len(inside) if counted else None))
        if depth > 1:
            folders += [_folder(each, None) for each in inside if each.is_folder]
    notes = []
    if depth > 0 and looks < len(entries):
        notes.append(f"only {looks} folders were counted")
    if len(folders) > app.limits.folders:
        notes.append(f"{len(folders) - app.limits.folders} more folders are not shown; list a deeper path")
    return folders[: app.limits.folders], "; ".join(notes)


async def tree(app: App, depth: int) -> Tree:
    """Return the folders down to a depth, each with the number of its entries, as many as an answer holds."""
    folders: list[Folder] = []
    looks = 0
    waiting: list[tuple[Entry | None, int]] = [(None, 0)]
    while waiting and looks < app.limits.counted_folders and len(folders) < app.limits.folders:
        above, level = waiting.pop()
        inside = [each async for each in app.remote.list("" if above is None else NodeId(above.id))]
        looks += 1
        if above is not None:
            folders.append(_folder(above, len(inside)))
        within = sorted((each for each in inside if each.kind is Kind.FOLDER), key=lambda each: each.name.casefold())
        if level < depth:
            waiting += [(each, level + 1) for each in reversed(within)]
    note = f"{len(waiting)} more folders were not looked into; photos_list shows what is in one" if waiting else ""
    return Tree(folders=folders, as_of=app.now, note=note)


def _folder(entry: Entry, count: int | None) -> Folder:
    return Folder(
        id=entry.id,
        name=clean(entry.name),
        path=clean(entry.path, 300),
        kind="album" if entry.kind is Kind.ALBUM else "folder",
        count=UNSET if count is None else count,
    )
