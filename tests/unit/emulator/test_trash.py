from __future__ import annotations

from ap_remote_emulator.app import create_app
from ap_remote_emulator.library import nodes, open_store, trash
from ap_remote_emulator.library.check import check_store


async def _tree(client):
    """Make ``a/``, ``a/b/``, ``a/b/x.txt`` and ``a/y.txt``; return their ids by name."""
    a = await client.folder("a")
    b = await client.folder("b", a)
    x = (await client.upload("x.txt", b"x", parent=b))["id"]
    y = (await client.upload("y.txt", b"y", parent=a))["id"]
    return {"a": a, "b": b, "x": x, "y": y}


async def _status(client, ids):
    return {name: (await client.get(f"nodes/{node_id}"))["status"] for name, node_id in ids.items()}


async def test_a_trashed_file_vanishes_and_can_still_be_read(client):
    ids = await _tree(client)
    answer = await client.trash(ids["x"])
    assert [node["status"] for node in answer["data"]] == ["TRASH"]
    assert await client.names(filters="kind:FILE") == ["y.txt"]
    assert await client.names(f"nodes/{ids['b']}/children") == []
    assert await client.names(filters="status:TRASH") == ["x.txt"]
    assert await client.names("trash") == ["x.txt"]
    node = await client.get(f"nodes/{ids['x']}")
    assert (node["status"], node["exclusivelyTrashed"], node["recursivelyTrashed"]) == ("TRASH", True, False)
    assert node["version"] == 2
    assert await client.content(ids["x"]) == b"x"


async def test_a_folder_takes_its_tree_along_and_brings_it_back(client):
    ids = await _tree(client)
    await client.trash(ids["a"])
    assert set((await _status(client, ids)).values()) == {"TRASH"}
    assert (await client.get(f"nodes/{ids['x']}"))["recursivelyTrashed"] is True
    assert await client.names("trash", filters="kind:(FILE* OR FOLDER*) AND status:(TRASH*)") == [
        "a",
        "b",
        "x.txt",
        "y.txt",
    ]
    await client.restore(ids["a"])
    assert set((await _status(client, ids)).values()) == {"AVAILABLE"}
    assert await client.names(f"nodes/{ids['b']}/children") == ["x.txt"]
    assert check_store(client.store) == []


async def test_what_was_trashed_before_stays_when_the_folder_comes_back(client):
    ids = await _tree(client)
    await client.trash(ids["y"])
    await client.trash(ids["a"])
    await client.restore(ids["a"])
    status = await _status(client, ids)
    assert status == {"a": "AVAILABLE", "b": "AVAILABLE", "x": "AVAILABLE", "y": "TRASH"}
    await client.restore(ids["y"])
    assert await client.names(f"nodes/{ids['a']}/children") == ["b", "y.txt"]


async def test_a_file_out_of_a_trashed_folder_comes_back_to_its_place(client):
    ids = await _tree(client)
    await client.trash(ids["a"])
    await client.restore(ids["x"])
    assert await _status(client, ids) == {"a": "AVAILABLE", "b": "AVAILABLE", "x": "AVAILABLE", "y": "TRASH"}
    await client.restore(ids["a"])
    assert await _status(client, ids) == dict.fromkeys(ids, "AVAILABLE")
    assert check_store(client.store) == []


async def test_trashing_and_restoring_twice_is_doing_it_once(client):
    ids = await _tree(client)
    await client.trash(ids["x"], ids["x"])
    await client.trash(ids["x"])
    assert (await client.get(f"nodes/{ids['x']}"))["version"] == 2
    await client.restore(ids["x"])
    await client.restore(ids["x"])
    assert (await client.get(f"nodes/{ids['x']}"))["version"] == 3


async def test_a_taken_place_is_renamed_or_refused(client):
    ids = await _tree(client)
    await client.trash(ids["y"])
    taken = (await client.upload("Y.txt", b"new", parent=ids["a"]))["id"]
    body = await client.patch("trash", 409, op="remove", value=[ids["y"]])
    assert body["info"]["nodeId"] == taken
    await client.restore(ids["y"])
    assert await client.names(f"nodes/{ids['a']}/children") == ["Y.txt", "b", "y (1).txt"]
    assert check_store(client.store) == []


async def test_the_root_is_never_trashed_nor_purged(client):
    root = await client.root()
    await client.trash(root, status=403)
    assert (await client.post("bulk/nodes/purge", nodeIds=[root]))["errorMap"] == {root: 403}


async def test_one_unknown_node_undoes_the_whole_batch(client):
    ids = await _tree(client)
    await client.trash(ids["x"], "nothing", status=404)
    assert (await _status(client, ids))["x"] == "AVAILABLE"


async def test_fifty_are_the_most(client):
    many = [f"id{n}" for n in range(51)]
    for path, body in (("trash", {"op": "add", "value": many}), ("bulk/nodes/purge", {"nodeIds": many})):
        method = "PATCH" if path == "trash" else "POST"
        answer = await client.call(method, f"/drive/v1/{path}", 400, json=body)
        assert "Member must have length less than or equal to 50" in answer["message"]
    await client.patch("trash", 400, op="add", value="x")
    await client.patch("trash", 400, op="burn", value=[])


async def test_a_node_in_two_folders_survives_the_loss_of_one(client):
    ids = await _tree(client)
    other = await client.folder("other")
    await client.patch(f"nodes/{other}/children", op="add", value=[ids["x"]])
    await client.trash(ids["a"])
    assert (await _status(client, ids))["x"] == "AVAILABLE"
    assert await client.names(f"nodes/{other}/children") == ["x.txt"]
    answer = await client.post("bulk/nodes/purge", nodeIds=[ids["a"]])
    assert answer == {"errorMap": {}}
    assert (await client.get(f"nodes/{ids['x']}"))["parents"] == [other]
    await client.get(f"nodes/{ids['y']}", 404)
    assert check_store(client.store) == []


async def test_a_folder_in_the_trash_is_no_place_for_the_living(client):
    ids = await _tree(client)
    other = await client.folder("other")
    await client.patch(f"nodes/{other}/children", op="add", value=[ids["x"]])
    await client.trash(ids["a"])
    assert await client.post("bulk/nodes/purge", nodeIds=[other]) == {"errorMap": {other: 400}}
    await client.patch(f"nodes/{other}/children", op="remove", value=[ids["x"]])
    assert await client.root() in (await client.get(f"nodes/{ids['x']}"))["parents"]
    assert await client.post("bulk/nodes/purge", nodeIds=[other]) == {"errorMap": {}}


async def test_a_trashed_album_keeps_its_photos(client):
    album = await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    await client.patch(f"nodes/{album}/children", op="add", value=[file])
    await client.trash(album)
    assert (await client.get(f"nodes/{file}"))["status"] == "AVAILABLE"
    await client.restore(album)
    assert await client.names(f"nodes/{album}/children") == ["x.txt"]
    await client.post("bulk/nodes/purge", nodeIds=[album])
    assert "VISUAL_COLLECTION" not in (await client.get(f"nodes/{file}"))["parentMap"]


async def test_a_trashed_photo_leaves_its_album_and_returns_to_it(client):
    album = await client.album("trip")
    file = (await client.upload("x.txt", b"x"))["id"]
    await client.patch(f"nodes/{album}/children", op="add", value=[file])
    await client.trash(file)
    assert await client.names(f"nodes/{album}/children") == []
    await client.restore(file)
    assert await client.names(f"nodes/{album}/children") == ["x.txt"]


async def test_a_purge_removes_node_and_bytes(client):
    ids = await _tree(client)
    await client.trash(ids["x"])
    answer = await client.post("bulk/nodes/purge", nodeIds=[ids["x"], "nothing"], recurse="false")
    assert answer == {"errorMap": {"nothing": 404}}
    await client.get(f"nodes/{ids['x']}", 404)
    assert await client.names("trash") == []
    assert len(client.store.blobs.every()) == 1
    assert check_store(client.store) == []


async def test_a_purge_removes_the_thumbnails_too(client, jpeg):
    file = (await client.upload("x.jpg", jpeg()))["id"]
    assert (await client.http.get(f"/v1/thumbnail/{file}")).status_code == 200
    kept = client.store.data / "thumbnails"
    assert len(list(kept.rglob("*.jpg"))) == 1
    await client.post("bulk/nodes/purge", nodeIds=[file])
    assert list(kept.rglob("*.jpg")) == []


async def test_a_purged_folder_takes_along_what_was_trashed_with_it(client):
    ids = await _tree(client)
    await client.trash(ids["y"])
    await client.trash(ids["a"])
    assert await client.post("bulk/nodes/purge", nodeIds=[ids["a"]], recurse="false") == {"errorMap": {}}
    for name in ("a", "b", "x"):
        await client.get(f"nodes/{ids[name]}", 404)
    await client.restore(ids["y"])
    assert (await client.get(f"nodes/{ids['y']}"))["parents"] == [await client.root()]
    assert check_store(client.store) == []


async def test_a_living_folder_is_purged_only_with_recurse(client):
    ids = await _tree(client)
    assert await client.post("bulk/nodes/purge", nodeIds=[ids["a"]]) == {"errorMap": {ids["a"]: 400}}
    assert await client.post("bulk/nodes/purge", nodeIds=[ids["a"]], recurse="true") == {"errorMap": {}}
    assert await client.names(filters="kind:FILE") == []
    assert client.store.blobs.every() == []
    assert check_store(client.store) == []


async def test_names_in_the_trash_are_free(client):
    ids = await _tree(client)
    await client.trash(ids["y"])
    again = (await client.upload("y.txt", b"another", parent=ids["a"]))["id"]
    await client.trash(again)
    await client.patch(f"nodes/{again}", name="Y.TXT")
    await client.restore(ids["y"], again)
    assert await client.names(f"nodes/{ids['a']}/children") == ["Y (1).TXT", "b", "y.txt"]


async def test_a_status_can_be_patched(client):
    ids = await _tree(client)
    assert (await client.call("PATCH", f"/drive/v1/nodes/{ids['x']}", json={"status": "TRASH"}))["status"] == "TRASH"
    node = await client.call("PATCH", f"/drive/v1/nodes/{ids['x']}", json={"status": "AVAILABLE", "name": "z.txt"})
    assert (node["status"], node["name"]) == ("AVAILABLE", "z.txt")


async def test_trash_is_paged_and_sorted(client):
    ids = [(await client.upload(f"{n}.txt", b"%d" % n))["id"] for n in range(5)]
    await client.trash(*ids)
    page = await client.get("trash", limit=2)
    rest = await client.get("trash", limit=200, startToken=page["nextToken"])
    assert page["count"] == 5
    assert len({node["id"] for node in page["data"] + rest["data"]}) == 5
    ordered = await client.get("trash", sort="['name DESC']")
    assert [node["name"] for node in ordered["data"]] == [f"{n}.txt" for n in (4, 3, 2, 1, 0)]


async def _single(client, method, path, code=200, **body):
    return await client.call(method, f"/drive/v1/{path}", code, json={"resourceVersion": "V2", **body})


async def test_one_node_is_trashed_and_restored_by_its_own_address(client):
    ids = await _tree(client)
    node = await _single(client, "PUT", f"trash/{ids['a']}")
    assert (node["id"], node["status"], node["exclusivelyTrashed"]) == (ids["a"], "TRASH", True)
    assert (await _status(client, ids))["x"] == "TRASH"
    node = await _single(client, "POST", f"trash/{ids['a']}/restore")
    assert (node["id"], node["status"]) == (ids["a"], "AVAILABLE")
    assert set((await _status(client, ids)).values()) == {"AVAILABLE"}
    await _single(client, "PUT", "trash/nothing", 404)
    await _single(client, "POST", "trash/nothing/restore", 404)
    await _single(client, "PUT", f"trash/{await client.root()}", 403)


async def test_one_node_is_restored_under_another_name_only_when_asked(client):
    ids = await _tree(client)
    await _single(client, "PUT", f"trash/{ids['y']}")
    taken = (await client.upload("y.txt", b"new", parent=ids["a"]))["id"]
    body = await _single(client, "POST", f"trash/{ids['y']}/restore", 409)
    assert body["info"] == {"nodeId": taken}
    node = await _single(client, "POST", f"trash/{ids['y']}/restore", conflictResolution="RENAME")
    assert node["name"] == "y (1).txt"


async def test_a_node_in_two_folders_leaves_both_and_returns_to_both(client):
    ids = await _tree(client)
    other = await client.folder("other")
    await client.patch(f"nodes/{other}/children", op="add", value=[ids["x"]])
    await client.trash(ids["x"])
    assert await client.names(f"nodes/{ids['b']}/children") == await client.names(f"nodes/{other}/children") == []
    node = await _single(client, "POST", f"trash/{ids['x']}/restore")
    assert set(node["parents"]) == {ids["b"], other}
    assert (
        await client.names(f"nodes/{ids['b']}/children") == await client.names(f"nodes/{other}/children") == ["x.txt"]
    )


async def test_a_status_and_a_free_name_may_come_together(client):
    ids = await _tree(client)
    await client.trash(ids["y"])
    await client.upload("y.txt", b"new", parent=ids["a"])
    await _single(client, "PATCH", f"nodes/{ids['y']}", 409, status="AVAILABLE")
    assert (await client.get(f"nodes/{ids['y']}"))["status"] == "TRASH"
    node = await _single(client, "PATCH", f"nodes/{ids['y']}", status="AVAILABLE", name="z.txt")
    assert (node["status"], node["name"]) == ("AVAILABLE", "z.txt")


async def test_a_status_and_another_folder_may_come_together(client):
    ids = await _tree(client)
    await client.trash(ids["y"])
    node = await _single(client, "PATCH", f"nodes/{ids['y']}", status="AVAILABLE", parents=[ids["b"]])
    assert (node["status"], node["parents"]) == ("AVAILABLE", [ids["b"]])


async def test_a_refused_change_leaves_the_status(client):
    ids = await _tree(client)
    await _single(client, "PATCH", f"nodes/{ids['y']}", 400, status="TRASH", labels="x")
    assert (await client.get(f"nodes/{ids['y']}"))["status"] == "AVAILABLE"


DAY = 86_400_000


async def test_what_was_trashed_thirty_days_ago_is_gone(client):
    ids = await _tree(client)
    await client.trash(ids["x"])
    client.store.clock.advance(29 * DAY)
    await client.trash(ids["y"])
    assert await client.names("trash") == ["x.txt", "y.txt"]
    client.store.clock.advance(2 * DAY)
    assert await client.names("trash") == ["y.txt"]
    await client.get(f"nodes/{ids['x']}", 404)
    assert len(client.store.blobs.every()) == 1
    client.store.clock.advance(30 * DAY)
    assert await client.names("trash") == []
    assert check_store(client.store) == []


async def test_a_folder_goes_with_all_that_was_trashed_with_it(client):
    ids = await _tree(client)
    await client.trash(ids["a"])
    client.store.clock.advance(15 * DAY)
    await client.patch(f"nodes/{ids['a']}", name="renamed in the trash")
    client.store.clock.advance(16 * DAY)
    assert len(await client.names("trash")) == 4
    client.store.clock.advance(15 * DAY)
    assert await client.names("trash") == []
    assert client.store.blobs.every() == []
    assert check_store(client.store) == []


async def test_the_living_are_never_too_old(client):
    ids = await _tree(client)
    client.store.clock.advance(1000 * DAY)
    await client.names("trash")
    assert set((await _status(client, ids)).values()) == {"AVAILABLE"}


async def test_a_part_of_an_old_folder_that_is_alive_elsewhere_stays(client):
    ids = await _tree(client)
    other = await client.folder("other")
    await client.patch(f"nodes/{other}/children", op="add", value=[ids["x"]])
    await client.trash(ids["a"])
    client.store.clock.advance(31 * DAY)
    assert await client.names("trash") == []
    assert (await client.get(f"nodes/{ids['x']}"))["parents"] == [other]
    assert check_store(client.store) == []


async def test_the_time_in_the_trash_is_looked_at_when_a_store_is_opened(data):
    store = open_store(data)
    with store.write() as write:
        folder = nodes.insert(write, kind="FOLDER", name="old", parents=[nodes.root_id(write)])
        trash.trash(write, folder)
        write.execute("UPDATE nodes SET modified = modified - ? WHERE id = ?", (31 * DAY, folder))
    store.close()
    app = create_app(data)
    with app.state.store.read() as connection:
        assert connection.execute("SELECT 1 FROM nodes WHERE id = ?", (folder,)).fetchone() is None
    app.state.store.close()


async def test_the_trash_may_keep_things_for_ever_or_shorter(client):
    ids = await _tree(client)
    await client.trash(ids["x"])
    trash.set_rules(client.store, trash.Rules(retention_days=0))
    client.store.clock.advance(1000 * DAY)
    assert await client.names("trash") == ["x.txt"]
    trash.set_rules(client.store, trash.Rules(retention_days=1))
    assert await client.names("trash") == []


async def test_a_strict_purge_takes_only_what_is_in_the_trash(client):
    ids = await _tree(client)
    trash.set_rules(client.store, trash.Rules(strict_purge=True))
    assert await client.post("bulk/nodes/purge", nodeIds=[ids["x"]]) == {"errorMap": {ids["x"]: 400}}
    await client.trash(ids["x"])
    assert await client.post("bulk/nodes/purge", nodeIds=[ids["x"]]) == {"errorMap": {}}


async def test_what_is_shared_is_trashed_with_its_folder(client):
    """A share is a list of nodes, and no place where they could stay."""
    ids = await _tree(client)
    with client.store.write() as write:
        share = nodes.insert(write, kind="SHARED_COLLECTION", name="share", parents=[])
        nodes.add_edge(write, share, "SHARED_COLLECTION", ids["x"], "x.txt", live=True)
    await client.trash(ids["a"])
    assert (await client.get(f"nodes/{ids['x']}"))["status"] == "TRASH"
    await client.trash(share)
    await client.restore(ids["a"])
    assert (await client.get(f"nodes/{ids['x']}"))["status"] == "AVAILABLE"


async def test_a_live_photo_goes_with_its_film(client, jpeg):
    still = (await client.upload("live.jpg", jpeg()))["id"]
    query = {"name": "live.mov", "kind": "ASSET", "assetType": "LIVE_VIDEO", "parentNodeId": still}
    film = (await client.call("POST", "/v2/upload", 201, params=query, content=b"film"))["id"]
    await client.trash(still)
    assert (await client.get(f"nodes/{film}"))["status"] == "TRASH"
    client.store.clock.advance(31 * DAY)
    assert await client.names("trash") == []
    await client.get(f"nodes/{film}", 404)
    assert client.store.blobs.every() == []
    assert check_store(client.store) == []


async def test_what_lies_very_deep_in_the_trash_comes_back(client):
    top = cursor = await client.folder("top")
    with client.store.write() as write:
        for _ in range(1200):
            cursor = nodes.insert(write, kind="FOLDER", name="d", parents=[cursor])
    await client.trash(top)
    await client.restore(cursor)
    assert (await client.get(f"nodes/{top}"))["status"] == "AVAILABLE"
    assert check_store(client.store) == []
