"""Nodes: find, list, make, change, move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ap_remote.api._common import LIMIT, READ, body, listing
from ap_remote.transport.call import Call, segment
from ap_remote.wire.nodes import ALBUM, BULK, FOLDER, NODE, NODE_PAGE, Bulk, Node, NodePage


def root() -> Call[NodePage]:
    """Ask for the root folder: a page of one node."""
    return nodes("isRoot:true", limit=1)


def node(node_id: str) -> Call[Node]:
    """Ask for one node, trashed ones too."""
    return Call(
        method="GET",
        path=f"nodes/{segment(node_id)}",
        params=dict(READ),
        reply=NODE,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def nodes(
    filters: str = "",
    *,
    sort: str | None = None,
    limit: int = LIMIT,
    offset: int | None = None,
    token: str | None = None,
) -> Call[NodePage]:
    """Ask for one page of what a filter of the drive grammar finds.

    Args:
        filters: e.g. ``kind:FOLDER AND status:AVAILABLE``.
        sort: e.g. ``createdDate DESC``.
        limit: rows, at most 200.
        offset: rows to skip; ``None`` leaves it out, which is what brings a token with the answer.
        token: ``nextToken`` of the page before.
    """
    return Call(
        method="GET",
        path="nodes",
        params=listing(filters, sort, limit, offset, token),
        reply=NODE_PAGE,
        idempotent=True,
    )


def children(
    node_id: str,
    *,
    filters: str = "",
    sort: str | None = None,
    limit: int = LIMIT,
    offset: int | None = None,
    token: str | None = None,
) -> Call[NodePage]:
    """Ask for one page of a folder's children, an album's members, or a live photo's parts.

    The listing may hold nodes that have left: compare their ``parents``.
    """
    return Call(
        method="GET",
        path=f"nodes/{segment(node_id)}/children",
        params=listing(filters, sort, limit, offset, token),
        reply=NODE_PAGE,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def create_folder(name: str, parent_id: str) -> Call[Node]:
    """Make a folder. A taken name is refused, whatever its case."""
    fields = {"kind": FOLDER, "name": name, "parents": [parent_id]}
    return Call(method="POST", path="nodes", json=body(fields), reply=NODE, subject=name)


def create_album(name: str, description: str = "") -> Call[Node]:
    """Make an album. Albums have no parent, and two may share a name (inferred)."""
    fields = {"kind": ALBUM, "name": name}
    if description:
        fields["description"] = description
    return Call(method="POST", path="nodes", json=body(fields), reply=NODE, subject=name)


def patch(node_id: str, /, **fields: Any) -> Call[Node]:
    """Change fields under Amazon's names: ``name``, ``description``, ``labels``, ``settings``, ``status``.

    ``settings`` is ``{"favorite": bool, "hidden": bool}``, either key alone. ``parents`` would replace all of them; use
    :func:`move`.
    """
    return Call(
        method="PATCH",
        path=f"nodes/{segment(node_id)}",
        json=body(fields),
        reply=NODE,
        idempotent=True,
        subject=fields.get("name") or f"id:{node_id}",
    )


def move(child_id: str, from_parent: str, to_parent: str) -> Call[Bulk]:
    """Exchange one parent of a node for another; its other parents stay. Refused for what is in the trash."""
    fields = {"fromParent": from_parent, "childId": child_id}
    return Call(
        method="POST",
        path=f"nodes/{segment(to_parent)}/children",
        json=body(fields),
        reply=BULK,
        subject=f"id:{child_id}",
    )


def change_members(parent_id: str, op: Literal["add", "remove"], ids: Sequence[str]) -> Call[Bulk]:
    """Put nodes into an album, or take them out; the nodes themselves stay where they are."""
    return Call(
        method="PATCH",
        path=f"nodes/{segment(parent_id)}/children",
        json=body({"op": op, "value": list(ids)}),
        reply=BULK,
        idempotent=True,
        subject=f"id:{parent_id}",
    )
