"""``photos_search``: by meaning, by example, by Amazon's facets, by what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from mcp.server.mcpserver import Context
from msgspec import UNSET, Meta

from ap_remote.remote.base import Sort
from ap_remote_mcp.context import App
from ap_remote_mcp.policy.limits import MAX_ID
from ap_remote_mcp.results.pages import SearchPage
from ap_remote_mcp.tools import local
from ap_remote_mcp.tools.filters import Meant, meaning
from ap_remote_mcp.tools.parameters import (
    Cursor,
    Filter,
    From,
    InAlbum,
    InFolder,
    MinMb,
    People,
    PlaceName,
    Rows,
    Things,
    To,
    Words,
)
from ap_remote_mcp.tools.queries import MediaKind, Position, SearchMode, SearchQuery, begin
from ap_remote_mcp.tools.rows import Cut, Search, found, items_within

if TYPE_CHECKING:
    from collections.abc import Iterator

_FADED: Final = 0.75
"""Of the best score (own choice); cosines of an encoder lie close together."""


async def photos_search(
    ctx: Context[App],
    *,
    query: Words = "",
    like_id: Annotated[str, Meta(max_length=MAX_ID, description="look like this one")] = "",
    mode: SearchMode = "auto",
    filter_: Filter = "",
    from_: From = "",
    to: To = "",
    place: PlaceName = "",
    people: People = (),
    things: Things = (),
    kind: MediaKind = "any",
    fav: bool = False,
    folder: InFolder = "",
    album: InAlbum = "",
    min_mb: MinMb = 0.0,
    sort: Sort = "-taken",
    limit: Rows = 20,
    cursor: Cursor = "",
) -> SearchPage:
    """Find photos and videos; all filters, and all values of one, must hold.

    mode auto: semantic (by meaning, best first) with an index, else server (Amazon's labels, places, people), else
    metadata (words in names, folders, labels). To see them: photos_contact_sheet, photos_view; to count: photos_facets.
    """
    app: App = ctx.request_context.lifespan_context
    wanted = SearchQuery(
        text=query,
        like=like_id,
        mode=mode,
        filter=filter_,
        begin=from_,
        end=to,
        place=place,
        people=tuple(people),
        things=tuple(things),
        kind=kind,
        fav=fav,
        folder=folder,
        album=album,
        min_mb=min_mb,
        sort=sort,
    )
    wanted, position = begin(app, wanted, cursor)
    search, page = await found(app, wanted, position, limit)
    items, following = await items_within(app, position, page)
    total = await _total(app, search, position, page, cut_short=len(items) < len(page.rows))
    return SearchPage(
        items=items,
        as_of=app.time_of(search.as_of) + "Z" if search.as_of else app.now,
        total=UNSET if total is None else total,
        next=following,
        note=await _note(app, search, position, page, following=following),
        mode_used=search.mode,
        index=await app.coverage() if search.mode == "semantic" else UNSET,
    )


async def _total(app: App, search: Search, position: Position, page: Cut, *, cut_short: bool) -> int | None:
    if search.mode == "semantic" or page.short:
        return None
    if page.total is not None:
        return page.total
    if not page.more and not cut_short:
        return page.at + len(page.rows) if page.rows or not position.at else None
    if not search.selection.exact:
        return None
    # Later pages say what the first one counted.
    return await local.count(app, search.selection.filter, search.as_of, fresh=not position.at)


async def _note(app: App, search: Search, position: Position, page: Cut, *, following: str) -> str:
    notes = [search.note, search.selection.note, page.note]
    if search.mode == "semantic":
        notes.append(await _said(app, search, page))
        notes.append(_faded(position, page))
    if page.short:
        read = f"only the {page.short} nearest" if search.mode == "semantic" else f"at most {page.short} entries"
        notes.append(f"{read} were looked through")
    if page.more and not following:
        notes.append("no further pages: narrow the search")
    return "; ".join(note for note in notes if note)


async def _said(app: App, search: Search, page: Cut) -> str:
    """Say what of a question was read, and what of it would narrow the search."""
    told: list[str] = []
    first = sum(row.written for row in page.rows)
    if first:
        told.append(f"{first} first by what is written about them, the rest by meaning")
    if search.words:
        meant = await meaning(app, search.query.text)
        spelt = {name: f"{name!r} is a {kind}: {kind}{many} narrows" for name, kind, many in _named(search, meant)}
        told += spelt.values()
    return "; ".join(told)


def _named(search: Search, meant: Meant) -> Iterator[tuple[str, str, str]]:
    query = search.query
    if not query.place:
        yield from ((name, "place", f"={name}") for name in meant.places)
    if not query.people:
        yield from ((name, "person", f"; people=[{name!r}]") for name in meant.people)


def _faded(position: Position, page: Cut) -> str:
    """Say from which row on the scores are far below the best: a search by meaning has no end of its own."""
    best = position.best or max((row.score for row in page.rows), default=0.0)
    for number, row in enumerate(page.rows, 1):
        if not row.written and row.score < best * _FADED:
            return f"from row {number} on scores are below {best * _FADED:.2f}, {_FADED:.0%} of the best: a weak fit"
    return ""
