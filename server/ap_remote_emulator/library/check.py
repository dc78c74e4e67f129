"""Verification of a whole store: every row against every other, every blob against its name."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from ap_remote_emulator.library.rendering import render
from ap_remote_emulator.library.store import Store, open_store

_BATCH: Final = 1000
_QUESTIONS: Final = (
    ("edge to a parent that is not there", "SELECT child_id FROM edges WHERE parent_id NOT IN (SELECT id FROM nodes)"),
    ("edge from a child that is not there", "SELECT child_id FROM edges WHERE child_id NOT IN (SELECT id FROM nodes)"),
    (
        "node without a place",
        """SELECT id FROM nodes WHERE is_root = 0 AND kind <> 'VISUAL_COLLECTION' AND status <> 'TRASH'
        AND id NOT IN (SELECT child_id FROM edges WHERE parent_kind <> 'VISUAL_COLLECTION')""",
    ),
    (
        "edge that disagrees with its node",
        """SELECT n.id FROM edges e JOIN nodes n ON n.id = e.child_id
        WHERE e.live <> (n.status = 'AVAILABLE') OR e.name_key IS NOT n.name_key""",
    ),
    ("tag of a node that is not there", "SELECT node_id FROM tags WHERE node_id NOT IN (SELECT id FROM nodes)"),
    (
        "change numbered beyond the last",
        "SELECT id FROM nodes WHERE seq > (SELECT value FROM meta WHERE key = 'seq')",
    ),
)


def check(data: Path) -> list[str]:
    """Verify the store in *data* and return its faults, one sentence each; none means that all is well.

    Reads every byte of every blob. Uploads that arrive meanwhile are not mistaken for faults.

    Raises:
        StoreError: there is no store that could be opened.
    """
    store = open_store(data)
    try:
        return check_store(store)
    finally:
        store.close()


def check_store(store: Store) -> list[str]:
    """Verify an open store; see :func:`check`."""
    with store.read() as connection:
        faults = [f"database: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if connection.execute("SELECT COUNT(*) FROM nodes WHERE is_root = 1").fetchone()[0] != 1:
            faults.append("there is not exactly one root")
        for what, sql in _QUESTIONS:
            faults += [f"{what}: {row[0]}" for row in connection.execute(sql)]
        faults += _body_faults(store, connection)
        rows = connection.execute("SELECT id, sha, md5, size FROM nodes WHERE sha IS NOT NULL ORDER BY sha").fetchall()
    faults += _blob_faults(store, rows)
    return faults + _orphans(store)


def _body_faults(store: Store, connection: sqlite3.Connection) -> list[str]:
    faults: list[str] = []
    last = -1
    while rows := connection.execute(
        "SELECT * FROM nodes WHERE seq > ? ORDER BY seq LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        faults += [
            f"stored JSON of node {row['id']} is out of date"
            for row, body in zip(rows, render(connection, store.owner_id, rows), strict=True)
            if row["body"] != body
        ]
        last = rows[-1]["seq"]
    return faults


def _blob_faults(store: Store, rows: list[sqlite3.Row]) -> list[str]:
    faults: list[str] = []
    seen: tuple[str, str, str, int] | None = None
    for node_id, sha, md5, size in rows:
        if seen is None or seen[0] != sha:
            try:
                seen = (sha, *store.blobs.digest(sha))
            except OSError:
                seen = (sha, "", "", 0)
        if not seen[1]:
            faults.append(f"content of node {node_id} is missing or unreadable")
        elif seen[1:] != (sha, md5, size):
            faults.append(f"content of node {node_id} is damaged")
    return faults


def _orphans(store: Store) -> list[str]:
    # Blobs are placed inside write transactions, so none can be on its way while this one is open.
    with store.write() as write:
        known = {
            sha for (sha,) in write.execute("SELECT sha FROM nodes WHERE sha IS NOT NULL UNION SELECT sha FROM garbage")
        }
        return [f"blob {sha} belongs to no node" for sha in store.blobs.every() if sha not in known]
