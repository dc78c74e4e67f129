"""The MCP server over 100,000 photographs, beside a bare server of the same SDK that returns a constant.

Every server is a real process. For answers the client is the SDK's, asking both sides in turns, and the bare server
returns the very bytes of our answers; for start-up and memory it is a pipe. ``AP_BENCH_MCP`` sets the number of
photographs, ``AP_BENCH_ROUNDS`` how often servers are started. Tokens are the matter of
:mod:`tests.bench.mcp_answers`.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ap_remote.config import Account, Settings
from ap_remote.connect import connect
from ap_remote.query import facet, show
from tests.bench import mcp_answers
from tests.bench.fetch import child, fill
from tests.bench.mcp_bare import Constant, keep
from tests.bench.mcp_sides import Side, bare, connected, ours, piped, told, write_settings
from tests.bench.report import Figure
from tests.bench.service import service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.model import Entry

NODES: Final = int(os.environ.get("AP_BENCH_MCP", "100000"))
_CALLS: Final = 200
_WARM: Final = 10
_AFTER: Final = 1000
"""Calls after which memory is looked at again."""
_ROUNDS: Final = int(os.environ.get("AP_BENCH_ROUNDS", "3"))
_IDS: Final = 10
_ROWS: Final = 20
_ALONE: Final = 30
_AIM_MS: Final = 20
_AIM_READY: Final = 1.5
_PEER: Final = "a bare server of the same SDK that returns the same bytes (aim is for the value; for the ratio 1.5)"
_BARE: Final = "the bare server"

Call = tuple[str, dict[str, Any]]


def run() -> Iterator[Figure]:
    """Yield this family's figures."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with service(place / "data") as started:
            fill(started["url"], NODES)
            home = place / "home"
            write_settings(home, started)
            child(
                sys.executable,
                "import sys; from tests.bench.nodes import child; child(*sys.argv[1:])",
                *(started["url"], started["credentials"], str(home)),
            )
            yield from over(started, home, place / "answers")
    yield from mcp_answers.run()


def over(started: dict[str, Any], home: Path, answers: Path) -> Iterator[Figure]:
    """Measure over an account whose cache is full.

    Args:
        started: the service.
        home: has ``config.toml`` and the account's folder.
        answers: a folder for the bare server.
    """
    entries, word, alone = asyncio.run(_library(started, home))
    calls: dict[str, Call] = {
        "search": ("photos_search", {"query": word}),
        "search.dates": ("photos_search", _dates(entries)),
        "list": ("photos_list", {"path": entries[0].path.rpartition("/")[0]}),
        "get": ("photos_get", {"ids": [each.id for each in entries[:: len(entries) // _IDS][:_IDS]], "detail": "exif"}),
    }
    answers.mkdir(exist_ok=True)
    yield from asyncio.run(_latency(home, answers, calls, {"search": alone}))
    yield from _starting(home, answers, calls["list"])
    index_of(home, entries)
    meaning: Call = ("photos_search", {"query": word, "mode": "semantic"})
    yield from asyncio.run(_latency(home, answers, {"search.semantic": meaning}, {}))


async def _library(started: dict[str, Any], home: Path) -> tuple[list[Entry], str, float]:
    """Return every photograph, the word that is on most of them, and the seconds of a search for it without MCP."""
    account = Account(name="bench", kind="service", url=started["url"], credentials=started["credentials"])
    settings = Settings(home=home, file=home / "config.toml", accounts={"bench": account}, max_age=3600)
    async with connect("bench:", settings=settings) as remote:
        entries = [each async for each in remote.list("Pictures", recursive=True) if not each.is_folder]
        word = (await remote.aggregations("things"))[0].value
        query = show(facet("things", word))
        took = []
        for _ in range(_ALONE):
            begun = time.perf_counter()
            found = [each async for each in remote.search(query, limit=_ROWS + 1)]
            await remote.aggregations("type", query=query)
            took.append(time.perf_counter() - begun)
        if len(found) <= _ROWS:
            raise RuntimeError("too few photographs to measure a page")
        return entries, word, statistics.median(took)


def _dates(entries: list[Entry]) -> dict[str, Any]:
    """Return the month in the middle of the library, until its 27th day."""
    days = sorted(each.taken for each in entries if each.taken is not None)
    middle = days[len(days) // 2]
    return {"from": f"{middle:%Y-%m}-01", "to": f"{middle:%Y-%m}-27"}


async def _latency(home: Path, answers: Path, calls: dict[str, Call], alone: dict[str, float]) -> list[Figure]:
    sizes: dict[str, int] = {}
    async with connected(ours(home), "stdio") as client:
        schemas = {tool.name: tool.output_schema or {} for tool in (await client.list_tools()).tools}
        for name, call in calls.items():
            keep(answers, name, Constant(await told(client, *call), schemas[call[0]]))
            sizes[name] = len((await told(client, *call)).encode())
    figures = []
    for transport in ("stdio", "http"):
        async with (
            connected(ours(home), transport) as client,
            connected(bare(answers), transport) as other,
        ):
            for name, call in calls.items():
                mine, theirs = [], []
                for number in range(_CALLS + _WARM):
                    begun = time.perf_counter()
                    await told(client, *call)
                    turned = time.perf_counter()
                    await told(other, name, {})
                    if number >= _WARM:
                        mine.append(turned - begun)
                        theirs.append(time.perf_counter() - turned)
                figures.append(
                    _figure(f"mcp.{name}.{transport}", mine, theirs, {"answer_bytes": sizes[name]}, alone.get(name))
                )
    return figures


def _figure(name: str, mine: list[float], theirs: list[float], detail: dict[str, Any], alone: float | None) -> Figure:
    """Return a figure; *alone* is what the service itself takes, which a constant does not have."""
    value, peer = (statistics.median(each) * 1e3 for each in (mine, theirs))
    high, peer_high = (statistics.quantiles(each, n=100)[-1] * 1e3 for each in (mine, theirs))
    return Figure(
        bench=name,
        value=round(value, 2),
        unit="ms",
        aim=_AIM_MS,
        peer=_PEER,
        peer_value=round(peer, 2),
        ratio=round(value / peer, 2),
        detail={
            "is": "p50",
            "p99": round(high, 2),
            "peer_p99": round(peer_high, 2),
            "p99_ratio": round(high / peer_high, 2),
            "calls": len(mine),
            "nodes": NODES,
            **detail,
            **({} if alone is None else {"service_alone": round(alone * 1e3, 2)}),
            **({} if alone is None else {"ratio_with_service": round(value / (peer + alone * 1e3), 2)}),
        },
    )


def _starting(home: Path, answers: Path, listing: Call) -> Iterator[Figure]:
    sides: dict[str, tuple[Side, Call]] = {
        "ours": (ours(home), listing),
        "bare": (bare(answers), ("list", {})),
    }
    took: dict[str, list[_Start]] = {name: [] for name in sides}
    for number in range(_ROUNDS + 1):
        for name, (side, call) in sides.items():
            begun = _begun(side, call, last=number == _ROUNDS)
            if number:  # the first round only fills the system's file cache
                took[name].append(begun)
    for what, aim in (("ready", _AIM_READY), ("first_list", None)):
        value, peer = (statistics.median(getattr(each, what) for each in took[name]) for name in sides)
        cpu, peer_cpu = (statistics.median(each.cpu for each in took[name]) for name in sides)
        yield Figure(
            bench=f"mcp.start.{what}",
            value=round(value, 2),
            unit="s",
            aim=aim,
            peer=f"{_BARE}, from its start to the same answer",
            peer_value=round(peer, 2),
            ratio=round(value / peer, 2),
            detail={
                "median_of": _ROUNDS,
                "until": "the answer to tools/list" if what == "ready" else "the first photos_list",
                **({"cpu_s": round(cpu, 2), "peer_cpu_s": round(peer_cpu, 2)} if what == "ready" else {}),
            },
        )
    for what in ("start", "calls"):
        value, peer = (getattr(took[name][-1], f"rss_{what}") for name in sides)
        yield Figure(
            bench=f"mcp.rss.{what}",
            value=round(value, 1),
            unit="MiB",
            peer=_BARE,
            peer_value=round(peer, 1),
            ratio=round(value / peer, 2),
            detail={"after": "tools/list" if what == "start" else f"{_AFTER} calls", "without": "mapped files"},
        )


class _Start(NamedTuple):
    """How a server began: seconds, seconds of its processor, MiB."""

    ready: float
    first_list: float
    cpu: float
    rss_start: float
    rss_calls: float


def _begun(side: Side, call: Call, *, last: bool) -> _Start:
    begun = time.perf_counter()
    with piped(side) as wire:
        wire.ask("tools/list")
        ready = time.perf_counter() - begun
        cpu, memory = wire.cpu, wire.rss_mib
        tool, arguments = call
        wire.ask("tools/call", name=tool, arguments=arguments)
        first = time.perf_counter() - begun
        for _ in range(_AFTER if last else 0):
            wire.ask("tools/call", name=tool, arguments=arguments)
        return _Start(ready, first, cpu, memory, wire.rss_mib)


def index_of(home: Path, entries: list[Entry]) -> None:
    """Write a semantic index of made-up unit vectors over photographs, by the encoder that is used by default."""
    import numpy as np

    from ap_remote.semantic import load_encoder
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore

    folder = home / "accounts" / "bench" / "semantic"
    encoder = load_encoder("offline", cache=folder / "encoders")
    random = np.random.default_rng(1)
    first = {each.md5: each for each in entries if each.md5}
    contents = list(first)
    with EmbeddingStore(folder, write=True) as store:
        store.begin(encoder.fingerprint, encoder.spec, encoder.dim)
        for start in range(0, len(contents), 20_000):
            part = contents[start : start + 20_000]
            vectors = random.normal(size=(len(part), encoder.dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            store.append(encoder.fingerprint, vectors, [Record(each) for each in part])
        store.point(((each.id, each.md5, each.path) for each in entries if each.md5), complete=True)
        store.catalog.activate(encoder.fingerprint)
