"""Search by facets, and counts by category."""

from __future__ import annotations

from typing import Literal

from ap_remote.api._common import LIMIT, V2, listing
from ap_remote.transport.call import Call
from ap_remote.wire.search import AGGREGATION, SEARCH_PAGE, Aggregation, SearchPage

Context = Literal["customer", "all", "family", "groups", "unknown"]
"""Whose photographs."""


def search(
    filters: str,
    *,
    sort: str | None = None,
    limit: int = LIMIT,
    offset: int = 0,
    context: Context = "customer",
    group_by: Literal["day", "month", "year"] | None = None,
) -> Call[SearchPage]:
    """Ask for one page of what a filter of the search grammar finds; aggregations come with it.

    Args:
        filters: e.g. ``type:(PHOTOS) AND timeYear:(2023)``.
        sort: ``contentProperties.contentDate``, ``createdDate`` or ``name``, with ``ASC`` or ``DESC``.
        limit: rows, at most 200.
        offset: rows to skip; no upper bound is known.
        context: whose.
        group_by: the size of a bucket of the ``time`` aggregation.
    """
    params = listing(filters, sort, limit, offset, None)
    params |= {"lowResThumbnail": "false", "searchContext": context}
    if group_by is not None:
        params["groupByForTime"] = group_by
    return Call(method="GET", path="search", params=params, reply=SEARCH_PAGE, idempotent=True)


def aggregation(category: str, *, context: Context = "customer") -> Call[Aggregation]:
    """Ask how many photographs share each value of a category, over the whole library."""
    params = {"aggregationContext": context, "category": category, **V2}
    return Call(method="GET", path="search/aggregation", params=params, reply=AGGREGATION, idempotent=True)
