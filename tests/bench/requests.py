"""The service itself: pages of 200 nodes and small requests, per second, by one client and by eight."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.bench.fetch import SIZES, fill
from tests.bench.report import Figure
from tests.bench.service import cookies_of, service

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS: Final = 3.0
_V2: Final = {"resourceVersion": "V2", "ContentType": "JSON"}


def run() -> Iterator[Figure]:
    """Measure at every size."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, service(Path(folder, "data")) as started:
            fill(started["url"], size)
            yield from asyncio.run(_measure(started, size))


async def _measure(started: dict[str, Any], size: int) -> list[Figure]:
    cookies = cookies_of(started)
    headers = {"x-amzn-sessionid": cookies["session-id"]}
    async with httpx.AsyncClient(base_url=started["url"], cookies=cookies, headers=headers, timeout=60) as client:
        root = (await client.get("/drive/v1/nodes", params={**_V2, "filters": "isRoot:true"})).json()["data"][0]["id"]
        small = await _rate(client, "/_internal/health", {})
        figures = []
        for name, path, params in (
            ("account_info", "/drive/v1/account/info", _V2),
            ("node", f"/drive/v1/nodes/{root}", _V2),
            ("page", "/drive/v1/nodes", {**_V2, "limit": "200", "filters": "kind:FILE"}),
            ("search", "/drive/v1/search", {**_V2, "limit": "200", "filters": "type:(PHOTOS)", "offset": "400"}),
        ):
            one = await _rate(client, path, params)
            eight = await _rate(client, path, params, at_a_time=8)
            figures.append(
                Figure(
                    bench=f"service.{name}.{size}",
                    value=round(eight, 1),
                    unit="requests/s",
                    peer="the same service's health probe, which reads nothing, by one client",
                    peer_value=round(small, 1),
                    ratio=round(eight / small, 3),
                    detail={"one_client": round(one, 1), "clients": 8},
                )
            )
    return figures


async def _rate(client: httpx.AsyncClient, path: str, params: dict[str, str], *, at_a_time: int = 1) -> float:
    """Return the requests per second; the first, which fills what is remembered, does not count."""
    (await client.get(path, params=params)).raise_for_status()
    begun = time.perf_counter()

    async def work() -> int:
        done = 0
        while time.perf_counter() - begun < SECONDS:
            (await client.get(path, params=params)).raise_for_status()
            done += 1
        return done

    counts = await asyncio.gather(*(work() for _ in range(at_a_time)))
    return sum(counts) / (time.perf_counter() - begun)
