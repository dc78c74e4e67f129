"""A build by the processes of a dask cluster: one of them killed, the client broken off, the account's pace shared.

The store must be that of a build by one process, whatever happened on the way.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import threading
from functools import partial
from pathlib import Path

import dask
import pytest
import tomli_w
import uvicorn
from cloudpickle import register_pickle_by_value, unregister_pickle_by_value
from distributed import Client, LocalCluster
from distributed.diagnostics.plugin import SchedulerPlugin

from ap_remote.connect import cluster as connect_cluster
from ap_remote.connect import connect
from ap_remote.errors import ConfigError, UnavailableError
from ap_remote.semantic import SemanticIndex
from ap_remote.transport.pacer_plugin import NAME
from ap_remote_emulator.app import create_app
from tests.unit.semantic import planted
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import contents

PHOTOGRAPHS = 30
BAD = {"empty.jpg": b"", "text.jpg": b"no picture", "cut.jpg": picture("red", kind="JPEG", size=(200, 200))[:400]}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AP_CONFIG", "AP_REMOTE"):
            patch.delenv(name, raising=False)
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("AP_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def account(home, tmp_path_factory):
    """Serve photographs as the account ``home:``, and return the values of its cookies."""
    data = tmp_path_factory.mktemp("service")
    app = create_app(data)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1, timeout_keep_alive=75)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    file = data / "credentials.json"
    told = {"kind": "service", "url": f"http://127.0.0.1:{port}", "credentials": str(file), "concurrency": 4}
    Path(home, "config.toml").write_text(tomli_w.dumps({"accounts": {"home": told}}))
    photographs = {f"{number:02}.png": picture((number * 8, 90, 250 - number * 8)) for number in range(PHOTOGRAPHS)}
    try:
        asyncio.run(_fill({**photographs, **BAD}))
        yield [value for value in _texts(json.loads(file.read_bytes())) if len(value) >= 12]
    finally:
        server.should_exit = True
        thread.join()
        app.state.store.close()


def _texts(found):
    if isinstance(found, dict):
        return [text for value in found.values() for text in _texts(value)]
    return [found] if isinstance(found, str) else []


async def _fill(files):
    async with connect("home:") as remote:
        for name, data in files.items():
            await remote.put(data, name)


@pytest.fixture(scope="module")
def cluster(account):
    quiet = {"distributed.worker.profile.enabled": False, "distributed.admin.log-length": 1000}
    register_pickle_by_value(planted)
    with (
        dask.config.set(quiet),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", resources={"GPU": 1}
        ) as made,
    ):
        yield made
    unregister_pickle_by_value(planted)


@pytest.fixture
def seen(cluster):
    """Return what the scheduler was handed of a build: each task as it is sent, and what it asks of a worker."""

    class Seen(SchedulerPlugin):
        name = "seen"
        tasks: dict[str, tuple[bytes, dict[str, float]]] = {}  # noqa: RUF012 - of one test

        def transition(self, key, start, finish, *args, **kwargs):
            if finish == "processing" and key.startswith("ap-index-"):
                task = cluster.scheduler.tasks[key]
                self.tasks[key] = pickle.dumps(task.run_spec), dict(task.resource_restrictions)

    plugin = Seen()
    plugin.tasks = {}
    cluster.scheduler.add_plugin(plugin)
    yield plugin.tasks
    cluster.scheduler.remove_plugin(name="seen")


class Mortal(PlantedEncoder):
    """Notes which process makes and uses it; the first process that comes to the third batch of all is killed in it."""

    def __init__(self, folder, *, dies=False):
        super().__init__()
        self.folder, self.dies = folder, dies
        self._note("made")

    def _note(self, what):
        with (self.folder / what).open("a") as file:
            file.write(f"{os.getpid()}\n")

    def encode_images(self, images):
        self._note("batches")
        if self.dies and len((self.folder / "batches").read_text().split()) >= 3:
            try:
                (self.folder / "killed").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_images(images)


def _noted(folder, what):
    return [int(pid) for pid in (folder / what).read_text().split()]


async def _built(folder, *, vectors=None, **options):
    async with connect("home:") as remote:
        return await SemanticIndex(folder, PlantedEncoder(), vectors=vectors).build(remote, **options)


def _cluster(cluster, encoder, size=4):
    opened = connect_cluster(cluster.scheduler_address, "home:", device="auto")
    return opened._replace(encoder=encoder, size=size)


@pytest.fixture(scope="module")
def single(account, tmp_path_factory):
    """Return what one process makes of the library: its report and its store."""
    folder = tmp_path_factory.mktemp("single")
    return asyncio.run(_built(folder)), contents(folder)


def test_a_worker_killed_in_the_middle_leaves_the_store_of_a_single_build(cluster, account, single, seen, tmp_path):
    told = []
    mortal = partial(Mortal, tmp_path, dies=True)
    elsewhere = f"file://{tmp_path}/vectors"  # by fsspec, as workers without the index's folder would write
    report = asyncio.run(
        _built(
            tmp_path / "index",
            vectors=elsewhere,
            cluster=_cluster(cluster, mortal),
            progress=lambda *each: told.append(each),
        )
    )
    whole, store = single
    assert not (tmp_path / "index" / "embeddings").exists()
    assert (tmp_path / "killed").exists()
    found, failed = contents(tmp_path / "index")
    assert found == store[0]
    assert len(found) == PHOTOGRAPHS
    assert {md5: each.reason for md5, each in failed.items()} == {md5: each.reason for md5, each in store[1].items()}
    assert len(failed) == len(BAD)
    assert (report.total, report.encoded, report.reused) == (whole.total, whole.encoded, whole.reused)
    assert [(each.path, each.reason) for each in report.failed] == [(each.path, each.reason) for each in whole.failed]
    assert told[-1] == (whole.total, whole.total)
    assert "limits: " in report.limit
    assert report.device == "cpu"
    made = _noted(tmp_path, "made")
    assert len(made) == len(set(made))  # one encoder for each process, however many partitions it did
    assert set(_noted(tmp_path, "batches")) <= set(made)

    assert len(seen) == -(-(PHOTOGRAPHS + len(BAD)) // 4)
    assert all(needs == {"GPU": 1} for _, needs in seen.values())
    with Client(cluster, set_as_default=False) as client:
        logs = repr((client.get_worker_logs(), client.get_scheduler_logs()))
    assert account
    for secret in account:
        assert not [key for key, (task, _) in seen.items() if secret.encode() in task]
        assert secret not in logs
    assert ".png" not in logs

    (desk,) = cluster.scheduler.plugins[NAME].desks.values()
    assert desk.allowance.granted >= PHOTOGRAPHS + len(BAD)
    assert desk.allowance.most <= 4


def test_a_client_that_is_broken_off_leaves_what_the_next_build_goes_on_from(cluster, single, tmp_path):
    async def broken():
        task = asyncio.current_task()

        def told(done, total):
            if done > len(BAD):
                task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await _built(tmp_path / "index", cluster=_cluster(cluster, partial(Mortal, tmp_path)), progress=told)

    asyncio.run(broken())
    report = asyncio.run(_built(tmp_path / "index"))
    assert report.encoded < PHOTOGRAPHS
    found, failed = contents(tmp_path / "index")
    assert found == single[1][0]
    assert set(failed) == set(single[1][1])


def test_a_worker_with_another_version_is_named_before_anything_is_begun(cluster, account, tmp_path, monkeypatch):
    get_versions = Client.get_versions

    async def changed(self, **options):
        found = await get_versions(self, **options)
        for told in found["workers"].values():
            told["packages"] |= other
        return found

    monkeypatch.setattr(Client, "get_versions", changed)
    cases = {
        ("ap-remote", "0.0.1"): r"worker tcp://\S+ has ap-remote 0.0.1, and here it is",
        ("ap-remote", None): r"worker tcp://\S+ has no ap-remote",
        ("numpy", None): r"worker tcp://\S+ has no numpy: pip install 'ap-remote\[semantic\]' there",
    }
    for changed_package, said in cases.items():
        other = dict([changed_package])
        with pytest.raises(ConfigError, match=said):
            asyncio.run(_built(tmp_path, cluster=_cluster(cluster, PlantedEncoder)))
    assert not (tmp_path / "embeddings").exists()


def test_a_worker_whose_encoder_is_another_is_named_before_anything_is_begun(cluster, account, tmp_path):
    other = partial(PlantedEncoder, "1111111111111111")
    with pytest.raises(ConfigError, match=r"worker tcp://\S+ cannot take part: .* same weights"):
        asyncio.run(_built(tmp_path, cluster=_cluster(cluster, other)))
    assert not (tmp_path / "embeddings").exists()


def test_a_scheduler_without_workers_is_one_sentence(account, tmp_path):
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        pytest.raises(UnavailableError, match="has no workers"),
    ):
        asyncio.run(_built(tmp_path, cluster=_cluster(empty, PlantedEncoder)))
