from __future__ import annotations

import errno
import itertools
import logging
import os
import pickle
import shutil
import stat
import threading

import pytest
from filelock import FileLock, Timeout
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.fs import blocks, blocks_shelf
from ap_remote.fs.blocks import BlockCache, Version

PAGE = blocks_shelf.PAGE
A = Version("node-a", 1, "a" * 32, 100)
B = Version("node-b", 1, "b" * 32, 100)


def ticking():
    ticks = itertools.count(10**18, 10**9)
    return lambda: next(ticks)


@pytest.fixture
def cache(tmp_path):
    return BlockCache(tmp_path / "blocks", 10 * PAGE, clock=ticking())


def files_of(cache):
    return sorted(file for file in cache.folder.glob("1/??/*") if file.is_file())


def test_a_block_is_found_under_its_version_and_place_alone(cache):
    cache.put(A, {"0": b"zero", "1": b"one"})

    assert (cache.get(A, "0"), cache.get(A, "1"), cache.get(A, "2")) == (b"zero", b"one", None)
    others = [Version("node-c", 1, A.md5, 100), Version(A.id, 2, A.md5, 100), Version(A.id, 1, B.md5, 100)]
    assert [cache.get(other, "0") for other in others] == [None, None, None]


def test_a_file_that_was_only_marked_has_the_same_bytes():
    assert Version("n", 2, "m", 5).has_bytes_of(Version("n", 1, "m", 5))
    assert not Version("n", 2, "m", 5).has_bytes_of(Version("n", 1, "x", 5))
    assert not Version("n", 2, None, 5).has_bytes_of(Version("n", 1, None, 5))


def test_another_cache_on_the_same_folder_has_it_too(cache):
    cache.put(A, {"0": b"zero"})

    copy = pickle.loads(pickle.dumps(cache))
    assert (copy.folder, copy.limit) == (cache.folder, cache.limit)
    assert copy.get(A, "0") == b"zero"


def test_what_is_there_is_counted_while_nobody_makes_room(cache, monkeypatch):
    cache.put(A, {"0": b"zero"})
    counted = cache._shelf.blocks
    held = []

    def count(**options):
        other = FileLock(cache.folder / "lock", timeout=0)
        with pytest.raises(Timeout):
            other.acquire()
        held.append(True)
        return counted(**options)

    monkeypatch.setattr(cache._shelf, "blocks", count)
    assert cache.usage().blocks == 1
    assert held


def test_before_anything_is_kept_there_is_nothing_to_count(cache):
    assert (cache.usage().blocks, cache.usage().size) == (0, 0)
    assert not cache.folder.exists()


def test_nothing_of_a_file_can_be_told_from_its_folder_and_nobody_else_may_look(cache):
    previous = os.umask(0)
    try:
        cache.put(A, {"0": b"zero"})
    finally:
        os.umask(previous)

    (file,) = files_of(cache)
    assert A.id not in str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in (file.parent, file.parent.parent)} == {0o700}


def test_a_folder_that_others_could_look_into_is_closed(cache):
    (cache.folder / "1").mkdir(parents=True, mode=0o755)
    cache.put(A, {"0": b"zero"})

    assert stat.S_IMODE((cache.folder / "1").stat().st_mode) == 0o700


# Making way


def test_blocks_that_were_used_longest_ago_make_way(cache):
    for number in range(9):
        cache.put(A, {str(number): b"x"})
    assert cache.get(A, "0") == b"x"
    for number in range(9, 12):
        cache.put(A, {str(number): b"x"})

    assert cache.usage().size <= cache.limit
    assert cache.get(A, "0") == b"x"
    assert cache.get(A, "1") is None
    assert cache.get(A, "11") == b"x"


def test_tiny_blocks_cost_a_page_each(cache):
    for number in range(100):
        cache.put(A, {str(number): b"x"})

    assert cache.usage().blocks <= 10
    assert cache.usage().size == cache.usage().blocks * PAGE
    assert len(files_of(cache)) == cache.usage().blocks


def test_a_block_larger_than_the_limit_is_not_kept(tmp_path):
    cache = BlockCache(tmp_path / "blocks", PAGE)
    cache.put(A, {"0": bytes(PAGE), "1": b"small"})
    cache.put(B, {"0": bytes(PAGE)})
    assert cache.get(B, "0") is None

    cache.put(B, {"1": b"small"})
    assert cache.get(B, "1") == b"small"


def test_one_large_read_does_not_push_everything_out(cache):
    cache.put(B, {"0": b"dear"})
    cache.put(A, {str(number): bytes(PAGE) for number in range(4)})

    assert cache.get(B, "0") == b"dear"
    assert cache.get(A, "0") is None


def test_an_empty_block_is_not_kept(cache):
    cache.put(A, {"0": b""})
    assert not cache.folder.exists()


def test_a_limit_is_above_nought(tmp_path):
    with pytest.raises(ValueError, match="above nought"):
        BlockCache(tmp_path, 0)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "get", "damage", "forget", "clear"]), st.integers(0, 9)), max_size=40
    ),
    pages=st.integers(1, 6),
)
def test_whatever_happens_to_it_a_cache_tells_the_truth_and_keeps_to_its_limit(tmp_path_factory, steps, pages):
    cache = BlockCache(tmp_path_factory.mktemp("blocks"), pages * PAGE, clock=ticking())
    body = {number: bytes([number]) * (number * 700 + 1) for number in range(10)}
    for step, number in steps:
        if step == "put":
            cache.put(A, {str(number): body[number]})
        elif step == "get":
            assert cache.get(A, str(number)) in (None, body[number])
        elif step == "clear":
            cache.clear()
            assert cache.usage().blocks == 0
        elif step == "damage":
            for file in files_of(cache)[number : number + 1]:
                file.write_bytes(file.read_bytes()[: number * 5])
        else:
            (cache.folder / "1" / "sum").unlink(missing_ok=True)
        assert cache.usage().size <= cache.limit


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[:30] + b"X" + data[31:],
        lambda data: b"APB9" + data[4:],
        lambda data: bytes(len(data)),
    ],
    ids=["cut", "empty", "head only", "a bit", "another format", "zeros"],
)
def test_a_damaged_block_is_missing_and_can_be_kept_anew(cache, damage):
    cache.put(A, {"0": b"0123456789" * 10})
    (file,) = files_of(cache)
    file.write_bytes(damage(file.read_bytes()))

    assert cache.get(A, "0") is None
    assert files_of(cache) == []
    cache.put(A, {"0": b"0123456789" * 10})
    assert cache.get(A, "0") == b"0123456789" * 10


def test_a_block_under_another_ones_name_is_not_believed(cache):
    cache.put(A, {"0": b"mine"})
    (mine,) = files_of(cache)
    cache.put(B, {"0": b"yours"})
    (yours,) = set(files_of(cache)) - {mine}
    shutil.copy(mine, yours)

    assert cache.get(B, "0") is None
    assert cache.get(A, "0") == b"mine"


@pytest.mark.parametrize("text", [b"", b"12", b"12 34", b"nonsense here", b"-5 0", b"0 9" + b"9" * 18])
def test_a_sum_that_makes_no_sense_is_counted_anew(cache, text):
    for number in range(8):
        cache.put(A, {str(number): b"x"})
    (cache.folder / "1" / "sum").write_bytes(text)
    for number in range(8, 20):
        cache.put(A, {str(number): b"x"})
        assert cache.usage().size <= cache.limit


def test_what_a_killed_writer_left_is_removed_after_an_hour(cache):
    cache.put(A, {"0": b"x"})
    (file,) = files_of(cache)
    left, fresh = file.with_name(".old.partial"), file.with_name(".new.partial")
    left.write_bytes(b"half")
    os.utime(left, ns=(10**18 - 4 * 10**12,) * 2)
    fresh.write_bytes(b"half")
    os.utime(fresh, ns=(10**18,) * 2)
    (cache.folder / "1" / "sum").unlink()
    cache.put(A, {"1": b"x"})

    assert (left.exists(), fresh.exists()) == (False, True)
    assert cache.usage().blocks == 2


# A disk that does not do as it should


def test_a_folder_that_is_removed_meanwhile_is_made_again(cache):
    cache.put(A, {"0": b"x"})
    shutil.rmtree(cache.folder)
    assert cache.get(A, "0") is None
    assert cache.usage().blocks == 0
    cache.clear()

    cache.put(A, {"0": b"x"})
    assert cache.get(A, "0") == b"x"


def test_a_folder_that_is_removed_between_writing_and_renaming_costs_a_block(cache, monkeypatch, caplog):
    write = blocks_shelf.Shelf.write

    def removed(self, *words):
        partial = write(self, *words)
        shutil.rmtree(cache.folder)
        return partial

    monkeypatch.setattr(blocks_shelf.Shelf, "write", removed)
    cache.put(A, {"0": b"x"})
    monkeypatch.undo()

    assert cache.get(A, "0") is None
    cache.put(A, {"0": b"x"})
    assert cache.get(A, "0") == b"x"
    assert caplog.records == []


def test_a_folder_that_cannot_be_written_is_told_of_once(tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"in the way")
    cache = BlockCache(tmp_path / "file" / "blocks", 10 * PAGE)
    for number in range(3):
        cache.put(A, {str(number): b"x"})
        assert cache.get(A, str(number)) is None

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "reading goes on" in caplog.text


def test_a_full_disk_is_told_of_once_leaves_nothing_half_and_is_left_in_peace(cache, monkeypatch, caplog):
    cache.put(A, {"0": b"x"})
    tries = []

    def full(self, name, head, body):
        tries.append(name)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(blocks_shelf.Shelf, "write", full)
    for number in range(1, 4):
        cache.put(A, {str(number): b"x"})
    monkeypatch.undo()

    assert len(tries) == 1
    assert cache.get(A, "0") == b"x"
    assert len(caplog.records) == 1
    cache._resumes = 0.0
    cache.put(A, {"1": b"x"})
    assert cache.get(A, "1") == b"x"


def test_a_block_is_served_where_its_last_use_cannot_be_noted(cache, monkeypatch):
    cache.put(A, {"0": b"x"})

    def refuse(*_, **__):
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(blocks.os, "utime", refuse)
    monkeypatch.setattr(blocks.os, "supports_fd", {refuse})
    assert cache.get(A, "0") == b"x"


def test_who_waits_too_long_for_the_lock_keeps_nothing(cache, monkeypatch, caplog):
    from filelock import FileLock

    monkeypatch.setattr(blocks, "_PATIENCE", 0.01)
    cache.folder.mkdir()
    with FileLock(cache.folder / "lock"):
        cache.put(A, {"0": b"x"})
    assert cache.get(A, "0") is None
    assert list(cache.folder.glob("1/??/*")) == list(cache.folder.glob("1/??/.*")) == []

    cache.put(A, {"0": b"x"})
    assert cache.get(A, "0") == b"x"
    assert caplog.records == []


def test_threads_share_a_cache(cache):
    body = {number: bytes([number]) * 5000 for number in range(20)}
    wrong: list[int] = []

    def work(offset):
        for step in range(40):
            number = (step * 7 + offset) % 20
            cache.put(A, {str(number): body[number]})
            if cache.get(A, str(number)) not in (None, body[number]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
    assert 0 < cache.usage().size <= cache.limit
    assert list(cache.folder.glob("1/??/.*")) == []


def test_clearing_leaves_nothing(cache):
    cache.put(A, {"0": b"x", "1": b"y"})
    cache.clear()

    assert cache.usage().blocks == 0
    assert [each.name for each in cache.folder.iterdir() if each.name != "lock"] == []
