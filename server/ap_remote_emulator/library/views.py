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
    """

    temp_link_base: str = ""
    v2: bool = True


def show(store: Store, connection: sqlite3.Connection, ids: Sequence[str], view: View) -> list[msgspec.Raw]:
    """Return nodes, which must exist, as JSON in the order of *ids*."""
    wanted = (msgspec.json.encode(ids).decode(),)
    bodies: dict[str, bytes | None] = dict(
        connection.execute("SELECT n.id, n.body FROM json_each(?) j JOIN nodes n ON n.id = j.value", wanted).fetchall(),
    )
    stale = [node_id for node_id, body in bodies.items() if body is None]
    if stale:  # the transaction that changed them is still open
        rows = connection.execute(
            "SELECT n.* FROM json_each(?) j JOIN nodes n ON n.id = j.value",
            (msgspec.json.encode(stale).decode(),),
        ).fetchall()
        bodies |= zip((row["id"] for row in rows), render(connection, store.owner_id, rows), strict=True)
    shown = [msgspec.Raw(body) for node_id in ids if (body := bodies[node_id]) is not None]
    if view.temp_link_base:
        shown = [_with_link(store, node, view.temp_link_base) for node in shown]
    return shown


def show_one(store: Store, connection: sqlite3.Connection, node_id: str, view: View) -> msgspec.Raw:
    """Return one node, which must exist."""
    return show(store, connection, [node_id], view)[0]


def _with_link(store: Store, node: msgspec.Raw, base: str) -> msgspec.Raw:
    fields = msgspec.json.decode(node, type=dict[str, msgspec.Raw])
    if "contentProperties" not in fields:
        return node
    node_id = msgspec.json.decode(fields["id"], type=str)
    link = signing.sign_url(store, base, node_id, {}, life_s=signing.TEMP_LINK_LIFE_S)
    return msgspec.Raw(msgspec.json.encode({**fields, "tempLink": link}))
