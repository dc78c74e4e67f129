"""The cache of blocks between processes, on disks that fail, and over the service, whose requests are counted."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import PreconditionFailedError
from ap_remote.fs import RemoteFileSystem
from ap_remote.fs.blocks import BlockCache, Version
from ap_remote.fsspec import AmazonPhotosFileSystem
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from tests.contracts.service import URL, CountedTransport

MIB = 2**20
LARGE = random.Random(3).randbytes(20 * MIB)


class Service:
    """A service and filesystems over it, each with the requests that it made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = create_app(folder / "service", internal=True)
        self.made: list[RemoteFileSystem] = []

    def filesystem(self, name: str, cache: BlockCache | None = None) -> tuple[RemoteFileSystem, list[str]]:
        session = Session(load_credentials(self.folder / "service" / "credentials.json"), Hosts.for_service(URL))
        transport = CountedTransport(session, app=self.app)
        made = RemoteFileSystem(
            lambda: AmazonPhotosRemote("home", transport, self.folder / name),
            block_cache=cache,
            skip_instance_cache=True,
        )
        self.made.append(made)
        return made, transport.titles


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    for each in service.made:
        each.close()


def downloads(titles: list[str]) -> int:
    return sum(title.endswith("/contentRedirection") for title in titles)


def test_what_one_filesystem_read_another_one_need_not_ask_for(service: Service, tmp_path: Path) -> None:
    fs, titles = service.filesystem("first", BlockCache(tmp_path / "blocks"))
    fs.pipe({"/small": b"small" * 1000, "/large": LARGE})
    titles.clear()
    ranges = (["/large", "/large", "/small"], [0, 15 * MIB, 5], [100, 15 * MIB + 100, 10])
    expected = [LARGE[:100], LARGE[15 * MIB : 15 * MIB + 100], b"small"]
    assert fs.cat_ranges(*ranges) == expected
    assert downloads(titles) == 3

    other, titles = service.filesystem("second", BlockCache(tmp_path / "blocks"))
    other.ls("/")
    titles.clear()
    assert other.cat_ranges(*ranges) == expected
    assert other.cat_file("/small") == b"small" * 1000
    with other.open("/small", "r") as file:
        assert file.read(5) == "small"
    assert titles == []


def test_a_large_file_is_read_with_few_requests_and_the_second_time_with_none(service: Service, tmp_path: Path) -> None:
    fs, titles = service.filesystem("first", BlockCache(tmp_path / "blocks"))
    fs.pipe_file("/large", LARGE)
    titles.clear()
    for expected in (range(1, 8), range(1)):
        with fs.open("/large") as file:
            assert zlib.crc32(b"".join(iter(lambda: file.read(65_536), b""))) == zlib.crc32(LARGE)
        assert downloads(titles) in expected
        titles.clear()


def test_reading_ahead_makes_few_requests_and_seeking_reads_little(service: Service) -> None:
    fs, titles = service.filesystem("first")
    fs.pipe_file("/large", LARGE)
    titles.clear()
    with fs.open("/large") as file:
        assert sum(len(piece) for piece in iter(lambda: file.read(65_536), b"")) == len(LARGE)
    assert downloads(titles) <= 8
    titles.clear()
    places = random.Random(4).sample(range(0, 19 * MIB, MIB), 12)
    with fs.open("/large") as file:
        for place in places:
            file.seek(place)
            assert file.read(100) == LARGE[place : place + 100]
        assert file.cache.total_requested_bytes < len(LARGE) // 4
    assert downloads(titles) == len(places)


@pytest.mark.parametrize("kept", [False, True])
def test_a_file_that_another_client_overwrites_is_an_error_for_who_holds_it(
    service: Service, tmp_path: Path, *, kept: bool
) -> None:
    """The node cache of the reader knows nothing of it, and the length is the same."""
    fs, _ = service.filesystem("reader", BlockCache(tmp_path / "blocks") if kept else None)
    fs.pipe_file("/large", LARGE)
    other, _ = service.filesystem("writer")
    with fs.open("/large") as file:
        start = file.read(100)
        other.pipe_file("/large", LARGE[::-1])
        file.seek(10 * MIB)
        with pytest.raises(PreconditionFailedError, match="open it again"):
            file.read(100)
    assert start == LARGE[:100]
    with fs.open("/large") as file:
        file.seek(10 * MIB)
        assert file.read(100) == LARGE[::-1][10 * MIB : 10 * MIB + 100]
    assert fs.cat_file("/large", 5, 10) == LARGE[::-1][5:10]


def test_a_range_of_what_another_client_overwrote_is_not_kept_under_the_old_version(
    service: Service, tmp_path: Path
) -> None:
    cache = BlockCache(tmp_path / "blocks")
    fs, _ = service.filesystem("reader", cache)
    fs.pipe_file("/large", LARGE)
    other, _ = service.filesystem("writer")
    other.pipe_file("/large", LARGE[::-1])

    assert fs.cat_file("/large", 5, 10) == LARGE[::-1][5:10]
    other.pipe_file("/large", LARGE)
    again, _ = service.filesystem("again", cache)
    assert again.cat_file("/large", 5, 10) == LARGE[5:10]


# Several processes


def _block(number: int) -> bytes:
    return random.Random(number).randbytes(3000 + number * 500)


def _hammer(folder: str, seed: int, answers: Any) -> None:
    cache = BlockCache(folder, 20 * 4096)
    chance = random.Random(seed)
    wrong = found = above = 0
    for _ in range(80):
        number = chance.randrange(20)
        version = Version(f"node-{number}", 1, None, 0)
        data = cache.get(version, "0")
        if data is None:
            cache.put(version, {"0": _block(number)})
        elif data == _block(number):
            found += 1
        else:
            wrong += 1
        above += cache.usage().size > cache.limit
    answers.put((wrong, above, found))


def test_processes_share_a_folder_while_blocks_make_way(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [context.Process(target=_hammer, args=(str(tmp_path / "blocks"), seed, answers)) for seed in range(3)]
    for each in workers:
        each.start()
    told = [answers.get(timeout=120) for _ in workers]
    for each in workers:
        each.join()

    assert [(wrong, above) for wrong, above, _ in told] == [(0, 0)] * 3
    assert all(found for _, _, found in told)
    usage = BlockCache(tmp_path / "blocks").usage()
    assert 0 < usage.size <= 20 * 4096
    assert not list((tmp_path / "blocks").glob("1/??/.*"))


_WRITER = """
import sys
from ap_remote.fs.blocks import BlockCache, Version
cache = BlockCache(sys.argv[1], 200 * 4096)
number = 0
while True:
    cache.put(Version(f"node-{number % 300}", 1, None, 0), {"0": bytes([number % 300 % 251]) * 20_000})
    number += 1
    if number == 20:
        print("going", flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_blocks_and_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "blocks"
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"going\n"
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    cache = BlockCache(folder, 200 * 4096)

    held = [cache.get(Version(f"node-{number}", 1, None, 0), "0") for number in range(300)]
    assert any(held)
    assert [data for number, data in enumerate(held) if data not in (None, bytes([number % 251]) * 20_000)] == []
    for number in range(60):
        cache.put(Version(f"after-{number}", 1, None, 0), {"0": bytes(20_000)})
        assert cache.usage().size <= cache.limit
    assert cache.get(Version("after-59", 1, None, 0), "0") == bytes(20_000)


# Disks


def test_a_full_disk_is_one_line_in_the_log(service: Service, small_disk: Path, caplog: Any) -> None:
    cache = BlockCache(small_disk / "blocks")
    fs, _ = service.filesystem("first", cache)
    fs.pipe_file("/large", LARGE)
    for place in range(0, 20 * MIB, MIB):
        assert fs.cat_file("/large", place, place + 10) == LARGE[place : place + 10]

    ours = [record for record in caplog.records if record.name == "ap_remote.fs.blocks"]
    assert [record.levelno for record in ours] == [logging.WARNING]
    assert 0 < cache.usage().size <= 6 * MIB
    assert not list((small_disk / "blocks").glob("1/??/.*"))


def test_a_disk_that_became_read_only_is_still_read(service: Service, small_disk: Path, caplog: Any) -> None:
    cache = BlockCache(small_disk / "blocks")
    fs, titles = service.filesystem("first", cache)
    fs.pipe_file("/large", LARGE)
    fs.cat_file("/large", 0, 10)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    titles.clear()

    assert fs.cat_file("/large", 0, 10) == LARGE[:10]
    assert titles == []
    assert fs.cat_file("/large", 5 * MIB, 5 * MIB + 10) == LARGE[5 * MIB : 5 * MIB + 10]
    assert fs.cat_file("/large", 5 * MIB, 5 * MIB + 10) == LARGE[5 * MIB : 5 * MIB + 10]
    assert downloads(titles) == 2
    assert len([record for record in caplog.records if record.name == "ap_remote.fs.blocks"]) == 1


# By URL


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    AmazonPhotosFileSystem.clear_instance_cache()
    yield tmp_path / "home"
    for fs in list(AmazonPhotosFileSystem._cache.values()):
        fs.close()
    AmazonPhotosFileSystem.clear_instance_cache()


def test_pandas_and_dask_take_the_option(home: Path) -> None:
    import dask.dataframe as dd
    import pandas as pd

    options = {"block_cache": "64 MiB"}
    frame = pd.DataFrame({"city": ["Vancouver", "Zürich"], "photos": [3, 1]})
    frame.to_csv("ap://trips.csv", index=False)
    for _ in range(2):
        assert pd.read_csv("ap://trips.csv", storage_options=options).equals(frame)
    read = dd.read_csv("ap://trips.csv", storage_options=options).compute(scheduler="threads")
    assert read["photos"].tolist() == [3, 1]

    fs = AmazonPhotosFileSystem(**options)
    assert fs.block_cache is not None
    assert fs.block_cache.folder == home / "accounts" / "local" / "blocks"
    assert fs.block_cache.usage().blocks == 1
    fs.block_cache.clear()
    assert fs.block_cache.usage().blocks == 0
    assert not any(name.endswith(".csv") for _, _, names in os.walk(fs.block_cache.folder) for name in names)
