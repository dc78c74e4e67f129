from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ap_remote.cache import NodeCache
from ap_remote.errors import BusyStoreError, IncompleteListingError, UnavailableError
from ap_remote.model import Entry, Kind
from ap_remote.sync import SyncLock, synchronise
from ap_remote.sync.windows import TICK, Window, halve
from ap_remote.transport.call import Call
from ap_remote.wire._base import moment, stamp
from ap_remote.wire.nodes import FOLDER, Node, NodePage

START = datetime(2020, 1, 1, tzinfo=UTC)
ROOT = Node(id="root", kind=FOLDER, is_root=True, created_date=stamp(START))


def files(count: int, *, step: timedelta = timedelta(minutes=7)) -> list[Node]:
    return [
        Node(id=f"n{i}", name=f"{i}.jpg", parents=("root",), version=1, created_date=stamp(START + step * i))
        for i in range(count)
    ]


class Service:
    """Answers the calls of a sync from a list of nodes."""

    def __init__(self, nodes: list[Node], *, tokens: bool = True) -> None:
        self.nodes = [ROOT, *nodes]
        self.tokens = tokens
        self.calls: list[Call[Any]] = []
        self.before: Callable[[Call[Any]], None] = lambda _: None

    async def __call__(self, call: Call[Any], /) -> Any:
        self.calls.append(call)
        self.before(call)
        params = call.params
        filters = params.get("filters", "")
        rows = self.nodes
        if filters == "isRoot:true":
            rows = rows[:1]
        elif filters:
            low, high = map(moment, re.findall(r'"([^"]+)"', filters))
            rows = [each for each in rows if low <= moment(each.created_date) <= high]
        if "sort" in params:
            rows = sorted(rows, key=lambda node: node.created_date, reverse="DESC" in params["sort"])
        start = int(params.get("startToken") or params.get("offset", 0))
        limit = int(params["limit"])
        if start + limit > 9999 and "startToken" not in params:
            raise IncompleteListingError("Offset + limit cannot be greater than 9999")
        page = tuple(rows[start : start + limit])
        more = self.tokens and "offset" not in params and "sort" not in params and start + limit < len(rows)
        return NodePage(data=page, count=len(rows), next_token=str(start + limit) if more else None)


@pytest.fixture
def cache(tmp_path: Path):
    opened = NodeCache(tmp_path / "cache")
    yield opened
    opened.close()


def old(cache: NodeCache) -> None:
    """Put a node into the cache that the service does not have."""
    cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER))
    cache.put([Entry(path="", name="old.jpg", id="old", kind=Kind.FILE, parents=("root",))])


@pytest.mark.parametrize("tokens", [True, False])
async def test_everything_is_in_the_cache_afterwards_and_nothing_else(cache: NodeCache, tokens):
    old(cache)
    service = Service(files(450), tokens=tokens)
    report = await synchronise(service, cache)
    assert (report.seen, report.changed, report.removed) == (451, 450, 1)
    assert report.requests == len(service.calls)
    assert set(cache.ids()) == {node.id for node in service.nodes}
    assert cache.resolve("449.jpg") == "n449"
    assert cache.completed_since(1.0)


async def test_a_second_sync_changes_nothing(cache: NodeCache):
    service = Service(files(250))
    await synchronise(service, cache)
    assert (await synchronise(service, cache)).changed == 0
    assert cache.sync_state().generation == 2


async def test_tokens_are_followed_past_the_wall(cache: NodeCache):
    report = await synchronise(Service(files(10_400)), cache)
    assert report.seen == 10_401


async def test_without_tokens_a_library_behind_the_wall_is_listed_in_windows(cache: NodeCache):
    service = Service(files(20_500), tokens=False)
    report = await synchronise(service, cache)
    assert report.seen == cache.count() == 20_501
    filtered = {call.params["filters"] for call in service.calls if "createdDate" in call.params.get("filters", "")}
    assert len(filtered) == 7


async def test_more_nodes_of_one_moment_than_can_be_listed_are_an_error(cache: NodeCache):
    old(cache)
    with pytest.raises(IncompleteListingError, match=r"too many nodes were created at 2020-01-01T00:00:00\.000Z"):
        await synchronise(Service(files(9_500, step=timedelta()), tokens=False), cache)
    assert cache.get("old") is not None


@pytest.mark.parametrize("tokens", [True, False])
async def test_a_sync_that_breaks_off_drops_nothing_and_keeps_what_came(cache: NodeCache, tokens):
    old(cache)
    service = Service(files(900), tokens=tokens)

    def break_off(call: Call[Any]) -> None:
        if int(call.params.get("startToken") or call.params.get("offset", 0)) >= 400:
            raise UnavailableError("the service went away")

    service.before = break_off
    with pytest.raises(UnavailableError):
        await synchronise(service, cache)
    assert cache.resolve("old.jpg") == "old"
    assert cache.resolve("5.jpg") == "n5"
    assert not cache.completed_since(0.0)
    service.before = lambda _: None
    assert (await synchronise(service, cache)).removed == 1


async def test_a_listing_that_loses_nodes_is_an_error_and_drops_nothing(cache: NodeCache):
    service = Service(files(300))
    await synchronise(service, cache)
    service.nodes += files(330)[300:]

    async def shortened(call: Call[Any], /) -> Any:
        page = await service(call)
        kept = tuple(node for node in page.data if node.id not in ("n3", "n7"))
        return NodePage(data=kept, count=page.count, next_token=page.next_token)

    with pytest.raises(IncompleteListingError):
        await synchronise(shortened, cache)
    assert cache.get("n3") is not None


async def test_a_token_that_leads_in_a_circle_is_an_error(cache: NodeCache):
    service = Service(files(700))

    async def circling(call: Call[Any], /) -> Any:
        page = await service(call)
        return NodePage(data=page.data, count=page.count, next_token="200" if page.next_token else None)

    with pytest.raises(IncompleteListingError):
        await synchronise(circling, cache)


async def test_what_is_written_meanwhile_survives(cache: NodeCache):
    service = Service(files(450))

    def write(call: Call[Any]) -> None:
        if call.params.get("startToken") == "200":
            cache.put([Entry(path="", name="new.jpg", id="new", kind=Kind.FILE, parents=("root",))], written=2e9)

    service.before = write
    assert (await synchronise(service, cache)).removed == 0
    assert cache.resolve("new.jpg") == "new"


async def test_a_node_deleted_meanwhile_is_no_broken_listing(cache: NodeCache):
    service = Service(files(450))

    def delete(call: Call[Any]) -> None:
        if call.params.get("startToken") == "200":
            service.nodes = [node for node in service.nodes if node.id != "n400"]

    service.before = delete
    assert (await synchronise(service, cache)).seen == 450


async def test_progress_grows_to_the_total(cache: NodeCache):
    told: list[tuple[int, int | None]] = []
    await synchronise(Service(files(450)), cache, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == [200, 400, 451]
    assert {total for _, total in told} == {451}


async def test_a_second_sync_at_once_is_refused(cache: NodeCache):
    async with SyncLock(cache.folder):
        with pytest.raises(BusyStoreError):
            await synchronise(Service([]), cache)
    await synchronise(Service([]), cache)


async def test_a_second_sync_waits_if_it_is_told_to_and_then_need_not_do_it_again(cache: NodeCache):
    service = Service(files(3))
    first = SyncLock(cache.folder)
    await first.__aenter__()

    async def sleep(_: float) -> None:
        cache.begin_sync()
        cache.finish_sync(began=100.0)
        await first.__aexit__(None, None, None)

    report = await synchronise(service, cache, wait=True, since=100.0, sleep=sleep)
    assert (report.requests, service.calls) == (0, [])


def hold(folder: Path, ready: Any, done: Any) -> None:
    import asyncio

    async def run() -> None:
        async with SyncLock(folder):
            ready.set()
            done.wait()

    asyncio.run(run())


async def test_the_lock_holds_between_processes_and_dies_with_its_owner(cache: NodeCache):
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    owner = context.Process(target=hold, args=(cache.folder, ready, done))
    owner.start()
    ready.wait()
    with pytest.raises(BusyStoreError):
        await synchronise(Service([]), cache)
    owner.kill()
    owner.join()
    owner.close()
    await synchronise(Service([]), cache)


def test_halves_of_a_window_meet_without_overlap():
    window = Window(START, START + timedelta(days=3))
    early, late = halve(window)
    assert (early.start, late.stop) == (window.start, window.stop)
    assert late.start - early.stop == TICK


def test_a_window_of_two_moments_is_split_into_one_each():
    early, late = halve(Window(START, START + TICK))
    assert early == Window(START, START)
    assert late == Window(START + TICK, START + TICK)
