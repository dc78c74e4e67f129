"""Public links: what they lead to. The token is the session's (:mod:`ap_remote.transport.anonymous`), not the call's.

Beneath a share the ordinary calls work: children, content, thumbnails.
"""

from __future__ import annotations

from ap_remote.api._common import LIMIT, V2, listing
from ap_remote.transport.anonymous import GROUP, TOKEN
from ap_remote.transport.call import Call
from ap_remote.wire.search import SEARCH_PAGE, SearchPage
from ap_remote.wire.shares import SHARED, Share


def share() -> Call[Share]:
    """Ask what a share's link leads to."""
    return Call(
        method="GET",
        path=f"shares/{TOKEN}",
        params=dict(V2),
        reply=SHARED,
        idempotent=True,
        subject="the share",
    )


def group(*, limit: int = LIMIT, offset: int = 0) -> Call[SearchPage]:
    """Ask for one page of what a group shares by its link.

    Args:
        limit: rows, at most 200.
        offset: rows to skip; no upper bound is known.
    """
    params = listing("", "contentProperties.contentDate DESC", limit, offset, None)
    params |= {"lowResThumbnail": "false", "searchContext": "groups"}
    return Call(
        method="GET",
        path=f"search/groups/{GROUP}",
        params=params,
        reply=SEARCH_PAGE,
        idempotent=True,
        subject="the group's share",
    )
