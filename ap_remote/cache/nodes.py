"""The node cache: an account's nodes by id, by parent and name, by md5 and by date.

Every method is one transaction. A trashed node keeps its row but has no path; whatever the cache forgets, the service
still knows, so forgetting is always safe and claiming to know is what needs care:

* a folder's children may be served only if it was listed, or the whole account synced, since a moment that the caller
  names (:meth:`NodeCache.find`, :meth:`NodeCache.listed_since`);
* an older ``version`` never overwrites a newer one;
* listings lag behind writes, so for :data:`RECENT` seconds after a write of ours a listing that does not show it yet is
  not believed about that node [amazon-photos-api.md 11].
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ap_remote.cache import keys
from ap_remote.cache.env import MAP_SIZE, Store
from ap_remote.cache.state import SyncState
from ap_remote.cache.synced import Synced
from ap_remote.cache.view import TABLES, View
from ap_remote.cache.walk import Several, Stale, Walks
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.query.tree import Query

T = TypeVar("T")

__all__ = ["NodeCache", "Several", "Stale", "SyncState"]

RECENT: Final = 30.0
"""Seconds during which a listing is not believed about a node that was written here."""

_SHELF: Final = 4
"""Listings that are kept decoded; one holds for as long as nobody writes to the store."""


class NodeCache(Synced):
    """Nodes on disk. Opens at the first use; threads, forks and other processes may use it at once.

    Args:
        folder: where it lies; made with mode 0700.
        map_size: bytes of address space to begin with.
        recent: see :data:`RECENT`.

    Every method may raise :class:`~ap_remote.errors.StoreError` (:class:`~ap_remote.errors.NewerStoreError`,
    :class:`~ap_remote.errors.CorruptStoreError`).
    """

    def __init__(self, folder: Path, *, map_size: int = MAP_SIZE, recent: float = RECENT) -> None:
        super().__init__(Store(folder, TABLES, map_size=map_size), recent)
        self._shelf: OrderedDict[tuple[str, str], tuple[int, list[Entry]]] = OrderedDict()
        self._walks = Walks()
        self._opening = object()

    @property
    def folder(self) -> Path:
        """Where the cache lies."""
        return self._store.folder

    def close(self) -> None:
        """Close the files; closing twice is allowed, and the next use opens them again."""
        self._store.close()
        # A thread that reads at this moment goes on with the old ones.
        self._shelf = OrderedDict()
        self._walks = Walks()
        self._opening = object()  # the files may be others when they are opened again

    # -- reading -------------------------------------------------------------------------------------------------------

    @property
    def root(self) -> str | None:
        """The id of the root folder, once it is known."""
        return self._read(View.root)

    def get(self, node_id: str) -> Entry | None:
        """Return a node, trashed ones too. Its path is the bare name while its parents are unknown."""
        return self._read(lambda view: view.entry(node_id))

    def get_many(self, ids: Iterable[str]) -> dict[str, Entry]:
        """Return those of *ids* that are known."""

        def work(view: View) -> dict[str, Entry]:
            found = ((node_id, view.entry(node_id)) for node_id in ids)
            return {node_id: entry for node_id, entry in found if entry is not None}

        return self._read(work)

    def path_of(self, node_id: str) -> str | None:
        """Return a node's path, by its first parent that leads to the root; ``None`` when the way is not known."""
        return self._read(lambda view: view.path_of(node_id))

    def unknown_parents(self, ids: Iterable[str]) -> set[str]:
        """Return the ids on the ways from *ids* to the root that the cache has no node for."""
        return self._read(lambda view: view.unknown_parents(ids))

    def resolve(self, path: str) -> str | None:
        """Return the id of what is at *path*, however old the knowledge is."""
        found = self.find(path)
        return found.id if isinstance(found, Entry) else None

    def stat(self, path: str) -> Entry | None:
        """Return what is at *path*, however old the knowledge is."""
        found = self.find(path)
        return found if isinstance(found, Entry) else None

    def find(self, path: str, *, since: float = -math.inf) -> Entry | Stale | None:
        """Walk down *path*, trusting folders that were listed at *since* or later.

        Returns:
            the entry; ``None`` if it is certain that there is none; where the walk came to a folder that must be
            listed first, among them one where several answer to the name.
        """
        return self._read(lambda view: self._walks.walk(view, path, since))

    def way(self, path: str) -> list[Entry] | None:
        """Return the nodes from below the root down to *path*, however old the knowledge is.

        ``None`` where it does not lead there, or not to one node alone.
        """

        def work(view: View) -> list[Entry] | None:
            names = paths.components(path)
            found = [
                self._walks.walk(view, paths.join(*names[:depth]), -math.inf) for depth in range(1, len(names) + 1)
            ]
            way = [each for each in found if isinstance(each, Entry)]
            return way if len(way) == len(found) else None

        return self._read(work)

    def listed_since(self, folder: str, since: float) -> bool:
        """Whether the children of *folder* are known as of *since* or later."""
        return self._read(lambda view: view.listed_at(keys.node(folder), view.completed()) >= since)

    def completed_since(self, since: float) -> bool:
        """Whether a sync that saw everything began at *since* or later."""
        return self._read(lambda view: view.completed() >= since)

    def stale_below(self, folder: str, since: float) -> str | None:
        """Return a folder at or below *folder* whose children are not known as of *since* or later."""

        def work(view: View) -> str | None:
            completed = view.completed()
            if completed >= since and view.count("listed") == 0:
                return None
            todo, done = [folder], set[str]()
            while todo:
                each = todo.pop()
                if view.listed_at(keys.node(each), completed) < since:
                    return each
                done.add(each)
                todo.extend(below for below in view.folders_in(each) if below not in done)
            return None

        return self._read(work)

    def written_since(self, node_id: str, since: float) -> bool:
        """Whether a node was written here at *since* or later."""
        return self._read(lambda view: view.is_recent(node_id, None, since))

    def recent(self, since: float) -> list[Entry]:
        """Return the nodes that were written here at *since* or later and are still known."""
        return self._read(lambda view: view.entries(view.recent_ids(since)))

    def recent_ids(self, since: float) -> list[str]:
        """Return the ids of the nodes that were written or removed here at *since* or later."""
        return self._read(lambda view: view.recent_ids(since))

    def moment(self) -> int:
        """Return the number of the last transaction that wrote; while it stands nothing has changed."""
        return self._read(View.moment)

    def months(self) -> list[tuple[int, int]]:
        """Return the years and months in which photographs and films were taken that searches find."""

        def work(view: View) -> list[tuple[int, int]]:
            from ap_remote.cache import search

            return search.months(view)

        return self._read(work)

    def children(self, folder: str, path: str | None = None) -> list[Entry]:
        """Return what is in a folder, ordered by folded name. *path* is the folder's, if it is known already.

        With ``""`` for a folder: the nodes that have no parent, the root and the albums among them.
        """

        def work(view: View) -> list[Entry]:
            return self._children(view, folder, path if path is not None else (view.path_of(folder) or ""))

        return self._read(work)

    def _children(self, view: View, folder: str, path: str) -> list[Entry]:
        key, moment, shelf = (folder, path), view.moment(), self._shelf
        kept = shelf.get(key)
        if kept is not None and kept[0] == moment:
            shelf.move_to_end(key)
            return list(kept[1])
        found = view.children(folder, path + "/" if path else "")
        shelf[key] = (moment, found)
        while len(shelf) > _SHELF:
            shelf.popitem(last=False)
        return list(found)

    # -- at once, from any thread --------------------------------------------------------------------------------------

    def peek(self, path: str, *, since: float) -> Entry | Stale | None:
        """Return what :meth:`find` would, but open nothing: closed files know nothing."""
        found = self._peek(lambda view: (self._walks.walk(view, path, since),))
        return Stale(None, "") if found is None else found[0]

    def peek_children(self, path: str, *, since: float) -> tuple[Entry, list[Entry] | None] | Stale | None:
        """Return what is at *path*, as :meth:`peek` does, and of a folder that is known well enough its children."""

        def work(view: View) -> tuple[tuple[Entry, list[Entry] | None] | Stale | None]:
            found = self._walks.walk(view, path, since)
            if not isinstance(found, Entry):
                return (found,)
            known = found.kind is Kind.FOLDER and view.listed_at(keys.node(found.id), view.completed()) >= since
            return ((found, self._children(view, found.id, found.path) if known else None),)

        found = self._peek(work)
        return Stale(None, "") if found is None else found[0]

    def peek_mark(self, path: str, *, since: float) -> tuple[object, int] | None:
        """Return what is equal until somebody writes to the store, if a folder's children are known well enough."""
        opening = self._opening

        def work(view: View) -> tuple[object, int] | None:
            found = self._walks.walk(view, path, since)
            if not isinstance(found, Entry) or found.kind is not Kind.FOLDER:
                return None
            known = view.listed_at(keys.node(found.id), view.completed()) >= since
            return (opening, view.moment()) if known else None

        return self._peek(work)

    def _peek(self, work: Callable[[View], T]) -> T | None:
        return self._store.read_if_open(lambda txn, tables: work(View(txn, tables)))

    def by_md5(self, md5: str) -> list[Entry]:
        """Return the nodes with this content, the trashed ones too."""

        def work(view: View) -> list[Entry]:
            start = keys.digest(md5, "")
            ids = [keys.parse_digest(key)[1] for key in view.scan("md5", start)]
            return view.entries(ids)

        return self._read(work)

    def by_date(self, start: datetime | None = None, stop: datetime | None = None) -> list[Entry]:
        """Return the files taken (if that is unknown: created) from *start* until before *stop*, the earliest first."""

        def work(view: View) -> list[Entry]:
            from ap_remote.cache import search

            return view.entries(search.dated(view, start, stop))

        return self._read(work)

    def search(self, query: Query, *, sort: str = "-taken", limit: int | None = None) -> list[Entry]:
        """Return what a query in either language finds among the nodes that are known here.

        A node without a path, because the way to the root is not known, is left out.

        Args:
            query: search sees what is available and not hidden; a node filter that names no status what is available.
            sort: ``taken``, ``created`` or ``name``, with ``-`` before it for descending. Where a time is unknown a
                node comes first ascending and last descending, as it does at the service.
            limit: nodes, at most.
        """

        def work(view: View) -> list[Entry]:
            from ap_remote.cache import search

            return search.find(view, query, sort=sort, limit=limit)

        return self._read(work)

    def tally(self, query: Query) -> int:
        """Return how many nodes :meth:`search` would find."""

        def work(view: View) -> int:
            from ap_remote.cache import search

            return search.tally(view, query)

        return self._read(work)

    def count(self) -> int:
        """Return how many nodes are known, the trashed ones too."""
        return self._read(lambda view: view.count("nodes"))

    def ids(self) -> list[str]:
        """Return the ids of all known nodes."""
        return self._read(lambda view: [keys.parse_node(key) for key in view.between("nodes", b"", None)])

    # -- writing -------------------------------------------------------------------------------------------------------

    def put_root(self, entry: Entry) -> None:
        """Store the root folder."""

        def work(view: View) -> None:
            view.set_root(entry.id)
            view.store(entry, equal=True)

        self._write(work)

    def put(
        self,
        entries: Iterable[Entry],
        *,
        replace_equal: bool = False,
        written: float | None = None,
        seen: float | None = None,
    ) -> int:
        """Store nodes and return how many rows changed.

        Args:
            entries: their paths do not matter, their parents do.
            replace_equal: let an equal version overwrite as well; a lower one never does.
            written: the answer of a write of ours, made at this moment; listings that lag behind will not undo it.
            seen: seen in a listing at this moment.
        """
        rows = list(entries)

        def work(view: View) -> int:
            changed = 0
            for entry in rows:
                if seen is not None and view.is_recent(entry.id, entry.version, seen - self._recent):
                    view.stamp(keys.node(entry.id))
                    continue
                changed += view.store(entry, equal=replace_equal or written is not None)
                if written is not None:
                    view.mark_recent(entry.id, written)
            return changed

        return self._write(work)

    def put_folder_made(self, entry: Entry, when: float) -> None:
        """Store a folder that was just created here, hence empty: its children are known."""

        def work(view: View) -> None:
            view.store(entry, equal=True)
            view.mark_recent(entry.id, when)
            view.set_listed(entry.id, when)

        self._write(work)

    def put_children(self, folder: str, entries: Sequence[Entry], when: float) -> None:
        """Replace the children of *folder* by a complete listing made at *when*.

        What the listing lacks leaves the folder, unless it was written here moments ago.
        """
        rows = list(entries)

        def work(view: View) -> None:
            threshold = when - self._recent
            view.forget_recent(threshold)
            before = view.child_ids(folder)
            for record in rows:
                if not view.is_recent(record.id, record.version, threshold):
                    view.store(record, equal=True)
            for node_id in before - {record.id for record in rows}:
                if not view.is_recent(node_id, None, threshold):
                    view.leave(node_id, folder)
            view.set_listed(folder, when)

        self._write(work)

    def remove(self, ids: Iterable[str], *, written: float | None = None) -> int:
        """Forget nodes and what is cached below them; return how many were known.

        *written*: they were removed by us at this moment, so a listing that still shows them is not believed.
        """
        wanted = list(ids)

        def work(view: View) -> int:
            removed = 0
            for node_id in wanted:
                removed += view.drop(node_id, written)
            return removed

        return self._write(work)

    def expire(self, folder: str) -> None:
        """Let the children of *folder* be listed before they are served again."""
        self._write(lambda view: view.set_listed(folder, -math.inf))
