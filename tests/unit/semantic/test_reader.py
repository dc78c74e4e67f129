from __future__ import annotations

import asyncio
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import StoreError
from ap_remote.semantic import SemanticIndex
from ap_remote.semantic.reader import Reader
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import CATALOG, EmbeddingStore
from tests.unit.semantic.planted import PlantedEncoder, picture

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def write(folder, md5, dim=8):
    with EmbeddingStore(folder, write=True) as store:
        store.begin("one", "planted", dim)
        store.append("one", np.ones((1, dim), dtype=np.float32), [Record(md5)])


def known(reader):
    return reader.store().catalog.known("one")


def in_a_fork(action):
    """Return what a forked process answered; a hang kills it."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            signal.alarm(20)
            code = action()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_store_stays_open_and_shows_what_others_commit(tmp_path):
    write(tmp_path, "a")
    reader = Reader(tmp_path)
    store = reader.store()
    assert known(reader) == {"a"}
    write(tmp_path, "b")
    assert reader.store() is store
    assert known(reader) == {"a", "b"}


def test_a_catalogue_made_anew_is_opened_anew(tmp_path):
    write(tmp_path, "a")
    reader = Reader(tmp_path)
    assert known(reader) == {"a"}
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreError, match="ap index build"):
        reader.store()
    write(tmp_path, "b")
    assert known(reader) == {"b"}


def test_a_thread_that_still_reads_keeps_a_store_that_was_replaced(tmp_path):
    write(tmp_path, "a")
    reader = Reader(tmp_path)
    early = reader.store()
    (tmp_path / CATALOG).rename(tmp_path / "aside.sqlite")
    write(tmp_path, "b")
    assert reader.store() is not early
    assert "a" in early.catalog.known("one")


def test_many_threads_read_at_once(tmp_path):
    write(tmp_path, "a")
    reader = Reader(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: known(reader), range(80))) == [{"a"}] * 80


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not tell which files are open")
async def test_a_closed_index_has_no_file_open_and_answers_again(tmp_path):
    remote = MemoryRemote()
    remote.seed("red.png", picture("red"))
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    before = await index.search(remote, text="red")
    assert opened(tmp_path / CATALOG)
    index.close()
    assert not opened(tmp_path / CATALOG)
    assert await index.search(remote, text="red") == before


def opened(file):
    links = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return str(file) in [os.path.realpath(each) for each in links]


@forking
def test_a_forked_process_opens_the_store_itself(tmp_path):
    write(tmp_path, "a")
    reader = Reader(tmp_path)
    store = reader.store()
    assert in_a_fork(lambda: 0 if reader.store() is not store and known(reader) == {"a"} else 1) == 0
    assert reader.store() is store
    assert known(reader) == {"a"}


@forking
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_forked_process_can_search_what_its_parent_searched(tmp_path):
    remote = MemoryRemote()
    for name in ("red", "lime", "blue"):
        remote.seed(f"{name}.png", picture(name))
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    generation = (await asyncio.to_thread(index._opened.serving)).generation
    # Large enough that FAISS shares the work among threads, which a fork does not take along.
    random = np.random.default_rng(3).normal(size=(60_000, generation.dim)).astype(np.float32)
    with EmbeddingStore(tmp_path, write=True) as store:
        store.append(generation.fingerprint, random, [Record(f"{number}") for number in range(len(random))])
    [before] = await index.search(remote, text="red", limit=1)
    serving = index._opened.serving()

    def child():
        serving.vectors.search(random[:64], 5)
        [hit] = asyncio.run(index.search(remote, text="red", limit=1))
        return 0 if hit.entry.id == before.entry.id else 1

    def parent():
        serving.vectors.search(random[:64], 5)
        return in_a_fork(child)

    # In a thread where no event loop runs, so that the child may run its own.
    assert await asyncio.to_thread(parent) == 0
