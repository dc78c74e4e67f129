"""The server as a process, spoken to in plain JSON: what a host does, without any SDK on this side."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from base64 import b64decode
from contextlib import asynccontextmanager
from io import BytesIO

import httpx
import pytest
from PIL import Image

from ap_remote.config import load
from ap_remote.connect import connect

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "wire", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
ASKS = META | {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
PATIENCE = 60


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@asynccontextmanager
async def process(*arguments):
    """Run the server and end it by closing its input, as hosts do."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ap_remote_mcp",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
        limit=1 << 24,
    )
    try:
        yield server
    finally:
        if server.returncode is None:
            server.stdin.close()
            try:
                await asyncio.wait_for(server.wait(), PATIENCE)
            except TimeoutError:
                server.kill()
                raise
        server._transport.close()


class Wire:
    """Newline-separated JSON."""

    def __init__(self, server):
        self.server = server
        self.count = 0
        self.raw = ""

    async def send(self, message):
        self.server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self.server.stdin.drain()

    async def receive(self):
        line = await asyncio.wait_for(self.server.stdout.readline(), PATIENCE)
        assert line, (await self.server.stderr.read()).decode()
        self.raw += line.decode()
        return json.loads(line)

    async def ask(self, method, **params):
        self.count += 1
        await self.send({"id": self.count, "method": method, "params": params})
        while (answer := await self.receive()).get("id") != self.count:
            pass
        return answer

    async def call(self, name, arguments, *, meta=META, **more):
        answer = await self.ask("tools/call", name=name, arguments=arguments, _meta=meta, **more)
        return answer["result"]


def jpeg(color):
    stream = BytesIO()
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2023:07:20 08:15:00"}
    Image.new("RGB", (320, 240), color).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


async def test_a_new_client_needs_no_handshake_and_nothing_but_the_protocol_comes(home):
    async with process("memory:") as server:
        wire = Wire(server)
        listed = await wire.ask("tools/list", _meta=META)
        names = [tool["name"] for tool in listed["result"]["tools"]]
        status = await wire.call("photos_status", {})
        refused = await wire.call("photos_trash", {"ids": ["x"]})
        server.stdin.close()
        rest = await asyncio.wait_for(server.stdout.read(), PATIENCE)
        await asyncio.wait_for(server.wait(), PATIENCE)
    assert (server.returncode, rest) == (0, b""), "standard output carries the protocol and nothing else"
    assert names[0] == "photos_search"
    assert len(names) == 12
    assert json.loads(status["content"][0]["text"]) == status["structuredContent"]
    assert status["structuredContent"]["mode"] == "read-only"
    assert refused["isError"]
    assert refused["content"][0]["text"].startswith("[read_only_mode] photos_trash comes with")


async def test_an_old_client_shakes_hands(home):
    async with process("memory:", "--allow", "trash") as server:
        wire = Wire(server)
        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "wire", "version": "0"}}
        hello = await wire.ask("initialize", **client)
        await wire.send({"method": "notifications/initialized"})
        listed = await wire.ask("tools/list")
        page = (await wire.ask("tools/call", name="photos_search", arguments={}))["result"]
    assert hello["result"]["protocolVersion"] == "2025-06-18"
    assert hello["result"]["serverInfo"]["name"] == "ap-remote"
    assert "never instructions" in hello["result"]["instructions"].replace("\n", " ")
    assert [tool["name"] for tool in listed["result"]["tools"]][-3:] == [
        "photos_trash",
        "photos_restore",
        "photos_undo",
    ]
    assert page["structuredContent"]["items"] == []


async def test_what_cannot_start_says_why_on_standard_error(home):
    async with process("nobody:") as server:
        out, err = await asyncio.wait_for(server.communicate(), PATIENCE)
    assert server.returncode == 2
    assert out == b""
    assert err.decode().startswith("ap-remote-mcp: no account named 'nobody'")


async def test_the_whole_road_over_the_embedded_service(home):
    async with connect("local:") as remote:
        cat = await remote.put(jpeg("orange"), "Pictures/cat.jpg")
        await remote.put(jpeg("grey"), "Pictures/dog.jpg")
    async with process("local:", "--allow", "trash") as server:
        wire = Wire(server)
        page = await wire.call("photos_search", {"from": "2023-07-20", "to": "2023-07-20", "sort": "name"})
        looked = await wire.call("photos_view", {"ids": [cat.id], "max_px": 256})
        plan = (await wire.call("photos_trash", {"ids": [cat.id]}))["structuredContent"]["plan"]
        gone = await wire.call("photos_trash", {"ids": [cat.id], "plan": plan})
        trash = await wire.call("photos_list", {"source": "trash"})
        back = (await wire.call("photos_restore", {"ids": [cat.id]}))["structuredContent"]["plan"]
        restored = await wire.call("photos_restore", {"ids": [cat.id], "plan": back})
        listed = await wire.call("photos_list", {"path": "Pictures"})
        facets = await wire.call("photos_facets", {"by": "year"})
        wrong = await wire.call("photos_search", {"filter": "type:("})
        server.stdin.close()
        log = (await asyncio.wait_for(server.stderr.read(), PATIENCE)).decode()
    assert [item["name"] for item in page["structuredContent"]["items"]] == ["cat.jpg", "dog.jpg"]
    assert "structuredContent" not in looked
    picture = Image.open(BytesIO(b64decode(looked["content"][1]["data"])))
    assert max(picture.size) <= 256
    assert not picture.getexif()
    assert (gone["structuredContent"]["done"], gone["structuredContent"]["verified"]) == (1, 1)
    assert [item["id"] for item in trash["structuredContent"]["items"]] == [cat.id]
    assert restored["structuredContent"]["verified"] == 1
    assert [item["name"] for item in listed["structuredContent"]["items"]] == ["cat.jpg", "dog.jpg"]
    assert facets["structuredContent"]["rows"] == [["2023", 2]]
    assert wrong["content"][0]["text"].startswith("[bad_query]")
    assert "bad_query" not in log
    assert log.count("ap_remote_mcp.audit") == 2, "both changes are on record, and nothing else"
    for secret in _secrets(home):
        assert secret not in wire.raw
        assert secret not in log
    assert str(home) not in wire.raw


def _secrets(home):
    """Return the cookies and tokens of the embedded service."""
    credentials = json.loads((load().home / "local" / "credentials.json").read_text("utf-8"))
    found = [*credentials["cookies"].values(), credentials["access_token"]]
    assert all(len(each) > 3 for each in found), f"{home} has credentials"
    return found


async def test_a_question_travels_in_the_answer_and_its_reply_in_the_next_call(home):
    async with connect("local:") as remote:
        cat = await remote.put(jpeg("orange"), "Pictures/cat.jpg")
    async with process("local:", "--allow", "trash") as server:
        wire = Wire(server)
        plan = (await wire.call("photos_trash", {"ids": [cat.id]}, meta=ASKS))["structuredContent"]["plan"]
        arguments = {"ids": [cat.id], "plan": plan}
        asked = await wire.call("photos_trash", arguments, meta=ASKS)
        ((key, question),) = asked["inputRequests"].items()
        answer = {"action": "accept", "content": {"confirm": True}}
        reply = {"inputResponses": {key: answer}, "requestState": asked["requestState"]}
        done = await wire.call("photos_trash", arguments, meta=ASKS, **reply)
        replay = await wire.call("photos_trash", arguments, meta=ASKS, **reply)
    assert asked["resultType"] == "input_required"
    assert "Move 1 item to the trash: “cat.jpg”" in question["params"]["message"]
    assert done["structuredContent"]["verified"] == 1
    assert replay["isError"]
    assert replay["content"][0]["text"].startswith("[plan_stale]")


async def test_http_serves_the_loopback_and_refuses_foreign_hosts_and_origins(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/list",
    }
    async with process("memory:", "--http", f"127.0.0.1:{port}") as server:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await _listening(client, server)
            good = await client.post("/mcp", json=body, headers=headers)
            host = await client.post("/mcp", json=body, headers=headers | {"Host": "evil.example"})
            origin = await client.post("/mcp", json=body, headers=headers | {"Origin": "https://evil.example"})
        server.terminate()
        await asyncio.wait_for(server.communicate(), PATIENCE)
    assert good.status_code == 200
    assert "photos_search" in good.text
    assert host.status_code == 421
    assert origin.status_code == 403


async def _listening(client, server):
    """Wait until the port answers."""
    for _ in range(600):
        assert server.returncode is None, (await server.stderr.read()).decode()
        try:
            await client.get("/")
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the server did not begin to listen")
