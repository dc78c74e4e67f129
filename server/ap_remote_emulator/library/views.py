"""Nodes as one caller wants to see them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from ap_remote_emulator.library import signing
from ap_remote_emulator.library.rendering import render
from ap_remote_emulator.library.store import Store


class View(msgspec.Struct, frozen=True):
    """How the caller wants nodes shown.

    Attributes:
        temp_link_base: the origin to make ``tempLink`` with, or ``""`` for none.
        v2: the caller sent ``resourceVersion=V2``; without it albums do not exist.
        assets: show the parts of live photos inside their files.
    """

    temp_link_base: str = ""
    v2: bool = True
    assets: bool = True


def show(store: Store, connection: sqlite3.Connection, ids: Sequence[str], view: View) -> list[msgspec.Raw]:
    """Return nodes, which must exist, as JSON in the order of *ids*."""
    wanted = (msgspec.json.encode(ids).decode(),)
    bodies: dict[str, bytes | None] = {}
    live_photos: list[str] = []
    for node_id, body, asset_types in connection.execute(
        "SELECT n.id, n.body, n.asset_types FROM json_each(?) j JOIN nodes n ON n.id = j.value",
        wanted,
    ):
        bodies[node_id] = body
        if asset_types is not None and view.assets:
            live_photos.append(node_id)
    stale = [node_id for node_id, body in bodies.items() if body is None]
    if stale:  # the transaction that changed them is still open
        rows = connection.execute(
            "SELECT n.* FROM json_each(?) j JOIN nodes n ON n.id = j.value",
            (msgspec.json.encode(stale).decode(),),
        ).fetchall()
        bodies |= zip((row["id"] for row in rows), render(connection, store.owner_id, rows), strict=True)
    shown = [msgspec.Raw(body) for node_id in ids if (body := bodies[node_id]) is not None]
    if live_photos:
        assets = _assets(store, connection, live_photos, view)
        shown = [
            _with(node, "assets", assets[node_id]) if node_id in assets else node
            for node_id, node in zip(ids, shown, strict=True)
        ]
    if view.temp_link_base:
        shown = [_with_link(store, node, view.temp_link_base) for node in shown]
    return shown


def show_one(store: Store, connection: sqlite3.Connection, node_id: str, view: View) -> msgspec.Raw:
    """Return one node, which must exist."""
    return show(store, connection, [node_id], view)[0]


def _assets(
    store: Store,
    connection: sqlite3.Connection,
    files: Sequence[str],
    view: View,
) -> dict[str, list[msgspec.Raw]]:
    """Return the parts of live photos, by file; a file in the trash shows those that went there with it."""
    rows = connection.execute(
        "SELECT f.id, a.id FROM json_each(?) j JOIN nodes f ON f.id = j.value"
        " JOIN edges e ON e.parent_id = f.id AND e.parent_kind = 'FILE'"
        " JOIN nodes a ON a.id = e.child_id AND +a.status = f.status ORDER BY e.added",
        (msgspec.json.encode(files).decode(),),
    ).fetchall()
    nodes = show(store, connection, [asset for _, asset in rows], view)
    found: dict[str, list[msgspec.Raw]] = {}
    for (file, _), node in zip(rows, nodes, strict=True):
        found.setdefault(file, []).append(node)
    return found


def _with(node: msgspec.Raw, key: str, value: object) -> msgspec.Raw:
    fields = msgspec.json.decode(node, type=dict[str, msgspec.Raw])
    return msgspec.Raw(msgspec.json.encode({**fields, key: value}))


def _with_link(store: Store, node: msgspec.Raw, base: str) -> msgspec.Raw:
    fields = msgspec.json.decode(node, type=dict[str, msgspec.Raw])
    if "contentProperties" not in fields:
        return node
    node_id = msgspec.json.decode(fields["id"], type=str)
    link = signing.sign_url(store, base, node_id, {}, life_s=signing.TEMP_LINK_LIFE_S)
    return msgspec.Raw(msgspec.json.encode({**fields, "tempLink": link}))
