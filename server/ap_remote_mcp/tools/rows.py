"""Entries one after another, whatever the question, and pages cut from them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ap_remote.errors import EncoderError, MissingExtraError, StoreError
from ap_remote.model import NodeId
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.items import Item, item
from ap_remote_mcp.tools.filters import Selection, select
from ap_remote_mcp.tools.queries import Position, SearchQuery, seal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App
    from ap_remote_mcp.results.pages import Mode

_ROOM: Final = 600
"""JSON bytes kept for a page's other fields."""


class Row(NamedTuple):
    """An entry and, from the semantic index, how well it fits (a cosine)."""

    entry: Entry
    score: float = 0.0


class Search(msgspec.Struct, frozen=True):
    """A question ready to be asked."""

    query: SearchQuery
    mode: Mode
    selection: Selection


async def prepare(app: App, query: SearchQuery, *, indexed: bool) -> Search:
    """Decide how a question is searched and compose its filter.

    Raises:
        CodedError: it needs an index that is not there, or means nothing.
        QuerySyntaxError: the filter in it.
    """
    if query.like or query.mode == "semantic":
        if not indexed:
            raise CodedError(Code.INDEX_MISSING, "There is no semantic index of this library")
        if not query.text and not query.like:
            raise CodedError(Code.BAD_ARGUMENT, "mode semantic needs query or like_id")
        return Search(query, "semantic", await select(app, query))
    if not query.text:
        return Search(query, "metadata" if query.mode == "metadata" else "server", await select(app, query))
    if query.mode == "auto" and indexed:
        return Search(query, "semantic", await select(app, query))
    if query.mode != "metadata":
        try:
            return Search(query, "server", await select(app, query, facets=query.text))
        except CodedError as exc:
            if query.mode == "server" or exc.code is not Code.NOT_FOUND:
                raise
    return Search(query, "metadata", await select(app, query, words=query.text))


async def found(app: App, query: SearchQuery, position: Position, limit: int) -> tuple[Search, Cut]:
    """Return how a question was searched, and the rows of a page.

    In mode auto an index that turns out to be unusable is left aside.

    Raises:
        CodedError: as for :func:`prepare`.
        RemoteError: what the remote or the index raises.
    """
    search = await prepare(app, query, indexed=await app.covered() > 0)
    try:
        return search, await _page(app, search, position, limit)
    except (EncoderError, MissingExtraError, StoreError):
        if query.mode != "auto" or query.like or position.at or search.mode != "semantic":
            raise
    search = await prepare(app, query, indexed=False)
    return search, await _page(app, search, position, limit)


async def _page(app: App, search: Search, position: Position, limit: int) -> Cut:
    async with aclosing(rows(app, search, position.at + limit + 1)) as source:
        return await cut(source, position, limit)


async def rows(app: App, search: Search, want: int) -> AsyncGenerator[Row]:
    """Yield what a search finds, in its order; *want* tells how many the caller may take."""
    source = _nearest(app, search, want) if search.mode == "semantic" else _searched(app, search)
    async with aclosing(source) as found:
        async for row in found:
            yield row


async def _nearest(app: App, search: Search, want: int) -> AsyncGenerator[Row]:
    """Ask the index for more and more neighbours until enough pass what only we can check."""
    if app.index is None:
        return
    query, selection = search.query, search.selection
    asked = want if selection.exact else want * 4
    given: set[str] = set()
    while True:
        asked = min(asked, app.limits.semantic)
        hits = await app.index.search(
            app.remote,
            text=query.text or None,
            like=NodeId(query.like) if query.like else None,
            query=selection.filter,
            limit=asked,
        )
        for hit in hits:
            if hit.entry.id not in given and hit.entry.id != query.like and selection.holds(hit.entry):
                given.add(hit.entry.id)
                yield Row(hit.entry, hit.score)
        if len(hits) < asked or asked >= app.limits.semantic:
            return
        asked *= 4


async def _searched(app: App, search: Search) -> AsyncGenerator[Row]:
    selection = search.selection
    read = 0
    async for entry in app.remote.search(selection.filter, sort=search.query.sort):
        if selection.holds(entry):
            yield Row(entry)
        read += 1
        if not selection.exact and read >= app.limits.scan:
            return


class Cut(msgspec.Struct, frozen=True):
    """Rows of one page and what follows them."""

    rows: list[Row]
    more: bool
    note: str = ""


async def cut(source: AsyncIterator[Row], position: Position, limit: int) -> Cut:
    """Skip what earlier pages gave and take at most *limit* rows."""
    taken: list[Row] = []
    seen, previous, more = 0, "", False
    async for row in source:
        seen += 1
        if seen <= position.at:
            previous = row.entry.id
        elif len(taken) == limit:
            more = True
            break
        else:
            taken.append(row)
    moved = position.at > 0 and previous != position.last
    return Cut(
        taken, more=more, note="the library changed since the last page: some may repeat or be missing" if moved else ""
    )


def items_within(app: App, position: Position, page: Cut) -> tuple[list[Item], str]:
    """Return the items of a page that fit into one answer, and the cursor of what follows."""
    items: list[Item] = []
    size = _ROOM
    for row in page.rows:
        shown = item(row.entry, score=row.score)
        size += app.weigh(shown)
        if items and size > app.limits.result_bytes:
            break
        items.append(shown)
    cut_short = len(items) < len(page.rows)
    if not items or not (page.more or cut_short):
        return items, ""
    at = position.at + len(items)
    if at >= app.limits.position:
        return items, ""
    return items, seal(app, Position(query=position.query, at=at, last=items[-1].id))
