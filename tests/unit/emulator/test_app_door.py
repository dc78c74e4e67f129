from __future__ import annotations

import hashlib
import json
import os
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ap_remote_emulator.library.check import check_store

BOUNDARY = "----boundary7"
KIND = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(name, content, *, filename=""):
    file = f'; filename="{filename}"' if filename else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(metadata, content, *, order=("metadata", "content"), end=f"--{BOUNDARY}--\r\n"):
    text = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    parts = {"metadata": part("metadata", text), "content": part("content", content, filename="x")}
    return b"".join(parts[name] for name in order) + end.encode()


async def post(client, metadata, content, status=201, **query):
    files = {"metadata": (None, json.dumps(metadata)), "content": ("ignored.bin", content, "text/plain")}
    return await client.call("POST", "/cdproxy/nodes", status, files=files, params=query)


async def send(client, body, status, path="/cdproxy/nodes", method="POST", **headers):
    return await client.call(method, path, status, content=body, headers={**KIND, **headers})


def clean(client):
    return client.store.blobs.every() == [] and list((client.store.data / "tmp").iterdir()) == []


async def test_a_form_makes_a_file_where_its_metadata_says(client):
    one, two = await client.folder("one"), await client.folder("two")
    metadata = {
        "name": "café.txt",
        "kind": "FILE",
        "parents": [one, two],
        "labels": ["red"],
        "description": "a cup",
        "properties": {"myapp": {"key_1": "value"}},
    }
    content = os.urandom(3_000_000)
    node = await post(client, metadata, content)
    assert (node["name"], node["parents"]) == ("café.txt", [one, two])
    assert (node["labels"], node["description"]) == (["red"], "a cup")
    assert node["properties"] == {"myapp": {"key_1": "value"}}
    assert node["contentProperties"]["md5"] == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert node["contentProperties"]["contentType"] == "text/plain"
    assert await client.content(node["id"]) == content
    assert await client.names(filters="labels:red") == ["café.txt"]
    assert check_store(client.store) == []


@pytest.mark.parametrize("header", ["x-amz-access-token", "authorization"])
async def test_a_token_opens_this_door(client, header):
    token = client.credentials.access_token
    headers = {**KIND, header: f"Bearer {token}" if header == "authorization" else token}
    answer = await client.stranger.post("/cdproxy/nodes", content=form({"name": "a.txt"}, b"a"), headers=headers)
    assert answer.status_code == 201
    target = f"/cdproxy/nodes/{answer.json()['id']}/content"
    assert (await client.stranger.get(target, headers={header: headers[header]})).content == b"a"
    assert (await client.stranger.get(target)).status_code == 401
    assert (await client.stranger.put(target, content=b"b")).status_code == 401


async def test_without_parents_a_form_lands_in_the_root(client):
    assert (await post(client, {"name": "a.txt"}, b"a"))["parents"] == [await client.root()]


async def test_an_empty_file_needs_a_length(client):
    node = await post(client, {"name": "empty.txt"}, b"")
    assert node["contentProperties"]["size"] == 0

    async def chunked():
        yield form({"name": "other.txt"}, b"")

    body = await send(client, chunked(), 411)
    assert body["code"] == "LENGTH_REQUIRED"
    assert await client.names(filters="kind:FILE") == ["empty.txt"]


async def test_a_form_in_chunks_is_read_without_a_length(client):
    whole = form({"name": "a.txt"}, b"hello")

    async def chunked():
        for at in range(0, len(whole), 7):
            yield whole[at : at + 7]

    node = await send(client, chunked(), 201)
    assert await client.content(node["id"]) == b"hello"


async def test_the_same_bytes_twice_need_suppress(client):
    first = await post(client, {"name": "a.txt"}, b"a")
    body = await post(client, {"name": "b.txt"}, b"a", 409)
    assert (body["code"], body["info"]) == ("MD5_DUPLICATE", {"nodeId": first["id"]})
    await post(client, {"name": "b.txt"}, b"a", suppress="deduplication")
    body = await post(client, {"name": "A.txt"}, b"c", 409)
    assert (body["code"], body["info"]) == ("NAME_ALREADY_EXISTS", {"nodeId": first["id"]})


async def test_a_local_id_is_used_once(client):
    first = await post(client, {"name": "a.txt"}, b"a", localId="me")
    body = await post(client, {"name": "b.txt"}, b"b", 409, localId="me")
    assert body["info"] == {"nodeId": first["id"]}


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"not json",
        b"[1]",
        b"\xff",
        {},
        {"name": 5},
        {"name": "a/b"},
        {"name": "a", "kind": "FOLDER"},
        {"name": "a", "parents": "x"},
        {"name": "a", "labels": ["x"] * 11},
        {"name": "a", "description": "x" * 501},
        {"name": "a", "properties": {"app": {"key": 5}}},
        {"name": "a", "properties": {"app": {"bad key": "x"}}},
        {"name": "a", "properties": {"app": {f"k{n}": "x" for n in range(11)}}},
        {"name": "a", "padding": "x" * (1 << 20)},
    ],
)
async def test_senseless_metadata_are_400_and_store_nothing(client, metadata):
    await send(client, form(metadata, b"a"), 400)
    assert clean(client)


async def test_an_unknown_parent_is_404_and_stores_nothing(client):
    await post(client, {"name": "a", "parents": ["nothing"]}, b"a", 404)
    assert clean(client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        form({"name": "a"}, b"x" * 100)[:-60],
        form({"name": "a"}, b"x", end=""),
        form({"name": "a"}, b"x", order=("content", "metadata")),
        form({"name": "a"}, b"x", order=("metadata",)),
        form({"name": "a"}, b"x", order=("content",)),
        form({"name": "a"}, b"x", order=("metadata", "content", "content")),
        form({"name": "a"}, b"x", order=("metadata", "metadata", "content")),
    ],
)
async def test_what_is_no_whole_form_stores_nothing(client, body):
    await send(client, body, 400)
    assert await client.names(filters="kind:FILE") == []
    assert clean(client)


@pytest.mark.parametrize("kind", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 5000}"])
async def test_a_form_that_does_not_tell_its_boundary_is_400(client, kind):
    headers = {"content-type": kind}
    await client.call("POST", "/cdproxy/nodes", 400, content=b"x", headers=headers)
    node = await client.upload("a.txt", b"a")
    await client.call("PUT", f"/cdproxy/nodes/{node['id']}/content", 400, content=b"x", headers=headers)


async def test_a_file_name_that_breaks_parsers_is_ignored(client):
    body = (
        part("metadata", b'{"name": "a.txt"}')
        + (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; '
            'filename="é\\";x=1; name=metadata.txt"\r\n'
            f"Content-Type: image/png\r\n\r\nbytes\r\n--{BOUNDARY}--\r\n"
        ).encode()
    )
    node = await send(client, body, 201)
    assert (node["name"], node["contentProperties"]["contentType"]) == ("a.txt", "text/plain")


async def test_an_overwrite_keeps_the_name_and_counts_the_content(client):
    node = await post(client, {"name": "a.txt", "labels": ["red"]}, b"old")
    path = f"/cdproxy/nodes/{node['id']}/content"
    after = await client.call("PUT", path, 200, files={"content": ("other.jpg", b"new", "image/jpeg")})
    assert (after["id"], after["name"], after["labels"]) == (node["id"], "a.txt", ["red"])
    assert after["contentProperties"]["version"] == node["contentProperties"]["version"] + 1
    assert after["contentProperties"]["extension"] == "txt"
    assert await client.content(node["id"]) == b"new"
    raw = await client.call("PUT", path, 200, content=b"raw", headers={"content-type": "application/octet-stream"})
    assert raw["contentProperties"]["version"] == 3
    assert await client.content(node["id"]) == b"raw"
    assert len(client.store.blobs.every()) == 1
    assert check_store(client.store) == []


async def test_an_overwrite_that_fails_leaves_the_old_content(client):
    node = await post(client, {"name": "a.txt"}, b"old")
    other = await post(client, {"name": "b.txt"}, b"other")
    path = f"/cdproxy/nodes/{node['id']}/content"
    await send(client, form({}, b"new", order=("content",), end=""), 400, path, "PUT")
    await send(client, form({}, b"new", order=("metadata",)), 400, path, "PUT")
    body = await client.call("PUT", path, 409, content=b"other")
    assert body["info"] == {"nodeId": other["id"]}
    await client.call("PUT", "/cdproxy/nodes/nothing/content", 404, content=b"x")
    await client.call("PUT", f"/cdproxy/nodes/{await client.folder('f')}/content", 403, content=b"x")

    async def nothing():
        yield b""

    await client.call("PUT", path, 411, content=nothing())
    assert await client.content(node["id"]) == b"old"
    assert (await client.call("PUT", path, 200, content=b""))["contentProperties"]["size"] == 0
    assert check_store(client.store) == []


async def test_content_has_ranges_and_renditions(client, jpeg):
    photo = jpeg(size=(400, 200))
    node = await post(client, {"name": "a.jpg"}, photo)
    path = f"/cdproxy/nodes/{node['id']}/content"
    answer = await client.http.get(path)
    assert (answer.content, answer.headers["etag"]) == (photo, f'"{node["contentProperties"]["md5"]}"')
    answer = await client.http.get(path, headers={"range": "bytes=2-5"})
    assert (answer.status_code, answer.content) == (206, photo[2:6])
    assert answer.headers["content-range"] == f"bytes 2-5/{len(photo)}"
    answer = await client.http.get(path, headers={"range": f"bytes={len(photo)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(photo)}")
    answer = await client.http.get(path, params={"viewBox": "100"})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content != photo
    assert (await client.http.get(path, params={"viewBox": "0"})).status_code == 400
    assert (await client.http.get("/cdproxy/nodes/nothing/content")).status_code == 404
    head = await client.http.head(path)
    assert (head.headers["content-length"], head.content) == (str(len(photo)), b"")


async def test_a_large_form_never_stands_in_memory(client):
    size = 64 << 20
    start, end = form({"name": "big.bin"}, b"|").split(b"|")

    async def body():
        yield start
        for _ in range(size >> 16):
            yield bytes(1 << 16)
        yield end

    tracemalloc.start()
    try:
        node = await send(client, body(), 201, **{"content-length": str(len(start) + size + len(end))})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert node["contentProperties"]["size"] == size
    assert peak < 16 << 20


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), b"\r\n--", b"x", b"\n"]), max_size=12).map(
            b"".join
        ),
    ).filter(lambda content: f"\r\n--{BOUNDARY}".encode() not in b"\r\n" + content),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
)
async def test_every_content_survives_however_it_is_cut(client, content, cuts):
    whole = form({"name": "a.bin", "properties": {"a": {"b": "c"}}}, content)

    async def pieces():
        at = turn = 0
        while at < len(whole):
            step = cuts[turn % len(cuts)]
            yield whole[at : at + step]
            at, turn = at + step, turn + 1

    node = await send(client, pieces(), 201, **{"content-length": str(len(whole))})
    assert await client.content(node["id"]) == content
    await client.post("bulk/nodes/purge", nodeIds=[node["id"]])
