from __future__ import annotations

import io
import itertools
import re

import pytest
from PIL import Image
from starlette.routing import Route

from ap_remote_emulator.library.check import check_store

WRONG = "\N{LATIN SMALL LETTER E WITH ACUTE}"


class World:
    """A library of which a part is shared: by a plain link, and with a group."""

    def __init__(self, client):
        self.client = client
        self.inside = {}
        self.outside = {}
        self.plain = {}
        self.group = {}

    async def share(self, *ids, **order):
        body = {"share": {"nodeIds": list(ids), **order}}
        return (await self.client.call("POST", "/_internal/seed", json=body))["share"]

    async def read(self, path, status=200, **query):
        answer = await self.client.stranger.get(path, params={"resourceVersion": "V2", **query})
        assert answer.status_code == status, f"{path}: {answer.status_code}: {answer.text[:300]}"
        return answer

    async def children(self, node_id, **query):
        answer = await self.read(f"/drive/v1/nodes/{node_id}/children", shareId=self.plain["shareId"], **query)
        return {node["name"]: node["id"] for node in answer.json()["data"]}


@pytest.fixture
async def world(client, jpeg):
    world = World(client)
    folder = await client.folder("Trip")
    deep = await client.folder("Deep", folder)
    album = await client.album("Best")
    for seed, (name, parent) in enumerate([("a.jpg", folder), ("b.jpg", deep), ("c.jpg", ""), ("d.jpg", "")]):
        node = await client.upload(name, jpeg(seed=seed, size=(200, 100)), parent=parent)
        world.inside[name] = node["id"]
    live = await client.upload("d.mov", b"a film", parent=world.inside["d.jpg"], kind="ASSET", assetType="LIVE_VIDEO")
    gone = await client.upload("gone.jpg", jpeg(seed=8), parent=folder)
    await client.trash(gone["id"])
    secret = await client.upload("secret.jpg", jpeg(seed=9), parent=await client.folder("Private"))
    await client.patch(f"nodes/{album}/children", op="add", value=[world.inside["c.jpg"]])
    world.inside |= {"Trip": folder, "Deep": deep, "Best": album, "d.mov": live["id"]}
    listed = (await client.get("nodes", filters="kind:FOLDER", limit=200))["data"]
    world.outside = {node.get("name", "root"): node["id"] for node in listed if node["id"] not in (folder, deep)}
    world.outside |= {"gone.jpg": gone["id"], "secret.jpg": secret["id"]}
    shared = (folder, album, world.inside["d.jpg"])
    world.plain = await world.share(*shared, name="Our trip")
    world.group = await world.share(*shared, name="Our group", group=True)
    return world


async def test_a_share_tells_what_it_is_without_cookies(world):
    share_id = world.plain["shareId"]
    found = (await world.read(f"/drive/v1/shares/{share_id}", shareId=share_id)).json()
    assert set(found) == {"shareId", "shareURL", "nodeInfo", "creationDate", "statusCode"}
    assert found["shareId"] == share_id
    assert found["shareURL"] == f"http://photos.test/photos/share/{share_id}"
    assert found["statusCode"] == 200
    info = found["nodeInfo"]
    assert (info["id"], info["kind"], info["name"]) == (world.plain["nodeId"], "SHARED_COLLECTION", "Our trip")
    assert set(info) == {"id", "kind", "name", "version", "createdDate", "modifiedDate"}


async def test_a_share_is_descended_through_folders_and_albums(world):
    top = await world.children(world.plain["nodeId"])
    assert set(top) == {"Trip", "Best", "d.jpg"}
    assert set(await world.children(top["Trip"])) == {"Deep", "a.jpg"}
    assert set(await world.children(world.inside["Deep"])) == {"b.jpg"}
    assert set(await world.children(top["Best"])) == {"c.jpg"}
    assert set(await world.children(top["d.jpg"])) == {"d.mov"}


async def test_what_is_shared_says_so_and_nothing_else_does(world):
    node = await world.client.get(f"nodes/{world.inside['d.jpg']}")
    assert node["isShared"] is True
    assert set(node["parentMap"]["SHARED_COLLECTION"]) == {world.plain["nodeId"], world.group["nodeId"]}
    assert world.plain["nodeId"] not in node["parents"]
    assert (await world.client.get(f"nodes/{world.outside['secret.jpg']}"))["isShared"] is False
    assert check_store(world.client.store) == []


async def test_a_link_reads_nodes_originals_thumbnails_and_renditions(world):
    node_id, share_id = world.inside["b.jpg"], world.plain["shareId"]
    original = await world.client.content(node_id)
    node = (await world.read(f"/drive/v1/nodes/{node_id}", shareId=share_id)).json()
    assert node["name"] == "b.jpg"
    assert (await world.read(f"/cdproxy/nodes/{node_id}", shareId=share_id)).content == original
    assert (await world.read(f"/cdproxy/nodes/{node_id}/content", shareId=share_id)).content == original
    small = await world.read(f"/v1/thumbnail/{node_id}", shareId=share_id, viewBox="50", ownerId=node["ownerId"])
    assert Image.open(io.BytesIO(small.content)).size == (50, 25)
    path = f"/drive/v1/nodes/{node_id}/contentRedirection"
    redirect = await world.read(path, 302, shareId=share_id, querySuffix="?download=true")
    assert (await world.client.stranger.get(redirect.headers["location"])).content == original


async def test_a_temporary_link_of_a_shared_node_works(world):
    node_id = world.inside["a.jpg"]
    node = await world.read(f"/drive/v1/nodes/{node_id}", shareId=world.plain["shareId"], tempLink="true")
    answer = await world.client.stranger.get(node.json()["tempLink"])
    assert answer.content == await world.client.content(node_id)


def _paths(app, node_id):
    """Every path of the service, with *node_id* wherever a path has a variable part."""
    for route in app.routes:
        assert isinstance(route, Route)
        if not route.path.startswith(("/_internal/", "/content/signed/", "/auth/", "/ap/")):
            for method in sorted(route.methods - {"OPTIONS"}):
                yield method, re.sub(r"\{\w+\}", node_id, route.path)


@pytest.mark.parametrize("door", ["plain", "group"])
async def test_a_link_opens_nothing_outside_it_on_any_path_of_the_service(world, door):
    token = getattr(world, door)
    query = {"groupShareToken": token["groupShareToken"]} if door == "group" else {"shareId": token["shareId"]}
    other = world.group if door == "plain" else world.plain
    for node_id in (*world.outside.values(), other["nodeId"], other["shareId"], "unknown", "..", WRONG):
        for method, path in _paths(world.client.app, node_id):
            answer = await world.client.stranger.request(method, path, params={"resourceVersion": "V2", **query})
            assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize("door", ["plain", "group"])
async def test_a_link_only_reads_and_only_what_names_a_node(world, door):
    token = getattr(world, door)
    query = {"groupShareToken": token["groupShareToken"]} if door == "group" else {"shareId": token["shareId"]}
    opened = set()
    for method, path in _paths(world.client.app, world.inside["a.jpg"]):
        answer = await world.client.stranger.request(method, path, params={"resourceVersion": "V2", **query}, json={})
        if answer.status_code != 401:
            opened.add((method, path.replace(world.inside["a.jpg"], "*")))
    reads = ["/drive/v1/nodes/*", "/drive/v1/nodes/*/children", "/drive/v1/nodes/*/contentRedirection"]
    reads += ["/v1/thumbnail/*", "/cdproxy/nodes/*", "/cdproxy/nodes/*/content"]
    assert opened == set(itertools.product(["GET", "HEAD"], reads))


async def test_no_filter_shows_what_was_trashed_out_of_a_share(world):
    folder = world.inside["Trip"]
    for filters in ("status:TRASH", "status:(TRASH* OR AVAILABLE*)", "name:gone*", "status:(AVAILABLE*)"):
        assert "gone.jpg" not in await world.children(folder, filters=filters)
    assert set(await world.children(folder, filters="status:(AVAILABLE*)")) == {"Deep", "a.jpg"}
    root = world.outside["root"]
    everything = await world.children(folder, filters=f"parents:{root} AND kind:FOLDER")
    assert everything == {}


async def test_what_leaves_a_share_can_no_longer_be_read(world):
    share_id, node_id = world.plain["shareId"], world.inside["b.jpg"]
    await world.client.trash(world.inside["Deep"])
    await world.read(f"/drive/v1/nodes/{node_id}", 401, shareId=share_id)
    await world.read(f"/v1/thumbnail/{node_id}", 401, shareId=share_id)
    album, member = world.inside["Best"], world.inside["c.jpg"]
    await world.read(f"/drive/v1/nodes/{member}", shareId=share_id)
    await world.client.patch(f"nodes/{album}/children", op="remove", value=[member])
    await world.read(f"/drive/v1/nodes/{member}", 401, shareId=share_id)


async def test_a_share_is_over_once_its_node_is_trashed_and_leaves_what_it_held_alone(world):
    share_id = world.plain["shareId"]
    await world.client.trash(world.plain["nodeId"])
    await world.read(f"/drive/v1/shares/{share_id}", 401, shareId=share_id)
    await world.read(f"/drive/v1/nodes/{world.inside['a.jpg']}", 401, shareId=share_id)
    await world.client.get(f"shares/{share_id}", 404)
    assert (await world.client.get(f"nodes/{world.inside['Trip']}"))["status"] == "AVAILABLE"
    assert check_store(world.client.store) == []


async def test_the_owner_sees_a_share_too(world):
    assert (await world.client.get(f"shares/{world.plain['shareId']}"))["nodeInfo"]["name"] == "Our trip"
    await world.client.get("shares/unknown", 404)


async def test_one_share_does_not_open_another_page(world, jpeg):
    lone = await world.client.upload("lone.jpg", jpeg(seed=30))
    other = await world.share(lone["id"])
    await world.read(f"/drive/v1/shares/{other['shareId']}", 401, shareId=world.plain["shareId"])
    await world.read(f"/drive/v1/nodes/{lone['id']}", 401, shareId=world.plain["shareId"])
    await world.read(f"/drive/v1/nodes/{lone['id']}", shareId=other["shareId"])


async def test_a_group_searches_only_what_it_has(world):
    group_id = world.group["shareId"]
    query = {"searchContext": "groups", "groupShareToken": world.group["groupShareToken"]}
    page = (await world.read(f"/drive/v1/search/groups/{group_id}", **query)).json()
    assert {node["name"] for node in page["data"]} == {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "Best"}
    assert {row["match"]: row["count"] for row in page["aggregations"]["type"]} == {"PHOTOS": 4, "ALBUMS": 1}
    for tricks in ({"filters": "name:(secret*)"}, {"filters": "name:(gone*)"}):
        assert (await world.read(f"/drive/v1/search/groups/{group_id}", **query, **tricks)).json()["count"] == 0
    wide = await world.read(f"/drive/v1/search/groups/{group_id}", **{**query, "searchContext": "all"})
    assert wide.json()["count"] == 5


async def test_a_group_reads_thumbnails_and_originals(world):
    token, node_id = world.group["groupShareToken"], world.inside["c.jpg"]
    small = await world.read(f"/v1/thumbnail/{node_id}", groupShareToken=token, viewBox="40,40")
    assert Image.open(io.BytesIO(small.content)).size == (40, 20)
    path = f"/drive/v1/nodes/{node_id}/contentRedirection"
    redirect = await world.read(path, 302, groupShareToken=token)
    assert (await world.client.stranger.get(redirect.headers["location"])).status_code == 200


async def test_a_wrong_secret_opens_nothing(world):
    group_id, secret = world.group["groupShareToken"].split(".")
    for token in (
        f"{group_id}.{secret[:-1]}",
        f"{group_id}.",
        group_id,
        f".{secret}",
        f"{group_id}.{WRONG}",
        f"x.{secret}",
    ):
        await world.read(f"/drive/v1/search/groups/{group_id}", 401, searchContext="groups", groupShareToken=token)
        await world.read(f"/v1/thumbnail/{world.inside['a.jpg']}", 401, groupShareToken=token)
    await world.read(f"/v1/thumbnail/{world.inside['a.jpg']}", 401, shareId=group_id)
    await world.read(f"/drive/v1/shares/{group_id}", 401, shareId=group_id)


async def test_a_plain_share_is_no_group(world):
    share_id = world.plain["shareId"]
    await world.read(f"/drive/v1/search/groups/{share_id}", 401, shareId=share_id)
    await world.read(f"/drive/v1/search/groups/{share_id}", 401, groupShareToken=f"{share_id}.")
    await world.client.get(f"search/groups/{share_id}", 404)


async def test_the_owner_searches_all_groups_at_once(world):
    assert {node["name"] for node in (await world.client.get("search", searchContext="groups"))["data"]} == {
        *("a.jpg", "b.jpg", "c.jpg", "d.jpg", "Best"),
    }


async def test_of_two_tokens_the_last_counts_for_everybody(world):
    query = [("shareId", world.plain["shareId"]), ("shareId", "wrong")]
    path = f"/drive/v1/nodes/{world.inside['a.jpg']}"
    assert (await world.client.stranger.get(path, params=query)).status_code == 401
    assert (await world.client.stranger.get(path, params=query[::-1])).status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"nodeIds": ["unknown"]},
        {"nodeIds": ["root"]},
        {"nodeIds": ["gone"]},
        {"nodeIds": ["fine"], "shareId": "a.b"},
        {"nodeIds": ["fine"], "shareId": "a/b"},
        {"nodeIds": ["fine"], "name": "x/y"},
    ],
)
async def test_what_cannot_be_shared_is_refused(world, order):
    known = {"root": world.outside["root"], "gone": world.outside["gone.jpg"], "fine": world.inside["a.jpg"]}
    ids = [known.get(each, each) for each in order.get("nodeIds", [])]
    answer = await world.client.http.post("/_internal/seed", json={"share": {**order, "nodeIds": ids}})
    assert answer.status_code in (400, 404)


async def test_a_share_may_be_given_its_id_and_its_secret_once(world):
    order = {"shareId": "mine", "secret": "known", "group": True}
    shared = await world.share(world.inside["a.jpg"], **order)
    assert shared["groupShareToken"] == "mine.known"
    again = {"share": {"nodeIds": [world.inside["a.jpg"]], **order}}
    await world.client.call("POST", "/_internal/seed", 400, json=again)


async def test_what_opens_a_share_does_not_show_in_a_repr(world):
    from ap_remote_emulator.library import shares
    from ap_remote_emulator.seed import ShareOrder

    with world.client.store.read() as connection:
        share = shares.find_share(connection, world.group["shareId"])
    shown = repr(share) + repr(ShareOrder(share_id=share.id, secret=share.secret))
    assert share.secret not in shown
    assert share.id not in shown
