"""One file to the service: hashed first, compared afterwards, and never sent twice on a guess.

The way is ``v2/upload``. Where an account has none, which is remembered, it is the older ``cdproxy/nodes``; in parts
only above a size that the caller names.
"""

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
from ap_remote.api import parts as parts_api
from ap_remote.backends.amazon_ability import Ability
from ap_remote.backends.amazon_digests import look_up
from ap_remote.backends.amazon_facts import Facts
from ap_remote.backends.amazon_parts import Parts
from ap_remote.errors import (
    AlreadyExistsError,
    DuplicateContentError,
    IntegrityError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    TransportError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import Entry, Kind, Status
from ap_remote.remote import paths
from ap_remote.remote.base import Measured

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.remote.base import Body, Duplicates, IfExists
    from ap_remote.transport.call import Call
    from ap_remote.wire.nodes import Node
    from ap_remote.wire.parts import Started

Look = Callable[[], Awaitable[Entry | None]]
V2: Final = "upload by v2/upload"
IN_PARTS: Final = "upload in parts"
ASKED_FROM: Final = 2**20
"""Bytes from which the service is asked whether it knows a content before it is sent. Below that, sending costs no more
than asking, and the service refuses what it knows by itself (own choice)."""
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


async def measure(source: bytes | Path) -> Sum:
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


class Uploads(Ability):
    """How files are sent."""

    parts_from: int | None = None
    """Bytes from which a file is sent in parts, resumable after a crash. ``None`` is never: nobody has shown that the
    service takes them (uncertain)."""


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
        parts_from: int | None = None,
    ) -> None:
        self._tree = tree
        self._facts = Facts(tree.cache, tree.clock)
        self._parts_from = parts_from
        self._source = source.path if isinstance(source, Measured) else source
        self._measured = Sum(source.md5, source.size) if isinstance(source, Measured) else None
        self._path = path
        self._overwrite = if_exists == "overwrite"
        self._keep = duplicates == "keep"
        self._taken = taken
        self._sum = Sum("", 0)
        self._stored = False
        """Whether the service has taken the bytes: what goes wrong from then on is no reason to send them again."""

    async def run(self) -> Entry:
        """Do it.

        Raises:
            RemoteError: as :meth:`ap_remote.remote.base.Remote.put` says.
        """
        there = self._accepted(await self._tree.find(self._path))
        self._sum = self._measured or await measure(self._source)
        if not self._keep:
            await self._check_above()
            await self._refuse_twin(there)
        if there is None:
            try:
                return await self._create_in_folder()
            except AlreadyExistsError as exc:
                there = self._accepted(await self._tree.taken_by(self._path, exc), exc)
        return await self._replace(there)

    async def _check_above(self) -> None:
        """Raise if the file could not be there anyway: that is what its sender must hear first.

        Raises:
            IsFileError: what lies above is a file.
        """
        above, _ = paths.split(self._path)
        while above and (found := await self._tree.find(above)) is None:
            above, _ = paths.split(above)
        if above and found is not None and found.kind is not Kind.FOLDER:
            raise IsFileError(found.path)

    async def _create_in_folder(self) -> Entry:
        parent_path, name = paths.split(self._path)
        parent = await self._tree.folder(parent_path)
        try:
            return await self._create(parent, name)
        except NotFoundError:
            if self._stored:
                raise
            # Nothing was stored: the folder is too new to be seen by all of the service, or somebody removed it.
            if self._tree.is_recent(parent):
                await self._tree.sleep(_FOLDER_LAG)
            else:
                self._tree.cache.remove([parent.id])
                parent = await self._tree.folder(parent_path)
        try:
            return await self._create(parent, name)
        except NotFoundError as exc:
            if self._stored:
                raise
            return await self._create_elsewhere(parent, name, exc)

    async def _create_elsewhere(self, parent: Entry, name: str, refusal: NotFoundError) -> Entry:
        """Create a file the older way, where the folder is there and it is the upload service that is not.

        Raises:
            NotFoundError: it is the folder after all.
        """
        try:
            await self._tree.ask(parent.id)
            entry = await self._create_simple(parent, name)
        except NotFoundError:
            raise NotFoundError(parent.path) from refusal
        self._facts.learn(V2, offered=False)
        return entry

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

        The cache may be old, so the service is asked whether its node is still what it was; and for a large file,
        whether it knows one that the cache does not.
        """
        binned: str | None = None
        for twin in self._tree.cache.by_md5(self._sum.md5):
            if there is not None and twin.id == there.id:
                continue
            try:
                now = await self._tree.ask(twin.id)
            except NotFoundError:
                continue
            if now.md5 == self._sum.md5 and now.status is Status.TRASHED:
                binned = now.id
            elif now.md5 == self._sum.md5:
                raise DuplicateContentError(self._path, now.id)
        if self._sum.size >= ASKED_FROM and not self._tree.cache.completed_since(self._tree.since()):
            found = (await look_up(self._tree, self._facts, [self._sum.md5])).get(self._sum.md5)
            if found is not None and (there is None or found.id != there.id):
                raise DuplicateContentError(self._path, found.id)
        if binned is not None:
            # One that lies in the bin counts as well, and is named only where there is no other.
            raise DuplicateContentError(self._path, binned)

    async def _create(self, parent: Entry, name: str) -> Entry:
        if self._facts.offers(V2) is False:
            return await self._create_simple(parent, name)
        wishes = content.wishes(suppress=self._suppress, taken=self._taken)
        begin = parts_api.start(name, parent.id, md5=self._sum.md5, size=self._sum.size, wishes=wishes)
        entry = await self._in_parts(begin, f"{parent.id}/{name}", new=True)
        if entry is not None:
            return entry
        call = content.upload(
            name,
            parent.id,
            self._source,
            md5=self._sum.md5,
            size=self._sum.size,
            wishes=wishes,
        )
        try:
            entry = await self._sent(call, lambda: self._look(parent, name), patient=True)
        except UnsupportedError:
            self._facts.learn(V2, offered=False)
            return await self._create_simple(parent, name)
        return await self._checked(entry, new=True)

    async def _create_simple(self, parent: Entry, name: str) -> Entry:
        """Create a file the older way; its capture time is what the file itself says."""
        call = content.upload_simple(
            name, parent.id, self._source, size=self._sum.size, suppress_duplicates_check=self._keep
        )
        entry = await self._sent(call, lambda: self._look(parent, name), patient=True)
        return await self._checked(entry, new=True)

    async def _replace(self, there: Entry | None) -> Entry:
        assert there is not None  # noqa: S101 - `run` comes here only with something to replace
        node_id = there.id
        wishes = content.wishes(suppress=self._suppress, taken=self._taken)
        begin = parts_api.start_overwrite(node_id, md5=self._sum.md5, size=self._sum.size, wishes=wishes)
        entry = await self._in_parts(begin, node_id, new=False)
        if entry is not None:
            return entry
        call = content.overwrite(
            node_id,
            self._source,
            md5=self._sum.md5,
            size=self._sum.size,
            wishes=wishes,
        )
        entry = await self._sent(call, lambda: self._ask(node_id), patient=False)
        return await self._checked(entry, new=False)

    async def _in_parts(self, begin: Call[Started], place: str, *, new: bool) -> Entry | None:
        """Send the file in parts, if it is large enough for that and the service takes them; else return ``None``."""
        if self._parts_from is None or self._sum.size < max(self._parts_from, 1):
            return None
        if self._facts.offers(IN_PARTS) is False:
            return None
        key = f"upload {place} {self._sum.md5}"
        parts = Parts(self._tree, self._facts, key=key, source=self._source, size=self._sum.size, name=self._path)
        try:
            ticket = await parts.send(begin)
        except UnsupportedError:
            self._facts.learn(IN_PARTS, offered=False)
            return None
        except (NotFoundError, ProtocolError):
            # No parts here, or no such folder; nothing was made, and the ordinary way will tell.
            return None
        except DuplicateContentError as exc:
            raise DuplicateContentError(self._path, exc.node_id) from exc
        call = parts_api.complete(ticket.node_id, ticket.upload_id, subject=self._path)
        entry = await self._sent(call, lambda: self._ask(ticket.node_id), patient=True)
        parts.done()
        return await self._checked(entry, new=new)

    @property
    def _suppress(self) -> tuple[content.Suppress, ...]:
        return ("DEDUPLICATION",) if self._keep else ()

    async def _sent(self, call: Call[Node], look: Look, *, patient: bool) -> Entry:
        """Send the bytes once and return what they became; where the end is uncertain, look instead of sending again.

        Args:
            call: with the body.
            look: finds the file as the service has it now.
            patient: keep looking for as long as a large file may take to appear.

        Raises:
            DuplicateContentError: with our path.
            RemoteError: as the service refused it.
        """
        try:
            node = await self._tree.transport.send(call)
        except DuplicateContentError as exc:
            raise DuplicateContentError(self._path, exc.node_id) from exc
        except (OutcomeUnknownError, UnavailableError) as exc:
            entry = await self._arrived(look, exc, patient=patient and isinstance(exc, OutcomeUnknownError))
        else:
            entry = mapping.entry(node, path=self._path)
        self._stored = True
        return entry

    async def _look(self, parent: Entry, name: str) -> Entry | None:
        """Return the file of that name as the service lists it now."""
        filters = query.show(query.field("name", name))
        page = await self._tree.transport.send(nodes.children(parent.id, filters=filters))
        wanted = paths.fold(name)
        for node in page.data:
            if paths.fold(node.name or "") == wanted and parent.id in node.parents:
                return mapping.entry(node, path=self._path)
        return None

    async def _ask(self, node_id: str) -> Entry | None:
        try:
            return mapping.entry(await self._tree.transport.send(nodes.node(node_id)), path=self._path)
        except NotFoundError:
            return None

    async def _arrived(self, look: Look, error: Exception, *, patient: bool) -> Entry:
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
            except NotFoundError:
                # A folder that is too new to be listed; as a refusal of the upload it would be sent once more.
                found = None
            except TransportError as exc:
                # Nothing can be seen now; what is known of the upload itself is what the caller must hear.
                raise error from exc
            if found is not None and found.md5 == self._sum.md5:
                return found
        raise error

    async def _checked(self, entry: Entry, *, new: bool) -> Entry:
        """Return what was stored, if it is what was sent.

        A file whose content the service still looks at says nothing of it. Its bytes were taken with their digest, so
        that is no reason to put it in the trash.

        Raises:
            IntegrityError: it is not; a new node is in the trash then.
        """
        for pause in (0.0, *_FIRST_LOOKS):
            if entry.md5 is not None:
                break
            if pause:
                await self._tree.sleep(pause)
            try:
                entry = msgspec.structs.replace(await self._tree.ask(entry.id), path=self._path)
            except NotFoundError:
                continue  # it was stored, and is not seen everywhere yet
        if entry.md5 is None:
            return await self._tree.written(entry)
        if (entry.md5, entry.size) == (self._sum.md5, self._sum.size):
            return await self._tree.written(entry)
        self._tree.wrote(entry)
        after = ""
        if new:
            after = "; it is in the trash now" if await self._tree.discard(entry) else "; it could not be trashed"
        stored = f"{entry.size} bytes with md5 {entry.md5}"
        sent = f"{self._sum.size} bytes with md5 {self._sum.md5}"
        raise IntegrityError(f"{self._path!r} was stored as {stored}, sent were {sent}{after}")
