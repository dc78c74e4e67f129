"""Nodes: find, list, make, change, move, and the folders they lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ap_remote.api import limits
from ap_remote.api._common import LIMIT, READ, body, listing
from ap_remote.errors import LimitError
from ap_remote.remote.paths import check_name
from ap_remote.transport.call import Call, segment
from ap_remote.wire.nodes import ALBUM, BULK, FOLDER, NODE, NODE_PAGE, PERHAPS_NODE, Bulk, Node, NodePage


def root() -> Call[NodePage]:
    """Ask for the root folder: a page of one node."""
    return nodes("isRoot:true", limit=1)


def node(node_id: str) -> Call[Node]:
    """Ask for one node, trashed ones too."""
    return Call(
        method="GET",
        path=_path(node_id),
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
        path=f"{_path(node_id)}/children",
        params=listing(filters, sort, limit, offset, token),
        reply=NODE_PAGE,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def create_folder(name: str, parent_id: str, **more: Any) -> Call[Node]:
    """Make a folder. A taken name is refused, whatever its case.

    Args:
        name: at most 256 characters, no ``/``.
        parent_id: the folder above.
        more: ``labels``, ``properties``, ``description`` and ``local_id``, as for :func:`create`.
    """
    return create(FOLDER, name, parents=[parent_id], **more)


def create_album(name: str, description: str = "", **more: Any) -> Call[Node]:
    """Make an album. Albums have no parent, and two may share a name (inferred)."""
    return create(ALBUM, name, description=description, **more)


def create(
    kind: str,
    name: str,
    *,
    parents: Sequence[str] = (),
    description: str = "",
    labels: Sequence[str] = (),
    properties: Mapping[str, Mapping[str, str]] | None = None,
    local_id: str | None = None,
) -> Call[Node]:
    """Make a node that has no content.

    Args:
        kind: ``FOLDER`` or ``VISUAL_COLLECTION``.
        name: at most 256 characters, no ``/``.
        parents: ids of folders.
        description: at most 500 characters.
        labels: at most 10 of 256 characters.
        properties: by owner, at most 10 each.
        local_id: a word of the caller's; a second call with it is refused as a conflict, so nothing is made twice.

    Raises:
        InvalidNameError: the service cannot hold that name.
        LimitError: something is too long, or too much.
    """
    fields: dict[str, Any] = {"kind": kind, "name": check_name(name)}
    if parents:
        fields["parents"] = [limits.an_id(each) for each in parents]
    if description:
        fields["description"] = limits.description(description)
    if labels:
        fields["labels"] = limits.labels(labels)
    if properties:
        fields["properties"] = limits.properties(properties)
    params = {} if local_id is None else {"localId": local_id}
    return Call(method="POST", path="nodes", params=params, json=body(fields), reply=NODE, subject=name)


def patch(node_id: str, /, **fields: Any) -> Call[Node]:
    """Change fields under Amazon's names: ``name``, ``description``, ``labels``, ``settings``, ``status`` and more.

    ``settings`` is ``{"favorite": bool, "hidden": bool}``, either key alone. ``parents`` would replace all of them, and
    nobody knows whether albums are among those; use :func:`move`, :func:`link` and :func:`unlink`.

    Raises:
        InvalidNameError: the service cannot hold that name.
        LimitError: something is too long, or too much, or ``parents`` is among the fields.
    """
    if "parents" in fields:
        raise LimitError("parents are changed one by one: PATCH may drop what is not named, albums too")
    return _change("PATCH", node_id, fields)


def update(node_id: str, /, **fields: Any) -> Call[Node]:
    """Replace all fields that can be written, under Amazon's names; what is not named is lost (app only).

    Raises:
        InvalidNameError: the service cannot hold that name.
        LimitError: something is too long, or too much.
    """
    return _change("PUT", node_id, fields)


def cover(album_id: str, node_id: str, owner_id: str | None = None) -> Call[Node]:
    """Let a photograph stand for an album. That covers are written by PATCH is (inferred)."""
    chosen: dict[str, Any] = {"id": limits.an_id(node_id), "isDefault": False}
    if owner_id is not None:
        chosen["ownerId"] = owner_id
    return patch(album_id, collectionProperties={"covers": [chosen]})


def link(parent_id: str, child_id: str) -> Call[Node | None]:
    """Let a node lie in one more folder. The documents promise 202, 200 was seen; either is good."""
    return Call(
        method="PUT",
        path=f"{_path(parent_id)}/children/{segment(limits.an_id(child_id))}",
        json=body({}),
        reply=PERHAPS_NODE,
        idempotent=True,
        subject=f"id:{child_id}",
    )


def unlink(parent_id: str, child_id: str) -> Call[Node | None]:
    """Take a node out of one of its folders.

    The last one must stay: sources disagree whether the node would go to the root or be lost
    [amazon-photos-api.md 18]. It is not idempotent: done twice it could meet another last one.
    """
    return Call(
        method="DELETE",
        path=f"{_path(parent_id)}/children/{segment(limits.an_id(child_id))}",
        json=body({}),
        reply=PERHAPS_NODE,
        subject=f"id:{child_id}",
    )


def move(child_id: str, from_parent: str, to_parent: str) -> Call[Bulk]:
    """Exchange one parent of a node for another; its other parents stay. Refused for what is in the trash."""
    fields = {"fromParent": limits.an_id(from_parent), "childId": limits.an_id(child_id)}
    return Call(
        method="POST",
        path=f"{_path(to_parent)}/children",
        json=body(fields),
        reply=BULK,
        subject=f"id:{child_id}",
    )


def change_members(parent_id: str, op: Literal["add", "remove"], ids: Sequence[str]) -> Call[Bulk]:
    """Put nodes into an album, or take them out; the nodes themselves stay where they are.

    No limit of ids is documented; a page of them is (own choice).

    Raises:
        LimitError: more ids than rows in a page, or none.
    """
    return Call(
        method="PATCH",
        path=f"{_path(parent_id)}/children",
        json=body({"op": op, "value": limits.batch(ids, LIMIT)}),
        reply=BULK,
        idempotent=True,
        subject=f"id:{parent_id}",
    )


def _path(node_id: str) -> str:
    return f"nodes/{segment(limits.an_id(node_id))}"


def _change(method: Literal["PATCH", "PUT"], node_id: str, fields: dict[str, Any]) -> Call[Node]:
    if "name" in fields:
        check_name(fields["name"])
    if fields.get("description") is not None:
        limits.description(fields["description"])
    if "labels" in fields:
        fields = {**fields, "labels": limits.labels(fields["labels"])}
    if "properties" in fields:
        fields = {**fields, "properties": limits.properties(fields["properties"])}
    return Call(
        method=method,
        path=_path(node_id),
        json=body(fields),
        reply=NODE,
        idempotent=True,
        subject=fields.get("name") or f"id:{node_id}",
    )
