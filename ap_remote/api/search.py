"""Search by facets, and counts by category."""

from __future__ import annotations

from typing import Literal

from ap_remote.api import limits
from ap_remote.api._common import LIMIT, V2, listing
from ap_remote.errors import LimitError
from ap_remote.transport.call import Call, segment
from ap_remote.wire.search import AGGREGATION, SEARCH_PAGE, Aggregation, SearchPage

Context = Literal["customer", "all", "family", "groups", "unknown"]
"""Whose photographs."""
Bucket = Literal["day", "month", "year"]
"""How long a bucket of the ``time`` aggregation is."""


def search(
    filters: str,
    *,
    sort: str | None = None,
    limit: int = LIMIT,
    offset: int = 0,
    context: Context = "customer",
    group_by: Bucket | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    on_family: bool | None = None,
    dedupe_context: str | None = None,
    asset_mapping: str | None = None,
) -> Call[SearchPage]:
    """Ask for one page of what a filter of the search grammar finds; aggregations come with it.

    Args:
        filters: e.g. ``type:(PHOTOS) AND timeYear:(2023)``.
        sort: ``contentProperties.contentDate``, ``createdDate`` or ``name``, with ``ASC`` or ``DESC``.
        limit: rows, at most 200.
        offset: rows to skip; no upper bound is known.
        context: whose.
        group_by: the size of a bucket of the ``time`` aggregation.
        language: in which things and places are named, e.g. ``en`` (seen in the app).
        time_zone: an IANA name (seen in browsers).
        on_family: search the family's as well (seen in browsers, as ``false``).
        dedupe_context: (seen in the app).
        asset_mapping: (seen in the app).

    Raises:
        LimitError: too many rows, or an order that search does not know.
    """
    params = listing(filters, sort, limit, offset, None, language="search") | _grouped(context, group_by)
    more = {
        "language": language,
        "timeZone": time_zone,
        "searchOnFamily": None if on_family is None else str(on_family).lower(),
        "dedupeContext": dedupe_context,
        "assetMapping": asset_mapping,
    }
    params |= {key: each for key, each in more.items() if each is not None}
    return Call(method="GET", path="search", params=params, reply=SEARCH_PAGE, idempotent=True)


def group(
    group_id: str,
    secret: str,
    *,
    filters: str = "type:(PHOTOS OR VIDEOS)",
    sort: str | None = None,
    limit: int = LIMIT,
    offset: int = 0,
    group_by: Bucket | None = None,
) -> Call[SearchPage]:
    """Ask for one page of what a group shares by link. The token ``group.secret`` takes the place of cookies.

    Args:
        group_id: what the link's token has before its dot.
        secret: what it has after the dot.
        filters: as for :func:`search`.
        sort: as for :func:`search`.
        limit: rows, at most 200.
        offset: rows to skip.
        group_by: as for :func:`search`.

    Raises:
        LimitError: as for :func:`search`.
    """
    params = listing(filters, sort, limit, offset, None, language="search") | _grouped("groups", group_by)
    params["groupShareToken"] = f"{limits.an_id(group_id)}.{secret}"
    path = f"search/groups/{segment(group_id)}"
    return Call(method="GET", path=path, params=params, reply=SEARCH_PAGE, idempotent=True, subject=f"group {group_id}")


def aggregation(
    category: str,
    *,
    context: Context = "customer",
    group_by: Bucket | None = None,
    language: str | None = None,
    limit: int | None = None,
) -> Call[Aggregation]:
    """Ask how many photographs share each value of a category, over the whole library.

    Args:
        category: e.g. ``things``.
        context: whose.
        group_by: the size of a bucket of ``time``.
        language: in which the values are named.
        limit: values, the most frequent ones.

    Raises:
        LimitError: *limit* is no positive number.
    """
    params = {"aggregationContext": context, "category": category, **V2}
    if group_by is not None:
        params["groupBy"] = group_by
    if language is not None:
        params["language"] = language
    if limit is not None:
        if limit < 1:
            raise LimitError(f"at least 1 value is asked for, not {limit}")
        params["limit"] = str(limit)
    return Call(method="GET", path="search/aggregation", params=params, reply=AGGREGATION, idempotent=True)


def _grouped(context: Context, group_by: Bucket | None) -> dict[str, str]:
    params = {"lowResThumbnail": "false", "searchContext": context}
    return params if group_by is None else {**params, "groupByForTime": group_by}
