"""The plan of a sync of 100,000 files against an account that holds nearly all of them, and reading them all anew.

The account's nodes are written straight into its cache, which answers alone: no request is made.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.backends.amazon import AmazonPhotosRemote
    from ap_remote.transfer.disk import Disk

FILES: Final = int(os.environ.get("AP_BENCH_FILES", "100000"))
SIZE: Final = int(os.environ.get("AP_BENCH_SIZE", "4096"))
_FOLDER: Final = 500
"""Files in a folder."""
_STRANGE: Final = 100
"""So many are new at the disk, and as many others at the account alone."""
_BATCH: Final = 1000
_AIM: Final = 5.0


def run() -> Iterator[Figure]:
    """Measure at the number of files in ``AP_BENCH_FILES``, of so many bytes as ``AP_BENCH_SIZE`` says."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        digests = _make(place / "tree")
        yield from asyncio.run(_measure(place, digests))


def _path(number: int) -> str:
    return f"D{number // _FOLDER:04d}/IMG_{number:07d}.jpg"


def _make(root: Path) -> list[str]:
    """Write the tree and return the md5 of each file."""
    digests = []
    for number in range(FILES):
        file = root / _path(number)
        if number % _FOLDER == 0:
            file.parent.mkdir(parents=True)
        data = number.to_bytes(8, "big") * (SIZE // 8)
        file.write_bytes(data)
        digests.append(hashlib.md5(data, usedforsecurity=False).hexdigest())
    return digests


def _remote(folder: Path, digests: list[str]) -> AmazonPhotosRemote:
    """Return an account whose cache holds all but the first files, and some that the disk has not."""
    from ap_remote.backends.amazon import AmazonPhotosRemote
    from ap_remote.cache import NodeCache
    from ap_remote.model import Entry, Kind
    from ap_remote.transport import Hosts, Session, Transport

    cache, began, when = NodeCache(folder), time.time(), datetime(2024, 1, 1, tzinfo=UTC)
    cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER))
    cache.begin_sync()
    names = dict.fromkeys(_path(number).partition("/")[0] for number in range(FILES + _STRANGE))
    cache.put([Entry(path="", name=name, id=name, kind=Kind.FOLDER, parents=("root",)) for name in names])
    numbers = range(_STRANGE, FILES + _STRANGE)
    for start in range(0, len(numbers), _BATCH):
        batch = []
        for number in numbers[start : start + _BATCH]:
            parent, _, name = _path(number).partition("/")
            md5 = digests[number] if number < FILES else f"{number:032x}"
            batch.append(
                Entry(
                    path="",
                    name=name,
                    id=f"AbCdEfGhIjKlMn{number:08d}",
                    kind=Kind.FILE,
                    size=SIZE // 8 * 8,
                    md5=md5,
                    modified=when,
                    created=when,
                    taken=when,
                    content_type="image/jpeg",
                    version=1,
                    parents=(parent,),
                )
            )
        cache.put_batch(batch, seen=began, state=cache.sync_state())
    cache.finish_sync(began=began)
    session = Session({"session-id": "s", "ubid-main": "u", "at-main": "a"}, Hosts.for_service("http://none.invalid"))
    return AmazonPhotosRemote("bench", Transport(session, app=_nobody), cache, max_age=86_400)


async def _nobody(*_: Any) -> None:
    raise AssertionError("a plan asked the service for what the cache knows")


async def _measure(place: Path, digests: list[str]) -> list[Figure]:
    from ap_remote.transfer.account import Account
    from ap_remote.transfer.digests import Digests
    from ap_remote.transfer.disk import Disk
    from ap_remote.transfer.options import Options
    from ap_remote.transfer.planner import make_plan

    # What was written a moment ago would not be remembered.
    store = Digests(place / "digests.sqlite", clock=lambda: time.time_ns() + 60 * 10**9)
    disk, options = Disk(place / "tree", digests=store), Options(duplicates="keep")
    listing, hashing, bare = await _hash(disk)
    async with _remote(place / "cache", digests) as remote:
        seconds = []
        for _ in range(2):
            begun, busy = time.perf_counter(), time.process_time()
            plan = await make_plan("sync", disk, Account(remote), options=options)
            seconds.append(time.perf_counter() - begun)
            busy = time.process_time() - busy
    store.close()
    detail = {"files": FILES, "bytes_each": SIZE}
    counts = {action: plan.count(action) for action in ("mkdir", "copy", "replace", "move", "remove")}
    return [
        Figure(
            bench="plan.hash",
            value=round(FILES / hashing),
            unit="files/s",
            aim=round(FILES / bare),
            peer="hashlib.file_digest over the same files, one after the other",
            peer_value=round(FILES / bare),
            ratio=round(bare / hashing, 2),
            detail=detail | {"seconds": round(hashing, 2)},
        ),
        Figure(bench="plan.list_disk", value=round(listing, 2), unit="s", detail=detail),
        Figure(
            bench="plan.sync",
            value=round(seconds[-1], 2),
            unit="s",
            aim=_AIM,
            detail=detail
            | counts
            | {
                "skipped": len(plan.skipped),
                "first_seconds": round(seconds[0], 2),
                "processor_seconds": round(busy, 2),
            },
        ),
    ]


async def _hash(disk: Disk) -> tuple[float, float, float]:
    """Return the seconds that it takes to list all files, to read them with what is remembered written, and bare."""
    from ap_remote.transfer.filters import EVERYTHING

    begun = time.perf_counter()
    items = [item for item in (await disk.listing(EVERYTHING)).items if not item.is_folder]
    listing = time.perf_counter() - begun
    begun = time.perf_counter()
    for item in items:
        with disk.root.joinpath(item.path).open("rb") as stream:
            hashlib.file_digest(stream, "md5").hexdigest()
    bare = time.perf_counter() - begun
    begun = time.perf_counter()
    await disk.digest_many(items)
    return listing, time.perf_counter() - begun, bare
