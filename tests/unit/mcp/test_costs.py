"""What a call asks for: no more rows, counts and imports than the answer needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.semantic import IndexStatus
from ap_remote_mcp.context import App
from ap_remote_mcp.policy.limits import Limits

HEAVY = ("numpy", "faiss", "jwt", "pandas", "pyarrow", "scipy", "torch")


class Noting(MemoryRemote):
    """A remote that notes what it was asked."""

    def __init__(self, name):
        super().__init__(name)
        self.limits = []
        self.counted = []

    def search(self, query="", *, sort="-taken", limit=None):
        self.limits.append(limit)
        return super().search(query, sort=sort, limit=limit)

    async def aggregations(self, category, *, query=""):
        self.counted.append((category, query))
        return await super().aggregations(category, query=query)


class Counting:
    """An index that is asked how it stands."""

    def __init__(self, photos):
        self.photos = photos
        self.asked = 0

    def status(self):
        self.asked += 1
        return IndexStatus(folder="", built=self.photos > 0, photos=self.photos)


@pytest.fixture
def remote():
    remote = Noting("home")
    for number in range(9):
        remote.seed(f"Pictures/{number}.jpg", bytes([number]), things=("dog",) if number else ())
    return remote


def app_of(index, now):
    remote = MemoryRemote("home")
    return App(remote, index=index, allowed=frozenset(), account="home", limits=Limits(), clock=lambda: now["time"])


async def test_a_page_asks_the_remote_for_its_rows_and_one_more(open_client, remote):
    async with open_client(remote) as client:
        page = (await client.call_tool("photos_search", {"limit": 3})).structured_content
        await client.call_tool("photos_search", {"cursor": page["next"], "limit": 2})
    assert remote.limits == [4, 6]


async def test_a_search_that_is_sifted_here_is_asked_without_a_bound(open_client, remote):
    async with open_client(remote) as client:
        await client.call_tool("photos_search", {"query": "dog", "mode": "metadata", "limit": 3})
    assert remote.limits == [None]


async def test_later_pages_say_what_the_first_one_counted(open_client, remote):
    async with open_client(remote) as client:
        first = (await client.call_tool("photos_search", {"limit": 3})).structured_content
        second = (await client.call_tool("photos_search", {"cursor": first["next"], "limit": 3})).structured_content
        again = (await client.call_tool("photos_search", {"limit": 3})).structured_content
    assert [first["total"], second["total"], again["total"]] == [9, 9, 9]
    assert remote.counted == [("type", ""), ("type", "")]


async def test_counting_here_notices_the_one_entry_that_is_too_many(open_client, remote):
    async with open_client(remote, limits=Limits(scan=9)) as client:
        whole = (await client.call_tool("photos_facets", {"by": "folder"})).structured_content
    async with open_client(remote, limits=Limits(scan=8)) as client:
        part = (await client.call_tool("photos_facets", {"by": "folder"})).structured_content
    assert whole["total"] == 9
    assert "note" not in whole
    assert part["total"] == 8
    assert "only the newest 8 entries" in part["note"]


async def test_the_index_is_counted_again_after_five_minutes_and_after_a_change():
    now = {"time": 1000.0}
    index = Counting(5)
    app = app_of(index, now)
    assert [await app.covered(), await app.covered(), index.asked] == [5, 5, 1]
    index.photos = 7
    now["time"] += 299
    assert await app.covered() == 5
    now["time"] += 1
    assert await app.covered() == 7
    index.photos = 8
    app.forget_counts()
    assert await app.covered() == 8


async def test_an_index_that_is_not_there_yet_is_looked_for_each_time():
    index = Counting(0)
    app = app_of(index, {"time": 1000.0})
    assert await app.covered() == 0
    index.photos = 3
    assert await app.covered() == 3


def test_starting_loads_nothing_that_only_some_calls_need():
    code = f"import sys, ap_remote_mcp.server; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
