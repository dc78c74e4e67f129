"""Partitions of a build without any scheduler: what one becomes, what a crash leaves, what a worker keeps."""

from __future__ import annotations

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain

import msgspec
import pytest
from typer.testing import CliRunner

from ap_remote.backends.memory import MemoryRemote
from ap_remote.cli.main import app
from ap_remote.connect import cluster as connect_cluster
from ap_remote.connect import connect_same
from ap_remote.errors import (
    BusyStoreError,
    ConfigError,
    EncoderError,
    StoreError,
    UnavailableError,
)
from ap_remote.semantic import SemanticIndex, distributed, partitions, partitions_worker, pipeline, shards, wishes
from ap_remote.semantic.depot import depot
from ap_remote.semantic.partitions_worker import Order
from ap_remote.semantic.pipeline import Pools
from ap_remote.semantic.planning import Item, Plan
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.films import film
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import contents, made

NOW = datetime(2024, 5, 1, tzinfo=UTC)
PHOTOGRAPHS = 20


@pytest.fixture
def remote():
    remote = MemoryRemote()
    for number in range(PHOTOGRAPHS):
        remote.seed(f"{number:02}.png", picture((number * 12, 90, 255 - number * 12)))
    remote.seed("copy of 03.png", picture((36, 90, 219)))
    remote.seed("empty.jpg", b"")
    remote.seed("text.jpg", b"no picture")
    return remote


@pytest.fixture
def pools():
    pools = Pools()
    yield pools
    pools.close()


@pytest.fixture
def place(tmp_path):
    """Return where a generation of the planted encoder was begun."""
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(PlantedEncoder().fingerprint, "planted", PlantedEncoder.dim)
        return store.place


async def cut(remote, folder, *, size, build="one"):
    """Return the partitions of all that is to be done."""
    with (
        EmbeddingStore(folder, write=True) as store,
        Plan(store, PlantedEncoder(), frames=0, retry=False, now=NOW) as plan,
    ):
        plan.take([entry async for entry in remote.search("")])
        plan.settle(complete=True)
        items = chain.from_iterable(plan.pieces())
        return [*partitions.cut(items, count=plan.count, build=build, places=1, now=NOW, size=size)]


def target(place):
    return depot(place, PlantedEncoder().fingerprint)


class Hands:
    """A cluster of one, in this process: what the scheduler's adapter gives a build."""

    places, processes, device, build = 2, 1, "cpu", "one"

    def __init__(self, order, size):
        self.order, self.size, self.done = order, size, []

    async def load(self):
        assert partitions_worker.load(self.order) is None

    async def run(self, pieces):
        for piece in pieces:
            sent = pickle.loads(pickle.dumps(piece))
            self.done.append(piece.name)
            outcome = await asyncio.to_thread(partitions_worker.work, self.order, sent)
            if outcome.error is not None:
                raise outcome.error
            yield piece, outcome


@pytest.fixture
def clustered(monkeypatch):
    """Return a build by the hands of one, of partitions of three contents or as many as are asked for."""

    async def run(remote, folder, encoder, *, size=3, **options):
        @asynccontextmanager
        async def workers(cluster, encoder, *, place, cache, frames):
            order = Order("one", cluster.remote, cluster.encoder, encoder.fingerprint, place, frames)
            try:
                yield Hands(order, cluster.size)
            finally:
                await asyncio.to_thread(partitions_worker.release, "one")
                partitions_worker._ended.clear()

        monkeypatch.setattr(distributed, "workers", workers)
        cluster = distributed.Cluster("tcp://nowhere:1", lambda: remote, lambda: encoder, size=size)
        return await made(remote, folder, encoder, cluster=cluster, now=lambda: NOW, **options)

    yield run
    assert partitions_worker._benches == {}


async def test_a_build_by_partitions_is_the_store_of_a_build_by_one_machine(remote, tmp_path, clustered):
    remote.seed("a.mp4", film("red", "lime"), content_type="video/mp4")
    for folder in ("one", "many"):
        wishes.write(tmp_path / folder, frames=2)
    single = await made(remote, tmp_path / "one", now=lambda: NOW)
    told = []
    encoder = PlantedEncoder()
    report = await clustered(remote, tmp_path / "many", encoder, progress=lambda *each: told.append(each))
    assert contents(tmp_path / "many") == contents(tmp_path / "one")
    assert (report.total, report.encoded, report.reused) == (single.total, single.encoded, single.reused)
    assert report.failed == single.failed
    assert told[-1] == (report.total, report.total)
    assert encoder.seen == single.counts["encode"] == report.counts["encode"]
    assert "limits: " in report.limit
    again = await clustered(remote, tmp_path / "many", encoder)
    assert (again.encoded, again.failed) == (0, single.failed)


async def test_a_partition_done_twice_is_the_same_shard_whichever_picture_was_faster(remote, tmp_path, pools):
    bodies = []
    for folder, reverse in (("one", False), ("two", True)):
        (whole,) = await cut(remote, tmp_path / folder, size=100)
        items = whole.items[::-1] if reverse else whole.items
        with EmbeddingStore(tmp_path / folder, write=True) as store:
            await partitions.fill(
                remote, PlantedEncoder(), whole._replace(items=items), place=store.place, frames=0, pools=pools
            )
            found = target(store.place)
        bodies.append({name: found.read(name) for name in found.sizes() if name.startswith(whole.name)})
    assert len(bodies[0]) == 2
    assert bodies[0] == bodies[1]


async def test_whoever_is_asked_for_a_shard_that_is_there_does_nothing(remote, tmp_path, pools):
    first, _ = await cut(remote, tmp_path, size=12)
    encoder = PlantedEncoder()
    with EmbeddingStore(tmp_path, write=True) as store:
        options = {"place": store.place, "frames": 0, "pools": pools}
        await partitions.fill(remote, encoder, first, **options)
        seen, loads = encoder.seen, encoder.loads
        outcome = await partitions.fill(remote, encoder, first, **options)
    assert seen > 0
    assert (encoder.seen, encoder.loads) == (seen, loads)
    assert outcome.name == first.name
    assert not any(outcome.counts.values())


async def test_what_a_client_that_died_left_is_adopted_by_the_next_build_failures_and_all(remote, tmp_path, pools):
    *some, _ = await cut(remote, tmp_path / "store", size=6)
    before = PlantedEncoder()
    with EmbeddingStore(tmp_path / "store", write=True) as store:
        for piece in some:
            await partitions.fill(remote, before, piece, place=store.place, frames=0, pools=pools)
    after = PlantedEncoder()
    await made(remote, tmp_path / "store", after, now=lambda: NOW)
    assert 0 < after.seen < PHOTOGRAPHS
    assert before.seen + after.seen == PHOTOGRAPHS
    await made(remote, tmp_path / "single", now=lambda: NOW)
    assert contents(tmp_path / "store") == contents(tmp_path / "single")


async def test_failures_of_an_adopted_shard_do_not_undo_what_was_learnt_since(remote, tmp_path, pools):
    (whole,) = await cut(remote, tmp_path, size=100)
    encoder = PlantedEncoder()
    with EmbeddingStore(tmp_path, write=True) as store:
        await partitions.fill(remote, encoder, whole, place=store.place, frames=0, pools=pools)
        made_there = shards.whole(target(store.place), whole.name)
        failed = [each.md5 for each in made_there.failed]
        assert len(failed) == 2
        vectors, records = shards.read(target(store.place), whole.name, dim=encoder.dim), made_there.records
        # Meanwhile one of them has a vector after all, and the other was tried twice more.
        store.append(encoder.fingerprint, vectors[:1], [shards.Record(failed[0])])
        later = msgspec.structs.replace(made_there.failed[1].failure, tries=3)
        store.fail(encoder.fingerprint, failed[1], later)
        assert store.adopt(encoder.fingerprint, [whole.name]) == len(records)
        assert store.catalog.failures(encoder.fingerprint) == {failed[1]: later}
        assert store.catalog.known(encoder.fingerprint) == {failed[0], *(each.md5 for each in records)}


async def test_a_partition_of_failures_alone_leaves_no_file(remote, tmp_path, clustered):
    bad = MemoryRemote()
    bad.seed("empty.jpg", b"")
    report = await clustered(bad, tmp_path, PlantedEncoder())
    assert [each.path for each in report.failed] == ["empty.jpg"]
    assert contents(tmp_path) == ({}, {"d41d8cd98f00b204e9800998ecf8427e": report.failed[0]})
    assert list(target(tmp_path / "embeddings").sizes()) == ["meta.json"]


class Stopping(PlantedEncoder):
    """Says when it has encoded, and then waits in every other batch until it may go on."""

    def __init__(self, *, stop):
        super().__init__()
        self.stop, self.encoded, self.go = stop, threading.Event(), threading.Event()

    def encode_images(self, images):
        if self.seen >= self.stop:
            self.encoded.set()
            assert self.go.wait(30)
        return super().encode_images(images)


async def test_a_build_that_is_broken_off_keeps_what_its_workers_had_encoded(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "BATCH", 4)
    (whole,) = await cut(remote, tmp_path, size=100)
    encoder = Stopping(stop=8)
    order = Order("broken", lambda: remote, lambda: encoder, encoder.fingerprint, str(tmp_path / "embeddings"))
    stop = partitions_worker.Bench.stop

    def stopped(bench):
        stop(bench)
        encoder.go.set()

    monkeypatch.setattr(partitions_worker.Bench, "stop", stopped)
    working = asyncio.create_task(asyncio.to_thread(partitions_worker.work, order, whole))
    assert await asyncio.to_thread(encoder.encoded.wait, 30)
    await asyncio.to_thread(partitions_worker.release, "broken")
    outcome = await working
    assert isinstance(outcome.error, UnavailableError)
    assert partitions_worker._benches == {}
    late = partitions_worker.work(order, whole)
    assert isinstance(late.error, ConfigError)
    after = PlantedEncoder()
    await made(remote, tmp_path, after)
    assert after.seen == PHOTOGRAPHS - 8


async def test_a_service_that_is_gone_ends_the_build_and_what_was_done_is_kept(remote, tmp_path, clustered):
    thumbnail, asked = remote.thumbnail, []

    async def gone(target, *, size=512):
        asked.append(target)
        if len(asked) > 10:
            raise UnavailableError("503 after 5 tries")
        return await thumbnail(target, size=size)

    remote.thumbnail = gone
    with pytest.raises(UnavailableError, match="broken off"):
        await clustered(remote, tmp_path, PlantedEncoder(), size=8)
    remote.thumbnail = thumbnail
    after = PlantedEncoder()
    await made(remote, tmp_path, after, retry=True)
    assert 0 < after.seen <= PHOTOGRAPHS - 6
    assert len(contents(tmp_path)[0]) == PHOTOGRAPHS


async def test_a_worker_that_does_not_reach_the_vectors_says_so(remote, tmp_path, pools):
    (whole,) = await cut(remote, tmp_path, size=100)
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(StoreError, match="every worker must reach"):
        await partitions.fill(remote, PlantedEncoder(), whole, place=str(elsewhere), frames=0, pools=pools)
    assert not elsewhere.exists()
    with EmbeddingStore(tmp_path, write=True) as store, pytest.raises(StoreError, match="is not whole in"):
        store.commit(PlantedEncoder().fingerprint, whole.name)


def test_a_process_opens_one_bench_for_all_its_threads_and_closes_it_with_the_build(remote, place):
    opened = []

    def encoder():
        opened.append(PlantedEncoder())
        return opened[-1]

    order = Order("crowd", lambda: remote, encoder, PlantedEncoder().fingerprint, place)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: partitions_worker.greet(order), range(8))) == {"cpu"}
    assert len(opened) == 1
    assert [*partitions_worker._benches] == ["crowd"]
    partitions_worker.greet(order._replace(build="next"))
    assert [*partitions_worker._benches] == ["next"]
    partitions_worker.release("next")
    assert partitions_worker._benches == {}


def test_a_worker_with_another_encoder_cannot_take_part(remote, place):
    order = Order("other", lambda: remote, lambda: PlantedEncoder("1111111111111111"), "2222222222222222", place)
    found = partitions_worker.greet(order)
    assert isinstance(found, EncoderError)
    assert "same weights" in str(found)
    assert partitions_worker.work(order, partitions.Partition("shard", (), NOW)).error is not None


async def test_what_a_log_shows_of_a_task_is_neither_path_nor_address(remote, tmp_path):
    pieces = await cut(remote, tmp_path, size=100)
    order = Order("one", partial(connect_same, "home", "mark"), PlantedEncoder, "f", str(tmp_path))
    assert ".png" not in repr(pieces)
    assert str(tmp_path) not in repr(order)


@pytest.mark.parametrize(("work", "sizes"), [(10, [10]), (1000, [64] * 15 + [40]), (100_000, [4096] * 24 + [1696])])
def test_partitions_are_large_unless_somebody_would_have_no_work(work, sizes):
    items = [Item(f"{number:032x}", []) for number in range(work)]
    pieces = [*partitions.cut(iter(items), count=work, build="one", places=4, now=NOW)]
    assert [len(each.items) for each in pieces] == sizes
    assert [item for each in pieces for item in each.items] == items
    assert len({each.name for each in pieces}) == len(pieces)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.delenv("AP_CONFIG", raising=False)
    monkeypatch.delenv("AP_REMOTE", raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path))

    def write(url):
        document = f'[accounts.home]\nkind = "service"\nurl = "{url}"\ncredentials = "{tmp_path}/cookies.json"\n'
        (tmp_path / "config.toml").write_text(document)

    write("http://127.0.0.1:1")
    (tmp_path / "cookies.json").write_text('{"session-id": "canary", "at-main": "canary", "ubid-main": "canary"}')
    return write


def test_a_library_inside_one_process_is_refused_with_what_to_do(config):
    with pytest.raises(ConfigError, match="ap emulator"):
        connect_cluster("tcp://127.0.0.1:1", "local:")


def test_a_worker_that_knows_another_account_by_that_name_says_so(config):
    cluster = connect_cluster("tcp://127.0.0.1:1", "home:Pictures")
    assert b"canary" not in pickle.dumps(cluster)
    assert cluster.remote().name == "home"
    config("http://127.0.0.1:2")
    with pytest.raises(ConfigError, match="is another one there"):
        cluster.remote()


async def test_while_another_build_runs_no_cluster_is_asked(remote, tmp_path):
    cluster = distributed.Cluster("tcp://127.0.0.1:9", lambda: remote)
    with EmbeddingStore(tmp_path, write=True), pytest.raises(BusyStoreError):
        await SemanticIndex(tmp_path, PlantedEncoder()).build(remote, cluster=cluster)


def test_the_command_refuses_a_library_inside_one_process(config):
    ran = CliRunner().invoke(app, ["index", "build", "local:", "--dask", "tcp://127.0.0.1:9"])
    assert ran.exit_code == 2
    assert "ap emulator" in ran.output
