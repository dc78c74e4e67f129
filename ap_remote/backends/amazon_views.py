"""What the virtual tree takes its entries from, for an Amazon account.

Where the whole account was synced lately, or can be brought up to date by asking what changed, the node cache answers
all that nodes tell of themselves, without a request of its own. Else, and for what only the service knows (things,
people, places), searches do; the unit of a search by date is a month. Their ids are kept as long as the cache may
answer. The index that is searched lags behind [amazon-photos-api.md 11]: what was written here lately is laid over it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote import mapping, query
from ap_remote.api import nodes, pages
from ap_remote.api import search as api
from ap_remote.backends import amazon_search, views
from ap_remote.backends.amazon_people import PEOPLE, known_people
from ap_remote.backends.view_dates import MEDIA
from ap_remote.backends.view_source import Known, Memo
from ap_remote.model import Entry, Kind, Person, Status
from ap_remote.query import Query, facet

if TYPE_CHECKING:
    from ap_remote.backends.amazon_albums import Albums
    from ap_remote.backends.amazon_trash import Bin
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.remote.base import Category
    from ap_remote.wire.nodes import Node

Bucket = Literal["year", "month"]
_HIDDEN: Final = "kind:FILE AND status:AVAILABLE AND settings.hidden:true"
_SETTLED: Final = frozenset({"type", "timeYear", "timeMonth", "timeDay", "favorite", "name", "extension"})
"""Facets that nodes tell of themselves; the rest only the service knows, or knows better."""
_BUCKETS: Final = {"year": re.compile("([0-9]{4})(?:-.*)?"), "month": re.compile("(?:[0-9]{4}-)?([0-9]{1,2})(?:-.*)?")}
"""How a bucket of time is written; the format is (inferred) [amazon-photos-api.md 8.7]. What has another one is not
taken for a month: everything is listed then."""
_PAGE: Final = 200
"""Rows in a page; the service gives no more [amazon-photos-api.md 12]."""


class ViewSource:
    """The source of :mod:`ap_remote.backends.views`."""

    def __init__(self, tree: Tree, albums: Albums, bin_: Bin) -> None:
        self.memo = Memo()
        self._tree = tree
        self._albums = albums
        self._bin = bin_
        self._floor = float("-inf")

    # -- how fresh -----------------------------------------------------------------------------------------------------

    def since(self) -> float:
        """Return the moment from which knowledge is good enough."""
        return max(self._tree.since(), self._floor)

    def moment(self) -> Hashable:
        """Return what stays equal while the node cache does not change and nothing is asked anew."""
        return self._tree.cache.moment(), self._tree.asked.version

    def forget(self) -> None:
        """Ask anew for everything that is needed from now on."""
        self._floor = self._tree.clock()
        self._tree.asked.forget()
        self.memo.forget()

    async def prepare(self) -> None:
        """Bring the node cache up to date, as for a listing of the whole account."""
        await self._tree.sync(wait=True, since=self.since())

    # -- albums and the bin --------------------------------------------------------------------------------------------

    async def albums(self) -> Known[Entry]:
        """Return the albums."""
        return Known(*await self._albums.known(self.since()))

    async def members(self, album: Entry) -> Known[Entry]:
        """Return what is in an album."""
        return Known(*await self._albums.known_members(album, self.since()))

    async def trash(self) -> Known[Entry]:
        """Return what was put in the bin, without what went along with it."""
        rows, when = await self._bin.known(self.since())
        return Known([entry for entry, along in rows if not along], when)

    async def trashed_in(self, folder: Entry) -> Known[Entry]:
        """Return what went to the bin inside a folder."""
        rows, when = await self._bin.known(self.since())
        return Known([entry for entry, _ in rows if folder.id in entry.parents], when)

    # -- what searches find --------------------------------------------------------------------------------------------

    async def found(self, wanted: Query) -> Known[Entry]:
        """Return what a search finds."""
        if all(clause.name in _SETTLED for clause in wanted.clauses):
            completed = await self._whole()
            if completed is not None:
                return Known(self._tree.cache.search(wanted, sort="taken"), completed)
        text = query.show(wanted)
        when, ids = await self._tree.asked.get(("search", text), self.since(), partial(self._search, text))
        # What only the service knows cannot be asked of an entry: whom the service found has it.
        settled = tuple(clause for clause in wanted.clauses if clause.name in _SETTLED)
        loosely = msgspec.structs.replace(wanted, clauses=settled)
        mine = self._tree.mine()

        def keep(entry: Entry) -> bool:
            if entry.id not in ids:
                return query.matches(wanted, entry)
            if entry.id in mine and settled:
                return query.matches(loosely, entry)
            return entry.status is Status.AVAILABLE and not entry.hidden

        return Known(await self._entries({*ids, *mine}, keep), when)

    async def hidden(self) -> Known[Entry]:
        """Return the hidden files."""
        completed = await self._whole()
        if completed is not None:
            return Known(self._tree.cache.search(query.parse_nodes(_HIDDEN), sort="taken"), completed)
        when, ids = await self._tree.asked.get("hidden", self.since(), self._ask_hidden)

        def keep(entry: Entry) -> bool:
            return entry.hidden and entry.kind is Kind.FILE and entry.status is Status.AVAILABLE

        return Known(await self._entries({*ids, *self._tree.mine()}, keep), when)

    async def values(self, category: Category) -> Known[tuple[str, int]]:
        """Return the values of a category; the service counts them late, and this does not correct it."""

        async def ask() -> tuple[tuple[str, int], ...]:
            facets = await amazon_search.aggregate(self._tree, category, None)
            return tuple((each.value, each.count) for each in facets if each.value)

        when, rows = await self._tree.asked.get(("values", category), self.since(), ask)
        return Known(rows, when)

    async def people(self) -> Known[Person]:
        """Return the people."""
        when, rows = await self._tree.asked.get(PEOPLE, self.since(), partial(known_people, self._tree))
        return Known(rows, when)

    # -- times ---------------------------------------------------------------------------------------------------------

    async def years(self) -> Known[int]:
        """Return the years in which something was taken."""
        completed = await self._whole()
        if completed is None:
            found = await self._periods(MEDIA, "year")
            if found is not None:
                return found
            await self.prepare()
        return self._months_kept(lambda year, _: year, completed)

    async def months(self, year: int) -> Known[int]:
        """Return the months of a year in which something was taken."""
        completed = await self._whole()
        if completed is None:
            found = await self._periods(query.all_of(MEDIA, facet("timeYear", str(year))), "month")
            if found is not None:
                return found
            await self.prepare()
        return self._months_kept(lambda each, month: month if each == year else None, completed)

    def _months_kept(self, take: Callable[[int, int], int | None], completed: float | None) -> Known[int]:
        found = {take(year, month) for year, month in self._tree.cache.months()}
        when = completed if completed is not None else self.since()
        return Known(sorted(each for each in found if each is not None), when)

    async def _periods(self, within: Query, bucket: Bucket) -> Known[int] | None:
        """Return the years, or the months of a year, that have something; ``None`` if the service cannot tell.

        What it counts may be gone by now, by writes of ours: a count that they could explain is looked into.
        """
        text = query.show(within)
        when, counts = await self._tree.asked.get((bucket, text), self.since(), partial(self._count, text, bucket))
        if counts is None:
            return None
        mine = self._tree.mine()
        known = self._tree.cache.get_many(mine).values()
        matching = [each for each in known if query.matches(within, each)]
        there = {getattr(each.taken.astimezone(UTC), bucket) for each in matching if each.taken}
        doubts = len(mine) - len(matching) - sum(each.is_folder for each in known)
        name = "timeYear" if bucket == "year" else "timeMonth"
        for value, count in counts.items():
            if value in there:
                continue
            if count > doubts or (await self.found(query.all_of(within, facet(name, str(value))))).rows:
                there.add(value)
        return Known(sorted(there), when)

    async def _count(self, text: str, bucket: Bucket) -> Mapping[int, int] | None:
        page = await self._tree.transport.send(api.search(text, limit=1, group_by=bucket))
        counts: Counter[int] = Counter()
        for each in page.aggregations.get("time", ()):
            read = _BUCKETS[bucket].fullmatch(each.word)
            if read is None:
                return None
            counts[int(read[1])] += each.count
        return counts if counts or not page.count else None

    # -- asking --------------------------------------------------------------------------------------------------------

    async def _whole(self) -> float | None:
        """Return as of when the node cache has everything, ``None`` if it has not and a delta cannot tell the rest."""
        tree, since = self._tree, self.since()
        state = tree.cache.sync_state()
        if state.completed is None or tree.cache.root is None:
            return None
        if state.completed < since:
            if state.checkpoint is None:
                return None
            await tree.asked.get("changes", since, partial(tree.sync, wait=True, since=since))
            state = tree.cache.sync_state()
        if state.completed is None or state.completed < since:
            return None
        while (stale := tree.cache.stale_below(tree.cache.root, since)) is not None:
            await tree.list_folder(stale, since=since)
        return state.completed

    async def _search(self, text: str) -> frozenset[str]:
        call = partial(api.search, text)
        ids: set[str] = set()
        async for batch in pages.batches(self._tree.transport.send, call, limit=_PAGE, wall=None):
            ids.update(self._put(batch))
        return frozenset(ids)

    async def _ask_hidden(self) -> frozenset[str]:
        call = partial(nodes.nodes, _HIDDEN)
        return frozenset(self._put([each async for each in pages.iterate(self._tree.transport.send, call)]))

    def _put(self, rows: Iterable[Node]) -> list[str]:
        entries = [mapping.entry(each, path="") for each in rows]
        self._tree.cache.put(entries, seen=self._tree.clock())
        return [each.id for each in entries]

    async def _entries(self, ids: Iterable[str], keep: Callable[[Entry], bool]) -> list[Entry]:
        known = self._tree.cache.get_many(ids).values()
        return await self._tree.locate([each for each in known if keep(each)])

    # -- looking -------------------------------------------------------------------------------------------------------

    async def stat(self, path: str) -> Entry:
        """Return what is at a view path, at that path."""
        return await views.stat(self, path)

    async def listing(self, place: Entry) -> list[Entry]:
        """Return what lies under a place in the virtual tree, at view paths."""
        return await views.listing(self, place)

    async def real(self, path: str) -> Entry:
        """Return what is at a view path, at the path that it has (or had) outside the views."""
        seen = await self.stat(path)
        return self._tree.cache.get(seen.id) or seen
