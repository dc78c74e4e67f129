"""The servers of the family ``mcp`` as real processes: ours and the bare one, over both transports."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import psutil
from mcp import Client, StdioServerParameters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT: Final = Path(__file__).parents[2]
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_PATIENCE: Final = 60.0


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """How one server is started."""

    stdio: tuple[str, ...]
    """Arguments of the interpreter."""
    http: tuple[str, ...]
    """The same for HTTP; ``{port}`` stands for the port."""
    path: str = "/mcp"
    environment: dict[str, str] = {}

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its process."""
        # What is installed is compiled already; without bytecode only ours would be compiled at each start.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "PYTHONPATH": str(ROOT), **self.environment}


def ours(home: Path, *, spec: str = "bench:") -> Side:
    """Return the MCP server over the account that ``home/config.toml`` names."""
    words = ("-m", "ap_remote_mcp", spec)
    kept = {"AP_HOME": str(home), "AP_CONFIG": str(home / "config.toml"), "AP_REMOTE": spec}
    return Side(stdio=words, http=(*words, "--http", "127.0.0.1:{port}"), environment=kept)


def bare(answers: Path) -> Side:
    """Return the bare server over a folder of answers."""
    words = ("-m", "tests.bench.mcp_bare", str(answers))
    return Side(stdio=words, http=(*words, "{port}"))


def write_settings(home: Path, started: dict[str, Any]) -> None:
    """Name the local service ``bench:``; the node cache may answer for an hour without asking it."""
    home.mkdir(parents=True, exist_ok=True)
    account = {"kind": "service", "url": started["url"], "credentials": started["credentials"]}
    words = [f"{key} = {json.dumps(value)}" for key, value in account.items()]
    (home / "config.toml").write_text("\n".join(["max_age = 3600", "[accounts.bench]", *words, ""]), "utf-8")


@asynccontextmanager
async def connected(side: Side, transport: str) -> AsyncIterator[Client]:
    """Yield the SDK's client of a server in a process of its own."""
    if transport == "stdio":
        started = StdioServerParameters(
            command=sys.executable, args=list(side.stdio), env=side.variables, cwd=str(ROOT)
        )
        async with Client(started) as client:
            yield client
    else:
        with _listening(side) as url:
            async with Client(url) as client:
                yield client


@contextmanager
def _listening(side: Side) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.format(port=port) for word in side.http]
    process = subprocess.Popen([sys.executable, *words], env=side.variables, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _await_port(process, port)
        yield f"http://127.0.0.1:{port}{side.path}"
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server does not listen: {process.args!r}")


class Wire:
    """A server at the other end of a pipe, spoken to in plain JSON: what is timed is the server alone."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises:
            RuntimeError: it is an error, or the server is gone.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the server has no pipes")
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": {**params, "_meta": _META}}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._number:
                if "error" in answer or answer["result"].get("isError"):
                    raise RuntimeError(f"{method}: {line[:500]!r}")
                return answer["result"]  # type: ignore[no-any-return]
        raise RuntimeError(f"{method}: the server is gone")

    @property
    def cpu(self) -> float:
        """Seconds of the processor until now."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def rss_mib(self) -> float:
        """Memory that is its own: what it maps of files, such as the node cache, the system takes back at will."""
        memory = psutil.Process(self._process.pid).memory_info()
        return float(memory.rss - memory.shared) / 2**20


@contextmanager
def piped(side: Side) -> Iterator[Wire]:
    """Start a server and end it by closing its input."""
    process = subprocess.Popen(
        [sys.executable, *side.stdio], env=side.variables, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Wire(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=_PATIENCE)


async def told(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    """Return what a model reads of a tool's answer.

    Raises:
        RuntimeError: the tool said no.
    """
    result = await asyncio.wait_for(client.call_tool(tool, arguments), _PATIENCE)
    text = "".join(getattr(block, "text", "") for block in result.content)
    if result.is_error:
        raise RuntimeError(f"{tool}: {text[:500]}")
    return text
