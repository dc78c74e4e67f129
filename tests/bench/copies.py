"""A tree of files up and down: ``ap copy`` against the PyPI client, one after the other, on one service.

Each client runs in a process of its own, so that its time, processor and peak memory are its own. The PyPI client
lives in the environment that ``make interop`` makes; without it only ours is measured.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.fetch import ROOT, STRANGER, child
from tests.bench.report import Figure
from tests.bench.service import service

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: Final = int(os.environ.get("AP_BENCH_COPIES", "5000"))
SIZE: Final = 100_000
_FOLDER: Final = 500
"""Files in a folder."""

_MEASURE: Final = """
import json, resource, sys, time
def measured(work):
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, "rss_mib": after.ru_maxrss / 1024}
"""
_OURS: Final = f"""{_MEASURE}
from ap_remote.cli.main import app
words = json.loads(sys.argv[1])
def work():
    try:
        app(words, prog_name="ap", standalone_mode=False)
    except SystemExit as exc:
        assert not exc.code, exc.code
print(json.dumps(measured(work)))
"""
_THEIRS: Final = f"""{_MEASURE}
import os
os.chdir(sys.argv[4])
sys.path.insert(0, sys.argv[5])
import redirected, scenario
redirected.redirect(sys.argv[1])
from pathlib import Path
from amazon_photos import AmazonPhotos
ap = AmazonPhotos(cookies=scenario.cookies_of(Path(sys.argv[2]), "main"), db_path=Path(sys.argv[4]) / "ap.parquet")
if sys.argv[3] == "up":
    answers = []
    found = measured(lambda: answers.extend(ap.upload(sys.argv[6], skip_dedup=True, refresh=False)))
    found["files"] = sum(each.status_code < 300 for each in answers)
else:
    ids = ap.db[ap.db["name"].str.startswith("THEIRS")]["id"]
    found = measured(lambda: ap.download(ids, out=sys.argv[6]))
    found["files"] = len(list(Path(sys.argv[6]).glob("*THEIRS*")))
print(json.dumps(found))
"""


def run() -> Iterator[Figure]:
    """Measure up, then down, the peer first.

    Where the internal door is open signed addresses refuse cookies, which the PyPI client sends everywhere.
    """
    with tempfile.TemporaryDirectory() as folder, service(Path(folder, "data"), internal=False) as started:
        place = Path(folder)
        _make(place / "ours", "OURS", 1)
        _make(place / "theirs", "THEIRS", 2)
        for way in ("up", "down"):
            theirs = _theirs(started, place, way)
            ours = _ours(started, place, way)
            yield from _figures(way, ours, theirs)


def _make(folder: Path, prefix: str, seed: int) -> None:
    """Write JPEG-like files that no two are equal; their names tell their owner."""
    dice = random.Random(seed)
    for number in range(FILES):
        file = folder / f"part {number // _FOLDER}" / f"{prefix}_{number:05}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_picture(dice))


def _picture(dice: random.Random) -> bytes:
    """Return a small picture with a comment that fills it up to :data:`SIZE`: both clients list only media."""
    return _HEAD + dice.randbytes(SIZE - len(_HEAD))


def _tiny() -> bytes:
    import io

    from PIL import Image

    sink = io.BytesIO()
    Image.new("RGB", (16, 16), (90, 120, 150)).save(sink, "JPEG")
    return sink.getvalue()


_HEAD: Final = _tiny()


def _ours(started: dict[str, Any], place: Path, way: str) -> dict[str, Any]:
    home = place / "home"
    home.mkdir(exist_ok=True)
    config = place / "config.toml"
    config.write_text(
        f'[accounts.bench]\nkind = "service"\nurl = "{started["url"]}"\ncredentials = "{started["credentials"]}"\n'
    )
    os.environ.update(AP_HOME=str(home), AP_CONFIG=str(config))
    if way == "up":
        words = ["copy", str(place / "ours"), "bench:ours", "--transfers", "8", "--json"]
    else:
        words = ["copy", "bench:ours", str(place / "back"), "--transfers", "8", "--json"]
    report = place / f"report {way}.json"
    found = child(sys.executable, _OURS, json.dumps([*words[:-1], "--report", str(report)]))
    found["files"] = json.loads(report.read_text())["done"]
    return found


def _theirs(started: dict[str, Any], place: Path, way: str) -> dict[str, Any] | None:
    if not STRANGER.exists():
        return None
    work = place / f"old {way}"
    work.mkdir()
    target = place / "theirs" if way == "up" else place / "old back"
    old = str(ROOT / "tests" / "interop" / "old_client")
    arguments = (started["url"], started["credentials"], way, str(work), old, str(target))
    return child(str(STRANGER), _THEIRS, *arguments)


def _figures(way: str, ours: dict[str, Any], theirs: dict[str, Any] | None) -> Iterator[Figure]:
    peer = None if theirs is None else f"amazon-photos 0.0.97: {'upload' if way == 'up' else 'download'}"
    detail = {"files": ours["files"], "bytes_each": SIZE}
    if theirs is not None:
        detail["peer_files"] = theirs["files"]
    for name, key, unit, aim in (
        ("wall", "seconds", "s", 0.5),
        ("cpu", "cpu", "s", None),
        ("peak_rss", "rss_mib", "MiB", 0.25),
    ):
        other = None if theirs is None else theirs[key]
        yield Figure(
            bench=f"copy.{way}.{name}",
            value=round(ours[key], 2),
            unit=unit,
            aim=None if aim is None or other is None else round(aim * other, 2),
            peer=peer,
            peer_value=None if other is None else round(other, 2),
            ratio=None if other is None else round(ours[key] / other, 3),
            detail=detail,
        )
