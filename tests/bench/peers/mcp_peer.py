"""Runs in the environment of a public MCP server for Amazon Photos: sends what it means for Amazon to a local service.

``python mcp_peer.py CHECKOUT SERVICE REDIRECTS``: the folder of the server's code, the service's address, and the
folder of ``redirected.py``. Only host names are changed, and what :func:`mend` says; the server itself is
the one that its author published.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any
from urllib.parse import urlsplit


def redirect_curl(service: str, is_amazon: Any) -> None:
    """Let ``curl_cffi``, where the server uses it, reach the service too."""
    try:
        requests = importlib.import_module("curl_cffi.requests")
    except ImportError:
        return
    target = urlsplit(service)
    original = requests.AsyncSession.request

    def moved(session: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        parts = urlsplit(url)
        if is_amazon(parts.hostname or ""):
            url = parts._replace(scheme=target.scheme, netloc=target.netloc).geturl()
        return original(session, method, url, *arguments, **options)

    requests.AsyncSession.request = moved


def mend() -> None:
    """Leave out what makes jmattwhitt's server fail in every call.

    At 1587ca0 its ``_wrap_http_errors`` reads ``status_code`` of a coroutine that nobody has awaited.
    """
    try:
        client = importlib.import_module("amazon_photos_mcp.client")
    except ImportError:
        return
    client._wrap_http_errors = lambda _: None


def main() -> None:
    """Serve standard input and output."""
    checkout, service, redirects = sys.argv[1:]
    sys.path[:0] = [checkout, redirects]
    redirected = importlib.import_module("redirected")
    redirected.redirect(service)
    redirect_curl(service, redirected.is_amazon)
    server = importlib.import_module("amazon_photos_mcp")
    mend()
    server.main()


if __name__ == "__main__":
    main()
