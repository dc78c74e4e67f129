from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.api.nodes import nodes
from ap_remote.api.pages import WALL, batches, iterate
from ap_remote.api.search import search
from ap_remote.errors import IncompleteListingError, RateLimitedError
from ap_remote.transport import Call
from ap_remote.wire.nodes import Node, NodePage


class Listing:
    """A service that lists ids, by offset or by token, and keeps what it was asked."""

    def __init__(self, ids: list[str], *, tokens: bool = False, count: bool = True) -> None:
        self.ids = ids
        self.tokens = tokens
        self.count = count
        self.asked: list[dict[str, str]] = []
        self.before: Callable[[int], None] = lambda _number: None

    async def send(self, call: Call[Any]) -> Any:
        self.asked.append(call.params)
        self.before(len(self.asked))
        params = call.params
        limit = int(params["limit"])
        start = int(params.get("startToken", params.get("offset", "0")))
        assert self.tokens or start + limit <= WALL, "offset and limit are beyond the wall"
        rows = self.ids[start : start + limit]
        following = start + len(rows)
        return NodePage(
            data=tuple(Node(id=each) for each in rows),
            count=len(self.ids) if self.count else None,
            next_token=str(following) if self.tokens and following < len(self.ids) else None,
        )


async def ids(listing: Listing, **options: Any) -> list[str]:
    return [node.id async for node in iterate(listing.send, partial(nodes, "kind:FILE"), **options)]


def numbered(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 7])
async def test_every_row_comes_once_and_in_order(total: int, *, count: bool, tokens: bool) -> None:
    listing = Listing(numbered(total), tokens=tokens, count=count)
    assert await ids(listing, limit=2) == numbered(total)


async def test_the_first_page_is_asked_without_an_offset_so_that_a_token_may_come() -> None:
    listing = Listing(numbered(3), tokens=True)
    await ids(listing, limit=2)
    assert all("offset" not in asked for asked in listing.asked)
    assert listing.asked[1]["startToken"] == "2"
    assert all(asked["filters"] == "kind:FILE" for asked in listing.asked)


async def test_pages_come_as_they_are() -> None:
    listing = Listing(numbered(5))
    found = [len(rows) async for rows in batches(listing.send, partial(nodes, ""), limit=2)]
    assert found == [2, 2, 1]


async def test_a_page_that_ends_early_makes_the_listing_begin_anew() -> None:
    listing = Listing(numbered(6))
    whole = listing.ids

    def hide(number: int) -> None:
        listing.ids = whole

    class Gap(Listing):
        async def send(self, call: Call[Any]) -> Any:
            page = await super().send(call)
            return NodePage(count=page.count) if len(self.asked) == 2 else page

    listing = Gap(whole)
    listing.before = hide
    assert await ids(listing, limit=2) == whole


async def test_a_listing_that_stays_short_is_an_error() -> None:
    class Short(Listing):
        async def send(self, call: Call[Any]) -> Any:
            page = await super().send(call)
            return NodePage(data=page.data, count=10)

    with pytest.raises(IncompleteListingError, match="6 of 10"):
        await ids(Short(numbered(6)), limit=2)


async def test_rows_that_repeat_do_not_count_twice() -> None:
    class Repeats(Listing):
        async def send(self, call: Call[Any]) -> Any:
            page = await super().send(call)
            return NodePage(data=page.data, count=4)

    listing = Repeats(["a", "b", "b", "c"])
    with pytest.raises(IncompleteListingError, match="3 of 4"):
        await ids(listing, limit=2)


async def test_a_collection_that_changes_is_walked_again() -> None:
    listing = Listing(numbered(6))

    def remove_the_first(number: int) -> None:
        if number == 2:
            listing.ids = listing.ids[1:]

    listing.before = remove_the_first
    assert sorted(await ids(listing, limit=2)) == numbered(6)
    assert len(listing.asked) == 2 + 3


async def test_a_collection_that_never_rests_is_an_error() -> None:
    listing = Listing(numbered(50))

    def remove_the_first(number: int) -> None:
        listing.ids = listing.ids[1:]

    listing.before = remove_the_first
    with pytest.raises(IncompleteListingError, match="changed while it was listed"):
        await ids(listing, limit=2)


async def test_an_expired_token_begins_anew() -> None:
    listing = Listing(numbered(6), tokens=True)

    def expire(number: int) -> None:
        if number == 3:
            raise IncompleteListingError("the service broke the listing off: Next token is expired")

    listing.before = expire
    assert await ids(listing, limit=2) == numbered(6)


class Shifted(Listing):
    """A service whose pages after the first begin so many rows too late, or, below zero, too early."""

    shift = 0

    async def send(self, call: Call[Any]) -> Any:
        start = int(call.params.get("offset", "0"))
        if start:
            call = Call(
                method="GET", path="nodes", params={**call.params, "offset": str(start + self.shift)}, reply=call.reply
            )
        return await super().send(call)


@pytest.mark.parametrize("shift", [-7, -2, -1, 1, 2, 7])
async def test_rows_that_every_page_repeats_or_skips_are_found_all_the_same(shift: int) -> None:
    listing = Shifted(numbered(95))
    listing.shift = shift
    assert sorted(await ids(listing, limit=20)) == sorted(numbered(95))


async def test_what_every_walk_skips_is_an_error() -> None:
    listing = Shifted(numbered(95))
    listing.shift = 19
    with pytest.raises(IncompleteListingError):
        await ids(listing, limit=20)


async def test_tokens_that_go_in_a_circle_are_noticed() -> None:
    async def send(call: Call[Any]) -> Any:
        return NodePage(data=(Node(id="a"),), next_token="t")

    with pytest.raises(IncompleteListingError, match="circle"):
        [node async for node in iterate(send, partial(nodes, ""))]


async def test_another_error_is_not_tried_again() -> None:
    listing = Listing(numbered(6))

    def refuse(number: int) -> None:
        raise RateLimitedError("slow down")

    listing.before = refuse
    with pytest.raises(RateLimitedError):
        await ids(listing)
    assert len(listing.asked) == 1


async def test_as_many_as_the_wall_allows_are_listed() -> None:
    listing = Listing(numbered(WALL))
    assert len(await ids(listing)) == WALL
    assert listing.asked[-1] | {"offset": "9800", "limit": "199"} == listing.asked[-1]


async def test_what_lies_beyond_the_wall_is_refused_before_anything_comes() -> None:
    listing = Listing(numbered(WALL + 1))
    with pytest.raises(IncompleteListingError, match="10000 entries answer"):
        [node async for node in iterate(listing.send, partial(nodes, ""))]
    assert len(listing.asked) == 1


async def test_a_listing_of_unknown_length_ends_at_the_wall_with_an_error() -> None:
    listing = Listing(numbered(12), count=False)
    with pytest.raises(IncompleteListingError, match="no more than 10"):
        await ids(listing, limit=4, wall=10)


async def test_tokens_and_search_know_no_wall() -> None:
    assert len(await ids(Listing(numbered(WALL + 5), tokens=True))) == WALL + 5
    listing = Listing(numbered(25))
    found = [node.id async for node in iterate(listing.send, partial(search, ""), limit=4, wall=None)]
    assert found == numbered(25)


@settings(max_examples=40)
@given(
    total=st.integers(0, 30),
    limit=st.integers(1, 7),
    tokens=st.booleans(),
    removed=st.dictionaries(st.integers(1, 12), st.integers(0, 29), max_size=2),
)
async def test_what_stays_in_the_collection_is_listed_or_an_error_comes(
    total: int, limit: int, removed: dict[int, int], *, tokens: bool
) -> None:
    listing = Listing(numbered(total), tokens=tokens)

    def remove(number: int) -> None:
        if number in removed:
            listing.ids = [each for each in listing.ids if each != f"n{removed[number]}"]

    listing.before = remove
    try:
        found = await ids(listing, limit=limit)
    except IncompleteListingError:
        return
    assert len(found) == len(set(found))
    if not tokens:
        assert set(listing.ids) <= set(found)


@pytest.mark.parametrize(("rows", "tokens"), [(0, True), (1, True), (1, False)])
@pytest.mark.parametrize("count", [None, 10**9])
async def test_a_listing_without_an_end_is_an_error(rows: int, count: int | None, *, tokens: bool) -> None:
    asked = 0

    async def send(_call: Call[Any]) -> Any:
        nonlocal asked
        asked += 1
        assert asked < 1000
        following = f"t{asked}" if tokens else None
        return NodePage(data=(Node(id="same"),) * rows, count=count, next_token=following)

    with pytest.raises(IncompleteListingError, match="no end"):
        _ = [node async for node in iterate(send, partial(nodes if tokens else search, ""), wall=None)]
