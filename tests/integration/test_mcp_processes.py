"""Two servers over one account at once, as processes: jobs, journals, plans, and one of them killed in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import pytest

from ap_remote_emulator.library.check import check
from tests.integration.test_mcp_wire import META, PATIENCE, Wire, jpeg
from tests.integration.test_transfer_killed import Service

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and named pipes are POSIX")

SERVER = "import sys; from ap_remote_mcp.server import main; sys.exit(main())"
KILLED = """
import os, signal, sys
from ap_remote_mcp.server import main
from ap_remote_mcp.tools import sending

moment = sys.argv.pop(1)

class Deadly(sending.Sending):
    def _begin(self, at):
        super()._begin(at)
        if moment == "before" and at == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def keep(self, key, outcome):
        if moment == "after" and key == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        super().keep(key, outcome)

sending.Sending = Deadly
sys.exit(main())
"""
HELD = """
import sys
import anyio.to_thread
from ap_remote_mcp.server import main
from ap_remote_mcp.tools import sending

gate = sys.argv.pop(1)

class Held(sending.Sending):
    async def run(self):
        await anyio.to_thread.run_sync(lambda: open(gate).read())
        await super().run()

sending.Sending = Held
sys.exit(main())
"""
ALLOW = ("--allow", "transfer,organise,trash")


@pytest.fixture
def service(tmp_path):
    found = Service(tmp_path / "service")
    yield found
    found.end()
    assert check(tmp_path / "service") == []


@pytest.fixture
def home(tmp_path, monkeypatch, service):
    home = tmp_path / "home"
    home.mkdir()
    file = home / "config.toml"
    file.write_text(
        f'[accounts.acd]\nkind = "service"\nurl = "{service.url}"\ncredentials = "{service.credentials}"\n', "utf-8"
    )
    monkeypatch.setenv("AP_HOME", str(home))
    monkeypatch.setenv("AP_CONFIG", str(file))
    monkeypatch.delenv("AP_REMOTE", raising=False)
    return home


@pytest.fixture
def place(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for color in ("red", "green", "blue"):
        (root / f"{color}.jpg").write_bytes(jpeg(color))
    return root


@asynccontextmanager
async def serving(place, *words, code=SERVER):
    """Run a server, and end it by closing its input if it is still there."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *words, "acd:", *ALLOW, "--root", str(place)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
        limit=1 << 24,
    )
    try:
        wire = Wire(server)
        await wire.ask("tools/list", _meta=META)
        yield wire
    finally:
        if server.returncode is None:
            server.stdin.close()
            try:
                await asyncio.wait_for(server.communicate(), PATIENCE)
            except TimeoutError:
                server.kill()
                raise
        server._transport.close()


async def told(wire, name, **arguments):
    answer = await wire.call(name, arguments)
    assert not answer.get("isError"), answer
    return answer["structuredContent"]


async def look(wire, uri):
    answer = await wire.ask("resources/read", uri=uri, _meta=META)
    return json.loads(answer["result"]["contents"][0]["text"])


async def finished(wire, job_id):
    while (job := await told(wire, "photos_job", job_id=job_id, wait_s=5))["state"] == "running":
        pass
    return job


def wish(place):
    return {"paths": [str(place / f"{color}.jpg") for color in ("red", "green", "blue")], "to": "Pictures"}


async def begin(wire, place):
    """Send the call that begins an upload, and do not wait for its answer."""
    plan = (await told(wire, "photos_upload", **wish(place)))["plan"]
    wire.count += 1
    params = {"name": "photos_upload", "arguments": wish(place) | {"plan": plan}, "_meta": META}
    await wire.send({"id": wire.count, "method": "tools/call", "params": params})
    return wire.count


async def answered(wire, number):
    while (answer := await wire.receive()).get("id") != number:
        pass
    return answer["result"]["structuredContent"]


def names(service):
    return sorted(each["name"] for each in service.files() if each["status"] == "AVAILABLE")


async def dies(place, moment):
    async with serving(place, moment, code=KILLED) as wire:
        await begin(wire, place)
        assert await asyncio.wait_for(wire.server.wait(), PATIENCE) == -9


async def is_whole(wire, service, job_id):
    """Make sure that a job was finished, nothing was sent twice, and what it did can be taken back here."""
    job = await finished(wire, job_id)
    assert (job["state"], job["result"]["uploaded"], job["result"]["verified"]) == ("done", 3, 3)
    assert names(service) == ["blue.jpg", "green.jpg", "red.jpg"]
    assert len(service.files()) == 3
    (operation,) = (await look(wire, "photos://journal"))["operations"]
    assert (operation["action"], operation["done"], operation["op_id"]) == ("upload", 3, job["result"]["op_id"])
    undo = await told(wire, "photos_undo", id=operation["op_id"])
    undone = await told(wire, "photos_undo", id=operation["op_id"], plan=undo["plan"])
    assert (undone["done"], undone["verified"]) == (3, 3)


async def test_the_other_server_finishes_what_a_killed_one_left_as_soon_as_it_is_asked(service, home, place):
    async with serving(place) as other:
        await dies(place, "before")
        assert names(service) == ["red.jpg"]
        (job,) = (await look(other, "photos://jobs"))["jobs"]
        assert job["state"] == "running"
        await is_whole(other, service, job["job_id"])


async def test_the_next_server_finishes_what_a_killed_one_left_without_being_asked(service, home, place):
    await dies(place, "after")
    assert names(service) == ["green.jpg", "red.jpg"]
    async with serving(place) as following:
        (job,) = (await look(following, "photos://jobs"))["jobs"]
        await is_whole(following, service, job["job_id"])


async def test_a_job_is_done_by_one_of_two_servers_and_told_by_both(service, home, place, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with serving(place, str(gate), code=HELD) as here, serving(place, str(gate), code=HELD) as there:
        number = await begin(here, place)
        while not (known := (await look(there, "photos://jobs"))["jobs"]):
            pass
        job_id = known[0]["job_id"]
        seen = await told(there, "photos_job", job_id=job_id)
        assert seen["state"] == "running"
        assert names(service) == []
        # Were both at it, only one of them would read this and the other would wait for ever.
        await asyncio.to_thread(gate.write_text, "go")
        mine = await answered(here, number)
        theirs = await finished(there, job_id)
        left = sorted((home / "accounts" / "acd" / "mcp-jobs").iterdir())
    assert mine["job"]["state"] == "done"
    assert theirs["result"] == mine["job"]["result"]
    assert len(service.files()) == 3
    assert [each.name for each in left] == [f"{job_id}.job.json", f"{job_id}.lock"]


async def test_journals_are_read_by_both_and_a_plan_of_one_is_refused_by_the_other(service, home, place):
    async with serving(place) as here, serving(place) as there:
        number = await begin(here, place)
        sent = await answered(here, number)
        ids = [each["id"] for each in (await finished(here, sent["job"]["job_id"]))["result"]["files"]]
        arguments = {"ids": ids, "reason": "test"}
        plan = (await told(here, "photos_trash", **arguments))["plan"]
        stolen = await there.call("photos_trash", arguments | {"plan": plan})
        own = await told(
            there, "photos_trash", **arguments, plan=(await told(there, "photos_trash", **arguments))["plan"]
        )
        stale = await here.call("photos_trash", arguments | {"plan": plan})
        journals = [(await look(each, "photos://journal"))["operations"] for each in (here, there)]
        undo = await told(here, "photos_undo", id=own["op_id"])
        undone = await told(here, "photos_undo", id=own["op_id"], plan=undo["plan"])
        again = await there.call("photos_undo", {"id": own["op_id"]})
    assert stolen["content"][0]["text"].startswith("[plan_stale]")
    assert own["done"] == 3
    assert stale["isError"]
    assert journals[0] == journals[1]
    assert [each["action"] for each in journals[0]] == ["trash", "upload"]
    assert undone["verified"] == 3
    assert "was taken back" in again["content"][0]["text"]
    assert names(service) == ["blue.jpg", "green.jpg", "red.jpg"]
