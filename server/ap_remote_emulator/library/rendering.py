"""From rows to the JSON that the service shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

_NONE: Final = msgspec.Raw(b"[]")
_ALWAYS: Final[dict[str, Any]] = {
    "xAccntParents": [],
    "xAccntParentMap": {},
    "isShared": False,
    "restricted": False,
    "protectedFolder": False,
    "transforms": [],
    "subKinds": [],
    "accessRuleIds": [],
    "groupPermissions": [],
    "childAssetTypeInfo": [],
    "properties": {},
}
"""What is the same for every node that this service knows."""
_CONTENT_COLUMNS: Final = ("image", "video", "address")
_BATCH: Final = 1000


def iso(milliseconds: int) -> str:
    """Return a time as Amazon writes it, ``2023-08-15T01:02:03.123Z``."""
    days, rest = divmod(milliseconds, 86_400_000)
    seconds, thousandths = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_day(days)}T{hour:02d}:{minute:02d}:{second:02d}.{thousandths:03d}Z"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


def etag(row: sqlite3.Row) -> str:
    """Return a node's opaque tag, which changes whenever the node does."""
    return f"{row['version']:x}.{row['seq']:x}"


def render(connection: sqlite3.Connection, owner_id: str, rows: Sequence[sqlite3.Row]) -> list[bytes]:
    """Return nodes as JSON, with two queries for any number of them."""
    parents = _parents(connection, [row["id"] for row in rows])
    return [msgspec.json.encode(_node(row, parents.get(row["id"], []), owner_id)) for row in rows]


def render_changed(connection: sqlite3.Connection, owner_id: str, since: int) -> None:
    """Write the JSON of every node that changed after the change *since* into its row, from where pages are made."""
    while rows := connection.execute(
        "SELECT * FROM nodes WHERE seq > ? ORDER BY seq LIMIT ?",
        (since, _BATCH),
    ).fetchall():
        connection.executemany(
            "UPDATE nodes SET body = ? WHERE id = ?",
            zip(render(connection, owner_id, rows), (row["id"] for row in rows), strict=True),
        )
        since = rows[-1]["seq"]


def render_purged(owner_id: str, row: sqlite3.Row) -> msgspec.Raw:
    """Return what a delta tells about a node that is no more."""
    node: dict[str, Any] = {
        "id": row["id"],
        "kind": row["kind"],
        "status": "PURGED",
        "ownerId": owner_id,
        "modifiedDate": iso(row["purged"]),
        "parents": [],
    }
    if row["name"] is not None:
        node["name"] = row["name"]
    return msgspec.Raw(msgspec.json.encode(node))


def _parents(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for child, parent, kind in connection.execute(
        "SELECT e.child_id, e.parent_id, e.parent_kind FROM json_each(?) j JOIN edges e ON e.child_id = j.value"
        " ORDER BY e.child_id, e.added",
        (msgspec.json.encode(ids).decode(),),
    ):
        found.setdefault(child, []).append((parent, kind))
    return found


def _node(row: sqlite3.Row, parents: Iterable[tuple[str, str]], owner_id: str) -> dict[str, Any]:
    # `parents` has the folders; album membership shows in `parentMap` alone (inferred).
    parent_map: dict[str, list[str]] = {}
    folders: list[str] = []
    for parent, kind in parents:
        parent_map.setdefault(kind, []).append(parent)
        if kind != "VISUAL_COLLECTION":
            folders.append(parent)
    node_id, kind, status = row["id"], row["kind"], row["status"]
    node: dict[str, Any] = {
        "id": node_id,
        "kind": kind,
        "version": row["version"],
        "status": status,
        "ownerId": owner_id,
        "createdBy": row["created_by"],
        "eTagResponse": etag(row),
        "createdDate": iso(row["created"]),
        "modifiedDate": iso(row["modified"]),
        "parents": folders,
        "parentMap": parent_map,
        "isRoot": bool(row["is_root"]),
        "labels": _raw(row["labels"]),
        "keywords": _raw(row["keywords"]),
        "settings": {"favorite": bool(row["favorite"]), "hidden": bool(row["hidden"])},
        **_ALWAYS,
    }
    if (name := row["name"]) is not None:
        node["name"] = name
    if (description := row["description"]) is not None:
        node["description"] = description
    if status == "TRASH":
        node["exclusivelyTrashed"] = row["trash_root"] == node_id
        node["recursivelyTrashed"] = row["trash_root"] != node_id
    if kind == "VISUAL_COLLECTION":
        node["collectionProperties"] = {"covers": []}
    if row["size"] is not None:
        node["contentProperties"] = _content(row)
    return node


def _content(row: sqlite3.Row) -> dict[str, Any]:
    content: dict[str, Any] = {
        "size": row["size"],
        "version": row["content_version"],
        "md5": row["md5"],
        "contentType": row["content_type"],
        "contentDate": iso(row["content_date"]),
    }
    if extension := row["extension"]:
        content["extension"] = extension
    for column in _CONTENT_COLUMNS:
        if text := row[column]:
            content[column] = msgspec.Raw(text.encode())
    return content


def _raw(text: str | None) -> msgspec.Raw:
    return msgspec.Raw(text.encode()) if text else _NONE
