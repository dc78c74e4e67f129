"""What a remote says at once, to any thread."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.backends.memory import MemoryRemote
from ap_remote.backends.readonly import read_only
from ap_remote.errors import InvalidNameError, IsFileError, NotFoundError
from ap_remote.remote.base import Remote
from ap_remote.remote.features import SupportsPeek
from tests.unit.backends.odd_service import Clock, OddService, remote_over


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> OddService:
    found = OddService(clock)
    folder = found.add("r", None, kind="FOLDER")
    found.add("a.jpg", b"a", folder)
    found.add("b", None, folder, kind="FOLDER")
    return found


@pytest.fixture
async def remote(service: OddService, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    async with remote_over(service, tmp_path / "cache") as opened:
        yield opened


async def test_nothing_is_known_before_it_was_asked_for(remote: AmazonPhotosRemote, service: OddService):
    assert remote.peek("r/a.jpg") is None
    assert remote.peek_list("r") is None
    assert not service.asked


async def test_what_was_asked_for_is_said_at_once_in_any_case(remote: AmazonPhotosRemote, service: OddService):
    told = await remote.stat("r/a.jpg")
    asked = service.asked.copy()

    assert remote.peek("r/a.jpg") == remote.peek("/R//A.JPG") == told
    assert remote.peek_list("r") == [entry async for entry in remote.list("r")]
    with pytest.raises(NotFoundError):
        remote.peek("r/none.jpg")
    with pytest.raises(NotFoundError):
        remote.peek_list("r/none")
    with pytest.raises(IsFileError):
        remote.peek_list("r/a.jpg")
    with pytest.raises(InvalidNameError):
        remote.peek("r/../a.jpg")
    assert service.asked == asked


async def test_what_is_known_of_a_folder_is_not_known_of_its_content(remote: AmazonPhotosRemote):
    await remote.stat("r/b")

    assert remote.peek("r/b") is not None
    assert remote.peek_list("r/b") is None
    assert remote.peek("r/b/c.jpg") is None


async def test_what_has_grown_old_is_not_said(remote: AmazonPhotosRemote, clock: Clock):
    await remote.stat("r/a.jpg")
    clock.now += 61

    assert remote.peek("r/a.jpg") is None
    assert remote.peek_list("r") is None


async def test_views_have_to_be_asked(remote: AmazonPhotosRemote):
    await remote.stat("r/a.jpg")

    for each in (remote, MemoryRemote()):
        assert each.peek(".views/albums") is None
        assert each.peek_list(".views") is None


async def test_a_closed_remote_says_nothing_and_opens_nothing(remote: AmazonPhotosRemote):
    await remote.stat("r/a.jpg")
    await remote.close()

    assert remote.peek("r/a.jpg") is None
    assert remote.peek_list("r") is None
    assert not remote._cache._store._handle


async def test_a_store_that_is_closed_at_that_moment_says_nothing(remote: AmazonPhotosRemote):
    await remote.stat("r/a.jpg")
    handle = remote._cache._store._handle
    handle.env.close()

    assert remote.peek("r/a.jpg") is None
    assert remote.peek_list("r") is None


async def test_a_child_process_says_nothing_of_what_its_parent_opened(remote: AmazonPhotosRemote):
    await remote.stat("r/a.jpg")
    handle = remote._cache._store._handle
    handle.pid = os.getpid() + 1  # as a child sees it

    assert remote.peek("r/a.jpg") is None
    handle.pid = os.getpid()
    assert remote.peek("r/a.jpg") is not None


async def test_threads_peek_while_the_cache_is_written_and_closed(remote: AmazonPhotosRemote):
    first = await remote.stat("r/a.jpg")
    seen, wrong, done = 0, [], threading.Event()

    def look() -> None:
        nonlocal seen
        while not done.is_set():
            try:
                found, listed = remote.peek("r/a.jpg"), remote.peek_list("r")
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is wrong
                wrong.append(exc)
                return
            seen += 1
            if not (found is None or found.id == first.id) or not (listed is None or len(listed) == 2):
                wrong.append((found, listed))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for each in threads:
        each.start()
    for _ in range(30):
        await remote.stat("r/a.jpg", fresh=True)
        await asyncio.sleep(0)
    remote._cache.close()
    await remote.stat("r/a.jpg", fresh=True)
    done.set()
    for each in threads:
        each.join()

    assert not wrong
    assert seen


async def test_a_remote_in_memory_says_what_it_holds():
    remote = MemoryRemote()
    remote.seed("r/a.jpg", b"a")

    assert remote.peek("R/a.jpg") == await remote.stat("R/a.jpg")
    assert remote.peek_list("r") == [entry async for entry in remote.list("r")]
    with pytest.raises(NotFoundError):
        remote.peek("r/none")
    with pytest.raises(NotFoundError):
        remote.peek_list("none")
    with pytest.raises(IsFileError):
        remote.peek_list("r/a.jpg")


async def test_no_thread_sees_half_an_overwrite(monkeypatch: pytest.MonkeyPatch):
    remote = MemoryRemote()
    await remote.put(b"old", "a")
    found = []
    looking = threading.Thread(target=lambda: found.append(remote.peek("a")))
    fill = remote._fill

    def filled(*args):
        looking.start()
        looking.join(0.05)
        assert looking.is_alive()  # it waits for the step to end
        fill(*args)

    monkeypatch.setattr(remote, "_fill", filled)
    await remote.put(b"newer", "a", if_exists="overwrite")
    looking.join()

    assert [(each.size, each.md5, each.version) for each in found] == [(5, hashlib.md5(b"newer").hexdigest(), 2)]


async def test_a_verb_in_memory_is_cancelled_and_fails_as_ever(tmp_path: Path):
    remote = MemoryRemote()
    task = asyncio.create_task(remote.put(tmp_path / "none", "a"))
    with pytest.raises(FileNotFoundError):
        await task
    (tmp_path / "some").write_bytes(b"x")
    task = asyncio.create_task(remote.put(tmp_path / "some", "a"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert remote.raw("a") is None
    assert (await remote.put(tmp_path / "some", "a")).size == 1


async def test_a_reading_wrapper_passes_on_what_is_known(remote: AmazonPhotosRemote):
    await remote.stat("r/a.jpg")
    wrapped: Remote = read_only(remote)

    assert isinstance(wrapped, SupportsPeek)
    assert wrapped.peek("r/a.jpg") == remote.peek("r/a.jpg")
    assert wrapped.peek_list("r") == remote.peek_list("r")
