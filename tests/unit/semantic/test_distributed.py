"""A dask scheduler that is not there, is none, or goes away: one sentence with its address, and nothing is begun."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, MissingExtraError, UnavailableError
from ap_remote.semantic import distributed
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.planted import picture
from tests.unit.semantic.running import made


@pytest.fixture
def remote():
    remote = MemoryRemote()
    remote.seed("red.png", picture("red"))
    return remote


async def test_no_scheduler_at_the_address_is_one_sentence_and_nothing_is_begun(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "PATIENCE", 0.05)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    cluster = distributed.Cluster(f"tcp://{address}", lambda: remote)
    with pytest.raises(UnavailableError, match=f"scheduler at tcp://{address} does not answer: start one"):
        await made(remote, tmp_path, cluster=cluster)
    for scheme in ("nonsense", "tls"):
        with pytest.raises(ConfigError, match=f"'{scheme}://{address}' is no address of a dask scheduler"):
            await made(remote, tmp_path, cluster=cluster._replace(address=f"{scheme}://{address}"))
    with EmbeddingStore(tmp_path) as store:
        assert store.catalog.generations() == []


async def test_a_server_that_is_no_scheduler_is_one_sentence(remote, tmp_path):
    async def answer(_, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"what answers at {address} is no dask scheduler"):
            await made(remote, tmp_path, cluster=distributed.Cluster(address, lambda: remote))


class Leaving:
    """A client whose scheduler breaks off at the *last* question that it is asked."""

    def __init__(self, last):
        self._last, self.scheduler, self.closed = last, self, False

    def _asked(self, what):
        if what == self._last:
            raise OSError("in <TCP (closed) ConnectionPool.identity local=tcp://127.0.0.1:1>")

    async def identity(self):
        self._asked("identity")
        return {"workers": {"tcp://127.0.0.1:2": {"nthreads": 1}}}

    async def get_versions(self, packages):
        self._asked("versions")
        installed = dict.fromkeys(packages, "1")
        return {"client": {"packages": installed}, "workers": {"tcp://127.0.0.1:2": {"packages": installed}}}

    async def run(self, *args, **kwargs):
        self._asked("run")

    async def close(self):
        self.closed = True


@pytest.mark.parametrize("last", ["identity", "versions", "run"])
async def test_a_scheduler_that_goes_away_while_workers_are_greeted_is_one_sentence(
    remote, tmp_path, monkeypatch, last
):
    client = Leaving(last)

    async def connected(cluster):
        return client

    monkeypatch.setattr(distributed, "_client", connected)
    cluster = distributed.Cluster("tcp://10.0.0.1:8786", lambda: remote)
    with pytest.raises(UnavailableError, match=r"scheduler at tcp://10\.0\.0\.1:8786 went away: see that it"):
        await made(remote, tmp_path, cluster=cluster)
    assert client.closed
    with EmbeddingStore(tmp_path) as store:
        assert store.catalog.generations() == []


async def test_without_dask_a_build_on_a_cluster_names_the_extra(remote, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"ap-remote\[dask\]"):
        await made(remote, tmp_path, cluster=distributed.Cluster("tcp://127.0.0.1:9", lambda: remote))
