"""Trash, restore, delete: in batches, with an outcome for every target."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from ap_remote import mapping
from ap_remote.api import pages
from ap_remote.api import trash as api
from ap_remote.errors import (
    AccessDeniedError,
    AmbiguousError,
    AuthenticationError,
    BatchError,
    NotFoundError,
    NotInTrashError,
    OutcomeUnknownError,
    ProtocolError,
    RateLimitedError,
    RemoteError,
    TransportError,
    UnavailableError,
)
from ap_remote.model import Entry, Kind, NodeId, Outcome, Ref, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.transport.call import Call
    from ap_remote.wire.nodes import Bulk, Node

Action = Literal["trash", "restore", "delete"]
Resolved = tuple[Ref, Entry | RemoteError]

_ALBUMS: Final = "kind:(VISUAL_COLLECTION*) AND status:(TRASH*)"
"""The bin's other half: the site's own filter leaves albums out."""
_BIN: Final = "bin"
_FEW: Final = 8
"""Targets up to which nodes are asked for one by one rather than by listing the bin."""
_UNKNOWN: Final = 404
_LAG: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds between looks whether a restored node is back [amazon-photos-api.md 11]."""


class Views(Protocol):
    """Knows what is at a view path."""

    async def real(self, path: str) -> Entry:
        """Return it at the path that it has (or had) outside the views."""
        ...


class Bin:
    """What can be done about the trash."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.views: Views | None = None

    # -- looking -------------------------------------------------------------------------------------------------------

    async def listing(self) -> list[tuple[Entry, bool]]:
        """Ask what is in the bin; see :meth:`known`."""
        self._tree.asked.forget(_BIN)
        found, _ = await self.known(self._tree.clock())
        return found

    async def known(self, since: float) -> tuple[list[tuple[Entry, bool]], float]:
        """Return what is in the bin, last changed first, each with whether a folder took it along, and as of when.

        What was put in or taken out here moments ago counts even where the listing does not show it yet.
        """
        tree = self._tree
        when, told = await tree.asked.get(_BIN, since, partial(self._ask, since))
        known = tree.cache.get_many({**dict.fromkeys(tree.mine()), **told})
        binned = [each for each in known.values() if each.status is Status.TRASHED]
        revived = self._under_revived(binned)
        found = [
            (each, along if along is not None else any(parent in told for parent in each.parents))
            for each in await tree.locate(binned)
            for along in (False if each.id in revived else told.get(each.id),)
        ]
        return sorted(
            found, key=lambda row: row[0].modified.timestamp() if row[0].modified else 0.0, reverse=True
        ), when

    async def _ask(self, since: float) -> dict[str, bool | None]:
        """Ask what is in the bin and return by id whether a folder took it along, as far as that is said."""
        tree = self._tree
        rows: list[Node] = []
        for filters in (api.TRASHED, _ALBUMS):
            ask = partial(api.trash_page, offset=None, sort=None, filters=filters)
            rows += [node async for node in pages.iterate(tree.transport.send, ask)]
        entries = [mapping.entry(node, path="") for node in rows]
        tree.cache.put(entries, replace_equal=True, seen=tree.clock())
        await tree.confirm_above(entries, since)
        told = {node.id: node.recursively_trashed for node in rows}
        # They are back with their folder, and the listing lags; or they stay though it came back. Each is asked for.
        await tree.ask_nodes(each for each in self._under_revived(entries) if told[each])
        return told

    def _under_revived(self, entries: Iterable[Entry]) -> set[str]:
        """Return the ids of those whose folder is not in the bin: restoring one of its entries brings it back alone."""
        rows = list(entries)
        above = self._tree.cache.get_many({parent for each in rows for parent in each.parents}).values()
        alive = {each.id for each in above if each.status is Status.AVAILABLE}
        return {each.id for each in rows if alive.intersection(each.parents)}

    # -- the verbs -----------------------------------------------------------------------------------------------------

    async def trash(self, targets: Sequence[Ref]) -> Sequence[Outcome]:
        """Put entries in the bin."""
        rows = [(target, await self._attempt(self._to_trash, target)) for target in targets]
        outcomes = await self._apply("trash", rows, api.trash, done=lambda entry: entry.status is Status.TRASHED)
        return _verdict("trash", rows, outcomes)

    async def restore(self, targets: Sequence[Ref]) -> Sequence[Outcome]:
        """Take entries out of the bin."""
        rows = await self._in_trash(targets)
        outcomes = await self._apply("restore", rows, api.restore)
        return _verdict("restore", rows, outcomes)

    async def delete(self, targets: Sequence[Ref]) -> Sequence[Outcome]:
        """Remove trashed entries for ever."""
        rows = await self._in_trash(targets)
        outcomes = await self._apply("delete", rows, api.purge)
        return _verdict("delete", rows, outcomes)

    # -- from targets to entries ---------------------------------------------------------------------------------------

    async def _to_trash(self, target: Ref) -> Entry:
        tree = self._tree
        if isinstance(target, NodeId):
            entry = await tree.node(target.value)
        else:
            path = paths.normalise(target)
            found = await (self._view(path) if paths.is_view(path) else tree.find(path))
            entry = found or await self._already(path)
        if entry.id == tree.cache.root:
            raise AccessDeniedError("the root cannot be trashed")
        return entry

    async def _already(self, path: str) -> Entry:
        """Return what is in the bin and had this path."""
        for entry, _ in await self.listing():
            if paths.fold(entry.path) == paths.fold(path):
                return entry
        raise NotFoundError(path)

    async def _view(self, path: str) -> Entry:
        if self.views is None:
            raise NotFoundError(path)
        return await self.views.real(path)

    async def _in_trash(self, targets: Sequence[Ref]) -> list[Resolved]:
        """Return for every target the one entry in the bin that it names.

        This always asks the service: deleting what somebody else restored meanwhile could not be undone.
        """
        ids = [target.value for target in targets if isinstance(target, NodeId)]
        some_paths = len(ids) < len(targets)
        binned = await self.listing() if some_paths or len(ids) > _FEW else []
        known: dict[str, Entry | RemoteError] = {entry.id: entry for entry, _ in binned}
        known.update(await self._tree.ask_many(each for each in ids if each not in known))
        rows: list[Resolved] = []
        for target in targets:
            if isinstance(target, NodeId):
                rows.append((target, _trashed(target, known[target.value])))
            else:
                rows.append((target, await self._attempt(partial(self._by_path, [each for each, _ in binned]), target)))
        return rows

    async def _by_path(self, binned: Sequence[Entry], target: Ref) -> Entry:
        path = paths.normalise(str(target))
        if paths.is_view(path):
            entry = await self._sure(await self._view(path))
            if entry.status is Status.TRASHED:
                return entry
        found = [each for each in binned if paths.fold(each.path) == paths.fold(path)]
        if not found:
            raise NotInTrashError(path)
        if len(found) > 1:
            raise AmbiguousError(path, [each.id for each in found])
        entry = await self._sure(found[0])
        if entry.status is not Status.TRASHED:
            raise NotInTrashError(path)
        return entry

    async def _sure(self, entry: Entry) -> Entry:
        """Return an entry as it is, if the bin does not list it and only our own note says that it is there."""
        since = self._tree.since()
        _, told = await self._tree.asked.get(_BIN, since, partial(self._ask, since))
        if entry.id in told:
            return entry
        try:
            return await self._tree.ask(entry.id, truth=True)
        except NotFoundError:
            return entry  # what is gone cannot be lost; the call itself tells

    async def _attempt(self, find: Callable[[Ref], Awaitable[Entry]], target: Ref) -> Entry | RemoteError:
        try:
            return await find(target)
        except AuthenticationError:
            raise
        except RemoteError as exc:
            return exc

    # -- doing ---------------------------------------------------------------------------------------------------------

    async def _apply(
        self,
        action: Action,
        rows: Sequence[Resolved],
        make: Callable[[Sequence[str]], Call[Bulk]],
        *,
        done: Callable[[Entry], bool] = lambda _: False,
    ) -> dict[str, Entry | RemoteError | None]:
        """Do it to all that can be named; return by id the state afterwards, or why it failed."""
        entries = {entry.id: entry for _, entry in rows if isinstance(entry, Entry)}
        results: dict[str, Entry | RemoteError | None] = {key: each for key, each in entries.items() if done(each)}
        wanted = [each for each in entries if each not in results]
        failures: dict[str, RemoteError] = {}
        told: dict[str, Node] = {}
        for batch in _batches(wanted):
            failures |= await self._send(batch, make, entries, told)
        good = [entries[each] for each in wanted if each not in failures]
        results |= failures
        results |= await self._keep(action, good, told)
        return results

    async def _send(
        self,
        ids: Sequence[str],
        make: Callable[[Sequence[str]], Call[Bulk]],
        entries: dict[str, Entry],
        told: dict[str, Node],
    ) -> dict[str, RemoteError]:
        """Send one batch and return what failed of it; nodes that the answer carries go into *told*."""
        try:
            answer = await self._tree.transport.send(make(ids))
        except AuthenticationError:
            raise
        except OutcomeUnknownError as exc:
            return await self._settle(ids, exc)
        except (RateLimitedError, UnavailableError) as exc:
            # The service has enough, or is not there: that is about none of them, and each by itself would fare alike.
            return dict.fromkeys(ids, exc)
        except RemoteError as exc:
            if len(ids) == 1:
                return {ids[0]: exc}
            # One bad id fails the whole call; by themselves the others pass.
            failures: dict[str, RemoteError] = {}
            for each in ids:
                failures |= await self._send([each], make, entries, told)
            return failures
        told.update((node.id, node) for node in answer.data)
        return {
            each: _refused(entries[each], code) for each, code in answer.error_map.items() if each in entries and code
        }

    async def _settle(self, ids: Sequence[str], error: OutcomeUnknownError) -> dict[str, RemoteError]:
        """Look which nodes are gone after a purge without an answer."""
        try:
            now = await self._tree.ask_many(ids)
        except TransportError:
            # Nothing can be seen now; what is known of the purge itself is what the caller must hear.
            return dict.fromkeys(ids, error)
        return {each: error for each, found in now.items() if isinstance(found, Entry)}

    async def _keep(
        self, action: Action, good: Sequence[Entry], told: dict[str, Node]
    ) -> dict[str, Entry | RemoteError | None]:
        """Write the new state of what was done into the cache, and return it by id."""
        tree = self._tree
        if action == "delete":
            gone = {each.id for each in good}
            # What went into the bin with a folder is gone with it; what was put there on its own may still be there.
            tree.cache.remove(gone, written=tree.clock())
            try:
                below = await tree.ask_many(self._binned_below(gone))
            except TransportError:
                below = {}  # a later look will tell; what was asked for is done
            lost = [each for each, found in below.items() if isinstance(found, NotFoundError)]
            tree.cache.remove(lost, written=tree.clock())
            return {each.id: None for each in good}
        if action == "trash":
            said = _said(told, Status.TRASHED)
            binned = [
                msgspec.structs.replace(said.get(each.id, each), path=each.path, status=Status.TRASHED) for each in good
            ]
            tree.wrote(*binned)
            return {each.id: each for each in binned}
        return await self._restored(good, _said(told, Status.AVAILABLE))

    async def _restored(self, good: Sequence[Entry], said: dict[str, Entry]) -> dict[str, Entry | RemoteError | None]:
        """Tell what became of restored nodes: the service may have changed a name, or revived folders above.

        What the answer said already (*said*) is not asked again.
        """
        tree = self._tree
        await tree.ask_nodes(await self._binned_above([said.get(each.id, each) for each in good]))
        back = [said[each.id] for each in good if each.id in said]
        tree.wrote(*back)
        await tree.confirm_above(back, tree.since())
        results: dict[str, Entry | RemoteError | None] = {each.id: each for each in await tree.locate(back)}
        waiting = [each.id for each in good if each.id not in said]
        for pause in (*_LAG, None) if waiting else ():
            now = await tree.ask_many(waiting, truth=True)
            results |= now
            waiting = [key for key, each in now.items() if isinstance(each, Entry) and each.status is Status.TRASHED]
            if not waiting:
                break
            if pause is not None:
                await tree.sleep(pause)
        for each in waiting:
            results[each] = ProtocolError(f"the service said that id:{each} is restored, and shows it in the trash")
        folders = {each.id for each in results.values() if isinstance(each, Entry) and each.kind is Kind.FOLDER}
        for each in folders:
            tree.cache.expire(each)
        if folders:
            # What came back with a folder is not in the bin any more, though nobody said so of each.
            tree.asked.forget(_BIN)
        return results

    def _binned_below(self, folders: set[str]) -> set[str]:
        """Return what was put in the bin here, moments ago, and lies in none but these folders."""
        mine = [each for each in self._tree.cache.recent(self._tree.since()) if each.status is Status.TRASHED]
        found: set[str] = set()
        while (
            more := {
                each.id for each in mine if each.id not in found and each.parents and found | folders >= {*each.parents}
            }
            - folders
        ):
            found |= more
        return found

    async def _binned_above(self, entries: Iterable[Entry]) -> set[str]:
        """Return the folders above that the cache has in the bin."""
        cache = self._tree.cache
        found: set[str] = set()
        todo = {parent for entry in entries for parent in entry.parents}
        while todo:
            known = cache.get_many(todo)
            binned = {each.id for each in known.values() if each.status is Status.TRASHED} - found
            found |= binned
            todo = {parent for each in binned for parent in known[each].parents}
        return found


def _trashed(target: NodeId, found: Entry | RemoteError) -> Entry | RemoteError:
    if isinstance(found, Entry) and found.status is not Status.TRASHED:
        return NotInTrashError(str(target))
    return found


def _said(told: dict[str, Node], status: Status) -> dict[str, Entry]:
    """Return the nodes of an answer that are in the state in which they should be."""
    entries = [mapping.entry(node, path="") for node in told.values()]
    return {each.id: each for each in entries if each.status is status}


def _refused(entry: Entry, code: object) -> RemoteError:
    if str(code) == str(_UNKNOWN):
        return NotFoundError(entry.path)
    return AccessDeniedError(f"the service refused {entry.path!r} (code {code})")


def _batches(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while batch := list(itertools.islice(rest, api.BATCH)):
        yield batch


def _verdict(
    action: Action, rows: Sequence[Resolved], results: dict[str, Entry | RemoteError | None]
) -> Sequence[Outcome]:
    """Return an outcome per target, or raise as the contract says."""
    outcomes = []
    for target, entry in rows:
        result = results[entry.id] if isinstance(entry, Entry) else entry
        if isinstance(result, RemoteError):
            if len(rows) == 1:
                raise result
            outcomes.append(Outcome.failed(str(target), action, result))
        else:
            node_id = entry.id if isinstance(entry, Entry) else None
            outcomes.append(Outcome(target=str(target), action=action, id=node_id, entry=result))
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        raise BatchError(
            f"{action} failed for {len(failed)} of {len(outcomes)} targets; the first: {failed[0].error}", outcomes
        )
    return outcomes
