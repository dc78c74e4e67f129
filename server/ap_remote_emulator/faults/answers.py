"""What the knobs say instead of the service, and how they change what it says."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.types import Message, Send

_CONTENT_PATHS: Final = ("/cdproxy/", "/v2/")
_JSON: Final = "application/json"
BACK_OFF: Final = "System unavailable. Please back off for a while and try again later"
NO_AUTH: Final = "No Auth Method Provided"
TOKEN_EXPIRED: Final = "Token has expired"  # noqa: S105 - what a refusal says, no secret
PAGE_EXPIRED: Final = "Next token is expired"
_BOT_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>503 - Service Unavailable Error</title></head><body>"
    "<p>We're sorry, an error has occurred when we tried to process your request.</p></body></html>"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Rewrite = Callable[[Any], Any]


async def answer(send: Send, status: int, body: object, **headers: str) -> None:
    """Answer with a status and a body: text is HTML, all else becomes JSON."""
    raw = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    shown = {
        "content-type": "text/html" if isinstance(body, str) else _JSON,
        **{key.replace("_", "-"): value for key, value in headers.items()},
        "content-length": str(len(raw)),
    }
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(key.encode(), value.encode()) for key, value in shown.items()],
        },
    )
    await send({"type": "http.response.body", "body": raw})


def busy(kind: str) -> object:
    """Return the body of a 503."""
    return {"html": _BOT_PAGE, "json": {"logref": str(uuid.uuid4()), "message": BACK_OFF}}.get(kind, "")


def unauthorised(path: str) -> object:
    """Return the body of a 401, in the words of the host that the path belongs to."""
    if path.startswith(_CONTENT_PATHS):
        return {"logref": str(uuid.uuid4()), "message": NO_AUTH, "code": ""}
    return {"Message": NO_AUTH}


class RewrittenJson:
    """Holds an answer back until it is whole, and changes its JSON; what is not JSON passes as it comes.

    Newline-delimited JSON is changed line by line, as it comes.
    """

    def __init__(self, send: Send, rewrites: list[Rewrite]) -> None:
        self._send = send
        self._rewrites = rewrites
        self._start: Message | None = None
        self._rest = b""
        self._lines = False

    async def __call__(self, message: Message) -> None:
        """Pass one message on, now or later."""
        if message["type"] == "http.response.start":
            kind = dict(message["headers"]).get(b"content-type", b"")
            self._lines = b"ndjson" in kind
            if kind.startswith(_JSON.encode()):
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._lines:
            *lines, self._rest = (self._rest + message.get("body", b"")).split(b"\n")
            body = b"".join(self._changed(line) + b"\n" for line in lines)
            message = {**message, "body": body}
        elif message["type"] == "http.response.body" and self._start is not None:
            self._rest += message.get("body", b"")
            if message.get("more_body"):
                return
            body = self._changed(self._rest)
            kept = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
            headers = [*kept, (b"content-length", str(len(body)).encode())]
            await self._send({**self._start, "headers": headers})
            message = {**message, "body": body}
        await self._send(message)

    def _changed(self, raw: bytes) -> bytes:
        value = msgspec.json.decode(raw)
        for rewrite in self._rewrites:
            value = rewrite(value)
        return msgspec.json.encode(value)


def text_numbers(value: Any) -> Any:
    """Return JSON with strings for its numbers."""
    if isinstance(value, dict):
        return {key: text_numbers(each) for key, each in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def without_token(value: Any) -> Any:
    """Return a page without its ``nextToken``."""
    return {key: each for key, each in value.items() if key != "nextToken"} if isinstance(value, dict) else value


def with_errors(errors: dict[str, int]) -> Rewrite:
    """Return what adds codes to an ``errorMap``."""

    def add(value: Any) -> Any:
        return {**value, "errorMap": {**value.get("errorMap", {}), **errors}} if isinstance(value, dict) else value

    return add


def pending(since: int) -> Rewrite:
    """Return what makes every file ``PENDING`` that was created after *since*, in milliseconds."""

    def hide(value: Any) -> Any:
        if isinstance(value, list):
            return [hide(each) for each in value]
        if not isinstance(value, dict):
            return value
        shown = {key: hide(each) for key, each in value.items()}
        if value.get("kind") == "FILE" and "contentProperties" in value and _milliseconds(value) > since:
            del shown["contentProperties"]
            if shown.get("status") == "AVAILABLE":
                shown["status"] = "PENDING"
        return shown

    return hide


def _milliseconds(node: dict[str, Any]) -> int:
    created = datetime.fromisoformat(node["createdDate"]) - _EPOCH
    return round(created.total_seconds() * 1000)
