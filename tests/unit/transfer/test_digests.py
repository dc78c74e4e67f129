from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ap_remote.transfer import digests as module
from ap_remote.transfer.digests import Digests, digest_files, stamp_of
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import EVERYTHING

HOUR = 3600 * 10**9


def later() -> int:
    return time.time_ns() + HOUR


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The files that were read."""
    seen: list[str] = []
    real = module.read_digest

    def read(file):
        seen.append(Path(file).name)
        return real(file)

    monkeypatch.setattr(module, "read_digest", read)
    return seen


async def all_of(disk: Disk, **wishes) -> dict[str, str | OSError]:
    items = [item for item in (await disk.listing(EVERYTHING)).items if not item.is_folder]
    return await disk.digest_many(items, **wishes)


def fill(root: Path, count: int = 3) -> dict[str, str]:
    root.mkdir(exist_ok=True)
    for number in range(count):
        (root / f"f{number}").write_bytes(b"%d" % number)
    return {f"f{number}": md5(b"%d" % number) for number in range(count)}


async def test_a_file_is_read_once_as_long_as_it_stays_what_it_was(tmp_path: Path, reads):
    right = fill(tmp_path / "root")
    file = tmp_path / "cache" / "digests.sqlite"
    for _ in range(2):
        store = Digests(file, clock=later)
        assert await all_of(Disk(tmp_path / "root", digests=store)) == right
        store.close()
    assert sorted(reads) == ["f0", "f1", "f2"]
    disk = Disk(tmp_path / "root", digests=Digests(file, clock=later))
    (tmp_path / "root" / "f1").write_bytes(b"X")
    assert (await all_of(disk))["f1"] == md5(b"X")
    assert reads[3:] == ["f1"]
    await all_of(disk, again=True)
    assert len(reads) == 7
    disk.digests.close()


async def test_the_same_size_and_time_with_another_inode_is_another_file(tmp_path: Path, reads):
    fill(tmp_path / "root", 1)
    file, other = tmp_path / "root" / "f0", tmp_path / "other"
    disk = Disk(tmp_path / "root", digests=Digests(tmp_path / "d", clock=later))
    await all_of(disk)
    other.write_bytes(b"9")
    facts = file.stat()
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(file)
    assert await all_of(disk) == {"f0": md5(b"9")}
    disk.digests.close()


@pytest.mark.parametrize(("age", "kept"), [(0, False), (1.9, False), (2.1, True)])
async def test_a_file_younger_than_two_seconds_is_not_remembered(tmp_path: Path, reads, age: float, kept):
    fill(tmp_path / "root", 1)
    born = (tmp_path / "root" / "f0").stat().st_ctime_ns
    disk = Disk(tmp_path / "root", digests=Digests(tmp_path / "d", clock=lambda: born + int(age * 10**9)))
    for _ in range(2):
        await all_of(disk)
    assert len(reads) == (1 if kept else 2)
    disk.digests.close()


async def test_a_damaged_store_is_made_anew(tmp_path: Path, reads):
    right = fill(tmp_path / "root")
    file = tmp_path / "d"
    file.write_bytes(b"this is no database at all, whatever its name says" * 100)
    for _ in range(2):
        store = Digests(file, clock=later)
        assert await all_of(Disk(tmp_path / "root", digests=store)) == right
        store.close()
    assert len(reads) == 3
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    for _ in range(2):
        store = Digests(file, clock=later)
        assert await all_of(Disk(tmp_path / "root", digests=store)) == right
        store.close()
    assert len(reads) == 6


async def test_a_store_that_cannot_be_used_is_done_without(tmp_path: Path):
    right = fill(tmp_path / "root")
    (tmp_path / "file").touch()
    disk = Disk(tmp_path / "root", digests=Digests(tmp_path / "file" / "d"))
    assert await all_of(disk) == right
    other = tmp_path / "newer"
    with sqlite3.connect(other) as base:
        base.execute("CREATE TABLE digests (something TEXT)")
        base.execute("PRAGMA user_version=9")
    base.close()
    before = other.read_bytes()
    disk = Disk(tmp_path / "root", digests=Digests(other, clock=later))
    assert await all_of(disk) == right
    assert b"something" in other.read_bytes()
    assert len(other.read_bytes()) == len(before)


async def test_a_file_that_cannot_be_read_is_said_and_the_others_are_read(tmp_path: Path):
    right = fill(tmp_path / "root")
    disk = Disk(tmp_path / "root")
    items = (await disk.listing(EVERYTHING)).items
    (tmp_path / "root" / "f1").unlink()
    found = await disk.digest_many(items)
    assert isinstance(found.pop("f1"), FileNotFoundError)
    assert found == {"f0": right["f0"], "f2": right["f2"]}
    with pytest.raises(FileNotFoundError):
        await disk.digest(items[1])


async def test_many_files_are_found_in_one_pass_and_a_folder_of_a_similar_name_is_not_mixed_up(tmp_path: Path, reads):
    store = Digests(tmp_path / "d", clock=later)
    right = fill(tmp_path / "root", 700)
    fill(tmp_path / "root2", 5)
    await all_of(Disk(tmp_path / "root2", digests=store))
    for _ in range(2):
        assert await all_of(Disk(tmp_path / "root", digests=store)) == right
    assert len(reads) == 705
    store.close()


def test_a_large_file_is_read_piece_by_piece(tmp_path: Path):
    file = tmp_path / "large"
    data = os.urandom(3 << 20)
    file.write_bytes(data)
    assert digest_files([(str(file), "")])[str(file)] == md5(data)


def test_a_pipe_in_the_place_of_a_file_does_not_hold_us_up(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    found = digest_files([(str(tmp_path / "pipe"), "")])
    assert found[str(tmp_path / "pipe")] == md5(b"")


def test_two_processes_write_at_once(tmp_path: Path):
    fill(tmp_path / "root", 200)
    code = (
        "import sys, os, time\n"
        "from pathlib import Path\n"
        "from ap_remote.transfer.digests import Digests, digest_files, stamp_of\n"
        "store = Digests(Path(sys.argv[1]), clock=lambda: time.time_ns() + 10**13)\n"
        "files = [(os.path.join(sys.argv[2], n), '') for n in sorted(os.listdir(sys.argv[2]))]\n"
        "for start in range(0, 200, 10):\n"
        "    digest_files(files[start:start + 10], store)\n"
        "store.close()\n"
    )
    where = [sys.executable, "-c", code, str(tmp_path / "d"), str(tmp_path / "root")]
    both = [subprocess.Popen(where) for _ in range(2)]
    assert [each.wait(60) for each in both] == [0, 0]
    store = Digests(tmp_path / "d")
    files = [(str(each), stamp_of(each.stat())) for each in (tmp_path / "root").iterdir()]
    assert len(store.known(files)) == 200
    store.close()


async def test_progress_ends_with_all(tmp_path: Path):
    fill(tmp_path / "root", 250)
    told: list[tuple[int, int | None]] = []
    await all_of(Disk(tmp_path / "root"), checkers=1, progress=lambda done, total: told.append((done, total)))
    await asyncio.sleep(0)
    assert told[0] == (100, 250)
    assert all(total == 250 for _, total in told)
