"""``photos_search``: by meaning, by example, by Amazon's facets, by what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context
from msgspec import UNSET, Meta

from ap_remote.remote.base import Sort
from ap_remote_mcp.context import App
from ap_remote_mcp.policy.limits import MAX_ID
from ap_remote_mcp.results.pages import SearchPage
from ap_remote_mcp.tools.parameters import Cursor, Filter, From, People, PlaceName, Rows, Things, To, Words
from ap_remote_mcp.tools.queries import MediaKind, Position, SearchMode, SearchQuery, begin
from ap_remote_mcp.tools.rows import Cut, Search, found, items_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Facet


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
    sort: Sort = "-taken",
    limit: Rows = 20,
    cursor: Cursor = "",
) -> SearchPage:
    """Find photographs and videos; all filters must hold.

    mode auto: semantic (by meaning, best first) where there is an index, else server (Amazon's labels, places,
    people), else metadata (words in names, folders, labels). Returns ids, never pixels: look with
    photos_contact_sheet or photos_view. Count with photos_facets.
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
        sort=sort,
    )
    wanted, position = begin(app, wanted, cursor)
    search, page = await found(app, wanted, position, limit)
    items, following = items_within(app, position, page)
    total = await _total(app, search, position, page, cut_short=len(items) < len(page.rows))
    return SearchPage(
        items=items,
        as_of=app.now,
        total=UNSET if total is None else total,
        next=following,
        note=_note(app, search, page, following=following),
        mode_used=search.mode,
        index=await app.coverage() if search.mode == "semantic" else UNSET,
    )


async def _total(app: App, search: Search, position: Position, page: Cut, *, cut_short: bool) -> int | None:
    if search.mode == "semantic":
        return None
    if not page.more and not cut_short:
        return position.at + len(page.rows)
    if not search.selection.exact:
        return None
    return counted(await app.remote.aggregations("type", query=search.selection.filter), search.selection.filter)


def counted(facets: Sequence[Facet], query: str) -> int:
    """Return how many entries a search finds from their counts by type; albums only where they were asked for."""
    return sum(facet.count for facet in facets if facet.value != "ALBUMS" or "ALBUMS" in query)


def _note(app: App, search: Search, page: Cut, *, following: str) -> str:
    notes = [search.selection.note, page.note]
    if not search.selection.exact and not page.more and search.mode != "semantic":
        notes.append(f"at most {app.limits.scan} entries were looked through")
    if page.more and not following:
        notes.append("no further pages: narrow the search")
    return "; ".join(note for note in notes if note)
