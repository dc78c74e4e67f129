from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import IntegrityError, PreconditionFailedError, UnavailableError
from ap_remote.model import ByteRange
from ap_remote.transfer import fetching
from ap_remote.transfer.bandwidth import Bandwidth, Flow
from ap_remote.transfer.fetching import BLOCK, Wanted, fetch, rename_new
from ap_remote.transfer.report import SilentMeter

DATA = bytes(range(256)) * (3 * BLOCK // 256) + b"the end"


class Broken(MemoryRemote):
    """Breaks off after so many bytes, and remembers what was asked for."""

    after: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[ByteRange | None] = []

    async def get(self, target, *, span=None):  # type: ignore[override]
        self.asked.append(span)
        left = self.after
        async for piece in super().get(target, span=span):
            if left is not None and len(piece) > left:
                yield piece[:left]
                raise UnavailableError("the connection broke")
            left = None if left is None else left - len(piece)
            yield piece


@pytest.fixture
def remote() -> Broken:
    remote = Broken()
    remote.seed("a.bin", DATA)
    return remote


async def wanted_of(remote: MemoryRemote, path: str = "a.bin") -> Wanted:
    entry = await remote.stat(path)
    return Wanted(id=entry.id, size=entry.size, path=path, md5=entry.md5, when=datetime(2019, 5, 4, tzinfo=UTC))


def flow(size: int = len(DATA)) -> Flow:
    return Flow("a.bin", size, Bandwidth(None), SilentMeter())


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_a_file_arrives_whole_and_dated(remote: Broken, tmp_path: Path):
    file = tmp_path / "a.bin"
    await fetch(remote, await wanted_of(remote), file, flow=flow())
    assert file.read_bytes() == DATA
    assert file.stat().st_mtime == datetime(2019, 5, 4, tzinfo=UTC).timestamp()
    assert names(tmp_path) == ["a.bin"]


async def test_what_broke_off_is_gone_on_with_by_range(remote: Broken, tmp_path: Path):
    remote.after = 2 * BLOCK + 1000
    wanted, file = await wanted_of(remote), tmp_path / "a.bin"
    with pytest.raises(UnavailableError):
        await fetch(remote, wanted, file, flow=flow())
    assert names(tmp_path) == [wanted.partial(file).name]
    remote.after = None
    passed = flow()
    await fetch(remote, wanted, file, flow=passed)
    assert remote.asked == [None, ByteRange(2 * BLOCK)]
    assert (file.read_bytes(), passed.passed, names(tmp_path)) == (DATA, len(DATA), ["a.bin"])


async def test_too_little_to_go_on_with_is_not_kept(remote: Broken, tmp_path: Path):
    remote.after = BLOCK // 2
    with pytest.raises(UnavailableError):
        await fetch(remote, await wanted_of(remote), tmp_path / "a.bin", flow=flow())
    assert names(tmp_path) == []


@pytest.mark.parametrize("there", [b"other bytes" * BLOCK, DATA[:-9] + b"something", DATA + b"more"])
async def test_a_partial_file_of_something_else_is_thrown_away_and_all_is_fetched_once(
    remote: Broken, tmp_path: Path, there: bytes
):
    wanted, file = await wanted_of(remote), tmp_path / "a.bin"
    wanted.partial(file).write_bytes(there[: len(DATA) - 2] if len(there) > len(DATA) + 9 else there)
    await fetch(remote, wanted, file, flow=flow())
    assert file.read_bytes() == DATA
    assert remote.asked[-1] is None
    assert remote.asked.count(None) == 1


async def test_a_whole_partial_file_only_gets_its_name(remote: Broken, tmp_path: Path):
    wanted, file = await wanted_of(remote), tmp_path / "a.bin"
    wanted.partial(file).write_bytes(DATA)
    await fetch(remote, wanted, file, flow=flow())
    assert (file.read_bytes(), remote.asked) == (DATA, [])


async def test_a_cancelled_download_keeps_what_came(remote: Broken, tmp_path: Path):
    came = asyncio.Event()

    class Waiting(Broken):
        async def get(self, target, *, span=None):  # type: ignore[override]
            async for piece in super().get(target, span=span):
                yield piece
                if not came.is_set():
                    came.set()
                    await asyncio.Event().wait()

    slow = Waiting()
    slow.seed("a.bin", DATA)
    wanted, file = await wanted_of(slow), tmp_path / "a.bin"
    task = asyncio.create_task(fetch(slow, wanted, file, flow=flow()))
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not file.exists()
    await fetch(slow, wanted, file, flow=flow())
    assert slow.asked[-1] == ByteRange(BLOCK)
    assert file.read_bytes() == DATA


class Lying(MemoryRemote):
    """Hands out other bytes than it says it holds."""

    lie = b""

    async def get(self, target, *, span=None) -> AsyncIterator[bytes]:  # type: ignore[override]
        yield self.lie


@pytest.mark.parametrize("lie", [b"short", b"other bytes", b"far too many bytes", b""])
async def test_bytes_that_are_not_those_promised_never_get_the_name(tmp_path: Path, lie: bytes):
    remote = Lying()
    remote.seed("a.bin", b"true bytes!")
    remote.lie = lie
    with pytest.raises(IntegrityError):
        await fetch(remote, await wanted_of(remote), tmp_path / "a.bin", flow=flow(11))
    assert names(tmp_path) == []


async def test_what_changed_in_the_account_is_told_as_that(remote: Broken, tmp_path: Path):
    wanted = await wanted_of(remote)
    await remote.put(b"new", "a.bin", if_exists="overwrite")
    with pytest.raises(PreconditionFailedError, match="changed since"):
        await fetch(remote, wanted, tmp_path / "a.bin", flow=flow())
    assert names(tmp_path) == []


async def test_a_file_that_appeared_is_left_alone_unless_it_is_to_be_replaced(remote: Broken, tmp_path: Path):
    file = tmp_path / "a.bin"
    file.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        await fetch(remote, await wanted_of(remote), file, flow=flow())
    assert (file.read_bytes(), names(tmp_path)) == (b"mine", ["a.bin"])
    await fetch(remote, await wanted_of(remote), file, flow=flow(), over=True)
    assert (file.read_bytes(), names(tmp_path)) == (DATA, ["a.bin"])


async def test_two_that_fetch_one_file_do_not_mix(remote: Broken, tmp_path: Path):
    wanted, file = await wanted_of(remote), tmp_path / "a.bin"
    first = fetching.Partial(wanted, file)
    first.open()
    with pytest.raises(BlockingIOError, match="another process"):
        await fetch(remote, wanted, file, flow=flow())
    first.close()
    await fetch(remote, wanted, file, flow=flow())
    assert file.read_bytes() == DATA


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked for it")
def test_a_rename_over_nothing_is_one_step_of_which_no_second_name_can_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(os, "link")
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    rename_new(old, new)
    assert names(tmp_path) == ["new"]
    old.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        rename_new(old, new)
    assert (old.read_bytes(), new.read_bytes()) == (b"other", b"old")


@pytest.mark.skipif(sys.platform == "win32", reason="a file is renamed there, never linked")
@pytest.mark.parametrize("edited", [False, True])
async def test_a_file_whose_partial_name_stayed_is_not_written_to_by_that_name(
    remote: Broken, tmp_path: Path, *, edited: bool
):
    wanted, file, other = await wanted_of(remote), tmp_path / "a.bin", tmp_path / "b.bin"
    other.write_bytes(b"edited" * BLOCK if edited else DATA)
    before = other.read_bytes()
    os.link(other, wanted.partial(file))
    await fetch(remote, wanted, file, flow=flow())
    assert (file.read_bytes(), other.read_bytes()) == (DATA, before)
    assert names(tmp_path) == ["a.bin", "b.bin"]
    assert not file.samefile(other)


def none(*_args: object, **_options: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("links", [False, True])
async def test_a_disk_without_renames_of_one_step_or_links_never_overwrites_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
):
    monkeypatch.setattr(fetching, "_exclusive_rename", lambda: None)
    if not links:
        monkeypatch.setattr(os, "link", none)
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    rename_new(old, new)
    assert names(tmp_path) == ["new"]
    old.write_bytes(b"other")
    with pytest.raises(FileExistsError):
        rename_new(old, new)
    assert new.read_bytes() == b"old"


async def test_a_name_of_many_bytes_has_a_partial_one_that_fits(tmp_path: Path):
    remote = MemoryRemote()
    name = "é" * 120 + ".jpg"
    remote.seed(name, b"x")
    await fetch(remote, await wanted_of(remote, name), tmp_path / name, flow=flow(1))
    assert names(tmp_path) == [name]


class Endless(MemoryRemote):
    """A file of zeros, as large as it says, of which nothing is held."""

    size = 2**31 + 2**27

    async def get(self, target, *, span=None) -> AsyncIterator[bytes]:  # type: ignore[override]
        piece = bytes(8 * BLOCK)
        left = self.size - (span.start if span else 0)
        while left:
            yield piece[:left]
            left -= min(left, len(piece))


async def test_a_file_of_more_than_two_gib_streams_with_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import tracemalloc

    def sparse(self: fetching.Partial) -> None:
        """Write nothing but the length: the disk need not hold two gigabytes for this."""
        if self._stream is None:
            self.open()
        self._held = []
        os.ftruncate(self._stream.fileno(), self.at)

    monkeypatch.setattr(fetching.Partial, "write", sparse)
    wanted = Wanted(id="n" * 22, size=Endless.size, path="big.mov")
    tracemalloc.start()
    try:
        await fetch(Endless(), wanted, tmp_path / "big.mov", flow=flow(Endless.size))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    found = (tmp_path / "big.mov").stat()
    assert found.st_size == Endless.size
    assert found.st_blocks * 512 < 2**20
    assert peak < 64 * BLOCK


def test_the_partial_name_is_that_of_one_content():
    file = Path("/there/a.jpg")
    first = Wanted(id="n", size=1, path="a", md5="a" * 32)
    other = Wanted(id="n", size=1, path="a", md5="b" * 32)
    unknown, newer = (Wanted(id="n", size=1, path="a", version=version) for version in (1, 2))
    assert first.partial(file).name == ".a.jpg.aaaaaaaa.partial"
    assert len({each.partial(file) for each in (first, other, unknown, newer)}) == 4


async def test_an_empty_file_arrives(tmp_path: Path):
    remote = MemoryRemote()
    remote.seed("empty", b"")
    wanted = await wanted_of(remote, "empty")
    assert wanted.md5 == hashlib.md5(b"").hexdigest()
    await fetch(remote, wanted, tmp_path / "empty", flow=flow(0))
    assert (tmp_path / "empty").read_bytes() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux'")
def test_a_full_disk_is_told_with_the_file_that_did_not_fit(tmp_path: Path):
    wanted, file = Wanted(id="n" * 22, size=9, path="a.bin"), tmp_path / "a.bin"
    partial = fetching.Partial(wanted, file)
    partial.hold(b"some bytes")
    with Path("/dev/full").open("r+b", buffering=0) as full:
        partial._stream = full
        with pytest.raises(OSError, match="No space left") as caught:
            partial.write()
    assert caught.value.filename == str(file)
