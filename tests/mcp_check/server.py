"""The real server over a small library in memory, with or without the conformance suite's fixtures.

``server.py stdio`` speaks over standard input and output, ``server.py PORT`` over HTTP on the loopback; a second word
``bare`` leaves the fixtures out.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from mcp.server import MCPServer
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Place
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server
from tests.mcp_check.fixtures import overlay


def library() -> MemoryRemote:
    """Return a library of twelve photographs."""
    remote = MemoryRemote("home")
    rome = Place(label="ITA#RM#Rome", city="Rome", region="RM", country="Italy")
    for month in range(1, 13):
        stream = BytesIO()
        Image.new("RGB", (320, 240), (20 * month, 0, 255 - 20 * month)).save(stream, "JPEG")
        taken = datetime(2023, month, 14, 12, 0, tzinfo=UTC)
        remote.seed(
            f"Pictures/2023/month {month}.jpg", stream.getvalue(), place=rome, taken=taken, things=("beach", "dog")
        )
    return remote


def server(*, bare: bool) -> MCPServer[Any]:
    """Return the server that may do everything."""
    limits = Limits(question_seconds=2.0, wait_seconds=5.0)  # the fuzzer says that it can be asked and never answers
    made = build_server(library(), index=None, allow=frozenset(Ability), limits=limits)
    if not bare:
        overlay(made)
    return made


def main(way: str, *words: str) -> None:
    """Serve until the client goes away."""
    made = server(bare="bare" in words)
    if way == "stdio":
        asyncio.run(made.run_stdio_async())
    else:
        asyncio.run(made.run_streamable_http_async(host="127.0.0.1", port=int(way)))


if __name__ == "__main__":
    main(*sys.argv[1:])
