"""``lowResThumbnail``: a picture so small that it can stand inside a node while the real one is on its way.

It is a JPEG of at most 24 pixels a side, in base64 (own choice: no source shows the format). Renditions that were made
before cost one small read; of a page at most :data:`FRESH` are made anew, so that a first look at a large library does
not wait for every picture in it to be decoded. The others come without and have theirs when they are asked for again.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ap_remote_emulator.errors import NoRenditionError, StoreDamagedError
from ap_remote_emulator.library.renditions import rendition
from ap_remote_emulator.library.store import Store

SIDE: Final = 24
"""Pixels."""
FRESH: Final = 24


def sources(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the blobs of those nodes that can have a preview."""
    rows = connection.execute(
        "SELECT n.id, n.sha FROM json_each(?) j JOIN nodes n ON n.id = j.value"
        " WHERE n.sha IS NOT NULL AND n.media IN ('PHOTOS', 'VIDEOS')",
        (msgspec.json.encode(ids).decode(),),
    )
    return dict(rows.fetchall())


def add(
    store: Store,
    nodes: Sequence[msgspec.Raw],
    ids: Sequence[str],
    blobs: Mapping[str, str],
) -> list[msgspec.Raw]:
    """Return nodes with their previews, as far as they have any.

    Args:
        store: where the renditions are.
        nodes: the nodes as JSON.
        ids: their ids, in the same order.
        blobs: from :func:`sources`.
    """
    found: list[msgspec.Raw] = []
    fresh = FRESH
    for node_id, node in zip(ids, nodes, strict=True):
        path: Path | None = None
        if sha := blobs.get(node_id):
            path = store.blobs.rendition_path(sha, SIDE, SIDE)
            if not path.exists():
                path, fresh = (_make(store, node_id), fresh - 1) if fresh else (None, 0)
        found.append(node if path is None else _with(node, path.read_bytes()))
    return found


def _make(store: Store, node_id: str) -> Path | None:
    try:
        return rendition(store, node_id, SIDE, SIDE)
    except (NoRenditionError, StoreDamagedError):
        return None


def _with(node: msgspec.Raw, picture: bytes) -> msgspec.Raw:
    fields = msgspec.json.decode(node, type=dict[str, msgspec.Raw])
    return msgspec.Raw(msgspec.json.encode({**fields, "lowResThumbnail": base64.b64encode(picture).decode()}))
