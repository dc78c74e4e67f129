"""What a build keeps of a listing, and what it does when photographs in a row do not come."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import tracemalloc

import numpy as np
import pytest

from ap_remote.errors import UnavailableError
from ap_remote.model import Entry, Kind
from ap_remote.semantic import agenda, partitions, pipeline
from ap_remote.semantic.partitions import Partition
from ap_remote.semantic.planning import Item, Plan
from ap_remote.semantic.shards import Record
from ap_remote.semantic.sources import ELSEWHERE, SILENCE
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.killed import killed
from tests.unit.semantic.planted import PlantedEncoder
from tests.unit.semantic.running import made
from tests.unit.semantic.test_pipeline import NOON, Endless

ONE = PlantedEncoder().fingerprint
MOST = SILENCE - 1 + pipeline.FETCHERS + ELSEWHERE
"""Requests after which a build ends: those under way when the fifth fails, and what was asked for elsewhere."""


def photograph(number, path=None):
    path = path or f"Pictures/2024/holiday/{number:08}.jpg"
    name = path.rpartition("/")[2]
    return Entry(path=path, name=name, id=f"node{number}", kind=Kind.FILE, md5=f"{number:032x}", content_type="image/x")


class Library(Endless):
    """Lists photographs, of which some do not come; listens to what is asked for."""

    def __init__(self, count, silent=()):
        super().__init__(count)
        self.silent = {f"node{number}" for number in silent}
        self.asked = []

    async def thumbnail(self, target, *, size=512):
        self.asked.append(target.value)
        await asyncio.sleep(0)
        if target.value in self.silent:
            raise UnavailableError("503 after 5 tries")
        return self.data


def failures(folder):
    with EmbeddingStore(folder) as store:
        return store.catalog.failures(ONE)


def vectors(folder):
    with EmbeddingStore(folder) as store:
        return store.watermark(ONE).rows


def store_all(folder, count):
    with EmbeddingStore(folder, write=True) as store:
        store.begin(ONE, "planted", PlantedEncoder.dim)
        records = [Record(f"{number:032x}") for number in range(count)]
        store.append(ONE, np.zeros((count, PlantedEncoder.dim), np.float32), records)


@pytest.mark.parametrize("known", [True, False])
async def test_four_times_the_photographs_take_no_more_memory(tmp_path, known):
    peaks = []
    for count in (600, 2_400):
        folder = tmp_path / str(count)
        if known:
            store_all(folder, count)
        await made(Endless(1), folder, query="some", limit=0)  # what only the first build does is done
        tracemalloc.start()
        try:
            report = await made(Endless(count), folder, limit=0)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert (report.reused, report.left) == ((count, 0) if known else (0, count))
        assert [*folder.glob(f"{agenda.FILE}*")] == []
    assert peaks[1] < 1.5 * peaks[0]


async def test_nothing_is_left_of_a_listing_that_broke_off_nor_of_a_build_that_was_killed(tmp_path, monkeypatch):
    (tmp_path / agenda.FILE).write_bytes(b"what a build that was killed left")
    monkeypatch.setattr("ap_remote.semantic.build.CHUNK", 2)
    await made(Endless(5), tmp_path)

    class Broken(Endless):
        async def search(self, query):
            async for entry in super().search(query):
                yield entry
            raise UnavailableError("503 after 5 tries")

    with pytest.raises(UnavailableError):
        await made(Broken(3), tmp_path)
    assert not (tmp_path / agenda.FILE).exists()
    with EmbeddingStore(tmp_path) as store:
        assert store.catalog.photographs(ONE) == 5


_SETTLING = """
from ap_remote.semantic import agenda
from tests.unit.semantic.test_agenda import settle

prepare = agenda.Agenda._prepare

def watched(self):
    prepare(self)
    # Every border between two changes of the agenda or the catalogue.
    self._db.set_trace_callback(lambda sql: sql.lstrip().startswith(("DEL", "INSERT OR", "COMMIT")) and mark())

mark = counted(lambda: None)
agenda.Agenda._prepare = watched
settle(folder, [1, 3, 4], "new")
"""


def settle(folder, numbers, path):
    """List photographs under a path, and do nothing of it."""
    with (
        EmbeddingStore(folder, write=True) as store,
        Plan(store, PlantedEncoder(), frames=0, retry=False, now=NOON) as plan,
    ):
        plan.take([photograph(number, f"{path}/{number}.jpg") for number in numbers])
        plan.settle(complete=True)


def nodes(folder):
    with EmbeddingStore(folder) as store:
        return dict(store.catalog.connection.execute("SELECT id, path FROM nodes"))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_build_that_is_killed_at_any_step_of_its_listing_s_end_knows_the_old_library_or_the_new_one(tmp_path):
    old = {f"node{number}": f"old/{number}.jpg" for number in (1, 2, 3)}
    new = {f"node{number}": f"new/{number}.jpg" for number in (1, 3, 4)}
    seen = []
    for step in itertools.count(1):
        settle(tmp_path, [1, 2, 3], "old")
        ran = killed(tmp_path, step, _SETTLING)
        seen.append(nodes(tmp_path))
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert seen[-1] == new
    assert all(each in (old, new) for each in seen)
    assert seen.count(old) >= 5
    assert seen.count(new) >= 2


def test_a_photograph_that_a_listing_has_twice_is_where_it_was_seen_last(tmp_path):
    with EmbeddingStore(tmp_path, write=True) as store:
        for path in ("b.jpg", "c.jpg"):
            with Plan(store, PlantedEncoder(), frames=0, retry=False, now=NOON) as plan:
                plan.take([photograph(1, "a.jpg"), photograph(2), photograph(1, path)])
                plan.settle(complete=True, limit=1)
                (piece,) = plan.pieces()
                assert [[each.path for each in item.entries] for item in piece] == [["a.jpg", path]]
                assert (plan.total, plan.count, plan.later) == (3, 1, 1)
            found = store.catalog.connection.execute("SELECT path FROM nodes WHERE id = 'node1'").fetchall()
            assert found == [(path,)]


async def test_a_folder_whose_pictures_do_not_come_is_put_aside_and_the_rest_is_stored(tmp_path):
    library = Library(48, silent=range(8))
    report = await made(library, tmp_path)
    assert (report.encoded, vectors(tmp_path)) == (40, 40)
    assert {each.status for each in report.failed} == {"transient"}
    assert sorted(failures(tmp_path)) == [f"{number:032x}" for number in range(8)]
    assert len(library.asked) <= 48 + ELSEWHERE


async def test_what_is_new_and_does_not_come_is_told_from_a_service_that_is_down_by_what_is_known(tmp_path):
    await made(Library(3), tmp_path)
    report = await made(Library(23, silent=range(3, 23)), tmp_path)
    assert (len(report.failed), report.reused) == (20, 3)
    with pytest.raises(UnavailableError, match="5 photographs in a row: 503"):
        await made(Library(23, silent=range(23)), tmp_path)


async def test_a_service_that_is_down_ends_a_build_after_few_requests_and_what_it_said_is_kept(tmp_path):
    library = Library(60, silent=range(60))
    with pytest.raises(UnavailableError, match="5 photographs in a row: 503"):
        await made(library, tmp_path)
    assert len(library.asked) <= MOST
    failed = {f"node{int(md5, 16)}" for md5 in failures(tmp_path)}
    assert failed == {*library.asked} - {"node29", "node44"}
    library.silent.clear()
    library.asked.clear()
    assert (await made(library, tmp_path)).encoded == 60
    assert {*library.asked[-len(failed) :]} == failed  # they stand in nobody's way


async def test_what_came_before_a_service_went_down_is_stored(tmp_path):
    library = Library(60)
    came = set()

    async def thumbnail(target, *, size=512):
        if len(library.asked) >= 30:
            library.silent = {f"node{number}" for number in range(60)}
        data = await Library.thumbnail(library, target, size=size)
        came.add(target.value)
        return data

    library.thumbnail = thumbnail
    with pytest.raises(UnavailableError, match="in a row"):
        await made(library, tmp_path)
    assert 0 < vectors(tmp_path) == len(came)
    assert len(library.asked) <= 30 + MOST


async def test_a_partition_that_was_broken_off_without_a_picture_keeps_what_failed(tmp_path):
    library = Library(60, silent=range(60))
    items = tuple(Item(f"{number:032x}", [photograph(number)]) for number in range(60))
    pools = pipeline.Pools()
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", PlantedEncoder.dim)
        whole = Partition("shard", items, NOON, (items[-1].entries[0],))
        with pytest.raises(UnavailableError):
            await partitions.fill(library, PlantedEncoder(), whole, place=store.place, frames=0, pools=pools)
        pools.close()
        store.begin(ONE, "planted", PlantedEncoder.dim)
        assert len(store.catalog.failures(ONE)) >= SILENCE
        assert list(store.depot(ONE).sizes()) == ["meta.json"]
