"""GET requests through aiohttp, with the bytes on the wire and the errors that httpx would have.

Nothing of aiohttp's own conveniences: no cookies are kept, no redirect is followed, nothing is unpacked, no address is
quoted anew, no header is added, and no request is made a second time behind the back of
:mod:`ap_remote.transport.retry`. Its errors quote addresses, so none of them is ever a cause of ours.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import httpx
from yarl import URL

if TYPE_CHECKING:
    import ssl
    from asyncio import AbstractEventLoop

_HEAD: Final = 100 * 1024
"""Bytes of a line of an answer's head; signed addresses are long. It is what h11 takes, for a whole head."""
_HEADERS: Final = 1024
_BUFFER: Final = 256 * 1024
"""Bytes that wait to be taken before reading from the socket stops, doubled."""
_OURS: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would add where it is missing."""


class Gets:
    """Connections of one event loop, opened as they are needed.

    Args:
        context: verifies the services' certificates.
        limits: connections at one time, and seconds that an idle one is kept. How many may be idle is not limited
            beyond that (own choice).
    """

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._context = context
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self._loop: AbstractEventLoop | None = None
        self._end: weakref.finalize[..., Gets] | None = None

    async def send(self, request: httpx.Request) -> httpx.Response | None:
        """Send a request; ``None``, with nothing sent, where its address would not arrive as it is.

        Raises:
            httpx.HTTPError: the connection broke, or none could be made.
        """
        target = _target(request.url)
        if target is None:
            return None
        problem: Exception
        try:
            answer = await self._here().get(
                target,
                headers=[(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw],
                allow_redirects=False,
                timeout=_timeout(*(request.extensions.get("timeout", {}).get(name) for name in _PHASES)),
            )
        except Exception as exc:  # noqa: BLE001 - what is not known by name is raised again as it is
            problem = _named(exc)
        else:
            return httpx.Response(
                answer.status,
                headers=answer.raw_headers,
                stream=_Body(answer),
                extensions={
                    "http_version": b"HTTP/1.1",
                    "reason_phrase": (answer.reason or "").encode("ascii", errors="ignore"),
                },
            )
        # Outside of the except block: what aiohttp raised does not go along.
        raise problem

    async def close(self) -> None:
        """Close all connections; closing twice is allowed."""
        if self._session is None or self._end is None:
            return
        session, end, self._session = self._session, self._end, None
        if self._loop is asyncio.get_running_loop():
            await session.close()
            end.detach()
        else:
            end()

    def _here(self) -> aiohttp.ClientSession:
        """Return the running loop's session."""
        loop = asyncio.get_running_loop()
        if self._session is not None and self._loop is loop:
            return self._session
        if self._end is not None:
            self._end()
        connector = _Connector(
            ssl=self._context,
            limit=self._limits.max_connections or 0,
            keepalive_timeout=self._limits.keepalive_expiry,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_Answer,
            auto_decompress=False,
            skip_auto_headers=_OURS,
            read_bufsize=_BUFFER,
            max_line_size=_HEAD,
            max_field_size=_HEAD,
            max_headers=_HEADERS,
            middlewares=(_once,),
        )
        self._session, self._loop = session, loop
        self._end = weakref.finalize(self, _let_go, session, connector, loop, os.getpid())
        return session


class _Connector(aiohttp.TCPConnector):
    """Leaves a parent's connections alone: to close one in a child is to take it from the parent's event loop."""

    def __init__(self, *, ssl: ssl.SSLContext, limit: int, keepalive_timeout: float | None) -> None:
        super().__init__(ssl=ssl, limit=limit, keepalive_timeout=keepalive_timeout)
        self._born = os.getpid()

    def __del__(self, *about: Any) -> None:
        if self._born == os.getpid():
            super().__del__(*about)


class _Answer(aiohttp.ClientResponse):
    """An answer that does not show where it came from."""

    def __repr__(self) -> str:
        return f"<answer {self.status}>"


class _Body(httpx.AsyncByteStream):
    """The bytes of an answer as they come.

    aiohttp takes a connection that was reset for the end of an answer that announced no length; here it is an error.
    """

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        headers = answer.headers
        open_ended = "Content-Length" not in headers and "Transfer-Encoding" not in headers
        protocol = answer.connection.protocol if open_ended and answer.connection is not None else None
        self._ended = None if protocol is None else protocol.closed
        if self._ended is not None:
            # Marked as looked at: it may break when nobody reads any more.
            self._ended.add_done_callback(lambda future: future.cancelled() or future.exception())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._next():
            yield piece
        if self._ended is not None and self._ended.done() and self._ended.exception() is not None:
            raise httpx.ReadError("the connection was reset")

    async def _next(self) -> bytes:
        try:
            return await self._answer.content.readany()
        except Exception as exc:  # noqa: BLE001 - as in `Gets.send`
            problem = _named(exc)
        raise problem

    async def aclose(self) -> None:
        # Closes the connection as well, unless the answer was read to its end: then it is no longer the answer's.
        self._answer.close()


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Name an error before aiohttp sees it, which would ask again where a kept connection has turned out dead."""
    try:
        return await handler(request)
    except Exception as exc:  # noqa: BLE001 - as in `Gets.send`
        problem = _named(exc)
    raise problem


_PHASES: Final = ("connect", "read", "pool")


@lru_cache(maxsize=8)
def _timeout(connect: float | None, read: float | None, pool: float | None) -> aiohttp.ClientTimeout:
    """Return seconds for each phase; what is waited for a connection in all has *pool*, and nothing has a total."""
    whole = None if connect is None or pool is None else connect + pool
    return aiohttp.ClientTimeout(total=None, connect=whole, sock_connect=connect, sock_read=read)


def _target(url: httpx.URL) -> URL | None:
    """Return an address that goes out byte by byte as httpx would send it; a signature holds for nothing else."""
    try:
        target = URL(str(url), encoded=True)
    except ValueError:
        return None
    return target if target.raw_path_qs.encode("ascii", errors="ignore") == url.raw_path else None


_NAMES: Final[tuple[tuple[type[Exception], type[httpx.HTTPError], str], ...]] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout, "no connection was made in time"),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout, "nothing came in time"),
    (aiohttp.ClientConnectorError, httpx.ConnectError, "no connection could be made"),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError, "the service closed the connection without an answer"),
    (aiohttp.ClientConnectionError, httpx.ReadError, "the connection was lost"),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError, "the answer is no HTTP"),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError, "the answer is not whole, or its framing is broken"),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol, "the address is none"),
    (TimeoutError, httpx.ReadTimeout, "nothing came in time"),
    (OSError, httpx.ReadError, "the connection was lost"),
    (ValueError, httpx.LocalProtocolError, "the request cannot be sent"),
)
"""Most specific first. Sentences of ours: aiohttp's have addresses in them, and its parser's lines of the answer."""


def _named(exc: Exception) -> Exception:
    """Return the error that httpx has for one of aiohttp's; any other as it is."""
    for kind, name, sentence in _NAMES:
        if isinstance(exc, kind):
            reason = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
            said = getattr(reason, "strerror", None)
            return name(f"{sentence}: {said}" if said else sentence)
    return exc


def _let_go(session: aiohttp.ClientSession, connector: _Connector, loop: AbstractEventLoop, pid: int) -> None:
    """Let connections go that nobody closed, where their loop runs, which may be in another thread."""
    session.detach()
    if pid != os.getpid():
        return
    if loop.is_running():
        with suppress(RuntimeError):  # it has ended meanwhile
            loop.call_soon_threadsafe(connector.__exit__, None, None, None)
    else:
        connector.__exit__(None, None, None)
