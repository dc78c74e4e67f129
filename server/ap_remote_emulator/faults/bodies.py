"""Bodies that come slowly, break off, or are not as long as they claim to be."""

from __future__ import annotations

from urllib.parse import urlsplit

import anyio
from starlette.types import Message, Send

_PIECE = 64 * 1024


def slow(send: Send, bytes_per_second: int) -> Send:
    """Return a *send* that takes its time over bodies."""

    async def slowly(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or not body:
            await send(message)
            return
        size = max(1, min(_PIECE, bytes_per_second // 10))
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            await anyio.sleep(len(piece) / bytes_per_second)
            more = start + size < len(body) or message.get("more_body", False)
            await send({**message, "body": piece, "more_body": more})

    return slowly


def shortened(send: Send, most: int) -> Send:
    """Return a *send* that passes at most so many bytes of a body, under its true headers."""
    left = most

    async def shorter(message: Message) -> None:
        nonlocal left
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")[: max(left, 0)]
        left -= len(message.get("body", b""))
        # The body ends too early on purpose: the server then breaks the connection under the client.
        await send({**message, "body": body})

    return shorter


def misstated(send: Send, off: int) -> Send:
    """Return a *send* whose ``content-length`` is off; what it leaves no room for is not sent."""
    left: int | None = None

    async def misstate(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            headers = [
                (key, _off(value, off) if key == b"content-length" else value) for key, value in message["headers"]
            ]
            left = next((int(value) for key, value in headers if key == b"content-length"), None)
            await send({**message, "headers": headers})
            return
        body = message.get("body", b"")
        if left is not None:
            body = body[:left]
            left -= len(body)
        await send({**message, "body": body})

    return misstate


def _off(value: bytes, off: int) -> bytes:
    return str(max(0, int(value) + off)).encode()


def elsewhere(send: Send, origin: str) -> Send:
    """Return a *send* whose redirects lead to another origin."""

    async def redirect(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (key, _moved(value, origin) if key == b"location" else value) for key, value in message["headers"]
            ]
            message = {**message, "headers": headers}
        await send(message)

    return redirect


def _moved(location: bytes, origin: str) -> bytes:
    parts = urlsplit(location.decode("latin-1"))
    wanted = urlsplit(origin)
    return parts._replace(scheme=wanted.scheme, netloc=wanted.netloc).geturl().encode("latin-1")
