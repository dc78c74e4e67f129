"""What the node cache answers in the service's place, and how many entries a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote.query import all_of, facet, parse_search, show
from ap_remote.remote.features import SupportsOffline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ap_remote.model import Entry, Facet
    from ap_remote.remote.base import Sort
    from ap_remote_mcp.context import App

_FIRST: Final = 1826
"""The year of the oldest photograph there is."""
_KEPT: Final = 512


async def moment(app: App, query: str) -> float:
    """Return as of when the cache finds what a query finds; 0.0 where the service must be asked."""
    remote = app.remote
    known = (await remote.complete_since(query) if isinstance(remote, SupportsOffline) else None) or 0.0
    app.cached = max(app.cached, known)
    return known


def entries(app: App, query: str, *, sort: Sort, limit: int | None, as_of: float) -> AsyncIterator[Entry]:
    """Yield what a query finds, from the cache if it knows as of some moment, else from the service."""
    remote = app.remote
    if as_of and isinstance(remote, SupportsOffline):
        return remote.search_cached(query, sort=sort, limit=limit)
    return remote.search(query, sort=sort, limit=limit)


async def count(app: App, query: str, as_of: float, *, fresh: bool = False) -> int:
    """Return how many entries a query finds, albums only where they were asked for.

    Args:
        app: the library.
        query: in Amazon's syntax.
        as_of: the moment of the cache, which counts then; 0.0 for the service's own total.
        fresh: take no count of the service that was told for an earlier page.
    """
    remote = app.remote
    if not isinstance(remote, SupportsOffline):
        return counted(await app.counts("type", query, fresh=fresh), query)
    if not as_of:
        told = remote.told_total(query)
        if told is not None:
            return told
        return counted(await app.counts("type", query, fresh=fresh), query)
    key = (query, as_of)
    if key not in app.tallies:
        if len(app.tallies) >= _KEPT:
            app.tallies.clear()
        app.tallies[key] = await remote.count_cached(query)
    return app.tallies[key]


def counted(facets: Sequence[Facet], query: str) -> int:
    """Return how many entries a search finds from their counts by type; albums only where they were asked for."""
    return sum(each.count for each in facets if each.value != "ALBUMS" or "ALBUMS" in query)


async def by_kind(app: App, query: str, as_of: float) -> list[tuple[str, int]]:
    """Count by type from the cache, the most frequent first."""
    rows = [
        (kind, await count(app, narrowed(query, "type", kind), as_of))
        for kind in ("PHOTOS", "VIDEOS", *(("ALBUMS",) if "ALBUMS" in query else ()))
    ]
    return sorted((row for row in rows if row[1]), key=lambda row: (-row[1], row[0]))


async def by_year(app: App, query: str, as_of: float, total: int) -> list[tuple[str, int]]:
    """Count by year from the cache, the newest first."""
    rows: list[tuple[str, int]] = []
    newest = [each async for each in entries(app, query, sort="-taken", limit=1, as_of=as_of)]
    if not newest or newest[0].taken is None:
        return rows
    left = total
    for year in range(newest[0].taken.year, _FIRST - 1, -1):
        if left <= 0:
            break
        number = await count(app, narrowed(query, "timeYear", str(year)), as_of)
        left -= number
        if number:
            rows.append((str(year), number))
    return rows


async def by_month(app: App, query: str, as_of: float, total: int) -> list[tuple[str, int]]:
    """Count by month from the cache, the newest first."""
    rows: list[tuple[str, int]] = []
    for year, number_of in await by_year(app, query, as_of, total):
        left, within = number_of, narrowed(query, "timeYear", year)
        for month in range(12, 0, -1):
            if left <= 0:
                break
            number = await count(app, narrowed(within, "timeMonth", str(month)), as_of)
            left -= number
            if number:
                rows.append((f"{year}-{month:02}", number))
    return rows


def narrowed(query: str, name: str, value: str) -> str:
    """Return a query with one more facet."""
    own = [parse_search(query)] if query else []
    return show(all_of(*own, facet(name, value)))
