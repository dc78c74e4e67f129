from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.api import bulk, content, parts, shares
from ap_remote.transport import Address, AnonymousSession, Hosts
from ap_remote.wire.content import BATCH_LINK, DIGESTS, LINKED
from ap_remote.wire.nodes import Node
from ap_remote.wire.parts import PART, STARTED, STATE

V2 = {"resourceVersion": "V2", "ContentType": "JSON"}
SECRET = "https://storage.invalid/canary?X-Amz-Signature=canary"


def test_a_rendition_goes_by_the_redirect_with_its_box() -> None:
    call = content.content("n", "o", view_box=(1920, 1080))
    assert call.params == {"querySuffix": "?viewBox=1920,1080", "ownerId": "o"}
    assert (call.method, call.path) == ("GET", "nodes/n/contentRedirection")


def test_the_content_host_itself_has_the_bytes_too() -> None:
    call = content.content_direct("a/b")
    assert (call.method, call.host, call.path, call.idempotent) == ("GET", "content", "cdproxy/nodes/a%2Fb", True)


def test_a_temporary_link_is_asked_for_with_the_node() -> None:
    call = content.temporary_link("n")
    assert (call.path, call.params["tempLink"], call.params["resourceVersion"]) == ("nodes/n", "true", "V2")


@pytest.mark.parametrize(("link", "joint"), [("https://x.invalid/a?b=c%2Bd", "&"), ("https://x.invalid/a", "?")])
def test_the_box_of_a_linked_rendition_leaves_what_is_signed_alone(link: str, joint: str) -> None:
    call = content.linked("n", Address(link), view_box=(10, 20))
    assert call.address == Address(f"{link}{joint}viewBox=10%2C20")


def test_an_address_is_shown_nowhere() -> None:
    call = content.linked("n", Address(SECRET))
    assert "canary" not in repr(call) + call.title + call.about
    assert "canary" not in repr(LINKED.decode(json.dumps({"id": "n", "tempLink": SECRET}).encode()))
    assert "canary" not in repr(BATCH_LINK.decode(json.dumps({"links": {"content": SECRET}}).encode()))


def test_an_archive_is_asked_for_by_owner_and_node() -> None:
    call = bulk.batch_link([("o", "a"), ("p", "b")])
    assert call.json is not None
    assert json.loads(call.json) == {"nodeIds": ["o:a", "p:b"], **V2}
    assert (call.method, call.path) == ("POST", "batchLink")


@pytest.mark.parametrize("count", [0, 1201])
def test_an_archive_has_a_bound(count: int) -> None:
    with pytest.raises(ValueError, match="1200"):
        bulk.batch_link([("o", str(number)) for number in range(count)])


def test_digests_are_asked_for_in_bulk() -> None:
    call = bulk.nodes_by_digest(["a", "b"])
    assert call.json is not None
    assert json.loads(call.json) == {"digestType": "MD5", "digestList": ["a", "b"], **V2}
    for count in (0, 101):
        with pytest.raises(ValueError, match="digests"):
            bulk.nodes_by_digest(["a"] * count)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("n", ("n",)),
        ({"nodeId": "n"}, ("n",)),
        ({"id": "n"}, (Node(id="n"),)),
        ({"node": {"id": "n", "name": "a"}}, (Node(id="n", name="a"),)),
        ([{"id": "n"}, "m"], (Node(id="n"), "m")),
        ({"id": "n", "version": "?"}, ("n",)),
        (None, ()),
        ({}, ()),
        (5, ()),
    ],
)
def test_a_match_is_read_in_whatever_shape_it_comes(said: object, expected: tuple[object, ...]) -> None:
    answer = DIGESTS.decode(json.dumps({"digestToNodeMap": {"AB": said}}).encode())
    assert answer.matches().get("ab", ()) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "node", "nodes", "nodeId", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=80)
@given(JSON)
def test_a_match_that_makes_no_sense_is_no_error(said: object) -> None:
    answer = DIGESTS.decode(json.dumps({"digestToNodeMap": {"ab": said}}).encode())
    assert all(isinstance(match, Node | str) for match in answer.matches().get("ab", ()))


def test_parts_go_to_the_upload_service_and_none_is_repeated_blindly() -> None:
    begin = parts.start("a.mov", "p", md5="m", size=5, wishes={"suppress": "DEDUPLICATION"})
    assert begin.params == {"name": "a.mov", "parentNodeId": "p", "fileSize": "5", "suppress": "DEDUPLICATION"}
    one = parts.part("n", "u", 2, b"xyz", md5="d")
    calls = [
        begin,
        parts.start_overwrite("n", md5="m", size=5),
        one,
        parts.complete("n", "u", subject="a.mov"),
    ]
    assert [(call.method, call.path) for call in calls] == [
        ("POST", "v2/upload/multipart-upload"),
        ("PUT", "v2/upload/multipart-upload/n"),
        ("PUT", "v2/upload/multipart-upload/n/parts/2"),
        ("POST", "v2/upload/multipart-upload/n/complete"),
    ]
    assert not any(call.idempotent for call in calls)
    assert (one.headers["x-amzn-part-md5"], one.params, one.body, one.size) == ("d", {"uploadId": "u"}, b"xyz", 3)
    assert begin.headers["x-amzn-file-md5"] == "m"
    assert (parts.state("n", "u").method, parts.abort("n", "u").method) == ("GET", "DELETE")


def test_the_state_is_an_object_or_a_bare_list() -> None:
    row = b'{"part-number": "1", "part-size": 5, "eTag": "x"}'
    assert STATE.decode(b"[%s]" % row) == STATE.decode(b'{"parts": [%s], "other": 1}' % row)
    assert STATE.decode(b"[%s]" % row).parts[0].number == 1
    assert STATE.decode(b"{}").parts == ()
    for wrong in (b"", b"5", b'{"parts": [{}]}', b'[{"part-size": 5}]'):
        with pytest.raises(msgspec.DecodeError):
            STATE.decode(wrong)


def test_a_start_names_the_node_under_either_key() -> None:
    assert STARTED.decode(b'{"uploadId": "u", "nodeId": "n"}').node == "n"
    assert STARTED.decode(b'{"uploadId": "u", "id": "n"}').node == "n"
    assert PART.decode(b'{"serverSidePartMD5": "m", "serverSidePartSize": "5"}').size == 5


def test_the_calls_of_a_share_do_not_know_its_token_and_the_session_puts_it_in() -> None:
    session = AnonymousSession("group.canary-secret", "groupShareToken", Hosts.for_service("http://local.invalid"))
    call = shares.group(limit=7, offset=14)
    assert (call.params["limit"], call.params["offset"], call.params["searchContext"]) == ("7", "14", "groups")
    assert "canary" not in repr(call)
    whole = session.addressed(call)
    assert (whole.path, whole.params["groupShareToken"]) == ("search/groups/group", "group.canary-secret")
    share = AnonymousSession("canary-token", "shareId", Hosts.for_service("http://local.invalid"))
    assert share.addressed(shares.share()).path == "shares/canary-token"
    assert share.addressed(content.content("{token}")).path == "nodes/%7Btoken%7D/contentRedirection"
