"""Requests, as the knobs see and change them before the service does."""

from __future__ import annotations

import fnmatch
from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.types import Message, Receive

Scope = MutableMapping[str, Any]
_DRIVE: Final = "/drive/v1"
_LISTED: Final = ("nodes", "nodes/*/children", "trash", "search", "search/aggregation", "search/groups/*")
_LISTINGS: Final = tuple(f"{_DRIVE}/{path}" for path in _LISTED)
_DOWNLOADS: Final = (
    *("/content/signed/*", "/cdproxy/nodes/*", "/v1/thumbnail/*"),
    f"{_DRIVE}/nodes/*/content",
)
_UPLOADS: Final = (
    *("POST /cdproxy/nodes", "PUT /cdproxy/nodes/*/content", "POST /v2/upload", "PUT /v2/upload/*"),
    *("POST /v2/upload/multipart-upload/*/complete",),
)


def is_listing(scope: Scope) -> bool:
    """Whether a request lists nodes, and so sees them through visibility lag."""
    return scope["method"] == "GET" and _matches(scope["path"], _LISTINGS)


def is_changes(scope: Scope) -> bool:
    """Whether a request is for the delta stream."""
    return scope["method"] == "POST" and bool(scope["path"] == f"{_DRIVE}/changes")


def is_download(scope: Scope) -> bool:
    """Whether a request is answered with the bytes of a file or of its rendition."""
    return scope["method"] == "GET" and _matches(scope["path"], _DOWNLOADS)


def is_upload(scope: Scope) -> bool:
    """Whether a request completes the upload of a file."""
    return _matches(f"{scope['method']} {scope['path']}", _UPLOADS)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    parts = path.count("/")
    return any(pattern.count("/") == parts and fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def query_of(scope: Scope) -> dict[str, str]:
    """Return the parameters of the query; of a repeated one the last."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def with_query(scope: Scope, **changed: str) -> Scope:
    """Return the request with other parameters in its query."""
    return {**scope, "query_string": urlencode({**query_of(scope), **changed}).encode()}


def header(scope: Scope, name: str) -> str:
    """Return a header, ``""`` if it is not there."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def with_headers(scope: Scope, **changed: str) -> Scope:
    """Return the request with other headers; an underscore stands for a hyphen."""
    fresh = {key.replace("_", "-").encode(): value.encode("latin-1") for key, value in changed.items()}
    kept = [(key, value) for key, value in scope["headers"] if key not in fresh]
    return {**scope, "headers": [*kept, *fresh.items()]}


def cookies_of(scope: Scope) -> dict[str, str]:
    """Return the cookies; none if they cannot be read, which the service will say in its own words."""
    # Amazon's values have characters that the standard would quote, so the header is only split.
    found: dict[str, str] = {}
    for part in header(scope, "cookie").split(";"):
        name, sign, value = part.strip().partition("=")
        if sign:
            found[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    return found


def with_cookies(scope: Scope, cookies: dict[str, str]) -> Scope:
    """Return the request with these cookies."""
    return with_headers(scope, cookie="; ".join(f"{name}={value}" for name, value in cookies.items()))


async def read_whole(receive: Receive) -> bytes:
    """Return a request's body."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return bytes(body)


async def drain(receive: Receive) -> None:
    """Read a request's body to its end, and forget it."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a stream that gives *body* first."""
    waiting = True

    async def again() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def spare(body: bytes, key: str, errors: dict[str, int]) -> tuple[bytes, dict[str, int]]:
    """Take ids out of a request's JSON.

    Args:
        body: the request's.
        key: which list of the JSON object has the ids.
        errors: a code for each id to take out; ``*`` stands for every id.

    Returns:
        The body without them, and the code of each that was there. A body that is not understood stays as it is.
    """
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return body, {}
    ids = fields.get(key)
    if not isinstance(ids, list):
        return body, {}
    taken = {each: code for each in ids if (code := errors.get(str(each), errors.get("*"))) is not None}
    fields[key] = [each for each in ids if each not in taken]
    return msgspec.json.encode(fields), taken
