"""What is shared: the pages behind a link, and who may come in by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.routing import Route

from ap_remote_emulator.errors import ShareNotFoundError
from ap_remote_emulator.handlers.endpoint import Call, endpoint
from ap_remote_emulator.library import Store, search, shares

_PART: Final = r"([^/]+)"
_SHARE: Final = re.compile(rf"/drive/v1/shares/{_PART}")
_GROUP: Final = re.compile(rf"/drive/v1/search/groups/{_PART}")
_OF_A_NODE: Final = re.compile(
    rf"/drive/v1/nodes/{_PART}(?:/children|/contentRedirection)?"
    rf"|/v1/thumbnail/{_PART}"
    rf"|/cdproxy/(?:v1/)?nodes/{_PART}(?:/content)?"
)
"""Everything that reads one node. What is not here no link opens, whatever is added elsewhere."""
_READING: Final = frozenset({"GET", "HEAD"})


def routes() -> list[Route]:
    """Return the routes of shares; what they lead to has the routes that nodes have."""
    return [
        Route("/drive/v1/shares/{id}", endpoint(get_share), methods=["GET"]),
        Route("/drive/v1/search/groups/{id}", endpoint(search_group), methods=["GET"]),
    ]


def get_share(store: Store, call: Call) -> dict[str, Any]:
    """``GET shares/{shareId}``."""
    return shares.show(store, call.path["id"], call.base)


def search_group(store: Store, call: Call) -> dict[str, Any]:
    """``GET search/groups/{groupId}``: a search that finds only what the group has."""
    with store.read() as connection:
        share = shares.find_share(connection, call.path["id"])
    if share.secret is None:
        raise ShareNotFoundError(share.id)
    return search.search(store, call.query, call.view, inside=share.node_id)


def admits(store: Store, method: str, path: str, query: Mapping[str, str]) -> bool:
    """Whether a request without credentials may read, by the ``shareId`` or ``groupShareToken`` in its query.

    A link opens its own page and the nodes below it, for reading, and nothing else of the account.

    Args:
        store: whose shares these are.
        method: the request's method.
        path: its path, decoded as the router sees it.
        query: its parameters; of a repeated one the last, as the endpoints see it.
    """
    share_id, token = query.get("shareId", ""), query.get("groupShareToken", "")
    if method not in _READING or not (share_id or token):
        return False
    with store.read() as connection:
        try:
            share = shares.open_group(connection, token) if token else shares.open_plain(connection, share_id)
        except ShareNotFoundError:
            return False
        if match := _OF_A_NODE.fullmatch(path):
            return shares.holds(connection, share, next(filter(None, match.groups())))
    page = (_GROUP if token else _SHARE).fullmatch(path)
    return page is not None and page[1] == share.id
