"""The node cache at 10,000, 100,000 and 1,000,000 nodes: writing, warm start, stat, listing, searching offline.

The nodes are written straight into the cache: what a service takes to tell them is measured by ``nodes``.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ap_remote.model import Entry

SIZES: Final = (10_000, 100_000, 1_000_000)
BIG: Final = 10_000
"""So many nodes stand in one folder; the others in folders of a thousand."""
_ROUNDS: Final = 2_000
_STARTS: Final = 7
_BATCH: Final = 1_000
_FIRST_DAY: Final = datetime(2010, 1, 1, tzinfo=UTC)
_SPAN: Final = timedelta(days=15 * 365)
_QUERY: Final = "type:(PHOTOS) AND timeYear:(2019)"


def run() -> Iterator[Figure]:
    """Measure at every size, or at those in ``AP_BENCH_SIZES`` (``10000,100000``)."""
    chosen = os.environ.get("AP_BENCH_SIZES")
    for size in map(int, chosen.split(",")) if chosen else SIZES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place, "cache")
            yield _written(folder, size)
            yield from _started(folder, size)
            yield from _asked(folder, size)


def child(folder: str, path: str, big: str) -> None:
    """Stat one path and list one folder, first and again, in a process of its own; prints seconds."""
    from ap_remote.cache import NodeCache

    cache = NodeCache(Path(folder))
    if cache.stat(path) is None:
        raise LookupError(path)
    took = {}
    for name in ("first", "again"):
        begun = time.perf_counter()
        count = len(cache.children(big, "Big"))
        took[name] = time.perf_counter() - begun
        took["entries"] = count
    sys.stdout.write(json.dumps(took))


def _path(number: int) -> str:
    return f"{_folder(number)}/IMG_{number:07d}.jpg"


def _folder(number: int) -> str:
    return "Big" if number < BIG else f"F{number // 1000:05d}"


def _node(number: int, size: int) -> Entry:
    from ap_remote.model import Entry, Kind, Media, Place

    when = _FIRST_DAY + _SPAN * (number / size)
    return Entry(
        path="",
        name=f"IMG_{number:07d}.jpg",
        id=f"AbCdEfGhIjKlMn{number:08d}",
        kind=Kind.FILE,
        size=1_000_000 + number,
        md5=f"{random.Random(number).getrandbits(128):032x}",
        modified=when,
        created=when,
        taken=when,
        content_type="video/mp4" if number % 20 == 0 else "image/jpeg",
        version=1,
        parents=(_folder(number),),
        owner_id="A1B2C3D4E5F6G7",
        favorite=number % 50 == 0,
        things=("dog", "beach")[: number % 3],
        media=Media(
            width=4032,
            height=3024,
            make="Apple",
            model="iPhone XS",
            place=Place(label="CAN#BC#Vancouver", city="Vancouver", region="British Columbia", country="Canada"),
            exif={"orientation": "1", "isoSpeedRatings": "64"},
        ),
    )


def _written(folder: Path, size: int) -> Figure:
    from ap_remote.cache import NodeCache
    from ap_remote.model import Entry, Kind

    cache = NodeCache(folder)
    cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER))
    began, spent = time.time(), 0.0
    cache.begin_sync()
    folders = dict.fromkeys(_folder(number) for number in range(0, size, 500))
    cache.put([Entry(path="", name=name, id=name, kind=Kind.FOLDER, parents=("root",)) for name in folders])
    for start in range(0, size, _BATCH):
        batch = [_node(number, size) for number in range(start, min(start + _BATCH, size))]
        begun = time.perf_counter()
        cache.put_batch(batch, seen=began, state=cache.sync_state())
        spent += time.perf_counter() - begun
    cache.finish_sync(began=began)
    cache.close()
    return Figure(
        bench="cache.write",
        value=round(size / spent),
        unit="nodes/s",
        detail={"nodes": size, "batch": _BATCH, "mib": round((folder / "data.mdb").stat().st_blocks * 512 / 2**20)},
    )


def _started(folder: Path, size: int) -> Iterator[Figure]:
    stat = (
        "import sys; from pathlib import Path; from ap_remote.cache import NodeCache;"
        "found = NodeCache(Path(sys.argv[1])).stat(sys.argv[2]); sys.exit(found is None)"
    )
    path = _path(size // 2)
    yield Figure(
        bench="cache.warm_start",
        value=round(_median(lambda: _process(stat, folder, path), _STARTS) * 1e3, 1),
        unit="ms",
        aim=300,
        peer="python -c pass",
        peer_value=round(_median(lambda: _process("pass"), _STARTS) * 1e3, 1),
        detail={"nodes": size, "median_of": _STARTS},
    )
    listed = [json.loads(_process(_CHILD, folder, path, "Big")) for _ in range(_STARTS)]
    for name in ("first", "again"):
        yield Figure(
            bench=f"cache.list.{name}",
            value=round(statistics.median(each[name] for each in listed) * 1e3, 1),
            unit="ms",
            aim=25,
            detail={"nodes": size, "entries": listed[0]["entries"], "median_of": _STARTS},
        )


_CHILD: Final = "import sys; from tests.bench.cache import child; child(*sys.argv[1:])"


def _process(code: str, *words: Any) -> str:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], check=True, capture_output=True, text=True
    ).stdout


def _asked(folder: Path, size: int) -> Iterator[Figure]:
    from ap_remote.cache import NodeCache
    from ap_remote.query import parse_search

    cache = NodeCache(folder)
    paths = iter([_path(random.Random(each).randrange(size)) for each in range(_ROUNDS)] * 2)
    yield _figure("cache.stat", lambda: cache.stat(next(paths)), unit="us", aim=20, size=size, rounds=_ROUNDS)
    query = parse_search(_QUERY)
    more = {"query": _QUERY, "limit": 200, "found": len(cache.search(query, limit=200))}
    work = partial(cache.search, query, limit=200)
    yield _figure("cache.search", work, unit="ms", aim=50, size=size, rounds=21, more=more)
    more = {"query": _QUERY, "count": cache.tally(query)}
    yield _figure("cache.count", partial(cache.tally, query), unit="ms", aim=50, size=size, rounds=21, more=more)
    text = f"{_QUERY} AND favorite:(true)"
    work = partial(cache.search, parse_search(text), limit=200)
    more = {"query": text, "limit": 200}
    yield _figure("cache.search.filtered", work, unit="ms", aim=None, size=size, rounds=7, more=more)
    cache.close()


def _figure(
    bench: str,
    work: Callable[[], object],
    *,
    unit: str,
    aim: float | None,
    size: int,
    rounds: int,
    more: dict[str, Any] | None = None,
) -> Figure:
    value = round(_median(work, rounds) * {"us": 1e6, "ms": 1e3}[unit], 2)
    return Figure(
        bench=bench, value=value, unit=unit, aim=aim, detail={"nodes": size, "median_of": rounds, **(more or {})}
    )


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
