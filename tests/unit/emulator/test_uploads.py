from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from pathlib import Path

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.families import family_id
from ap_remote_emulator.library.store import Write
from ap_remote_emulator.library.wishes import Wish

MD5_A = hashlib.md5(b"a", usedforsecurity=False).hexdigest()


async def _v2(client, content, status=201, method="POST", node_id="", *, headers=None, **query):
    path = f"/v2/upload/{node_id}" if node_id else "/v2/upload"
    return await client.call(method, path, status, params=query, content=content, headers=headers or {})


def _blobs(client):
    return client.store.blobs.every()


async def test_bytes_come_back_as_they_went(client):
    content = os.urandom(3_000_000)
    node = await client.upload("r.bin", content)
    assert node["contentProperties"]["size"] == 3_000_000
    assert node["contentProperties"]["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert node["contentProperties"]["contentType"] == "application/octet-stream"
    assert await client.content(node["id"]) == content


async def test_a_chunked_body_without_length_is_accepted(client):
    async def chunks():
        for piece in (b"one", b"", b"two"):
            yield piece

    answer = await client.http.post("/cdproxy/nodes", params={"name": "c.txt", "kind": "FILE"}, content=chunks())
    assert answer.status_code == 201
    assert await client.content(answer.json()["id"]) == b"onetwo"


async def test_an_empty_file_is_a_file(client):
    node = await client.upload("empty.txt", b"")
    assert node["contentProperties"]["md5"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert node["contentProperties"]["size"] == 0
    assert await client.content(node["id"]) == b""


async def test_without_a_parent_uploads_land_in_pictures_web(client):
    node = await client.upload("a.txt", b"a")
    web = await client.get(f"nodes/{node['parents'][0]}")
    pictures = await client.get(f"nodes/{web['parents'][0]}")
    assert (web["name"], pictures["name"]) == ("Web", "Pictures")
    assert (await client.upload("b.txt", b"b"))["parents"] == node["parents"]


async def test_a_taken_name_is_409_whatever_its_case(client):
    first = await client.upload("a.txt", b"a")
    body = await client.upload("A.TXT", b"b", 409)
    assert body["code"] == "NAME_ALREADY_EXISTS"
    assert body["info"] == {"nodeId": first["id"]}
    assert len(_blobs(client)) == 1


async def test_known_bytes_are_409_everywhere_until_they_are_purged(client):
    first = await client.upload("a.txt", b"a")
    folder = await client.folder("f")
    body = await client.upload("other.txt", b"a", 409, parent=folder)
    assert body["code"] == "MD5_DUPLICATE"
    assert body["info"] == {"nodeId": first["id"]}
    await client.trash(first["id"])
    await client.upload("other.txt", b"a", 409, parent=folder)
    await client.post("bulk/nodes/purge", nodeIds=[first["id"]])
    await client.upload("other.txt", b"a", parent=folder)


@pytest.mark.parametrize("name", ["", "a/b", "a\0b", "x" * 257])
async def test_a_bad_name_is_400_and_stores_nothing(client, name):
    await client.upload(name, b"x", 400)
    assert _blobs(client) == []


async def test_a_bad_parent_is_refused(client):
    file = await client.upload("a.txt", b"a")
    await client.upload("b.txt", b"b", 400, parent=file["id"])
    await client.upload("b.txt", b"b", 404, parent="nothing")
    await client.call("POST", "/cdproxy/nodes", 400, params={"name": "x", "kind": "FOLDER"}, content=b"x")
    assert len(_blobs(client)) == 1


async def test_v2_verifies_the_digest(client):
    node = await _v2(client, b"a", name="a.txt", fileSize="1", headers={"x-amzn-file-md5": MD5_A.upper()})
    assert node["contentProperties"]["md5"] == MD5_A
    for wrong in ("0" * 32, "x", MD5_A[:-1]):
        await _v2(client, b"b", 400, name="b.txt", headers={"x-amzn-file-md5": wrong})
    assert await client.names(filters="kind:FILE") == ["a.txt"]
    assert len(_blobs(client)) == 1


async def test_v2_verifies_the_size(client):
    for wrong in ("2", "0", "-1", "x", "9" * 40):
        body = await _v2(client, b"a", 400, name="a.txt", fileSize=wrong)
        assert body["message"]
    assert await client.names(filters="kind:FILE") == []


async def test_v2_conflicts_have_shape_d(client):
    node = await _v2(client, b"a", name="a.txt")
    for name, content in (("A.txt", b"b"), ("b.txt", b"a")):
        body = await _v2(client, content, 409, name=name)
        assert body["errorDetails"] == {"conflictNodeIds": [node["id"]]}
        assert {"message", "errorCode", "timeStamp", "requestId"} <= set(body)


async def test_rename_picks_a_free_name(client):
    names = [(await _v2(client, b"%d" % n, name="a.b.jpg", conflictResolution="RENAME"))["name"] for n in range(3)]
    assert names == ["a.b.jpg", "a.b (1).jpg", "a.b (2).jpg"]
    long = [
        (await _v2(client, b"x%d" % n, name="y" * 252 + ".txt", conflictResolution="RENAME"))["name"] for n in range(2)
    ]
    assert len(long[1]) == 256
    assert long[1].endswith(" (1).txt")


async def test_suppressed_deduplication_shares_the_blob(client):
    first = await _v2(client, b"a", name="a.txt")
    second = await _v2(client, b"a", name="b.txt", suppress="PROCESSING,DEDUPLICATION")
    assert len(_blobs(client)) == 1
    await client.post("bulk/nodes/purge", nodeIds=[first["id"]])
    assert await client.content(second["id"]) == b"a"
    await client.post("bulk/nodes/purge", nodeIds=[second["id"]])
    assert _blobs(client) == []


async def test_an_overwrite_keeps_the_node_and_counts_both_versions(client):
    node = await _v2(client, b"a", name="a.txt")
    after = await _v2(client, b"bb", 200, "PUT", node["id"])
    assert (after["id"], after["name"], after["version"]) == (node["id"], "a.txt", 2)
    assert (after["contentProperties"]["version"], after["contentProperties"]["size"]) == (2, 2)
    assert await client.content(node["id"]) == b"bb"
    assert len(_blobs(client)) == 1
    await _v2(client, b"c", 404, "PUT", "nothing")
    other = await _v2(client, b"c", name="c.txt")
    body = await _v2(client, b"c", 409, "PUT", node["id"])
    assert body["errorDetails"]["conflictNodeIds"] == [other["id"]]
    await _v2(client, b"d", 403, "PUT", await client.folder("f"))
    assert check_store(client.store) == []


async def test_the_date_given_counts_only_where_the_file_has_none(client, jpeg):
    given = "2001-02-03T04:05:06.000Z"
    plain = await _v2(client, b"a", name="a.txt", contentDate=given)
    assert plain["contentProperties"]["contentDate"] == given
    photo = await _v2(client, jpeg(taken="2024:02:28 17:04:05"), name="a.jpg", contentDate=given)
    assert photo["contentProperties"]["contentDate"] == "2024-02-28T17:04:05.000Z"
    await _v2(client, b"b", 400, name="b.txt", contentDate="yesterday")
    flagged = await _v2(client, b"c", name="c.txt", isFavorite="true", isHidden="true")
    assert flagged["settings"] == {"favorite": True, "hidden": True}


async def test_a_body_shorter_than_promised_creates_nothing(client):
    async def short():
        yield b"half"

    headers = {"content-length": "8"}
    answer = await client.http.post("/cdproxy/nodes", params={"name": "h.txt"}, content=short(), headers=headers)
    assert answer.status_code == 400
    assert await client.names(filters="kind:FILE") == []
    assert _blobs(client) == []


async def test_a_client_that_breaks_off_leaves_nothing(client, app):
    class GoneError(Exception):
        pass

    async def broken():
        yield b"x" * 2_000_000
        raise GoneError

    with pytest.raises(GoneError):
        await client.http.post("/cdproxy/nodes", params={"name": "h.txt"}, content=broken())
    await _disconnect(app, client)
    assert await client.names(filters="kind:FILE") == []
    assert _blobs(client) == []
    assert list((client.store.data / "tmp").iterdir()) == []


async def _disconnect(app, client):
    messages = [
        {"type": "http.request", "body": b"x" * 100, "more_body": True},
        {"type": "http.disconnect"},
    ]
    cookies = "; ".join(f"{k}={v}" for k, v in client.credentials.cookies.items())
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/cdproxy/nodes",
        "raw_path": b"/cdproxy/nodes",
        "query_string": b"name=gone.txt",
        "headers": [
            (b"host", b"x"),
            (b"cookie", cookies.encode()),
            (b"x-amzn-sessionid", client.credentials.cookies["session-id"].encode()),
        ],
        "scheme": "http",
        "server": ("x", 80),
        "root_path": "",
        "http_version": "1.1",
    }

    async def receive():
        return messages.pop(0)

    async def send(message):
        del message

    await app(scope, receive, send)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "link"])
async def test_a_full_disk_is_said_and_nothing_is_half_written(client, monkeypatch, code, call):
    real = getattr(os, call)

    def full(*args, **kwargs):
        if call == "link" or "tmp" in str(Path(f"/proc/self/fd/{args[0]}").readlink()):
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        body = await client.upload("a.txt", b"a", 500)
    assert body["code"] == "INSUFFICIENT_STORAGE"
    assert "No space left" in body["message"]
    assert await client.names(filters="kind:FILE") == []
    assert list((client.store.data / "tmp").iterdir()) == []
    assert check_store(client.store) == []
    await client.upload("a.txt", b"a")


async def test_uploads_at_once_of_one_name_give_one_node(client):
    answers = []

    async def one(number):
        params = {"name": "same.txt", "kind": "FILE"}
        answer = await client.http.post("/cdproxy/nodes", params=params, content=b"%d" % number)
        answers.append(answer.status_code)

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(one, number)
    assert sorted(answers) == [201] + [409] * 11
    assert check_store(client.store) == []


async def test_a_file_system_without_hard_links_is_good_enough(client, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    node = await client.upload("a.txt", b"a")
    assert await client.content(node["id"]) == b"a"
    assert check_store(client.store) == []


async def test_cancelled_uploads_leave_nothing(client):
    async def slow():
        yield b"x" * 2_000_000
        await anyio.sleep_forever()

    with anyio.move_on_after(0.2):
        await client.http.post("/cdproxy/nodes", params={"name": "h.txt"}, content=slow())
    assert list((client.store.data / "tmp").iterdir()) == []
    assert isinstance(client.http, httpx.AsyncClient)
    assert await client.names(filters="kind:FILE") == []


async def test_the_older_path_of_variant_a_works_too(client):
    params = {"name": "a.txt", "kind": "FILE"}
    node = await client.call("POST", "/cdproxy/v1/nodes", 201, params=params, content=b"a")
    assert await client.content(node["id"]) == b"a"


async def test_parents_in_the_query_of_variant_a_are_ignored(client):
    folder = await client.folder("f")
    node = await client.upload("a.txt", b"a", parents=folder)
    assert node["parents"] != [folder]
    assert (await client.upload("b.txt", b"b", parent=folder, parents="nothing"))["parents"] == [folder]


@pytest.mark.parametrize(
    ("name", "extension", "content_type"),
    [
        ("a.JPG", "jpg", "image/jpeg"),
        ("a.tar.gz", "gz", "application/gzip"),
        ("noextension", None, "application/octet-stream"),
        (".hidden", None, "application/octet-stream"),
        ("a b;c=d&e.HEIC", "heic", "image/heic"),
        ("café ☕.txt", "txt", "text/plain"),
    ],
)
async def test_the_extension_tells_the_content_type(client, name, extension, content_type):
    node = await client.upload(name, b"x")
    assert node["name"] == name
    assert node["contentProperties"].get("extension") == extension
    assert node["contentProperties"]["contentType"] == content_type


async def test_a_local_id_makes_one_node_until_that_is_purged(client):
    first = await client.upload("a.txt", b"a", localId="device-1")
    body = await client.upload("b.txt", b"b", 409, localId="device-1")
    assert body["info"] == {"nodeId": first["id"]}
    assert body["code"] == "LOCAL_ID_ALREADY_EXISTS"
    body = await _v2(client, b"c", 409, name="c.txt", localId="device-1")
    assert body["errorDetails"] == {"conflictNodeIds": [first["id"]]}
    await client.post("bulk/nodes/purge", nodeIds=[first["id"]])
    await client.upload("b.txt", b"b", localId="device-1")
    await client.upload("d.txt", b"d", 400, localId="x" * 257)
    assert await client.names(filters="kind:FILE") == ["b.txt"]


async def test_a_refused_upload_does_not_use_up_its_local_id(client):
    await client.upload("a.txt", b"a")
    await client.upload("a.txt", b"b", 409, localId="once")
    await client.upload("b.txt", b"b", localId="once")


async def test_every_word_of_suppress_is_known_and_no_other(client, jpeg):
    photo = jpeg(taken="2024:02:28 17:04:05", make="Apple")
    seen = await _v2(client, photo, name="a.jpg", suppress="NONE")
    assert seen["contentProperties"]["image"]["make"] == "Apple"
    for number, words in enumerate(("DEDUPLICATION,TRANSCODING", "deduplication", "DEDUPLICATION,NONE")):
        again = await _v2(client, photo, name=f"b{number}.jpg", suppress=words)
        assert again["contentProperties"]["image"]["make"] == "Apple"
    for words in ("PROCESSING,DEDUPLICATION", "ALL"):
        blind = await _v2(client, photo, name=f"{words}.jpg", suppress=words)
        assert "image" not in blind["contentProperties"]
        assert blind["contentProperties"]["contentType"] == "image/jpeg"
    for words in ("PROCESSING", "TRANSCODING", "NONE"):
        await _v2(client, photo, 409, name="c.jpg", suppress=words)
    await _v2(client, photo, 400, name="c.jpg", suppress="EVERYTHING")


async def test_the_fallback_date_yields_to_the_content_date(client):
    early, late = "1970-01-01T00:00:00.000Z", "2001-02-03T04:05:06.000Z"
    node = await _v2(client, b"a", name="a.txt", fallbackContentDate=late)
    assert node["contentProperties"]["contentDate"] == late
    node = await _v2(client, b"b", name="b.txt", contentDate=early, fallbackContentDate=late)
    assert node["contentProperties"]["contentDate"] == early


async def test_what_an_app_says_about_its_upload_is_kept(client):
    node = await _v2(
        client,
        b"a",
        name="a.txt",
        contentSignature="abc",
        contentSignatureType="PERCEPTUAL",
        accessRuleIds="one,two",
        clientName="CloudDriveFiles",
    )
    signatures = [{"contentSignatureType": "PERCEPTUAL", "contentSignature": "abc"}]
    assert node["contentProperties"]["contentSignatures"] == signatures
    assert node["accessRuleIds"] == ["one", "two"]
    assert node["createdBy"] == "CloudDriveFiles"
    assert await client.get(f"nodes/{node['id']}") == node
    await _v2(client, b"b", 400, name="b.txt", contentSignature="abc")
    await _v2(client, b"b", 400, name="b.txt", clientName="two\nlines")
    await _v2(client, b"b", 400, name="b.txt", isFavorite="perhaps")
    other = await _v2(client, b"b", 200, "PUT", node["id"])
    assert "contentSignatures" not in other["contentProperties"]


async def test_a_browser_is_told_what_it_may_send(client):
    asked = {
        "origin": "https://www.amazon.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-amz-access-token,x-amzn-file-md5",
    }
    answer = await client.stranger.request("OPTIONS", "/v2/upload", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://www.amazon.com"
    assert answer.headers["access-control-allow-headers"] == "x-amz-access-token,x-amzn-file-md5"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert "access-control-allow-credentials" not in answer.headers
    sent = {"origin": "https://www.amazon.com", "x-amz-access-token": client.credentials.access_token}
    answer = await client.stranger.post("/v2/upload", params={"name": "a.txt"}, content=b"a", headers=sent)
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "https://www.amazon.com"
    assert (await client.stranger.post("/v2/upload", params={"name": "b.txt"}, content=b"b")).status_code == 401


async def test_an_overwrite_of_the_wrong_size_changes_nothing(client):
    node = await _v2(client, b"a", name="a.txt")
    await _v2(client, b"bb", 400, "PUT", node["id"], fileSize="3")
    await _v2(client, b"bb", 400, "PUT", node["id"], headers={"x-amzn-file-md5": MD5_A})
    assert await client.get(f"nodes/{node['id']}") == node
    assert await client.content(node["id"]) == b"a"
    assert len(_blobs(client)) == 1


async def test_a_photograph_can_go_straight_into_the_family_vault(client, jpeg):
    node = await _v2(client, jpeg(), name="a.jpg", addToFamilyArchive="true")
    assert node["familyId"] == family_id(client.store)
    assert "familyId" not in await _v2(client, jpeg(seed=1), name="b.jpg", addToFamilyArchive="false")
    await _v2(client, b"text", 400, name="c.txt", addToFamilyArchive="true")
    assert await client.names(filters="kind:FILE") == ["a.jpg", "b.jpg"]
    assert check_store(client.store) == []


async def test_a_transaction_that_is_undone_leaves_no_blob(client, monkeypatch):
    def full(self, owner_id):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Write, "flush", full)
        body = await client.upload("a.txt", b"a", 500)
    assert body["code"] == "INSUFFICIENT_STORAGE"
    assert _blobs(client) == []
    assert check_store(client.store) == []
    await client.upload("a.txt", b"a")


_FIELDS = [
    "fileSize",
    "name",
    "contentDate",
    "fallbackContentDate",
    "conflictResolution",
    "suppress",
    "kind",
    "assetType",
    "addToFamilyArchive",
    "isFavorite",
    "isHidden",
    "parentNodeId",
    "contentSignature",
    "contentSignatureType",
    "accessRuleIds",
    "localId",
    "clientName",
]
_WORDS = st.sampled_from(
    ["", "1", "true", "ALL", "ASSET", "FILE", "LIVE_VIDEO", "RENAME", "2024-01-01", "\0", "\ud800"]
)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(_FIELDS), _WORDS | st.text(max_size=20)))
def test_a_query_is_a_wish_or_a_bad_request(parameters):
    try:
        wish = Wish.read(parameters)
    except BadRequestError:
        return
    assert wish.name == parameters["name"]
    assert (wish.asset_type is None) == (wish.kind == "FILE")
    assert wish.asset_type is None or wish.parents


@pytest.mark.parametrize("date", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
async def test_a_date_that_no_calendar_holds_is_refused(client, date):
    await client.upload("a.txt", b"a", 400, contentDate=date)
