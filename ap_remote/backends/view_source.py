"""Where the virtual tree takes its entries from, and what is kept of its listings."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import msgspec

from ap_remote.backends.view_names import Item

if TYPE_CHECKING:
    from ap_remote.model import Entry, Person
    from ap_remote.query import Query
    from ap_remote.remote.base import Category

T = TypeVar("T")
V = TypeVar("V")
_MOST: Final = 64
"""Listings that are kept; the one that was not looked at for the longest time goes first."""


class Known(msgspec.Struct, Generic[T], frozen=True):
    """What a source knows, and as of when, in seconds since 1970."""

    rows: Sequence[T]
    when: float = float("inf")


def files(known: Known[Entry]) -> Known[Item]:
    """Return nodes as what a place of the virtual tree holds."""
    return Known([Item(name=each.name, key=each.id, entry=each) for each in known.rows], known.when)


class Source(Protocol):
    """An account, as the virtual tree sees it."""

    memo: Memo

    def since(self) -> float:
        """Return the moment from which knowledge is good enough, in seconds since 1970."""
        ...

    def moment(self) -> Hashable:
        """Return something that stays equal while nothing that the account knows changes."""
        ...

    async def prepare(self) -> None:
        """Get ready to be asked for everything."""
        ...

    async def albums(self) -> Known[Entry]:
        """Return the albums."""
        ...

    async def members(self, album: Entry) -> Known[Entry]:
        """Return what is in an album."""
        ...

    async def trash(self) -> Known[Entry]:
        """Return what was put in the bin, without what went along with it."""
        ...

    async def trashed_in(self, folder: Entry) -> Known[Entry]:
        """Return what went to the bin inside a folder."""
        ...

    async def found(self, query: Query) -> Known[Entry]:
        """Return what a search finds."""
        ...

    async def hidden(self) -> Known[Entry]:
        """Return the files that searches do not find, because they are hidden."""
        ...

    async def values(self, category: Category) -> Known[tuple[str, int]]:
        """Return the values of a category, each with how many entries have it."""
        ...

    async def people(self) -> Known[Person]:
        """Return the people, those without a name as well."""
        ...

    async def years(self) -> Known[int]:
        """Return the years in which something was taken that a search finds."""
        ...

    async def months(self, year: int) -> Known[int]:
        """Return the months of a year in which something was taken that a search finds."""
        ...


class _Kept(msgspec.Struct, frozen=True):
    value: Any
    moment: Hashable
    when: float


class Memo:
    """What was worked out from a source, for as long as the source's knowledge is good enough and does not change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    async def get(
        self, key: Hashable, source: Source, ask: Callable[[], Awaitable[Known[T]]], make: Callable[[Sequence[T]], V]
    ) -> V:
        """Return what *make* makes of what *ask* says. What changed while it was asked for is not kept."""
        moment = source.moment()
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.moment == moment and kept.when >= source.since():
                self._kept.move_to_end(key)
                value: V = kept.value
                return value
        known = await ask()
        value = make(known.rows)
        if source.moment() == moment:
            with self._lock:
                self._kept[key] = _Kept(value, moment, known.when)
                while len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return value

    def forget(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._kept.clear()
