"""The network below httpx: what only reads goes through aiohttp, whatever may change something through httpx's own.

A small ``GET`` costs httpcore and h11 many times the processor time that it costs aiohttp, whose parser is compiled;
a filesystem asks for thousands. Uploads and changes gain little by it, and what is known of a broken one (whether it
left, whether all of it did) rests on httpx's own errors: they stay there.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.request import getproxies

import httpx

if TYPE_CHECKING:
    import ssl

    from ap_remote.transport.network_gets import Gets

_PLAIN: Final = re.compile(rb"[!-~]+(?:[ \t]+[!-~]+)*")
"""A header's value that any client sends as it is."""
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_BODY: Final = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


def carrier(*, limits: httpx.Limits, trust_env: bool) -> httpx.AsyncBaseTransport | None:
    """Return what carries requests over the network; ``None`` leaves all of them to httpx.

    A proxy in the environment does: httpx knows how to speak to each kind.

    Args:
        limits: connections, of each of the two ways.
        trust_env: whether the environment names proxies and certificates.
    """
    if trust_env and any(getproxies().get(scheme) for scheme in ("http", "https", "all")):
        return None
    # What the environment names is read here and now: a name that leads nowhere must not look like a missing photo.
    named = trust_env and any(os.environ.get(name) for name in _CERTIFICATES)
    return Network(httpx.create_ssl_context() if named else None, limits)


class Network(httpx.AsyncBaseTransport):
    """Sends each request by the way that suits it.

    Args:
        context: verifies the services' certificates, on both ways; ``None`` is one of the usual authorities, which is
            made when it is needed: to read them takes longer than the rest of opening an account.
        limits: connections, of each way.
    """

    def __init__(self, context: ssl.SSLContext | None, limits: httpx.Limits) -> None:
        self._given = context
        self._limits = limits
        self._gets: Gets | None = None
        self._closed = False

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._given or httpx.create_ssl_context(trust_env=False)

    @cached_property
    def _rest(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(self._context, limits=self._limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the bytes on the wire are the same by either way."""
        if self._closed:
            raise RuntimeError("the network was closed")
        if not _only_reads(request):
            return await self._rest.handle_async_request(request)
        if self._gets is None:
            # It takes a fifth of a second, and what speaks to the embedded service never needs it.
            from ap_remote.transport.network_gets import Gets

            self._gets = Gets(self._context, self._limits)
        response = await self._gets.send(request)
        return response or await self._rest.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections, for good."""
        self._closed = True
        if self._gets is not None:
            await self._gets.close()
        if "_rest" in self.__dict__:
            await self._rest.aclose()


def _only_reads(request: httpx.Request) -> bool:
    """Whether a request is a GET without a body, and has nothing that libraries treat each in its own way."""
    return (
        request.method == "GET"
        and request.url.scheme in ("http", "https")
        and not request.url.userinfo
        and isinstance(request.stream, httpx.ByteStream)
        and all(name.lower() not in _BODY and _PLAIN.fullmatch(value) for name, value in request.headers.raw)
    )
