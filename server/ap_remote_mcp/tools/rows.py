"""Entries one after another, whatever the question, and pages cut from them."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import msgspec

from ap_remote.errors import ConfigError, EncoderError, LimitError, MissingExtraError, QuerySyntaxError, StoreError
from ap_remote.model import NodeId
from ap_remote.semantic import question
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.items import Item, item, kind_of
from ap_remote_mcp.tools import local
from ap_remote_mcp.tools.filters import Selection, select
from ap_remote_mcp.tools.names import fold
from ap_remote_mcp.tools.queries import Position, SearchQuery, seal
from ap_remote_mcp.tools.within import Among, Contents, at_home, contents, ordered
from ap_remote_mcp.tools.written import written

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

    from ap_remote.model import Entry
    from ap_remote.remote.base import Sort
    from ap_remote_mcp.context import App
    from ap_remote_mcp.results.pages import Mode

T = TypeVar("T")
_ROOM: Final = 700
"""JSON bytes kept for a page's other fields."""
_FEW: Final = 1000
"""Files that are listed and sorted sooner than they are looked for among all others (own choice)."""
_GROWTH: Final = 4
"""How many times more are read where the first were not enough."""
_PICTURES: Final = "type:(PHOTOS OR VIDEOS)"
"""What an index holds: films are seen by their posters, and by frames where a build was asked for them."""
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

    short: int = 0
    """How many were read where there was more; 0 where all were."""
    total: int | None = None
    """How many there are, where that came with them."""


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
    if query.mode == "auto" and indexed:
        _check_words(text)
        words = tuple(each for each in fold(text).split() if each not in _SMALL)
        return Search(query, "semantic", await select(app, query), words=words, note=_unsorted(query))
    if query.mode != "metadata":
        try:
            return await _asked(app, Search(query, "server", await select(app, query, facets=text)))
        except CodedError as exc:
            if query.mode == "server" or exc.code is not Code.NOT_FOUND:
                raise
    return await _asked(app, Search(query, "metadata", await select(app, query, words=text)))


async def _nearby(app: App, query: SearchQuery, *, indexed: bool) -> Search:
    """Prepare a question for the index alone."""
    if not indexed:
        raise CodedError(Code.INDEX_MISSING, "There is no semantic index of this library")
    if not query.text.strip() and not query.like:
        raise CodedError(Code.BAD_ARGUMENT, "mode semantic needs query or like_id")
    _check_words(query.text.strip())
    if query.like:
        examples, _ = await app.entries([query.like])
        if not examples:
            raise CodedError(Code.NOT_FOUND, "No item has the id of like_id")
        if not (examples[0].is_photo or examples[0].is_video):
            raise CodedError(Code.BAD_ARGUMENT, f"like_id is a {kind_of(examples[0])}, no picture")
    return Search(query, "semantic", await select(app, query), note=_unsorted(query))


def _check_words(text: str) -> None:
    """Check that an index can be asked a text.

    Raises:
        CodedError: its signs mean nothing, or it only says what is not wanted.
    """
    if not text:
        return
    try:
        question.wish(text, None)
    except (ConfigError, LimitError, QuerySyntaxError) as exc:
        raise CodedError(Code.BAD_QUERY, f"query: {str(exc).splitlines()[0]}", "Write it in plain words.") from None


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
    if search.selection.members is not None:
        homes = await at_home(app, [row.entry for row in page.rows])
        shown = [row._replace(entry=home) for row, home in zip(page.rows, homes, strict=True)]
        page = msgspec.structs.replace(page, rows=shown)
    return msgspec.structs.replace(page, short=reach.short, total=reach.total)


async def rows(app: App, search: Search, want: int, reach: Reach) -> AsyncGenerator[Row]:
    """Yield what a search finds, in its order; *want* tells how many the caller may take."""
    source = _nearest(app, search, want, reach) if search.mode == "semantic" else _searched(app, search, want, reach)
    async with aclosing(source) as found:
        async for row in found:
            yield row


async def _nearest(app: App, search: Search, want: int, reach: Reach) -> AsyncGenerator[Row]:
    """Ask the index for more and more neighbours until enough pass what only we can check."""
    if app.index is None:
        return
    query, selection = search.query, search.selection
    inside = await contents(app, selection)
    remote, wanted = app.remote, selection.filter
    sifted = inside is not None or bool(wanted)
    if sifted and not selection.exact:
        # The index compares what a search finds: what only we can check is checked before.
        remote = Among.of(app, selection, inside, await local.moment(app, wanted))
        wanted = wanted or _PICTURES
    asked = want if sifted or selection.exact else want * 4
    given: set[str] = set()
    # The index is asked first: where it fails nothing was given yet.
    while True:
        asked = min(asked, app.limits.semantic)
        hits = await app.index.search(
            remote,
            text=query.text.strip() or None,
            like=NodeId(query.like) if query.like else None,
            query=wanted,
            limit=asked,
        )
        if not given and search.words:
            scores = {hit.entry.id: hit.score for hit in hits}
            for entry in await written(app, query, selection, search.words, inside):
                given.add(entry.id)
                yield Row(entry, scores.get(entry.id, 0.0), written=True)
        for hit in hits:
            if hit.entry.id in given or hit.entry.id == query.like:
                continue
            if sifted or await selection.holds(hit.entry):
                given.add(hit.entry.id)
                yield Row(hit.entry, hit.score)
        if len(hits) < asked or asked >= app.limits.semantic:
            reach.short = asked if len(hits) == asked else 0
            return
        asked *= 4


async def _searched(app: App, search: Search, want: int, reach: Reach) -> AsyncGenerator[Row]:
    selection, sort = search.selection, search.query.sort
    # A large folder of a whole cache is read in the order that is asked for, since the first of them may do.
    in_order = bool(search.as_of) and selection.members is None
    if selection.placed:
        inside = await contents(app, selection, most=_FEW if in_order else None)
        if inside is not None:
            for entry in _taken(inside, sort, reach):
                yield Row(entry)
            return
    given: set[str] = set()
    read = 0
    async for entry in _in_order(app, search, want):
        if not selection.exact and read >= app.limits.scan:
            break
        if await selection.holds(entry):
            given.add(entry.id)
            yield Row(entry)
        read += 1
    else:
        return
    inside = await contents(app, selection) if in_order else None
    if inside is None:
        reach.short = app.limits.scan
        return
    for entry in _taken(inside, sort, reach):
        if entry.id not in given:
            yield Row(entry)


async def _in_order(app: App, search: Search, want: int) -> AsyncGenerator[Entry]:
    """Yield what the cache or the service finds, as it is taken: the cache hands out all that it is asked for."""
    query, sort = search.selection.filter, search.query.sort
    if search.selection.exact or not search.as_of:
        # Where every row is one of the answer, no more are fetched than are taken.
        limit = want if search.selection.exact else None
        async for entry in local.entries(app, query, sort=sort, limit=limit, as_of=search.as_of):
            yield entry
        return
    given, limit = 0, want
    while True:
        limit = min(limit, app.limits.scan + 1)
        piece = [each async for each in local.entries(app, query, sort=sort, limit=limit, as_of=search.as_of)]
        for entry in piece[given:]:
            yield entry
        if len(piece) < limit or limit > app.limits.scan:
            return
        given, limit = len(piece), limit * _GROWTH


def _taken(inside: Contents, sort: Sort, reach: Reach) -> list[Entry]:
    reach.short = inside.cut
    reach.total = None if inside.cut else len(inside.entries)
    return ordered(inside.entries, sort)


class Cut(msgspec.Struct, frozen=True):
    """Rows of one page and what follows them."""

    rows: list[Row]
    more: bool
    note: str = ""
    at: int = 0
    """How many rows come before them."""
    short: int = 0
    """How many entries were read of what is sifted here, where that was not all."""
    total: int | None = None
    """How many rows there are on all pages, where that is known."""


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
    names = await people_in(app, [row.entry for row in page.rows])
    items = fitting(app, (item(row.entry, score=row.score, names=names) for row in page.rows))
    cut_short = len(items) < len(page.rows)
    if not items or not (page.more or cut_short):
        return items, ""
    at = page.at + len(items)
    if at >= app.limits.position:
        return items, ""
    best = position.best or max((row.score for row in page.rows), default=0.0)
    return items, seal(app, Position(query=position.query, at=at, last=items[-1].id, best=best))


def fitting(app: App, values: Iterable[T], *, room: int = _ROOM) -> list[T]:
    """Return as many of the first values as fit into one answer, one at least, beside *room* JSON bytes of the rest."""
    fits: list[T] = []
    size = room
    for value in values:
        size += app.weigh(value)
        if fits and size > app.limits.result_bytes:
            break
        fits.append(value)
    return fits


async def people_in(app: App, entries: Sequence[Entry]) -> dict[str, str]:
    """Return the names of the people of the library by their ids, if anybody is on these pictures."""
    if not any(entry.people for entry in entries):
        return {}
    return {each.value: each.label for each in await app.library("allPeople") if each.label}
