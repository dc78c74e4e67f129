from __future__ import annotations

import re

import pytest


async def test_a_new_account_has_the_default_folders(client):
    root = await client.root()
    assert await client.names(f"nodes/{root}/children") == ["Backup", "Documents", "Pictures", "Videos"]


async def test_the_root_has_no_name_and_no_parents(client):
    node = await client.get(f"nodes/{await client.root()}")
    assert node["isRoot"] is True
    assert node["parents"] == []
    assert "name" not in node
    assert node["kind"] == "FOLDER"


async def test_a_node_has_the_shape_of_the_reference(client, jpeg):
    node = await client.upload("IMG.JPG", jpeg(taken="2024:02:28 17:04:05", make="Apple"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", node["id"])
    assert node["kind"] == "FILE"
    assert node["status"] == "AVAILABLE"
    assert node["version"] == 1
    assert node["ownerId"] == client.credentials.owner_id
    assert node["parentMap"] == {"FOLDER": node["parents"]}
    assert node["settings"] == {"favorite": False, "hidden": False}
    for date in (node["createdDate"], node["modifiedDate"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", date)
    content = node["contentProperties"]
    assert content["contentType"] == "image/jpeg"
    assert content["extension"] == "jpg"
    assert content["version"] == 1
    assert content["contentDate"] == "2024-02-28T17:04:05.000Z"
    assert content["image"]["make"] == "Apple"
    assert content["image"]["dateTimeOriginal"] == "2024-02-28T17:04:05.000Z"
    assert (content["image"]["width"], content["image"]["height"]) == (64, 48)
    assert await client.get(f"nodes/{node['id']}") == node


async def test_an_unknown_node_is_404_of_shape_b(client):
    body = await client.get("nodes/AAAAAAAAAAAAAAAAAAAAAA", 404)
    assert body["code"] == "NODE_NOT_FOUND"
    assert set(body) == {"logref", "message", "code"}
    assert (await client.get("nodes/AAAAAAAAAAAAAAAAAAAAAA/children", 404))["code"] == "NODE_NOT_FOUND"


async def test_a_folder_name_is_taken_whatever_its_case(client):
    first = await client.folder("Holiday É")
    body = await client.post("nodes", 409, kind="FOLDER", name="HOLIDAY é")
    root = await client.root()
    assert body["code"] == "NAME_ALREADY_EXISTS"
    assert body["info"] == {"nodeId": first}
    assert body["message"] == (
        f"Node with the name holiday é already exists under parentId {root} conflicting NodeId: {first}"
    )
    other = await client.folder("elsewhere")
    await client.folder("Holiday É", other)


async def test_composed_and_decomposed_names_are_one(client):
    await client.folder("caf\u00e9")
    await client.post("nodes", 409, kind="FOLDER", name="cafe\u0301")


@pytest.mark.parametrize("name", ["", "a/b", "a\0b", "x" * 257, 5, None])
async def test_a_bad_name_is_refused(client, name):
    await client.post("nodes", 400, kind="FOLDER", name=name)


@pytest.mark.parametrize(
    "name",
    [
        "x" * 256,
        "'; DROP TABLE nodes; --",
        '"quotes"',
        "a%_b",
        "\U0001f984 ünï",
        "..",
        " ",
        "new\nline",
        "?a=b&c#d",
        "*",
    ],
)
async def test_an_odd_name_is_kept_as_it_is(client, name):
    folder = await client.folder(name)
    assert (await client.get(f"nodes/{folder}"))["name"] == name
    await client.post("nodes", 409, kind="FOLDER", name=name)


async def test_an_album_needs_v2(client):
    body = await client.call("POST", "/drive/v1/nodes", 400, json={"kind": "VISUAL_COLLECTION", "name": "x"})
    assert body["message"] == "Invalid Kind VISUAL_COLLECTION"
    album = await client.album("x")
    await client.call("GET", f"/drive/v1/nodes/{album}", 404)
    assert (await client.get(f"nodes/{album}"))["parents"] == []
    assert await client.album("x") != album


async def test_a_kind_that_cannot_be_made_is_refused(client):
    await client.post("nodes", 400, kind="FILE", name="x")
    await client.post("nodes", 400, kind=["FOLDER"], name="x")


async def test_a_parent_must_be_a_living_folder(client):
    file = (await client.upload("a.txt", b"a"))["id"]
    await client.post("nodes", 400, kind="FOLDER", name="x", parents=[file])
    await client.post("nodes", 404, kind="FOLDER", name="x", parents=["nothing"])
    folder = await client.folder("gone")
    await client.trash(folder)
    await client.post("nodes", 400, kind="FOLDER", name="x", parents=[folder])
    await client.post("nodes", 400, kind="FOLDER", name="x", parents="root")


async def test_every_change_counts_a_version(client):
    folder = await client.folder("a")
    node = await client.patch(f"nodes/{folder}", name="b", description="d", labels=["x", "y"])
    assert (node["name"], node["description"], node["labels"], node["version"]) == ("b", "d", ["x", "y"], 2)
    node = await client.patch(f"nodes/{folder}", settings={"favorite": True})
    assert node["settings"] == {"favorite": True, "hidden": False}
    assert node["version"] == 3
    assert await client.get(f"nodes/{folder}") == node


async def test_a_rename_onto_a_sibling_is_409(client):
    a, b = await client.folder("a"), await client.folder("b")
    body = await client.patch(f"nodes/{b}", 409, name="A")
    assert body["info"]["nodeId"] == a
    assert (await client.get(f"nodes/{b}"))["version"] == 1
    assert (await client.patch(f"nodes/{b}", name="B"))["name"] == "B"


@pytest.mark.parametrize(
    "body",
    [
        {"labels": ["x"] * 11},
        {"labels": ["x" * 257]},
        {"labels": "x"},
        {"description": "x" * 501},
        {"settings": {"favorite": "true"}},
        {"settings": 3},
        {"status": "PURGED"},
    ],
)
async def test_a_senseless_change_is_refused(client, body):
    folder = await client.folder("a")
    await client.call("PATCH", f"/drive/v1/nodes/{folder}", 400, json=body)
    assert (await client.get(f"nodes/{folder}"))["version"] == 1


async def test_content_properties_cannot_be_patched(client):
    file = (await client.upload("a.txt", b"a"))["id"]
    await client.patch(f"nodes/{file}", 403, contentProperties={"size": 3})


async def test_the_root_can_neither_be_renamed_nor_moved(client):
    root, folder = await client.root(), await client.folder("a")
    await client.patch(f"nodes/{root}", 403, name="x")
    await client.patch(f"nodes/{root}", 403, parents=[folder])


async def test_a_stale_etag_is_412(client):
    folder = await client.folder("a")
    tag = (await client.get(f"nodes/{folder}"))["eTagResponse"]
    await client.patch(f"nodes/{folder}", name="b", eTagRequest=tag)
    await client.patch(f"nodes/{folder}", 412, name="c", eTagRequest=tag)


async def test_patching_parents_replaces_all_folders_and_keeps_albums(client):
    a, b, album = await client.folder("a"), await client.folder("b"), await client.album("album")
    file = (await client.upload("x.txt", b"x", parent=a))["id"]
    await client.patch(f"nodes/{album}/children", op="add", value=[file])
    node = await client.patch(f"nodes/{file}", parents=[b])
    assert node["parents"] == [b]
    assert node["parentMap"] == {"FOLDER": [b], "VISUAL_COLLECTION": [album]}
    assert await client.names(f"nodes/{a}/children") == []


async def test_a_move_replaces_one_folder(client):
    a, b, c = await client.folder("a"), await client.folder("b"), await client.folder("c")
    file = (await client.upload("x.txt", b"x", parent=a))["id"]
    await client.patch(f"nodes/{b}/children", op="add", value=[file])
    node = await client.post(f"nodes/{c}/children", fromParent=a, childId=file)
    assert node["parents"] == [b, c]
    await client.post(f"nodes/{c}/children", 400, fromParent=a, childId=file)
    other = (await client.upload("X.TXT", b"y", parent=a))["id"]
    await client.post(f"nodes/{c}/children", 409, fromParent=a, childId=other)
    await client.trash(other)
    await client.post(f"nodes/{b}/children", 400, fromParent=a, childId=other)


async def test_a_folder_cannot_be_moved_into_itself(client):
    a = await client.folder("a")
    b = await client.folder("b", a)
    await client.patch(f"nodes/{a}", 400, parents=[b])
    await client.patch(f"nodes/{a}", 400, parents=[a])
    await client.patch(f"nodes/{b}/children", 400, op="add", value=[a])


async def test_an_album_holds_a_file_once_and_lets_it_go(client):
    album = await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    await client.patch(f"nodes/{album}/children", op="add", value=[file, file])
    await client.patch(f"nodes/{album}/children", op="add", value=[file])
    assert await client.names(f"nodes/{album}/children") == ["x.txt"]
    node = await client.get(f"nodes/{file}")
    assert node["parentMap"]["VISUAL_COLLECTION"] == [album]
    assert album not in node["parents"]
    assert node["version"] == 2
    await client.patch(f"nodes/{album}/children", op="remove", value=[file])
    assert await client.names(f"nodes/{album}/children") == []
    assert (await client.get(f"nodes/{file}"))["status"] == "AVAILABLE"


async def test_a_batch_with_an_unknown_node_changes_nothing(client):
    album = await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    await client.patch(f"nodes/{album}/children", 404, op="add", value=[file, "nothing"])
    assert await client.names(f"nodes/{album}/children") == []
    await client.patch(f"nodes/{album}/children", 400, op="swap", value=[file])
    await client.patch(f"nodes/{album}/children", 400, op="add", value=[await client.folder("f")])


async def test_a_node_that_loses_its_last_folder_goes_to_the_root(client):
    folder = await client.folder("a")
    file = (await client.upload("x.txt", b"x", parent=folder))["id"]
    await client.patch(f"nodes/{folder}/children", op="remove", value=[file])
    assert (await client.get(f"nodes/{file}"))["parents"] == [await client.root()]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"\xff\xfe", b'{"name": "\\ud800", "kind": "FOLDER"}', b"[" * 100_000]
)
async def test_a_body_that_is_no_json_object_is_400(client, body):
    await client.call("POST", "/drive/v1/nodes", 400, content=body)


async def test_a_huge_body_is_400(client):
    await client.call("POST", "/drive/v1/nodes", 400, content=b" " * (9 << 20))
