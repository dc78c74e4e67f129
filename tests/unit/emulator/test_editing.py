from __future__ import annotations

import pytest


async def _put(client, path, code=200, **body):
    return await client.call("PUT", f"/drive/v1/{path}", code, json={"resourceVersion": "V2", **body})


async def _delete(client, path, status=200):
    return await client.call("DELETE", f"/drive/v1/{path}", status, params={"resourceVersion": "V2"})


async def test_a_node_is_made_with_what_is_said_of_it(client):
    node = await client.post(
        "nodes",
        201,
        kind="FOLDER",
        name="f",
        labels=["x"],
        description="d",
        properties={"app": {"k": "v"}},
        keywords=["sea"],
    )
    assert (node["labels"], node["description"], node["properties"]) == (["x"], "d", {"app": {"k": "v"}})
    assert (node["keywords"], node["version"]) == (["sea"], 1)
    assert await client.get(f"nodes/{node['id']}") == node


@pytest.mark.parametrize("where", ["query", "body"])
async def test_a_local_id_makes_one_node(client, where):
    async def make(name, local_id, status):
        said = {"params": {"localId": local_id}} if where == "query" else {}
        body = {"kind": "FOLDER", "name": name, **({} if said else {"localId": local_id})}
        return await client.call("POST", "/drive/v1/nodes", status, json=body, **said)

    first = await make("a", "mine", 201)
    body = await make("b", "mine", 409)
    assert set(body) == {"logref", "message", "code", "info"}
    assert body["info"] == {"nodeId": first["id"]}
    assert "b" not in await client.names()
    await make("b", "other", 201)
    await make("c", "x" * 257, 400)
    await client.post("bulk/nodes/purge", nodeIds=[first["id"]])
    await make("a", "mine", 201)


async def test_a_local_id_is_text(client):
    await client.post("nodes", 400, kind="FOLDER", name="a", localId=5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contentProperties", {"size": 3}),
        ("id", "x"),
        ("kind", "FILE"),
        ("ownerId", "A"),
        ("createdDate", "2020-01-01T00:00:00.000Z"),
        ("modifiedDate", "2020-01-01T00:00:00.000Z"),
        ("version", 7),
        ("isRoot", True),
        ("eTagResponse", "x"),
    ],
)
async def test_what_the_service_alone_says_is_403(client, field, value):
    file = (await client.upload("a.txt", b"a"))["id"]
    before = await client.get(f"nodes/{file}")
    await client.patch(f"nodes/{file}", 403, **{field: value})
    assert await client.get(f"nodes/{file}") == before


@pytest.mark.parametrize("field", ["subKinds", "transforms", "restricted", "sourceId", "things", "familyId"])
async def test_what_has_no_place_here_is_not_forgotten_in_silence(client, field):
    folder = await client.folder("a")
    await client.patch(f"nodes/{folder}", 400, **{field: ["x"]})
    assert (await client.get(f"nodes/{folder}"))["version"] == 1


async def test_keywords_are_found_as_things(client, jpeg):
    photo = (await client.upload("a.jpg", jpeg()))["id"]
    node = await client.patch(f"nodes/{photo}", keywords=["Sea", "dog"])
    assert node["keywords"] == ["Sea", "dog"]
    assert (await client.get("search", filters="type:(PHOTOS) AND things:(sea)"))["count"] == 1
    await client.patch(f"nodes/{photo}", keywords=["dog"])
    assert (await client.get("search", filters="type:(PHOTOS) AND things:(sea)"))["count"] == 0
    await client.patch(f"nodes/{photo}", 400, keywords=["x" * 257])
    await client.patch(f"nodes/{photo}", 400, keywords="dog")


async def test_access_rules_and_properties_can_be_patched(client):
    folder = await client.folder("a")
    node = await client.patch(f"nodes/{folder}", accessRuleIds=["r"], properties={"app": {"k": "v"}})
    assert (node["accessRuleIds"], node["properties"]) == (["r"], {"app": {"k": "v"}})
    node = await client.patch(f"nodes/{folder}", accessRuleIds=[], properties={})
    assert (node["accessRuleIds"], node["properties"]) == ([], {})
    for bad in ({"app": {f"k{number}": "v" for number in range(11)}}, {"": {"k": "v"}}, {"app": "v"}, ["app"]):
        await client.patch(f"nodes/{folder}", 400, properties=bad)


async def test_covers_are_members_of_their_album_and_leave_with_it(client):
    album = await client.album("trip")
    a, b = (await client.upload("a.txt", b"a"))["id"], (await client.upload("b.txt", b"b"))["id"]
    await client.patch(f"nodes/{album}", 400, collectionProperties={"covers": [{"id": a}]})
    await client.patch(f"nodes/{album}/children", op="add", value=[a, b])
    node = await client.patch(
        f"nodes/{album}", collectionProperties={"covers": [{"id": a, "isDefault": True}, {"id": b}]}
    )
    owner = client.credentials.owner_id
    first, second = (
        {"id": a, "isDefault": True, "ownerId": owner},
        {"id": b, "isDefault": False, "ownerId": owner},
    )
    assert node["collectionProperties"] == {"covers": [first, second]}
    await client.patch(f"nodes/{album}/children", op="remove", value=[a])
    assert (await client.get(f"nodes/{album}"))["collectionProperties"] == {"covers": [second]}
    await client.post("bulk/nodes/purge", nodeIds=[b])
    assert (await client.get(f"nodes/{album}"))["collectionProperties"] == {"covers": []}
    await client.patch(f"nodes/{album}", 400, collectionProperties={"covers": "x"})
    await client.patch(f"nodes/{await client.folder('f')}", 400, collectionProperties={"covers": [{"id": album}]})


async def test_a_stale_if_match_is_412(client):
    folder = await client.folder("a")
    tag = (await client.get(f"nodes/{folder}"))["eTagResponse"]
    path = f"/drive/v1/nodes/{folder}"
    for match in (f'"{tag}"', "*"):
        answer = await client.http.patch(path, json={"description": match}, headers={"if-match": match})
        assert answer.status_code == 200
    for method in ("PATCH", "PUT"):
        answer = await client.http.request(method, path, json={"name": "b"}, headers={"if-match": tag})
        assert answer.status_code == 412
    assert (await client.get(f"nodes/{folder}"))["name"] == "a"


async def test_an_update_says_all_there_is(client):
    folder, other = await client.folder("a"), await client.folder("other")
    await client.patch(
        f"nodes/{folder}",
        labels=["x"],
        description="d",
        settings={"favorite": True},
        properties={"app": {"k": "v"}},
        keywords=["k"],
    )
    node = await _put(client, f"nodes/{folder}", name="b", parents=[other], labels=["y"])
    assert (node["name"], node["parents"], node["labels"]) == ("b", [other], ["y"])
    assert "description" not in node
    assert (node["settings"], node["properties"]) == ({"favorite": False, "hidden": False}, {})
    assert node["keywords"] == []
    assert await client.get(f"nodes/{folder}") == node
    await _put(client, f"nodes/{folder}", 400, labels=["y"])
    await _put(client, f"nodes/{folder}", 400, name="b", kind="FILE")
    await _put(client, f"nodes/{await client.root()}", 403, name="b")
    await _put(client, "nodes/AAAAAAAAAAAAAAAAAAAAAA", 404, name="b")


async def test_a_node_may_be_sent_back_as_it_was_read(client, jpeg):
    album = await client.album("trip")
    photo = (await client.upload("a.jpg", jpeg()))["id"]
    await client.patch(f"nodes/{album}/children", op="add", value=[photo])
    await client.patch(f"nodes/{album}", collectionProperties={"covers": [{"id": photo}]})
    await client.patch(f"nodes/{photo}", keywords=["dog"], settings={"hidden": True})
    for node_id in (photo, album):
        before = await client.get(f"nodes/{node_id}")
        after = await _put(client, f"nodes/{node_id}", **before)
        changed = {key for key in after if after[key] != before[key]}
        assert changed <= {"version", "modifiedDate", "eTagResponse"}
        assert after["version"] == before["version"] + 1


async def test_a_single_child_is_put_and_taken_out(client):
    a, b = await client.folder("a"), await client.folder("b")
    file = (await client.upload("x.txt", b"x", parent=a))["id"]
    node = await _put(client, f"nodes/{b}/children/{file}")
    assert (node["id"], node["parents"]) == (file, [a, b])
    assert await _put(client, f"nodes/{b}/children/{file}") == node
    node = await _delete(client, f"nodes/{a}/children/{file}")
    assert (node["id"], node["parents"]) == (file, [b])
    assert await _delete(client, f"nodes/{a}/children/{file}") == node
    taken = (await client.upload("X.TXT", b"y", parent=a))["id"]
    await _put(client, f"nodes/{b}/children/{taken}", 409)
    for path in (f"nodes/{b}/children/nothing", f"nodes/nothing/children/{file}"):
        await _put(client, path, 404)
        await _delete(client, path, 404)


async def test_a_single_child_is_put_into_an_album_and_taken_out(client):
    album = await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    node = await _put(client, f"nodes/{album}/children/{file}")
    assert node["parentMap"]["VISUAL_COLLECTION"] == [album]
    await _put(client, f"nodes/{album}/children/{await client.folder('f')}", 400)
    node = await _delete(client, f"nodes/{album}/children/{file}")
    assert "VISUAL_COLLECTION" not in node["parentMap"]


async def test_only_files_and_folders_stand_in_folders(client):
    folder, album = await client.folder("f"), await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    await _put(client, f"nodes/{folder}/children/{album}", 400)
    await _put(client, f"nodes/{file}/children/{folder}", 400)
    await _put(client, f"nodes/{folder}/children/{await client.root()}", 400)
    await client.patch(f"nodes/{album}", 400, parents=[folder])


async def test_the_last_folder_taken_away_leads_to_the_root(client):
    folder = await client.folder("a")
    file = (await client.upload("x.txt", b"x", parent=folder))["id"]
    node = await _delete(client, f"nodes/{folder}/children/{file}")
    assert node["parents"] == [await client.root()]
    await _delete(client, f"nodes/{await client.root()}/children/{file}", 400)


async def test_rclones_detour_over_the_trash_works(client):
    """A file is moved and renamed onto a place where both steps alone would collide."""
    a, b = await client.folder("a"), await client.folder("b")
    file = (await client.upload("x.txt", b"x", parent=a))["id"]
    await client.upload("y.txt", b"in the way after a rename", parent=a)
    await client.upload("x.txt", b"in the way after a move", parent=b)
    await client.patch(f"nodes/{file}", 409, name="y.txt")
    await client.post(f"nodes/{b}/children", 409, fromParent=a, childId=file)
    await _put(client, f"trash/{file}")
    assert (await client.patch(f"nodes/{file}", name="y.txt"))["name"] == "y.txt"
    await _put(client, f"nodes/{b}/children/{file}")
    assert (await _delete(client, f"nodes/{a}/children/{file}"))["parents"] == [b]
    await client.post(f"nodes/{a}/children", 400, fromParent=b, childId=file)
    await client.patch(f"nodes/{file}", 400, parents=[a])
    node = await client.post(f"trash/{file}/restore")
    assert (node["status"], node["name"], node["parents"]) == ("AVAILABLE", "y.txt", [b])


async def test_albums_need_v2_everywhere(client):
    album = await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    for method, path in (
        ("PATCH", f"nodes/{album}"),
        ("PUT", f"nodes/{album}"),
        ("PUT", f"nodes/{album}/children/{file}"),
        ("DELETE", f"nodes/{album}/children/{file}"),
        ("PUT", f"trash/{album}"),
        ("POST", f"trash/{album}/restore"),
        ("GET", f"nodes/{album}/properties/app"),
    ):
        answer = await client.http.request(method, f"/drive/v1/{path}", json={"name": "x"} if method != "GET" else None)
        assert (method, path, answer.status_code) == (method, path, 404)
        assert answer.json()["code"] == "NODE_NOT_FOUND"


@pytest.mark.parametrize("tag", [["x"], {"x": "y"}, 5])
async def test_an_etag_that_is_no_text_is_refused(client, tag):
    node = await client.folder("a")
    await client.patch(f"nodes/{node}", 400, eTagRequest=tag, description="b")
