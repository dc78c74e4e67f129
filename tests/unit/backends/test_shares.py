"""Public links: read as people copy them, followed without an account, and never shown."""

from __future__ import annotations

import hashlib
import json
import logging
import string
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.share import ShareLink, ShareRemote
from ap_remote.connect import from_share
from ap_remote.errors import (
    AccessDeniedError,
    AmbiguousError,
    AuthenticationError,
    ConfigError,
    IntegrityError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    UnavailableError,
)
from ap_remote.model import ByteRange, Kind, NodeId
from ap_remote.remote import features
from ap_remote.transport import MARKETPLACES, AnonymousSession, Hosts, Retry, RetryPolicy

TOKEN = "canary-share-token-0123456789"
SECRET = "canarygroup.canary-secret-0123456789"
SHARE = f"http://localhost/photos/share/{TOKEN}"
GROUP = f"http://localhost/photos/groups/share/{SECRET}"
TEXT = st.text(string.ascii_letters + string.digits + "-_", min_size=8, max_size=60)


class Shared:
    """What a link leads to, as an ASGI application that turns away whoever has another token, or any cookie."""

    def __init__(self) -> None:
        self.nodes: dict[str, list[dict[str, Any]]] = {"top": []}
        self.data: dict[str, bytes] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.broken = False

    def add(self, name: str, data: bytes | None = None, parent: str = "top", kind: str = "FILE", **fields: Any) -> str:
        node_id = f"{sum(map(len, self.nodes.values())):04}{'n' * 18}"
        node = {"id": node_id, "name": name, "kind": kind, "parents": [parent], "ownerId": "A1OWNER", **fields}
        if data is None:
            self.nodes[node_id] = []
        else:
            self.data[node_id] = data
            node["contentProperties"] = {
                "size": len(data),
                "md5": hashlib.md5(data).hexdigest(),
                "contentType": "image/jpeg",
            }
        self.nodes[parent].append(node)
        return node_id

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del receive
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        path = scope["path"].removeprefix("/drive/v1/").lstrip("/")
        self.asked.append((path, query))
        self.headers.append(headers)
        status, body, extra = self._reply(path, query)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "image/jpeg" if isinstance(body, bytes) else "application/json"
        raw = {"content-type": kind, "set-cookie": "session-id=canary-cookie; Path=/", **extra}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(k.encode(), v.encode()) for k, v in raw.items()],
            }
        )
        if self.broken:
            raise ConnectionError("cut")
        await send({"type": "http.response.body", "body": content})

    def _reply(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:  # noqa: PLR0911 - a table
        parts = path.split("/")
        if parts[0] == "stored":
            return 200, self.data[parts[1]], {"content-length": str(len(self.data[parts[1]]))}
        if query.get("shareId") != TOKEN and query.get("groupShareToken") != SECRET:
            return 404, {"message": "no such share"}, {}
        if path == f"shares/{TOKEN}":
            info = {"id": "top", "kind": "SHARED_COLLECTION", "name": "shared"}
            return 200, {"shareId": TOKEN, "shareURL": SHARE, "nodeInfo": info, "statusCode": 200}, {}
        if path == "search/groups/canarygroup":
            rows = self.nodes["top"]
        elif parts[-1] == "children":
            rows = self.nodes[parts[1]]
        elif parts[-1] == "contentRedirection":
            return 302, b"", {"location": f"http://localhost/stored/{parts[1]}?X-Amz-Signature=canary-signature"}
        elif path.startswith("v1/thumbnail/"):
            return 200, b"small", {}
        else:
            return 404, {"message": "unknown"}, {}
        start, limit = int(query.get("offset", 0)), int(query["limit"])
        return 200, {"count": len(rows), "data": rows[start : start + limit]}, {}


@pytest.fixture
def shared() -> Shared:
    return Shared()


@pytest.fixture
async def remote(shared: Shared) -> AsyncIterator[ShareRemote]:
    async with ShareRemote.of(ShareLink.parse(SHARE), app=shared) as opened:
        yield opened


@pytest.fixture
async def group(shared: Shared) -> AsyncIterator[ShareRemote]:
    async with ShareRemote.of(ShareLink.parse(GROUP), app=shared) as opened:
        yield opened


async def paths_in(remote: ShareRemote, target: str = "", *, recursive: bool = True) -> list[str]:
    return [entry.path async for entry in remote.list(target, recursive=recursive)]


# -- links -------------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(
    st.sampled_from([each.tld for each in MARKETPLACES]),
    st.sampled_from(["photos/share", "clouddrive/share", "photos/groups/share"]),
    st.tuples(TEXT, TEXT),
    st.sampled_from(["", "/", "?ref=x&y=1", "/?a=b#c", "  "]),
    st.sampled_from(["www.", "", "WWW."]),
)
def test_a_link_is_read_however_it_was_copied(
    tld: str, place: str, words: tuple[str, str], rest: str, www: str
) -> None:
    token = ".".join(words) if "groups" in place else words[0]
    link = ShareLink.parse(f"https://{www}amazon.{tld}/{place}/{token}{rest}")
    assert (link.token, link.kind) == (token, "group" if "groups" in place else "share")
    assert link.hosts.metadata == f"https://www.amazon.{tld}/drive/v1/"
    assert token not in repr(link)


@settings(max_examples=80)
@given(st.text(max_size=80) | st.builds("https://www.amazon.com/photos/{}".format, st.text(max_size=40)))
def test_what_is_no_link_is_refused_in_one_sentence(text: str) -> None:
    try:
        link = ShareLink.parse(text)
    except ConfigError as exc:
        said = str(exc)
    else:
        said = ""
        assert link.token in text
    assert said in ("", "this is no link") or said.startswith("this is no link to a s")


@pytest.mark.parametrize(
    "link",
    [
        f"https://evil.example/photos/share/{TOKEN}",
        f"https://www.amazon.com.evil.example/photos/share/{TOKEN}",
        f"https://www.amazon.zz/photos/share/{TOKEN}",
        f"https://evilamazon.com/photos/share/{TOKEN}",
        f"http://www.amazon.com/photos/share/{TOKEN}",
        f"https://www.amazon.com:8443/photos/share/{TOKEN}",
        f"https://user:pw@www.amazon.com/photos/share/{TOKEN}",
        f"https://www.amazon.com@evil.example/photos/share/{TOKEN}",
        f"https://www.amazon.com/photos/share/../{TOKEN}",
        f"https://www.amazon.com/photos/share/{TOKEN}/more",
        f"https://www.amazon.com/photos/groups/share/{TOKEN}",
        f"file:///photos/share/{TOKEN}",
        f"https://[::1/photos/share/{TOKEN}",
        f"https://www.amazon.com:x/photos/share/{TOKEN}",
    ],
)
def test_a_link_to_somewhere_else_is_refused_and_not_repeated(link: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ShareLink.parse(link)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_connect_opens_a_link_without_any_account() -> None:
    async with from_share(f"https://www.amazon.co.uk/photos/share/{TOKEN}") as remote:
        assert remote.features.read_only
        assert TOKEN not in repr(remote)


# -- looking around ----------------------------------------------------------------------------------------------------


async def test_what_is_shared_is_listed_and_found(shared, remote):
    box = shared.add("Box", kind="FOLDER")
    shared.add("b.jpg", b"b", box)
    one = shared.add("a.jpg", b"a")
    assert await paths_in(remote) == ["a.jpg", "Box", "Box/b.jpg"]
    assert await paths_in(remote, recursive=False) == ["a.jpg", "Box"]
    entry = await remote.stat("box/B.JPG")
    assert (entry.path, entry.kind, entry.size) == ("Box/b.jpg", Kind.FILE, 1)
    assert (await remote.stat(NodeId(one))).path == "a.jpg"
    assert (await remote.stat("")).is_folder
    for target in ("nothing", "a.jpg/below", NodeId("nothing")):
        with pytest.raises(NotFoundError):
            await remote.stat(target)
    with pytest.raises(IsFileError):
        await paths_in(remote, "a.jpg")


@pytest.mark.parametrize("kind", ["FOLDER", "VISUAL_COLLECTION"])
async def test_a_share_of_one_album_shows_what_is_in_it(shared, remote, kind):
    album = shared.add("trip", kind=kind)
    inner = shared.add("inner", parent=album, kind=kind)
    shared.add("a.jpg", b"a", inner)
    shared.add("b.jpg", b"b", inner)
    assert await paths_in(remote) == ["a.jpg", "b.jpg"]


async def test_a_share_of_one_file_shows_that_file(shared, remote):
    shared.add("a.jpg", b"a")
    assert await paths_in(remote) == ["a.jpg"]


async def test_albums_among_others_are_looked_into(shared, remote):
    album = shared.add("trip", kind="VISUAL_COLLECTION")
    shared.add("a.jpg", b"a", album)
    shared.add("b.jpg", b"b")
    assert await paths_in(remote) == ["b.jpg", "trip", "trip/a.jpg"]


async def test_two_of_one_name_are_told_apart(shared, remote):
    first, second = shared.add("a.jpg", b"1"), shared.add("A.jpg", b"22")
    with pytest.raises(AmbiguousError):
        await remote.stat("a.jpg")
    found = {entry.id: entry.path async for entry in remote.list()}
    assert set(found) == {first, second}
    assert [(await remote.stat(path)).id for path in found.values()] == list(found)


async def test_a_folder_that_lies_within_itself_is_entered_once(shared, remote):
    box = shared.add("box", kind="FOLDER")
    shared.add("a.jpg", b"a")
    shared.nodes[box].append(shared.nodes["top"][0])
    assert await paths_in(remote) == ["a.jpg", "box", "box/box"]


async def test_more_than_a_page_comes_whole(shared, remote, group):
    for number in range(450):
        shared.add(f"{number:03}.jpg", b"%d" % number)
    assert len(await paths_in(remote)) == 450
    assert len(await paths_in(group)) == 450


async def test_a_listing_is_kept_for_a_while_unless_a_fresh_one_is_wanted(shared, remote):
    shared.add("a.jpg", b"a")
    assert await paths_in(remote) == ["a.jpg"]
    shared.add("b.jpg", b"b")
    assert await paths_in(remote) == ["a.jpg"]
    assert [entry.path async for entry in remote.list("", fresh=True)] == ["a.jpg", "b.jpg"]


async def test_a_groups_link_gives_one_list(shared, group):
    shared.add("a.jpg", b"a")
    assert await paths_in(group) == ["a.jpg"]
    path, query = shared.asked[-1]
    assert (path, query["searchContext"], query["groupShareToken"]) == ("search/groups/canarygroup", "groups", SECRET)
    assert b"".join([piece async for piece in group.get("a.jpg")]) == b"a"


# -- bytes -------------------------------------------------------------------------------------------------------------


async def test_bytes_and_thumbnails_come_with_the_same_parameter_and_no_cookie(shared, remote):
    shared.add("a.jpg", b"0123456789")
    assert b"".join([piece async for piece in remote.get("a.jpg")]) == b"0123456789"
    assert b"".join([piece async for piece in remote.get("a.jpg", span=ByteRange(2, 5))]) == b"234"
    assert await remote.thumbnail("a.jpg", size=64) == b"small"
    assert isinstance(remote, features.SupportsThumbnails)
    assert all(query["shareId"] == TOKEN for path, query in shared.asked if not path.startswith("stored/"))
    assert not any("shareId" in query for path, query in shared.asked if path.startswith("stored/"))
    assert not any({"cookie", "x-amzn-sessionid", "authorization"} & headers.keys() for headers in shared.headers)


async def test_bytes_that_differ_are_told(shared, remote):
    node_id = shared.add("a.jpg", b"0123456789")
    shared.data[node_id] = b"012345678x"
    with pytest.raises(IntegrityError):
        assert [piece async for piece in remote.get("a.jpg")]
    with pytest.raises(IsFolderError):
        assert [piece async for piece in remote.get("")]


# -- searching ---------------------------------------------------------------------------------------------------------


async def test_queries_are_answered_over_what_is_shared(shared, remote):
    box = shared.add("box", kind="FOLDER")
    shared.add("b.jpg", b"b", box)
    shared.add("a.jpg", b"a")
    assert [entry.path async for entry in remote.search("type:(PHOTOS)", sort="name")] == ["a.jpg", "box/b.jpg"]
    assert [entry.path async for entry in remote.search("", sort="-name", limit=1)] == ["box/b.jpg"]
    assert [(facet.value, facet.count) for facet in await remote.aggregations("type")] == [("PHOTOS", 2)]


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_nothing_can_be_written_through_a_link(shared, remote):
    shared.add("a.jpg", b"a")
    for attempt in (
        remote.put(b"x", "x.jpg"),
        remote.trash("a.jpg"),
        remote.restore("a.jpg"),
        remote.delete("a.jpg"),
    ):
        with pytest.raises(AccessDeniedError):
            await attempt
    assert shared.asked == []


async def test_the_token_is_in_no_repr_log_or_error(shared, caplog):
    caplog.set_level(logging.DEBUG)
    shared.add("a.jpg", b"a")
    said = []
    for link in (SHARE, GROUP):
        parsed = ShareLink.parse(link)
        remote = ShareRemote.of(parsed, app=shared)
        remote._transport._retry = Retry(RetryPolicy(tries=1))
        said += [repr(parsed), repr(remote), repr(remote._transport), repr(remote._transport.session)]
        await paths_in(remote)
        shared.broken = True
        with pytest.raises(UnavailableError) as caught:
            async for _ in remote.list("", fresh=True):
                pass
        said += [repr(caught.value), str(caught.value), repr(caught.value.__cause__)]
        shared.broken = False
        await remote.close()
    other = ShareRemote.of(ShareLink.parse(SHARE.replace("canary-share", "canary-other")), app=shared)
    with pytest.raises(NotFoundError) as refused:
        await other.stat("")
    await other.close()
    said += [repr(refused.value), str(refused.value)]
    assert "canary" not in "\n".join(said) + caplog.text


async def test_a_link_that_is_not_accepted_any_more_is_told_as_that(shared, remote):
    shared._reply = lambda *_: (401, {"Message": "No Auth Method Provided"}, {})
    with pytest.raises(AuthenticationError, match="withdrawn"):
        await remote.stat("")
    assert len(shared.asked) == 1


def test_an_anonymous_session_keeps_no_cookie_and_is_not_pickled():
    session = AnonymousSession(TOKEN, "shareId", Hosts.for_service("http://local.invalid"))
    session.absorb(["session-id=canary; Path=/", "at-main=x"])
    assert (session.headers(), session.cookies) == ({}, {})
    assert TOKEN not in session.masked(f"it said {TOKEN} at http://x/{TOKEN}")
    with pytest.raises(TypeError):
        session.__reduce__()


async def test_an_id_is_looked_up_again_when_asked_afresh_or_when_it_is_old():
    shared = Shared()
    node_id = shared.add("a.jpg", b"one")
    shared.add("b.jpg", b"two")
    now = [0.0]
    async with ShareRemote.of(ShareLink.parse(SHARE), app=shared, clock=lambda: now[0]) as remote:
        assert (await remote.stat(NodeId(node_id))).name == "a.jpg"
        shared.nodes["top"][0]["name"] = "new.jpg"
        assert (await remote.stat(NodeId(node_id))).name == "a.jpg"
        assert (await remote.stat(NodeId(node_id), fresh=True)).name == "new.jpg"
        del shared.nodes["top"][0]
        now[0] = 100.0
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId(node_id))
