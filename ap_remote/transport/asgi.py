"""A service in the same process, spoken to as if over a socket, with bodies that flow in both directions.

``httpx.ASGITransport`` collects whole answers; here an answer's pieces pass through a short queue, so that a large file
is never in memory. No lifespan is run. When the client goes away the application is told as a real server tells it:
``receive`` says ``http.disconnect``, ``send`` raises :class:`OSError`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import httpx

Message = MutableMapping[str, Any]
ASGIApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

_log: Final = logging.getLogger("ap_remote.transport")
_GRACE: Final = 2.0
"""Seconds."""

_PIECES: Final = 4
"""Pieces of an answer that may wait to be taken."""


class ASGITransport(httpx.AsyncBaseTransport):
    """Carries requests to *app*, one task each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request to the application and return once it has begun to answer."""
        exchange = _Exchange(request)
        task = asyncio.create_task(exchange.run(self._app))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            status, headers = await asyncio.shield(exchange.started)
        except BaseException:
            exchange.disconnect()
            raise
        return httpx.Response(status, headers=headers, stream=_Answer(exchange, task))

    async def aclose(self) -> None:
        """Let what has answered finish, and end what still runs after :data:`_GRACE`."""
        running = {task for task in self._running if task.get_loop() is asyncio.get_running_loop()}
        if running:
            # An application that has sent everything may still be closing its files; cancelled now, it could not.
            _, late = await asyncio.wait(running, timeout=_GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class _Exchange:
    """One request and its answer, as the application sees them."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._body = self._pieces()
        self._body_over = False
        self.gone = asyncio.Event()
        self.started: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]]] = asyncio.get_running_loop().create_future()
        # Marked as looked at: an application may fail after the client has gone, and nobody is left to ask.
        self.started.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(_PIECES)
        self.complete = False

    async def run(self, app: ASGIApp) -> None:
        """Let the application work, and turn its failure into that of a connection."""
        problem: Exception | None = None
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception as exc:  # noqa: BLE001 - whatever an application raises, a server goes on
            problem = exc
        finally:
            if not self.complete:
                self._break_off(problem)
            elif problem is not None:
                _log.debug("the service failed after it had answered: %s", type(problem).__name__)

    def disconnect(self) -> None:
        """Tell the application that nobody listens any more."""
        self.gone.set()
        self._room.release()  # wakes a piece that waits to be queued

    def _break_off(self, problem: Exception | None) -> None:
        broken = httpx.RemoteProtocolError("the service broke off before its answer was whole")
        broken.__cause__ = problem
        if self.started.done():
            self._queue.put_nowait(broken)
        else:
            self.started.set_exception(broken)

    async def take(self) -> bytes | None:
        """Return the answer's next piece, ``None`` at its end.

        Raises:
            httpx.RemoteProtocolError: the application failed midway.
        """
        piece = await self._queue.get()
        if isinstance(piece, Exception):
            raise piece
        self._room.release()
        return piece

    def _scope(self) -> dict[str, Any]:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "client": ("127.0.0.1", 0),
            "server": (url.host, url.port or {"https": 443}.get(url.scheme, 80)),
            "state": {},
        }

    async def _pieces(self) -> AsyncIterator[bytes]:
        stream = self._request.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("a request's body must be an asynchronous stream")
        async for piece in stream:
            yield piece

    async def _receive(self) -> Message:
        if not self._body_over and not self.gone.is_set():
            try:
                return {"type": "http.request", "body": await anext(self._body), "more_body": True}
            except StopAsyncIteration:
                self._body_over = True
                return {"type": "http.request", "body": b"", "more_body": False}
            except Exception as exc:  # noqa: BLE001 - the client could not go on; it hears its own reason
                self._fail(exc)
        await self.gone.wait()
        return {"type": "http.disconnect"}

    def _fail(self, exc: Exception) -> None:
        if self.started.done():
            self._body_over = True  # the answer has begun without the whole body; let it go on
        else:
            self.started.set_exception(exc)
            self.disconnect()

    async def _send(self, message: Message) -> None:
        if self.gone.is_set():
            raise OSError("the client has gone")
        if message["type"] == "http.response.start":
            self.started.set_result((message["status"], list(message.get("headers", ()))))
        elif message["type"] == "http.response.body":
            if message.get("body"):
                await self._put(message["body"])
            if not message.get("more_body", False):
                self.complete = True
                self._queue.put_nowait(None)

    async def _put(self, piece: bytes) -> None:
        await self._room.acquire()
        if self.gone.is_set():
            raise OSError("the client has gone")
        self._queue.put_nowait(piece)


class _Answer(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange, task: asyncio.Task[None]) -> None:
        self._exchange = exchange
        self._task = task

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._exchange.take()) is not None:
            yield piece

    async def aclose(self) -> None:
        self._exchange.disconnect()
        if self._exchange.complete:
            # It closes its files now. A loop that ends, as asyncio.run's does right here, would cancel that.
            await asyncio.wait({self._task}, timeout=_GRACE)
