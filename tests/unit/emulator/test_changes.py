from __future__ import annotations

import json

import pytest

from ap_remote_emulator.seed import seed


async def _changes(client, **body):
    answer = await client.http.post("/drive/v1/changes", json=body)
    assert answer.status_code == 200
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1] == {"end": True}
    assert all(line["statusCode"] == 200 for line in lines[:-1])
    return lines[:-1]


def _nodes(lines):
    return [node for line in lines for node in line["nodes"]]


async def test_without_a_checkpoint_everything_comes_once(client):
    seed(client.store, 30)
    lines = await _changes(client, chunkSize=10)
    assert [line["reset"] for line in lines] == [True] + [False] * (len(lines) - 1)
    assert all(len(line["nodes"]) <= 10 for line in lines)
    ids = [node["id"] for node in _nodes(lines)]
    assert len(ids) == len(set(ids)) == 30 + 5 + 2


async def test_after_a_checkpoint_only_what_changed_comes(client):
    a = await client.folder("a")
    checkpoint = (await _changes(client))[-1]["checkpoint"]
    [line] = await _changes(client, checkpoint=checkpoint)
    assert (line["nodes"], line["reset"]) == ([], False)
    await client.patch(f"nodes/{a}", name="b")
    file = (await client.upload("x.txt", b"x", parent=a))["id"]
    await client.trash(file)
    [line] = await _changes(client, checkpoint=checkpoint)
    assert {node["id"]: node["status"] for node in line["nodes"]} == {a: "AVAILABLE", file: "TRASH"}
    assert await client.get(f"nodes/{file}") in line["nodes"]
    [line] = await _changes(client, checkpoint=line["checkpoint"])
    assert line["nodes"] == []


async def test_purged_nodes_come_when_they_are_asked_for(client):
    file = (await client.upload("x.txt", b"x"))["id"]
    checkpoint = (await _changes(client))[-1]["checkpoint"]
    await client.post("bulk/nodes/purge", nodeIds=[file])
    assert _nodes(await _changes(client, checkpoint=checkpoint)) == []
    [node] = _nodes(await _changes(client, checkpoint=checkpoint, includePurged="true"))
    assert (node["id"], node["status"], node["kind"]) == (file, "PURGED", "FILE")


async def test_max_nodes_stops_the_stream_where_it_can_go_on(client):
    seed(client.store, 50)
    seen, checkpoint = [], {}
    while True:
        lines = await _changes(client, maxNodes=20, chunkSize=7, **checkpoint)
        if not _nodes(lines):
            break
        assert len(_nodes(lines)) <= 20
        seen += [node["id"] for node in _nodes(lines)]
        checkpoint = {"checkpoint": lines[-1]["checkpoint"]}
    assert len(seen) == len(set(seen)) == 50 + 5 + 2


@pytest.mark.parametrize("checkpoint", ["nonsense", "", "é", 5])
async def test_an_unknown_checkpoint_resets(client, checkpoint):
    lines = await _changes(client, checkpoint=checkpoint)
    assert lines[0]["reset"] is True
    assert len(_nodes(lines)) == 5


async def test_a_checkpoint_dies_with_the_library(client):
    checkpoint = (await _changes(client))[-1]["checkpoint"]
    await client.call("POST", "/_internal/reset")
    assert (await _changes(client, checkpoint=checkpoint))[0]["reset"] is True


async def test_an_album_member_changes_with_its_album(client):
    album, file = await client.album("x"), (await client.upload("x.txt", b"x"))["id"]
    checkpoint = (await _changes(client))[-1]["checkpoint"]
    await client.patch(f"nodes/{album}/children", op="add", value=[file])
    assert {node["id"] for node in _nodes(await _changes(client, checkpoint=checkpoint))} == {album, file}


@pytest.mark.parametrize("body", [{"chunkSize": 0}, {"maxNodes": "x"}, {"chunkSize": None}])
async def test_senseless_numbers_are_400(client, body):
    await client.call("POST", "/drive/v1/changes", 400, json=body)


async def test_a_body_that_is_no_object_is_400(client):
    await client.call("POST", "/drive/v1/changes", 400, content=b"[1]")
    await client.call("POST", "/drive/v1/changes", 400, content=b"{")
