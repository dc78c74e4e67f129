"""``photos_list`` and ``photos_get``: looking around and looking up."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import msgspec
from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote_mcp.changes.folderplans import named_in
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_IDS
from ap_remote_mcp.results.items import Detail, details
from ap_remote_mcp.results.pages import Folder, Found, Listing
from ap_remote_mcp.tools.folders import plan_listing
from ap_remote_mcp.tools.listing import folders_in, is_item, listed
from ap_remote_mcp.tools.parameters import Cursor, Id, Rows
from ap_remote_mcp.tools.queries import ListQuery, Position, Source, begin
from ap_remote_mcp.tools.rows import Cut, Row, cut, fitting, items_within, people_in
from ap_remote_mcp.tools.targets import albums_of
from ap_remote_mcp.tools.within import at_home

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.results.items import Item


async def photos_list(
    ctx: Context[App],
    *,
    path: Annotated[str, Meta(max_length=1000, description="e.g. Pictures/2023")] = "",
    album: Annotated[str, Meta(max_length=256, description="name or id")] = "",
    source: Source = "folder",
    depth: Annotated[int, Meta(ge=0, le=2, description="1 counts in folders, 2 shows theirs")] = 0,
    limit: Rows = 20,
    cursor: Cursor = "",
) -> Listing:
    """List one of: a folder by path, an album, a source (recent is by date added). To find pictures: photos_search."""
    app: App = ctx.request_context.lifespan_context
    if sum((bool(path), bool(album), source != "folder")) > 1:
        raise CodedError(Code.BAD_ARGUMENT, "path, album and source exclude each other")
    query, position = begin(app, ListQuery(path=path, album=album, source=source), cursor)
    plan = named_in(query.path)
    if plan is not None:
        return await plan_listing(app, plan, position, limit)
    return await listing(app, query, position, depth=depth, limit=limit)


async def listing(app: App, query: ListQuery, position: Position, *, depth: int, limit: int) -> Listing:
    """Return a page of what a folder, an album or a source holds.

    Raises:
        CodedError: there is no such album.
        RemoteError: what the remote raises.
    """
    standing = query.source in ("recent", "favorites", "unfiled")
    folders: list[Folder] = []
    note = ""
    # One more tells whether there are more; where rows moved some more are looked at.
    async with aclosing(listed(app, query, position.at + 2 * limit + 1)) as entries:
        if standing:
            page = await cut((Row(each) async for each in entries), position, limit)
            total = None
        else:
            everything = [each async for each in entries]
            folders_among, files = _parted(query, everything)
            page = await cut(_each(files), position, limit)
            total = len(files)
            if not position.at and query.source != "trash":
                folders, note = await folders_in(app, folders_among, depth)
    if query.album:
        homes = await at_home(app, [row.entry for row in page.rows])
        page = msgspec.structs.replace(page, rows=[Row(each) for each in homes])
    items, following = await items_within(app, position, page)
    answer = Listing(
        items=items,
        as_of=app.now,
        next=following,
        note="; ".join(each for each in (note, page.note, _over(page, items, following)) if each),
        folders=folders,
    )
    if total is not None:
        answer.total = total
    return answer


async def photos_get(
    ctx: Context[App],
    *,
    ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_IDS)],
    detail: Detail = "basic",
) -> Found:
    """Look items up by id. exif adds path, camera, position, labels; all adds captions, albums. Pixels: photos_view."""
    app: App = ctx.request_context.lifespan_context
    entries, missing = await app.entries(ids)
    names = await people_in(app, entries)
    held, note = await albums_of(app, entries) if detail == "all" else ({}, "")
    told = (details(each, detail, names, albums=held.get(each.id), note=note) for each in entries)
    items = fitting(app, told, room=0)
    return Found(items=items, missing=missing, left_out=[each.id for each in entries[len(items) :]])


def _over(page: Cut, items: Sequence[Item], following: str) -> str:
    """Say so where a page is the last one that is given, and not the last that there is."""
    left = page.more or len(items) < len(page.rows)
    return "no further pages: photos_search with filters finds the rest" if left and not following else ""


def _parted(query: ListQuery, entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the folders and albums among entries, and what is shown as items, which in the trash is everything."""
    folders = [each for each in entries if each.is_folder]
    return folders, [each for each in entries if is_item(query, each)] if folders else entries


async def _each(files: list[Entry]) -> AsyncIterator[Row]:
    for entry in files:
        yield Row(entry)
