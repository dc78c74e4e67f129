"""The local service with a counter around it: ``GET /_count`` says how many requests came and bytes went."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from starlette.responses import JSONResponse

from ap_remote_emulator import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Counted(NamedTuple):
    """What a service has done until now."""

    requests: int
    bytes: int


class Service(NamedTuple):
    """A running service."""

    url: str
    credentials: str

    def counted(self) -> Counted:
        """Return what it has done; asking does not count."""
        return Counted(**httpx.get(f"{self.url}/_count", trust_env=False).raise_for_status().json())


class _Counter:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests = self.bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/_count":
            await JSONResponse({"requests": self.requests, "bytes": self.bytes})(scope, receive, send)
            return
        self.requests += 1

        async def counted(message: Message) -> None:
            self.bytes += len(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, counted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)


@contextmanager
def counting_service(data: Path, *, internal: bool) -> Iterator[Service]:
    """Start the service as a process; with its internal door shut it takes cookies at signed addresses."""
    words = [sys.executable, "-m", "tests.bench.filesystem_service", str(data), *(["--internal"] if internal else [])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield Service(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()


def _main() -> None:
    create = serve.create_app
    serve.create_app = lambda *words, **options: _Counter(create(*words, **options))  # type: ignore[assignment,return-value]  # answers as the application does
    serve.serve(data=Path(sys.argv[1]), internal="--internal" in sys.argv)


if __name__ == "__main__":
    _main()
