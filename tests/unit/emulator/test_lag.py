"""Visibility lag: what listings, search and the trash show after a write, and what is the truth meanwhile."""

from __future__ import annotations

import pytest


async def turn(client, **knobs):
    return await client.call("POST", "/_internal/behaviour", json=knobs)


async def wait(client, milliseconds):
    await client.call("POST", "/_internal/clock", json={"advanceMs": milliseconds})


async def test_a_new_folder_is_not_listed_at_once_but_is_there_by_its_id(client):
    await turn(client, lag={"create": 60_000})
    root = await client.root()
    folder = await client.folder("new")
    assert "new" not in await client.names(f"nodes/{root}/children")
    assert await client.names(filters=f"parents:{root} AND name:new") == []
    assert (await client.get(f"nodes/{folder}"))["name"] == "new"
    assert (await client.get(f"nodes/{folder}/children"))["count"] == 0
    await client.post("nodes", 409, kind="FOLDER", name="NEW")
    await wait(client, 60_001)
    assert "new" in await client.names(f"nodes/{root}/children")


async def test_children_of_a_folder_that_is_not_visible_can_be_a_404(client):
    await turn(client, lag={"create": 60_000, "parents": True})
    folder = await client.folder("new")
    assert (await client.get(f"nodes/{folder}/children", 404))["code"] == "NODE_NOT_FOUND"
    await wait(client, 60_001)
    await client.get(f"nodes/{folder}/children")


async def test_an_upload_is_neither_listed_nor_found_nor_counted_at_once(client, jpeg):
    await turn(client, lag={"upload": 60_000})
    node = await client.upload("a.jpg", jpeg())
    for path, filters in (("nodes", "kind:FILE"), ("search", "type:(PHOTOS)")):
        found = await client.get(path, filters=filters)
        assert (found["count"], found["data"]) == (0, [])
    assert (await client.get("search/aggregation", category="type"))["aggregations"] == []
    assert await client.get(f"nodes/{node['id']}") == node
    await client.upload("b.jpg", jpeg(), 409)
    await wait(client, 60_001)
    for path, filters in (("nodes", "kind:FILE"), ("search", "type:(PHOTOS)")):
        assert (await client.get(path, filters=filters))["data"] == [node]


async def test_a_moved_and_renamed_node_is_listed_at_its_old_place_under_its_old_name(client):
    old, new = await client.folder("old"), await client.folder("new")
    file = (await client.upload("a.txt", b"a", parent=old))["id"]
    await turn(client, lag={"move": 60_000})
    await client.post(f"nodes/{new}/children", fromParent=old, childId=file)
    await client.patch(f"nodes/{file}", name="b.txt")
    assert await client.names(f"nodes/{old}/children") == ["a.txt"]
    assert await client.names(f"nodes/{new}/children") == []
    assert await client.names(filters="name:b.txt") == []
    truth = await client.get(f"nodes/{file}")
    assert (truth["name"], truth["parents"]) == ("b.txt", [new])
    await wait(client, 60_001)
    assert await client.names(f"nodes/{old}/children") == []
    assert await client.names(f"nodes/{new}/children") == ["b.txt"]


async def test_each_of_two_changes_becomes_visible_in_its_turn(client):
    file = (await client.upload("a.txt", b"a"))["id"]
    await turn(client, lag={"move": 60_000})
    await client.patch(f"nodes/{file}", name="b.txt")
    await wait(client, 30_000)
    await client.patch(f"nodes/{file}", name="c.txt")
    assert await client.names(filters="kind:FILE") == ["a.txt"]
    await wait(client, 30_001)
    assert await client.names(filters="kind:FILE") == ["b.txt"]
    await wait(client, 30_000)
    assert await client.names(filters="kind:FILE") == ["c.txt"]


async def test_a_trashed_node_is_still_listed_and_not_in_the_trash(client):
    folder = await client.folder("f")
    file = (await client.upload("a.txt", b"a", parent=folder))["id"]
    await turn(client, lag={"trash": 60_000})
    await client.trash(folder)
    assert await client.names(f"nodes/{folder}/children") == ["a.txt"]
    assert (await client.get("trash"))["count"] == 0
    assert (await client.get(f"nodes/{file}"))["status"] == "TRASH"
    await wait(client, 60_001)
    assert await client.names(f"nodes/{folder}/children") == []
    assert await client.names("trash") == ["a.txt", "f"]


async def test_a_restored_node_is_still_in_the_trash_and_not_listed(client):
    file = (await client.upload("a.txt", b"a"))["id"]
    await client.trash(file)
    await turn(client, lag={"restore": 60_000})
    await client.restore(file)
    assert await client.names("trash") == ["a.txt"]
    assert await client.names(filters="kind:FILE") == []
    assert (await client.get(f"nodes/{file}"))["status"] == "AVAILABLE"
    await wait(client, 60_001)
    assert await client.names("trash") == []
    assert await client.names(filters="kind:FILE") == ["a.txt"]


async def test_a_purged_node_is_still_listed_but_gone_by_its_id(client):
    file = (await client.upload("a.txt", b"a"))["id"]
    await turn(client, lag={"purge": 60_000})
    await client.post("bulk/nodes/purge", nodeIds=[file])
    assert await client.names(filters="kind:FILE") == ["a.txt"]
    await client.get(f"nodes/{file}", 404)
    await wait(client, 60_001)
    assert await client.names(filters="kind:FILE") == []


async def test_other_changes_can_lag_as_well(client):
    file = (await client.upload("a.txt", b"a"))["id"]
    await turn(client, lag={"change": 60_000})
    await client.patch(f"nodes/{file}", settings={"favorite": True}, labels=["x"])
    assert (await client.get("nodes", filters="favorite:(true)"))["count"] == 0
    assert (await client.get("nodes", filters="labels:x"))["count"] == 0
    assert (await client.get(f"nodes/{file}"))["settings"]["favorite"] is True
    await wait(client, 60_001)
    assert (await client.get("nodes", filters="favorite:(true) AND labels:x"))["count"] == 1


async def test_pages_by_offset_and_by_token_walk_what_the_veil_shows(client):
    names = [f"{number:02d}.txt" for number in range(12)]
    ids = [(await client.upload(name, name.encode()))["id"] for name in names]
    await turn(client, lag={"trash": 60_000, "upload": 60_000})
    await client.trash(*ids[:4])
    await client.upload("new.txt", b"new")
    walked, token = [], {}
    while True:
        page = await client.get("nodes", filters="kind:FILE", limit=5, **token)
        walked += [node["name"] for node in page["data"]]
        if "nextToken" not in page:
            break
        token = {"startToken": page["nextToken"]}
    assert sorted(walked) == names
    by_offset = []
    for offset in (0, 5, 10):
        page = await client.get("nodes", filters="kind:FILE", limit=5, offset=offset, sort="['name ASC']")
        by_offset += [node["name"] for node in page["data"]]
    assert by_offset == names


async def test_the_delta_stream_tells_the_truth_unless_it_lags_too(client):
    async def stream(checkpoint=None):
        answer = await client.http.post("/drive/v1/changes", json={"checkpoint": checkpoint} if checkpoint else {})
        lines = [line for line in answer.iter_lines() if line]
        import json

        parsed = [json.loads(line) for line in lines]
        return [node for line in parsed[:-1] for node in line["nodes"]], parsed[-2]["checkpoint"]

    kept = (await client.upload("kept.txt", b"kept"))["id"]
    await turn(client, lag={"upload": 60_000, "move": 60_000})
    new = (await client.upload("a.txt", b"a"))["id"]
    assert new in [node["id"] for node in (await stream())[0]]
    await turn(client, lag={"upload": 60_000, "move": 60_000, "changes": True})
    await client.patch(f"nodes/{kept}", name="renamed.txt")
    nodes, checkpoint = await stream()
    assert {node["id"]: node.get("name") for node in nodes if node["kind"] == "FILE"} == {kept: "kept.txt"}
    assert (await stream(checkpoint))[0] == []
    await wait(client, 60_001)
    told = (await stream(checkpoint))[0]
    assert {node["id"]: node.get("name") for node in told if node["kind"] == "FILE"} == {
        new: "a.txt",
        kept: "renamed.txt",
    }


async def test_a_folder_can_list_a_child_that_has_left_it(client):
    old, new = await client.folder("old"), await client.folder("new")
    file = (await client.upload("a.txt", b"a", parent=old))["id"]
    await turn(client, paging={"staleChildren": 60_000})
    await client.post(f"nodes/{new}/children", fromParent=old, childId=file)
    [stale] = (await client.get(f"nodes/{old}/children"))["data"]
    assert (stale["id"], stale["parents"]) == (file, [new])
    assert (await client.get("nodes", filters=f"parents:{old}"))["data"] == [stale]
    assert await client.names(f"nodes/{new}/children") == ["a.txt"]
    await wait(client, 60_001)
    assert await client.names(f"nodes/{old}/children") == []


async def test_a_child_that_came_back_is_not_listed_twice(client):
    old, new = await client.folder("old"), await client.folder("new")
    file = (await client.upload("a.txt", b"a", parent=old))["id"]
    await turn(client, paging={"staleChildren": 60_000})
    await client.post(f"nodes/{new}/children", fromParent=old, childId=file)
    await client.post(f"nodes/{old}/children", fromParent=new, childId=file)
    assert await client.names(f"nodes/{old}/children") == ["a.txt"]


async def test_turning_the_knobs_back_shows_the_truth_at_once(client):
    await turn(client, lag={"create": 60_000})
    await client.folder("new")
    assert await client.names(filters="name:new") == []
    await client.call("DELETE", "/_internal/behaviour")
    assert await client.names(filters="name:new") == ["new"]


async def test_a_write_that_fails_leaves_nothing_behind_the_veil(client):
    await client.folder("taken")
    await turn(client, lag={"create": 60_000, "move": 60_000})
    before = (await client.get("nodes"))["data"]
    await client.post("nodes", 409, kind="FOLDER", name="taken")
    assert (await client.get("nodes"))["data"] == before


@pytest.mark.parametrize("knobs", [{"colour": 1}, {"lag": {"create": -1}}, {"busy": {"body": "pdf"}}, []])
async def test_knobs_that_are_none_are_400_and_change_nothing(client, knobs):
    before = await client.call("GET", "/_internal/behaviour")
    await client.call("POST", "/_internal/behaviour", 400, json=knobs)
    assert await client.call("GET", "/_internal/behaviour") == before
