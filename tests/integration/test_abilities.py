"""People, the family vault, words, several folders, covers: the contract, over the local service in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from ap_remote.api import nodes, properties, search, trash
from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import AccessDeniedError, AlreadyExistsError, NotFoundError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsMarks
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote.wire.nodes import Bulk
from ap_remote_emulator.app import create_app
from ap_remote_emulator.library.nodes import set_tags
from tests.contracts.base import Plant, collect, names
from tests.contracts.pictures import jpeg
from tests.contracts.remote import WordsContract

URL = "http://local.invalid"


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class WatchedTransport(Transport):
    """Remembers what was sent, and may change what comes back."""

    titles: list[str]
    changed: Callable[[Any, Any], Any]

    async def send(self, call: Any) -> Any:
        self.titles.append(call.title)
        return self.changed(call, await super().send(call))


class BackDoor:
    """Speaks to the service by itself, with none of the library's own code."""

    def __init__(self, app: Any, cookies: dict[str, str]) -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = {"cookie": cookie, "x-amzn-sessionid": cookies["session-id"]}
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, headers=headers)

    async def call(self, method: str, path: str, **options: Any) -> Any:
        answer = await self.client.request(method, path, **options)
        answer.raise_for_status()
        return answer.json()

    async def child(self, parent: str, name: str) -> str | None:
        path = f"/drive/v1/nodes/{parent}/children"
        page = await self.call("GET", path, params={"resourceVersion": "V2", "limit": 200})
        found = [node["id"] for node in page["data"] if node["name"].casefold() == name.casefold()]
        return found[0] if found else None

    async def find(self, path: str, *, make: bool = False) -> str | None:
        page = await self.call("GET", "/drive/v1/nodes", params={"filters": "isRoot:true"})
        at = page["data"][0]["id"]
        for name in filter(None, path.split("/")):
            found = await self.child(at, name)
            if found is None and make:
                body = {"kind": "FOLDER", "name": name, "parents": [at], "resourceVersion": "V2"}
                found = (await self.call("POST", "/drive/v1/nodes", json=body))["id"]
            if found is None:
                return None
            at = found
        return at

    async def seed(self, path: str, data: bytes) -> str:
        folder, _, name = path.rpartition("/")
        parent = await self.find(folder, make=True)
        params = {"name": name, "parentNodeId": parent, "fileSize": len(data), "suppress": "DEDUPLICATION"}
        return (await self.call("POST", "/v2/upload", params=params, content=data))["id"]

    async def peek(self, path: str) -> bytes | None:
        node_id = await self.find(path)
        if node_id is None:
            return None
        answer = await self.client.get(f"/cdproxy/nodes/{node_id}", follow_redirects=True)
        return answer.content if answer.is_success else None


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path / "service", internal=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(app: Any, tmp_path: Path) -> AsyncIterator[BackDoor]:
    opened = BackDoor(app, load_credentials(tmp_path / "service" / "credentials.json"))
    yield opened
    await opened.client.aclose()


@pytest.fixture
def transport(app: Any, tmp_path: Path, clock: Clock) -> WatchedTransport:
    session = Session(load_credentials(tmp_path / "service" / "credentials.json"), Hosts.for_service(URL))
    made = WatchedTransport(session, app=app, retry=Retry(sleep=clock.sleep))
    made.titles, made.changed = [], lambda _, answer: answer
    return made


@pytest.fixture
async def remote(transport: WatchedTransport, clock: Clock, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache", clock=clock, sleep=clock.sleep) as opened:
        yield opened


@pytest.fixture
async def vault(door: BackDoor) -> str:
    """The family that the service says the account belongs to."""
    return (await door.call("GET", "/drive/v1/account/family"))["familyId"]


class TestAmazonAbilities(WordsContract):
    @pytest.fixture
    def remote(self, remote: AmazonPhotosRemote) -> AmazonPhotosRemote:
        return remote

    @pytest.fixture
    def seed(self, door: BackDoor, clock: Clock):
        async def put(path: str, data: bytes) -> str:
            # What somebody else writes is seen once the cache has grown old.
            clock.now += 3600
            return await door.seed(path, data)

        return put

    @pytest.fixture
    def peek(self, door: BackDoor):
        return door.peek

    @pytest.fixture
    def vault(self, vault: str) -> str:
        return vault

    @pytest.fixture
    def plant(self, app: Any) -> Plant:
        async def plant(node_id: str, people: Sequence[str]) -> None:
            with app.state.store.write() as write:
                set_tags(write, node_id, "person", people)
                for each in people:
                    write.execute("INSERT OR IGNORE INTO people (id) VALUES (?)", (each,))
                write.touch(node_id)

        return plant


async def test_nodes_are_made_with_words_and_once_for_a_local_id(transport, door):
    root = await door.find("")
    call = nodes.create_folder("x", root, labels=["one"], description="about", local_id="mine")
    made = await transport.send(call)
    assert (made.labels, made.description) == (("one",), "about")
    with pytest.raises(AlreadyExistsError):
        await transport.send(nodes.create_folder("y", root, local_id="mine"))
    assert await door.find("y") is None


async def test_a_full_update_forgets_what_is_not_named(transport, door):
    node_id = await door.seed("box/a.txt", b"a")
    await transport.send(nodes.patch(node_id, description="about", labels=["x"]))
    node = await transport.send(nodes.update(node_id, name="b.txt", labels=["y"]))
    assert (node.name, node.labels) == ("b.txt", ("y",))
    assert await door.peek("box/b.txt") == b"a"


async def test_a_node_is_trashed_and_restored_by_its_address(transport, door):
    node_id = await door.seed("box/a.txt", b"a")
    assert (await transport.send(trash.trash_one(node_id))).status == "TRASH"
    assert await door.peek("box/a.txt") is None
    assert (await transport.send(trash.restore_one(node_id))).status == "AVAILABLE"
    assert await door.peek("box/a.txt") == b"a"
    with pytest.raises(NotFoundError):
        await transport.send(trash.trash_one("A" * 22))


async def test_properties_are_read_by_owner_and_by_key(transport, door):
    node_id = await door.seed("box/a.txt", b"a")
    put = await transport.send(properties.put(node_id, "app", "k", "v"))
    assert (put.key, put.value) == ("k", "v")
    assert (await transport.send(properties.properties(node_id, "app"))).data == {"k": "v"}
    assert (await transport.send(properties.get(node_id, "app", "k"))).value == "v"
    await transport.send(properties.delete(node_id, "app", "k"))
    with pytest.raises(NotFoundError):
        await transport.send(properties.get(node_id, "app", "k"))


async def test_a_search_takes_every_parameter_that_is_known(transport, door):
    await door.seed("box/a.jpg", jpeg())
    call = search.search(
        "type:(PHOTOS)",
        sort="name ASC",
        context="all",
        group_by="month",
        language="en",
        time_zone="Europe/Rome",
        on_family=False,
        dedupe_context="customer",
        asset_mapping="all",
    )
    assert [node.name for node in (await transport.send(call)).data] == ["a.jpg"]
    counted = await transport.send(search.aggregation("type", context="all", group_by="year", language="en", limit=1))
    assert [(bucket.word, bucket.count) for bucket in counted.aggregations] == [("PHOTOS", 1)]


async def test_restoring_asks_no_node_that_the_answer_has_told(remote, transport):
    await remote.put(b"a", "box/a.txt")
    (row,) = await remote.trash("box/a.txt")
    transport.titles.clear()
    (row,) = await remote.restore(NodeId(row.id))
    assert row.entry.path == "box/a.txt"
    assert [title for title in transport.titles if title.startswith("GET nodes/")] == [f"GET nodes/{row.id}"]
    transport.changed = lambda call, answer: Bulk() if call.title == "PATCH trash" else answer
    await remote.trash("box/a.txt")
    (row,) = await remote.restore(NodeId(row.id))
    assert row.entry.path == "box/a.txt"


async def test_a_linked_entry_is_in_both_folders_for_others_too(remote, door):
    await remote.put(b"a", "one/a.txt")
    await remote.mkdir("two")
    await remote.link("one/a.txt", "two")
    assert (await door.peek("one/a.txt"), await door.peek("two/a.txt")) == (b"a", b"a")
    album = await remote.create_album("Rome", members=["one/a.txt"])
    await remote.unlink("one/a.txt", "one")
    assert await door.peek("one/a.txt") is None
    assert await names(remote.list(NodeId(album.id))) == ["a.txt"]


async def test_a_sync_keeps_what_abilities_wrote(remote, clock, vault):
    await remote.put(jpeg(), "one/a.jpg")
    await remote.mkdir("two")
    await remote.link("one/a.jpg", "two")
    await remote.describe("one/a.jpg", description="about", labels=["x"])
    await remote.set_properties("one/a.jpg", "app", {"k": "v"})
    await remote.add_to_family(["one/a.jpg"], family_id=vault)
    clock.now += 3600
    await remote.sync()
    (first, second) = [each for each in await collect(remote.list("", recursive=True)) if each.name == "a.jpg"]
    assert {first.path, second.path} == {"one/a.jpg", "two/a.jpg"}
    for entry in (first, second):
        assert (entry.description, entry.labels, entry.family_id) == ("about", ("x",), vault)
        assert entry.properties == {"app": {"k": "v"}}


async def test_a_purge_error_is_read_per_id(remote, transport):
    await remote.put(b"a", "box/a.txt")
    (row,) = await remote.trash("box/a.txt")
    transport.changed = lambda call, answer: Bulk(error_map={row.id: 403}) if "purge" in call.path else answer
    with pytest.raises(AccessDeniedError):
        await remote.delete(NodeId(row.id))


async def test_ids_that_can_be_none_are_not_found(remote, transport):
    await remote.stat("")
    transport.titles.clear()
    for bad in ("", "a b", "é", "x" * 61, "../account/info"):
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId(bad))
    assert isinstance(remote, SupportsMarks)
    with pytest.raises(NotFoundError):
        await remote.mark(NodeId("a b"), favorite=True)
    assert len(transport.titles) <= 1
    assert json.dumps(transport.titles).count("account/info") == 0
