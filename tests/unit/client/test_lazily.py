"""Nothing before it is needed, nothing left behind, from any thread and inside any loop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ap_remote import AmazonPhotos
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, RemoteError, StoreError
from tests.contracts.pictures import jpeg

COOKIES = {"session-id": "CANARY-A", "ubid-main": "CANARY-B", "at-main": "CANARY-C"}


class Watched(MemoryRemote):
    """Tells when it is closed."""

    closed = 0

    async def close(self) -> None:
        self.closed += 1
        await super().close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AP_REMOTE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loops() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "ap-remote"]


@pytest.mark.parametrize("options", [{"remote": "local:"}, {"cookies": COOKIES, "db_path": "ap.parquet", "tmp": "tmp"}])
def test_a_constructor_makes_no_file_and_no_thread(home: Path, options: dict) -> None:
    before = set(threading.enumerate())
    client = AmazonPhotos(**options)
    assert set(threading.enumerate()) == before
    assert [*home.iterdir()] == []
    client.close()
    assert [*home.iterdir()] == []


def test_a_remote_that_nobody_configured_is_refused_at_once(home: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        AmazonPhotos(remote="nowhere:")


def test_a_dropped_client_is_closed_and_its_thread_ends() -> None:
    remote = Watched()
    client = AmazonPhotos(remote=remote)
    assert client.photos().empty
    assert len(loops()) == 1
    del client
    gc.collect()
    assert (remote.closed, loops()) == (1, [])


def test_a_client_dropped_by_its_own_thread_is_closed() -> None:
    """The collector runs wherever it likes, in the loop's thread too."""
    remote = Watched()
    client = AmazonPhotos(remote=remote)
    held = [client]

    async def drop() -> None:
        held.clear()

    del client
    held[0]._run(drop)
    (*_,) = (
        each.join(30) for each in [*loops(), *threading.enumerate()] if each.name in ("ap-remote", "ap-remote-close")
    )
    assert (remote.closed, loops()) == (1, [])


def test_a_forgotten_client_does_not_hold_up_the_end_of_the_program(home: Path) -> None:
    code = "from ap_remote import AmazonPhotos; ap = AmazonPhotos(remote='local:'); print(len(ap.photos()))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_is_told_in_a_sentence() -> None:
    with AmazonPhotos(remote=MemoryRemote()) as client:
        assert client.photos().empty
        inlet, outlet = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                client.photos()
            except RemoteError as exc:
                os.write(outlet, str(exc).encode())
            client.close()
            os._exit(0)
        os.close(outlet)
        with os.fdopen(inlet) as stream:
            said = stream.read()
        assert os.waitpid(child, 0)[1] == 0
        assert "forked" in said
        assert client.photos().empty


def test_many_threads_may_use_one_client(home: Path) -> None:
    remote = Watched()
    for number in range(4):
        remote.seed(f"{number}.jpg", jpeg(color=(number * 60, 10, 10)))
    with AmazonPhotos(remote=remote) as client, ThreadPoolExecutor(8) as pool:
        counts = [*pool.map(lambda _: len(client.photos()), range(24))]
        assert counts == [4] * 24
        assert len(loops()) == 1
    assert remote.closed == 1


async def test_it_waits_inside_a_running_loop_and_beside_it() -> None:
    with AmazonPhotos(remote=MemoryRemote()) as client:
        assert client.photos().empty
        assert all(each.empty for each in await asyncio.gather(*(asyncio.to_thread(client.photos) for _ in range(3))))


def test_an_interrupted_wait_ends_the_work() -> None:
    begun, ended = threading.Event(), threading.Event()

    class Slow(MemoryRemote):
        async def usage(self):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    def interrupt() -> None:
        begun.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    with AmazonPhotos(remote=Slow()) as client:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            client.usage()
        thread.join()
        assert ended.wait(30)
        assert client.photos().empty


def test_what_could_not_be_opened_is_tried_anew(home: Path) -> None:
    (home / "home").mkdir()
    (home / "home" / "local").write_text("in the way")
    client = AmazonPhotos(remote="local:")
    with pytest.raises(StoreError):
        client.photos()
    (home / "home" / "local").unlink()
    assert client.photos().empty
    client.close()


def test_it_works_in_ipython(home: Path) -> None:
    pytest.importorskip("IPython", reason="IPython is no dependency")
    lines = ("import asyncio", "from ap_remote import AmazonPhotos", "ap = AmazonPhotos(remote='memory:')")
    code = "\n".join((*lines, "await asyncio.sleep(0)", "len(ap.photos())"))
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0" in done.stdout


def test_no_secret_is_in_what_can_be_printed(home: Path) -> None:
    client = AmazonPhotos(COOKIES, tmp=home / "tmp")
    assert "CANARY" not in repr(client) + repr(vars(client)) + repr(client._loop) + repr(vars(client._loop))
