from __future__ import annotations

import pytest

from ap_remote_emulator.app import create_app
from ap_remote_emulator.library import listing
from ap_remote_emulator.library.views import View
from ap_remote_emulator.seed import seed


async def _walk(client, path, **query):
    found, token = [], {}
    while True:
        page = await client.get(path, **query, **token)
        found += page["data"]
        if "nextToken" not in page:
            return found, page["count"]
        token = {"startToken": page["nextToken"]}


async def test_a_walk_by_token_sees_every_node_once(client):
    seed(client.store, 450, per_folder=100)
    nodes, count = await _walk(client, "nodes", filters="kind:FILE")
    assert count == len(nodes) == 450
    assert len({node["id"] for node in nodes}) == 450


async def test_a_folder_of_many_is_walked_by_token_too(client):
    seed(client.store, 250, folder="Many", per_folder=0)
    folder = (await client.get("nodes", filters="kind:FOLDER AND name:Many"))["data"][0]["id"]
    nodes, count = await _walk(client, f"nodes/{folder}/children", limit=60)
    assert count == len({node["id"] for node in nodes}) == 250


async def test_the_token_alone_is_enough(client):
    seed(client.store, 250)
    first = await client.get("nodes", filters="kind:FILE")
    second = await client.get("nodes", startToken=first["nextToken"])
    assert len(second["data"]) == 50
    assert {node["kind"] for node in second["data"]} == {"FILE"}


async def test_a_token_keeps_its_place_while_the_library_changes(client):
    seed(client.store, 250)
    first = await client.get("nodes", filters="kind:FILE")
    await client.trash(*[node["id"] for node in first["data"][:50]])
    second = await client.get("nodes", startToken=first["nextToken"])
    assert len(second["data"]) == 50
    assert not {node["id"] for node in first["data"]} & {node["id"] for node in second["data"]}


async def test_a_token_survives_a_restart(client, data):
    seed(client.store, 250)
    token = (await client.get("nodes", filters="kind:FILE"))["nextToken"]
    again = create_app(data)
    try:
        reborn = type(client)(again)
        assert len((await reborn.get("nodes", startToken=token))["data"]) == 50
        await reborn.http.aclose()
        await reborn.stranger.aclose()
    finally:
        again.state.store.close()


@pytest.mark.parametrize("token", ["x", "AAAA", "é", "A" * 5000, "=", "%00"])
async def test_a_foreign_token_is_expired(client, token):
    body = await client.get("nodes", 400, startToken=token)
    assert body == {"message": "Next token is expired"}


async def test_a_token_belongs_to_its_listing(client):
    seed(client.store, 250, folder="Many", per_folder=0)
    token = (await client.get("nodes", filters="kind:FILE"))["nextToken"]
    await client.get(f"nodes/{await client.root()}/children", 400, startToken=token)
    await client.get("trash", 400, startToken=token)
    await client.get("nodes", 400, startToken=token, filters="kind:FOLDER")


async def test_offset_or_sort_take_the_token_away(client):
    seed(client.store, 250)
    assert "nextToken" in await client.get("nodes")
    assert "nextToken" not in await client.get("nodes", offset=0)
    assert "nextToken" not in await client.get("nodes", sort="['name ASC']")


async def test_limits_are_clamped_to_200(client):
    seed(client.store, 250)
    assert len((await client.get("nodes", limit=1000))["data"]) == 200
    assert len((await client.get("nodes", limit=7))["data"]) == 7


@pytest.mark.parametrize("path", ["nodes", "trash"])
async def test_there_is_a_wall_at_9999(client, path):
    await client.get(path, offset=9799, limit=200)
    body = await client.get(path, 400, offset=9800, limit=200)
    assert body == {"message": "Offset + limit cannot be greater than 9999"}


async def test_search_has_no_wall(client):
    assert (await client.get("search", offset=20_000))["data"] == []


@pytest.mark.parametrize("query", [{"limit": "x"}, {"limit": 0}, {"offset": -1}, {"offset": "9" * 30}, {"sort": "[x]"}])
async def test_senseless_paging_is_400(client, query):
    await client.get("nodes", 400, **query)


async def test_count_is_the_total_and_follows_every_change(client):
    seed(client.store, 30)
    assert (await client.get("nodes", filters="kind:FILE", limit=3))["count"] == 30
    await client.upload("x.txt", b"x")
    assert (await client.get("nodes", filters="kind:FILE", limit=3))["count"] == 31


async def test_sorting_is_stable_and_complete(client):
    seed(client.store, 120)
    for sort in ("['name DESC']", '["contentProperties.size ASC","name DESC"]', "['createdDate ASC']"):
        seen = []
        for offset in range(0, 120, 50):
            page = await client.get("nodes", filters="kind:FILE", sort=sort, offset=offset, limit=50)
            seen += [node["id"] for node in page["data"]]
        assert len(set(seen)) == 120
    names = [node["name"] for node in (await client.get("nodes", filters="kind:FILE", sort="['name DESC']"))["data"]]
    assert names == sorted(names, reverse=True)


async def test_albums_are_invisible_without_v2(client):
    await client.album("trip")
    seen = await client.call("GET", "/drive/v1/nodes", params={"filters": "name:trip"})
    assert seen["count"] == 0
    assert (await client.get("nodes", filters="name:trip"))["count"] == 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("name:a.txt", ["a.txt"]),
        ("name:A.TXT", ["a.txt"]),
        ("name:a*", ["a b.txt", "a.txt"]),
        ('name:"a b.txt"', ["a b.txt"]),
        ("name:a\\ b.txt", ["a b.txt"]),
        ("name:(a.txt OR it\\'s.txt)", ["a.txt", "it's.txt"]),
        ("kind:(FILE* OR ALBUM*) AND status:(AVAILABLE*)", ["a b.txt", "a.txt", "it's.txt"]),
        ("(kind:FILE) AND (name:a*)", ["a b.txt", "a.txt"]),
        ("kind:FILE AND (name:a.txt OR contentProperties.size:3)", ["a b.txt", "a.txt"]),
        ("contentProperties.size:[2 TO *] AND kind:FILE", ["a b.txt", "it's.txt"]),
        ("contentProperties.size:{1 TO 3}", ["it's.txt"]),
        ("contentProperties.size:>=3", ["a b.txt"]),
        ("contentProperties.extension:txt AND labels:(x AND y)", ["a.txt"]),
        ("labels:x", ["a.txt"]),
        ("labels:z", []),
        ("contentProperties.contentType:text*", ["a b.txt", "a.txt", "it's.txt"]),
        ("settings.favorite:true", ["it's.txt"]),
        ("favorite:(true)", ["it's.txt"]),
        ("settings.hidden:false AND kind:FILE", ["a b.txt", "a.txt", "it's.txt"]),
        ("contentProperties.md5:0CC175B9C0F1B6A831C399E269772661", ["a.txt"]),
        ("createdDate:[2000-01-01T00:00:00.000Z TO *] AND kind:FILE", ["a b.txt", "a.txt", "it's.txt"]),
        ('createdDate:{"2000-01-01T00:00:00.000Z" TO "2001-01-01"}', []),
        ("kind:FILE AND modifiedDate:<2000-01-01", []),
        ("status:TRASH", []),
        ("isRoot:true", [""]),
    ],
)
async def test_drive_filters(client, filters, expected):
    a = (await client.upload("a.txt", b"a"))["id"]
    await client.patch(f"nodes/{a}", labels=["x", "y"])
    await client.upload("a b.txt", b"abc")
    its = (await client.upload("it's.txt", b"ab"))["id"]
    await client.patch(f"nodes/{its}", settings={"favorite": True})
    assert await client.names(filters=filters) == expected


async def test_parents_can_be_asked_for(client):
    folder = await client.folder("f")
    await client.upload("x.txt", b"x", parent=folder)
    assert await client.names(filters=f"parents:{folder}") == ["x.txt"]
    assert await client.names(filters=f"parentIds:{folder} AND kind:FOLDER") == []


@pytest.mark.parametrize(
    "filters",
    [
        *(
            "nonsense",
            "colour:red",
            "kind:",
            "name:(a",
            "size:1",
            "contentProperties.size:x",
            "isRoot:TRUE",
            "name:a*b",
        ),
        "isTrashed:true",
    ],
)
async def test_a_bad_filter_is_400_and_says_where(client, filters):
    body = await client.get("nodes", 400, filters=filters)
    assert body["message"].startswith("Invalid filter: ")
    assert "at character" in body["message"]


async def test_eight_clauses_are_the_most(client):
    await client.get("nodes", filters=" AND ".join(["kind:FILE"] * 8))
    body = await client.get("nodes", 400, filters=" AND ".join(["kind:FILE"] * 9))
    assert "more than 8 clauses" in body["message"]


@pytest.mark.parametrize(
    "hostile",
    [
        "x' OR '1'='1",
        'x" OR "1"="1',
        "x; DROP TABLE nodes; --",
        "x') UNION SELECT secret FROM meta --",
        "%",
        "_",
        "?",
        "\\",
    ],
)
async def test_hostile_text_stays_text(client, hostile):
    await client.upload("plain.txt", b"x")
    quoted = hostile.replace("\\", "\\\\").replace('"', '\\"')
    for field in ("name", "description", "labels", "parents", "kind", "contentProperties.md5"):
        assert (await client.get("nodes", filters=f'{field}:"{quoted}"'))["count"] == 0
    assert (await client.get("search", filters=f'things:("{quoted}") AND location:("{quoted}")'))["count"] == 0
    assert await client.names(filters="kind:FILE") == ["plain.txt"]
    await client.get("nodes", 400, sort=f"['{hostile}']")
    await client.get(f"nodes/{hostile.replace('%', '%25').replace('?', '%3F')}", 404)


async def test_a_token_lives_for_an_hour(client):
    seed(client.store, 250)
    token = (await client.get("nodes", filters="kind:FILE"))["nextToken"]
    await client.call("POST", "/_internal/clock", json={"advanceMs": 3_599_000})
    await client.get("nodes", startToken=token)
    await client.call("POST", "/_internal/clock", json={"advanceMs": 2_000})
    assert await client.get("nodes", 400, startToken=token) == {"message": "Next token is expired"}


@pytest.mark.parametrize(
    "filters",
    [
        "contentProperties.extension:jp*",
        "contentProperties.contentType:image/j*",
        "contentProperties.md5:0cc*",
        "parents:a*",
        "labels:a*",
        "description:a*",
        "createdDate:2020*",
        "name:[a TO b]",
        "kind:[FILE TO FOLDER]",
        "parents:>a",
    ],
)
async def test_prefixes_and_ranges_are_refused_where_the_reference_has_none(client, filters):
    assert (await client.get("nodes", 400, filters=filters))["message"].startswith("Invalid filter: ")


@pytest.mark.parametrize("field", ["parents", "labels", "md5", "contentProperties.md5", "isRoot", "description", ""])
async def test_only_sortable_fields_sort(client, field):
    await client.get("nodes", 400, sort=f"['{field} ASC']")


_MANY = [
    ({"filters": "name:IMG_00001*"}, "nodes_by_name (status=? AND name_key>? AND name_key<?)"),
    ({"filters": "kind:FILE AND name:IMG_00001*"}, "nodes_by_name (status=? AND name_key>? AND name_key<?)"),
    ({"filters": "name:IMG*", "sort": "['name ASC']"}, "nodes_by_name (status=? AND name_key>? AND name_key<?)"),
    ({"filters": "createdDate:[2020-01-01 TO 2020-02-01]"}, "nodes_by_created (status=? AND created>? AND created<?)"),
    ({"filters": "modifiedDate:>2020-01-01"}, "nodes_by_modified (status=? AND modified>?)"),
    (
        {"filters": "kind:FILE AND contentProperties.contentDate:[2020-01-01 TO 2020-02-01]"},
        "nodes_by_date (status=? AND content_date>? AND content_date<?)",
    ),
    ({"filters": "contentProperties.md5:0cc175b9c0f1b6a831c399e269772661"}, "nodes_by_md5 (md5=?)"),
    ({"filters": "isRoot:true"}, "nodes_root (is_root=?)"),
]


def _plans(store, parameters):
    """Return how SQLite would answer the count and the page: plans do not depend on how many nodes there are."""
    asked = []
    store._remembered.clear()
    with store.truth() as connection:
        connection.set_trace_callback(asked.append)
    listing.list_nodes(store, parameters, View())
    with store.truth() as connection:
        connection.set_trace_callback(None)
        return [
            [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            for sql in asked
            if sql.startswith(("SELECT COUNT(*) FROM nodes n", "SELECT n.id FROM nodes n"))
        ]


@pytest.mark.parametrize(("parameters", "index"), _MANY)
def test_counts_and_pages_are_found_by_their_index(client, parameters, index):
    counting, paging = _plans(client.store, parameters)
    for plan in (counting, paging):
        assert plan[0].endswith(f" {index}")
        assert not any(step.startswith("SCAN") for step in plan)
    if index.startswith("nodes_by_") and "md5" not in index:
        assert "COVERING" in counting[0]


@pytest.mark.parametrize("filters", ["name:IMG*", "kind:FILE AND createdDate:[2000-01-01 TO *]"])
def test_what_matches_most_nodes_is_paged_in_their_order(client, filters, monkeypatch):
    monkeypatch.setattr(listing, "WIDE", -1)
    _, paging = _plans(client.store, {"filters": filters})
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in paging)


@pytest.mark.parametrize("filters", ["name:IMG_000*", "kind:FILE AND contentProperties.contentDate:[2015-01-01 TO *]"])
async def test_many_and_few_matches_are_paged_alike(client, filters, monkeypatch):
    seed(client.store, 130)
    few, count = await _walk(client, "nodes", filters=filters, limit=30)
    monkeypatch.setattr(listing, "WIDE", -1)
    assert await _walk(client, "nodes", filters=filters, limit=30) == (few, count)
    assert count == len(few) == 130
