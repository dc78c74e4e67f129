"""What a public link leads to. ``shareId`` and ``shareURL`` are the link itself: they are not even read."""

from __future__ import annotations

from typing import Final

from ap_remote.wire._base import Lenient, Wire
from ap_remote.wire.nodes import SHARE, Id


class NodeInfo(Wire, frozen=True, kw_only=True):
    """The top of what is shared."""

    id: Id
    kind: str = SHARE
    name: str | None = None
    version: int | None = None
    created_date: str | None = None
    modified_date: str | None = None


class Share(Wire, frozen=True, kw_only=True):
    """The answer of ``shares/{shareId}``."""

    node_info: NodeInfo
    creation_date: str | None = None


SHARED: Final = Lenient(Share)
