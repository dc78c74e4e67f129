from __future__ import annotations

import pytest

BASE = "/drive/v1/nodes"


async def _put(client, node, path, value, status=201):
    return await client.call("PUT", f"{BASE}/{node}/properties/{path}", status, json={"value": value})


async def test_a_property_is_kept_shown_and_forgotten(client):
    node = (await client.upload("a.txt", b"a"))["id"]
    location = f"http://photos.test{BASE}/{node}/properties/app/colour"
    answer = await _put(client, node, "app/colour", "red")
    assert answer == {"key": "colour", "value": "red", "location": location}
    assert await client.get(f"nodes/{node}/properties/app") == {"count": 1, "data": {"colour": "red"}}
    assert (await client.get(f"nodes/{node}/properties/app/colour"))["value"] == "red"
    assert (await client.get(f"nodes/{node}"))["properties"] == {"app": {"colour": "red"}}
    await _put(client, node, "app/colour", "blue")
    await _put(client, node, "other/colour", "green")
    shown = await client.get(f"nodes/{node}")
    assert shown["properties"] == {"app": {"colour": "blue"}, "other": {"colour": "green"}}
    assert shown["version"] == 4
    gone = await client.http.delete(f"{BASE}/{node}/properties/app/colour")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(f"nodes/{node}"))["properties"] == {"other": {"colour": "green"}}
    await client.call("DELETE", f"{BASE}/{node}/properties/app/colour", 404)
    assert await client.get(f"nodes/{node}/properties/app") == {"count": 0, "data": {}}
    await client.get(f"nodes/{node}/properties/app/colour", 404)


async def test_ten_keys_are_the_most_for_each_owner(client):
    node = await client.folder("f")
    for number in range(10):
        await _put(client, node, f"app/k{number}", "v")
    await _put(client, node, "app/k10", "v", 400)
    await _put(client, node, "app/k9", "again")
    await _put(client, node, "other/k10", "v")
    assert (await client.get(f"nodes/{node}/properties/app"))["count"] == 10


@pytest.mark.parametrize(
    ("key", "value"),
    [("a-b", "v"), ("k" * 51, "v"), ("é", "v"), ("k", "v" * 501), ("k", 5), ("k", None)],
)
async def test_a_property_has_limits(client, key, value):
    node = await client.folder("f")
    await _put(client, node, f"app/{key}", value, 400)
    assert (await client.get(f"nodes/{node}"))["properties"] == {}
    assert (await client.get(f"nodes/{node}"))["version"] == 1


async def test_the_limits_themselves_can_be_reached(client):
    node = await client.folder("f")
    await _put(client, node, "app/" + "k" * 50, "é" * 500)
    assert (await client.get(f"nodes/{node}/properties/app"))["data"] == {"k" * 50: "é" * 500}


@pytest.mark.parametrize("path", ["properties/", "properties", "properties//key"])
async def test_an_empty_owner_is_an_unknown_operation(client, path):
    node = await client.folder("f")
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.http.request(method, f"{BASE}/{node}/{path}")
        assert (answer.status_code, answer.text) == (404, "<UnknownOperationException/>")


async def test_properties_of_no_node_are_404(client):
    await client.get("nodes/AAAAAAAAAAAAAAAAAAAAAA/properties/app", 404)
    await _put(client, "AAAAAAAAAAAAAAAAAAAAAA", "app/k", "v", 404)


async def test_owners_are_limited(client):
    node = await client.folder("f")
    owners = {f"o{number}": {"k": "v"} for number in range(100)}
    await client.patch(f"nodes/{node}", properties=owners)
    await _put(client, node, "one-too-many/k", "v", 400)
    await _put(client, node, "x" * 257 + "/k", "v", 400)
    await _put(client, node, "o0/k2", "v")


async def test_a_location_survives_odd_names(client):
    node = await client.folder("f")
    answer = await client.call("PUT", f"{BASE}/{node}/properties/a%20b%3F/k", 201, json={"value": "v"})
    assert answer["location"].endswith("/properties/a%20b%3F/k")
    assert (await client.call("GET", answer["location"]))["value"] == "v"
