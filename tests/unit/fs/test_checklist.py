"""What a first-class filesystem of fsspec does, row by row.

What another test shows is named here; what none showed follows below.

==================================================  ==================================================================
protocol, entry points                              test_urls: both_protocols_are_found_by_their_entry_points
root_marker, _strip_protocol (str, path, list, ::)  test_urls: a_url_is_an_account_and_a_path, plain_paths_lists…
_get_kwargs_from_urls, unstrip_protocol             test_urls: a_path_survives_the_way_to_a_url_and_back
_ls (detail, file, missing, refresh, **kw)          test_listing: a_folder_lists_its_children_and_a_file_itself,
                                                    refresh_asks_the_service; here: a_glob_hands_its_stem_down
_info and its keys                                  test_listing: an_info_has_every_key_that_consumers_read…
_cat_file (negative, empty, folder)                 test_content: ranges_are_slices…, cat_of_a_folder_says_so
_cat_ranges (merged, errors in place)               test_content: near_ranges…, a_range_that_fails…;
                                                    here: ranges_may_touch_repeat_and_fail_side_by_side
_pipe_file (create, overwrite)                      test_abstract: TestPipe; here: a_pipe_has_two_modes
_put_file, _get_file                                test_content: put_streams…, a_download_is_there_whole…;
                                                    here: bytes_are_reported_as_they_go, a_download_is_checked
_cp_file                                            test_content: a_copy_keeps_the_date_and_takes_nothing_for_itself
_mv and mv, _mv_file                                test_changes: mv_moves_on_the_service_and_keeps_the_id
_rm_file, _rm, _rmdir and rmdir                     test_changes: rm_of_a_folder_is_one_call…, rmdir_takes_only…
_mkdir, _makedirs (races)                           test_changes: many_coroutines_make_the_same_folders_at_once
_exists, _isfile, _isdir                            test_listing: an_expired_login_is_not_an_absent_file
_find (maxdepth, withdirs, detail, prefix)          test_listing: find_…; here: find_takes_a_prefix, iter_find…
_walk, _glob, _expand_path, _du                     test_listing: walk_…, glob_…, du_…; test_defaults_that_bite;
                                                    here: a_depth_below_one_is_refused_everywhere
created, modified, checksum, ukey                   test_at_once: the_coroutines_say_the_same
sign, url                                           here: links_…
touch                                               test_changes: touch_makes_and_empties_and_says_why_it_cannot_date
invalidate_cache, dircache                          test_listings
_open, AbstractBufferedFile, xb, transactions       test_files
open_async                                          test_streamed
callbacks                                           here: bytes_are_reported_as_they_go
asynchronous, loop, batch_size, throttling          test_lifetime
pickling                                            test_lifetime: an_instance_pickles_by_its_options;
                                                    test_files: a_reader_pickles_at_its_position_and_a_writer_refuses
to_json, to_dict, tokens, skip_instance_cache       test_urls: pickles_and_json_hold_names_only; here: options_…
config                                              here: the_environment_gives_defaults
chaining                                            integration: test_fsspec_consumers_carrying
==================================================  ==================================================================
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import subprocess
import sys
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest
from fsspec.callbacks import Callback
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.backends.readonly import read_only
from ap_remote.errors import AuthenticationError, IntegrityError, IsFolderError
from ap_remote.fs import RemoteFileSystem
from ap_remote.fsspec import AmazonPhotosFileSystem

MIB = 2**20


@pytest.fixture
def tree(fs, remote):
    for path in ("r/IMG_1.jpg", "r/IMG_2.jpg", "r/other.txt", "r/sub/IMG_3.jpg", "r/sub/deep/IMG_4.jpg"):
        remote.seed(path, path.encode())
    return fs


# Looking


def test_a_glob_hands_its_stem_down_and_every_look_takes_further_options(tree):
    assert tree.glob("/r/IMG*") == ["/r/IMG_1.jpg", "/r/IMG_2.jpg"]
    assert tree.glob("/r/**/IMG*", maxdepth=2) == ["/r/IMG_1.jpg", "/r/IMG_2.jpg", "/r/sub/IMG_3.jpg"]
    assert tree.glob("/r/s*", withdirs=False) == []
    assert tree.glob("/r/s*/") == ["/r/sub"]
    assert tree.glob("/r/sub", detail=True)["/r/sub"]["type"] == "directory"
    assert tree.glob("/r/none") == tree.glob("/none/*") == []
    assert tree.ls("/r/sub", prefix="IMG") == tree.ls("/r/sub")
    assert tree.info("/r", prefix="IMG") == tree.info("/r")


def test_find_takes_a_prefix_of_the_path_below(tree):
    assert tree.find("/r", prefix="IMG") == ["/r/IMG_1.jpg", "/r/IMG_2.jpg"]
    assert tree.find("/r", prefix="sub/d", withdirs=True) == ["/r/sub/deep", "/r/sub/deep/IMG_4.jpg"]
    assert tree.find("/r", prefix="none", withdirs=True) == []


def test_a_depth_below_one_is_refused_everywhere(tree):
    for look in (tree.find, tree.du, tree.glob, tree.expand_path):
        with pytest.raises(ValueError, match="at least 1"):
            look("/r/**", maxdepth=0)
    for look in (tree.walk, tree.iter_find):
        with pytest.raises(ValueError, match="at least 1"):
            next(iter(look("/r", maxdepth=0)))


_parts = st.sampled_from(["a", "b", "ab", "c.txt", "[x]", "sub"])
_trees = st.lists(st.lists(_parts, min_size=1, max_size=4).map("/".join), max_size=12)
_patterns = st.lists(
    st.sampled_from(["*", "**", "a*", "?", "[ab]*", "*.txt", "sub", "a", "[x]"]), min_size=1, max_size=4
).map("/".join)


@settings(max_examples=60, deadline=None)
@given(_trees, _patterns, st.none() | st.integers(1, 3), st.booleans(), st.sampled_from(["", "/"]))
def test_a_glob_is_what_fsspecs_own_finds(paths, pattern, maxdepth, withdirs, slash):
    remote = MemoryRemote()
    for path in paths:
        if remote.raw(path) is None and all(remote.raw(each) is None for each in _above(path)):
            try:
                asyncio.run(remote.put(b"x", path))
            except IsFolderError:
                continue
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    # fsspec's takes "[x]" for "x", which is what ours does not.
    if "[x]" not in pattern:
        options = {"maxdepth": maxdepth, "withdirs": withdirs}
        theirs = fsspec.asyn.AsyncFileSystem._glob(fs, f"/{pattern}{slash}", **options)
        assert fs.glob(f"/{pattern}{slash}", **options) == fsspec.asyn.sync(fs.loop, lambda: theirs)
    for path in fs.find("/"):
        assert fs.expand_path(path) == [path]
    fs.close()


def _above(path):
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def test_iter_find_gives_what_find_gives(tree):
    for options in ({}, {"withdirs": True}, {"maxdepth": 1}, {"maxdepth": 2, "withdirs": True}, {"prefix": "sub"}):
        found = list(tree.iter_find("/r", **options))
        assert {each["name"]: each for each in found} == tree.find("/r", detail=True, **options)
    assert [each["name"] for each in tree.iter_find("/r/other.txt")] == ["/r/other.txt"]
    assert list(tree.iter_find("/none")) == []


def test_iter_find_asks_for_no_more_than_was_taken(remote):
    for number in range(5):
        remote.seed(f"r/{number}/file", b"")
    seen = []
    list_ = remote.list

    async def watched(target="", *, recursive=False, fresh=False):
        async for entry in list_(target, recursive=recursive, fresh=fresh):
            seen.append(entry.path)
            yield entry

    remote.list = watched
    fs = RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)

    async def first() -> str:
        async with aclosing(fs._iter_find("/r")) as found:
            return (await anext(found))["name"]

    assert asyncio.run(first()) == "/r/0/file"
    assert seen == ["r/0", "r/0/file"]


def test_iter_find_lets_errors_out_and_may_be_left(tree, remote):
    taken = list(itertools.islice(tree.iter_find("/r"), 2))
    assert len(taken) == 2
    remote.fail("list", "r/sub", AuthenticationError("the login has expired"))
    with pytest.raises(PermissionError):
        list(tree.iter_find("/r", maxdepth=3))


# Bytes


def test_ranges_may_touch_repeat_and_fail_side_by_side(fs, remote):
    data = bytes(range(200))
    remote.seed("a", data)
    remote.seed("b", b"0123456789")
    paths = ["/a", "/b", "/a", "/none", "/a", "/b", "/a"]
    starts = [0, -3, 10, -2, 0, 4, 150]
    ends = [10, None, 20, None, 10, 2, -40]
    for gap in (None, 0, 1000):
        out = fs.cat_ranges(paths, starts, ends, max_gap=gap)
        assert [*out[:3], *out[4:]] == [data[:10], b"789", data[10:20], data[:10], b"", data[150:160]]
        assert isinstance(out[3], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(paths, starts, ends, on_error="raise")


def test_a_pipe_has_two_modes(fs, remote):
    fs.pipe_file("/a", b"1", mode="create")
    with pytest.raises(FileExistsError):
        fs.pipe_file("/a", b"2", mode="create")
    fs.pipe_file("/a", b"3", mode="overwrite")
    with pytest.raises(ValueError, match="'overwrite' or 'create'"):
        fs.pipe_file("/a", b"4", mode="append")

    assert remote.raw("a") == b"3"


class Bars(Callback):
    """A bar for the files and one for each file's bytes, as a progress display has them."""

    def __init__(self):
        super().__init__()
        self.bars: dict[str, Callback] = {}
        self.steps: dict[str, list[tuple[int | None, int]]] = {}

    def branched(self, path_1, path_2, **kwargs):
        name = Path(path_1).name
        steps = self.steps[name] = []
        self.bars[name] = Callback(hooks={"note": lambda size, value, **_: steps.append((size, value))})
        return self.bars[name]


def test_bytes_are_reported_as_they_go(fs, tmp_path):
    (tmp_path / "up").mkdir()
    sizes = {"large": 3 * MIB + 5, "small": 4, "empty": 0}
    for name, size in sizes.items():
        (tmp_path / "up" / name).write_bytes(b"x" * size)
    up, down = Bars(), Bars()
    fs.put(str(tmp_path / "up"), "/r/", recursive=True, callback=up)
    fs.get("/r/up", str(tmp_path / "down"), recursive=True, callback=down)

    for bars in (up, down):
        assert (bars.size, bars.value) == (len(bars.bars), len(bars.bars)) if bars is up else bars.size == bars.value
        for name, size in sizes.items():
            steps = bars.steps[name]
            assert steps[0] == (size, 0)
            assert steps[-1] == (size, size)
            assert [value for _, value in steps] == sorted(value for _, value in steps)
        # Not once at the end: the pieces of the remote in memory are one MiB.
        assert [value for _, value in bars.steps["large"]] == [0, MIB, 2 * MIB, 3 * MIB, 3 * MIB + 5]


def test_what_a_repeated_attempt_sends_again_is_no_progress(fs, remote, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x" * (2 * MIB))
    put = remote.put

    async def twice(source, path, **options):
        await put(source, path, **options)
        return await put(source, path, **(options | {"if_exists": "overwrite"}))

    monkeypatch.setattr(remote, "put", twice)
    values = []
    fs.put_file(tmp_path / "a", "/a", callback=Callback(hooks={"note": lambda _, value: values.append(value)}))

    assert values == [0, MIB, 2 * MIB]


def test_an_upload_that_fails_reports_no_more_than_was_sent(fs, remote, tmp_path):
    (tmp_path / "a").write_bytes(b"x" * MIB)
    remote.fail("put", "a", TimeoutError("gone"))
    bar = Callback()
    with pytest.raises(TimeoutError):
        fs.put_file(tmp_path / "a", "/a", callback=bar)

    assert (bar.size, bar.value) == (MIB, 0)


def test_a_download_is_checked_dated_and_complete_or_not_there(fs, remote, tmp_path, monkeypatch):
    taken = datetime(2019, 7, 6, 18, 22, tzinfo=UTC)
    remote.seed("a", b"whole", taken=taken)
    fs.get_file("/a", tmp_path / "deep" / "a")
    assert (tmp_path / "deep" / "a").stat().st_mtime == taken.timestamp()

    async def broken(target, *, span=None):
        yield b"who"
        raise IntegrityError(f"md5 differs: {target} {span}")

    monkeypatch.setattr(remote, "get", broken)
    with pytest.raises(IntegrityError):
        fs.get_file("/a", tmp_path / "b")
    assert [each.name for each in tmp_path.iterdir()] == ["deep"]


# Links


async def test_links_are_off_unless_they_are_asked_for(remote):
    remote.seed("a", b"a")
    fs = RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)
    for ask in (fs._sign, fs._url):
        with pytest.raises(NotImplementedError, match="signed_links=True"):
            await ask("/a")


def test_links_are_the_services_and_live_as_long_as_it_chooses(remote):
    asked = []

    class Linking(MemoryRemote):
        async def temporary_link(self, target):
            asked.append(target)
            return "https://service.invalid/signed?X=s3cret"

    inner = Linking()
    inner.seed("r/a", b"a")
    for made in (inner, read_only(inner)):
        fs = RemoteFileSystem(lambda made=made: made, signed_links=True, skip_instance_cache=True)
        assert fs.sign("/r/a") == fs.url("ap-remote://r/a") == "https://service.invalid/signed?X=s3cret"
        with pytest.raises(NotImplementedError, match="leave expiration out"):
            fs.sign("/r/a", expiration=100)
        assert "s3cret" not in repr(fs) + str(fs.info("/r/a")) + fs.ukey("/r/a") + fs._fs_token + repr(vars(fs))
        fs.close()
    without = RemoteFileSystem(lambda: remote, signed_links=True, skip_instance_cache=True)
    with pytest.raises(NotImplementedError, match="no links are made"):
        without.sign("/a")
    without.close()

    assert asked == ["r/a"] * 4


# Options


def test_options_make_an_instance_and_survive_json(monkeypatch):
    monkeypatch.setattr(AmazonPhotosFileSystem, "_cache", {})
    options = {"remote": "home:", "use_listings_cache": True, "listings_expiry_time": 5, "signed_links": True}
    fs = fsspec.filesystem("ap", **options)

    assert fsspec.filesystem("ap", **options) is fs
    assert fsspec.filesystem("ap", **(options | {"listings_expiry_time": 6})) is not fs
    assert fsspec.filesystem("ap", **options, skip_instance_cache=True) is not fs
    told = fs.to_dict()
    assert {name: told[name] for name in options} == options
    assert AmazonPhotosFileSystem.from_dict(told) is AmazonPhotosFileSystem.from_json(fs.to_json()) is fs
    assert json.loads(fs.to_json()) == told
    assert (fs.dircache.use_listings_cache, fs.dircache.listings_expiry_time, fs.signed_links) == (True, 5, True)
    assert len({hash(fs), hash(fsspec.filesystem("ap", remote="other:"))}) == 2


_SHOWS = """
import fsspec
fs = fsspec.filesystem("ap")
print(fs.remote, fs.fresh, fs.batch_size)
print(fsspec.core.url_to_fs("ap://mine@/a")[0].remote, fsspec.filesystem("ap", fresh=False).fresh)
"""


def test_the_environment_gives_defaults():
    environ = {**os.environ, "FSSPEC_AP_REMOTE": "home:", "FSSPEC_AP": '{"fresh": true, "batch_size": 3}'}
    shown = subprocess.run([sys.executable, "-c", _SHOWS], env=environ, capture_output=True, text=True, check=True)

    assert shown.stdout.split() == ["home:", "True", "3", "mine:", "False"]


def test_the_checksum_of_a_file_is_its_md5(fs, remote):
    remote.seed("a", b"abc")

    assert fs.checksum("/a") == int(hashlib.md5(b"abc").hexdigest(), 16)
