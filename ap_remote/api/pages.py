"""Pagers: every row of a listing, once, or an error that says that it was not every row.

The service offers two ways through a listing. Where the first page carries a ``nextToken`` it is followed; else rows
are counted off by offset, which a moving collection makes to repeat and to skip. Rows are therefore known by id, their
number is compared with the total that the service names, and a listing that does not add up is walked again before it
is given up. What goes and what comes in equal numbers during one walk cannot be noticed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol, TypeVar

from ap_remote.api._common import LIMIT
from ap_remote.errors import IncompleteListingError
from ap_remote.transport.call import Call
from ap_remote.wire.nodes import Node

WALL: Final = 9999
"""``offset + limit`` may not exceed it on ``nodes``, ``children`` and ``trash``."""
_WALKS: Final = 3
_BARREN: Final = 20
"""Pages in a row that may bring nothing new: rows shift while others write, but a listing has an end."""


class Page(Protocol):
    """What every page of a listing has."""

    @property
    def data(self) -> Sequence[Node]:
        """The rows."""
        ...

    @property
    def count(self) -> int | None:
        """The total over all pages."""
        ...

    @property
    def next_token(self) -> str | None:
        """Where the next page begins."""
        ...


P = TypeVar("P", bound=Page)


class Send(Protocol):
    """What sends a call: :meth:`ap_remote.transport.client.Transport.send`."""

    def __call__(self, call: Call[P], /) -> Awaitable[P]:
        """Return the answer."""
        ...


class MakeCall(Protocol[P]):
    """What makes the call for one page: an endpoint function with the rest of its arguments bound."""

    def __call__(self, **where: Any) -> Call[P]:
        """Return the call; *where* has ``limit``, and ``offset`` or ``token`` from the second page on."""
        ...


async def iterate(
    send: Send, make_call: MakeCall[P], *, limit: int = LIMIT, wall: int | None = WALL
) -> AsyncIterator[Node]:
    """Yield every node of a listing once.

    A node that left the collection while it was walked may be among them.

    Args:
        send: sends a call.
        make_call: makes the call for a page, e.g. ``partial(children, folder_id)``.
        limit: rows per page.
        wall: the largest ``offset + limit`` the endpoint allows; ``None`` for search, which has no such bound.

    Raises:
        IncompleteListingError: the rows do not add up, or lie beyond the wall: ask for narrower windows then.
    """
    async for rows in batches(send, make_call, limit=limit, wall=wall):
        for node in rows:
            yield node


async def batches(
    send: Send, make_call: MakeCall[P], *, limit: int = LIMIT, wall: int | None = WALL
) -> AsyncIterator[Sequence[Node]]:
    """Yield the same nodes as :func:`iterate`, a page's new ones at a time.

    Raises:
        IncompleteListingError: as for :func:`iterate`.
    """
    yielded: set[str] = set()
    totals: set[int | None] = set()
    rows = limit
    for tried in range(_WALKS):
        last = tried == _WALKS - 1
        seen: set[str] = set()
        try:
            async for page in walk(send, make_call, limit=rows, wall=wall, check=False):
                totals.add(page.count)
                seen.update(node.id for node in page.data)
                fresh = [node for node in _distinct(page.data) if node.id not in yielded]
                yielded.update(node.id for node in fresh)
                if fresh:
                    yield fresh
            # While the total stands still, what one walk missed another one may have seen.
            _check(yielded if len(totals) == 1 else seen, page.count)
        except _BeyondWallError:
            raise
        except _ShortError:
            # Other pages have other ends: what fell between two of them lies within one of the next walk's.
            rows = max(1, rows * 3 // 4)
            if last:
                raise
        except IncompleteListingError:
            # The collection moved under the walk, or a token grew old: both heal by beginning anew.
            if last:
                raise
        else:
            return


def _check(seen: AbstractSet[str], total: int | None) -> None:
    if total is not None and len(seen) < total:
        raise _ShortError(f"the listing broke off: {len(seen)} of {total} entries came")


class EndlessError(IncompleteListingError):
    """The listing goes in a circle, or has no end."""


class _BeyondWallError(IncompleteListingError):
    """Walking once more would end at the same place."""


class _ShortError(IncompleteListingError):
    """Fewer rows came than there are."""


async def walk(
    send: Send,
    make_call: MakeCall[P],
    *,
    limit: int = LIMIT,
    wall: int | None = WALL,
    token: str | None = None,
    check: bool = True,
) -> AsyncIterator[P]:
    """Yield the pages of one walk through a listing as they come, rows that repeat among them.

    Args:
        send: sends a call.
        make_call: makes the call for a page.
        limit: rows per page.
        wall: as for :func:`iterate`.
        token: the page to begin with; a walk that was broken off goes on there.
        check: compare the rows that came with the total at the end; one that began in the middle cannot be judged.

    Raises:
        IncompleteListingError: the listing broke off, or has no end.
    """
    page = await send(make_call(limit=limit) if token is None else make_call(limit=limit, token=token))
    seen = {node.id for node in page.data}
    if token is not None or page.next_token:
        following = _by_token(send, make_call, page, limit)
    else:
        following = _by_offset(send, make_call, page, limit, wall, seen=seen)
        if wall is not None and (page.count or 0) > wall:
            problem = f"{page.count} entries answer, and the service lists no more than {wall} of one query"
            raise _BeyondWallError(problem)
    yield page
    barren = 0
    async for page in following:
        known = len(seen)
        seen.update(node.id for node in page.data)
        barren = 0 if len(seen) > known else barren + 1
        if barren > _BARREN and _goes_on(page):
            raise EndlessError(f"the listing has no end: {barren} pages in a row brought nothing new")
        yield page
    if check and token is None:
        _check(seen, page.count)


async def _by_token(send: Send, make_call: MakeCall[P], page: P, limit: int) -> AsyncIterator[P]:
    """Yield the pages after the first."""
    used: set[str] = set()
    while page.next_token:
        if page.next_token in used:
            raise EndlessError(f"the listing goes in a circle after {len(used)} pages")
        used.add(page.next_token)
        page = await send(make_call(limit=limit, token=page.next_token))
        yield page


async def _by_offset(
    send: Send, make_call: MakeCall[P], page: P, limit: int, wall: int | None, *, seen: AbstractSet[str]
) -> AsyncIterator[P]:
    """Yield the pages after the first. Without a total the first empty page is the end.

    Rows that come twice push others beyond the total, so it goes on until that many were *seen* or none come.
    """
    total = page.count
    offset = len(page.data)
    while page.data and (total is None or offset < total or len(seen) < total):
        rows = limit if wall is None else min(limit, wall - offset)
        if rows <= 0:
            raise _BeyondWallError(f"the service lists no more than {wall} entries of one query; narrow it")
        page = await send(make_call(limit=rows, offset=offset))
        if page.count != total:
            # A row that went let the later ones move up: one of them may have been skipped.
            raise IncompleteListingError(f"the collection changed while it was listed: {total} became {page.count}")
        offset += len(page.data)
        yield page


def _goes_on(page: Page) -> bool:
    return bool(page.data or page.next_token)


def _distinct(nodes: Sequence[Node]) -> Sequence[Node]:
    return tuple({node.id: node for node in nodes}.values())
