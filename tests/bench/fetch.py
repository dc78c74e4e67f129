"""The whole library, cold: ours into LMDB, the PyPI client's into parquet, one after the other from one service.

Each client runs in a process of its own, so that its processor time and its peak memory are its own. The PyPI client
lives in the environment that ``make interop`` makes; without it only ours is measured, and the line says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.bench.report import Figure
from tests.bench.service import service

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
STRANGER: Final = ROOT / "build" / "interop-venv" / "bin" / "python"
SIZES: Final = tuple(int(each) for each in os.environ.get("AP_BENCH_NODES", "10000,100000").split(","))
_PER_REQUEST: Final = 100_000
_OLD: Final = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[4])
import redirected, scenario
redirected.redirect(sys.argv[1])
from pathlib import Path
from amazon_photos import AmazonPhotos
cookies = scenario.cookies_of(Path(sys.argv[2]), "main")
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
before, begun = cpu(), time.perf_counter()
ap = AmazonPhotos(cookies=cookies, db_path=Path(sys.argv[3]) / "ap.parquet")
seconds, used = time.perf_counter() - begun, cpu() - before
begun = time.perf_counter()
rows = len(ap.load_db())
load = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "cpu": used, "rss_mib": peak, "nodes": rows, "load_s": load}))
"""


def run() -> Iterator[Figure]:
    """Measure at every size of ``AP_BENCH_NODES``."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            with service(Path(folder, "data")) as started:
                fill(started["url"], size)
                ours = child(
                    sys.executable,
                    "import sys; from tests.bench.nodes import child; child(*sys.argv[1:])",
                    *(started["url"], started["credentials"], str(Path(folder, "home"))),
                )
                theirs = _theirs(started, folder)
            yield from _figures(size, ours, theirs)


def fill(url: str, count: int) -> None:
    """Seed *count* synthetic photographs, a thousand to a folder."""
    for part in range(0, count, _PER_REQUEST):
        body = {"count": min(_PER_REQUEST, count - part), "folder": f"Pictures/Seed {part // _PER_REQUEST}"}
        httpx.post(f"{url}/_internal/seed", json=body, timeout=600).raise_for_status()


def child(python: str, code: str, *arguments: str) -> dict[str, Any]:
    """Run code in a process of its own and return the JSON object that is its last line."""
    done = subprocess.run(
        [python, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, timeout=3600
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _theirs(started: dict[str, Any], folder: str) -> dict[str, Any] | None:
    if not STRANGER.exists():
        return None
    place = Path(folder, "old")
    place.mkdir()
    old = str(ROOT / "tests" / "interop" / "old_client")
    return child(
        str(STRANGER),
        f"import os; os.chdir({str(place)!r})\n{_OLD}",
        started["url"],
        started["credentials"],
        str(place),
        old,
    )


def _figures(size: int, ours: dict[str, Any], theirs: dict[str, Any] | None) -> Iterator[Figure]:
    peer = None if theirs is None else "amazon-photos 0.0.97: the constructor, which queries everything into parquet"
    detail = {"nodes": ours["nodes"], "requests": ours["requests"]}
    if theirs is not None:
        detail["peer_nodes"] = theirs["nodes"]
    for name, key, unit, aim in (
        ("fetch.wall", "seconds", "s", None),
        ("fetch.client_cpu", "cpu", "s", 0.2),
        ("fetch.peak_rss", "rss_mib", "MiB", 0.25),
    ):
        other = None if theirs is None else theirs[key]
        yield Figure(
            bench=f"{name}.{size}",
            value=round(ours[key], 2),
            unit=unit,
            aim=None if aim is None or other is None else round(aim * other, 2),
            peer=peer,
            peer_value=None if other is None else round(other, 2),
            ratio=None if other is None else round(ours[key] / other, 3),
            detail=detail,
        )
    if theirs is not None:
        yield Figure(
            bench=f"fetch.peer_load_db.{size}",
            value=round(theirs["load_s"] * 1e3, 1),
            unit="ms",
            detail={"what": "amazon-photos reads its parquet again; the peer of a warm start"},
        )
