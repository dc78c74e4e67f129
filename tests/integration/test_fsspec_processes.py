"""The table of loops, threads and forks, over the local service with its cache and its database."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

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


@pytest.mark.parametrize("method", ["fork", "spawn"])
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
