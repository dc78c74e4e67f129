"""The trash: look into it, put in, take out, remove for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ap_remote.api._common import LIMIT, body, listing
from ap_remote.transport.call import Call
from ap_remote.wire.nodes import BULK, NODE_PAGE, Bulk, NodePage

BATCH: Final = 50
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
        ValueError: more than :data:`BATCH` ids, or none.
    """
    fields = {"recurse": "true", "op": "add", "filters": "", "conflictResolution": "RENAME", "value": _batch(ids)}
    return _change("PATCH", "trash", fields, idempotent=True)


def restore(ids: Sequence[str]) -> Call[Bulk]:
    """Take nodes out of the trash; the service gives another name where theirs is taken.

    Raises:
        ValueError: more than :data:`BATCH` ids, or none.
    """
    fields = {"recurse": "true", "op": "remove", "conflictResolution": "RENAME", "value": _batch(ids)}
    return _change("PATCH", "trash", fields, idempotent=True)


def purge(ids: Sequence[str]) -> Call[Bulk]:
    """Remove nodes for ever. Failures come by id in ``error_map``, with status 200.

    It is not idempotent: a second attempt would report what the first one removed as unknown.

    Raises:
        ValueError: more than :data:`BATCH` ids, or none.
    """
    return _change("POST", "bulk/nodes/purge", {"recurse": "false", "nodeIds": _batch(ids)}, idempotent=False)


def _change(method: Any, path: str, fields: dict[str, Any], *, idempotent: bool) -> Call[Bulk]:
    return Call(method=method, path=path, json=body(fields), reply=BULK, idempotent=idempotent)


def _batch(ids: Sequence[str]) -> list[str]:
    if not 0 < len(ids) <= BATCH:
        raise ValueError(f"between 1 and {BATCH} ids go into one call, not {len(ids)}")
    return list(ids)
