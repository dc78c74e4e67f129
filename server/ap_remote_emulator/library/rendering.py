"""From rows to the JSON that the service shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

_NONE: Final = msgspec.Raw(b"[]")
_EMPTY: Final = msgspec.Raw(b"{}")
_MEMBERSHIPS: Final = frozenset({"VISUAL_COLLECTION", "SHARED_COLLECTION"})
"""Kinds of parents that are lists of nodes, and no places where they are."""
_ALWAYS: Final[dict[str, Any]] = {
    "xAccntParents": [],
    "xAccntParentMap": {},
    "restricted": False,
    "protectedFolder": False,
    "transforms": [],
    "subKinds": [],
    "groupPermissions": [],
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


def etag(row: sqlite3.Row | Mapping[str, Any]) -> str:
    """Return a node's opaque tag, which changes whenever the node does."""
    return f"{row['version']:x}.{row['seq']:x}"


def render(connection: sqlite3.Connection, owner_id: str, rows: Sequence[sqlite3.Row]) -> list[bytes]:
    """Return nodes as JSON, with two queries for any number of them."""
    parents = _parents(connection, [row["id"] for row in rows])
    return [render_row(row, parents.get(row["id"], []), owner_id) for row in rows]


def render_row(row: sqlite3.Row | Mapping[str, Any], parents: Iterable[tuple[str, str]], owner_id: str) -> bytes:
    """Return one node as JSON.

    Args:
        row: all columns by their names.
        parents: the id and the kind of each, oldest first.
        owner_id: of the account.
    """
    return msgspec.json.encode(_node(row, parents, owner_id))


def render_changed(connection: sqlite3.Connection, owner_id: str, since: int) -> None:
    """Write the JSON of every node that changed after the change *since* into its row, from where pages are made.

    Whoever changes a node clears its JSON; what has one is up to date, unless *since* is negative: then all is made.
    """
    everything = since < 0
    while rows := connection.execute(
        "SELECT * FROM nodes WHERE seq > ? AND (body IS NULL OR ?) ORDER BY seq LIMIT ?",
        (since, everything, _BATCH),
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


def _node(row: sqlite3.Row | Mapping[str, Any], parents: Iterable[tuple[str, str]], owner_id: str) -> dict[str, Any]:
    # `parents` has the folders; album membership shows in `parentMap` alone, and so does what shares it (inferred).
    parent_map: dict[str, list[str]] = {}
    folders: list[str] = []
    for parent, kind in parents:
        parent_map.setdefault(kind, []).append(parent)
        if kind not in _MEMBERSHIPS:
            folders.append(parent)
    node_id, kind, status = row["id"], row["kind"], row["status"]
    node: dict[str, Any] = {
        "id": node_id,
        "kind": kind,
        "version": row["version"],
        "status": status,
        "ownerId": row["uploader"] or owner_id,
        "createdBy": row["created_by"],
        "eTagResponse": etag(row),
        "createdDate": iso(row["created"]),
        "modifiedDate": iso(row["modified"]),
        "parents": folders,
        "parentMap": parent_map,
        "isRoot": bool(row["is_root"]),
        "labels": _raw(row["labels"]),
        "keywords": _raw(row["keywords"]),
        "accessRuleIds": _raw(row["access_rules"]),
        "childAssetTypeInfo": [{"assetType": each} for each in _list(row["asset_types"])],
        "settings": {"favorite": bool(row["favorite"]), "hidden": bool(row["hidden"])},
        "isShared": "SHARED_COLLECTION" in parent_map,
        "properties": _raw(row["properties"], _EMPTY),
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
        node["collectionProperties"] = {"covers": _raw(row["covers"])}
    if (asset_type := row["asset_type"]) is not None:
        node["assetProperties"] = {"assetType": asset_type}
    if (family_id := row["family_id"]) is not None:
        node["familyId"] = family_id
    if row["size"] is not None:
        node["contentProperties"] = _content(row)
    return node


def _content(row: sqlite3.Row | Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "size": row["size"],
        "version": row["content_version"],
        "md5": row["md5"],
        "contentType": row["content_type"],
        "contentDate": iso(row["content_date"]),
    }
    if extension := row["extension"]:
        content["extension"] = extension
    if signatures := row["signatures"]:
        content["contentSignatures"] = msgspec.Raw(signatures.encode())
    for column in _CONTENT_COLUMNS:
        if text := row[column]:
            content[column] = msgspec.Raw(text.encode())
    return content


def _list(text: str | None) -> list[str]:
    return msgspec.json.decode(text, type=list[str]) if text else []


def _raw(text: str | None, default: msgspec.Raw = _NONE) -> msgspec.Raw:
    return msgspec.Raw(text.encode()) if text else default
