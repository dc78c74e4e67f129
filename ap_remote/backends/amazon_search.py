"""Search by facets and counts by category. A query is read here before anything is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, get_args

from ap_remote import mapping, query
from ap_remote.api import pages
from ap_remote.api import search as api
from ap_remote.errors import UnsupportedError
from ap_remote.model import Entry, Facet, Status
from ap_remote.remote.base import Category, Sort

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.transport.call import Call
    from ap_remote.wire.search import Bucket

EVERYTHING: Final = "type:(PHOTOS OR VIDEOS)"
"""What the empty query means."""
_PAGE: Final = 200
"""Rows in a page; the service gives no more [amazon-photos-api.md 12]."""
_KEYS: Final = {"taken": "contentProperties.contentDate", "created": "createdDate", "name": "name"}


def read(text: str) -> str:
    """Return a query in the form in which it is sent.

    Raises:
        QuerySyntaxError: it cannot be read.
    """
    return query.show(query.parse_search(text)) if text.strip() else EVERYTHING


async def search(
    tree: Tree, filters: str, *, sort: Sort, limit: int | None, told: Callable[[int | None], None]
) -> AsyncIterator[Entry]:
    """Yield what *filters* finds, once each, at its path.

    The index lags behind: what was trashed here moments ago is left out. *told* gets the total that each page names.
    """
    if limit is not None and limit <= 0:
        return
    order = f"{_KEYS[sort.removeprefix('-')]} {'DESC' if sort.startswith('-') else 'ASC'}"
    size = min(_PAGE, limit or _PAGE)
    found = 0
    call = partial(api.search, filters, sort=order)

    async def send(asked: Call[pages.P]) -> pages.P:
        page = await tree.transport.send(asked)
        told(page.count)
        return page

    async for batch in pages.batches(send, call, limit=size, wall=None):
        entries = [mapping.entry(node, path="") for node in batch]
        tree.cache.put(entries, seen=tree.clock())
        for entry in await tree.locate(entries):
            if entry.status is not Status.AVAILABLE:
                continue
            yield entry
            found += 1
            if found == limit:
                return


async def aggregate(tree: Tree, category: Category, filters: str | None) -> Sequence[Facet]:
    """Count by a category: over the whole library, or with *filters* among what they find.

    Raises:
        UnsupportedError: nobody knows that category.
    """
    if category not in get_args(Category):
        raise UnsupportedError(f"no aggregation by {category!r}; known are {', '.join(get_args(Category))}")
    buckets: Sequence[Bucket]
    if filters is None:
        buckets = (await tree.transport.send(api.aggregation(category))).aggregations
    else:
        page = await tree.transport.send(api.search(filters, limit=1, group_by="year"))
        buckets = page.aggregations.get(category, ())
    facets = [
        Facet(category=category, value=bucket.word, count=bucket.count, label=_label(bucket)) for bucket in buckets
    ]
    return sorted(facets, key=lambda facet: (-facet.count, facet.value))


def _label(bucket: Bucket) -> str | None:
    said = bucket.search_data
    if said.cluster_name:
        return said.cluster_name
    if said.location_info is not None:
        info = said.location_info
        parts = [part for part in (info.city, info.state, info.country) if part]
        return ", ".join(parts) or None
    return None
