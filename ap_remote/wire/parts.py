"""Uploads in parts (9.3). The names come from Amazon's own client; no open client has ever used them (uncertain)."""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import Lenient, Wire, Word
from ap_remote.wire.nodes import Count, Id


class Started(Wire, frozen=True, kw_only=True):
    """The answer to the start: where the parts go. ``part_size`` is in bytes, where the service asks for one."""

    upload_id: str
    node_id: Id | None = None
    id: Id | None = None
    part_size: Count | None = None

    @property
    def node(self) -> str | None:
        """The id of the node that the file will be, under whichever key it came."""
        return self.node_id or self.id


class PartStored(Wire, frozen=True, kw_only=True):
    """The answer to one part: what the service has of it."""

    md5: str | None = msgspec.field(default=None, name="serverSidePartMD5")
    size: Count | None = msgspec.field(default=None, name="serverSidePartSize")
    status: Word = None


class PartSeen(Wire, frozen=True, kw_only=True):
    """One row of the state. Hyphens in its keys, as nowhere else."""

    number: int = msgspec.field(name="part-number")
    size: Count | None = msgspec.field(default=None, name="part-size")
    e_tag: str | None = None
    """The md5 of the part in quotes, as storage of this kind has it (inferred)."""


class State(Wire, frozen=True, kw_only=True):
    """Which parts arrived."""

    parts: tuple[PartSeen, ...] = ()


class _StateReply:
    """Reads the state: an object with ``parts``, or the bare list of them."""

    _object = Lenient(State)
    _list = msgspec.json.Decoder(tuple[PartSeen, ...], strict=False)

    def decode(self, body: bytes, /) -> State:
        """Return the state.

        Raises:
            msgspec.DecodeError: it is neither.
        """
        if body.lstrip()[:1] == b"[":
            return State(parts=self._list.decode(body))
        return self._object.decode(body)


STARTED: Final = Lenient(Started)
PART: Final = Lenient(PartStored)
STATE: Final = _StateReply()
