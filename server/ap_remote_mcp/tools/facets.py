"""``photos_facets``: how many, by what."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Annotated, Final, Literal

from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote.errors import NotFoundError
from ap_remote.remote.paths import split
from ap_remote_mcp.context import App
from ap_remote_mcp.results.items import kind_of, place_name
from ap_remote_mcp.results.pages import Facets
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools import local
from ap_remote_mcp.tools.filters import Selection, select
from ap_remote_mcp.tools.local import counted
from ap_remote_mcp.tools.parameters import (
    Filter,
    From,
    InAlbum,
    InFolder,
    MinMb,
    People,
    PlaceName,
    Things,
    To,
)
from ap_remote_mcp.tools.queries import MediaKind, SearchQuery
from ap_remote_mcp.tools.rows import Reach, Search, rows
from ap_remote_mcp.tools.within import contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Facet
    from ap_remote.remote.base import Category

By = Literal["year", "month", "day", "person", "thing", "place", "camera", "kind", "folder", "favorite"]
_CATEGORIES: Final[dict[By, Category]] = {
    "person": "allPeople",
    "thing": "things",
    "place": "location",
    "kind": "type",
    "favorite": "favorite",
}
"""What Amazon counts itself; the rest is counted here."""
_KINDS: Final = {"PHOTOS": "photo", "VIDEOS": "video", "ALBUMS": "album"}
Key = tuple[str, str]
"""What a row is called, and what a search takes."""
_SHOWN: Final = 200
"""Characters of a label; items show so much of a folder's path."""
NOWHERE: Final = "(no place)"
"""The row of what has no place, so that the rows add up to the total."""
_YEAR: Final = re.compile(r"[0-9]{4}")
_TIME: Final = {"year": 4, "month": 7, "day": 10}
"""Characters of an ISO date."""


async def photos_facets(
    ctx: Context[App],
    *,
    by: By,
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
    limit: Annotated[int, Meta(ge=1, le=100)] = 30,
) -> Facets:
    """Count pictures; filters as in photos_search. Rows: [label, count, value]; search by value, else label."""
    app: App = ctx.request_context.lifespan_context
    query = SearchQuery(
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
    )
    return await counts_by(app, by, query, limit)


async def counts_by(app: App, by: By, query: SearchQuery, limit: int) -> Facets:
    """Count what a question finds.

    Raises:
        CodedError: a filter that means nothing.
        RemoteError: what the remote raises.
    """
    selection = await select(app, query)
    as_of = await local.moment(app, selection.filter)
    search = Search(query, "server", selection, as_of)
    table: list[list[str | int]]
    if by == "kind" and selection.exact and as_of:
        kinds = await local.by_kind(app, selection.filter, as_of)
        table = [[_KINDS[value], count] for value, count in kinds]
        total = sum(count for _, count in kinds)
        return Facets(by=by, total=total, rows=table[:limit], note=_notes(selection, _more(table, limit)))
    if by in _CATEGORIES and selection.exact:
        facets = await app.remote.aggregations(_CATEGORIES[by], query=selection.filter)
        if by == "kind":
            total = counted(facets, selection.filter)
        else:
            total = await _total(app, selection.filter, as_of)
        table = [_row(by, each) for each in facets]
        if by == "place" and (placed := sum(each.count for each in facets)) < total:
            table.append([NOWHERE, total - placed])
        note = _more(table, limit) if table else await _nothing(app, by)
        return Facets(by=by, total=total, rows=table[:limit], note=_notes(selection, note))
    if by == "year" and selection.exact:
        counts = await _years(app, selection.filter, as_of)
        if counts is not None:
            years, total = counts
            table = [[label, count] for label, count in years]
            return Facets(by=by, total=total, rows=table[:limit], note=_notes(selection, _more(table, limit)))
    if by == "month" and selection.exact and as_of:
        total = await local.count(app, selection.filter, as_of)
        table = [[label, count] for label, count in await local.by_month(app, selection.filter, as_of, total)]
        return Facets(by=by, total=total, rows=table[:limit], note=_notes(selection, _more(table, limit)))
    return await _here(app, by, search, limit)


async def _here(app: App, by: By, search: Search, limit: int) -> Facets:
    """Count one by one what the remote cannot count."""
    sums, total, note = await _count(app, search, by)
    ordered = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    if by in _TIME:
        ordered.sort(reverse=True)
    if not ordered:
        note = "; ".join(each for each in (note, await _nothing(app, by, total)) if each)
    elif by == "place" and (placed := sum(sums.values())) < total:
        ordered.append(((NOWHERE, NOWHERE), total - placed))
    table = await _shown(app, by, ordered[:limit])
    return Facets(by=by, total=total, rows=table, note=_notes(search.selection, note or _more(ordered, limit)))


async def _shown(app: App, by: By, counts: Sequence[tuple[Key, int]]) -> list[list[str | int]]:
    """Return rows with cleaned labels, and with the value to search by where the label is not it."""
    people = {each.value: each.label for each in await app.library("allPeople")} if by == "person" and counts else {}
    table: list[list[str | int]] = []
    for (label, value), count in counts:
        told = clean(people.get(value) or label, _SHOWN)
        if by == "folder" and told != label:
            # The path cannot be repeated as it is shown.
            with suppress(NotFoundError):
                value = (await app.remote.stat(value)).id  # noqa: PLW2901 - as above
        table.append([told, count] if told == value else [told, count, clean(value, _SHOWN)])
    return table


async def _total(app: App, query: str, as_of: float) -> int:
    if as_of:
        return await local.count(app, query, as_of)
    return counted(await app.remote.aggregations("type", query=query), query)


async def _years(app: App, query: str, as_of: float) -> tuple[list[tuple[str, int]], int] | None:
    """Return the counts by year, the newest first, and the total; ``None`` where the service counts otherwise."""
    if as_of:
        total = await local.count(app, query, as_of)
        return await local.by_year(app, query, as_of, total), total
    years = await app.remote.aggregations("time", query=query)
    if not all(_YEAR.fullmatch(each.value) for each in years):
        return None
    shown = sorted(((each.value, each.count) for each in years), reverse=True)
    return shown, await _total(app, query, as_of)


async def _nothing(app: App, by: By, counted_here: int = 0) -> str:
    """Say why there is no row: the library has no such thing at all, or it stands on no entry that was counted here.

    Else nothing is found by the filters.
    """
    named = {"thing": "labels (things)", "person": "people", "place": "places"}.get(by, "")
    if named and not await app.library(_CATEGORIES[by]):
        return f"the library has no {named}"
    if named and counted_here:
        return f"none of the {counted_here} says its {named}; Amazon counts these, but not by all of these filters"
    return ""


def _notes(selection: Selection, note: str) -> str:
    return "; ".join(each for each in (selection.note, note) if each)


def _more(rows: Sequence[object], limit: int) -> str:
    return f"{len(rows) - limit} more rows" if len(rows) > limit else ""


def _row(by: By, facet: Facet) -> list[str | int]:
    if by == "kind":
        return [_KINDS.get(facet.value, clean(facet.value)), facet.count]
    label = clean(facet.label or facet.value)
    return [label, facet.count] if label == facet.value else [label, facet.count, clean(facet.value)]


async def _count(app: App, search: Search, by: By) -> tuple[Counter[Key], int, str]:
    """Return counts, the total, and a note where not all were counted."""
    counts: Counter[Key] = Counter()
    total = 0
    inside = await contents(app, search.selection, home=by == "folder")
    if inside is not None:
        note = f"only {inside.cut} files were counted" if inside.cut else ""
        for entry in inside.entries:
            counts.update(_labels(entry, by))
        return counts, len(inside.entries), note
    reach = Reach()
    short = f"only the newest {app.limits.scan} entries were counted"
    async with aclosing(rows(app, search, app.limits.scan + 1, reach)) as source:
        async for row in source:
            if total == app.limits.scan:
                return counts, total, short
            total += 1
            counts.update(_labels(row.entry, by))
    return counts, total, short if reach.short else ""


def _labels(entry: Entry, by: By) -> list[Key]:
    """Return what an entry counts as; nothing is cleaned or cut yet, so that no two are taken for one."""
    media = entry.media
    match by:
        case "year" | "month" | "day":
            told = entry.taken.strftime("%Y-%m-%d")[: _TIME[by]] if entry.taken else ""
        case "camera":
            told = " ".join(part for part in (media.make, media.model) if part) if media else ""
        case "folder":
            told = split(entry.path)[0]
        case "kind":
            told = kind_of(entry)
        case "favorite":
            told = "true" if entry.favorite else ""
        case "place":
            place = media.place if media else None
            label = place_name(place)
            return [(label, place.label or label)] if place and label else []
        case "thing" | "person":
            return [(each, each) for each in (entry.things if by == "thing" else entry.people)]
    return [(told, told)] if told else []
