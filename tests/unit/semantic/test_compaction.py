from __future__ import annotations

import signal

import pytest

from ap_remote.errors import ConfigError, StoreError
from ap_remote.semantic import compaction
from ap_remote.semantic.catalog import Catalog
from ap_remote.semantic.compaction import compact, dead_share, remove_generation
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.killed import killed
from tests.unit.semantic.test_store import DIM, ONE, _small_files, contents, expected, files, fill, rows_of

TWO = "2" * 16


def point(store, numbers):
    """Let photographs have these contents, and no others."""
    store.point([(f"node{number}", f"{number:032x}", f"{number}.jpg") for number in numbers], complete=True)


def compacted(folder, living):
    with EmbeddingStore(folder, write=True) as store:
        store.begin(ONE, "planted", DIM)
        point(store, living)
        return compact(store, store.active())


def left(living):
    every = expected(20)
    return {f"{number:032x}": every[f"{number:032x}"] for number in living}


def three_shards(folder):
    for start, count in ((0, 5), (5, 5), (10, 5)):
        fill(folder, start, count)


def test_dead_rows_go_and_those_that_live_stay_what_they_were(tmp_path):
    three_shards(tmp_path)
    living = [0, 1, 2, 3, 4, 6, 7, 13]
    report = compacted(tmp_path, living)
    assert (report.removed, report.kept) == (7, 3)
    assert report.bytes > 0
    assert contents(tmp_path) == left(living)
    assert files(tmp_path) == [
        "meta.json",
        "shard-000000.json",
        "shard-000000.npy",
        "shard-000003.json",
        "shard-000003.npy",
    ]
    with EmbeddingStore(tmp_path) as store:
        assert dead_share(store, store.active()) == 0


def test_rows_keep_their_numbers_so_that_an_index_in_memory_is_not_wrong(tmp_path):
    three_shards(tmp_path)
    with EmbeddingStore(tmp_path) as store:
        before = store.catalog.rows_of(ONE, expected(15))
    compacted(tmp_path, [4, 9, 14])
    with EmbeddingStore(tmp_path) as store:
        assert store.catalog.rows_of(ONE, expected(15)) == {md5: before[md5] for md5 in left([4, 9, 14])}


def test_a_shard_without_any_living_row_goes_as_a_whole(tmp_path):
    three_shards(tmp_path)
    report = compacted(tmp_path, range(10))
    assert (report.removed, report.kept) == (5, 0)
    assert contents(tmp_path) == expected(10)
    assert "shard-000002.npy" not in files(tmp_path)


def test_where_nothing_is_dead_nothing_is_written(tmp_path):
    three_shards(tmp_path)
    before = files(tmp_path)
    report = compacted(tmp_path, range(15))
    assert (report.removed, report.kept, report.bytes) == (0, 0, 0)
    assert files(tmp_path) == before


def test_what_comes_back_after_its_row_went_is_made_again(tmp_path):
    three_shards(tmp_path)
    compacted(tmp_path, range(3))
    fill(tmp_path, 10, 5)
    assert contents(tmp_path) == left([0, 1, 2, 10, 11, 12, 13, 14])


def test_large_shards_are_put_together_in_pieces_that_memory_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "SHARD_ROWS", 6)
    three_shards(tmp_path)
    living = [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13]
    compacted(tmp_path, living)
    assert contents(tmp_path) == left(living)
    with EmbeddingStore(tmp_path) as store:
        assert len(store.catalog.shards(ONE)) == 3


def test_shards_between_whose_rows_others_lie_lose_their_own_dead_rows_only(tmp_path, monkeypatch):
    three_shards(tmp_path)
    compacted(tmp_path, [0, 1, 5, 6, 7, 8, 9, 10, 11])
    monkeypatch.setattr(compaction, "SHARD_ROWS", 1)
    with EmbeddingStore(tmp_path) as store:
        first, between = store.catalog.extents(ONE)
        assert (first.first, between.first, between.last, first.last) == (0, 5, 9, 11)
        assert [(each.rows, each.living) for each in (first, between)] == [(4, 4), (5, 5)]
    living = [1, 5, 7, 10]
    report = compacted(tmp_path, living)
    assert (report.removed, report.kept) == (5, 4)
    assert contents(tmp_path) == left(living)


def test_no_more_rows_than_a_new_shard_has_are_looked_at_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(compaction, "SHARD_ROWS", 8)
    three_shards(tmp_path)
    asked = []
    real = Catalog.contents_of
    monkeypatch.setattr(
        Catalog, "contents_of", lambda self, one, rows: asked.append(len(rows)) or real(self, one, rows)
    )
    for everything in ("living_places", "places", "keys"):
        monkeypatch.setattr(Catalog, everything, noted(asked, getattr(Catalog, everything)))
    compacted(tmp_path, [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13])
    assert sum(asked) == 24
    assert max(asked) <= 8


def noted(asked, inner):
    def call(*args):
        found = inner(*args)
        asked.append(len(found))
        return found

    return call


def test_a_full_disk_keeps_all_rows(tmp_path):
    fill(tmp_path, 0, 4000)
    living = range(3999)
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
        point(store, living)
        with _small_files(4096), pytest.raises(StoreError, match="nothing half-written"):
            compact(store, store.active())
    assert contents(tmp_path) == expected(4000)


_COMPACTING = """
    from tests.unit.semantic.test_compaction import compacted
    Path.unlink = counted(Path.unlink)
    for name in ("move_rows", "drop_shard", "forget_retired"):
        setattr(catalog.Catalog, name, counted(getattr(catalog.Catalog, name)))
    compacted(folder, [0, 1, 2, 3, 4, 6, 7, 13])
"""


@pytest.mark.parametrize("step", range(1, 15))
def test_a_compaction_killed_between_any_two_steps_loses_nothing(tmp_path, step):
    three_shards(tmp_path)
    ran = killed(tmp_path, step, _COMPACTING)
    living = [0, 1, 2, 3, 4, 6, 7, 13]
    assert left(living).items() <= contents(tmp_path).items()
    if ran.returncode == 0:
        assert ran.stdout == "lived\n"
        assert step == 14
    else:
        assert ran.returncode == -signal.SIGKILL, ran.stderr
    compacted(tmp_path, living)
    assert contents(tmp_path) == left(living)
    assert len([name for name in files(tmp_path) if name.endswith(".npy")]) == 2


def two_generations(folder):
    fill(folder)
    with EmbeddingStore(folder, write=True) as store:
        store.begin(TWO, "another", DIM)
        store.append(TWO, *rows_of(0, 2))
        return store.active().fingerprint


def test_a_generation_that_serves_no_search_goes_with_its_files(tmp_path):
    assert two_generations(tmp_path) == ONE
    with EmbeddingStore(tmp_path, write=True) as store:
        assert remove_generation(store, TWO) > 0
        assert [each.fingerprint for each in store.catalog.generations()] == [ONE]
        assert store.depot(TWO).sizes() == {}
    assert contents(tmp_path) == expected(3)


@pytest.mark.parametrize(("which", "said"), [(ONE, "searches use"), ("3" * 16, "has no vectors")])
def test_what_serves_or_is_unknown_is_not_removed(tmp_path, which, said):
    two_generations(tmp_path)
    with EmbeddingStore(tmp_path, write=True) as store, pytest.raises(ConfigError, match=said):
        remove_generation(store, which)
    assert contents(tmp_path) == expected(3)
