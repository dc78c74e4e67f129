"""Dask's workers on one account: what the service sees of all of them together stays within the account's limits.

The scheduler runs in this process, so its allowances can be looked at and their clocks be stopped.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
import tomli_w
import uvicorn

from ap_remote.fsspec import AmazonPhotosFileSystem
from ap_remote.transport.allowance import Allowance
from ap_remote.transport.desk import Desk
from ap_remote.transport.pacer_plugin import NAME, PacingPlugin
from ap_remote_emulator.app import create_app
from tests.lazily import Lazily

pd = Lazily("pandas")
dask = Lazily("dask")
dd = Lazily("dask.dataframe")
bag = Lazily("dask.bag")
distributed = Lazily("distributed")

_MOVED = threading.Condition()
"""Notified whenever a request comes or goes, and whenever permits are dealt."""
_PATIENCE = 30.0


def _until(condition):
    with _MOVED:
        assert _MOVED.wait_for(condition, _PATIENCE)


class Watched:
    """The local service behind a door that counts, refuses, and can be held shut."""

    def __init__(self, app):
        self._app = app
        self.open = True
        self.inside = self.most = self.arrived = 0
        self.refusals: list[str] = []
        self.ahead: Allowance | None = None
        self.early = 0

    async def __call__(self, scope, receive, send):
        asks = scope["type"] == "http" and any(name == b"cookie" for name, _ in scope["headers"])
        if not asks:  # a signed address is the second half of a request that was counted
            await self._app(scope, receive, send)
            return
        with _MOVED:
            self.arrived += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.early += self.ahead is not None and self.arrived > self.ahead.granted
            refusal = self.refusals.pop() if self.refusals else None
            _MOVED.notify_all()
        await _thread(_until, lambda: self.open)
        left = False

        async def answer(message):
            nonlocal left
            if not left:
                left = True
                with _MOVED:
                    self.inside -= 1
                    _MOVED.notify_all()
            await send(message)

        if refusal is None:
            await self._app(scope, receive, answer)
            return
        headers = [(b"retry-after", refusal.encode()), (b"content-type", b"application/json")]
        await answer({"type": "http.response.start", "status": 429, "headers": headers})
        await answer({"type": "http.response.body", "body": b"{}"})

    def begin(self, allowance):
        """Count anew, and compare each arrival with the permits that were given out by then."""
        with _MOVED:
            assert self.inside == 0
            self.most = self.arrived = self.early = 0
            self.ahead = allowance

    def let(self, *, pass_):
        with _MOVED:
            self.open = pass_
            _MOVED.notify_all()


async def _thread(function, *arguments):
    import asyncio

    await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class SeenDesk(Desk):
    """A desk that tells the test whenever it dealt."""

    def deal(self):
        with _MOVED:
            super().deal()
            _MOVED.notify_all()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AP_CONFIG", "AP_REMOTE"):
            patch.delenv(name, raising=False)
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("AP_HOME", str(folder))
        AmazonPhotosFileSystem.clear_instance_cache()
        yield folder
        for fs in list(AmazonPhotosFileSystem._cache.values()):
            fs.close()
        AmazonPhotosFileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def service(home, tmp_path_factory):
    data = tmp_path_factory.mktemp("service")
    app = create_app(data)
    watched = Watched(app)
    config = uvicorn.Config(
        watched, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1, timeout_keep_alive=75
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    limits = {
        "narrow": {"concurrency": 2, "rate": 500},
        "slow": {"rate": 3},
        "seed": {},
        "hurt": {"rate": 500, "concurrency": 6},
        "killed": {"concurrency": 2},
    }
    shared = {"kind": "service", "url": f"http://127.0.0.1:{port}", "credentials": str(data / "credentials.json")}
    document = {"accounts": {name: {**shared, **limit} for name, limit in limits.items()}}
    Path(home, "config.toml").write_text(tomli_w.dumps(document))
    try:
        yield watched
    finally:
        watched.let(pass_=True)
        server.should_exit = True
        thread.join()
        app.state.store.close()


@pytest.fixture(scope="module")
def cluster(service):
    quiet = {"distributed.worker.profile.enabled": False, "distributed.admin.log-length": 100}
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as made,
    ):
        yield made


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster) as made:
        made.register_plugin(PacingPlugin(), name=NAME)
        yield made


@pytest.fixture
def desk(request, client, cluster, service):
    """Return the desk of the account that the test names, before any worker has asked there."""
    account, rate, concurrency = request.param
    clock = Clock()
    made = SeenDesk(Allowance(rate=rate, concurrency=concurrency, clock=clock))
    fsspec.filesystem("ap", remote="seed:").pipe({f"/{account}/{number}.txt": b"%d" % number for number in range(8)})
    fs = fsspec.filesystem("ap", remote=f"{account}:")
    assert len([*fs.ls("/"), *fs.ls(f"/{account}")]) >= 9  # the node cache knows them now, for the workers too
    url = _url(account)
    cluster.scheduler.plugins[NAME].desks[f"{account} at {url}"] = made
    made.clock = clock
    service.begin(made.allowance)
    return made


def _url(account):
    from ap_remote import config

    return config.load().account(account).url


def _step(cluster, desk, seconds):
    """Let time pass at the desk."""

    async def dealt():
        desk.clock.now += seconds
        desk.deal()

    cluster.sync(dealt)


@contextmanager
def _shut(service):
    service.let(pass_=False)
    try:
        yield
    finally:
        service.let(pass_=True)


def _read(client, account, number, **where):
    """Begin to read a file in a worker."""

    def read(account, number):
        import fsspec

        return fsspec.filesystem("ap", remote=f"{account}:").cat_file(f"/{account}/{number}.txt")

    return client.submit(read, account, number, pure=False, **where)


@pytest.mark.parametrize("desk", [("narrow", 500, 2)], indirect=True)
def test_all_workers_together_have_no_more_requests_in_flight_than_the_account_may(service, client, cluster, desk):
    workers = list(client.scheduler_info()["workers"])
    with _shut(service):
        reads = [_read(client, "narrow", number, workers=[workers[number % 2]]) for number in range(8)]
        _until(lambda: service.inside == 2 and desk.allowance.waiting)
        assert service.arrived == 2
    assert sorted(client.gather(reads)) == [b"%d" % number for number in range(8)]
    assert service.most == desk.allowance.most == 2
    assert service.early == 0
    assert desk.allowance.granted == service.arrived == 8
    _until(lambda: desk.allowance.places == 0)


@pytest.mark.parametrize("desk", [("slow", 3, None)], indirect=True)
def test_a_second_has_room_for_the_accounts_rate_whatever_the_number_of_workers(service, client, cluster, desk):
    workers = list(client.scheduler_info()["workers"])
    reads = [_read(client, "slow", number, workers=[workers[number % 2]]) for number in range(8)]
    for allowed in (3, 6, 8):
        _until(lambda allowed=allowed: service.arrived == desk.allowance.granted == allowed)
        _step(cluster, desk, 1.0)
    assert client.gather(reads) == [b"%d" % number for number in range(8)]
    assert (service.arrived, service.early) == (8, 0)


@pytest.mark.parametrize("desk", [("hurt", 500, 6)], indirect=True)
def test_a_pause_that_one_worker_is_asked_for_is_kept_by_the_other(service, client, cluster, desk):
    one, other = client.scheduler_info()["workers"]
    service.refusals.append("1")
    first = _read(client, "hurt", 1, workers=[one])
    _until(lambda: desk.allowance.paused > 0)
    second = _read(client, "hurt", 2, workers=[other])
    _until(lambda: len(desk.allowance.waiting) == 2)
    assert service.arrived == 1
    _step(cluster, desk, 0.9)
    assert len(desk.allowance.waiting) == 2
    assert service.arrived == desk.allowance.granted == 1
    _step(cluster, desk, 0.2)
    assert client.gather([first, second]) == [b"1", b"2"]
    assert (service.arrived, service.early) == (3, 0)


@pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")  # dask's own use of pandas
def test_tables_and_texts_are_read_and_written_by_url(service, client):
    frame = pd.DataFrame({"city": ["Vancouver", "Zürich", "São Paulo", "Rome"], "photos": [3, 1, 2, 5]})
    parts = dd.from_pandas(frame, npartitions=2)
    parts.to_csv("ap://narrow@/csv/*.csv", index=False)
    parts.to_parquet("ap://narrow@/parquet")
    bag.from_sequence(["one", "two", "three"], npartitions=2).to_textfiles("ap://narrow@/bag/*.txt")

    back = dd.read_csv("ap://narrow@/csv/*.csv").compute()
    assert back.to_dict("list") == frame.to_dict("list")
    assert dd.read_parquet("ap://narrow@/parquet")["photos"].sum().compute() == 11
    lines = bag.read_text("ap://narrow@/bag/*.txt").map(str.strip).compute()
    assert sorted(lines) == ["one", "three", "two"]


@pytest.mark.parametrize("desk", [("killed", None, 2)], indirect=True)
def test_at_last_a_worker_that_is_killed_frees_its_places(service, client, cluster, desk):
    workers = client.scheduler_info()["workers"]
    doomed, other = workers
    for nanny in cluster.workers.values():
        nanny.close_gracefully()  # nobody needs a new one
    pid = client.run(os.getpid, workers=[doomed])[doomed]
    with _shut(service):
        lost = [_read(client, "killed", number, workers=[doomed]) for number in range(2)]
        _until(lambda: service.inside == 2)
        kept = _read(client, "killed", 2, workers=[other])
        _until(lambda: len(desk.allowance.waiting) == 1)
        assert desk.allowance.places == 2
        client.cancel(lost)
        os.kill(pid, signal.SIGKILL)
        _until(lambda: service.inside == 3)
        assert desk.allowance.places == 1
    assert kept.result() == b"2"
