from __future__ import annotations

import hashlib
import os

import pytest

from ap_remote_emulator.app import create_app
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.parts import LIFE_MS, sweep

BASE = "/v2/upload/multipart-upload"


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Parts:
    """An upload in parts, as a client drives it."""

    def __init__(self, client, started):
        self.client = client
        self.node_id, self.upload_id = started["nodeId"], started["uploadId"]

    async def put(self, number, content, status=200, *, promised=None):
        return await self.client.call(
            "PUT",
            f"{BASE}/{self.node_id}/parts/{number}",
            status,
            params={"uploadId": self.upload_id},
            content=content,
            headers={"x-amzn-part-md5": md5(content) if promised is None else promised},
        )

    async def state(self, status=200):
        return await self.client.call("GET", f"{BASE}/{self.node_id}", status, params={"uploadId": self.upload_id})

    async def complete(self, status=200):
        path = f"{BASE}/{self.node_id}/complete"
        return await self.client.call("POST", path, status, params={"uploadId": self.upload_id})

    async def abort(self):
        return await self.client.http.delete(f"{BASE}/{self.node_id}", params={"uploadId": self.upload_id})


async def begin(client, whole=b"", *, name="big.bin", **query):
    headers = {"x-amzn-file-md5": md5(whole)} if whole else {}
    query = {"name": name, **({"fileSize": str(len(whole))} if whole else {}), **query}
    return Parts(client, await client.call("POST", BASE, 201, params=query, headers=headers))


def leftovers(client):
    return [path for folder in ("parts", "tmp") for path in (client.store.data / folder).rglob("*")]


async def test_parts_are_joined_in_their_order_however_they_came(client):
    whole = os.urandom(2_500_000)
    pieces = [whole[:1_000_000], whole[1_000_000:2_000_000], whole[2_000_000:]]
    upload = await begin(client, whole, contentDate="2001-02-03T04:05:06.000Z", isFavorite="true")
    for number in (3, 1, 2):
        kept = await upload.put(number, pieces[number - 1])
        assert kept["serverSidePartMD5"] == md5(pieces[number - 1])
        assert kept["serverSidePartSize"] == len(pieces[number - 1])
        assert kept["status"]
    node = await upload.complete()
    assert node["id"] == upload.node_id
    assert (node["status"], node["name"]) == ("AVAILABLE", "big.bin")
    assert node["contentProperties"]["md5"] == md5(whole)
    assert node["contentProperties"]["contentDate"] == "2001-02-03T04:05:06.000Z"
    assert node["settings"]["favorite"] is True
    assert await client.content(node["id"]) == whole
    assert leftovers(client) == []
    assert check_store(client.store) == []


async def test_the_state_tells_which_parts_are_here(client):
    upload = await begin(client)
    assert (await upload.state())["parts"] == []
    await upload.put(2, b"bb")
    await upload.put(1, b"a")
    assert (await upload.state())["parts"] == [
        {"part-number": 1, "part-size": 1, "eTag": md5(b"a")},
        {"part-number": 2, "part-size": 2, "eTag": md5(b"bb")},
    ]


async def test_a_node_without_content_is_pending_and_in_no_listing(client):
    folder = await client.folder("f")
    upload = await begin(client, parentNodeId=folder)
    node = await client.get(f"nodes/{upload.node_id}")
    assert node["status"] == "PENDING"
    assert "contentProperties" not in node
    assert await client.names(f"nodes/{folder}/children") == []
    assert upload.node_id not in [each["id"] for each in (await client.get("nodes"))["data"]]
    assert (await client.get("search"))["data"] == []
    assert (await client.http.get(f"/cdproxy/nodes/{upload.node_id}")).status_code == 404
    assert check_store(client.store) == []
    await upload.put(1, b"a")
    await upload.complete()
    assert await client.names(f"nodes/{folder}/children") == ["big.bin"]


async def test_a_part_that_is_not_what_it_promised_is_refused(client):
    upload = await begin(client)
    await upload.put(1, b"a", 400, promised=md5(b"b"))
    await upload.put(1, b"a", 400, promised="nonsense")
    for number in ("0", "-1", "x", "10001", "9" * 30):
        await upload.put(number, b"a", 400)
    assert (await upload.state())["parts"] == []
    assert leftovers(client) == []


async def test_a_part_sent_again_replaces_the_first(client):
    upload = await begin(client)
    await upload.put(1, b"wrong")
    await upload.put(1, b"right")
    assert len(list((client.store.data / "parts" / upload.upload_id).iterdir())) == 1
    node = await upload.complete()
    assert await client.content(node["id"]) == b"right"


async def test_a_missing_part_is_400_and_can_be_sent_later(client):
    upload = await begin(client)
    assert "part 1" in (await upload.complete(400))["message"]
    await upload.put(1, b"a")
    await upload.put(3, b"c")
    assert "part 2" in (await upload.complete(400))["message"]
    await upload.put(2, b"b")
    assert await client.content((await upload.complete())["id"]) == b"abc"


async def test_parts_in_the_wrong_order_do_not_make_the_file_and_can_be_put_right(client):
    upload = await begin(client, b"ab")
    await upload.put(1, b"b")
    await upload.put(2, b"a")
    assert "MD5" in (await upload.complete(400))["message"].upper()
    assert (await client.get(f"nodes/{upload.node_id}"))["status"] == "PENDING"
    assert client.store.blobs.every() == []
    await upload.put(1, b"a")
    await upload.put(2, b"b")
    assert await client.content((await upload.complete())["id"]) == b"ab"


async def test_the_wrong_size_is_400(client):
    upload = await begin(client, fileSize="3")
    await upload.put(1, b"ab")
    await upload.complete(400)
    await upload.put(2, b"c")
    await upload.complete()


async def test_an_upload_is_completed_once(client):
    upload = await begin(client)
    await upload.put(1, b"a")
    node = await upload.complete()
    assert (await upload.complete(404))["code"] == "UPLOAD_NOT_FOUND"
    await upload.put(1, b"b", 404)
    await upload.state(404)
    assert (await upload.abort()).status_code == 404
    assert await client.content(node["id"]) == b"a"


async def test_an_abort_leaves_nothing(client):
    upload = await begin(client)
    await upload.put(1, b"a")
    assert (await upload.abort()).status_code == 204
    await client.get(f"nodes/{upload.node_id}", 404)
    await upload.complete(404)
    assert leftovers(client) == []
    assert check_store(client.store) == []


async def test_a_name_that_was_taken_meanwhile_is_409_d(client):
    upload = await begin(client, name="a.txt")
    await upload.put(1, b"a")
    other = await client.upload("A.TXT", b"b")
    body = await upload.complete(409)
    assert body["errorDetails"] == {"conflictNodeIds": [other["id"]]}
    await client.trash(other["id"])
    assert (await upload.complete())["name"] == "a.txt"
    body = await client.call("POST", BASE, 409, params={"name": "a.txt"})
    assert body["errorDetails"] == {"conflictNodeIds": [upload.node_id]}
    renamed = await begin(client, name="a.txt", conflictResolution="RENAME")
    await renamed.put(1, b"c")
    assert (await renamed.complete())["name"] == "a (1).txt"
    assert check_store(client.store) == []


async def test_known_bytes_are_409_at_the_end(client):
    known = await client.upload("known.txt", b"ab")
    upload = await begin(client)
    await upload.put(1, b"a")
    await upload.put(2, b"b")
    assert (await upload.complete(409))["errorDetails"] == {"conflictNodeIds": [known["id"]]}
    wanted = await begin(client, name="b.bin", suppress="DEDUPLICATION")
    await wanted.put(1, b"ab")
    await wanted.complete()


async def test_a_file_keeps_its_content_until_the_new_one_is_complete(client):
    node = await client.upload("a.txt", b"old")
    started = await client.call("PUT", f"{BASE}/{node['id']}", params={"fileSize": "3"})
    upload = Parts(client, started)
    assert upload.node_id == node["id"]
    await upload.put(1, b"new")
    assert await client.content(node["id"]) == b"old"
    after = await upload.complete()
    assert (after["name"], after["contentProperties"]["version"]) == ("a.txt", 2)
    assert await client.content(node["id"]) == b"new"
    assert len(client.store.blobs.every()) == 1
    other = Parts(client, await client.call("PUT", f"{BASE}/{node['id']}"))
    await other.put(1, b"never")
    assert (await other.abort()).status_code == 204
    assert await client.content(node["id"]) == b"new"
    await client.call("PUT", f"{BASE}/nothing", 404)
    await client.call("PUT", f"{BASE}/{await client.folder('f')}", 403)


async def test_senseless_beginnings_are_refused(client):
    await client.call("POST", BASE, 400, params={"name": "a/b"})
    await client.call("POST", BASE, 400, params={"name": "a", "fileSize": "-1"})
    await client.call("POST", BASE, 400, params={"name": "a"}, headers={"x-amzn-file-md5": "x"})
    await client.call("POST", BASE, 404, params={"name": "a", "parentNodeId": "nothing"})
    upload = await begin(client)
    for path, query in ((upload.node_id, {}), ("nothing", {"uploadId": upload.upload_id})):
        await client.call("GET", f"{BASE}/{path}", 404, params=query)
    assert (await client.stranger.post(BASE, params={"name": "a"})).status_code == 401
    assert (await client.stranger.request("OPTIONS", f"{BASE}/x/parts/1")).headers[
        "access-control-allow-headers"
    ] == "x-amz-access-token,x-amzn-file-md5,x-amzn-part-md5"


async def test_parts_outlive_the_service(client, data):
    upload = await begin(client, b"ab")
    await upload.put(1, b"a")
    client.store.close()
    again = create_app(data)
    try:
        second = type(client)(again)
        second.http.cookies, second.http.headers = client.http.cookies, client.http.headers
        resumed = Parts(second, {"nodeId": upload.node_id, "uploadId": upload.upload_id})
        assert [part["part-number"] for part in (await resumed.state())["parts"]] == [1]
        await resumed.put(2, b"b")
        assert await second.content((await resumed.complete())["id"]) == b"ab"
        await second.http.aclose()
        await second.stranger.aclose()
    finally:
        again.state.store.close()


async def test_an_abandoned_upload_is_forgotten_after_a_week(client):
    old = await begin(client, name="old.bin")
    await old.put(1, b"a")
    client.store.clock.advance(LIFE_MS - 1000)
    young = await begin(client, name="young.bin")
    await young.put(1, b"b")
    assert (await old.state())["parts"] != []
    client.store.clock.advance(2000)
    sweep(client.store)
    await old.state(404)
    await client.get(f"nodes/{old.node_id}", 404)
    await young.complete()
    assert leftovers(client) == []
    assert check_store(client.store) == []


async def test_parts_of_no_upload_are_swept(client):
    stray = client.store.data / "parts" / "stray"
    stray.mkdir()
    (stray / "00001-x").write_bytes(b"x")
    going = await begin(client)
    await going.put(1, b"a")
    sweep(client.store)
    assert [path.name for path in (client.store.data / "parts").iterdir()] == [going.upload_id]


@pytest.mark.parametrize("how", ["purge the node", "purge its folder", "trash its folder", "reset"])
async def test_a_place_that_goes_away_takes_the_upload_along(client, how):
    folder = await client.folder("f")
    upload = await begin(client, parentNodeId=folder)
    await upload.put(1, b"a")
    if how == "trash its folder":
        await client.trash(folder)
        await upload.complete(400)
        await client.restore(folder)
        await upload.complete()
        assert check_store(client.store) == []
        return
    if how == "reset":
        client.store.reset()
    else:
        wanted = upload.node_id if how == "purge the node" else folder
        assert await client.post("bulk/nodes/purge", nodeIds=[wanted]) == {"errorMap": {}}
    await upload.complete(404)
    sweep(client.store)
    assert check_store(client.store) == []


async def test_the_film_of_a_live_photo_may_come_in_parts(client, jpeg):
    still = (await client.upload("a.jpg", jpeg()))["id"]
    query = {"name": "a.mov", "kind": "ASSET", "assetType": "LIVE_VIDEO", "parentNodeId": still}
    upload = await begin(client, **query)
    await upload.put(1, b"film")
    assert (await client.get(f"nodes/{still}"))["childAssetTypeInfo"] == []
    await upload.complete()
    assert (await client.get(f"nodes/{still}"))["assets"][0]["id"] == upload.node_id
    abandoned = await begin(client, **{**query, "parentNodeId": (await client.upload("b.jpg", jpeg(seed=3)))["id"]})
    still = (await client.get(f"nodes/{abandoned.node_id}"))["parents"][0]
    assert await client.post("bulk/nodes/purge", nodeIds=[still]) == {"errorMap": {}}
    await abandoned.put(1, b"x", 404)
    assert check_store(client.store) == []


@pytest.mark.parametrize(
    ("path", "methods"),
    [("", "POST"), ("/x", "PUT, GET, DELETE"), ("/x/parts/1", "PUT"), ("/x/complete", "POST")],
)
async def test_a_browser_is_told_what_it_may_send_of_parts(client, path, methods):
    asked = {"origin": "https://www.amazon.com", "access-control-request-headers": "x-amzn-part-md5"}
    answer = await client.stranger.request("OPTIONS", BASE + path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://www.amazon.com"
    assert answer.headers["access-control-allow-methods"] == methods
    assert "x-amzn-part-md5" in answer.headers["access-control-allow-headers"]
