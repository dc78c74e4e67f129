from __future__ import annotations

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import BusyStoreError, ConfigError, StoreError
from ap_remote.semantic.depot import LocalDepot
from ap_remote.semantic.store import EmbeddingStore
from ap_remote.semantic.upkeep import collect, compact, held, idle
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import made

OLD, NEW = "00000000planted0", "0000000000000002"


@pytest.fixture
async def folder(tmp_path):
    remote = MemoryRemote()
    for number in range(10):
        remote.seed(f"{number}.png", picture((number, 0, 0)))
    await made(remote, tmp_path)
    await made(remote, tmp_path, PlantedEncoder(NEW))
    await remote.trash("0.png")
    await made(remote, tmp_path, PlantedEncoder(NEW))
    return tmp_path


def test_what_serves_no_search_can_go_and_nothing_else(folder):
    serving, old = held(folder)
    assert (serving.fingerprint, serving.serving, serving.rows, serving.dead) == (NEW, True, 10, 1)
    assert (old.fingerprint, old.serving, old.coverage) == (OLD, False, 1.0)
    assert idle([serving, old]) == ([old], [])
    with pytest.raises(ConfigError, match="searches use"):
        collect(folder, [NEW])
    assert collect(folder, [OLD]) == old.bytes
    assert [each.fingerprint for each in held(folder)] == [NEW]


async def test_what_a_build_is_filling_is_told_apart(folder):
    remote = MemoryRemote()
    for number in range(10):
        remote.seed(f"{number}.png", picture((number, 0, 0)))
    await made(remote, folder, PlantedEncoder("0000000000000003"), limit=3)
    with EmbeddingStore(folder, write=True) as store:
        store.catalog.touch("0000000000000003", "2100-01-01T00:00:00+00:00")
    can_go, filling = idle(held(folder))
    assert [each.fingerprint for each in can_go] == [OLD]
    assert [(each.fingerprint, each.coverage) for each in filling] == [("0000000000000003", 0.3)]


def test_compacting_takes_dead_rows_of_all_vectors_away(folder):
    done = compact(folder)
    assert (done.removed, done.kept) == (2, 18)
    assert [each.dead for each in held(folder)] == [0, 0]
    assert compact(folder).removed == 0


def test_where_there_is_no_index_it_says_so_and_makes_none(tmp_path):
    assert held(tmp_path / "none") == []
    with pytest.raises(StoreError, match="ap index build"):
        compact(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_while_a_build_runs_nothing_is_taken_away(folder):
    with EmbeddingStore(folder, write=True):
        for action in (lambda: collect(folder, [OLD]), lambda: compact(folder)):
            with pytest.raises(BusyStoreError):
                action()
    assert len(held(folder)) == 2


@pytest.mark.parametrize("done", range(2))
def test_taking_vectors_away_goes_on_where_it_was_broken_off(folder, monkeypatch, done):
    removed = []
    remove = LocalDepot.remove

    def failing(depot, name):
        if len(removed) == done:
            raise KeyboardInterrupt
        removed.append(name)
        remove(depot, name)

    with monkeypatch.context() as patched:
        patched.setattr(LocalDepot, "remove", failing)
        with pytest.raises(KeyboardInterrupt):
            collect(folder, [OLD])
    assert [each.fingerprint for each in held(folder)] == [NEW, OLD], "nothing is left that no command tells of"
    collect(folder, [OLD])
    assert [each.fingerprint for each in held(folder)] == [NEW]
    assert not [each for each in folder.rglob("*") if OLD in str(each) and each.is_file()]
