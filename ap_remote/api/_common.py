"""What the endpoints share: the parameters of every request, and how filters, orders and bodies are written."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ap_remote.api import limits
from ap_remote.query import Language

V2: Final = {"resourceVersion": "V2", "ContentType": "JSON"}
"""Without it albums and other newer nodes cannot be seen. In the query of a read, in the body of a write."""

READ: Final = {"asset": "ALL", "tempLink": "false", **V2}
LIMIT: Final = limits.PAGE
"""Rows in a page; the service gives no more."""


def listing(
    filters: str, sort: str | None, limit: int, offset: int | None, token: str | None, *, language: Language = "nodes"
) -> dict[str, str]:
    """Return the parameters of a listing. With a *token* the offset is left out: the token knows where it stands.

    Raises:
        LimitError: too many rows, rows beyond the wall, or an order that the endpoint does not know.
    """
    limits.page(limit, None if token is not None else offset, wall=limits.WALL if language == "nodes" else None)
    if sort:
        limits.sort(sort, language)
    params = {**READ, "limit": str(limit)}
    if filters:
        params["filters"] = filters
    if sort:
        params["sort"] = order(sort)
    if token is not None:
        params["startToken"] = token
    elif offset is not None:
        params["offset"] = str(offset)
    return params


def order(sort: str) -> str:
    """Return an order as it is sent: ``createdDate DESC`` becomes ``['createdDate DESC']``."""
    return sort if sort.startswith("[") else f"['{sort}']"


def body(fields: dict[str, Any]) -> bytes:
    """Return the JSON body of a write."""
    return msgspec.json.encode({**fields, **V2})
