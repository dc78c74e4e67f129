"""The synchronous face answers on the calling thread what the remote knows."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from datetime import datetime

import pytest
from fsspec.asyn import get_loop, sync

from ap_remote.backends.memory import MemoryRemote
from ap_remote.backends.readonly import read_only
from ap_remote.errors import AuthenticationError, NotFoundError
from ap_remote.fs import RemoteFileSystem


class Known(MemoryRemote):
    """Counts what the verbs are asked, and may know nothing at once."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.knows = True
        self.seed("r/a.txt", b"abc")
        self.seed("r/b/c.txt", b"c")

    async def stat(self, target, *, fresh=False):
        self.asked += 1
        return await super().stat(target, fresh=fresh)

    async def list(self, target="", *, recursive=False, fresh=False):
        self.asked += 1
        async for entry in super().list(target, recursive=recursive, fresh=fresh):
            yield entry

    def peek(self, path):
        return super().peek(path) if self.knows else None

    def peek_list(self, path):
        return super().peek_list(path) if self.knows else None


@pytest.fixture
def remote():
    return Known()


@pytest.fixture
def fs(remote):
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    fs.cat("/r/a.txt")  # opens the remote
    remote.asked = 0
    yield fs
    fs.close()


def answers(fs):
    return [
        fs.info("/r/a.txt"),
        fs.exists("/r/a.txt"),
        fs.exists("/R//A.TXT/"),
        fs.exists("/r/none"),
        fs.exists("/r/a.txt/none"),
        fs.exists("/r/../a"),
        fs.isfile("/r/a.txt"),
        fs.isfile("/r"),
        fs.isfile("/none"),
        fs.isdir("/"),
        fs.isdir("/none"),
        fs.size("/r/a.txt"),
        fs.created("/r/a.txt"),
        fs.modified("/r"),
        fs.ukey("/r/a.txt"),
        fs.checksum("/r/a.txt"),
        fs.checksum("/r"),
        fs.ls("/r"),
        fs.ls("/r", detail=False),
        fs.ls("/r/a.txt"),
        fs.stat("/r"),
        fs.lexists("/r"),
    ]


def test_what_is_known_is_answered_without_the_loop(fs, remote, monkeypatch):
    def refused(*_args, **_kwargs):
        raise AssertionError("the loop was asked")

    remote.knows = False
    asked = answers(fs)
    count, remote.asked, remote.knows = remote.asked, 0, True
    monkeypatch.setattr("ap_remote.fs.at_once.sync", refused)

    assert answers(fs) == asked
    assert count
    assert remote.asked == 0


@pytest.mark.parametrize("ask", ["info", "ls", "size", "created", "modified", "ukey", "checksum"])
@pytest.mark.parametrize("knows", [True, False])
def test_nothing_at_a_path_is_file_not_found_either_way(fs, remote, ask, knows):
    remote.knows = knows

    with pytest.raises(NotFoundError):
        getattr(fs, ask)("/r/none")


async def test_the_coroutines_say_the_same(fs, remote):
    other = RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)

    assert fs.created("/r/a.txt") == await other._created("/r/a.txt")
    assert fs.modified("/r/a.txt") == await other._modified("/r/a.txt")
    assert isinstance(fs.modified("/r/a.txt"), datetime)
    assert fs.modified("/r/a.txt").tzinfo is not None
    assert fs.ukey("/r/a.txt") == await other._ukey("/r/a.txt")
    assert fs.checksum("/r/a.txt") == await other._checksum("/r/a.txt")


def test_refresh_and_fresh_ask(fs, remote):
    fs.info("/r/a.txt", refresh=True)
    fs.ls("/r", refresh=True)
    fs.exists("/r", refresh=True)
    assert remote.asked == 3
    always = RemoteFileSystem(lambda: remote, fresh=True, skip_instance_cache=True)
    always.cat("/r/a.txt")
    remote.asked = 0
    always.isdir("/r")

    assert remote.asked == 1
    always.close()


def test_an_error_of_the_account_is_told_by_whoever_asks(fs, remote, monkeypatch):
    async def expired(target, *, fresh=False):
        raise AuthenticationError("the login has expired")

    remote.knows = False
    monkeypatch.setattr(remote, "stat", expired)
    with pytest.raises(PermissionError):
        fs.exists("/r/a.txt")


def test_a_closed_filesystem_opens_anew(fs, remote):
    fs.close()
    assert fs.exists("/r/a.txt")

    assert remote.asked == 1


def test_an_asynchronous_instance_has_no_synchronous_face(remote):
    fs = RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)
    asyncio.run(fs._info("/r"))

    with pytest.raises(RuntimeError, match="not running"):
        fs.exists("/r")


def test_on_the_loops_own_thread_a_synchronous_call_is_refused_even_if_the_answer_is_known(fs):
    async def call():
        fs.exists("/r")

    with pytest.raises(NotImplementedError, match="running loop"):
        sync(get_loop(), call)


async def test_a_notebook_on_its_own_loop_gets_its_answer(fs, remote):
    assert fs.exists("/r/a.txt")
    assert remote.asked == 0


def test_a_wrapper_that_only_reads_passes_it_on(remote):
    fs = RemoteFileSystem(lambda: read_only(remote), skip_instance_cache=True)
    fs.cat("/r/a.txt")
    remote.asked = 0

    assert fs.info("/r/a.txt")["size"] == 3
    assert remote.asked == 0
    fs.close()


def test_threads_ask_at_once_while_the_loop_writes(fs):
    sizes = {hashlib.md5(b"x" * length).hexdigest(): length for length in range(60)}
    sizes[fs.info("/r/a.txt")["md5"]] = 3
    seen, done = [], threading.Event()

    def look():
        while not done.is_set():
            found = fs.info("/r/a.txt")
            seen.append((found["size"], sizes[found["md5"]]))

    thread = threading.Thread(target=look)
    thread.start()
    for length in range(60):
        fs.pipe_file("/r/a.txt", b"x" * length)
    done.set()
    thread.join()

    assert seen
    assert all(size == expected for size, expected in seen)
