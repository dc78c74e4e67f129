"""What the virtual tree takes its entries from, for a :class:`~ap_remote.backends.memory_tree.Tree`.

Everything is known and nothing is waited for, so that what is asynchronous elsewhere is done at once here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeVar

from ap_remote.backends import views
from ap_remote.backends.memory_counts import aggregate
from ap_remote.backends.view_dates import MEDIA
from ap_remote.backends.view_source import Known, Memo
from ap_remote.errors import NotFoundError
from ap_remote.model import Entry, Kind, Person
from ap_remote.query import Query, matches

if TYPE_CHECKING:
    from ap_remote.backends.memory_tree import Node, Tree
    from ap_remote.remote.base import Category

T = TypeVar("T")


class ViewSource:
    """The source of :mod:`ap_remote.backends.views`, and what it shows of nodes.

    Args:
        tree: the nodes.
        people: says who is on photographs.
    """

    def __init__(self, tree: Tree, people: Callable[[], Sequence[Person]]) -> None:
        self.memo = Memo()
        self._tree = tree
        self._people = people

    def since(self) -> float:
        """Return the moment from which knowledge is good enough: what is known here is never old."""
        return 0.0

    def moment(self) -> Hashable:
        """Return the number of changes so far."""
        return self._tree.changes

    async def prepare(self) -> None:
        """Do nothing: all is at hand."""

    async def albums(self) -> Known[Entry]:
        """Return the albums."""
        return self._known(self._tree.albums())

    async def members(self, album: Entry) -> Known[Entry]:
        """Return what is in an album."""
        return self._known(self._tree.members(self._node(album)))

    async def trash(self) -> Known[Entry]:
        """Return what was put in the bin, without what went along with it."""
        return self._known(self._tree.trashed())

    async def trashed_in(self, folder: Entry) -> Known[Entry]:
        """Return what went to the bin inside a folder."""
        return self._known(self._tree.ordered(self._node(folder)))

    async def found(self, query: Query) -> Known[Entry]:
        """Return what a search finds."""
        return Known(self._found(query))

    async def hidden(self) -> Known[Entry]:
        """Return the hidden files."""
        return self._known([node for node in self._tree.available() if node.hidden and node.kind is Kind.FILE])

    async def values(self, category: Category) -> Known[tuple[str, int]]:
        """Return the values of a category."""
        everything = (self._tree.entry(node) for node in self._tree.available() if not node.hidden)
        return Known([(each.value, each.count) for each in aggregate(everything, category)])

    async def people(self) -> Known[Person]:
        """Return the people."""
        return Known(self._people())

    async def years(self) -> Known[int]:
        """Return the years in which something was taken."""
        return Known(sorted({year for year, _ in self._months()}))

    async def months(self, year: int) -> Known[int]:
        """Return the months of a year in which something was taken."""
        return Known(sorted({month for each, month in self._months() if each == year}))

    # -- looking, at once ----------------------------------------------------------------------------------------------

    def stat(self, path: str) -> tuple[Entry, Node | None]:
        """Return what is at a view path, and its node; none for a directory of the table."""
        seen = now(views.stat(self, path))
        return seen, None if views.is_directory(seen) else self._node(seen)

    def node(self, path: str) -> Node:
        """Return the node at a view path.

        Raises:
            NotFoundError: nothing is there, or it is no node.
        """
        _, node = self.stat(path)
        if node is None:
            raise NotFoundError(path)
        return node

    def below(self, place: Entry, *, recursive: bool) -> list[Entry]:
        """Return what lies under a place in the virtual tree."""

        async def walk() -> list[Entry]:
            return [each async for each in views.walk(self, place, recursive=recursive)]

        return now(walk())

    def _node(self, entry: Entry) -> Node:
        node = self._tree.by_id(entry.id)
        if node is None:
            raise NotFoundError(entry.path)
        return node

    def _known(self, nodes: Sequence[Node]) -> Known[Entry]:
        return Known([self._tree.entry(node) for node in nodes])

    def _found(self, query: Query) -> list[Entry]:
        entries = (self._tree.entry(node) for node in self._tree.available())
        return [entry for entry in entries if matches(query, entry)]

    def _months(self) -> set[tuple[int, int]]:
        taken = [each.taken.astimezone(UTC) for each in self._found(MEDIA) if each.taken]
        return {(each.year, each.month) for each in taken}


def now(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("what lies in memory need not be waited for")
