"""The table of loops, threads and forks, over the local service with its cache and its database."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import fsspec
import pytest
import tomli_w

from ap_remote.fsspec import AmazonPhotosFileSystem


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    AmazonPhotosFileSystem.clear_instance_cache()
    yield tmp_path / "home"
    for fs in list(AmazonPhotosFileSystem._cache.values()):
        if not fs.asynchronous:  # those are closed on their own loop
            fs.close()
    AmazonPhotosFileSystem.clear_instance_cache()


def _answer(pickled, results):
    fs = pickle.loads(pickled)
    fs.pipe("/child.txt", b"from the child")
    results.put(fs.cat("/parent.txt"))
    fs.close()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_unpickles_the_filesystem_and_both_see_what_the_other_wrote(method):
    context = multiprocessing.get_context(method)
    fs = fsspec.filesystem("ap")
    fs.pipe("/parent.txt", b"from the parent")
    results = context.SimpleQueue()
    child = context.Process(target=_answer, args=(pickle.dumps(fs), results))
    child.start()

    assert results.get() == b"from the parent"
    child.join()
    assert child.exitcode == 0
    assert {"/child.txt", "/parent.txt"} <= set(fs.ls("/", detail=False, refresh=True))
    assert fs.cat("/child.txt") == b"from the child"


def _refused(fs, results):
    try:
        fs.ls("/")
    except RuntimeError as exc:
        results.put(str(exc))
    own = AmazonPhotosFileSystem(skip_instance_cache=True)
    results.put(own.cat("/parent.txt"))
    own.pipe("/child.txt", b"from the child")
    own.close()


def test_a_fork_refuses_the_parents_instance_and_both_open_cache_and_library_for_themselves():
    context = multiprocessing.get_context("fork")
    fs = fsspec.filesystem("ap")
    fs.pipe("/parent.txt", b"from the parent")
    results = context.SimpleQueue()
    child = context.Process(target=_refused, args=(fs, results))
    child.start()

    assert results.get() == "This class is not fork-safe"
    assert results.get() == b"from the parent"
    child.join()
    assert child.exitcode == 0
    fs.pipe("/after.txt", b"the parent goes on")
    assert fs.find("/", refresh=True) == ["/after.txt", "/child.txt", "/parent.txt"]


def _job(pickled, number):
    fs = pickle.loads(pickled)
    fs.pipe(f"/jobs/{number}.txt", b"%d" % number)
    return fs.cat(f"/jobs/{number}.txt")


def test_jobs_of_a_pool_share_a_process_and_its_instance():
    fs = fsspec.filesystem("ap")
    fs.ls("/")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        done = list(pool.map(_job, [pickle.dumps(fs)] * 4, range(4)))

    assert done == [b"0", b"1", b"2", b"3"]
    assert len(fs.ls("/jobs", refresh=True)) == 4


async def test_a_notebook_calls_the_synchronous_face_while_its_loop_runs():
    fs = fsspec.filesystem("ap")
    fs.pipe("/a.txt", b"a")
    with fs.open("/a.txt") as file:
        assert file.read() == b"a"
    assert await asyncio.to_thread(fs.cat, "/a.txt") == b"a"
    assert await fs._cat_file("/a.txt") == b"a"
    await fs._close()


_SCRIPT = """
import asyncio, gc, logging, sys, threading
import fsspec
from ap_remote.fsspec import AmazonPhotosFileSystem

logging.getLogger("asyncio").setLevel(logging.ERROR)  # what it says of slow steps is of this machine
for remote in ("local:", "studio:"):
    fs = fsspec.filesystem("ap", remote=remote)
    fs.pipe("/a.txt", b"a")
    assert fs.cat("/a.txt") == b"a"
    own = AmazonPhotosFileSystem(remote=remote, asynchronous=True)

    async def use():
        assert await own._cat_file("/a.txt") == b"a"
        assert await fs._cat_file("/a.txt") == b"a"

    asyncio.run(use())
    asyncio.run(use())
    thread = threading.Thread(target=lambda: asyncio.run(use()))
    thread.start()
    thread.join()
    dropped = fsspec.filesystem("ap", remote=remote, skip_instance_cache=True)
    assert dropped.exists("/a.txt")
    del dropped
    gc.collect()
    fs.close()
    fs.close()
    assert fs.cat("/a.txt") == b"a"
print("all is open")
"""


def test_an_interpreter_that_ends_with_open_instances_says_nothing(home, tmp_path):
    python = [sys.executable, "-X", "dev", "-W", "error"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "ap_remote_emulator", "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as service:
        try:
            ready = json.loads(service.stdout.readline())
            home.mkdir(exist_ok=True)
            account = {"kind": "service", "url": ready["url"], "credentials": ready["credentials"]}
            (home / "config.toml").write_text(tomli_w.dumps({"accounts": {"studio": account}}))
            done = subprocess.run(
                [*python, "-c", _SCRIPT], capture_output=True, text=True, check=False, env=environment, timeout=120
            )
        finally:
            service.terminate()
    assert (done.returncode, done.stdout, done.stderr) == (0, "all is open\n", "")


async def test_the_callers_own_loop_and_fsspecs_share_the_account():
    blocking = fsspec.filesystem("ap")
    blocking.pipe("/a.txt", b"a")
    fs = AmazonPhotosFileSystem(asynchronous=True)
    await fs._pipe_file("/b.txt", b"b")

    assert await fs._find("/") == ["/a.txt", "/b.txt"]
    assert blocking.find("/") == ["/a.txt", "/b.txt"]
    assert await asyncio.gather(fs._cat_file("/a.txt"), blocking._cat_file("/b.txt")) == [b"a", b"b"]
    await fs._close()
    await blocking._close()


def test_threads_write_into_one_new_folder_at_once():
    fs = fsspec.filesystem("ap")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: fs.pipe(f"/new/deep/{number}.txt", b"%d" % number), range(16)))

    assert len(fs.find("/new")) == 16
    assert fs.cat("/new/deep/7.txt") == b"7"
