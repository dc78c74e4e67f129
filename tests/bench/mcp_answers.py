"""What five plain questions cost a model: our answers beside those of the two public servers for Amazon Photos.

All ask one local service with the same photographs, over standard input and output. A token is counted as four bytes
of the text that a model is given. The public servers are no part of this repository: ``AP_MCP_PEERS`` names a folder
with their checkouts, ``kpfitzgerald`` and ``jmattwhitt`` (both ``…/amazon-photos-mcp`` on GitHub), and an environment
``venv`` with what they need. Without it only our answers are measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
from mcp import Client, StdioServerParameters

from ap_remote.config import Account, Settings
from ap_remote.connect import connect
from tests.bench.mcp_sides import ROOT, connected, ours, told, write_settings
from tests.bench.report import Figure
from tests.bench.service import cookies_of, service

if TYPE_CHECKING:
    from collections.abc import Iterator

PEERS: Final = ("kpfitzgerald", "jmattwhitt")
_PHOTOS: Final = 400
_ROWS: Final = 20
_FOLDER: Final = "Pictures/Seed"
_SHAPE: Final = {"count": _PHOTOS, "folder": _FOLDER, "perFolder": 20, "duplicates": 0.1, "seedNumber": 6}
_BYTES_PER_TOKEN: Final = 4

Calls = list[tuple[str, dict[str, Any]]]


class Question(msgspec.Struct, frozen=True):
    """A question, and how each server is asked it; an empty list where it has no tool for it."""

    name: str
    asked: str
    ours: Calls
    peers: dict[str, Calls]
    proof: frozenset[str]
    """A right answer has one of these."""


def run() -> Iterator[Figure]:
    """Yield this part's figures."""
    named = os.environ.get("AP_MCP_PEERS")
    if not named:
        sys.stderr.write("mcp: AP_MCP_PEERS names no checkouts of the public servers; our answers are counted alone\n")
    with tempfile.TemporaryDirectory() as folder, service(Path(folder, "data")) as started:
        httpx.post(f"{started['url']}/_internal/seed", json=_SHAPE, timeout=120).raise_for_status()
        home = Path(folder, "home")
        write_settings(home, started)
        yield from asyncio.run(_asked(Path(folder), started, Path(named) if named else None))


async def _asked(folder: Path, started: dict[str, Any], peers: Path | None) -> list[Figure]:
    questions = await _questions(folder / "home", started)
    mine: dict[str, int | None] = {}
    async with connected(ours(folder / "home"), "stdio") as client:
        listed = _tokens_of_tools(await client.list_tools())
        for each in questions:
            mine[each.name] = await _tokens(client, each.ours, each.proof)
    theirs = {name: await _peer(folder, started, peers, name, questions) for name in PEERS} if peers else {}
    figures = [
        _figure(each.name, mine[each.name] or 0, {name: counts[each.name] for name, counts in theirs.items()}, each)
        for each in questions
    ]
    return [*figures, _figure("tools_list", listed, {name: counts["tools_list"] for name, counts in theirs.items()})]


async def _questions(home: Path, started: dict[str, Any]) -> list[Question]:
    account = Account(name="bench", kind="service", url=started["url"], credentials=started["credentials"])
    settings = Settings(home=home, file=home / "config.toml", accounts={"bench": account})
    async with connect("bench:", settings=settings) as remote:
        word = (await remote.aggregations("things"))[0].value
        library = [each async for each in remote.search()]
        known = frozenset(each.value for each in await remote.aggregations("time"))
    everything = frozenset(each.id for each in library)
    often = Counter(each.md5 for each in library)
    twins = frozenset(each.id for each in library if often[each.md5] > 1)
    ids = [each.id for each in library[:3]]
    things: Calls = [("search_by_things", {"things": word, "max_results": _ROWS})]
    folders: Calls = [("list_folders", {})]
    years: Calls = [("get_aggregations", {"category": "time"})]
    copies: Calls = [("find_duplicates", {"max_groups": _ROWS})]
    return [
        Question(
            "find",
            f"{_ROWS} photographs of a thing",
            [("photos_search", {"query": word, "limit": _ROWS})],
            dict.fromkeys(PEERS, things),
            everything,
        ),
        Question(
            "folders",
            "the folders that there are; the public servers cannot list what is in one",
            [("photos_list", {"path": _FOLDER, "depth": 1})],
            dict.fromkeys(PEERS, folders),
            frozenset({"0000"}),
        ),
        Question(
            "details",
            "all about three photographs; kpfitzgerald's looks nothing up by id, so its three rows of a search count",
            [("photos_get", {"ids": ids, "detail": "all"})],
            {
                "kpfitzgerald": [("get_photos", {"max_results": len(ids)})],
                "jmattwhitt": [("get_exif_data", {"node_id": each}) for each in ids],
            },
            everything,
        ),
        Question("years", "how many per year", [("photos_facets", {"by": "year"})], dict.fromkeys(PEERS, years), known),
        Question(
            "duplicates",
            f"the first {_ROWS} groups of copies",
            [("photos_duplicates", {"limit": _ROWS})],
            dict.fromkeys(PEERS, copies),
            twins,
        ),
    ]


async def _peer(
    folder: Path, started: dict[str, Any], peers: Path, name: str, questions: list[Question]
) -> dict[str, int | None]:
    place = folder / name
    place.mkdir()
    script = ROOT / "tests" / "bench" / "peers" / "mcp_peer.py"
    redirects = ROOT / "tests" / "interop" / "old_client"
    parameters = StdioServerParameters(
        command=str(peers / "venv" / "bin" / "python"),
        args=[str(script), str(peers / name), started["url"], str(redirects)],
        env={
            **os.environ,
            "HOME": str(place),
            "AMAZON_PHOTOS_COOKIES": json.dumps(cookies_of(started)),
            "AMAZON_PHOTOS_DB": str(place / "ap.parquet"),
        },
        cwd=str(place),
    )
    async with Client(parameters, mode="legacy") as client:
        counts: dict[str, int | None] = {"tools_list": _tokens_of_tools(await client.list_tools())}
        for each in questions:
            counts[each.name] = await _tokens(client, each.peers[name], each.proof)
    return counts


async def _tokens(client: Client, calls: Calls, proof: frozenset[str]) -> int | None:
    """Return what the answers cost; ``None`` where a tool failed or found nothing, which standard error tells."""
    size = 0
    for tool, arguments in calls:
        try:
            text = await told(client, tool, arguments)
        except RuntimeError as exc:
            sys.stderr.write(f"mcp: {exc}\n")
            return None
        if not any(each in text for each in proof):
            sys.stderr.write(f"mcp: {tool} does not answer: {text[:300]}\n")
            return None
        size += len(text.encode())
    return round(size / _BYTES_PER_TOKEN)


def _tokens_of_tools(listed: Any) -> int:
    """Return what the list of tools costs: names, descriptions and argument schemas, as a host shows them."""
    shown = [{"name": t.name, "description": t.description, "input_schema": t.input_schema} for t in listed.tools]
    return round(len(msgspec.json.encode(shown)) / _BYTES_PER_TOKEN)


def _figure(name: str, mine: int, theirs: dict[str, int | None], question: Question | None = None) -> Figure:
    counted = {peer: count for peer, count in theirs.items() if count}
    least = min(counted, key=lambda peer: counted[peer]) if counted else None
    return Figure(
        bench=f"mcp.tokens.{name}",
        value=mine,
        unit="tokens",
        peer=f"{least}/amazon-photos-mcp, the shorter of the public servers' answers" if least else None,
        peer_value=counted[least] if least else None,
        ratio=round(mine / counted[least], 3) if least else None,
        detail={
            "question": question.asked if question else "names, descriptions and arguments of all tools",
            **({"public_servers": theirs} if theirs else {}),
        },
    )
