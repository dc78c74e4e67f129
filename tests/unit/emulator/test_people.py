from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote_emulator.library import open_store, people
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.nodes import insert, make_path, set_tags
from tests.unit.emulator.pictures import faces, packet, picture


@pytest.fixture
async def library(client):
    """Ada on two photographs, Grace on one of them and on a third, a stranger on the last."""
    for seed, names in enumerate([["Ada", "Grace"], ["Ada"], ["Grace"], [None]]):
        await client.upload(f"{seed}.jpg", picture(packet(faces(*names)), seed=seed))
    return client


async def _clusters(client):
    rows = (await client.get("search/aggregation", category="allPeople"))["aggregations"]
    return {row["searchData"].get("clusterName"): row for row in rows}


async def _named(client, filters):
    return await client.names("search", filters=filters)


async def test_a_name_in_a_file_is_a_cluster_and_the_same_name_the_same_one(library):
    found = await _clusters(library)
    assert {name: row["count"] for name, row in found.items()} == {"Ada": 2, "Grace": 2, None: 1}
    assert await _named(library, f"people:({found['Ada']['value']})") == ["0.jpg", "1.jpg"]
    assert await _named(library, f"clusterId:({found[None]['value']})") == ["3.jpg"]


async def test_people_are_joined_by_and_and_or(library):
    found = await _clusters(library)
    ada, grace = found["Ada"]["value"], found["Grace"]["value"]
    assert await _named(library, f"people:({ada} AND {grace})") == ["0.jpg"]
    assert await _named(library, f"people:({ada} OR {grace})") == ["0.jpg", "1.jpg", "2.jpg"]
    assert await _named(library, f"people:({ada}) AND people:({grace})") == ["0.jpg"]
    assert await _named(library, f"people:({ada}) AND name:(1.jpg)") == ["1.jpg"]


async def test_a_cluster_id_is_compared_exactly(library):
    ada = (await _clusters(library))["Ada"]["value"]
    assert await _named(library, f"people:({ada.swapcase()})") == []


async def test_all_three_categories_list_the_same_people_inline_and_alone(library):
    inline = (await library.get("search", limit=1))["aggregations"]
    for category in ("allPeople", "people", "clusterId"):
        alone = (await library.get("search/aggregation", category=category))["aggregations"]
        assert [row["match"] for row in inline[category]] == [row["value"] for row in alone]
        assert all(row["searchData"]["clusterId"] == row["match"] for row in inline[category])


async def test_a_cluster_is_given_another_name(library):
    ada = (await _clusters(library))["Ada"]["value"]
    body = {"sourceCluster": ada, "newName": "Ada Lovelace", "context": "customer", "resourceVersion": "V2"}
    answer = await library.call("PUT", "/drive/v1/cluster/name", json=body)
    assert answer == {"clusterId": ada, "clusterName": "Ada Lovelace"}
    assert (await _clusters(library))["Ada Lovelace"]["value"] == ada


async def test_a_file_with_the_new_name_goes_to_the_renamed_cluster(library):
    ada = (await _clusters(library))["Ada"]["value"]
    await library.call("PUT", "/drive/v1/cluster/name", json={"sourceCluster": ada, "newName": "Augusta"})
    await library.upload("4.jpg", picture(packet(faces("AUGUSTA")), seed=4))
    assert (await _clusters(library))["Augusta"]["count"] == 3


async def test_clusters_are_joined_and_only_the_first_is_left(library):
    found = await _clusters(library)
    grace, nobody = found["Grace"]["value"], found[None]["value"]
    answer = await library.post("cluster", clusterIds=[grace, nobody], newName="Grace Hopper", context="customer")
    assert answer == {"clusterId": grace, "clusterName": "Grace Hopper"}
    found = await _clusters(library)
    assert {name: row["count"] for name, row in found.items()} == {"Ada": 2, "Grace Hopper": 3}
    assert await _named(library, f"people:({grace})") == ["0.jpg", "2.jpg", "3.jpg"]
    assert await _named(library, f"people:({nobody})") == []
    await library.call("PUT", "/drive/v1/cluster/name", 404, json={"sourceCluster": nobody, "newName": "x"})


async def test_joining_two_people_of_one_photograph_counts_it_once(library):
    found = await _clusters(library)
    await library.post("cluster", clusterIds=[found["Ada"]["value"], found["Grace"]["value"]], newName="Both")
    assert (await _clusters(library))["Both"]["count"] == 3


async def test_a_join_with_an_unknown_cluster_changes_nothing(library):
    found = await _clusters(library)
    body = await library.post("cluster", 404, clusterIds=[found["Ada"]["value"], "nobody"], newName="x")
    assert body["code"] == "CLUSTER_NOT_FOUND"
    assert await _clusters(library) == found


async def test_a_photograph_stands_for_a_cluster_until_it_is_not_to_be_seen(library):
    nodes = {node["name"]: node["id"] for node in (await library.get("search"))["data"]}
    ada = (await _clusters(library))["Ada"]["value"]
    for name in ("0.jpg", "1.jpg"):
        body = {"clusterId": ada, "nodeId": nodes[name]}
        assert (await library.call("PUT", f"/drive/v1/cluster/hero/{ada}", json=body))["nodeId"] == nodes[name]
        row = (await _clusters(library))["Ada"]
        assert row["nodeId"] == row["searchData"]["nodeId"] == nodes[name]
    await library.trash(nodes["1.jpg"])
    assert (await _clusters(library))["Ada"]["nodeId"] == nodes["0.jpg"]


async def test_a_hero_must_show_the_person(library):
    nodes = {node["name"]: node["id"] for node in (await library.get("search"))["data"]}
    ada = (await _clusters(library))["Ada"]["value"]
    path = f"/drive/v1/cluster/hero/{ada}"
    await library.call("PUT", path, 400, json={"clusterId": ada, "nodeId": nodes["3.jpg"]})
    await library.call("PUT", path, 400, json={"clusterId": "another", "nodeId": nodes["0.jpg"]})
    await library.call("PUT", path, 404, json={"clusterId": ada, "nodeId": "unknown"})
    await library.call("PUT", "/drive/v1/cluster/hero/nobody", 404, json={"nodeId": nodes["0.jpg"]})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "cluster/name", {}),
        ("PUT", "cluster/name", {"sourceCluster": "x"}),
        ("PUT", "cluster/name", {"sourceCluster": "x", "newName": "  "}),
        ("PUT", "cluster/name", {"sourceCluster": "x", "newName": 7}),
        ("PUT", "cluster/name", {"sourceCluster": ["x"], "newName": "y"}),
        ("PUT", "cluster/name", {"sourceCluster": "x", "newName": "y" * 257}),
        ("PUT", "cluster/name", {"sourceCluster": "x", "newName": "y", "context": "nobody"}),
        ("POST", "cluster", {"newName": "y"}),
        ("POST", "cluster", {"clusterIds": "x", "newName": "y"}),
        ("POST", "cluster", {"clusterIds": ["x"], "newName": "y"}),
        ("POST", "cluster", {"clusterIds": ["x", "x"], "newName": "y"}),
        ("POST", "cluster", {"clusterIds": ["x", "z"]}),
        ("PUT", "cluster/hero/x", {}),
        ("PUT", "cluster/hero/x", {"nodeId": 1}),
    ],
)
async def test_a_body_that_makes_no_sense_is_400(client, method, path, body):
    answer = await client.call(method, f"/drive/v1/{path}", 400, json=body)
    assert answer["message"]


async def test_an_unknown_cluster_is_404(client):
    await client.call("PUT", "/drive/v1/cluster/name", 404, json={"sourceCluster": "x", "newName": "y"})


async def test_people_need_credentials(client):
    for method, path in (("PUT", "name"), ("PUT", "hero/x"), ("POST", "")):
        answer = await client.stranger.request(method, f"/drive/v1/cluster/{path}".rstrip("/"), json={})
        assert answer.status_code == 401


async def test_other_bytes_bring_other_people_and_leave_no_nameless_cluster_behind(client):
    node = await client.upload("a.jpg", picture(packet(faces("Ada", None, None))))
    other = picture(packet(faces("Grace")), seed=9)
    await client.call("PUT", f"/v2/upload/{node['id']}", content=other)
    assert set(await _clusters(client)) == {"Grace"}
    with client.store.read() as connection:
        assert {row["name"] for row in connection.execute("SELECT name FROM people")} == {"Ada", "Grace"}


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("join"), st.lists(st.integers(0, 5), min_size=2, max_size=4, unique=True)),
            st.tuples(st.just("name"), st.lists(st.integers(0, 5), min_size=1, max_size=1)),
        ),
        max_size=8,
    ),
)
def test_joining_keeps_every_photograph_of_everybody(tmp_path_factory, steps):
    store = open_store(tmp_path_factory.mktemp("store"))
    with store.write() as write:
        folder = make_path(write, "Pictures")
        clusters = people.make(write, [f"person {number}" for number in range(6)])
        shown = {}
        for number in range(8):
            node = insert(write, kind="FILE", name=f"{number}.jpg", parents=[folder], media="PHOTOS")
            on_it = {clusters[number % 6], clusters[number * 5 % 6]}
            set_tags(write, node, people.PERSON, sorted(on_it))
            for each in on_it:
                shown.setdefault(each, set()).add(node)
    for verb, numbers in steps:
        ids = [clusters[number] for number in numbers if clusters[number] in shown]
        if verb == "join" and len(ids) > 1:
            people.combine(store, {"clusterIds": ids, "newName": "together"})
            for other in ids[1:]:
                shown[ids[0]] |= shown.pop(other)
        elif verb == "name" and ids:
            people.rename(store, {"sourceCluster": ids[0], "newName": "again"})
    with store.read() as connection:
        rows = connection.execute("SELECT value, node_id FROM tags WHERE category = 'person'").fetchall()
    found = {}
    for cluster, node in rows:
        found.setdefault(cluster, set()).add(node)
    assert found == shown
    assert check_store(store) == []
    store.close()
