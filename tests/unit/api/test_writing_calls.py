"""The calls that write metadata, as values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ap_remote.api import family, nodes, people, properties, search, trash
from ap_remote.errors import LimitError
from ap_remote.transport import Call
from ap_remote.wire.nodes import BULK, NODE, PROPERTIES, PROPERTY
from ap_remote.wire.people import CLUSTER

READ = {"asset": "ALL", "tempLink": "false", "resourceVersion": "V2", "ContentType": "JSON"}
V2 = {"resourceVersion": "V2", "ContentType": "JSON"}


def fields(call: Call[Any]) -> dict[str, object]:
    assert call.json is not None
    return json.loads(call.json)


def test_a_node_is_made_with_words_and_a_local_id() -> None:
    call = nodes.create_folder(
        "x", "p", labels=["one"], properties={"app": {"k": "v"}}, description="about", local_id="mine"
    )
    assert fields(call) == {
        "kind": "FOLDER",
        "name": "x",
        "parents": ["p"],
        "description": "about",
        "labels": ["one"],
        "properties": {"app": {"k": "v"}},
        **V2,
    }
    assert (call.method, call.path, call.params, call.idempotent) == ("POST", "nodes", {"localId": "mine"}, False)


def test_a_full_update_is_a_put() -> None:
    call = nodes.update("abc", name="new", labels=["a"], parents=["p"])
    assert fields(call) == {"name": "new", "labels": ["a"], "parents": ["p"], **V2}
    assert (call.method, call.path, call.reply, call.idempotent) == ("PUT", "nodes/abc", NODE, True)


def test_does_patch_parents_drop_album_membership_is_never_asked() -> None:
    with pytest.raises(LimitError, match="albums"):
        nodes.patch("abc", parents=["p"])
    assert "parents" not in fields(nodes.move("a", "p", "q"))


def test_a_parent_is_added_and_removed_by_address() -> None:
    add, remove = nodes.link("folder", "child"), nodes.unlink("folder", "child")
    assert (add.method, add.path, add.idempotent) == ("PUT", "nodes/folder/children/child", True)
    assert (remove.method, remove.path, remove.idempotent) == ("DELETE", "nodes/folder/children/child", False)
    assert add.subject == remove.subject == "id:child"


@pytest.mark.parametrize("make", [nodes.link, nodes.unlink])
def test_child_add_and_remove_status_202_with_no_node_is_as_good_as_200_with_one(make: Any) -> None:
    reply = make("folder", "child").reply
    assert reply.decode(b'{"id": "child", "kind": "FILE"}').id == "child"
    assert reply.decode(b"{}") is None
    assert reply.decode(b"[]") is None


def test_a_cover_is_a_patch_of_the_album() -> None:
    call = nodes.cover("album", "photo", "A1EXAMPLE0OWNR")
    assert fields(call) == {
        "collectionProperties": {"covers": [{"id": "photo", "isDefault": False, "ownerId": "A1EXAMPLE0OWNR"}]},
        **V2,
    }
    assert (call.method, call.path) == ("PATCH", "nodes/album")


def test_single_nodes_are_trashed_and_restored_by_address() -> None:
    put, back = trash.trash_one("abc"), trash.restore_one("abc")
    assert (put.method, put.path, fields(put), put.reply) == ("PUT", "trash/abc", V2, NODE)
    assert (back.method, back.path, fields(back), back.reply) == ("POST", "trash/abc/restore", V2, NODE)


def test_the_next_page_of_the_trash_is_asked_of_the_trash_with_the_same_filter() -> None:
    """Bug 7: page two went to ``nodes``, without the filter."""
    first, second = trash.trash_page(), trash.trash_page(offset=200)
    assert (second.path, second.params["filters"]) == (first.path, first.params["filters"])
    assert first.path == "trash"
    assert trash.trash_page(offset=None, token="t").params["filters"] == first.params["filters"]


def test_every_listing_of_nodes_asks_for_version_two() -> None:
    """Bug 8: the first request lacked it, so that albums were not seen."""
    for call in (nodes.nodes(), nodes.root(), nodes.node("a"), nodes.children("a"), trash.trash_page()):
        assert call.params["resourceVersion"] == "V2"
        assert call.params.get("limit") in (None, "200", "1")


def test_properties_have_owner_and_key_in_their_address() -> None:
    assert properties.properties("n", "app").path == "nodes/n/properties/app"
    assert properties.properties("n", "app").reply is PROPERTIES
    assert properties.get("n", "app", "k").path == "nodes/n/properties/app/k"
    put = properties.put("n", "app", "k", "v")
    assert (put.method, put.path, fields(put), put.reply) == (
        "PUT",
        "nodes/n/properties/app/k",
        {"value": "v", **V2},
        PROPERTY,
    )
    gone = properties.delete("n", "app", "k")
    assert (gone.method, gone.json, gone.reply.decode(b"{}").key) == ("DELETE", None, None)


def test_people_are_named_joined_and_shown() -> None:
    name, merge, hero = people.name("c1", "Ada"), people.merge(["c1", "c2", "c1"], "Ada"), people.hero("c1", "n1")
    assert (name.method, name.path) == ("PUT", "cluster/name")
    assert fields(name) == {"sourceCluster": "c1", "newName": "Ada", "context": "customer", **V2}
    assert (merge.method, merge.path, merge.idempotent) == ("POST", "cluster", False)
    assert fields(merge) == {"clusterIds": ["c1", "c2"], "newName": "Ada", "context": "customer", **V2}
    assert (hero.method, hero.path, fields(hero)) == (
        "PUT",
        "cluster/hero/c1",
        {"clusterId": "c1", "nodeId": "n1", **V2},
    )
    assert {name.reply, merge.reply, hero.reply} == {CLUSTER}


def test_the_family_archive_takes_both_lists() -> None:
    call = family.archive("fam", add=["a"], remove=["b"])
    assert (call.method, call.path, call.reply) == ("POST", "familyArchive/", BULK)
    assert fields(call) == {"nodesToAdd": ["a"], "nodesToRemove": ["b"], "familyId": "fam", **V2}


def test_a_search_says_what_else_it_was_asked() -> None:
    call = search.search(
        "type:(PHOTOS)",
        context="family",
        language="en",
        time_zone="Europe/Rome",
        on_family=False,
        dedupe_context="customer",
        asset_mapping="all",
        group_by="month",
    )
    assert call.params == {
        **READ,
        "filters": "type:(PHOTOS)",
        "limit": "200",
        "offset": "0",
        "lowResThumbnail": "false",
        "searchContext": "family",
        "groupByForTime": "month",
        "language": "en",
        "timeZone": "Europe/Rome",
        "searchOnFamily": "false",
        "dedupeContext": "customer",
        "assetMapping": "all",
    }


def test_a_group_is_searched_with_the_token_of_its_link() -> None:
    call = search.group("G1", "secret", limit=10, offset=20, group_by="day")
    assert call.path == "search/groups/G1"
    assert call.params["groupShareToken"] == "G1.secret"
    assert (call.params["searchContext"], call.params["limit"], call.params["offset"]) == ("groups", "10", "20")
    assert "secret" not in call.title + call.about


def test_an_aggregation_says_whose_and_how() -> None:
    call = search.aggregation("time", context="all", group_by="month", language="en", limit=5)
    assert call.params == {
        "aggregationContext": "all",
        "category": "time",
        "groupBy": "month",
        "language": "en",
        "limit": "5",
        **V2,
    }
