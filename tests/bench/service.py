"""A local service as a real process, for benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def service(data: Path, *, internal: bool = True) -> Iterator[dict[str, Any]]:
    """Start the service, with its internal door open or shut; yields its url and the path of its credentials."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ap_remote_emulator", "--data", str(data), "--port", "0"),
            *(("--internal",) if internal else ()),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the service has no stdout")
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(timeout=20)


def cookies_of(started: dict[str, Any]) -> dict[str, str]:
    """Return the cookies of a service that :func:`service` started."""
    kept: dict[str, str] = json.loads(Path(started["credentials"]).read_text("utf-8"))["cookies"]
    return kept
