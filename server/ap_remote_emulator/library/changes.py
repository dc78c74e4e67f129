"""The delta stream: every node that changed since a checkpoint, in the order of the changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.library import signing
from ap_remote_emulator.library.rendering import render_purged
from ap_remote_emulator.library.store import Store
from ap_remote_emulator.library.views import View, show

DEFAULT_CHUNK: Final = 200
MAX_CHUNK: Final = 1000


def changes(store: Store, body: Mapping[str, Any]) -> Iterator[bytes]:
    """Return the lines of the stream: chunks of nodes, each with a checkpoint, and ``end``.

    The stream ends at the state that the library had when it began; what changes meanwhile is the next stream's. Each
    chunk reads a snapshot of its own, so a slow reader holds up nobody.

    Raises:
        BadRequestError: ``chunkSize`` or ``maxNodes`` is no positive number.
    """
    chunk = min(_number(body, "chunkSize", DEFAULT_CHUNK), MAX_CHUNK)
    most = _number(body, "maxNodes", 0)
    purged = str(body.get("includePurged", "false")).lower() == "true"
    checkpoint = body.get("checkpoint")
    with store.read() as connection:
        store_id, last = _state(connection)
    since = _since(store, checkpoint, store_id, last)
    return _lines(store, store_id, since, last, chunk=chunk, most=most, purged=purged)


def _lines(
    store: Store,
    store_id: str,
    since: int | None,
    last: int,
    *,
    chunk: int,
    most: int,
    purged: bool,
) -> Iterator[bytes]:
    reset, at, sent = since is None, since or 0, 0
    while True:
        size = min(chunk, most - sent) if most else chunk
        with store.read() as connection:
            rows = connection.execute(
                "SELECT id, seq FROM nodes WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                (at, last, size),
            ).fetchall()
            dead = (
                connection.execute(
                    "SELECT * FROM purged WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (at, last, size),
                ).fetchall()
                if purged
                else []
            )
            nodes = [
                *zip(
                    (row["seq"] for row in rows),
                    show(store, connection, [row["id"] for row in rows], View()),
                    strict=True,
                ),
                *((row["seq"], render_purged(store.owner_id, row)) for row in dead),
            ]
        nodes = sorted(nodes, key=lambda pair: pair[0])[:size]
        sent += len(nodes)
        whole = len(nodes) < size
        at = last if whole else nodes[-1][0]
        yield _line(
            {
                "checkpoint": signing.seal(store, "checkpoint", [store_id, at]),
                "reset": reset,
                "nodes": [node for _, node in nodes],
                "statusCode": 200,
            },
        )
        reset = False
        if whole or (most and sent >= most):
            yield _line({"end": True})
            return


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _state(connection: sqlite3.Connection) -> tuple[str, int]:
    meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('store_id', 'seq')").fetchall())
    return meta["store_id"], meta["seq"]


def _since(store: Store, checkpoint: Any, store_id: str, last: int) -> int | None:
    """Return the change that a checkpoint stands at, or ``None`` if it is not one of this library's."""
    if not isinstance(checkpoint, str):
        return None
    content = signing.unseal(store, "checkpoint", checkpoint)
    if content is None or content[0] != store_id or content[1] > last:
        return None
    return int(content[1])


def _number(body: Mapping[str, Any], name: str, default: int) -> int:
    try:
        number = int(body.get(name, default))
    except (TypeError, ValueError):
        number = -1
    if number < (1 if name in body else 0):
        raise BadRequestError(f"Invalid {name}")
    return number
