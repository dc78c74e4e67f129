"""Entries one after another, whatever the question, and pages cut from them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ap_remote.errors import EncoderError, MissingExtraError, StoreError
from ap_remote.model import NodeId
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.items import Item, item, kind_of
from ap_remote_mcp.tools import local
from ap_remote_mcp.tools.filters import Selection, select
from ap_remote_mcp.tools.names import fold
from ap_remote_mcp.tools.queries import Position, SearchQuery, seal
from ap_remote_mcp.tools.written import written

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App
    from ap_remote_mcp.results.pages import Mode

_ROOM: Final = 700
"""JSON bytes kept for a page's other fields."""
_STILLS: Final = "the semantic index has photographs only"
_SMALL: Final = frozenset(
    {"a", "an", "and", "at", "by", "for", "from", "in", "my", "of", "on", "or", "our", "the", "to", "with"}
)
"""Words of a question that nobody writes about a picture."""


class Row(NamedTuple):
    """An entry and, from the semantic index, how well it fits (a cosine)."""

    entry: Entry
    score: float = 0.0
    written: bool = False
    """Whether it comes first because the words of the question are written about it."""


class Reach(msgspec.Struct):
    """How far a search has read that is sifted here."""

    short: bool = False
    """Whether there was more than it may read."""


class Search(msgspec.Struct, frozen=True):
    """A question ready to be asked."""

    query: SearchQuery
    mode: Mode
    selection: Selection
    as_of: float = 0.0
    """The moment as of which the node cache answers; 0.0 where the service is asked."""
    words: tuple[str, ...] = ()
    """Rows in which all of these are written come before those that are near."""
    note: str = ""


async def prepare(app: App, query: SearchQuery, *, indexed: bool) -> Search:
    """Decide how a question is searched and compose its filter.

    Raises:
        CodedError: it needs an index that is not there, or means nothing.
        QuerySyntaxError: the filter in it.
    """
    text = query.text.strip()
    if query.like or query.mode == "semantic":
        return await _nearby(app, query, indexed=indexed)
    if not text:
        mode: Mode = "metadata" if query.mode == "metadata" else "server"
        return await _asked(app, Search(query, mode, await select(app, query)))
    note = _STILLS if query.mode == "auto" and indexed else ""
    if note and query.kind != "video":
        words = tuple(each for each in fold(text).split() if each not in _SMALL)
        return Search(query, "semantic", await select(app, query), words=words, note=_unsorted(query))
    if query.mode != "metadata":
        try:
            return await _asked(app, Search(query, "server", await select(app, query, facets=text), note=note))
        except CodedError as exc:
            if query.mode == "server" or exc.code is not Code.NOT_FOUND:
                raise
    return await _asked(app, Search(query, "metadata", await select(app, query, words=text), note=note))


async def _nearby(app: App, query: SearchQuery, *, indexed: bool) -> Search:
    """Prepare a question for the index alone."""
    if not indexed:
        raise CodedError(Code.INDEX_MISSING, "There is no semantic index of this library")
    if not query.text.strip() and not query.like:
        raise CodedError(Code.BAD_ARGUMENT, "mode semantic needs query or like_id")
    if query.kind == "video":
        raise CodedError(Code.BAD_ARGUMENT, _STILLS, "Leave out kind, or search in mode server or metadata.")
    if query.like:
        examples, _ = await app.entries([query.like])
        if not examples:
            raise CodedError(Code.NOT_FOUND, "No item has the id of like_id")
        if not examples[0].is_photo:
            raise CodedError(Code.BAD_ARGUMENT, f"like_id is a {kind_of(examples[0])}, no photograph")
    return Search(query, "semantic", await select(app, query), note=_unsorted(query))


async def _asked(app: App, search: Search) -> Search:
    """Note whether the node cache answers."""
    return msgspec.structs.replace(search, as_of=await local.moment(app, search.selection.filter))


def _unsorted(query: SearchQuery) -> str:
    return "sort is not used: the best come first" if query.sort != "-taken" else ""


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
    reach = Reach()
    async with aclosing(rows(app, search, position.at + limit + 1, reach)) as source:
        page = await cut(source, position, limit)
    return msgspec.structs.replace(page, short=reach.short)


async def rows(app: App, search: Search, want: int, reach: Reach) -> AsyncGenerator[Row]:
    """Yield what a search finds, in its order; *want* tells how many the caller may take."""
    source = _nearest(app, search, want) if search.mode == "semantic" else _searched(app, search, want, reach)
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
    # The index is asked first: where it fails nothing was given yet.
    while True:
        asked = min(asked, app.limits.semantic)
        hits = await app.index.search(
            app.remote,
            text=query.text.strip() or None,
            like=NodeId(query.like) if query.like else None,
            query=selection.filter,
            limit=asked,
        )
        if not given and search.words:
            scores = {hit.entry.id: hit.score for hit in hits}
            for entry in await written(app, query, selection, search.words):
                given.add(entry.id)
                yield Row(entry, scores.get(entry.id, 0.0), written=True)
        for hit in hits:
            if hit.entry.id not in given and hit.entry.id != query.like and selection.holds(hit.entry):
                given.add(hit.entry.id)
                yield Row(hit.entry, hit.score)
        if len(hits) < asked or asked >= app.limits.semantic:
            return
        asked *= 4


async def _searched(app: App, search: Search, want: int, reach: Reach) -> AsyncGenerator[Row]:
    selection = search.selection
    read = 0
    # Where every row is one of the answer, no more are fetched than are taken.
    limit = want if selection.exact else app.limits.scan + 1 if search.as_of else None
    source = local.entries(app, selection.filter, sort=search.query.sort, limit=limit, as_of=search.as_of)
    async for entry in source:
        if not selection.exact and read >= app.limits.scan:
            reach.short = True
            return
        if selection.holds(entry):
            yield Row(entry)
        read += 1


class Cut(msgspec.Struct, frozen=True):
    """Rows of one page and what follows them."""

    rows: list[Row]
    more: bool
    note: str = ""
    at: int = 0
    """How many rows come before them."""
    short: bool = False
    """Whether what is sifted here was not read to its end."""


async def cut(source: AsyncIterator[Row], position: Position, limit: int) -> Cut:
    """Skip what earlier pages gave and take at most *limit* rows.

    They end with the row that was shown last, wherever it is now; where it is gone, the page begins one row earlier, so
    that nothing is passed over that has only moved up.
    """
    kept: list[Row] = []
    seen, at, moved = 0, max(0, position.at - 1), position.at > 0
    looking = moved
    async for row in source:
        seen += 1
        if looking and row.entry.id == position.last:
            looking, at, moved = False, seen, seen != position.at
            kept.clear()
        elif not looking or seen >= position.at:
            kept.append(row)
            # What came in above moves the last row down: it is looked for a page further.
            if len(kept) > (2 * limit if looking else limit):
                break
    note = "the library changed since the last page: some may repeat or be missing" if moved else ""
    return Cut(kept[:limit], more=len(kept) > limit, note=note, at=at)


async def items_within(app: App, position: Position, page: Cut) -> tuple[list[Item], str]:
    """Return the items of a page that fit into one answer, and the cursor of what follows."""
    items: list[Item] = []
    size = _ROOM
    names = await people_in(app, [row.entry for row in page.rows])
    for row in page.rows:
        shown = item(row.entry, score=row.score, names=names)
        size += app.weigh(shown)
        if items and size > app.limits.result_bytes:
            break
        items.append(shown)
    cut_short = len(items) < len(page.rows)
    if not items or not (page.more or cut_short):
        return items, ""
    at = page.at + len(items)
    if at >= app.limits.position:
        return items, ""
    best = position.best or max((row.score for row in page.rows), default=0.0)
    return items, seal(app, Position(query=position.query, at=at, last=items[-1].id, best=best))


async def people_in(app: App, entries: Sequence[Entry]) -> dict[str, str]:
    """Return the names of the people of the library by their ids, if anybody is on these pictures."""
    if not any(entry.people for entry in entries):
        return {}
    return {each.value: each.label for each in await app.library("allPeople") if each.label}
