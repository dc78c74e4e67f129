"""Live photos: a FILE is the still, an ASSET below it is the film.

An asset goes where its file goes: into the trash, out of it, and for ever. ``nodes.asset_types`` of the file repeats
what assets it has, so that a page of files is shown without looking below each of them.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, NameTakenError
from ap_remote_emulator.library.nodes import add_edge, find
from ap_remote_emulator.library.store import Sql, Write

ASSET: Final = "ASSET"
TYPES: Final = frozenset({"LIVE_VIDEO"})
"""The asset types that the reference shows."""


def check_file(sql: Sql, file_id: str, name: str, asset_type: str) -> None:
    """Make sure that a file may have one more asset.

    One of each type is enough for a file (inferred).

    Raises:
        NodeNotFoundError: there is no such file.
        BadRequestError: it is no file, or is in the trash.
        NameTakenError: it has an asset of this type already.
    """
    row = find(sql, file_id)
    if row["kind"] != "FILE":
        raise BadRequestError(f"Invalid parent: {file_id} is not a file")
    if row["status"] != "AVAILABLE":
        raise BadRequestError(f"Invalid parent: {file_id} is not available")
    other = sql.execute(
        "SELECT n.id FROM edges e JOIN nodes n ON n.id = e.child_id"
        " WHERE e.parent_id = ? AND e.parent_kind = 'FILE' AND e.live = 1 AND n.asset_type = ?",
        (file_id, asset_type),
    ).fetchone()
    if other is not None:
        raise NameTakenError(name, file_id, other[0])


def attach(write: Write, file_id: str, asset_id: str, asset_type: str, key: str, *, live: bool) -> None:
    """Make a node an asset of a file."""
    write.execute("UPDATE nodes SET asset_type = ? WHERE id = ?", (asset_type, asset_id))
    add_edge(write, file_id, "FILE", asset_id, key, live=live)
    if live:
        recount_file(write, file_id)


def files_of(sql: Sql, row: sqlite3.Row) -> list[str]:
    """Return the files that a node is an asset of; none for any other kind."""
    if row["kind"] != ASSET:
        return []
    found = sql.execute("SELECT parent_id FROM edges WHERE child_id = ? AND parent_kind = 'FILE'", (row["id"],))
    return [parent for (parent,) in found]


def depends(row: sqlite3.Row) -> bool:
    """Whether a node is nothing without what stands above it: an asset, or an upload that has no content yet."""
    return bool(row["kind"] == ASSET or row["status"] == "PENDING")


def recount(write: Write, row: sqlite3.Row) -> None:
    """After an asset was trashed or restored by itself: let its file say what it still has."""
    for file_id in files_of(write, row):
        recount_file(write, file_id)


def recount_file(write: Write, file_id: str) -> None:
    """Let a file say what assets it has; one in the trash says what it took along."""
    types = [
        asset_type
        for (asset_type,) in write.execute(
            "SELECT DISTINCT a.asset_type FROM edges e JOIN nodes a ON a.id = e.child_id"
            " JOIN nodes f ON f.id = e.parent_id"
            " WHERE e.parent_id = ? AND e.parent_kind = 'FILE' AND +a.status = f.status ORDER BY 1",
            (file_id,),
        )
    ]
    text = msgspec.json.encode(types).decode() if types else None
    changed = write.execute(
        "UPDATE nodes SET asset_types = ? WHERE id = ? AND asset_types IS NOT ?",
        (text, file_id, text),
    ).rowcount
    if changed:
        write.touch(file_id)
