"""Search pages and aggregations. A bucket's value is ``match`` inside a search and ``value`` in an aggregation."""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import Lenient, Wire, Word
from ap_remote.wire.nodes import Node


class LocationInfo(Wire, frozen=True, kw_only=True):
    """A place in words."""

    city: str | None = None
    state: str | None = None
    state_code: str | None = None
    country: str | None = None
    country_iso3_code: str | None = None


class SearchData(Wire, frozen=True, kw_only=True):
    """What is known of a bucket beside its value."""

    cluster_id: str | None = None
    cluster_name: str | None = None
    location_id: str | None = None
    location_info: LocationInfo | None = None
    node_id: str | None = None
    owner_id: str | None = None
    thing_id: str | None = None


class Bucket(Wire, frozen=True, kw_only=True):
    """How many nodes share a value."""

    match: Word = None
    value: Word = None
    count: int = 0
    node_id: str | None = None
    search_data: SearchData = msgspec.field(default_factory=SearchData)

    @property
    def word(self) -> str:
        """The value as a filter takes it, whichever key it came under."""
        found = self.value if self.match is None else self.match
        if isinstance(found, bool):
            return "true" if found else "false"
        return "" if found is None else str(found)


class SearchPage(Wire, frozen=True, kw_only=True):
    """One page of a search. ``count`` is the total over all pages."""

    data: tuple[Node, ...] = ()
    count: int | None = None
    next_token: str | None = None
    aggregations: dict[str, tuple[Bucket, ...]] = msgspec.field(default_factory=dict)


class Aggregation(Wire, frozen=True, kw_only=True):
    """The answer of ``search/aggregation``."""

    category: str | None = None
    aggregations: tuple[Bucket, ...] = ()


SEARCH_PAGE: Final = Lenient(SearchPage)
AGGREGATION: Final = Lenient(Aggregation)
