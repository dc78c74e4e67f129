"""Another name, another folder, or both. The service has no call for both, so it may take two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from ap_remote import mapping
from ap_remote.api import nodes
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    InvalidNameError,
    IsFolderError,
    OutcomeUnknownError,
    RemoteError,
)
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree


class Move:
    """One entry that is to go elsewhere."""

    def __init__(self, tree: Tree, entry: Entry) -> None:
        self._tree = tree
        self._entry = entry

    async def to(self, path: str) -> Entry:
        """Move it.

        Raises:
            RemoteError: as :meth:`ap_remote.remote.features.SupportsFolders.move` says.
        """
        if self._entry.kind is Kind.ALBUM:
            return await self._rename_album(paths.normalise(path))
        place = paths.writable(path)
        if not place:
            raise IsFolderError(place)
        if self._entry.id == self._tree.cache.root:
            raise AccessDeniedError("the root cannot be moved")
        parent_path, name = paths.split(place)
        parent = await self._tree.folder(parent_path, make=False)
        if self._entry.kind is Kind.FOLDER and f"{parent.path}/".startswith(f"{self._entry.path}/"):
            raise InvalidNameError(place, "a folder cannot be moved into itself")
        taken = await self._tree.find(place)
        if taken is not None and taken.id != self._entry.id:
            raise AlreadyExistsError(place, taken.id)
        try:
            return await self._go(parent, name)
        except AlreadyExistsError as exc:
            self._tree.cache.expire(parent.id)
            raise AlreadyExistsError(place, exc.node_id) from exc

    async def _go(self, parent: Entry, name: str) -> Entry:
        entry = self._entry
        if parent.id in entry.parents:
            return entry if name == entry.name else await self._rename(entry, name)
        if name == entry.name:
            return await self._reparent(entry, parent)
        try:
            renamed = await self._rename(entry, name)
        except AlreadyExistsError:
            # The new name is taken in the old folder; by way of the old name in the new folder it may go.
            moved = await self._reparent(entry, parent)
            old = await self._above()
            return await _or_back(partial(self._rename, moved, name), partial(self._reparent, moved, old))
        return await _or_back(partial(self._reparent, renamed, parent), partial(self._rename, renamed, entry.name))

    async def _above(self) -> Entry:
        parent_path, _ = paths.split(self._entry.path)
        return await self._tree.folder(parent_path, make=False)

    async def _rename(self, entry: Entry, name: str) -> Entry:
        node = await self._tree.transport.send(nodes.patch(entry.id, name=name))
        return await self._tree.written(mapping.entry(node, path=""))

    async def _reparent(self, entry: Entry, parent: Entry) -> Entry:
        old = (await self._above()).id
        source = old if old in entry.parents and old != parent.id else entry.parents[0]
        try:
            await self._tree.transport.send(nodes.move(entry.id, source, parent.id))
        except OutcomeUnknownError:
            moved = await self._tree.ask(entry.id, truth=True)
            if parent.id not in moved.parents:
                raise
            return moved
        return await self._tree.ask(entry.id, truth=True)

    async def _rename_album(self, place: str) -> Entry:
        return await self._rename(self._entry, paths.album_name(place))


async def _or_back(second: Callable[[], Awaitable[Entry]], back: Callable[[], Awaitable[Entry]]) -> Entry:
    """Take the second step, or undo the first."""
    try:
        return await second()
    except RemoteError:
        await back()
        raise
