from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import anyio
import httpx
import pytest

from ap_remote_emulator.library.check import check_store

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
