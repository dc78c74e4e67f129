"""Searches that the node cache answers, without the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ap_remote import query as language
from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import QuerySyntaxError

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote.query import Query


class Offline(Ability):
    """What the cache can be asked."""

    def search_cached(self, query: str = "", *, sort: str = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query finds in the cache; it is read at once."""
        return self._found(read(query), sort, limit)

    async def count_cached(self, query: str = "") -> int:
        """Return how many entries a query finds in the cache."""
        return self._tree.cache.tally(read(query))

    async def _found(self, query: Query, sort: str, limit: int | None) -> AsyncIterator[Entry]:
        for entry in self._tree.cache.search(query, sort=sort, limit=limit):
            yield entry


def read(text: str) -> Query:
    """Read a query of either language; what is none is explained as a search, unless only filters have such a field.

    Raises:
        QuerySyntaxError: it is neither.
    """
    try:
        return language.parse_search(text)
    except QuerySyntaxError as search:
        try:
            return language.parse_nodes(text)
        except QuerySyntaxError as nodes:
            # Whichever came further understood more of it.
            raise max(search, nodes, key=lambda error: error.position) from None
