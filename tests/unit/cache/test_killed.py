"""A sync that is killed by SIGKILL at any point leaves a state that a replay of its batches passes through."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from ap_remote.cache import NodeCache
from ap_remote.query import parse_nodes
from tests.unit.cache import replay

ROOT = Path(__file__).parents[3]


def start(folder: Path) -> subprocess.Popen[str]:
    code = "import sys; from tests.unit.cache import replay; replay.main(sys.argv[1])"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


@pytest.mark.parametrize("seed", range(3))
def test_whenever_it_is_killed_the_cache_is_that_of_a_whole_number_of_batches(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    folder = tmp_path / "cache"
    at = 0
    for _ in range(4):
        with start(folder) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(chance.randrange(1, 12))]
            # It has gone on meanwhile, and is anywhere in a batch.
            writer.kill()
            told += writer.stdout.read().splitlines()
            errors = writer.stderr.read() if writer.stderr else ""
        assert errors == ""
        cache = NodeCache(folder)
        found = replay.position(cache)
        # What was answered is there; at most the batch after it happened beside.
        assert max(int(line) for line in told if line.strip()) <= found
        assert found >= at
        at = found
        assert_same(cache, replay.replayed(tmp_path / f"replay{found}", found))
        cache.close()


def assert_same(killed: NodeCache, whole: NodeCache) -> None:
    ids = sorted(whole.ids())
    assert sorted(killed.ids()) == ids
    assert killed.get_many(ids) == whole.get_many(ids)
    for folder in ("root", "F0", "F1", "F2", ""):
        assert killed.children(folder) == whole.children(folder)
    for query in map(parse_nodes, ("kind:FILE", "kind:FILE AND status:TRASH", "createdDate:[2020-01-02 TO *]")):
        assert killed.search(query, sort="created") == whole.search(query, sort="created")
        assert killed.tally(query) == whole.tally(query)
    assert [each.id for each in killed.by_date()] == [each.id for each in whole.by_date()]
    for number in range(5):
        assert killed.by_md5(f"{number:032x}") == whole.by_md5(f"{number:032x}")
    assert killed.sync_state() == whole.sync_state()
    assert killed.facts() == whole.facts()
    assert sorted(killed.seen()) == sorted(whole.seen())
    whole.close()
