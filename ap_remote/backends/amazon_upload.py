"""One file to the service: hashed first, compared afterwards, and never sent twice on a guess."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote import mapping, query
from ap_remote.api import content, nodes
from ap_remote.errors import (
    AlreadyExistsError,
    DuplicateContentError,
    IntegrityError,
    IsFolderError,
    NotFoundError,
    OutcomeUnknownError,
    TransportError,
    UnavailableError,
)
from ap_remote.model import Entry, Kind, Status
from ap_remote.remote import paths
from ap_remote.wire._base import stamp

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.remote.base import Body, Duplicates, IfExists
    from ap_remote.transport.call import Call
    from ap_remote.wire.nodes import Node

_PIECE: Final = 1 << 20
_FIRST_LOOKS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between looks for a file whose upload was answered by an error."""
_EVERY: Final = 5.0
_FOLDER_LAG: Final = 1.0
"""Seconds for a new folder to be seen everywhere [amazon-photos-api.md 11]."""
_PATIENCE_PER_GIB: Final = 180.0
"""After that a large file counts as lost [amazon-photos-api.md 9.6]."""


class Sum(msgspec.Struct, frozen=True):
    """What a body is, before it is sent."""

    md5: str
    size: int


async def measure(source: Body) -> Sum:
    """Return md5 and size of a body in one pass; a file is read in a thread."""
    if isinstance(source, bytes):
        return Sum(hashlib.md5(source, usedforsecurity=False).hexdigest(), len(source))
    return await asyncio.to_thread(_measure_file, source)


def _measure_file(path: Path) -> Sum:
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return Sum(digest.hexdigest(), size)


class Upload:
    """One ``put``: the body, the place, and the wishes."""

    def __init__(
        self,
        tree: Tree,
        source: Body,
        path: str,
        *,
        if_exists: IfExists,
        duplicates: Duplicates,
        taken: datetime | None,
    ) -> None:
        self._tree = tree
        self._source = source
        self._path = path
        self._overwrite = if_exists == "overwrite"
        self._keep = duplicates == "keep"
        self._taken = taken
        self._sum = Sum("", 0)

    async def run(self) -> Entry:
        """Do it.

        Raises:
            RemoteError: as :meth:`ap_remote.remote.base.Remote.put` says.
        """
        there = self._accepted(await self._tree.find(self._path))
        self._sum = await measure(self._source)
        if not self._keep:
            await self._refuse_twin(there)
        if there is None:
            try:
                return await self._create_in_folder()
            except AlreadyExistsError as exc:
                there = self._accepted(await self._tree.taken_by(self._path, exc), exc)
        return await self._replace(there)

    async def _create_in_folder(self) -> Entry:
        parent_path, name = paths.split(self._path)
        parent = await self._tree.folder(parent_path)
        try:
            return await self._create(parent, name)
        except NotFoundError:
            # Nothing was stored: the folder is too new to be seen by all of the service, or somebody removed it.
            if self._tree.is_recent(parent):
                await self._tree.sleep(_FOLDER_LAG)
            else:
                self._tree.cache.remove([parent.id])
                parent = await self._tree.folder(parent_path)
        try:
            return await self._create(parent, name)
        except NotFoundError as exc:
            raise NotFoundError(parent.path) from exc

    def _accepted(self, there: Entry | None, cause: Exception | None = None) -> Entry | None:
        """Return what is at the path, if it may be replaced."""
        if there is None:
            return None
        if there.kind is not Kind.FILE:
            raise IsFolderError(self._path) from cause
        if not self._overwrite:
            raise AlreadyExistsError(self._path, there.id) from cause
        return there

    async def _refuse_twin(self, there: Entry | None) -> None:
        """Raise if the account is known to hold these bytes, before one is sent.

        The cache may be old, so the service is asked whether its node is still what it was.
        """
        for twin in self._tree.cache.by_md5(self._sum.md5):
            if there is not None and twin.id == there.id:
                continue
            try:
                now = await self._tree.ask(twin.id)
            except NotFoundError:
                continue
            if now.md5 == self._sum.md5 and now.status is Status.AVAILABLE:
                raise DuplicateContentError(self._path, now.id)

    async def _create(self, parent: Entry, name: str) -> Entry:
        call = content.upload(
            name,
            parent.id,
            self._source,
            md5=self._sum.md5,
            size=self._sum.size,
            suppress_duplicates_check=self._keep,
            taken=self._taken,
        )
        try:
            entry = await self._send(call)
        except DuplicateContentError as exc:
            raise DuplicateContentError(self._path, exc.node_id) from exc
        except (OutcomeUnknownError, UnavailableError) as exc:
            patient = isinstance(exc, OutcomeUnknownError)
            entry = await self._arrived(lambda: self._look(parent, name), exc, patient=patient)
        return await self._checked(entry, new=True)

    async def _replace(self, there: Entry | None) -> Entry:
        assert there is not None  # noqa: S101 - `run` comes here only with something to replace
        call = content.overwrite(there.id, self._source, md5=self._sum.md5, size=self._sum.size)
        params = dict(call.params)
        if self._keep:
            params["suppress"] = "DEDUPLICATION"
        if self._taken is not None:
            params["contentDate"] = stamp(self._taken)
        call = msgspec.structs.replace(call, params=params)
        node_id = there.id
        try:
            entry = await self._send(call)
        except DuplicateContentError as exc:
            raise DuplicateContentError(self._path, exc.node_id) from exc
        except (OutcomeUnknownError, UnavailableError) as exc:
            entry = await self._arrived(lambda: self._look_again(node_id), exc, patient=False)
        return await self._checked(entry, new=False)

    async def _send(self, call: Call[Node]) -> Entry:
        return mapping.entry(await self._tree.transport.send(call), path=self._path)

    async def _look(self, parent: Entry, name: str) -> Entry | None:
        """Return the file of that name as the service lists it now."""
        filters = query.show(query.field("name", name))
        page = await self._tree.transport.send(nodes.children(parent.id, filters=filters))
        wanted = paths.fold(name)
        for node in page.data:
            if paths.fold(node.name or "") == wanted and parent.id in node.parents:
                return mapping.entry(node, path=self._path)
        return None

    async def _look_again(self, node_id: str) -> Entry | None:
        return mapping.entry(await self._tree.transport.send(nodes.node(node_id)), path=self._path)

    async def _arrived(self, look: Callable[[], Awaitable[Entry | None]], error: Exception, *, patient: bool) -> Entry:
        """Return the file if it arrived although the service said otherwise; never send it again.

        Raises:
            Exception: *error*, when it did not.
        """
        patience = self._sum.size / 2**30 * _PATIENCE_PER_GIB
        pauses = [*_FIRST_LOOKS, *[_EVERY] * int(patience // _EVERY)] if patient else []
        for pause in (0.0, *pauses):
            if pause:
                await self._tree.sleep(pause)
            try:
                found = await look()
            except TransportError as exc:
                # Nothing can be seen now; what is known of the upload itself is what the caller must hear.
                raise error from exc
            if found is not None and found.md5 == self._sum.md5:
                return found
        raise error

    async def _checked(self, entry: Entry, *, new: bool) -> Entry:
        """Return what was stored, if it is what was sent.

        Raises:
            IntegrityError: it is not; a new node is in the trash then.
        """
        if entry.md5 is None:
            # What has just arrived may still be looked at; asked again it says what it is.
            entry = msgspec.structs.replace(await self._tree.ask(entry.id), path=self._path)
        if (entry.md5, entry.size) == (self._sum.md5, self._sum.size):
            return await self._tree.written(entry)
        self._tree.wrote(entry)
        after = ""
        if new:
            after = "; it is in the trash now" if await self._tree.discard(entry) else "; it could not be trashed"
        stored = f"{entry.size} bytes with md5 {entry.md5}"
        sent = f"{self._sum.size} bytes with md5 {self._sum.md5}"
        raise IntegrityError(f"{self._path!r} was stored as {stored}, sent were {sent}{after}")
