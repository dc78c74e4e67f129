"""Sync against a service that lags, repeats, skips, reorders, cuts off and expires."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.cache import NodeCache
from ap_remote.errors import IncompleteListingError, UnsupportedError
from ap_remote.model import Entry
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.faults import Behaviour, Fault
from ap_remote_emulator.seed import seed
from tests.contracts.service import URL, Clock


class Place:
    """A service in process, and remotes that speak to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app: Any = create_app(folder / "service", internal=True)
        self.cookies = load_credentials(folder / "service" / "credentials.json")
        self.clock = Clock()

    @property
    def store(self) -> Any:
        return self.app.state.store

    def remote(self, name: str = "one") -> AmazonPhotosRemote:
        transport = Transport(
            Session(self.cookies, Hosts.for_service(URL)), app=self.app, retry=Retry(sleep=self.clock.sleep)
        )
        return AmazonPhotosRemote(name, transport, self.folder / name, clock=self.clock, sleep=self.clock.sleep)

    def turn(self, **knobs: Any) -> None:
        self.store.knobs.turn(msgspec.convert(knobs, Behaviour))

    def without_stream(self) -> None:
        self.app.state.faults.add(Fault(path="*/changes", method="POST", status=404, body="{}", times=-1))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
async def remote(place: Place) -> AsyncIterator[AmazonPhotosRemote]:
    async with place.remote() as opened:
        yield opened


@pytest.fixture
async def other(place: Place) -> AsyncIterator[AmazonPhotosRemote]:
    async with place.remote("other") as opened:
        yield opened


async def everything(remote: AmazonPhotosRemote) -> dict[str, Entry]:
    return {entry.path: entry async for entry in remote.list(recursive=True)}


async def truth(place: Place, number: list[int] = [0]) -> dict[str, Entry]:  # noqa: B006 - counts the remotes
    """Return what a client sees that has no cache yet and a service without faults."""
    number[0] += 1
    behaviour = place.store.knobs.behaviour
    place.store.knobs.turn(Behaviour())
    async with place.remote(f"truth{number[0]}") as fresh:
        await fresh.sync()
        found = await everything(fresh)
    place.store.knobs.turn(behaviour)
    return found


async def change(other: AmazonPhotosRemote) -> None:
    """Let somebody else do a bit of everything."""
    await other.put(b"new", "Pictures/new.txt")
    await other.mkdir("Deep/er/est")
    await other.put(b"deep", "Deep/er/est/d.txt")
    await other.move("Pictures/b.txt", "Deep/moved.txt")
    await other.mark("Pictures/a.txt", favorite=True)
    await other.trash("Pictures/c.txt", "Old")
    await other.trash("Pictures/e.txt")
    await other.delete(*[entry.path async for entry in other.list(".views/trash") if entry.name == "e.txt"])


async def plant(other: AmazonPhotosRemote) -> None:
    for name in "abcde":
        await other.put(name.encode(), f"Pictures/{name}.txt")
    await other.put(b"old", "Old/o.txt")


DELTAS: list[dict[str, Any]] = [
    {},
    {"reverse": True},
    {"older": True},
    {"older": True, "reverse": True},
    {"lines": 1, "times": 2},
    {"status": 500, "statusLine": 0, "times": 1},
    {"resets": 1},
    {"resets": 1, "reverse": True, "older": True},
    {"lines": 0, "times": -1},
]


@pytest.mark.parametrize("delta", DELTAS, ids=str)
async def test_the_cache_is_what_a_fresh_client_sees(place: Place, remote, other, delta: dict[str, Any]):
    await plant(other)
    place.turn(delta=delta)
    await remote.sync()
    assert await everything(remote) == await truth(place)
    await change(other)
    place.clock.now += 3600
    place.turn(delta=delta)
    report = await remote.sync()
    assert report.mode == ("pages" if delta.get("lines") == 0 else "delta")
    assert await everything(remote) == await truth(place)


async def test_a_trashed_folder_that_comes_back_has_its_children(place: Place, remote, other):
    await plant(other)
    await remote.sync()
    place.clock.now += 3600
    await other.trash("Old")
    await remote.sync()
    place.clock.now += 3600
    assert "Old/o.txt" not in await everything(remote)
    await other.restore(*[entry.path async for entry in other.list(".views/trash")])
    await remote.sync()
    assert await everything(remote) == await truth(place)


async def test_an_albums_members_are_seen_although_no_delta_tells_them(place: Place, remote, other):
    await plant(other)
    album = await other.create_album("Rome", members=["Pictures/a.txt"])
    await remote.sync()
    seen = [entry.name async for entry in remote.list(".views/albums/Rome")]
    await other.add_to_album(f".views/albums/{album.name}", ["Pictures/b.txt"])
    await remote.sync()
    place.clock.now += 61
    later = [entry.name async for entry in remote.list(".views/albums/Rome")]
    assert (seen, later) == (["a.txt"], ["a.txt", "b.txt"])


async def test_marks_are_told(place: Place, remote, other):
    await plant(other)
    await remote.sync()
    await other.mark("Pictures/a.txt", favorite=True, hidden=True)
    place.clock.now += 3600
    await remote.sync()
    found = (await everything(remote))["Pictures/a.txt"]
    assert (found.favorite, found.hidden) == (True, True)


async def test_our_own_writes_survive_a_stream_that_lags(place: Place, remote):
    before = set(await everything(remote))
    place.turn(lag={"create": 5000, "upload": 5000, "move": 5000, "trash": 5000, "changes": True})
    await remote.put(b"x", "New/x.txt")
    await remote.sync()
    assert set(await everything(remote)) - before == {"New", "New/x.txt"}


async def test_our_own_writes_survive_a_listing_that_lags(place: Place, remote):
    place.without_stream()
    before = set(await everything(remote))
    await remote.put(b"y", "y.txt")
    await remote.sync()
    place.turn(lag={"create": 5000, "upload": 5000, "move": 5000, "trash": 5000})
    await remote.put(b"x", "New/x.txt")
    await remote.trash("y.txt")
    await remote.sync()
    assert set(await everything(remote)) - before == {"New", "New/x.txt"}


PAGES: list[tuple[dict[str, Any], str]] = [
    ({}, "tokens"),
    ({"tokenPages": 2}, "tokens"),
    ({"tokens": False}, "pages"),
    ({"tokens": False, "duplicate": 3}, "pages"),
    ({"tokens": False, "skip": 3}, "pages"),
]


@pytest.mark.parametrize(("paging", "mode"), PAGES, ids=str)
async def test_a_listing_with_faults_is_whole_in_the_end(place: Place, remote, paging: dict[str, Any], mode: str):
    place.without_stream()
    seed(place.store, 1100)
    place.turn(paging=paging)
    report = await remote.sync()
    assert report.mode == mode
    assert await everything(remote) == await truth(place)


async def test_a_listing_that_cannot_be_had_whole_drops_nothing(place: Place, remote):
    place.without_stream()
    seed(place.store, 450)
    await remote.sync()
    before = await everything(remote)
    place.clock.now += 3600
    place.turn(paging={"tokens": False, "skip": 199})
    with pytest.raises(IncompleteListingError):
        await remote.sync()
    place.turn()
    assert {entry.id for entry in before.values()} <= set(remote._cache.ids())


async def test_stale_children_of_a_folder_are_not_believed(place: Place, remote, other):
    await plant(other)
    place.turn(paging={"staleChildren": 60_000})
    await other.move("Pictures/a.txt", "Old/a.txt")
    names = [entry.name async for entry in remote.list("Pictures", fresh=True)]
    assert names == ["b.txt", "c.txt", "d.txt", "e.txt"]


@pytest.mark.parametrize("knobs", [{"textNumbers": True}, {"throttle": {"every": 3, "length": 2}}], ids=str)
async def test_numbers_in_quotes_and_429_in_the_middle_change_nothing(place: Place, remote, other, knobs):
    await plant(other)
    place.turn(**knobs)
    await remote.sync()
    assert await everything(remote) == await truth(place)


async def test_changes_are_yielded_with_their_paths_and_checkpoints(place: Place, remote, other):
    await plant(other)
    batches = [batch async for batch in remote.changes()]
    checkpoint = batches[-1][0]
    told = {change.entry.path for _, changes in batches for change in changes if change.entry}
    assert {"Pictures", "Pictures/a.txt", "Old/o.txt"} <= told
    await change(other)
    since = [each async for each in remote.changes(checkpoint)]
    after = {each.id: each.entry for _, changes in since for each in changes}
    assert None in after.values()
    assert {entry.path for entry in after.values() if entry} >= {"Pictures/new.txt", "Deep/er/est/d.txt"}
    unknown = [each async for each in remote.changes("garbage")]
    assert unknown[0] == (None, ())
    assert all(void != (None, ()) for void in batches)


async def test_without_a_stream_changes_are_unsupported_and_that_is_remembered(place: Place, remote):
    place.without_stream()
    for _ in range(2):
        with pytest.raises(UnsupportedError):
            assert [each async for each in remote.changes()] == []
    assert remote._cache.facts()["changes"].value == "no"


SYNC = """
import asyncio, sys
from pathlib import Path
from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials

async def main(url, credentials, cache):
    session = Session(load_credentials(Path(credentials)), Hosts.for_service(url))
    async with AmazonPhotosRemote("one", Transport(session), Path(cache)) as remote:
        print("ready", flush=True)
        await remote.sync(progress=lambda done, total: print(done, flush=True))
        print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("stream", [True, False])
def test_a_sync_that_is_killed_again_and_again_ends_with_everything(
    tmp_path: Path, served: tuple[str, str, Callable[..., None]], *, stream: bool
):
    url, credentials, call = served
    call("/_internal/seed", {"count": 2400})
    if not stream:
        call("/_internal/fault", {"path": "*/changes", "method": "POST", "status": 404, "body": "{}", "times": -1})
    words = [sys.executable, "-c", SYNC, url, credentials, str(tmp_path / "cache")]
    told: list[int] = []
    for kill_after in (1, 2, 1, 3, 1000):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = []
        for row in process.stdout:
            lines.append(row.strip())
            if len(lines) == kill_after:
                process.kill()
                break
        process.stdout.close()
        process.wait()
        told += [int(row) for row in lines if row != "done"]
        if lines[-1] == "done":
            break
    # Each run went on where the one before was killed.
    assert told == sorted(told)
    cache = NodeCache(tmp_path / "cache")
    files = [each for each in cache.get_many(cache.ids()).values() if each.name.startswith("IMG_")]
    assert len(files) == 2400
    assert all(cache.resolve(each.path) == each.id for each in files)
    assert cache.completed_since(0.0)
    cache.close()


@pytest.fixture
def served(tmp_path: Path):
    """A service in a process of its own; yields its url, its credentials and its internal door."""
    words = [sys.executable, "-m", "ap_remote_emulator", "--data", str(tmp_path / "data"), "--port", "0", "--internal"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        started = msgspec.json.decode(process.stdout.readline())

        def call(path: str, body: dict[str, Any]) -> None:
            httpx.post(f"{started['url']}{path}", json=body, timeout=60).raise_for_status()

        yield started["url"], started["credentials"], call
        process.terminate()
