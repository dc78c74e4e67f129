"""Jobs through the tools: stopping them, beginning them twice or too often, and what a beginning that fails leaves."""

from __future__ import annotations

import json

import anyio
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import UnavailableError
from ap_remote_mcp.jobfiles import JobFiles
from ap_remote_mcp.jobs import MOST_OF_ONE
from ap_remote_mcp.policy.limits import MAX_WAIT, Limits
from ap_remote_mcp.server import build_server
from tests.unit.mcp.everything import call, told, world

SOON = Limits(wait_seconds=0.05)


class Stuck(MemoryRemote):
    """A remote whose sync does not end by itself."""

    def __init__(self):
        super().__init__("home")
        self.synced = 0

    async def sync(self, *, progress=None):
        self.synced += 1
        progress(1, 3)
        await anyio.sleep_forever()


@pytest.fixture
def made(library, tmp_path, make_jpeg):
    return world(library, tmp_path, make_jpeg)


async def journal(client):
    (page,) = (await client.read_resource("photos://journal")).contents
    return json.loads(page.text)["operations"]


async def test_where_nothing_may_change_a_job_can_be_stopped_by_its_number(open_client):
    async with open_client(Stuck(), limits=SOON) as client:
        assert "photos_undo" not in {tool.name for tool in (await client.list_tools()).tools}
        begun = await call(client, "photos_sync")
        assert (begun["state"], begun["done"]) == ("running", 1)
        stopped = await call(client, "photos_job", job_id=begun["job_id"], stop=True)
        again = await call(client, "photos_job", job_id=begun["job_id"], stop=True)
    assert stopped["state"] == again["state"] == "cancelled"
    assert "op_id" not in stopped


async def test_a_sync_that_runs_is_followed_by_whoever_asks_for_another(open_client):
    remote = Stuck()
    async with open_client(remote, limits=SOON) as client:
        first, second = [await call(client, "photos_sync") for _ in range(2)]
    assert first["job_id"] == second["job_id"]
    assert second["state"] == "running"
    assert remote.synced == 1


async def test_what_would_be_one_job_too_many_is_refused_as_an_error_that_says_what_to_do(
    open_client, library, make_index
):
    index = make_index({})

    async def build(remote, **_):
        await anyio.sleep_forever()

    index.build = build
    async with open_client(library.remote, index=index, limits=Limits(wait_seconds=0)) as client:
        for limit in range(1, MOST_OF_ONE + 1):
            await call(client, "photos_sync", what="embeddings", limit=limit)
        refused = await client.call_tool("photos_sync", {"what": "embeddings", "limit": 100})
    assert refused.is_error
    assert told(refused) == (
        "[busy] 4 of your jobs run already. Wait for one with photos_job, or stop one (stop=true); "
        "the resource photos://jobs lists them."
    )


async def test_the_longest_wait_that_is_published_is_the_one_that_is_waited(open_client, library):
    async with open_client(library.remote) as client:
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == "photos_job"]
    assert tool.input_schema["properties"]["wait_s"]["maximum"] == MAX_WAIT == Limits().wait_seconds


async def test_a_job_that_cannot_be_noted_ends_its_operation_and_costs_no_bytes(open_client, made, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    wish = {"paths": ["root1/new.jpg"], "to": "Pictures"}
    async with open_client(server=made.server()) as client:
        plan = (await call(client, "photos_upload", **wish))["plan"]
        with monkeypatch.context() as patch:
            patch.setattr(JobFiles, "write", full)
            refused = await client.call_tool("photos_upload", wish | {"plan": plan})
        (operation,) = await journal(client)
        undo = told(await client.call_tool("photos_undo", {"id": operation["op_id"]}))
        held = list((made.home / "mcp-jobs").iterdir())
    assert told(refused) == (
        "[unavailable] The job cannot be noted on this machine's disk, so nothing was begun. "
        "Tell the person to look for room on the disk."
    )
    assert operation["done"] == 0
    assert "nothing to do" in undo
    assert held == []
    assert "carried" not in json.loads((made.home / "mcp-spent.json").read_bytes())


async def test_a_refused_change_spends_no_bytes(open_client, made):
    limits = Limits(changes_per_day=0)
    wish = {"paths": ["root1/new.jpg"], "to": "Pictures"}
    async with open_client(server=made.server(limits=limits)) as client:
        plan = (await call(client, "photos_upload", **wish))["plan"]
        refused = await client.call_tool("photos_upload", wish | {"plan": plan})
    assert told(refused).startswith("[budget] Today's budget for changes")
    assert not (made.home / "mcp-spent.json").exists()


async def test_downloads_without_a_plan_have_an_end_for_the_day_and_then_need_one(open_client, made):
    limits = Limits(unasked_files_per_day=2)
    ids = [made.ids[name] for name in ("cat.jpg", "dog.jpg", "forum.jpg")]
    for asked in (ids[:1], ids[1:2]):
        async with open_client(server=made.server(limits=limits)) as client:
            assert (await call(client, "photos_download", ids=asked, to="root1/out"))["job"]["state"] == "done"
    async with open_client(server=made.server(limits=limits)) as client:
        preview = await call(client, "photos_download", ids=ids[2:], to="root1/out")
        assert "job" not in preview
        saved = await call(client, "photos_download", ids=ids[2:], to="root1/out", plan=preview["plan"])
    assert saved["job"]["result"]["downloaded"] == 1


async def test_of_downloads_the_journal_keeps_ids_alone(open_client, made):
    async with open_client(server=made.server(limits=Limits())) as client:
        await call(client, "photos_download", ids=[made.ids["cat.jpg"]], to="root1/out")
    (file,) = (made.home / "mcp-journal").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert lines[0]["entries"] == [{"id": made.ids["cat.jpg"]}]
    assert "cat.jpg" not in file.read_text("utf-8")


async def test_a_server_starts_with_a_journal_that_it_cannot_read(open_client, library, tmp_path, caplog):
    (tmp_path / "mcp-journal").mkdir()
    (tmp_path / "mcp-journal" / "x.jsonl").write_bytes(b"hello\n")
    async with open_client(server=build_server(library.remote, index=None, home=tmp_path)) as client:
        assert not (await client.call_tool("photos_list", {})).is_error
    assert "the journal cannot be read" in caplog.text


async def test_a_remote_that_fails_in_a_job_does_not_keep_its_place(open_client, monkeypatch):
    remote = Stuck()

    async def broken(*, progress=None):
        raise UnavailableError("x")

    monkeypatch.setattr(remote, "sync", broken)
    async with open_client(remote) as client:
        states = [(await call(client, "photos_sync"))["state"] for _ in range(MOST_OF_ONE + 2)]
    assert set(states) == {"failed"}
