from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ap_remote.api import account, changes, content, nodes, search, trash
from ap_remote.transport import Call
from ap_remote.wire.content import BYTES
from ap_remote.wire.nodes import NODE, NODE_PAGE

READ = {"asset": "ALL", "tempLink": "false", "resourceVersion": "V2", "ContentType": "JSON"}
V2 = {"resourceVersion": "V2", "ContentType": "JSON"}


def fields(call: Call[Any]) -> dict[str, object]:
    assert call.json is not None
    return json.loads(call.json)


def test_calls_are_values() -> None:
    assert nodes.node("a") == nodes.node("a")
    assert nodes.node("a") != nodes.node("b")
    assert content.upload(
        "x", "p", b"b", md5="m", size=1, wishes=content.wishes(suppress=("DEDUPLICATION",))
    ) == content.upload("x", "p", b"b", md5="m", size=1, wishes=content.wishes(suppress=("DEDUPLICATION",)))


def test_the_root_is_asked_for_by_its_mark() -> None:
    assert nodes.root() == Call(
        method="GET",
        path="nodes",
        params={**READ, "limit": "1", "filters": "isRoot:true"},
        reply=NODE_PAGE,
        idempotent=True,
    )


def test_a_listing_has_no_offset_unless_it_is_asked_for() -> None:
    call = nodes.nodes("kind:FOLDER", sort="createdDate DESC", limit=50)
    assert call.params == {**READ, "filters": "kind:FOLDER", "sort": "['createdDate DESC']", "limit": "50"}
    assert nodes.nodes(offset=0).params["offset"] == "0"


def test_a_token_takes_the_place_of_the_offset() -> None:
    params = nodes.children("abc", token="t", offset=5).params
    assert params["startToken"] == "t"
    assert "offset" not in params


def test_an_order_that_is_written_out_is_left_alone() -> None:
    assert nodes.nodes(sort='["name ASC","modifiedDate DESC"]').params["sort"] == '["name ASC","modifiedDate DESC"]'


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    assert nodes.node("../account/info?x").path == "nodes/..%2Faccount%2Finfo%3Fx"


def test_a_folder_is_made_under_its_parent() -> None:
    call = nodes.create_folder("x", "p")
    assert fields(call) == {"kind": "FOLDER", "name": "x", "parents": ["p"], **V2}
    assert (call.method, call.path, call.idempotent, call.subject) == ("POST", "nodes", False, "x")


def test_an_album_has_no_parent() -> None:
    assert fields(nodes.create_album("x")) == {"kind": "VISUAL_COLLECTION", "name": "x", **V2}
    assert fields(nodes.create_album("x", "about"))["description"] == "about"


def test_a_patch_carries_what_changes() -> None:
    call = nodes.patch("abc", name="new", settings={"favorite": True})
    assert fields(call) == {"name": "new", "settings": {"favorite": True}, **V2}
    assert (call.method, call.path, call.subject, call.reply) == ("PATCH", "nodes/abc", "new", NODE)
    assert nodes.patch("abc", description="x").subject == "id:abc"


def test_a_move_exchanges_one_parent() -> None:
    call = nodes.move("child", "old", "new")
    assert (call.method, call.path, call.idempotent) == ("POST", "nodes/new/children", False)
    assert fields(call) == {"fromParent": "old", "childId": "child", **V2}


def test_members_are_changed_on_the_album() -> None:
    call = nodes.change_members("album", "add", ("a", "b"))
    assert (call.method, call.path) == ("PATCH", "nodes/album/children")
    assert fields(call) == {"op": "add", "value": ["a", "b"], **V2}


def test_the_trash_is_asked_as_the_site_asks() -> None:
    assert trash.trash_page().params == {
        **READ,
        "sort": "['modifiedDate DESC']",
        "limit": "200",
        "offset": "0",
        "filters": "kind:(FILE* OR FOLDER*) AND status:(TRASH*)",
    }


def test_trash_and_restore_are_one_patch_each() -> None:
    assert fields(trash.trash(["a"])) == {
        "recurse": "true",
        "op": "add",
        "filters": "",
        "conflictResolution": "RENAME",
        "value": ["a"],
        **V2,
    }
    assert fields(trash.restore(["a"])) == {
        "recurse": "true",
        "op": "remove",
        "conflictResolution": "RENAME",
        "value": ["a"],
        **V2,
    }


def test_a_purge_is_not_repeatable() -> None:
    call = trash.purge(["a"])
    assert (call.method, call.path, call.idempotent) == ("POST", "bulk/nodes/purge", False)
    assert fields(call) == {"recurse": "false", "nodeIds": ["a"], **V2}


@pytest.mark.parametrize("make", [trash.trash, trash.restore, trash.purge])
def test_a_batch_has_between_one_and_fifty_ids(make) -> None:
    make(["a"] * trash.BATCH)
    for count in (0, trash.BATCH + 1):
        with pytest.raises(ValueError, match="between 1 and 50"):
            make(["a"] * count)


def test_a_search_names_its_context_and_bucket_size() -> None:
    call = search.search("type:(PHOTOS)", sort="createdDate DESC", group_by="year", context="all", limit=1)
    assert call.params == {
        **READ,
        "filters": "type:(PHOTOS)",
        "sort": "['createdDate DESC']",
        "limit": "1",
        "offset": "0",
        "lowResThumbnail": "false",
        "searchContext": "all",
        "groupByForTime": "year",
    }


def test_an_aggregation_names_its_category() -> None:
    call = search.aggregation("things")
    assert (call.path, call.params) == (
        "search/aggregation",
        {"aggregationContext": "customer", "category": "things", **V2},
    )


def test_an_upload_keeps_duplicates_only_when_told() -> None:
    call = content.upload("x", "p", Path("f"), md5="m", size=3)
    assert (call.method, call.host, call.path) == ("POST", "content", "v2/upload")
    assert call.params == {"name": "x", "parentNodeId": "p", "fileSize": "3"}
    assert call.headers["x-amzn-file-md5"] == "m"
    assert (call.body, call.size, call.idempotent, call.subject) == (Path("f"), 3, False, "x")
    kept = content.upload("x", "p", b"abc", md5="m", size=3, wishes=content.wishes(suppress=("DEDUPLICATION",)))
    assert kept.params["suppress"] == "DEDUPLICATION"


def test_an_upload_tells_the_capture_time_in_utc() -> None:
    when = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
    call = content.upload("x", "p", b"", md5="m", size=0, wishes=content.wishes(taken=when))
    assert call.params["contentDate"] == "2024-02-03T04:05:06.000Z"


def test_the_simple_upload_is_a_raw_body() -> None:
    call = content.upload_simple("x", "p", b"abc")
    assert (call.path, call.params) == ("cdproxy/nodes", {"name": "x", "kind": "FILE", "parentNodeId": "p"})


def test_overwriting_may_be_repeated() -> None:
    call = content.overwrite("abc", b"xyz", md5="m", size=3)
    assert (call.method, call.host, call.path, call.idempotent) == ("PUT", "content", "v2/upload/abc", True)


def test_content_and_thumbnails_are_bytes() -> None:
    assert content.content("abc", "own").params == {"querySuffix": "?download=true", "ownerId": "own"}
    assert content.content("abc").reply is BYTES
    call = content.thumbnail("abc", "own", 256)
    assert (call.host, call.path) == ("thumbnails", "v1/thumbnail/abc")
    assert call.params == {"ownerId": "own", "viewBox": "256"}
    assert "ownerId" not in content.thumbnail("abc", None, 256).params


def test_account_calls_are_reads() -> None:
    made = [account.info(), account.usage(), account.quota(), account.endpoint()]
    assert [call.path for call in made] == ["account/info", "account/usage", "account/quota", "account/endpoint"]
    assert all(call.idempotent and call.method == "GET" for call in made)


def test_a_delta_starts_where_the_last_one_stopped() -> None:
    assert fields(changes.changes()) == {"includePurged": "true"}
    assert fields(changes.changes("c", chunk_size=25, max_nodes=100, include_purged=False)) == {
        "includePurged": "false",
        "checkpoint": "c",
        "chunkSize": 25,
        "maxNodes": 100,
    }
