"""Bytes of one version: a reader never gets a mixture, and what the cache of blocks has is not fetched again."""

from __future__ import annotations

import asyncio
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from fsspec.caching import caches
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, IntegrityError, PreconditionFailedError
from ap_remote.fs import RemoteFileSystem, files, reading
from ap_remote.fs.blocks import BlockCache, Version
from ap_remote.fs.recent import Recent
from ap_remote.fsspec import AmazonPhotosFileSystem
from ap_remote.model import ByteRange, NodeId

BLOCK = 64
SMALL = bytes(range(200))
LARGE = random.Random(1).randbytes(1000)


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", BLOCK)
    monkeypatch.setattr(reading, "WHOLE", 256)
    monkeypatch.setattr(files, "WHOLE", 256)


@pytest.fixture
def cache(tmp_path):
    return BlockCache(tmp_path / "blocks", 2**20)


@pytest.fixture
def cached(remote, cache):
    remote.seed("small", SMALL)
    remote.seed("large", LARGE)
    fs = RemoteFileSystem(lambda: remote, block_cache=cache, skip_instance_cache=True)
    yield fs
    fs.close()


def spans(remote):
    return [(span.start, span.stop) for _, span in remote.named("get") if span]


# The cache of blocks


def test_a_whole_file_is_fetched_once(cached, remote):
    for _ in range(2):
        assert cached.cat_file("/small") == SMALL
        assert cached.cat_file("/large") == LARGE
        with cached.open("/small") as small, cached.open("/large") as large:
            assert (small.read(), large.read()) == (SMALL, LARGE)
    assert cached.cat_ranges(["/small", "/large"], [10, -10], [20, None]) == [SMALL[10:20], LARGE[-10:]]

    assert remote.named("get") == [("small", None), ("large", None)]


def test_a_range_fetches_its_blocks_and_no_other(cached, remote):
    assert cached.cat_file("/large", 100, 150) == LARGE[100:150]
    assert cached.cat_file("/large", 70, 130) == LARGE[70:130]
    assert cached.cat_file("/large", 0, 300) == LARGE[:300]
    assert cached.cat_file("/large", -5, None) == LARGE[-5:]

    assert spans(remote) == [(64, 192), (0, 64), (192, 320), (960, 1000)]


def test_a_range_of_a_small_file_does_not_fetch_all_of_it(cached, remote):
    assert cached.cat_file("/small", 0, 10) == SMALL[:10]
    assert spans(remote) == [(0, 64)]
    remote.seed("tiny", b"tiny")
    assert cached.cat_file("/tiny", 1, 3) == b"in"
    assert cached.cat_file("/tiny") == b"tiny"
    assert remote.named("get")[1:] == [("tiny", None)]


def test_ranges_within_one_block_fetch_it_once(cached, remote):
    assert cached.cat_ranges(["/large"] * 3, [0, 50, 500], [5, 55, 510]) == [LARGE[:5], LARGE[50:55], LARGE[500:510]]
    assert sorted(spans(remote)) == [(0, 64), (448, 512)]


def test_an_empty_range_asks_for_nothing(cached, remote):
    remote.seed("empty", b"")
    assert cached.cat_file("/large", 2000, 3000) == b""
    assert cached.cat_file("/empty") == b""
    with cached.open("/empty") as file:
        assert file.read() == b""
    assert remote.named("get") == []


def test_a_folder_and_what_is_not_there_are_the_same_errors_as_without(cached, remote):
    remote.seed("folder/a", b"a")
    with pytest.raises(IsADirectoryError):
        cached.cat_file("/folder")
    with pytest.raises(FileNotFoundError):
        cached.cat_file("/none", 0, 1)


def test_another_filesystem_on_the_same_folder_fetches_nothing(cached, remote, cache):
    cached.cat_file("/large")
    other = RemoteFileSystem(lambda: remote, block_cache=BlockCache(cache.folder), skip_instance_cache=True)
    remote.calls.clear()

    assert other.cat_file("/large") == LARGE
    assert remote.named("get") == []
    other.close()


def test_a_file_under_another_name_keeps_its_blocks(cached, remote):
    cached.cat_file("/large")
    cached.mv("/large", "/moved")
    remote.calls.clear()

    version = cached.info("/moved")["version"]
    assert cached.cat_file("/moved") == LARGE
    assert cached.info("/moved")["version"] == version
    assert len(remote.named("get")) <= 1  # a remote may count the renaming as a version


def test_new_bytes_are_fetched_and_the_old_ones_never_served(cached, remote):
    for data in (LARGE, LARGE[::-1], LARGE[:999], LARGE):
        cached.pipe_file("/large", data)
        assert cached.cat_file("/large") == data
        assert cached.cat_file("/large", 100, 200) == data[100:200]


def test_without_a_disk_all_is_read_as_if_there_were_no_cache(remote, tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    remote.seed("large", LARGE)
    cache = BlockCache(tmp_path / "file" / "blocks")
    fs = RemoteFileSystem(lambda: remote, block_cache=cache, skip_instance_cache=True)
    for _ in range(2):
        assert fs.cat_file("/large", 10, 20) == LARGE[10:20]
    assert spans(remote) == [(0, 64)] * 2
    fs.close()


def test_bytes_of_another_version_are_never_kept_as_those_of_this_one(cached, remote, cache):
    """The node cache is behind: the bytes that come are not those of the entry."""
    stale = []

    async def behind(target, *, fresh=False):
        entry = await MemoryRemote.stat(remote, target, fresh=fresh)
        if not fresh:
            stale.append(entry)
            return stale[0]
        return entry

    remote.stat = behind
    cached.info("/large")
    MemoryRemote.seed(remote, "other", LARGE[::-1])
    node, other = remote._targets.node("large"), remote._targets.node("other")
    node.data, node.md5, node.version = other.data, other.md5, node.version + 1

    assert cached.cat_file("/large", 100, 200) == LARGE[::-1][100:200]
    assert cached.cat_file("/large") == LARGE[::-1]
    del remote.stat
    assert cached.cat_file("/large", 0, 1000) == LARGE[::-1]


_limits = st.integers(0, 1100)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["small", "large"]), _limits, _limits, st.sampled_from(["cat", "open", "ranges"])),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 12),
)
def test_whatever_is_read_in_whatever_order_is_what_the_file_holds(tmp_path_factory, reads, pages):
    remote = MemoryRemote()
    data = {"small": SMALL, "large": LARGE}
    for name, each in data.items():
        remote.seed(name, each)
    cache = BlockCache(tmp_path_factory.mktemp("blocks"), pages * 4096)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", BLOCK)
        patch.setattr(reading, "WHOLE", 256)
        fs = RemoteFileSystem(lambda: remote, block_cache=cache, skip_instance_cache=True)
        held = {name: fs.open(f"/{name}", block_size=16) for name in data}
        for name, start, stop, way in reads:
            if way == "cat":
                assert fs.cat_file(f"/{name}", start, stop) == data[name][start:stop]
            elif way == "open":
                held[name].seek(start)
                assert held[name].read(max(0, stop - start)) == data[name][start:stop]
            else:
                both = fs.cat_ranges([f"/{name}"] * 2, [start, stop], [stop, stop + 50])
                assert both == [data[name][start:stop], data[name][stop : stop + 50]]
        for file in held.values():
            file.close()
        assert cache.usage().size <= cache.limit
        fs.close()


# Readers that hold a file open


@pytest.fixture(params=["no cache", "block cache"])
def either(request, fs, cached):
    return cached if request.param == "block cache" else fs


@pytest.mark.parametrize("cache_type", [None, "readahead", "none", "bytes", "blockcache", "background"])
@pytest.mark.parametrize("size", [1000, 990])
def test_a_reader_never_gets_a_mixture_of_old_and_new_bytes(either, remote, size, cache_type):
    remote.seed("held", LARGE)
    new = bytes(255 - byte for byte in LARGE)[:size]
    with either.open("/held", block_size=16, cache_type=cache_type) as file:
        got = file.read(100)
        either.pipe_file("/held", new)
        pieces = [got]
        with pytest.raises(PreconditionFailedError, match="open it again"):
            pieces.extend(iter(lambda: file.read(10), b""))
    assert LARGE.startswith(b"".join(pieces))


def test_a_reader_whose_file_was_replaced_by_another_one_goes_on_with_its_own(either, remote):
    remote.seed("held", LARGE)
    with either.open("/held", block_size=16) as file:
        got = file.read(100)
        either.mv("/held", "/elsewhere")
        remote.seed("held", LARGE[::-1])
        got += file.read()
    assert got == LARGE


def test_a_reader_does_not_mind_that_its_file_is_marked(either, remote):
    remote.seed("held", LARGE)
    with either.open("/held", block_size=16) as file:
        got = file.read(100)
        node = remote._targets.node("held")
        node.version += 1
        got += file.read()
    assert got == LARGE


def test_a_small_file_is_what_it_was_when_it_was_first_read(either, remote):
    remote.seed("held", SMALL)
    with either.open("/held") as file:
        got = file.read(100)
        either.pipe_file("/held", SMALL[::-1])
        got += file.read()
    assert got == SMALL


def test_a_reader_goes_on_with_what_the_cache_has_of_its_version(cached, remote):
    with cached.open("/large", block_size=16) as file:
        got = file.read(100)
        cached.cat_file("/large")
        cached.pipe_file("/large", LARGE[::-1])
        got += file.read()
    assert got == LARGE


def test_bytes_that_are_wrong_although_nothing_changed_are_told_as_such(fs, remote, monkeypatch):
    remote.seed("held", LARGE)

    async def broken(target, *, span=None):
        raise IntegrityError("md5 differs")
        yield b""

    with fs.open("/held") as file:
        monkeypatch.setattr(remote, "get", broken)
        with pytest.raises(IntegrityError, match="md5"):
            file.read(10)


def test_a_reader_of_another_size_than_the_file_has_is_an_error(fs, remote):
    remote.seed("held", LARGE)
    with fs.open("/held", size=10) as file, pytest.raises(PreconditionFailedError):
        file.read()


# Small files that are opened again


def test_readers_that_open_one_small_file_share_its_bytes(fs, remote):
    remote.seed("small", SMALL)
    with fs.open("/small") as one, fs.open("/small") as two:
        assert one.read() == two.read() == SMALL
    with ThreadPoolExecutor(4) as pool:
        remote.seed("other", SMALL)
        readings = [pool.submit(lambda: fs.open("/other").read()) for _ in range(8)]
        assert {reading.result() for reading in readings} == {SMALL}
    assert sorted(remote.named("get"), key=str) == [("other", None), ("small", None)]

    fs.pipe_file("/small", SMALL[::-1])
    with fs.open("/small") as file:
        assert file.read() == SMALL[::-1]


async def test_who_waits_for_what_is_on_its_way_gets_it_though_the_first_gives_up():
    recent, version, gate, fetches = Recent(), Version("n", 1, "m", 5), asyncio.Event(), []

    async def fetch():
        fetches.append(1)
        await gate.wait()
        return b"bytes"

    first, second = (asyncio.create_task(recent.get(version, fetch)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == b"bytes"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert fetches == [1]


async def test_what_failed_is_fetched_again():
    recent, version, fetches = Recent(), Version("n", 1, "m", 5), []

    async def fetch():
        fetches.append(1)
        if len(fetches) == 1:
            raise IntegrityError("md5 differs")
        return b"bytes"

    with pytest.raises(IntegrityError):
        await recent.get(version, fetch)
    assert [await recent.get(version, fetch) for _ in range(2)] == [b"bytes"] * 2
    assert len(fetches) == 2


async def test_little_is_held_and_what_was_used_longest_ago_goes():
    recent, fetches = Recent(limit=10), []

    async def fetch(name):
        fetches.append(name)
        return b"12345" if name != "large" else b"12345678901"

    for name in ("a", "b", "a", "c", "a", "b", "large", "large", "b"):
        await recent.get(Version(name, 1, None, 5), lambda name=name: fetch(name))
    assert fetches == ["a", "b", "c", "b", "large", "large"]


# How far is read ahead


def test_opening_reads_nothing(fs, remote):
    for name, data in (("small", SMALL), ("large", LARGE)):
        remote.seed(name, data)
        fs.open(f"/{name}").close()
    assert remote.named("get") == []


def test_a_reader_that_reads_on_makes_few_requests(fs, remote):
    data = bytes(100_000)
    remote.seed("film", data)
    with fs.open("/film", block_size=16) as file:
        assert sum(len(piece) for piece in iter(lambda: file.read(10), b"")) == len(data)

    lengths = [stop - start for start, stop in spans(remote)]
    assert len(lengths) <= 14
    assert lengths[:3] == [26, 36, 72]


def test_a_reader_that_leaves_a_little_out_still_reads_on(fs, remote):
    data = bytes(100_000)
    remote.seed("table", data)
    with fs.open("/table", block_size=16) as file:
        for place in range(0, 100_000, 60):
            file.seek(place)
            assert len(file.read(20)) == 20
    lengths = [stop - start for start, stop in spans(remote)]
    assert len(lengths) <= 16
    assert lengths[:3] == [36, 52, 84]


def test_a_reader_that_seeks_does_not_read_everything(fs, remote):
    data = bytes(100_000)
    remote.seed("film", data)
    chosen = random.Random(2).sample(range(0, 99_000, 100), 50)
    with fs.open("/film", block_size=16) as file:
        for place in chosen:
            file.seek(place)
            assert len(file.read(10)) == 10
        assert sum(stop - start for start, stop in spans(remote)) == 50 * 26
        for place in chosen:
            file.seek(place)
            file.read(10)
    assert len(spans(remote)) == 50


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1100), st.none() | st.integers(0, 1100)), max_size=30), st.integers(1, 300))
def test_windows_are_slices_of_the_file(reads, held):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ap_remote.fs.readahead._HELD", held)
        cache = caches["growing"](8, lambda start, stop: LARGE[start:stop], len(LARGE))
        for start, stop in reads:
            assert cache._fetch(start, stop) == LARGE[start:stop]
            assert len(cache._windows) == len(cache._ahead)


# The option of ap://


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    monkeypatch.delenv("AP_REMOTE", raising=False)
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("option", "limit"),
    [(True, 10 * 2**30), ("2 GiB", 2 * 2**30), ("500M", 500 * 2**20), (2**20, 2**20), (False, None), (None, None)],
)
def test_the_option_says_how_much_is_kept_and_the_account_where(home, option, limit):
    fs = AmazonPhotosFileSystem(block_cache=option, skip_instance_cache=True)
    if limit is None:
        assert fs.block_cache is None
    else:
        assert (fs.block_cache.folder, fs.block_cache.limit) == (home / "accounts" / "local" / "blocks", limit)
    assert not home.exists()


@pytest.mark.parametrize("option", [0, -1, "much", "-1G"])
def test_an_option_that_is_no_size_is_refused(home, option):
    with pytest.raises(ConfigError):
        AmazonPhotosFileSystem(block_cache=option, skip_instance_cache=True)


def test_the_option_survives_json(home):
    fs = AmazonPhotosFileSystem(block_cache="1 GiB", skip_instance_cache=True)
    again = AmazonPhotosFileSystem.from_json(fs.to_json())
    assert again.block_cache.limit == 2**30
    assert json.loads(fs.to_json())["block_cache"] == "1 GiB"


def test_ranges_are_asked_for_by_id(fs, remote):
    entry_id = remote.seed("large", LARGE)
    with fs.open("/large", block_size=16) as file:
        file.seek(500)
        file.read(10)
    expected = [(NodeId(fs.info("/large")["id"]), ByteRange(500, 526))]
    assert remote.named("get") == expected
    assert entry_id is None or entry_id
