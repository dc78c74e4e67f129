"""Many files as one ZIP that the service makes. It cannot be resumed: what breaks off begins anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from ap_remote.api import bulk
from ap_remote.backends.amazon_ability import Ability
from ap_remote.backends.views import is_directory
from ap_remote.errors import (
    AccessDeniedError,
    IntegrityError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import Entry, Kind, NodeId, Ref
from ap_remote.transport.call import Address

if TYPE_CHECKING:
    from ap_remote.transport.answer import Download

READY: Final = "AVAILABLE"
PAUSES: Final = (1.0, 2.0, 4.0, 8.0, *[15.0] * 20)
"""Seconds between questions whether the archive is made, about five minutes in all (own choice)."""
_END: Final = b"PK\x05\x06"
"""How the record begins that ends every ZIP."""
_TAIL: Final = 22 + 65_535
"""Bytes in which it must be: its own, and the longest comment after it."""


class Archives(Ability):
    """Many files can be had in one go."""

    async def archive(self, *targets: Ref) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a ZIP of files, and of all files in folders and albums.

        Raises:
            NotFoundError: nothing is at a target.
            UnsupportedError: they are more than 1,200 files, or none.
            UnavailableError: the service does not get ready, or the connection broke.
            IntegrityError: the archive ended before its end.
        """
        files = await self._files(targets)
        tail = b""
        async with AsyncExitStack() as stack:
            answer = await self._opened(stack, [(each.owner_id or "", each.id) for each in files])
            async for piece in answer.aiter():
                tail = (tail + piece)[-_TAIL:]
                yield piece
        if _END not in tail:
            raise IntegrityError("the archive came without its end: it is cut off, or no archive")

    async def _files(self, targets: Sequence[Ref]) -> list[Entry]:
        """Return the files that targets mean, once each, their owners known.

        Raises:
            UnsupportedError: too many, or none.
        """
        found: dict[str, Entry] = {}
        for target in targets:
            entry = await self._seen(target)
            if not entry.is_folder:
                found[entry.id] = entry
                continue
            place = entry.path if is_directory(entry) else NodeId(entry.id)
            async for each in self.list(place, recursive=True):
                if each.kind is Kind.FILE:
                    found[each.id] = each
        if not found:
            raise UnsupportedError("no file is there to make an archive of")
        if len(found) > bulk.ARCHIVE:
            raise UnsupportedError(
                f"an archive holds at most {bulk.ARCHIVE:,} files, these are {len(found):,}: take them in portions"
            )
        return [each if each.owner_id else await self._owned(each) for each in found.values()]

    async def _owned(self, entry: Entry) -> Entry:
        asked = await self._tree.ask(entry.id)
        if asked.owner_id is None:
            raise ProtocolError(f"the service does not say whose {entry.path!r} is; an archive needs it")
        return asked

    async def _opened(self, stack: AsyncExitStack, files: Sequence[tuple[str, str]]) -> Download:
        """Return the archive, still to come. A link that is refused, having expired perhaps, is made once more."""
        refusal: Exception | None = None
        for _ in range(2):
            call = bulk.archive(await self._link(files))
            try:
                return await stack.enter_async_context(self._tree.transport.stream(call))
            except (AccessDeniedError, NotFoundError) as exc:
                refusal = exc
        raise UnavailableError("the service made an archive and does not hand it out") from refusal

    async def _link(self, files: Sequence[tuple[str, str]]) -> Address:
        status = READY
        before = False
        for pause in (0.0, *PAUSES):
            if pause:
                await self._tree.sleep(pause)
            answer = await self._tree.transport.send(bulk.batch_link(files))
            status = answer.status or READY
            if status != READY or not answer.links.content:
                continue
            expired = answer.expires is not None and answer.expires <= self._tree.clock() * 1000
            # A second link that has expired, though it was just made, tells of a clock that is wrong here.
            if not expired or before:
                return Address(answer.links.content)
            before = True
        raise UnavailableError(f"the archive is still not made; the service calls it {status!r}")
