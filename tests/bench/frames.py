"""A DataFrame of many nodes, from the bytes of search pages on: ours against `pandas.json_normalize`.

Each side runs in a process of its own, so that its peak memory is its own. Ours goes the whole road: bytes, wire
structs, entries, columns. The peer does with the same pages what the old client did: `json.loads`, `json_normalize`
page by page, one `concat`, dates parsed, sorted by `modifiedDate`.
"""

from __future__ import annotations

import base64
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.model import Entry

ROWS: Final = int(os.environ.get("AP_BENCH_ROWS", "200000"))
PAGE: Final = 200
"""Nodes of a search page [amazon-photos-api.md 8.3]."""

_WHOLE: Final = 200_000
"""Up to so many rows the peer also runs with all pages in memory at once, which is quicker and takes 13 kB a row."""


def run() -> Iterator[Figure]:
    """Measure both libraries' frames over the same pages."""
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder, "pages.jsonl")
        _write_pages(pages)
        peer = _measured("theirs", pages, "page by page")
        whole = _measured("theirs", pages, "at once") if ROWS <= _WHOLE else None
        for name, way in (("pandas", "numpy_nullable"), ("pandas_arrow", "pyarrow"), ("polars", "polars")):
            yield from _figures(name, _measured("ours", pages, way), peer, whole)


def ours(pages: str, way: str) -> None:
    """Make a frame on our road; prints what it took."""
    import pandas as pd  # noqa: F401 - the peer's clock does not run during its imports either
    import polars as pl  # noqa: F401 - the same

    from ap_remote import mapping, tables  # noqa: F401 - the same

    begun, busy = time.perf_counter(), time.process_time()
    if way == "polars":
        made: Any = tables.to_frame(_entries(Path(pages)), columns="amazon", engine="polars")
    else:
        made = tables.to_frame(_entries(Path(pages)), columns="amazon", dtype_backend=way)  # type: ignore[call-overload]  # a word of the command line
    _tell(begun, busy, made.shape)


def theirs(pages: str, way: str) -> None:
    """Make the old client's frame; prints what it took."""
    import pandas as pd

    begun, busy = time.perf_counter(), time.process_time()
    with Path(pages).open("rb") as lines:
        if way == "at once":
            frame = pd.json_normalize([node for line in lines for node in json.loads(line)["data"]])
        else:
            frame = pd.concat((pd.json_normalize(json.loads(line)["data"]) for line in lines), ignore_index=True)
    frame.columns = [each.replace("contentProperties.", "") for each in frame.columns]
    dropped = ["xAccntParentMap", "xAccntParents", "assets", "version"]
    frame = frame.drop(columns=dropped, errors="ignore")
    for name in frame.columns:
        if "date" in name.lower():
            frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%dT%H:%M:%S.%fZ")
    frame = frame.sort_values("modifiedDate", ascending=False)
    _tell(begun, busy, frame.shape)


def _entries(pages: Path) -> Iterator[Entry]:
    from ap_remote import mapping
    from ap_remote.wire.search import SEARCH_PAGE

    with pages.open("rb") as lines:
        for line in lines:
            for node in SEARCH_PAGE.decode(line).data:
                yield mapping.entry(node, path=f"Pictures/{node.name}")


def _tell(begun: float, busy: float, shape: tuple[int, int]) -> None:
    took = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - busy, "shape": shape}
    sys.stdout.write(json.dumps({**took, "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _measured(side: str, pages: Path, way: str) -> dict[str, Any]:
    code = f"import sys; from tests.bench.frames import {side}; {side}(*sys.argv[1:])"
    words = [sys.executable, "-c", code, str(pages), way]
    found: dict[str, Any] = json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
    if found["shape"][0] != ROWS:
        raise RuntimeError(f"{side} lost rows: {found['shape']}")
    return found


def _figures(name: str, mine: dict[str, Any], peer: dict[str, Any], whole: dict[str, Any] | None) -> Iterator[Figure]:
    detail = {
        "rows": ROWS,
        "columns": mine["shape"][1],
        "cpu_s": round(mine["cpu"], 1),
        "peer_cpu_s": round(peer["cpu"], 1),
    }
    if whole:
        detail |= {"peer_at_once_s": round(whole["seconds"], 1), "peer_at_once_mib": round(whole["rss_mib"])}
    for unit, key, share in (("s", "seconds", 5), ("MiB", "rss_mib", 2)):
        yield Figure(
            bench=f"frames.{name}.{'time' if unit == 's' else 'memory'}",
            value=round(mine[key], 1),
            unit=unit,
            aim=round(peer[key] / share, 1),
            peer="pandas.json_normalize, page by page",
            peer_value=round(peer[key], 1),
            ratio=round(mine[key] / peer[key], 2),
            detail=detail,
        )


def _write_pages(file: Path) -> None:
    dice = random.Random(7)
    with file.open("wb") as out:
        for first in range(0, ROWS, PAGE):
            nodes = [_node(number, dice) for number in range(first, min(ROWS, first + PAGE))]
            page = {"count": ROWS, "data": nodes, "nextToken": "t" * 40}
            out.write(json.dumps(page, separators=(",", ":")).encode() + b"\n")


def _node(number: int, dice: random.Random) -> dict[str, Any]:
    """Return a node with all that a phone writes, as in `fixtures/wire/nodes/photo.json`; one in ten is a film."""
    film = dice.random() < 0.1
    extension = "mov" if film else "jpg"
    taken = _time(dice)
    content: dict[str, Any] = {
        "size": dice.randrange(10**5, 10**7),
        "version": 1,
        "md5": dice.randbytes(16).hex(),
        "contentType": "video/quicktime" if film else "image/jpeg",
        "extension": extension,
        "contentDate": taken,
        "contentSignatures": [],
        "video" if film else "image": _film(taken) if film else _still(taken, dice),
    }
    if dice.random() < 0.5:
        place = {"city": "Vancouver", "state": "British Columbia", "country": "Canada", "countryCode": "CA"}
        content["address"] = {**place, "latitude": round(dice.uniform(49, 50), 4), "longitude": -123.1207}
    parent = f"folder{number // 1000:016}"
    empty = ("xAccntParents", "labels", "keywords", "transforms", "subKinds", "accessRuleIds", "groupPermissions")
    flags = ("isRoot", "isShared", "restricted", "protectedFolder")
    return {
        "id": base64.urlsafe_b64encode(dice.randbytes(17)).decode()[:22],
        "name": f"IMG_{number:07}.{extension.upper()}",
        "kind": "FILE",
        "version": dice.randrange(1, 5),
        "status": "AVAILABLE",
        "ownerId": "A1EXAMPLE0OWNR",
        "createdBy": "CloudDriveWeb",
        "eTagResponse": dice.randbytes(4).hex(),
        "createdDate": _time(dice),
        "modifiedDate": _time(dice),
        "parents": [parent],
        "parentMap": {"FOLDER": [parent]},
        "xAccntParentMap": {},
        **{each: [] for each in empty},
        **dict.fromkeys(flags, False),
        "childAssetTypeInfo": [],
        "settings": {"favorite": dice.random() < 0.05, "hidden": False},
        "properties": {},
        "contentProperties": content,
    }


def _time(dice: random.Random) -> str:
    day = f"20{dice.randrange(10, 25)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}"
    return f"{day}T{dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}.{dice.randrange(1000):03}Z"


def _still(taken: str, dice: random.Random) -> dict[str, Any]:
    return {
        "make": "Apple",
        "model": dice.choice(["iPhone XS", "iPhone 11", "iPhone 12 Pro"]),
        "exposureTime": f"1/{dice.randrange(10, 3000)}",
        "apertureValue": "54823/32325",
        "focalLength": "17/4",
        "isoSpeedRatings": str(dice.randrange(25, 1600)),
        "flash": "16",
        "whiteBalance": "0",
        "meteringMode": "5",
        "exposureProgram": "2",
        "exposureMode": "0",
        "sensingMethod": "2",
        "colorSpace": "65535",
        "software": "15.1",
        "orientation": "1",
        "xResolution": "72/1",
        "yResolution": "72/1",
        "resolutionUnit": "2",
        "dateTime": taken,
        "dateTimeOriginal": taken,
        "dateTimeDigitized": taken,
        "subSecTimeOriginal": "123",
        "subSecTimeDigitized": "123",
        "width": 4032,
        "height": 3024,
    }


def _film(taken: str) -> dict[str, Any]:
    return {
        "width": 1920,
        "height": 1080,
        "duration": 12.5,
        "bitrate": 1_000_000,
        "videoCodec": "h264",
        "videoBitrate": 900_000.0,
        "videoFrameRate": 29.97,
        "audioCodec": "aac",
        "audioBitrate": 100_000.0,
        "audioSampleRate": 44_100,
        "audioChannels": 2,
        "audioChannelLayout": "stereo",
        "rotate": "90",
        "creationDate": taken,
    }
