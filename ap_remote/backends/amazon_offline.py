"""Searches that the node cache answers, without the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from ap_remote import query as language
from ap_remote.backends import amazon_search
from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import QuerySyntaxError

if TYPE_CHECKING:
    from ap_remote.backends.amazon_now import Now
    from ap_remote.model import Entry
    from ap_remote.query import Query


_INDEXED: Final = frozenset({"type", "timeYear", "timeMonth", "timeDay"})
"""Facets that an index of the cache answers at once. Others are looked for node by node, longer than a request takes,
or are the service's own."""


class Offline(Ability):
    """What the cache can be asked."""

    _now: Now
    _last_total: tuple[str, int | None] = ("", None)
    """Of the last search: what was sent, and how many the service said it finds."""

    def search_cached(self, query: str = "", *, sort: str = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query finds in the cache; it is read at once."""
        return self._found(read(query), sort, limit)

    async def count_cached(self, query: str = "") -> int:
        """Return how many entries a query finds in the cache."""
        return self._tree.cache.tally(read(query))

    async def complete_since(self, query: str = "") -> float | None:
        """Return as of when the cache finds all that a query finds; ``None`` where the service must be asked."""
        wanted = language.parse_search(query)
        if any(clause.name not in _INDEXED for clause in wanted.clauses):
            return None
        tree = self._tree
        since = tree.since()
        # One small request tells what changed since the last sync, if the account has such a stream.
        if tree.cache.root is None or not await self._now.went_on(since):
            return None
        if tree.cache.stale_below(tree.cache.root, since) is not None:
            return None
        return tree.cache.sync_state().completed

    def told_total(self, query: str = "") -> int | None:
        """Return how many entries the service said the last search finds, if it was this one."""
        filters, total = self._last_total
        return total if filters == amazon_search.read(query) else None

    def _note_total(self, filters: str, total: int | None) -> None:
        self._last_total = (filters, total)

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
