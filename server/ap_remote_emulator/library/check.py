"""Verification of a whole store: every row against every other, every blob against its name.

Nothing is changed. What is written meanwhile is not mistaken for a fault.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ap_remote_emulator.errors import StoreError
from ap_remote_emulator.library import credentials
from ap_remote_emulator.library.rendering import render
from ap_remote_emulator.library.store import Store, open_store
from ap_remote_emulator.query import name_key

Progress = Callable[[str, int, int], None]
"""Is told what is being verified, how much is done and how much there is: ``nodes`` in rows, ``content`` in bytes."""

_BATCH: Final = 1000
_HOMELESS: Final = "('VISUAL_COLLECTION', 'SHARED_COLLECTION')"
"""Kinds that stand in no folder, and whose children stand elsewhere."""
_PLACED: Final = f"n.is_root = 0 AND n.uploader IS NULL AND n.kind NOT IN {_HOMELESS}"
_JSON_COLUMNS: Final = (
    *("labels", "keywords", "image", "video", "address", "properties", "asset_types", "covers", "signatures"),
    "access_rules",
)
_QUESTIONS: Final = (
    ("edge to a parent that is not there", "SELECT child_id FROM edges WHERE parent_id NOT IN (SELECT id FROM nodes)"),
    ("edge from a child that is not there", "SELECT child_id FROM edges WHERE child_id NOT IN (SELECT id FROM nodes)"),
    (
        "edge that disagrees with its parent",
        "SELECT e.child_id FROM edges e JOIN nodes p ON p.id = e.parent_id WHERE e.parent_kind <> p.kind",
    ),
    (
        "edge that disagrees with its node",
        """SELECT n.id FROM edges e JOIN nodes n ON n.id = e.child_id
        WHERE e.live <> (n.status = 'AVAILABLE') OR e.name_key IS NOT n.name_key""",
    ),
    (
        "node without a place",
        f"""SELECT n.id FROM nodes n WHERE {_PLACED} AND n.status <> 'TRASH'
        AND n.id NOT IN (SELECT child_id FROM edges WHERE parent_kind NOT IN {_HOMELESS})""",  # noqa: S608 - the words stand above
    ),
    (
        "living node whose folders are all in the trash",
        f"""SELECT n.id FROM nodes n WHERE {_PLACED} AND n.status = 'AVAILABLE'
        AND n.id IN (SELECT child_id FROM edges WHERE parent_kind NOT IN {_HOMELESS})
        AND n.id NOT IN (SELECT e.child_id FROM edges e JOIN nodes p ON p.id = e.parent_id
            WHERE e.parent_kind NOT IN {_HOMELESS} AND p.status = 'AVAILABLE')""",  # noqa: S608 - the words stand above
    ),
    (
        "node that no path from the root leads to",
        f"""WITH RECURSIVE down (id) AS (SELECT id FROM nodes WHERE is_root = 1 OR uploader IS NOT NULL
            UNION SELECT e.child_id FROM edges e JOIN down ON e.parent_id = down.id
            WHERE e.parent_kind NOT IN {_HOMELESS})
        SELECT n.id FROM nodes n WHERE {_PLACED} AND n.status = 'AVAILABLE' AND n.id NOT IN (SELECT id FROM down)
        AND n.id IN (SELECT child_id FROM edges WHERE parent_kind NOT IN {_HOMELESS})""",  # noqa: S608 - the words stand above
    ),
    ("unknown status of node", "SELECT id FROM nodes WHERE status NOT IN ('AVAILABLE', 'TRASH', 'PENDING')"),
    (
        "node that disagrees with the trash",
        "SELECT id FROM nodes WHERE (status = 'TRASH') <> (trash_root IS NOT NULL)",
    ),
    ("change numbered beyond the last", "SELECT id FROM nodes WHERE seq > (SELECT value FROM meta WHERE key = 'seq')"),
    ("node that is both there and purged", "SELECT id FROM purged WHERE id IN (SELECT id FROM nodes)"),
    ("tag of a node that is not there", "SELECT node_id FROM tags WHERE node_id NOT IN (SELECT id FROM nodes)"),
    (
        "share of a node that is no shared collection",
        # The id of a share opens it, so it is not shown; nor is that of an archive.
        """SELECT node_id FROM shares WHERE node_id NOT IN (
            SELECT id FROM nodes WHERE kind = 'SHARED_COLLECTION' UNION ALL SELECT id FROM purged)""",
    ),
    (
        "archive whose list cannot be read, made to last until",
        "SELECT expires FROM archives WHERE json_valid(node_ids) = 0",
    ),
    (
        "local id of a node that never was",
        """SELECT node_id FROM local_ids
        WHERE node_id NOT IN (SELECT id FROM nodes UNION ALL SELECT id FROM purged)""",
    ),
    (
        "upload in parts to a node that never was",
        "SELECT id FROM part_uploads WHERE node_id NOT IN (SELECT id FROM nodes UNION ALL SELECT id FROM purged)",
    ),
    ("upload in parts whose wishes cannot be read", "SELECT id FROM part_uploads WHERE json_valid(wish) = 0"),
    (
        "node that waits for an upload that is not there",
        "SELECT id FROM nodes WHERE status = 'PENDING' AND id NOT IN (SELECT node_id FROM part_uploads)",
    ),
    *(
        (
            f"{column} that cannot be read of node",
            f"SELECT id FROM nodes WHERE {column} IS NOT NULL AND NOT json_valid({column})",  # noqa: S608 - the words stand above
        )
        for column in _JSON_COLUMNS
    ),
)


def check(data: Path, progress: Progress | None = None) -> list[str]:
    """Verify the store in *data* and return its faults, one sentence each; none means that all is well.

    Reads every byte of every blob.

    Raises:
        StoreError: there is no store, or it cannot be opened.
    """
    data = Path(data)
    if not (data / "library.db").is_file():
        raise StoreError(f"there is no store in {data}")
    store = open_store(data)
    try:
        return check_store(store, progress)
    finally:
        store.close()


def check_store(store: Store, progress: Progress | None = None) -> list[str]:
    """Verify an open store; see :func:`check`."""
    told = progress or _silent
    faults: list[str] = []
    try:
        faults += _credential_faults(store)
        with store.read() as connection:
            for fault in _database_faults(store, connection, told):
                faults.append(fault)  # one by one: what was found before the database fails is kept
            contents = connection.execute(_CONTENTS).fetchall()
        faults += _blob_faults(store, contents, told)
        faults += _part_faults(store)
        faults += _orphans(store)
    except sqlite3.DatabaseError as error:
        faults.append(f"the database is damaged, and what follows could not be read: {error}")
    return faults


_CONTENTS: Final = "SELECT id, sha, md5, size FROM nodes WHERE sha IS NOT NULL ORDER BY sha"


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total


def _credential_faults(store: Store) -> list[str]:
    path = credentials.path_of(store.data)
    if not path.exists():  # made when the store is served
        return []
    try:
        credentials.read(path)
    except OSError as error:
        return [str(error)]
    return [f"{path} can be read by others"] if path.stat().st_mode & 0o077 else []


def _database_faults(store: Store, connection: sqlite3.Connection, told: Progress) -> Iterator[str]:
    yield from (f"database: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok")
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} belongs to a row of {parent} that is not there"
    if connection.execute("SELECT COUNT(*) FROM nodes WHERE is_root = 1").fetchone()[0] != 1:
        yield "there is not exactly one root"
    for what, sql in _QUESTIONS:
        yield from (f"{what}: {row[0]}" for row in connection.execute(sql))
    yield from _node_faults(store, connection, told)


def _node_faults(store: Store, connection: sqlite3.Connection, told: Progress) -> Iterator[str]:
    total = connection.execute("SELECT COUNT(*) FROM nodes").fetchone()[0]
    last, done = -1, 0
    while rows := connection.execute(
        "SELECT * FROM nodes WHERE seq > ? ORDER BY seq LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        for row, body in zip(rows, _rendered(connection, store.owner_id, rows), strict=True):
            if body is None:
                yield f"node {row['id']} cannot be shown"
            elif row["body"] != body:
                yield f"stored JSON of node {row['id']} is out of date"
            if row["name"] is not None and row["name_key"] != name_key(row["name"]):
                yield f"node {row['id']} cannot be found by its name"
        last, done = rows[-1]["seq"], done + len(rows)
        told("nodes", done, total)


def _rendered(connection: sqlite3.Connection, owner_id: str, rows: Sequence[sqlite3.Row]) -> list[bytes | None]:
    """Return the JSON of nodes, ``None`` for one whose columns cannot be read."""
    try:
        return [*render(connection, owner_id, rows)]
    except (msgspec.MsgspecError, TypeError, ValueError):
        if len(rows) == 1:
            return [None]
    return [body for row in rows for body in _rendered(connection, owner_id, [row])]


def _blob_faults(store: Store, contents: list[sqlite3.Row], told: Progress) -> list[str]:
    faults: list[str] = []
    total, done = sum(row["size"] for row in contents), 0
    seen: tuple[str, str, str, int] | None = None
    for node_id, sha, md5, size in contents:
        if seen is None or seen[0] != sha:
            try:
                seen = (sha, *store.blobs.digest(sha))
            except OSError:
                seen = (sha, "", "", 0)
        if seen[1:] != (sha, md5, size) and _still(store, node_id, sha):
            what = "damaged" if seen[1] else "missing or unreadable"
            faults.append(f"content of node {node_id} is {what}")
        done += size
        told("content", done, total)
    return faults


def _still(store: Store, node_id: str, sha: str) -> bool:
    """Whether a node has this content even now, and was not purged or overwritten while we read."""
    with store.read() as connection:
        return connection.execute("SELECT 1 FROM nodes WHERE id = ? AND sha = ?", (node_id, sha)).fetchone() is not None


def _part_faults(store: Store) -> list[str]:
    with store.write() as write:  # parts are placed and removed beside transactions, so none may run meanwhile
        faults = []
        for upload_id, number, size, md5 in write.execute("SELECT upload_id, number, size, md5 FROM parts"):
            path = store.blobs.part_path(upload_id, number, md5)
            if not path.is_file() or path.stat().st_size != size:
                faults.append(f"part {number} of upload {upload_id} is missing or damaged")
        return faults


def _orphans(store: Store) -> list[str]:
    # Blobs are placed inside write transactions, so none can be on its way while this one is open.
    with store.write() as write:
        known = {
            sha for (sha,) in write.execute("SELECT sha FROM nodes WHERE sha IS NOT NULL UNION SELECT sha FROM garbage")
        }
        return [f"blob {sha} belongs to no node" for sha in store.blobs.every() if sha not in known]
