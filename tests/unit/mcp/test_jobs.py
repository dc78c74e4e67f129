"""Jobs: they outlive the call, the client and the server, and belong to who began them."""

from __future__ import annotations

import os
import threading
import time

import anyio
import msgspec
import pytest

from ap_remote.errors import CorruptStoreError, NotFoundError, StoreError
from ap_remote_mcp.errors import CodedError
from ap_remote_mcp.jobfiles import JobRecord
from ap_remote_mcp.jobs import Jobs


class Counting:
    """Work in steps that a test lets through one by one; it goes on where its record says it was."""

    def __init__(self, steps=3):
        self.steps = steps
        self.may, self.did = anyio.Semaphore(0), []

    async def __call__(self, job):
        for number in range(job.record.done, self.steps):
            await self.may.acquire()
            self.did.append(number)
            job.report(number + 1, self.steps)
            job.keep()
            await job.settled()
        return {"counted": self.steps}


def jobs(folder, work, *, resumes=True, now=lambda: 1000.0):
    book = Jobs(folder, now)
    book.offer("count", work, resumes=resumes)
    return book


@pytest.fixture(params=["kept", "passing"])
def folder(request, tmp_path):
    return tmp_path / "jobs" if request.param == "kept" else None


async def test_a_job_goes_on_after_the_call_that_began_it_and_can_be_waited_for(folder):
    work = Counting()
    book = jobs(folder, work)
    async with book.serving():
        job_id = (await book.start("count", "local", {"what": "sheep"})).job_id
        assert (await book.wait(job_id, "local", 0.01)).state == "running"
        for _ in range(3):
            work.may.release()
        ended = await book.wait(job_id, "local", 5)
        assert (ended.state, ended.done, ended.total, ended.result) == ("done", 3, 3, {"counted": 3})
        assert ended.arguments == {"what": "sheep"}
        assert [each.job_id for each in book.all("local")] == [job_id]


async def test_somebody_elses_job_is_as_unknown_as_none(folder):
    work = Counting()
    book = jobs(folder, work)
    async with book.serving():
        job_id = (await book.start("count", "alice", {})).job_id
        assert book.get(job_id, "bob") is None
        assert await book.wait(job_id, "bob", 0.01) is None
        assert book.cancel(job_id, "bob") is None
        assert book.all("bob") == []
        assert book.get(job_id, "alice").state == "running"


async def test_a_cancelled_job_stops_and_says_so(folder):
    book = jobs(folder, Counting())
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        await anyio.lowlevel.checkpoint()
        book.cancel(job_id, "local")
        assert (await book.wait(job_id, "local", 5)).state == "cancelled"


async def test_a_new_server_takes_up_what_the_last_one_left(tmp_path):
    first, second = Counting(), Counting()
    book = jobs(tmp_path, first)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        first.may.release()
        while not first.did:
            await anyio.lowlevel.checkpoint()
    again = jobs(tmp_path, second)
    async with again.serving():
        second.may.release()
        second.may.release()
        assert (await again.wait(job_id, "local", 5)).state == "done"
    assert (first.did, second.did) == ([0], [1, 2])


async def test_a_server_that_runs_already_takes_up_a_job_whose_server_is_gone_when_it_is_asked_for(tmp_path):
    first, second = Counting(), Counting()
    mine, theirs = jobs(tmp_path, first), jobs(tmp_path, second)
    async with theirs.serving():
        async with mine.serving():
            job_id = (await mine.start("count", "local", {})).job_id
            first.may.release()
            while not theirs.get(job_id, "local").done:
                await anyio.lowlevel.checkpoint()
            assert theirs.get(job_id, "local").done == 1
            assert theirs.running(job_id, "local") is None, "its own server is at it"
        assert theirs.get(job_id, "somebody else") is None
        assert theirs.running(job_id, "local") is None, "nobody asked who may"
        second.may.release()
        second.may.release()
        assert theirs.get(job_id, "local").state == "running"
        assert (await theirs.wait(job_id, "local", 5)).state == "done"
    assert (first.did, second.did) == ([0], [1, 2])


async def test_a_job_that_ended_while_its_record_was_read_is_not_done_again(tmp_path):
    work, other = Counting(1), Counting(1)
    mine, theirs = jobs(tmp_path, work), jobs(tmp_path, other)
    async with theirs.serving(), mine.serving():
        job_id = (await mine.start("count", "local", {})).job_id
        old = theirs.get(job_id, "local")
        work.may.release()
        await mine.wait(job_id, "local", 5)
        other.may.release()
        assert old.state == "running"
        assert theirs._take_up(old).state == "done"
        assert theirs.running(job_id, "local") is None
    assert (work.did, other.did) == ([0], [])


async def test_locks_without_a_job_go_when_they_are_old_and_no_others(tmp_path):
    now = time.time()
    for name, age in (("a" * 32, 8), ("b" * 32, 6), ("c" * 32, 8)):
        (tmp_path / f"{name}.lock").touch()
        os.utime(tmp_path / f"{name}.lock", (now - age * 86_400,) * 2)
    record = JobRecord(job_id="c" * 32, kind="count", who="x", begun=now, arguments={}, state="done", ended=now)
    (tmp_path / f"{'c' * 32}.job.json").write_bytes(msgspec.json.encode(record))
    async with jobs(tmp_path, Counting(), now=lambda: now).serving():
        pass
    assert sorted(each.name[0] for each in tmp_path.glob("*.lock")) == ["b", "c"]


async def test_work_that_cannot_be_taken_up_is_called_interrupted(tmp_path):
    async with jobs(tmp_path, Counting(), resumes=False).serving() as _:
        pass
    book = jobs(tmp_path, Counting(), resumes=False)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
    async with jobs(tmp_path, Counting(), resumes=False).serving():
        pass
    assert jobs(tmp_path, Counting()).get(job_id, "local").state == "interrupted"


async def test_two_servers_do_not_run_one_job(tmp_path):
    here, there = Counting(), Counting()
    mine, theirs = jobs(tmp_path, here), jobs(tmp_path, there)
    async with mine.serving():
        job_id = (await mine.start("count", "local", {})).job_id
        async with theirs.serving():
            assert theirs.get(job_id, "local").state == "running"
            for _ in range(3):
                here.may.release()
                there.may.release()
            assert (await mine.wait(job_id, "local", 5)).state == "done"
            assert theirs.get(job_id, "local").state == "done"
    assert there.did == []


@pytest.mark.parametrize(
    ("error", "said"),
    [(NotFoundError("Pictures/x"), "[not_found]"), (RuntimeError("CANARY secret"), "[unavailable] The server failed")],
)
async def test_a_job_that_fails_says_why_in_the_words_of_the_tools(folder, error, said, caplog):
    async def broken(job):
        raise error

    book = jobs(folder, broken)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        ended = await book.wait(job_id, "local", 5)
    assert ended.state == "failed"
    assert ended.note.startswith(said)
    assert "CANARY" not in ended.note


async def test_old_jobs_are_forgotten(tmp_path):
    old = JobRecord(
        job_id="a" * 32, kind="count", who="local", begun=0, arguments={}, state="done", ended=1000.0 - 8 * 86_400
    )
    (tmp_path / f"{old.job_id}.job.json").write_bytes(msgspec.json.encode(old))
    book = jobs(tmp_path, Counting())
    async with book.serving():
        assert book.get(old.job_id, "local") is None


@pytest.mark.parametrize("job_id", ["", "../../etc/passwd", "A" * 32, "a" * 31, "é" * 32])
async def test_an_id_that_no_job_has_names_no_file(tmp_path, job_id):
    assert jobs(tmp_path, Counting()).get(job_id, "local") is None


async def test_a_broken_file_is_said_to_be_one_when_it_is_asked_for_and_stops_nothing(tmp_path, caplog):
    (tmp_path / f"{'a' * 32}.job.json").write_bytes(b"{")
    book = jobs(tmp_path, Counting())
    async with book.serving():
        with pytest.raises(CorruptStoreError):
            book.get("a" * 32, "local")
    assert "cannot be read" in caplog.text


async def test_a_kind_that_a_server_does_not_do_is_left_for_one_that_does(tmp_path):
    first, third = Counting(), Counting()
    book = jobs(tmp_path, first)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
    without = Jobs(tmp_path, lambda: 1000.0)
    async with without.serving():
        assert without.get(job_id, "local").state == "running"
        assert without.running(job_id, "local") is None
    again = jobs(tmp_path, third)
    async with again.serving():
        for _ in range(3):
            third.may.release()
        assert (await again.wait(job_id, "local", 5)).state == "done"


async def test_a_disk_that_is_full_ends_neither_the_server_nor_what_is_known_of_the_job(tmp_path, monkeypatch, caplog):
    work = Counting(steps=1)
    book = jobs(tmp_path, work)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        await anyio.lowlevel.checkpoint()

        def full(job_id, body):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(book._files, "write", full)
        work.may.release()
        ended = await book.wait(job_id, "local", 5)
        assert ended.state == "failed"
        assert book.get(job_id, "local").is_ended
    assert "cannot be written" in caplog.text


async def test_what_the_work_keeps_for_itself_survives_and_is_not_shown(tmp_path):
    async def work(job):
        if job.record.kept:
            return {"found": job.record.kept["at"]}
        job.record.kept["at"] = 7
        job.keep()
        return await anyio.sleep_forever()

    book = jobs(tmp_path, work)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        while not book.get(job_id, "local").kept:
            await anyio.lowlevel.checkpoint()
    again = jobs(tmp_path, work)
    async with again.serving():
        assert (await again.wait(job_id, "local", 5)).result == {"found": 7}


async def test_a_caller_has_four_jobs_at_once_and_a_server_eight(folder):
    book = jobs(folder, Counting())
    async with book.serving():
        for number in range(4):
            await book.start("count", "alice", {"n": number})
        with pytest.raises(CodedError, match=r"^\[busy\] 4 of your jobs run already\. Wait for one with photos_job"):
            await book.start("count", "alice", {"n": 4})
        for number in range(4):
            await book.start("count", "bob", {"n": number})
        with pytest.raises(CodedError, match=r"^\[busy\] As many jobs run as this server takes"):
            await book.start("count", "carol", {})
        first = book.all("alice")[0]
        book.cancel(first.job_id, "alice")
        await book.wait(first.job_id, "alice", 5)
        assert (await book.start("count", "alice", {"n": 4})).state == "running"


async def test_the_same_job_is_not_begun_twice(folder):
    book = jobs(folder, Counting(1))
    async with book.serving():
        first = await book.start("count", "alice", {"n": 1})
        assert (await book.start("count", "alice", {"n": 1})).job_id == first.job_id
        others = [await book.start("count", *each) for each in (("alice", {"n": 2}), ("bob", {"n": 1}))]
        assert len({first.job_id, *(each.job_id for each in others)}) == 3


async def test_a_job_that_ended_is_begun_anew(folder):
    work = Counting(1)
    book = jobs(folder, work)
    async with book.serving():
        first = await book.start("count", "alice", {"n": 1})
        work.may.release()
        await book.wait(first.job_id, "alice", 5)
        assert (await book.start("count", "alice", {"n": 1})).job_id != first.job_id


async def test_the_same_job_of_another_server_is_followed(tmp_path):
    here, there = Counting(1), Counting(1)
    mine, theirs = jobs(tmp_path, here), jobs(tmp_path, there)
    async with mine.serving(), theirs.serving():
        first = await mine.start("count", "alice", {"n": 1})
        assert (await theirs.start("count", "alice", {"n": 1})).job_id == first.job_id
        here.may.release()
        assert (await theirs.wait(first.job_id, "alice", 5)).state == "done"
    assert there.did == []


async def test_a_job_that_another_server_runs_stops_at_its_next_report(tmp_path):
    here = Counting()
    mine, theirs = jobs(tmp_path, here), jobs(tmp_path, Counting())
    async with mine.serving(), theirs.serving():
        job_id = (await mine.start("count", "local", {})).job_id
        assert theirs.cancel(job_id, "somebody else") is None
        assert not list(tmp_path.glob("*.stop"))
        assert theirs.cancel(job_id, "local").state == "running"
        here.may.release()
        assert (await theirs.wait(job_id, "local", 5)).state == "cancelled"
        assert mine.get(job_id, "local").state == "cancelled"
    assert here.did == [0]
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"{job_id}.job.json", f"{job_id}.lock"]


async def test_a_job_whose_server_died_before_it_heard_stops_where_it_is_taken_up(tmp_path):
    first, second = Counting(), Counting()
    book = jobs(tmp_path, first)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        (tmp_path / f"{job_id}.stop").touch()
    async with jobs(tmp_path, second).serving() as _:
        pass
    again = jobs(tmp_path, second)
    async with again.serving():
        assert (await again.wait(job_id, "local", 5)).state == "cancelled"
    assert second.did == []


@pytest.mark.parametrize("failing", ["lock", "write"])
async def test_a_job_that_cannot_be_noted_leaves_nothing_held(tmp_path, monkeypatch, failing):
    def full(*_):
        raise OSError(28, "No space left on device")

    book = jobs(tmp_path, Counting())
    async with book.serving():
        with monkeypatch.context() as patch:
            patch.setattr(book._files, failing, full)
            with pytest.raises(StoreError, match="the job cannot be noted on the disk: No space left on device"):
                await book.start("count", "local", {})
        assert list(tmp_path.iterdir()) == []
        assert book.all("local") == []
        for number in range(4):
            await book.start("count", "local", {"n": number})


async def test_records_are_written_in_a_thread_and_those_that_wait_together(tmp_path, monkeypatch):
    written = []

    async def work(job):
        for number in range(50):
            job.report(number, 50)
            job.keep()
        await job.settled()
        written.append("settled")
        return {}

    book = jobs(tmp_path, work)
    write = book._files.write

    def note(job_id, body):
        assert threading.current_thread() is not threading.main_thread()
        written.append(msgspec.json.decode(body)["done"])
        write(job_id, body)

    monkeypatch.setattr(book._files, "write", note)
    async with book.serving():
        job_id = (await book.start("count", "local", {})).job_id
        assert (await book.wait(job_id, "local", 5)).state == "done"
    assert written[written.index("settled") - 1] == 49, "all of it was on the disk by then"
    assert len(written) <= 5
