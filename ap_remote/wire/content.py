"""What travels with bytes: prepared archives, temporary links, digests that are asked for, and bodies that are no JSON.

A finished upload answers with a whole :class:`~ap_remote.wire.nodes.Node`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ap_remote.wire._base import BYTES, Lenient, Wire
from ap_remote.wire.nodes import Id, Node

__all__ = ["BATCH_LINK", "BYTES", "DIGESTS", "LINKED", "BatchLink", "Digests", "Linked", "Links"]


class Links(Wire, frozen=True, kw_only=True):
    """Where a prepared archive lies. The address is a credential: it is never logged."""

    content: str | None = None

    def __repr__(self) -> str:
        return "Links(content=…)"


class BatchLink(Wire, frozen=True, kw_only=True):
    """The answer of ``batchLink``; ``expires`` is in milliseconds since 1970."""

    links: Links = msgspec.field(default_factory=Links)
    expires: int | None = None
    status: str | None = None


class Linked(Wire, frozen=True, kw_only=True):
    """Of a node that was asked for with ``tempLink=true``, what matters then. The address is a credential."""

    id: Id
    temp_link: str | None = None

    def __repr__(self) -> str:
        return f"Linked(id={self.id!r}, temp_link=…)"


class Digests(Wire, frozen=True, kw_only=True):
    """The answer of ``bulk/nodeByDigest``. What stands beside a digest no source spells out (uncertain)."""

    digest_type: str | None = None
    digest_to_node_map: dict[str, Any] = msgspec.field(default_factory=dict)

    def matches(self) -> dict[str, tuple[Node | str, ...]]:
        """Return, for each digest in lower case, the nodes it names: whole ones, or ids where no more was said."""
        return {digest.lower(): tuple(_matches(said)) for digest, said in self.digest_to_node_map.items()}


def _matches(said: Any) -> list[Node | str]:
    """Read a match: an id, a node, an object that has one of them under a key of its own, or a list of these."""
    if isinstance(said, str):
        return [said] if said else []
    if isinstance(said, list):
        return [match for each in said for match in _matches(each)]
    if not isinstance(said, dict):
        return []
    if "id" in said:
        try:
            return [msgspec.convert(said, Node, strict=False)]
        except msgspec.ValidationError:
            return _matches(said["id"])
    return [match for key in ("node", "nodes", "nodeId", "nodeIds") for match in _matches(said.get(key))]


BATCH_LINK: Final = Lenient(BatchLink)
LINKED: Final = Lenient(Linked)
DIGESTS: Final = Lenient(Digests)
