"""Runs beside the PyPI client in its own environment: sends what it means for Amazon to the service under test.

Only host names are changed, beneath httpx: the client itself is the one that the index ships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SUFFIXES = (".amazonaws.com", ".drive.amazonaws.com")


def is_amazon(host: str) -> bool:
    """Whether a host is one of Amazon's that the client knows."""
    return host.endswith(SUFFIXES) or ".amazon." in host


def redirect(service: str) -> None:
    """Let every httpx transport of this process reach *service* where a request names one of Amazon's hosts."""
    target = urlsplit(service)

    def moved(request: httpx.Request) -> httpx.Request:
        if is_amazon(request.url.host):
            request.url = request.url.copy_with(scheme=target.scheme, host=target.hostname, port=target.port)
            request.headers["host"] = target.netloc
        return request

    def wrapped(handle: Callable[..., Any]) -> Callable[..., Any]:
        return lambda transport, request: handle(transport, moved(request))

    httpx.HTTPTransport.handle_request = wrapped(httpx.HTTPTransport.handle_request)
    httpx.AsyncHTTPTransport.handle_async_request = wrapped(httpx.AsyncHTTPTransport.handle_async_request)
