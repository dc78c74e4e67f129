"""The service as a process of its own."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
import uvicorn

from ap_remote_emulator.app import create_app
from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library import credentials
from ap_remote_emulator.library.check import check

__all__ = ["check", "serve"]  # what `ap emulator` and `ap emulator check` call

_BACKLOG: Final = 2048
_KEEP_ALIVE_S: Final = 75
_GRACE_S: Final = 5


class _Server(uvicorn.Server):
    """Says when it accepts connections, and ends with success when it is told to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The original raises the signal again after a clean stop, which would make that an exit by signal.
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)


def _listen(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    # With its protocol named, unlike create_server: only then asyncio sets TCP_NODELAY on what it accepts, and without
    # that an answer in two writes waits 40 ms for the other side's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot listen at {host} port {port}: {reason}") from error
    return listener


def serve(*, data: Path, host: str = "127.0.0.1", port: int = 0, internal: bool = False) -> None:
    """Serve the store in *data* until SIGINT or SIGTERM.

    Once connections are accepted, one JSON line goes to standard output: ``{"url": …, "credentials": …}``. The log goes
    to standard error and has no query strings, which may be signed.

    Args:
        data: the folder of the store; it is made if it is missing.
        host: the address to listen at.
        port: 0 picks a free one.
        internal: open ``/_internal/`` for tests.

    Raises:
        StoreError: the folder cannot be used, or the address cannot be listened at.
    """
    data = Path(data).absolute()
    app = create_app(data, internal=internal)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = _listen(host, port, family)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    line = msgspec.json.encode(
        {"url": f"http://{shown}:{listener.getsockname()[1]}", "credentials": str(credentials.path_of(data))},
    )

    def ready() -> None:
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush()

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
    with listener:
        _Server(config, ready).run(sockets=[listener])
    app.state.store.close()
