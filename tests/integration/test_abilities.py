"""People, the family vault, words, several folders, covers: the contract, over the local service in process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ap_remote.api import nodes, properties, search, trash
from ap_remote.errors import AccessDeniedError, AlreadyExistsError, NotFoundError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsMarks
from ap_remote.wire.nodes import Bulk
from tests.contracts.base import Plant, collect, names
from tests.contracts.pictures import jpeg
from tests.contracts.remote import WordsContract
from tests.contracts.service import BackDoor, OverService, plant


@pytest.fixture
async def vault(door: BackDoor) -> str:
    """The family that the service says the account belongs to."""
    return (await door.call("GET", "/drive/v1/account/family"))["familyId"]


class TestAmazonAbilities(OverService, WordsContract):
    @pytest.fixture
    def vault(self, vault: str) -> str:
        return vault

    @pytest.fixture
    def plant(self, app: Any) -> Plant:
        async def planted(node_id: str, people: Sequence[str]) -> None:
            plant(app, node_id, people=people)

        return planted


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
