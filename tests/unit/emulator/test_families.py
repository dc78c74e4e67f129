from __future__ import annotations

import hashlib

import pytest

from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.seed import Order, seed


async def _family_id(client):
    return (await client.get("account/family"))["familyId"]


@pytest.fixture
async def household(client, jpeg):
    """Two photographs of our own, one of them in the vault; three of two other members."""
    kept = await client.upload("kept.jpg", jpeg(seed=1))
    await client.upload("private.jpg", jpeg(seed=2))
    await client.post("familyArchive/", nodesToAdd=[kept["id"]], nodesToRemove=[], familyId=await _family_id(client))
    seed(client.store, Order(family=2, family_photos=3, seed_number=1))
    return client


async def test_the_account_tells_its_family_and_its_members(household):
    found = await household.get("account/family")
    assert len(found["familyId"]) == 22
    assert found["members"][0] == {"ownerId": household.credentials.owner_id}
    assert len(found["members"]) == 3


async def test_a_photograph_goes_into_the_vault_and_comes_out(client, jpeg):
    node = await client.upload("a.jpg", jpeg())
    family_id = await _family_id(client)
    answer = await client.post("familyArchive/", nodesToAdd=[node["id"]], nodesToRemove=[], familyId=family_id)
    assert answer == {"familyId": family_id, "errorMap": {}}
    inside = await client.get(f"nodes/{node['id']}")
    assert inside["familyId"] == family_id
    assert inside["ownerId"] == client.credentials.owner_id
    assert inside["version"] == node["version"] + 1
    await client.post("familyArchive", nodesToAdd=[node["id"]], familyId=family_id)
    assert (await client.get(f"nodes/{node['id']}"))["version"] == inside["version"]
    await client.post("familyArchive/", nodesToAdd=[], nodesToRemove=[node["id"]], familyId=family_id)
    assert "familyId" not in await client.get(f"nodes/{node['id']}")


async def test_what_cannot_be_in_the_vault_is_told_id_by_id(household, jpeg):
    text = await household.upload("a.txt", b"a")
    gone = await household.upload("gone.jpg", jpeg(seed=3))
    await household.trash(gone["id"])
    fine = await household.upload("fine.jpg", jpeg(seed=4))
    theirs = next(
        node
        for node in (await household.get("search", searchContext="family"))["data"]
        if node["ownerId"] != household.credentials.owner_id
    )
    ids = [text["id"], gone["id"], fine["id"], theirs["id"], "unknown"]
    answer = await household.post("familyArchive/", nodesToAdd=ids, familyId=await _family_id(household))
    assert answer["errorMap"] == {text["id"]: 400, gone["id"]: 400, theirs["id"]: 403, "unknown": 404}
    assert "fine.jpg" in await household.names("search", searchContext="family")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"nodesToAdd": []}),
        (400, {"nodesToAdd": "x", "familyId": None}),
        (403, {"nodesToAdd": [], "nodesToRemove": [], "familyId": "another"}),
    ],
)
async def test_a_wrong_order_for_the_vault_is_refused(client, status, body):
    await client.post("familyArchive/", status, **body)


async def test_one_node_cannot_go_in_and_out_at_once(client):
    await client.post("familyArchive/", 400, nodesToAdd=["x"], nodesToRemove=["x"], familyId=await _family_id(client))


@pytest.mark.parametrize(
    ("context", "own", "theirs"),
    [("", 2, 0), ("customer", 2, 0), ("family", 1, 3), ("all", 2, 3), ("unknown", 2, 0), ("groups", 0, 0)],
)
async def test_the_context_says_whose_photographs_are_searched(household, context, own, theirs):
    page = await household.get("search", searchContext=context)
    mine = [node for node in page["data"] if node["ownerId"] == household.credentials.owner_id]
    assert (len(mine), page["count"] - len(mine)) == (own, theirs)
    others = [node for node in page["data"] if node["ownerId"] != household.credentials.owner_id]
    family_id = await _family_id(household)
    assert all(node["familyId"] == family_id and node["parents"] == [] for node in others)


async def test_an_unknown_context_is_400(client):
    await client.get("search", 400, searchContext="neighbours")
    await client.get("search/aggregation", 400, category="type", aggregationContext="neighbours")


async def test_members_are_counted_and_found(household):
    owner = household.credentials.owner_id
    rows = (await household.get("search/aggregation", category="familyMembers", aggregationContext="all"))[
        "aggregations"
    ]
    counts = {row["value"]: row["count"] for row in rows}
    assert counts.pop(owner) == 2
    assert sorted(counts.values()) == [1, 2]
    for member, number in counts.items():
        page = await household.get("search", filters=f"familyMembers:({member})", searchContext="all")
        assert page["count"] == number
        assert {node["ownerId"] for node in page["data"]} == {member}
    both = " OR ".join(counts)
    assert (await household.get("search", filters=f"familyMembers:({both})", searchContext="family"))["count"] == 3
    [alone] = (await household.get("search/aggregation", category="familyMembers"))["aggregations"]
    assert (alone["value"], alone["count"]) == (owner, 2)


async def test_what_others_keep_is_in_no_listing_of_ours_and_not_on_our_bill(household):
    listed = (await household.get("nodes", filters="kind:FILE"))["data"]
    assert {node["name"] for node in listed} == {"kept.jpg", "private.jpg"}
    stream = await household.http.post("/drive/v1/changes", json={})
    assert household.credentials.owner_id.encode() in stream.content
    others = (await household.get("account/family"))["members"][1:]
    assert not any(member["ownerId"].encode() in stream.content for member in others)
    assert (await household.get("account/usage"))["photo"]["total"]["count"] == 2
    assert check_store(household.store) == []


async def test_a_photograph_of_another_member_is_read_by_its_id(household):
    theirs = next(
        node
        for node in (await household.get("search", searchContext="family"))["data"]
        if node["ownerId"] != household.credentials.owner_id
    )
    assert await household.get(f"nodes/{theirs['id']}") == theirs


async def _theirs(household):
    page = await household.get("search", searchContext="family")
    return next(node for node in page["data"] if node["ownerId"] != household.credentials.owner_id)


async def test_a_photograph_of_another_member_cannot_be_changed(household):
    theirs = await _theirs(household)
    node, root, album = theirs["id"], await household.root(), await household.album("Both")
    folder = await household.folder("Mine")
    await household.patch(f"nodes/{node}", 403, name="mine.jpg")
    await household.patch(f"nodes/{node}", 403, settings={"favorite": True})
    await household.call("PATCH", f"/drive/v1/nodes/{node}", 403, json={"status": "TRASH"})
    await household.call("PUT", f"/drive/v1/nodes/{node}", 403, json={"name": "mine.jpg"})
    await household.trash(node, status=403)
    await household.restore(node, status=403)
    await household.call("PUT", f"/drive/v1/trash/{node}", 403)
    await household.call("POST", f"/drive/v1/trash/{node}/restore", 403)
    purged = await household.post("bulk/nodes/purge", nodeIds=[node], recurse="true")
    assert purged["errorMap"] == {node: 403}
    for parent in (root, album, folder):
        for op in ("add", "remove"):
            await household.patch(f"nodes/{parent}/children", 403, op=op, value=[node])
        for method in ("PUT", "DELETE"):
            await household.call(method, f"/drive/v1/nodes/{parent}/children/{node}?resourceVersion=V2", 403)
    await household.post(f"nodes/{folder}/children", 403, fromParent=root, childId=node)
    await household.post("batchLink", 403, nodeIds=[f"{theirs['ownerId']}:{node}"])
    kept = f"/drive/v1/nodes/{node}/properties/app/colour"
    await household.call("PUT", kept, 403, json={"value": "red"})
    await household.call("DELETE", kept, 403)
    await household.call("PUT", f"/cdproxy/nodes/{node}/content", 403, content=b"mine")
    await household.call("PUT", f"/v2/upload/{node}", 403, content=b"mine")
    await household.call("PUT", f"/v2/upload/multipart-upload/{node}", 403)
    assert await household.get(f"nodes/{node}") == theirs
    assert check_store(household.store) == []


async def test_what_another_member_has_is_no_duplicate_of_ours(household):
    content = b"the same bytes"
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    with household.store.write() as write:
        write.execute("UPDATE nodes SET md5 = ? WHERE id = ?", (md5, (await _theirs(household))["id"]))
    found = await household.post("bulk/nodeByDigest", digestType="MD5", digestList=[md5])
    assert found["digestToNodeMap"] == {}
    await household.upload("same.bin", content)
