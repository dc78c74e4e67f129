"""An HTTPS proxy for clients whose host names are compiled in: what they ask of Amazon, the service under test answers.

It speaks for one request per connection, with a certificate that a test's own authority signed.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = b"\r\n\r\n"
_HOST = re.compile(rb"(?im)^(host|connection):.*?\r\n")


class Proxy:
    """Answers ``CONNECT`` for any host, and hands what comes through it to *service*."""

    def __init__(self, service: str) -> None:
        self.service = urlsplit(service)
        self.authority = trustme.CA()
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with closing(writer):
            verb, target, *_ = (await reader.readuntil(HEAD)).decode("latin-1").split()
            if verb != "CONNECT":
                return
            host = target.partition(":")[0]
            self.asked.append(host)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.authority.issue_cert(host).configure_cert(context)
            await writer.start_tls(context)
            head = await reader.readuntil(HEAD)
            line, _, rest = head.partition(b"\r\n")
            netloc = self.service.netloc.encode()
            onward = line + b"\r\nHost: " + netloc + b"\r\nConnection: close\r\n" + _HOST.sub(b"", rest)
            inner, outer = await asyncio.open_connection(self.service.hostname, self.service.port)
            with closing(outer):
                outer.write(onward)
                back = asyncio.create_task(_pass(inner, writer))
                there = asyncio.create_task(_pass(reader, outer))
                await back
                there.cancel()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


@contextmanager
def proxied(service: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Run a proxy in a thread; yield its address and the file with the authority's certificate."""
    proxy = Proxy(service)
    certificate = folder / "authority.pem"
    proxy.authority.cert_pem.write_to_path(certificate)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.serve, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}", certificate
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(server.wait_closed())
        loop.close()
