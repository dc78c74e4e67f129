from __future__ import annotations

import pytest

from ap_remote_emulator.app import create_app


async def _script(client, **fault):
    return await client.call("POST", "/_internal/fault", json=fault)


async def test_a_fault_befalls_its_path_its_method_and_its_number_of_requests(client):
    await _script(
        client, path="/drive/v1/nodes*", method="GET", status=429, body='{"message":"Rate exceeded"}', times=2
    )
    await client.get("account/info")
    await client.folder("a")
    for _ in range(2):
        assert await client.get("nodes", 429) == {"message": "Rate exceeded"}
    await client.get("nodes")


async def test_headers_and_html_can_be_scripted(client):
    await _script(client, status=503, body="<html>busy</html>", headers={"Retry-After": "7"})
    answer = await client.http.get("/drive/v1/nodes")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.headers["content-type"] == "text/html"


async def test_requests_can_pass_before_the_fault(client):
    await _script(client, status=401, body='{"Message":"No Auth Method Provided"}', skip=2)
    await client.get("account/info")
    await client.get("account/info")
    await client.get("account/info", 401)
    await client.get("account/info")


async def test_an_upload_can_be_received_and_denied(client):
    await _script(client, path="/cdproxy/*", method="POST", status=504, after=True)
    answer = await client.http.post("/cdproxy/nodes", params={"name": "a.txt"}, content=b"a")
    assert answer.status_code == 504
    assert await client.names(filters="kind:FILE") == ["a.txt"]


async def test_a_download_can_end_too_early(client):
    node = await client.upload("a.txt", b"0123456789")
    await _script(client, path="/cdproxy/*", truncate=4)
    answer = await client.http.get(f"/cdproxy/nodes/{node['id']}")
    assert answer.headers["content-length"] == "10"
    assert answer.content == b"0123"
    assert await client.content(node["id"]) == b"0123456789"


async def test_a_fault_can_only_delay(client):
    await _script(client, delay=0.001)
    await client.get("account/info")


async def test_the_script_can_be_read_and_cleared(client):
    [fault] = await _script(client, status=500, times=-1)
    assert (fault["status"], fault["times"]) == (500, -1)
    for _ in range(3):
        assert (await client.http.get("/drive/v1/account/info")).status_code == 500
    assert await client.call("DELETE", "/_internal/fault") == []
    await client.get("account/info")
    await client.call("POST", "/_internal/fault", 400, json={"colour": "red"})
    await client.call("POST", "/_internal/fault", 400, content=b"{")


@pytest.mark.parametrize("path", ["fault", "behaviour", "reset", "seed", "clock", "check"])
async def test_the_strings_are_hidden_unless_asked_for(tmp_path, client, path):
    app = create_app(tmp_path / "other")
    other = type(client)(app)
    try:
        assert (await other.http.post(f"/_internal/{path}", json={})).status_code == 404
        assert (await other.stranger.get("/_internal/health")).json() == {"status": "ok"}
    finally:
        await other.http.aclose()
        await other.stranger.aclose()
        app.state.store.close()


async def test_seed_makes_as_many_as_asked(client):
    answer = await client.call(
        "POST", "/_internal/seed", json={"count": 25, "folder": "Pictures/Many", "perFolder": 10}
    )
    assert answer == {"nodes": 25, "folders": 3}
    assert (await client.get("nodes", filters="kind:FILE"))["count"] == 25
    assert await client.call("GET", "/_internal/check") == {"faults": []}
    await client.call("POST", "/_internal/seed", 409, json={"count": 1, "folder": "Pictures/Many"})
    await client.call("POST", "/_internal/seed", 400, json={"count": -1})
    node = (await client.get("nodes", filters="kind:FILE"))["data"][0]
    assert node["contentProperties"]["image"]["width"] == 4032
    await client.call("GET", f"/cdproxy/nodes/{node['id']}", 500)


async def test_reset_begins_anew(client):
    await client.upload("a.txt", b"a")
    await client.call("POST", "/_internal/reset")
    assert (await client.get("nodes"))["count"] == 5
    assert client.store.blobs.every() == []
    await client.upload("a.txt", b"a")


async def test_the_clock_can_be_moved(client):
    before = client.store.clock.now()
    answer = await client.call("POST", "/_internal/clock", json={"advanceMs": 86_400_000})
    assert answer["now"] >= before + 86_400_000
