"""Properties: what applications keep with a node, by owner and key."""

from __future__ import annotations

from ap_remote.api import limits
from ap_remote.api._common import READ, V2, body
from ap_remote.transport.call import Call, segment
from ap_remote.wire.nodes import PROPERTIES, PROPERTY, Properties, Property


def properties(node_id: str, owner: str) -> Call[Properties]:
    """Ask for all that one owner keeps with a node."""
    return Call(
        method="GET",
        path=_path(node_id, owner),
        params=dict(READ),
        reply=PROPERTIES,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def get(node_id: str, owner: str, key: str) -> Call[Property]:
    """Ask for one property; that it comes as it was put is (inferred)."""
    return Call(
        method="GET",
        path=_path(node_id, owner, key),
        params=dict(READ),
        reply=PROPERTY,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def put(node_id: str, owner: str, key: str, value: str) -> Call[Property]:
    """Set one property. The service refuses the eleventh key of an owner.

    Raises:
        LimitError: owner, key or value break a rule.
    """
    return Call(
        method="PUT",
        path=_path(node_id, owner, key),
        json=body({"value": limits.value(value)}),
        reply=PROPERTY,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def delete(node_id: str, owner: str, key: str) -> Call[Property]:
    """Remove one property; the answer is empty."""
    return Call(
        method="DELETE",
        path=_path(node_id, owner, key),
        params=dict(V2),
        reply=PROPERTY,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def _path(node_id: str, owner: str, key: str | None = None) -> str:
    """Return the path. An empty owner would name another endpoint, whose answer is no JSON."""
    path = f"nodes/{segment(limits.an_id(node_id))}/properties/{limits.key(owner, 'owner')}"
    return path if key is None else f"{path}/{limits.key(key)}"
