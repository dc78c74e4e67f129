"""Entries that lie in several folders. Parents come and go one by one: to replace them all may drop albums as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ap_remote import mapping
from ap_remote.api import nodes
from ap_remote.backends.amazon_account import Account
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    InvalidNameError,
    IsFileError,
    NotFoundError,
    OutcomeUnknownError,
    UnsupportedError,
)
from ap_remote.model import Entry, Kind, Ref, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.wire.nodes import Node


class Parents(Account):
    """The methods of :class:`~ap_remote.remote.features.SupportsParents`."""

    async def link(self, source: Ref, folder: Ref) -> Entry:
        """Let an entry lie in one more folder, and return it as it is seen there."""
        entry, place = await self._pair(source, folder)
        path = paths.join(place.path, entry.name)
        if f"{place.path}/".startswith(f"{entry.path}/"):
            raise InvalidNameError(path, "a folder cannot lie in itself")
        if place.id in entry.parents:
            return msgspec.structs.replace(entry, path=path)
        taken = await self._tree.find(path)
        if taken is not None and taken.id != entry.id:
            raise AlreadyExistsError(path, taken.id)
        try:
            node = await self._tree.transport.send(nodes.link(place.id, entry.id))
        except AlreadyExistsError as exc:
            self._tree.cache.expire(place.id)
            raise AlreadyExistsError(path, exc.node_id) from exc
        return msgspec.structs.replace(await self._changed(entry, node), path=path)

    async def unlink(self, source: Ref, folder: Ref) -> Entry:
        """Take an entry out of one of several folders, and return it where it stays."""
        entry, place = await self._pair(source, folder)
        # Whether it is the last folder must not be judged by old knowledge.
        entry = await self._tree.ask(entry.id)
        path = paths.join(place.path, entry.name)
        if place.id not in entry.parents:
            raise NotFoundError(path)
        others = (await self._tree.ask_many(each for each in entry.parents if each != place.id)).values()
        if not any(isinstance(each, Entry) and _holds(each) for each in others):
            raise UnsupportedError(f"{path!r} lies in no other folder: trash it, or move it elsewhere")
        try:
            node = await self._tree.transport.send(nodes.unlink(place.id, entry.id))
        except OutcomeUnknownError:
            now = await self._tree.ask(entry.id, truth=True)
            if place.id in now.parents:
                raise
            return now
        return await self._changed(entry, node)

    async def _pair(self, source: Ref, folder: Ref) -> tuple[Entry, Entry]:
        entry, place = await self._live(source), await self._live(folder)
        if entry.id == self._tree.cache.root:
            raise AccessDeniedError("the root lies in no folder")
        if entry.kind is Kind.ALBUM:
            raise UnsupportedError(f"the album {entry.name!r} lies in no folder")
        if place.kind is not Kind.FOLDER:
            raise IsFileError(place.path)
        return entry, place

    async def _changed(self, entry: Entry, node: Node | None) -> Entry:
        """Keep the answer; documents and observers disagree about it, so the node is asked for where it is another."""
        if node is None or node.id != entry.id:
            return await self._tree.ask(entry.id, truth=True)
        return await self._tree.written(mapping.entry(node, path=""))


def _holds(place: Entry) -> bool:
    """Whether an entry is seen in a place: albums and trashed folders do not count."""
    return place.kind is Kind.FOLDER and place.status is Status.AVAILABLE
