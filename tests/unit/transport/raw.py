"""A server on the loopback that says, byte by byte, what a test wants, and keeps what it heard."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers one request after the other by its scripts, the last of them for ever."""

    def __init__(self, scripts: list[Script]) -> None:
        self.scripts = scripts
        self.heads: list[bytes] = []
        self.connections = 0
        self.ended = asyncio.Event()
        self.url = ""
        self.open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if (task := asyncio.current_task()) is not None:
            self.open[task] = writer
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self.scripts[min(len(self.heads), len(self.scripts)) - 1](writer)
                await writer.drain()
        self.ended.set()
        writer.close()


@asynccontextmanager
async def serving(*scripts: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(list(scripts))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if context else 'http'}://localhost:{port}"
    try:
        yield server
    finally:
        listening.close()
        for writer in server.open.values():
            writer.transport.abort()
        await asyncio.gather(*server.open, return_exceptions=True)
        await asyncio.gather(*(each.wait_closed() for each in server.open.values()), return_exceptions=True)


def says(*parts: bytes, then: str = "") -> Script:
    """Write *parts*; *then* ``close`` the connection or ``reset`` it."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(parts))
        if then == "close":
            writer.close()
        elif then == "reset":
            await writer.drain()
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    return script


def answer(body: bytes = b"", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = (b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
