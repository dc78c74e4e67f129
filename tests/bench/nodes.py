"""The node cache: cold sync, stat by path, listing a big folder."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from ap_remote.config import Account, Settings
from ap_remote.connect import connect
from ap_remote.remote.features import SupportsSync
from tests.bench.report import Figure
from tests.bench.service import service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ap_remote.remote.base import Remote

NODES = 20_000
BIG = 10_000
"""So many of them stand in one folder."""
_ROUNDS = 2_000


def run() -> Iterator[Figure]:
    """Measure over a service with :data:`NODES` synthetic photographs."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        with service(Path(folder, "data")) as started:
            _fill(started["url"])
            yield from _sync(started, home)
            yield from asyncio.run(_cached(_settings(started, home)))


def child(url: str, credentials: str, home: str) -> None:
    """Sync once in a process of its own, so that its peak memory is its own; prints what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)

    async def sync() -> dict[str, Any]:
        async with connect(
            "bench:", settings=_settings({"url": url, "credentials": credentials}, Path(home))
        ) as remote:
            if not isinstance(remote, SupportsSync):
                raise TypeError("the remote keeps no cache")
            report = await remote.sync()
        return {"seconds": report.seconds, "nodes": report.seen, "requests": report.requests}

    done = asyncio.run(sync())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(json.dumps({**done, "rss_mib": after.ru_maxrss / 1024, "cpu": cpu}))


def _fill(url: str) -> None:
    for body in (
        {"count": NODES - BIG, "folder": "Pictures/Seed"},
        {"count": BIG, "folder": "Pictures/Big", "perFolder": 0},
    ):
        httpx.post(f"{url}/_internal/seed", json=body, timeout=120).raise_for_status()


def _settings(started: dict[str, Any], home: Path) -> Settings:
    account = Account(name="bench", kind="service", url=started["url"], credentials=started["credentials"])
    return Settings(home=home, file=home / "config.toml", accounts={"bench": account}, max_age=3600)


def _sync(started: dict[str, Any], home: Path) -> Iterator[Figure]:
    code = "import sys; from tests.bench.nodes import child; child(*sys.argv[1:])"
    words = [sys.executable, "-c", code, started["url"], started["credentials"], str(home)]
    done = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    peer = _bare_pages(started)
    yield Figure(
        bench="sync.cold",
        value=round(done["seconds"], 3),
        unit="s",
        peer="a bare httpx loop over the same pages, decoding JSON and keeping nothing",
        peer_value=round(peer, 3),
        ratio=round(done["seconds"] / peer, 2),
        detail={
            "nodes": done["nodes"],
            "nodes_per_second": round(done["nodes"] / done["seconds"]),
            "requests": done["requests"],
            "client_cpu_s": round(done["cpu"], 2),
            "peak_rss_mib": round(done["rss_mib"]),
        },
    )


def _bare_pages(started: dict[str, Any]) -> float:
    cookies = json.loads(Path(started["credentials"]).read_text("utf-8"))["cookies"]
    headers = {"x-amzn-sessionid": cookies["session-id"]}
    params = {"resourceVersion": "V2", "ContentType": "JSON", "limit": "200"}
    begun = time.perf_counter()
    with httpx.Client(base_url=started["url"], cookies=cookies, headers=headers, timeout=60) as client:
        token = None
        while True:
            page = client.get("/drive/v1/nodes", params=params | ({"startToken": token} if token else {})).json()
            token = page.get("nextToken")
            if not token:
                return time.perf_counter() - begun


async def _cached(settings: Settings) -> list[Figure]:
    async with connect("bench:", settings=settings) as remote:
        paths = [each.path async for each in remote.list("Pictures", recursive=True) if not each.is_folder]
        stat = await _stat(remote, paths)
        listing, count = await _listing(remote)
    return [
        Figure(
            bench="cache.stat",
            value=round(stat * 1e6, 1),
            unit="us",
            aim=20,
            peer="os.stat of a local file",
            peer_value=round(_os_stat() * 1e6, 1),
            detail={"median_of": _ROUNDS, "nodes": len(paths)},
        ),
        Figure(
            bench="cache.list",
            value=round(listing * 1e3, 1),
            unit="ms",
            aim=25,
            peer="os.scandir with stat of as many local files",
            peer_value=round(_scandir(count) * 1e3, 1),
            detail={"entries": count},
        ),
    ]


async def _stat(remote: Remote, paths: list[str]) -> float:
    times = []
    step = max(1, len(paths) // _ROUNDS)
    for path in paths[::step][:_ROUNDS]:
        begun = time.perf_counter()
        await remote.stat(path)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


async def _listing(remote: Remote) -> tuple[float, int]:
    times, count = [], 0
    for _ in range(7):
        begun = time.perf_counter()
        count = len([each async for each in remote.list("Pictures/Big")])
        times.append(time.perf_counter() - begun)
    return statistics.median(times), count


def _os_stat() -> float:
    return _median(lambda: os.stat(__file__), _ROUNDS)  # noqa: PTH116 - the peer is the bare call


def _scandir(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            Path(folder, f"IMG_{number:07d}.jpg").touch()
        return _median(lambda: [each.stat() for each in os.scandir(folder)], 5)


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
