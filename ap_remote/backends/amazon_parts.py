"""One large file in parts, resumable after a crash (9.3; uncertain, therefore only where it is asked for).

Nothing appears before the last step, so a part may be sent again once the service was asked and does not have it. What
was begun is kept with the account's facts until the file is whole or given up.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.api import parts
from ap_remote.errors import IntegrityError, NotFoundError, OutcomeUnknownError, ProtocolError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ap_remote.backends.amazon_facts import Facts
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.transport.call import Call
    from ap_remote.wire.parts import PartSeen, Started

PART_SIZE: Final = 16 * 2**20
"""Bytes, where the service asks for none (own choice)."""
LARGEST: Final = 64 * 2**20
"""Bytes held in memory at most, whatever the service asks for."""
_PAUSES: Final = (0.5, 2.0, 5.0)
"""Seconds before it is asked what became of a part."""
_MD5: Final = re.compile(r"[0-9a-f]{32}")


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that was begun."""

    node_id: str
    upload_id: str
    part_size: int


_TICKET: Final = msgspec.json.Decoder(Ticket)


class Parts:
    """The parts of one body.

    Args:
        tree: sends.
        facts: keeps what was begun, under *key*.
        key: content and place.
        source: the body.
        size: in bytes.
        name: what errors call it.
    """

    def __init__(self, tree: Tree, facts: Facts, *, key: str, source: bytes | Path, size: int, name: str) -> None:
        self._tree = tree
        self._facts = facts
        self._key = key
        self._source = source
        self._size = size
        self._name = name

    async def send(self, begin: Call[Started]) -> Ticket:
        """Bring all parts to the service, going on where an earlier attempt stopped; the file is not made yet.

        Raises:
            UnavailableError: a part does not get through; the next attempt goes on from there.
            IntegrityError: the local file changed; what was begun is given up.
            RemoteError: the start was refused.
        """
        ticket, there = await self._begun()
        if ticket is None:
            ticket = self._kept(await self._tree.transport.send(begin))
        try:
            for number, start in enumerate(range(0, self._size, ticket.part_size), 1):
                data = await self._read(start, min(ticket.part_size, self._size - start))
                if not _same(there.get(number), data):
                    await self._send(ticket, number, data)
        except (IntegrityError, ProtocolError):
            await self.abort(ticket)
            raise
        return ticket

    def done(self) -> None:
        """Forget what was begun: the file is there."""
        self._facts.finish(self._key)

    async def abort(self, ticket: Ticket) -> None:
        """Give up what was begun."""
        self._facts.finish(self._key)
        try:
            await self._tree.transport.send(parts.abort(ticket.node_id, ticket.upload_id))
        except (NotFoundError, OutcomeUnknownError, ProtocolError, UnavailableError):
            # Parts without an end are nobody's file; that they lie there a while does no harm.
            return

    async def _begun(self) -> tuple[Ticket | None, Mapping[int, PartSeen]]:
        """Return what was begun by an earlier attempt and is still known, with the parts that arrived."""
        kept = self._facts.begun(self._key)
        if kept is None:
            return None, {}
        try:
            ticket = _TICKET.decode(kept)
            return ticket, await self._there(ticket)
        except (msgspec.DecodeError, NotFoundError, ProtocolError):
            self._facts.finish(self._key)
            return None, {}

    def _kept(self, started: Started) -> Ticket:
        if started.node is None:
            raise ProtocolError(f"the service began {self._name!r} in parts and names no node")
        ticket = Ticket(
            node_id=started.node,
            upload_id=started.upload_id,
            part_size=min(started.part_size or PART_SIZE, LARGEST),
        )
        self._facts.begin(self._key, msgspec.json.encode(ticket).decode())
        return ticket

    async def _there(self, ticket: Ticket) -> Mapping[int, PartSeen]:
        state = await self._tree.transport.send(parts.state(ticket.node_id, ticket.upload_id))
        return {part.number: part for part in state.parts}

    async def _send(self, ticket: Ticket, number: int, data: bytes) -> None:
        md5 = _md5(data)
        for pause in (*_PAUSES, None):
            try:
                call = parts.part(ticket.node_id, ticket.upload_id, number, data, md5=md5)
                stored = await self._tree.transport.send(call)
            except (OutcomeUnknownError, UnavailableError) as exc:
                if pause is None:
                    message = (
                        f"part {number} of {self._name!r} does not get through; the next attempt goes on from there"
                    )
                    raise UnavailableError(message) from exc
                await self._tree.sleep(pause)
                if _same((await self._there(ticket)).get(number), data):
                    return
            else:
                if (stored.md5 or md5).lower() != md5 or stored.size not in (None, len(data)):
                    raise IntegrityError(f"part {number} of {self._name!r} was stored as something else")
                return

    async def _read(self, start: int, size: int) -> bytes:
        if isinstance(self._source, bytes):
            return self._source[start : start + size]
        data = await asyncio.to_thread(_slice, self._source, start, size)
        if len(data) != size:
            raise IntegrityError(f"{self._source} changed while it was sent: it had {self._size} bytes when that began")
        return data


def _slice(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _same(part: PartSeen | None, data: bytes) -> bool:
    """Whether the service has this part: by its digest where it tells one, else by its size."""
    if part is None:
        return False
    told = (part.e_tag or "").strip('"').lower()
    return told == _md5(data) if _MD5.fullmatch(told) else part.size == len(data)
