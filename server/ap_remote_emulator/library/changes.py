"""The delta stream: every node that changed since a checkpoint, in the order of the changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.faults.behaviour import Delta
from ap_remote_emulator.library import signing
from ap_remote_emulator.library.rendering import render_purged
from ap_remote_emulator.library.store import Store
from ap_remote_emulator.library.views import View, show


class _Identified(msgspec.Struct):
    """What is needed of a node: its id."""

    id: str


DEFAULT_CHUNK: Final = 200
MAX_CHUNK: Final = 1000
_SUCCESS: Final = 200


def changes(store: Store, body: Mapping[str, Any]) -> Iterator[bytes]:
    """Return the lines of the stream: chunks of nodes, each with a checkpoint, and ``end``.

    The stream ends at the state that the library had when it began; what changes meanwhile is the next stream's. Each
    chunk reads a snapshot of its own, so a slow reader holds up nobody.

    Raises:
        BadRequestError: ``chunkSize`` or ``maxNodes`` is no positive number.
    """
    knobs = store.knobs.behaviour.delta
    chunk = min(_number(body, "chunkSize", DEFAULT_CHUNK), MAX_CHUNK)
    most = _number(body, "maxNodes", 0)
    purged = str(body.get("includePurged", "false")).lower() == "true"
    checkpoint = body.get("checkpoint")
    with store.read() as connection:
        store_id, last = _state(connection)
    since = None if store.knobs.befalls("resets", knobs.resets) else _since(store, checkpoint, store_id, last)
    lines = _lines(store, store_id, since, last, chunk=chunk, most=most, purged=purged)
    if (knobs.lines >= 0 or knobs.status != _SUCCESS) and store.knobs.befalls("streams", knobs.times):
        return _troubled(lines, knobs, _seal(store, store_id, since or 0))
    return lines


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
    knobs = store.knobs.behaviour.delta
    told: list[msgspec.Raw] = []
    while True:
        size = min(chunk, most - sent) if most else chunk
        with store.read() as connection:
            rows = connection.execute(
                "SELECT id, seq FROM nodes WHERE seq > ? AND seq <= ? AND uploader IS NULL ORDER BY seq LIMIT ?",
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
        shown = [node for _, node in (reversed(nodes) if knobs.reverse else nodes)]
        yield _line(_chunk(_seal(store, store_id, at), shown, reset=reset))
        reset = False
        told += [json for _, json in nodes] if knobs.older else []
        if whole or (most and sent >= most):
            if former := _former(store, told):
                yield _line(_chunk(_seal(store, store_id, at), former, reset=False))
            yield _line({"end": True})
            return


def _former(store: Store, told: Iterable[msgspec.Raw]) -> list[msgspec.Raw]:
    """Return what the knobs send once more: nodes as they were before their last change."""
    ids = (msgspec.json.decode(node, type=_Identified).id for node in told)
    return [msgspec.Raw(body) for node_id in ids if (body := store.veil.older(node_id)) is not None]


def _troubled(lines: Iterator[bytes], knobs: Delta, checkpoint: str) -> Iterator[bytes]:
    """Return a stream that breaks off, or ends with a status, as the knobs say."""
    for number, line in enumerate(lines):
        if number == knobs.lines:
            return
        chunk = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if knobs.status != _SUCCESS and (number == knobs.status_line or "end" in chunk):
            yield _line({**_chunk(checkpoint, [], reset=False), "statusCode": knobs.status})
            yield _line({"end": True})
            return
        yield line
        if "checkpoint" in chunk:
            checkpoint = msgspec.json.decode(chunk["checkpoint"], type=str)


def _chunk(checkpoint: str, nodes: list[msgspec.Raw], *, reset: bool) -> dict[str, object]:
    return {"checkpoint": checkpoint, "reset": reset, "nodes": nodes, "statusCode": _SUCCESS}


def _seal(store: Store, store_id: str, at: int) -> str:
    return signing.seal(store, "checkpoint", [store_id, at])


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
