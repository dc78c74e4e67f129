"""fsspec's own consumers: caches in front, folders kept alike, mappers, many files at once, progress."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import fsspec
import fsspec.generic
import pytest
from fsspec.callbacks import TqdmCallback

from ap_remote.errors import ConfigError

_MMAP = pytest.mark.filterwarnings(
    # fsspec's memory-mapped cache opens its file and leaves it to the collector.
    "ignore:unclosed file:ResourceWarning",
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture
def tree(tmp_path):
    """A local folder with one file at two depths."""
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_bytes(b"aa")
    (tmp_path / "tree" / "deep" / "b.txt").write_bytes(b"bb")
    return tmp_path / "tree"


# Caches in front


def test_filecache_notices_a_new_version(library, tmp_path):
    options = {"cache_storage": str(tmp_path), "check_files": True}

    def read():
        with fsspec.open("filecache::ap://cached/a.txt", filecache=options) as file:
            return file.read()

    library.pipe("/cached/a.txt", b"old")
    assert read() == b"old"
    library.pipe("/cached/a.txt", b"new!")
    assert read() == b"new!"


def test_simplecache_keeps_what_it_has_and_reads_local_files(library, tmp_path):
    options = {"cache_storage": str(tmp_path)}
    library.pipe("/cached/simple.txt", b"old")
    with fsspec.open("simplecache::ap://cached/simple.txt", simplecache=options) as file:
        assert file.read() == b"old"
    library.pipe("/cached/simple.txt", b"new!")

    local = fsspec.open_local("simplecache::ap://cached/simple.txt", simplecache=options)
    assert Path(local).read_bytes() == b"old"


@_MMAP
def test_blockcache_reads_parts(library, tmp_path):
    library.pipe("/cached/blocks.bin", bytes(range(256)) * 1024)

    with fsspec.open("blockcache::ap://cached/blocks.bin", blockcache={"cache_storage": str(tmp_path)}) as file:
        file.seek(1000)
        assert file.read(3) == bytes([232, 233, 234])


@pytest.mark.parametrize("cache", ["simplecache", "filecache"])
def test_what_is_written_through_a_cache_arrives(library, tmp_path, cache):
    with fsspec.open(f"{cache}::ap://cached/{cache}.txt", "wb", **{cache: {"cache_storage": str(tmp_path)}}) as file:
        file.write(b"written")

    assert library.cat(f"/cached/{cache}.txt") == b"written"


@pytest.mark.parametrize(("cache", "publishes"), [("simplecache", True), ("filecache", True), ("blockcache", False)])
def test_a_block_that_fails_publishes_through_the_caches_that_upload_whole_files(library, tmp_path, cache, publishes):
    # fsspec's own affair: these two copy their local file here whatever ended the block. The page says so.
    path = f"/failed/{cache}.txt"

    def write():
        with fsspec.open(f"{cache}::ap:/{path}", "wb", **{cache: {"cache_storage": str(tmp_path)}}) as file:
            file.write(b"half")
            raise KeyError(path)

    with pytest.raises(KeyError):
        write()
    assert library.exists(path) is publishes


def test_open_local_needs_a_cache_and_says_so(library):
    library.pipe("/cached/local.txt", b"x")

    with pytest.raises(ValueError, match="local_file=True"):
        fsspec.open_local("ap://cached/local.txt")
    paths = fsspec.open_local("simplecache::ap://cached/loc*.txt")
    assert [Path(each).read_bytes() for each in paths] == [b"x"]


def test_a_folder_is_a_filesystem_of_its_own(library):
    library.pipe("/root/in/a.txt", b"a")
    folder = fsspec.filesystem("dir", path="/root", target_protocol="ap")

    assert folder.find("") == ["in/a.txt"]
    folder.pipe("in/b.txt", b"b")
    assert library.cat("/root/in/b.txt") == b"b"
    assert fsspec.open("dir::ap://root").fs.ls("", detail=False) == ["in"]


# Folders kept alike


def test_rsync_carries_a_tree_both_ways_and_deletes_when_told_to(library, tree, tmp_path):
    fsspec.generic.rsync(f"file://{tree}", "ap://synced/tree")
    assert library.cat(library.find("/synced/tree")) == {
        "/synced/tree/a.txt": b"aa",
        "/synced/tree/deep/b.txt": b"bb",
    }

    fsspec.generic.rsync("ap://synced/tree", f"file://{tmp_path}/back")
    assert (tmp_path / "back" / "deep" / "b.txt").read_bytes() == b"bb"

    (tree / "deep" / "b.txt").unlink()
    fsspec.generic.rsync(f"file://{tree}", "ap://synced/tree", delete_missing=True)
    assert library.find("/synced/tree") == ["/synced/tree/a.txt"]


def test_rsync_sees_sizes_alone_until_it_is_given_the_md5(library, tree):
    def md5(info):
        return info.get("md5") or hashlib.md5(Path(info["name"].removeprefix("file://")).read_bytes()).hexdigest()

    fsspec.generic.rsync(f"file://{tree}", "ap://synced/md5")
    (tree / "a.txt").write_bytes(b"AA")
    fsspec.generic.rsync(f"file://{tree}", "ap://synced/md5")
    assert library.cat("/synced/md5/a.txt") == b"aa"

    fsspec.generic.rsync(f"file://{tree}", "ap://synced/md5", source_field=md5, dest_field=md5)
    assert library.cat("/synced/md5/a.txt") == b"AA"
    assert library.info("/synced/md5/deep/b.txt")["version"] == 1


def test_rsync_to_another_account_is_refused_until_it_reads_accounts_from_urls(library, tree):
    # By default it makes one filesystem for each protocol, which would be that of the wrong account.
    with pytest.raises(ConfigError, match="the URL names 'memory'"):
        fsspec.generic.rsync(f"file://{tree}", "ap://memory@/synced")
    assert not library.exists("/synced/a.txt")

    fsspec.generic.rsync(f"file://{tree}", "ap://memory@/synced", inst_kwargs={"default_method": "options"})
    assert fsspec.filesystem("ap", remote="memory:").cat("/synced/a.txt") == b"aa"


@pytest.mark.parametrize("call", ["cat", "ls", "find", "rm", "exists", "open"])
def test_a_filesystem_refuses_urls_of_other_accounts(library, call):
    with pytest.raises(ConfigError, match=r"make one with fsspec.filesystem\('ap', remote='memory:'\)"):
        getattr(library, call)("ap://memory@/a.txt")


def test_a_filesystem_takes_urls_of_its_own_account(library, monkeypatch):
    library.pipe("/own/a.txt", b"own")

    assert library.cat("ap://local@/own/a.txt") == b"own"
    assert fsspec.filesystem("ap", remote="local:").cat(["ap://local@/own/a.txt", "ap://own/a.txt"]) == {
        "/own/a.txt": b"own",
    }
    monkeypatch.setenv("AP_REMOTE", "memory:")  # now the default account is another one
    with pytest.raises(ConfigError, match="the account 'memory', the URL names 'local'"):
        library.cat("ap://local@/own/a.txt")


# Many files


def test_a_mapper_is_a_dictionary_of_files(library):
    store = fsspec.get_mapper("ap://mapped", create=True)
    store["a/b"] = b"1"
    store.setitems({"c": b"2", "d": b"3"})

    assert dict(store) == {"a/b": b"1", "c": b"2", "d": b"3"}
    assert store.getitems(["c", "none"], on_error="omit") == {"c": b"2"}
    store.delitems(["c"])
    del store["a/b"]
    assert list(store) == ["d"]
    assert library.cat("/mapped/d") == b"3"


def test_open_files_writes_numbered_files_and_reads_by_pattern(library):
    with fsspec.open_files("ap://numbered/part-*.txt.gz", "wt", num=3, compression="infer") as files:
        for number, file in enumerate(files):
            file.write(str(number))

    with fsspec.open_files("ap://numbered/*.gz", "rt", compression="infer") as files:
        assert [each.read() for each in files] == ["0", "1", "2"]
    assert library.ls("/numbered", detail=False) == [f"/numbered/part-{number}.txt.gz" for number in range(3)]


def test_a_bar_counts_files_both_ways(library, tree, tmp_path):
    bars = io.StringIO()
    library.put(f"{tree}/", "/barred/", recursive=True, callback=TqdmCallback(tqdm_kwargs={"file": bars}))
    assert "2/2" in bars.getvalue()

    library.get("/barred/", f"{tmp_path}/barred/", recursive=True, callback=TqdmCallback(tqdm_kwargs={"file": bars}))
    assert (tmp_path / "barred" / "deep" / "b.txt").read_bytes() == b"bb"
