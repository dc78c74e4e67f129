"""What travels with bytes: the one JSON body that upload and download have of their own, and bodies that are no JSON.

A finished upload answers with a whole :class:`~ap_remote.wire.nodes.Node`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import BYTES, Lenient, Wire

__all__ = ["BATCH_LINK", "BYTES", "BatchLink", "Links"]


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


BATCH_LINK: Final = Lenient(BatchLink)
