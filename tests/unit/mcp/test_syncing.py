"""Bringing the cache and the index up to date: a job, also one that takes longer than a call."""

from __future__ import annotations

import json

import anyio
import anyio.lowlevel

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import UnavailableError
from ap_remote.remote.features import SyncReport
from ap_remote.semantic.results import BuildReport, ItemFailure
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server


class Kept(MemoryRemote):
    """A remote with something to sync; it goes on when it is let."""

    def __init__(self):
        super().__init__("home")
        self.may, self.synced = anyio.Event(), 0

    async def sync(self, *, progress=None):
        progress(1, 3)
        await self.may.wait()
        progress(3, 3)
        self.synced += 1
        return SyncReport(seen=3, changed=2, removed=1, requests=4, seconds=0.5, mode="delta")


async def test_a_sync_answers_with_what_it_did(open_client):
    remote = Kept()
    remote.may.set()
    async with open_client(remote) as client:
        job = (await client.call_tool("photos_sync", {})).structured_content
    assert (job["state"], job["kind"], job["done"]) == ("done", "sync changes", 3)
    assert job["result"] == {"looked_at": 3, "changed": 2, "removed": 1, "seconds": 0.5}


async def test_one_that_takes_long_goes_on_and_is_followed(open_client):
    remote = Kept()
    told = []

    async def on_progress(done, total, message):
        told.append((done, total))

    async with open_client(remote, limits=Limits(wait_seconds=0.2)) as client:
        begun = (await client.call_tool("photos_sync", {}, progress_callback=on_progress)).structured_content
        assert (begun["state"], begun["done"], begun["total"]) == ("running", 1, 3)
        remote.may.set()
        ended = (await client.call_tool("photos_job", {"job_id": begun["job_id"], "wait_s": 5})).structured_content
    assert ended["state"] == "done"
    assert told[-1] == (1, 3)


async def test_a_running_job_is_stopped_by_its_number(open_client, said):
    remote = Kept()
    async with open_client(remote, allow=frozenset({"trash"}), limits=Limits(wait_seconds=0.05)) as client:
        begun = (await client.call_tool("photos_sync", {})).structured_content
        stopped = await client.call_tool("photos_undo", {"id": begun["job_id"]})
        assert stopped.structured_content["action"] == "cancel"
        ended = (await client.call_tool("photos_job", {"job_id": begun["job_id"], "wait_s": 5})).structured_content
        again = await client.call_tool("photos_undo", {"id": begun["job_id"]})
    assert ended["state"] == "cancelled"
    assert said(again).startswith("[bad_argument] The job is cancelled")
    assert remote.synced == 0


async def test_while_a_call_waits_for_its_job_others_have_their_turn_and_one_of_them_stops_it(open_client):
    remote = Kept()
    answers = []
    async with open_client(remote, allow=frozenset({"trash"})) as client, anyio.create_task_group() as tasks:

        async def wait():
            answers.append((await client.call_tool("photos_sync", {})).structured_content)

        tasks.start_soon(wait)
        with anyio.fail_after(10):
            while not (rows := await jobs_of(client)):
                await anyio.lowlevel.checkpoint()
            assert (await client.call_tool("photos_list", {})).structured_content["items"] == []
            await client.call_tool("photos_undo", {"id": rows[0]["job_id"]})
    assert [each["state"] for each in answers] == ["cancelled"]


async def jobs_of(client):
    (told,) = (await client.read_resource("photos://jobs")).contents
    return json.loads(told.text)["jobs"]


async def test_a_server_that_was_stopped_goes_on_with_its_job(open_client, tmp_path):
    remote = Kept()
    first = build_server(remote, index=None, home=tmp_path, limits=Limits(wait_seconds=0.05))
    async with open_client(server=first) as client:
        begun = (await client.call_tool("photos_sync", {})).structured_content
    remote.may.set()
    second = build_server(remote, index=None, home=tmp_path)
    async with open_client(server=second) as client:
        ended = (await client.call_tool("photos_job", {"job_id": begun["job_id"], "wait_s": 5})).structured_content
    assert ended["state"] == "done"
    assert remote.synced == 1


async def test_a_remote_that_keeps_nothing_says_so(open_client, library):
    async with open_client(library.remote) as client:
        job = (await client.call_tool("photos_sync", {})).structured_content
    assert job["state"] == "failed"
    assert job["note"].startswith("[unsupported]")


async def test_a_sync_that_fails_says_why_and_nothing_of_the_error_itself(open_client, monkeypatch):
    remote = Kept()

    async def broken(*, progress=None):
        raise UnavailableError("CANARY https://x/?token=1")

    monkeypatch.setattr(remote, "sync", broken)
    async with open_client(remote) as client:
        job = (await client.call_tool("photos_sync", {})).structured_content
    assert job["note"].startswith("[unavailable]")
    assert "CANARY" not in str(job)


async def test_embeddings_are_made_by_the_index(open_client, library, make_index):
    index = make_index({})
    asked = []

    async def build(remote, *, limit=None, progress=None):
        asked.append(limit)
        progress(2, 2)
        return BuildReport(
            total=2,
            encoded=2,
            reused=0,
            failed=(ItemFailure(path="Private/name.jpg", reason="broken"),),
            seconds=5.578525443001126,
            images_per_second=2.3456789,
            device="cpu",
            encoder="offline",
            fingerprint="f",
        )

    index.build = build
    async with open_client(library.remote, index=index) as client:
        job = (await client.call_tool("photos_sync", {"what": "embeddings", "limit": 2})).structured_content
    assert (job["state"], job["done"], asked) == ("done", 2, [2])
    assert job["result"] == {
        "photographs": 2,
        "encoded": 2,
        "reused": 0,
        "failed": 1,
        "seconds": 5.6,
        "per_second": 2.3,
    }
    assert "Private" not in str(job)


async def test_without_an_index_there_is_nothing_to_make(open_client, library, said):
    async with open_client(library.remote) as client:
        result = await client.call_tool("photos_sync", {"what": "embeddings"})
    assert said(result).startswith("[index_missing]")
