from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import fsspec.asyn
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.fs import RemoteFileSystem


class Bound(MemoryRemote):
    """A remote that insists on the loop it was made on, as every connection does."""

    made: list[Bound]

    def __init__(self):
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self.closed = 0
        self.seed("a", b"a")

    async def stat(self, target, *, fresh=False):
        assert asyncio.get_running_loop() is self.loop
        assert os.getpid() == self.pid
        return await super().stat(target, fresh=fresh)

    async def close(self):
        assert asyncio.get_running_loop() is self.loop
        self.closed += 1


@pytest.fixture
def made():
    return []


@pytest.fixture
def factory(made):
    def make():
        remote = Bound()
        made.append(remote)
        return remote

    return make


def make_bound() -> Bound:
    return Bound()


def test_nothing_is_opened_before_the_first_use(factory, made):
    fs = RemoteFileSystem(factory, skip_instance_cache=True)
    assert made == []
    fs.ls("/")
    fs.ls("/")

    assert len(made) == 1
    fs.close()


def test_closing_closes_once_and_the_next_use_opens_anew(factory, made):
    fs = RemoteFileSystem(factory, skip_instance_cache=True)
    fs.ls("/")
    fs.close()
    fs.close()
    assert [remote.closed for remote in made] == [1]
    fs.ls("/")

    assert len(made) == 2
    fs.close()


def test_a_filesystem_that_is_collected_closes_its_remote_on_its_loop(factory, made):
    fs = RemoteFileSystem(factory, skip_instance_cache=True)
    fs.ls("/")
    del fs
    gc.collect()

    assert [remote.closed for remote in made] == [1]


def test_threads_share_an_instance_and_its_remote(factory, made):
    fs = RemoteFileSystem(factory)
    with ThreadPoolExecutor(4) as pool:
        listings = list(pool.map(lambda _: RemoteFileSystem(factory).ls("/", detail=False), range(8)))

    assert listings == [["/a"]] * 8
    assert RemoteFileSystem(factory) is fs
    assert len(made) == 1
    RemoteFileSystem.clear_instance_cache()
    fs.close()


async def test_a_running_notebook_loop_may_call_the_synchronous_face(factory, made):
    fs = RemoteFileSystem(factory, skip_instance_cache=True)

    assert fs.cat("/a") == b"a"
    fs.close()


async def test_every_loop_has_a_remote_of_its_own(factory, made):
    fs = RemoteFileSystem(factory, skip_instance_cache=True)
    fs.info("/a")
    await fs._info("/a")

    assert len(made) == 2
    await fs._close()
    assert [remote.closed for remote in made] == [1, 1]


def test_a_loop_that_has_ended_is_forgotten(factory, made):
    fs = RemoteFileSystem(factory, asynchronous=True, skip_instance_cache=True)
    for _ in range(3):
        asyncio.run(fs._info("/a"))

    assert len(made) == 3
    assert len(fs._remotes._seats) == 1
    assert [remote.closed for remote in made] == [1, 1, 1]


def test_a_loop_of_another_thread_closes_its_remote_when_it_ends(factory, made):
    fs = RemoteFileSystem(factory, skip_instance_cache=True)
    fs.info("/a")
    thread = threading.Thread(target=lambda: asyncio.run(fs._info("/a")))
    thread.start()
    thread.join()

    assert [remote.closed for remote in made] == [0, 1]
    fs.close()
    assert [remote.closed for remote in made] == [1, 1]


def test_an_asynchronous_instance_has_no_synchronous_face(factory, made):
    fs = RemoteFileSystem(factory, asynchronous=True, skip_instance_cache=True)
    for call in (lambda: fs.info("/a"), lambda: fs.cat("/a"), lambda: fs.find("/"), fs.close):
        with pytest.raises(RuntimeError, match="Loop is not running"):
            call()
    assert made == []


def test_an_interrupted_call_leaves_the_filesystem_usable(factory, made):
    begun, go_on = threading.Event(), threading.Event()

    class Stuck(Bound):
        async def stat(self, target, *, fresh=False):
            if str(target) == "stuck":
                begun.set()
                await asyncio.to_thread(go_on.wait)
            return await super().stat(target, fresh=fresh)

    def interrupt():
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    def make():
        made.append(Stuck())
        return made[-1]

    fs = RemoteFileSystem(make, skip_instance_cache=True)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        fs.exists("/stuck")
    thread.join()

    assert fs.cat("/a") == b"a"
    assert fs.ls("/", detail=False) == ["/a"]
    go_on.set()
    fs.close()
    assert [remote.closed for remote in made] == [1]


def test_asynchronous_instances_belong_to_their_thread(factory):
    one = RemoteFileSystem(factory, asynchronous=True)
    others = []
    thread = threading.Thread(target=lambda: others.append(RemoteFileSystem(factory, asynchronous=True)))
    thread.start()
    thread.join()

    assert others[0] is not one
    assert RemoteFileSystem(factory, asynchronous=True) is one
    RemoteFileSystem.clear_instance_cache()


def test_a_coroutine_that_calls_the_synchronous_face_on_its_own_loop_is_told_so(factory):
    class Nested(RemoteFileSystem):
        async def _info(self, path, **kwargs):
            return self.ls(path)

    fs = Nested(factory, skip_instance_cache=True)
    with pytest.raises(NotImplementedError, match="within a running loop"):
        fs.info("/a")
    fs.close()


def _in_child(fs, results):
    try:
        fs.info("/a")
    except RuntimeError as exc:
        results.put(str(exc))
    results.put(RemoteFileSystem(make_bound, skip_instance_cache=True).cat("/a"))


def test_a_fork_refuses_the_parents_instance_and_makes_its_own():
    context = multiprocessing.get_context("fork")
    fs = RemoteFileSystem(make_bound, skip_instance_cache=True)
    fs.info("/a")
    results = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(fs, results))
    child.start()

    assert "not fork-safe" in results.get()
    assert results.get() == b"a"
    child.join()
    assert child.exitcode == 0
    assert fs.cat("/a") == b"a"
    fs.close()


def _builds_anew():
    assert RemoteFileSystem(make_bound, skip_instance_cache=True).cat("/a") == b"a"


def test_a_fork_while_another_thread_starts_fsspecs_loop_does_not_hang():
    child = multiprocessing.get_context("fork").Process(target=_builds_anew)
    with fsspec.asyn.get_lock():
        child.start()
    child.join(30)
    hangs = child.is_alive()
    if hangs:
        child.kill()
        child.join()

    assert not hangs
    assert child.exitcode == 0


def _forked_loop(fs, results):
    results.put(asyncio.run(fs._cat_file("/a")))
    results.put(asyncio.run(_closed(fs)))


async def _closed(fs):
    await fs._info("/a")
    await fs._close()
    return len(fs._remotes._seats)


def test_an_asynchronous_instance_opens_anew_after_a_fork():
    context = multiprocessing.get_context("fork")
    fs = RemoteFileSystem(make_bound, asynchronous=True, skip_instance_cache=True)
    asyncio.run(fs._info("/a"))
    results = context.SimpleQueue()
    child = context.Process(target=_forked_loop, args=(fs, results))
    child.start()

    assert results.get() == b"a"
    assert results.get() == 0
    child.join()
    assert child.exitcode == 0


def test_an_instance_pickles_by_its_options():
    fs = RemoteFileSystem(make_bound, fresh=True, batch_size=3)
    copy = pickle.loads(pickle.dumps(fs))

    assert copy is fs
    RemoteFileSystem.clear_instance_cache()
    other = pickle.loads(pickle.dumps(fs))
    assert other is not fs
    assert (other.fresh, other.batch_size, other.cat("/a")) == (True, 3, b"a")
    RemoteFileSystem.clear_instance_cache()
    other.close()


def test_only_eight_files_are_moved_at_once():
    running, most = 0, 0

    class Counting(MemoryRemote):
        async def put(self, *args, **options):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return await super().put(*args, **options)

    remote = Counting()
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    fs.pipe({f"/{number}": b"" for number in range(50)})

    assert len(fs.ls("/")) == 50
    assert most == 8
    fs.close()
