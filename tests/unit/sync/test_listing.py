from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.cache import NodeCache
from ap_remote.errors import IncompleteListingError, UnavailableError
from ap_remote.model import Entry, Kind
from ap_remote.sync import synchronise
from ap_remote.transport.call import Call
from ap_remote.wire.nodes import NodePage
from tests.unit.sync.test_sync import Service, files


@pytest.fixture
def cache(tmp_path: Path):
    opened = NodeCache(tmp_path / "cache")
    yield opened
    opened.close()


def pages(service: Service) -> list[dict[str, str]]:
    """Return the parameters of the calls that asked for rows."""
    return [call.params for call in service.calls if call.params.get("limit") != "1"]


def fail_once_at(service: Service, number: int) -> None:
    def fail(_call: Call[Any]) -> None:
        if len(service.calls) == number:
            raise UnavailableError("the service went away")

    service.before = fail


async def test_a_sync_by_tokens_that_was_broken_off_goes_on_at_its_page(cache: NodeCache):
    cache.put([Entry(path="", name="old", id="old", kind=Kind.FILE, parents=("root",))])
    service = Service(files(1990))
    fail_once_at(service, 9)
    with pytest.raises(UnavailableError):
        await synchronise(service, cache, clock=lambda: 1000.0)
    assert cache.get("old") is not None
    service.calls.clear()
    service.before = lambda _: None
    report = await synchronise(service, cache, clock=lambda: 1500.0)
    assert (report.mode, report.resumed, report.seen, report.removed) == ("tokens", True, 1991, 1)
    assert [params.get("startToken") for params in pages(service)] == ["1200", "1400", "1600", "1800"]
    assert cache.completed_since(1000.0)
    assert not cache.completed_since(1001.0)
    assert (await synchronise(service, cache, clock=lambda: 1600.0)).resumed is False


async def test_a_sync_by_windows_that_was_broken_off_goes_on_with_its_windows(cache: NodeCache):
    service = Service(files(10_400), tokens=False)
    fail_once_at(service, 40)
    with pytest.raises(UnavailableError):
        await synchronise(service, cache)
    before = len(pages(service))
    service.calls.clear()
    service.before = lambda _: None
    report = await synchronise(service, cache)
    assert (report.mode, report.resumed, report.seen) == ("windows", True, 10_401)
    assert cache.count() == 10_401
    # A window that was not walked to its end is walked again, no other.
    assert len(pages(service)) + before < 53 + 32


async def test_a_run_that_was_broken_off_long_ago_is_begun_anew(cache: NodeCache):
    service = Service(files(900))
    fail_once_at(service, 4)
    with pytest.raises(UnavailableError):
        await synchronise(service, cache, clock=lambda: 1000.0)
    service.before = lambda _: None
    report = await synchronise(service, cache, clock=lambda: 1000.0 + 7 * 3600)
    assert (report.resumed, report.seen) == (False, 901)


async def test_what_is_resumed_for_somebody_who_needs_it_fresh_is_followed_by_a_fresh_run(cache: NodeCache):
    service = Service(files(900))
    fail_once_at(service, 4)
    with pytest.raises(UnavailableError):
        await synchronise(service, cache, clock=lambda: 1000.0)
    service.before = lambda _: None
    await synchronise(service, cache, clock=lambda: 2000.0, since=1900.0)
    assert cache.completed_since(1900.0)


async def test_an_expired_token_begins_anew_and_keeps_what_came(cache: NodeCache):
    service = Service(files(900))
    expired: list[str] = []

    def expire(call: Call[Any]) -> None:
        if call.params.get("startToken") == "600" and not expired:
            expired.append("600")
            raise IncompleteListingError("Next token is expired")

    service.before = expire
    report = await synchronise(service, cache)
    assert (report.seen, expired) == (901, ["600"])
    assert report.changed == 900


async def test_what_lies_behind_a_token_that_always_expires_is_fetched_by_windows(cache: NodeCache):
    service = Service(files(5000))

    def expire(call: Call[Any]) -> None:
        if call.params.get("startToken") == "600":
            raise IncompleteListingError("Next token is expired")

    service.before = expire
    report = await synchronise(service, cache)
    assert (report.seen, cache.count()) == (5001, 5001)


async def test_a_page_that_was_lost_is_repaired_in_its_window_alone(cache: NodeCache):
    service = Service(files(5000))

    async def lossy(call: Call[Any], /) -> Any:
        page = await service(call)
        if call.params.get("startToken") == "2000":
            return NodePage(data=(), count=page.count, next_token=page.next_token)
        return page

    report = await synchronise(lossy, cache)
    assert (report.seen, cache.count()) == (5001, 5001)
    walked = {call.params["filters"] for call in service.calls if "createdDate" in call.params.get("filters", "")}
    again = [params for params in pages(service) if "createdDate" in params.get("filters", "")]
    assert len(walked) < 12
    assert len(again) < 10


async def test_rows_that_repeat_and_are_skipped_while_paging_are_repaired(cache: NodeCache):
    service = Service(files(2000), tokens=False)
    shifted: list[str] = []

    async def moving(call: Call[Any], /) -> Any:
        page = await service(call)
        if call.params.get("offset") == "800" and not shifted:
            shifted.append("800")
            return NodePage(data=page.data[5:] + page.data[:2], count=page.count)
        return page

    report = await synchronise(moving, cache)
    assert (report.mode, report.seen, cache.count()) == ("pages", 2001, 2001)


async def test_files_that_come_and_go_while_windows_are_walked_are_no_broken_listing(cache: NodeCache):
    service = Service(files(9_400), tokens=False)

    def move(_call: Call[Any]) -> None:
        if len(service.calls) == 20:
            fresh = files(9_410)[9_400:]
            service.nodes = [each for each in service.nodes if each.id not in ("n9000", "n9001")] + fresh

    service.before = move
    report = await synchronise(service, cache)
    assert report.seen == 9_399


async def test_a_node_that_cannot_be_had_drops_nothing(cache: NodeCache):
    await synchronise(Service(files(300)), cache)
    service = Service(files(300)[:250])

    async def short(call: Call[Any], /) -> Any:
        page = await service(call)
        return NodePage(
            data=page.data, count=None if page.count is None else page.count + 5, next_token=page.next_token
        )

    with pytest.raises(IncompleteListingError):
        await synchronise(short, cache)
    assert cache.count() == 301


@settings(max_examples=12, deadline=None)
@given(at=st.integers(1, 12), tokens=st.booleans(), gone=st.integers(0, 60), fresh=st.integers(0, 60))
async def test_wherever_it_is_broken_off_the_next_sync_ends_as_if_nothing_had_happened(
    tmp_path_factory: pytest.TempPathFactory,
    at: int,
    tokens: bool,  # noqa: FBT001 - hypothesis draws it
    gone: int,
    fresh: int,
):
    cache = NodeCache(tmp_path_factory.mktemp("cache"))
    service = Service(files(1500, step=timedelta(hours=5)), tokens=tokens)
    fail_once_at(service, at)
    try:
        await synchronise(service, cache)
    except UnavailableError:
        service.before = lambda _: None
        kept = [each for each in service.nodes if int(each.id.removeprefix("n") if each.id != "root" else 0) >= gone]
        service.nodes = [service.nodes[0], *(each for each in kept if each.id != "root"), *files(1500 + fresh)[1500:]]
        service.calls.clear()
        await synchronise(service, cache)
        # What had been seen before it went is dropped by the run after this one.
        await synchronise(service, cache)
    assert set(cache.ids()) == {each.id for each in service.nodes}
    cache.close()
