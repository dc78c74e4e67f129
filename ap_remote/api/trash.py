"""The trash: look into it, put in, take out, remove for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ap_remote.api import limits
from ap_remote.api._common import LIMIT, body, listing
from ap_remote.transport.call import Call, segment
from ap_remote.wire.nodes import BULK, NODE, NODE_PAGE, Bulk, Node, NodePage

BATCH: Final = limits.BATCH
"""Ids in one call; the service refuses more."""
TRASHED: Final = "kind:(FILE* OR FOLDER*) AND status:(TRASH*)"
"""What the site itself asks for. Albums are not among it."""


def trash_page(
    *,
    offset: int | None = 0,
    limit: int = LIMIT,
    token: str | None = None,
    filters: str = TRASHED,
    sort: str | None = "modifiedDate DESC",
) -> Call[NodePage]:
    """Ask for one page of the trash, last changed first."""
    params = listing(filters, sort, limit, offset, token)
    return Call(method="GET", path="trash", params=params, reply=NODE_PAGE, idempotent=True)


def trash(ids: Sequence[str]) -> Call[Bulk]:
    """Put nodes in the trash; a folder takes all below it along.

    Raises:
        LimitError: more than :data:`BATCH` ids, or none.
    """
    fields = {"recurse": "true", "op": "add", "filters": "", "conflictResolution": "RENAME", "value": limits.batch(ids)}
    return _change("PATCH", "trash", fields, idempotent=True)


def restore(ids: Sequence[str]) -> Call[Bulk]:
    """Take nodes out of the trash; the service gives another name where theirs is taken.

    Raises:
        LimitError: more than :data:`BATCH` ids, or none.
    """
    fields = {"recurse": "true", "op": "remove", "conflictResolution": "RENAME", "value": limits.batch(ids)}
    return _change("PATCH", "trash", fields, idempotent=True)


def purge(ids: Sequence[str]) -> Call[Bulk]:
    """Remove nodes for ever. Failures come by id in ``error_map``, with status 200.

    It is not idempotent: a second attempt would report what the first one removed as unknown.

    Raises:
        LimitError: more than :data:`BATCH` ids, or none.
    """
    return _change("POST", "bulk/nodes/purge", {"recurse": "false", "nodeIds": limits.batch(ids)}, idempotent=False)


def trash_one(node_id: str) -> Call[Node]:
    """Put a single node in the trash: the form that the apps use."""
    return _single("PUT", f"trash/{segment(limits.an_id(node_id))}", node_id)


def restore_one(node_id: str) -> Call[Node]:
    """Take a single node out of the trash. A taken name is a conflict here: there is no word for renaming."""
    return _single("POST", f"trash/{segment(limits.an_id(node_id))}/restore", node_id)


def _change(method: Any, path: str, fields: dict[str, Any], *, idempotent: bool) -> Call[Bulk]:
    return Call(method=method, path=path, json=body(fields), reply=BULK, idempotent=idempotent)


def _single(method: Any, path: str, node_id: str) -> Call[Node]:
    return Call(method=method, path=path, json=body({}), reply=NODE, idempotent=True, subject=f"id:{node_id}")
