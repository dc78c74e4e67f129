"""Plays a recording: an application that answers as the service did, without the service."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from ap_remote.errors import ConfigError
from ap_remote.transport.recording import MANIFEST, Row
from ap_remote.transport.redaction import ANY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from pathlib import Path

_DRIVE: Final = "/drive/v1/"
_JSON: Final = "application/json"
_ABSENT: Final = 501
"""A question that was never asked: no status that the protocol gives a meaning."""


class Replay:
    """An ASGI application for :class:`~ap_remote.transport.client.Transport` (its *app*).

    A request takes the next answer that was recorded for its verb, path and parameters; the last one again when all are
    used up. Bytes were not kept: as many zeros stand for them.

    Args:
        folder: the recording.

    Raises:
        ConfigError: it is none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            content = tomllib.loads((folder / MANIFEST).read_text("utf-8"))
            self._rows = [(name, msgspec.convert(row, Row)) for name, row in content.items()]
        except (OSError, ValueError, msgspec.ValidationError) as exc:
            raise ConfigError(f"{folder} is no recording: {MANIFEST} cannot be read") from exc
        self._used: set[str] = set()

    def __repr__(self) -> str:
        return f"Replay({str(self._folder)!r}, {len(self._rows)} answers)"

    @property
    def unused(self) -> list[str]:
        """Names of the answers that nobody has asked for yet."""
        return [name for name, _ in self._rows if name not in self._used]

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        while (await receive()).get("more_body"):
            pass
        found = self._found(scope)
        if found is None:
            body = msgspec.json.encode({"message": f"{scope['method']} of this path is not in the recording"})
            status, headers = _ABSENT, {"content-type": _JSON}
        else:
            name, row = found
            self._used.add(name)
            body, status = self._body(name, row), row.status
            headers = {"content-type": row.content_type, **row.headers}
        sent = [(key.encode(), value.encode()) for key, value in headers.items() if value]
        sent.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})

    def _found(self, scope: MutableMapping[str, Any]) -> tuple[str, Row] | None:
        path = unquote(scope["path"])
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        fitting = [(name, row) for name, row in self._rows if _fits(row, scope["method"], path, query)]
        fresh = [each for each in fitting if each[0] not in self._used]
        return next(iter(fresh or fitting[-1:]), None)

    def _body(self, name: str, row: Row) -> bytes:
        if row.length is None:
            return (self._folder / name).read_bytes()
        if row.page:
            return f"<html>{' '.join(row.page)}</html>".encode()
        return bytes(row.length)


def _fits(row: Row, method: str, path: str, query: dict[str, str]) -> bool:
    base = _DRIVE if row.host == "metadata" else "/"
    return (
        row.endpoint.partition(" ")[0] == method
        and base + row.path == path
        and row.query.keys() == query.keys()
        and all(value in (ANY, query[name]) for name, value in row.query.items())
    )
