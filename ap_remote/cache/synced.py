"""What a sync does with the cache: where it stands, what it was told, what it may drop; and facts about the account."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import TypeVar

import msgspec

from ap_remote.cache import keys
from ap_remote.cache.env import Store
from ap_remote.cache.state import Fact, SyncState, Walk
from ap_remote.cache.view import View
from ap_remote.model import Entry

T = TypeVar("T")


class Synced:
    """A store that syncs keep up to date.

    Args:
        store: the tables.
        recent: seconds during which a listing is not believed about a node that was written here.
    """

    def __init__(self, store: Store, recent: float) -> None:
        self._store = store
        self._recent = recent

    def sync_state(self) -> SyncState:
        """Return where the last sync stopped."""
        return self._read(View.state)

    def begin_sync(self, walk: Walk | None = None) -> int:
        """Begin a run: what is written from now on carries its generation, which is returned."""

        def work(view: View) -> int:
            state = view.state()
            view.set_state(msgspec.structs.replace(state, generation=state.generation + 1, walk=walk))
            return state.generation + 1

        return self._write(work)

    def put_batch(self, entries: Iterable[Entry], *, gone: Iterable[str] = (), seen: float, state: SyncState) -> int:
        """Store what a sync was told along with where it stands, in one transaction; return how many rows changed.

        Args:
            entries: nodes; an equal version overwrites, an older one does not.
            gone: ids of nodes that were deleted for ever.
            seen: the moment of the answer.
            state: where a killed sync goes on.
        """
        rows, dead = list(entries), list(gone)

        def work(view: View) -> int:
            changed, threshold = 0, seen - self._recent
            for entry in rows:
                if view.is_recent(entry.id, entry.version, threshold):
                    view.stamp(keys.node(entry.id))
                else:
                    changed += view.store(entry, equal=True, told=state.told)
            for node_id in dead:
                # What is known nowhere needs no mark that it is gone.
                changed += view.record(node_id) is not None and view.drop(node_id, seen)
            view.set_state(state)
            return changed

        return self._write(work)

    def seen(self) -> list[str]:
        """Return the ids that the current run has seen or that were written meanwhile."""
        return self._read(lambda view: view.seen(view.state().generation))

    def created(self, ids: AbstractSet[str]) -> list[datetime]:
        """Return when those of *ids* that are known were created, the earliest first."""

        def work(view: View) -> list[datetime]:
            rows = (keys.parse_time(key) for key in view.scan("times", keys.CREATED))
            return sorted(keys.moment(when) for _, when, node_id in rows if when != keys.NEVER and node_id in ids)

        return self._read(work)

    def finish_sync(self, *, began: float, checkpoint: str | None = None, sweep: bool = True) -> int:
        """End a run that was told everything, and return how many nodes were dropped.

        Args:
            began: when the run began; it is as of then that every folder counts as listed.
            checkpoint: where a delta may go on.
            sweep: drop what the run did not see; not after a delta, which tells only what changed.
        """

        def work(view: View) -> int:
            threshold = began - self._recent
            state = view.state()
            view.forget_recent(threshold)
            kept = {view.root()}
            gone = [
                each
                for each in (view.unseen(state.generation) if sweep else ())
                if each not in kept and not view.is_recent(each, None, threshold)
            ]
            for node_id in gone:
                view.drop(node_id, None, below=False)
            view.forget_listed(told=not sweep)
            view.set_state(msgspec.structs.replace(state, completed=began, checkpoint=checkpoint, walk=None))
            return len(gone)

        return self._write(work)

    # -- facts ---------------------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Fact]:
        """Return what was found out about the account; :meth:`Fact.holds` says whether to believe it still."""
        return self._read(View.facts)

    def remember(self, name: str, value: str, when: float) -> None:
        """Keep something that was found out about the account at *when* (seconds since 1970)."""
        self._write(lambda view: view.set_fact(name, Fact(value, when)))

    def _read(self, work: Callable[[View], T]) -> T:
        return self._store.read(lambda txn, tables: work(View(txn, tables)))

    def _write(self, work: Callable[[View], T]) -> T:
        return self._store.write(lambda txn, tables: work(View(txn, tables)))
