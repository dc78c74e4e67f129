from __future__ import annotations

import hashlib


def _md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


async def test_many_digests_are_looked_up_at_once(client):
    first = await client.upload("a.txt", b"a")
    second = await client.upload("b.txt", b"b")
    wanted = [_md5(b"a"), _md5(b"b"), _md5(b"nowhere")]
    answer = await client.post("bulk/nodeByDigest", digestType="MD5", digestList=wanted)
    assert answer == {"digestType": "MD5", "digestToNodeMap": {_md5(b"a"): first, _md5(b"b"): second}}


async def test_a_digest_is_found_under_the_name_it_was_asked_by(client):
    await client.upload("a.txt", b"a")
    answer = await client.post("bulk/nodeByDigest", digestList=[_md5(b"a").upper()])
    assert list(answer["digestToNodeMap"]) == [_md5(b"a").upper()]


async def test_a_trashed_copy_counts_and_a_living_one_is_preferred(client):
    gone = (await client.upload("a.txt", b"a"))["id"]
    await client.trash(gone)
    answer = await client.post("bulk/nodeByDigest", digestList=[_md5(b"a")])
    assert answer["digestToNodeMap"][_md5(b"a")]["status"] == "TRASH"
    target = {"name": "b.txt", "conflictResolution": "RENAME", "suppress": "DEDUPLICATION"}
    living = await client.call("POST", "/v2/upload", 201, params=target, content=b"a")
    answer = await client.post("bulk/nodeByDigest", digestList=[_md5(b"a")])
    assert answer["digestToNodeMap"][_md5(b"a")]["id"] == living["id"]
    await client.trash(living["id"])
    await client.post("bulk/nodes/purge", nodeIds=[gone, living["id"]])
    assert (await client.post("bulk/nodeByDigest", digestList=[_md5(b"a")]))["digestToNodeMap"] == {}


async def test_a_senseless_look_up_is_refused(client):
    for body in (
        {},
        {"digestList": "x"},
        {"digestList": [5]},
        {"digestType": "SHA1", "digestList": []},
        {"digestList": ["x"] * 10_001},
    ):
        await client.post("bulk/nodeByDigest", 400, **body)
    assert (await client.post("bulk/nodeByDigest", digestList=[]))["digestToNodeMap"] == {}
