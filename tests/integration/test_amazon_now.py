"""What is at one path now: few requests, never a wrong "not there", never what was there before."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import NotFoundError
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.faults import Fault
from tests.contracts.base import names
from tests.contracts.service import URL, BackDoor, Clock, CountedTransport


class Place:
    """A library, somebody else's door to it, and what a remote asks."""

    def __init__(self, folder: Path) -> None:
        self.app = create_app(folder / "service", internal=True)
        cookies = load_credentials(folder / "service" / "credentials.json")
        self.door = BackDoor(self.app, cookies)
        self.clock = Clock()
        self.transport = CountedTransport(
            Session(cookies, Hosts.for_service(URL)), app=self.app, retry=Retry(sleep=self.clock.sleep)
        )
        self.remote = AmazonPhotosRemote(
            "home", self.transport, folder / "cache", clock=self.clock, sleep=self.clock.sleep
        )
        self.ids: dict[str, str] = {}

    async def know_everything(self) -> None:
        await self.remote.sync()
        self.later()

    async def know_by_listings(self) -> None:
        """The account has no stream of changes."""
        self.app.state.faults.add(Fault(path="*/changes", method="POST", status=404, body="{}", times=-1))
        for path in ("", "box", "box/inner"):
            await names(self.remote.list(path))
        self.later()

    def later(self) -> None:
        self.clock.now += 1
        self.transport.titles.clear()

    @property
    def kinds(self) -> set[str]:
        """The endpoints that were asked, without the ids in their paths."""
        ids = "|".join(map(re.escape, self.ids.values()))
        return {re.sub(ids, "*", title) for title in self.transport.titles}

    async def look(self, path: str) -> str | None:
        try:
            return (await self.remote.stat(path, fresh=True)).id
        except NotFoundError:
            return None


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    for path in ("box/inner/a.txt", "box/inner/b.txt", "other/c.txt"):
        place.ids[path] = await place.door.seed(path, path.encode())
    for path in ("", "box", "box/inner", "other"):
        place.ids[path] = await place.door.find(path) or ""
    async with place.remote:
        yield place
    await place.door.client.aclose()


async def rename(place: Place) -> None:
    await place.door.call("PATCH", f"/drive/v1/nodes/{place.ids['box/inner/a.txt']}", json={"name": "new.txt"})


async def move_the_folder(place: Place) -> None:
    await place.door.call(
        "POST",
        f"/drive/v1/nodes/{place.ids['other']}/children",
        json={"fromParent": place.ids["box"], "childId": place.ids["box/inner"]},
    )


async def trash(place: Place) -> None:
    await place.door.call(
        "PATCH", "/drive/v1/trash", json={"op": "add", "recurse": "true", "value": [place.ids["box/inner/a.txt"]]}
    )


async def replace(place: Place) -> None:
    await trash(place)
    place.ids["new"] = await place.door.seed("box/inner/a.txt", b"another")


async def rename_a_folder_above(place: Place) -> None:
    await place.door.call("PATCH", f"/drive/v1/nodes/{place.ids['box']}", json={"name": "case"})


ELSEWHERE = {
    "renamed": (rename, {"box/inner/a.txt": None, "box/inner/new.txt": "box/inner/a.txt"}),
    "its folder moved": (move_the_folder, {"box/inner/a.txt": None, "other/inner/a.txt": "box/inner/a.txt"}),
    "trashed": (trash, {"box/inner/a.txt": None, "box/inner/b.txt": "box/inner/b.txt"}),
    "replaced": (replace, {"box/inner/a.txt": "new"}),
    "a folder above renamed": (rename_a_folder_above, {"box/inner/a.txt": None, "case/inner/a.txt": "box/inner/a.txt"}),
}


@pytest.mark.parametrize("knows", ["everything", "by_listings"])
@pytest.mark.parametrize("what", ELSEWHERE)
async def test_what_somebody_else_did_is_seen(place: Place, knows: str, what: str):
    await getattr(place, f"know_{knows}")()
    change, expected = ELSEWHERE[what]
    await change(place)

    for path, key in expected.items():
        place.later()
        assert await place.look(path) == (None if key is None else place.ids[key])


async def test_after_a_sync_one_request_settles_what_is_there_and_what_is_not(place: Place):
    await place.know_everything()
    for path, key in (("box/inner/a.txt", "box/inner/a.txt"), ("box/inner/none", None), ("none/none", None)):
        place.later()
        assert await place.look(path) == (None if key is None else place.ids[key])
        assert place.transport.titles == ["POST changes"]


async def test_without_a_stream_only_the_nodes_on_the_way_are_asked_for(place: Place):
    await place.know_by_listings()
    mark = place.remote.peek_mark("box")
    assert await place.look("BOX/inner/a.txt") == place.ids["box/inner/a.txt"]

    assert sorted(place.transport.titles) == ["GET nodes/*"] * 3 or place.kinds == {"GET nodes/*"}
    assert len(place.transport.titles) == 3
    assert place.remote.peek_mark("box") == mark, "nothing changed, so nothing was written"


async def test_only_a_listing_says_that_nothing_is_there(place: Place):
    await place.know_by_listings()
    assert await place.look("box/inner/none") is None

    assert place.kinds == {"GET nodes/*/children"}


async def test_a_stream_that_begins_anew_is_not_followed_through_the_whole_library(place: Place):
    await place.know_everything()
    cache = place.remote._tree.cache
    before = structs.replace(cache.sync_state(), checkpoint="none of theirs")
    cache.put_batch((), seen=place.clock(), state=before)
    assert await place.look("box/inner/a.txt") == place.ids["box/inner/a.txt"]

    assert cache.sync_state() == before
    assert place.kinds == {"POST changes", "GET nodes/*"}


async def test_after_an_hour_the_changes_may_be_too_many(place: Place):
    await place.know_everything()
    place.clock.now += 3600
    assert await place.look("box/inner/a.txt") == place.ids["box/inner/a.txt"]

    assert place.kinds == {"GET nodes/*"}


async def test_who_look_at_the_same_time_share_what_is_asked(place: Place):
    await place.know_everything()
    found = await asyncio.gather(*(place.look("box/inner/a.txt") for _ in range(8)))

    assert set(found) == {place.ids["box/inner/a.txt"]}
    assert place.transport.titles == ["POST changes"]


async def test_a_stream_that_cannot_be_had_is_done_without(place: Place):
    await place.know_everything()
    place.app.state.faults.add(Fault(path="*/changes", method="POST", status=503, body="{}", times=-1))
    assert await place.look("box/inner/a.txt") == place.ids["box/inner/a.txt"]


async def test_what_was_moved_here_moments_ago_is_not_undone_by_an_answer_that_lags_behind(place: Place):
    await place.know_by_listings()
    old: dict[str, Any] = {}

    def remember(call: Any, answer: Any) -> Any:
        return old.setdefault(call.path, answer) if call.title.startswith("GET nodes/") else answer

    place.transport.changed = remember
    assert await place.look("box/inner/a.txt") == place.ids["box/inner/a.txt"]
    await place.remote.move("box/inner/a.txt", "box/inner/moved.txt")
    place.clock.now += 2

    assert await place.look("box/inner/moved.txt") == place.ids["box/inner/a.txt"]
