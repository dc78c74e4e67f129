"""Files up and down: 1,000 of 200 kB against a bare httpx loop over the same service, with as many at a time."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from ap_remote.config import Account, Settings
from ap_remote.connect import connect
from ap_remote.transfer import download, plan_upload, upload
from tests.bench.report import Figure
from tests.bench.service import cookies_of, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

FILES: Final = int(os.environ.get("AP_BENCH_FILES", "1000"))
SIZE: Final = 200_000
WORKERS: Final = 4


def run() -> Iterator[Figure]:
    """Measure both ways, the peer first one way round and then the other."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with service(place / "data") as started:
            yield from asyncio.run(_measure(started, place))


def _make(folder: Path, seed: int) -> list[Path]:
    folder.mkdir(parents=True)
    dice = random.Random(seed)
    files = [folder / f"IMG_{number:04}.bin" for number in range(FILES)]
    for file in files:
        file.write_bytes(dice.randbytes(SIZE))
    return files


async def _measure(started: dict[str, Any], place: Path) -> list[Figure]:
    account = Account(name="bench", kind="service", url=started["url"], credentials=started["credentials"])
    settings = Settings(home=place / "home", file=place / "config.toml", accounts={"bench": account}, max_age=3600)
    cookies = cookies_of(started)
    _make(place / "ours", 1)
    theirs = _make(place / "theirs", 2)
    headers = {"x-amzn-sessionid": cookies["session-id"]}
    async with (
        connect("bench:", settings=settings) as remote,
        httpx.AsyncClient(base_url=started["url"], cookies=cookies, headers=headers, timeout=120) as client,
    ):
        parent = await _folder(client, "bare")
        begun = time.perf_counter()
        ids = await _all(theirs, lambda file: _post(client, file, parent))
        bare_up = time.perf_counter() - begun
        begun = time.perf_counter()
        report = await upload(remote, plan_upload([place / "ours"], "Pictures"), transfers=WORKERS)
        up = time.perf_counter() - begun
        back = _folder_made(place / "back bare")
        begun = time.perf_counter()
        await _all(ids, lambda node: _get(client, node, back / node))
        bare_down = time.perf_counter() - begun
        begun = time.perf_counter()
        fetched = await download(remote, "Pictures/ours", place / "back", transfers=WORKERS)
        down = time.perf_counter() - begun
    detail = {"files": FILES, "bytes_each": SIZE, "at_a_time": WORKERS}
    return [
        _figure("transfer.upload", up, bare_up, {**detail, "done": len(report.rows)}),
        _figure("transfer.download", down, bare_down, {**detail, "done": len(fetched.rows)}),
    ]


def _figure(name: str, ours: float, bare: float, detail: dict[str, Any]) -> Figure:
    rate, peer = FILES / ours, FILES / bare
    return Figure(
        bench=name,
        value=round(rate, 1),
        unit="files/s",
        aim=round(0.8 * peer, 1),
        peer="a bare httpx loop: one request a file, digest computed, nothing compared",
        peer_value=round(peer, 1),
        ratio=round(rate / peer, 2),
        detail=detail,
    )


async def _all(jobs: Sequence[Any], work: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    gate = asyncio.Semaphore(WORKERS)

    async def one(job: Any) -> Any:
        async with gate:
            return await work(job)

    return await asyncio.gather(*map(one, jobs))


async def _folder(client: httpx.AsyncClient, name: str) -> str:
    root = (await client.get("/drive/v1/nodes", params={"filters": "isRoot:true"})).json()["data"][0]["id"]
    body = {"kind": "FOLDER", "name": name, "parents": [root]}
    made: str = (await client.post("/drive/v1/nodes", json=body)).raise_for_status().json()["id"]
    return made


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


async def _post(client: httpx.AsyncClient, file: Path, parent: str) -> str:
    digest = _md5(file)

    async def pieces() -> AsyncIterator[bytes]:
        with file.open("rb") as stream:
            while piece := stream.read(1 << 16):
                yield piece

    params = {"name": file.name, "parentNodeId": parent, "fileSize": str(SIZE)}
    headers = {"x-amzn-file-md5": digest, "content-length": str(SIZE)}
    answer = await client.post("/v2/upload", params=params, headers=headers, content=pieces())
    made: str = answer.raise_for_status().json()["id"]
    return made


def _folder_made(path: Path) -> Path:
    path.mkdir()
    return path


async def _get(client: httpx.AsyncClient, node: str, target: Path) -> None:
    redirect = await client.get(f"/drive/v1/nodes/{node}/contentRedirection", params={"querySuffix": "?download=true"})
    bare = httpx.Request("GET", redirect.headers["location"])
    answer = await client.send(bare, stream=True)
    with target.open("wb") as stream:
        async for piece in answer.aiter_bytes():
            stream.write(piece)
