"""``photos_list`` and ``photos_get``: looking around and looking up."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

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
from ap_remote_mcp.tools.rows import Row, cut, items_within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ap_remote.model import Entry


async def photos_list(
    ctx: Context[App],
    *,
    path: Annotated[str, Meta(max_length=1000, description="e.g. Pictures/2023; empty is the root")] = "",
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
    standing = query.source in ("recent", "favorites")
    folders: list[Folder] = []
    note = ""
    async with aclosing(listed(app, query)) as entries:
        if standing:
            page = await cut((Row(each) async for each in entries), position, limit)
            total = None
        else:
            everything = [each async for each in entries]
            files = [each for each in everything if is_item(query, each)]
            page = await cut(_each(files), position, limit)
            total = len(files)
            if not position.at and query.source != "trash":
                folders, note = await folders_in(app, [each for each in everything if each.is_folder], depth)
    items, following = items_within(app, position, page)
    answer = Listing(
        items=items,
        as_of=app.now,
        next=following,
        note="; ".join(each for each in (note, page.note) if each),
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
    """Look items up by id. exif adds path, camera, position, labels; all adds captions. For pixels: photos_view."""
    app: App = ctx.request_context.lifespan_context
    entries, missing = await app.entries(ids)
    answer = Found(items=[], missing=missing)
    size = 0
    for entry in entries:
        shown = details(entry, detail)
        size += app.weigh(shown)
        if answer.items and size > app.limits.result_bytes:
            answer.left_out.append(entry.id)
        else:
            answer.items.append(shown)
    return answer


async def _each(files: list[Entry]) -> AsyncIterator[Row]:
    for entry in files:
        yield Row(entry)
