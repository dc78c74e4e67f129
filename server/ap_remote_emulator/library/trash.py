"""Trash and purge. Trash is a status, not a place; purging is for ever.

A node remembers which trashing took it along (``trash_root``), so that restoring a folder brings back what went with it
and not what had been trashed before by itself.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, ForbiddenError, NameTakenError, NodeNotFoundError
from ap_remote_emulator.library import assets, names
from ap_remote_emulator.library.nodes import (
    ALBUM,
    add_edge,
    drop_cover,
    find,
    find_own,
    folder_parents,
    id_list,
    rename,
    root_id,
)
from ap_remote_emulator.library.store import Sql, Store, Write
from ap_remote_emulator.library.views import View, show, show_one

log: Final = logging.getLogger(__name__)
MAX_BATCH: Final = 50
_DAY_MS: Final = 86_400_000
_DESCENDANTS: Final = """
WITH RECURSIVE down (id) AS (
    SELECT value FROM json_each(?)
    UNION SELECT e.child_id FROM edges e JOIN down ON e.parent_id = down.id WHERE e.parent_kind IN ('FOLDER', 'FILE')
) SELECT id FROM down
"""
_OUTLIVED: Final = """
SELECT n.id FROM nodes n LEFT JOIN nodes r ON r.id = n.trash_root AND r.status = 'TRASH'
WHERE n.status = 'TRASH' AND n.modified < ?1 AND COALESCE(r.modified, n.modified) < ?1 LIMIT 1000
"""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What may be set about the trash; kept in the store.

    Attributes:
        strict_purge: only what is in the trash can be purged. The sources disagree; by default everything can.
        retention_days: days after their last change that nodes stay in the trash; 0 is for ever.
    """

    strict_purge: bool = False
    retention_days: int = 30


def rules(sql: Sql) -> Rules:
    """Return the rules that hold."""
    row = sql.execute("SELECT value FROM meta WHERE key = 'trash_rules'").fetchone()
    return Rules() if row is None else msgspec.json.decode(row[0], type=Rules)


def set_rules(store: Store, wanted: Rules) -> None:
    """Let other rules hold from now on."""
    with store.write() as write:
        text = msgspec.json.encode(wanted).decode()
        write.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('trash_rules', ?)", (text,))


def batch(value: Any) -> list[str]:
    """Return a list of at most 50 ids.

    Raises:
        BadRequestError: it is something else.
    """
    ids = id_list(value)
    if len(ids) > MAX_BATCH:
        raise BadRequestError(
            f"1 validation error detected: Member must have length less than or equal to {MAX_BATCH}",
        )
    return ids


def change(store: Store, body: Mapping[str, Any]) -> dict[str, Any]:
    """Trash (``op`` is ``add``) or restore (``remove``) nodes; all of them or none.

    Returns:
        The nodes named, as they are now. The real answer is in no source, so this one is (inferred).

    Raises:
        NodeNotFoundError: one of them does not exist.
        ForbiddenError: the root is among them, or another member's node.
        NameTakenError: a place is taken and ``conflictResolution`` is not ``RENAME``.
        BadRequestError: the body makes no sense, or names more than 50.
    """
    ids, op = batch(body.get("value")), body.get("op")
    if op not in ("add", "remove"):
        raise BadRequestError("Invalid op: add or remove is needed")
    with store.write() as write:
        for node_id in ids:
            if op == "add":
                trash(write, node_id)
            else:
                restore(write, node_id, rename_taken=body.get("conflictResolution") == "RENAME")
        return {"count": len(ids), "data": show(store, write.connection, ids, View())}


def trash_one(store: Store, node_id: str, view: View) -> msgspec.Raw:
    """Trash one node and return it.

    Raises:
        NodeNotFoundError: there is none.
        ForbiddenError: it is the root, or another member's.
    """
    with store.write() as write:
        find(write, node_id, v2=view.v2)
        trash(write, node_id)
        return show_one(store, write.connection, node_id, view)


def restore_one(store: Store, node_id: str, body: Mapping[str, Any], view: View) -> msgspec.Raw:
    """Take one node out of the trash and return it.

    Raises:
        NodeNotFoundError: there is none.
        NameTakenError: its place is taken and ``conflictResolution`` is not ``RENAME``.
    """
    with store.write() as write:
        find(write, node_id, v2=view.v2)
        restore(write, node_id, rename_taken=body.get("conflictResolution") == "RENAME")
        return show_one(store, write.connection, node_id, view)


def trash(write: Write, node_id: str) -> None:
    """Trash a node and everything that lives only below it, whatever ``recurse`` says: none could be found without it.

    Trashing twice is trashing once.

    Raises:
        NodeNotFoundError: there is none.
        ForbiddenError: it is the root, or another member's.
    """
    row = find_own(write, node_id)
    if row["is_root"]:
        raise ForbiddenError("The root folder cannot be trashed")
    if row["status"] == "TRASH":
        return
    for each in _only_below(write, node_id, live=True):
        write.execute(
            "UPDATE nodes SET status = 'TRASH', trash_root = ? WHERE id = ? AND status = 'AVAILABLE'",
            (node_id, each),
        )
        write.execute("UPDATE edges SET live = 0 WHERE child_id = ?", (each,))
        write.touch(each)
    assets.recount(write, row)


def restore(write: Write, node_id: str, *, rename_taken: bool) -> None:
    """Take a node out of the trash, with what was trashed along with it.

    Folders above it that are in the trash come back as well, without their other content, so that the node is found
    where it was; a node whose folders were purged goes to the root (both inferred).

    Raises:
        NodeNotFoundError: there is none.
        ForbiddenError: it is another member's.
        NameTakenError: the place is taken and *rename_taken* is false.
    """
    row = find_own(write, node_id)
    group = row["trash_root"] or node_id
    below = [
        each for each in _descendants(write, [node_id]) if each != node_id and find(write, each)["trash_root"] == group
    ]
    if row["status"] == "TRASH":
        _revive_above(write, node_id, rename_taken=rename_taken)
        _revive(write, node_id, rename_taken=rename_taken)
    for each in below:
        _revive(write, each, rename_taken=rename_taken)
    assets.recount(write, row)


def purge(store: Store, body: Mapping[str, Any]) -> dict[str, Any]:
    """Delete nodes for ever, and their bytes with them.

    A folder takes along what was trashed with it; what is still alive below it only with ``recurse`` true (inferred).

    Returns:
        ``errorMap``: a status code for each id that was not purged.

    Raises:
        BadRequestError: the body makes no sense, or names more than 50.
    """
    ids = batch(body.get("nodeIds"))
    recurse = str(body.get("recurse", "false")).lower() == "true"
    errors: dict[str, int] = {}
    with store.write() as write:
        strict = rules(write).strict_purge
        for node_id in ids:
            try:
                _purge(write, node_id, recurse=recurse, strict=strict)
            except (NodeNotFoundError, ForbiddenError, BadRequestError) as error:
                errors[node_id] = error.status
    store.collect()
    return {"errorMap": errors}


def expire(store: Store) -> int:
    """Purge what has been in the trash for too long; return how many nodes went. Cheap when there is nothing to do."""
    with store.read() as connection:
        days = rules(connection).retention_days
        oldest = store.clock.now() - days * _DAY_MS
        if not days or connection.execute(_OUTLIVED, (oldest,)).fetchone() is None:
            return 0
    gone = 0
    while True:
        with store.write() as write:
            before = _count(write)
            for (node_id,) in write.execute(_OUTLIVED, (oldest,)).fetchall():
                _purge_outlived(write, node_id)
            removed = before - _count(write)
        gone += removed
        if not removed:
            break
    store.collect()
    return gone


def _count(write: Write) -> int:
    return int(write.execute("SELECT COUNT(*) FROM nodes").fetchone()[0])


def _purge_outlived(write: Write, node_id: str) -> None:
    if write.execute("SELECT 1 FROM nodes WHERE id = ?", (node_id,)).fetchone() is None:
        return  # it went with a folder
    try:
        _purge(write, node_id, recurse=False)
    except BadRequestError:
        # Something alive is left below it, which nobody asked to lose; it waits for that to be moved.
        log.warning("%s has outlived its time in the trash and is not empty", node_id)


def _purge(write: Write, node_id: str, *, recurse: bool, strict: bool = False) -> None:
    row = find_own(write, node_id)
    if strict and row["status"] == "AVAILABLE":
        raise BadRequestError(f"{node_id} is not in the trash")
    if row["is_root"]:
        raise ForbiddenError("The root folder cannot be purged")
    victims = [node_id]
    for each in _only_below(write, node_id, live=False):
        if each == node_id:
            continue
        child = find(write, each)
        if recurse or child["trash_root"] == node_id or assets.depends(child):
            victims.append(each)
        elif child["status"] == "AVAILABLE":
            raise BadRequestError(f"{node_id} is not empty")
    for each in victims:
        remove(write, find(write, each))


def remove(write: Write, row: sqlite3.Row) -> None:
    """Delete one node's row, leaving a tombstone for the deltas and its blob to the collector."""
    node_id = row["id"]
    children = [child for (child,) in write.execute("SELECT child_id FROM edges WHERE parent_id = ?", (node_id,))]
    for child in children:
        write.touch(child)
    files = assets.files_of(write, row)
    for (album,) in write.execute(
        "SELECT parent_id FROM edges WHERE child_id = ? AND parent_kind = ?",
        (node_id, ALBUM),
    ).fetchall():
        drop_cover(write, album, node_id)
    write.execute("DELETE FROM local_ids WHERE node_id = ?", (node_id,))
    write.execute("DELETE FROM edges WHERE child_id = ? OR parent_id = ?", (node_id, node_id))
    write.execute("DELETE FROM tags WHERE node_id = ?", (node_id,))
    write.execute("DELETE FROM nodes WHERE id = ?", (node_id,))
    write.execute(
        "INSERT OR REPLACE INTO purged VALUES (?, ?, ?, ?, ?)",
        (node_id, row["kind"], row["name"], write.next_seq(), write.now),
    )
    if row["sha"] is not None:
        write.execute("INSERT OR IGNORE INTO garbage VALUES (?)", (row["sha"],))
    for file in files:
        assets.recount_file(write, file)


def _descendants(write: Write, ids: Iterable[str]) -> list[str]:
    """Return these nodes and all below them, parents before their children as far as one path shows."""
    return [row[0] for row in write.execute(_DESCENDANTS, (msgspec.json.encode(list(ids)).decode(),))]


def _only_below(write: Write, node_id: str, *, live: bool) -> list[str]:
    """Return a node and the descendants that have no other folder to stay in.

    A folder in the trash is no place to stay for what is alive. With *live*, descendants in the trash are left out.
    """
    inside = dict.fromkeys(_descendants(write, [node_id]))
    if live:
        for each in list(inside):
            if find(write, each)["status"] != "AVAILABLE":
                del inside[each]
    changed = True
    while changed:
        changed = False
        for each in list(inside):
            if each != node_id and _stays(write, each, inside):
                del inside[each]
                changed = True
    return list(inside)


def _stays(write: Write, node_id: str, inside: Mapping[str, None]) -> bool:
    alive = find(write, node_id)["status"] == "AVAILABLE"
    parents = write.execute(
        "SELECT p.id, p.status FROM edges e JOIN nodes p ON p.id = e.parent_id"
        " WHERE e.child_id = ? AND e.parent_kind IN ('FOLDER', 'FILE')",
        (node_id,),
    )
    return any(parent not in inside and (not alive or status == "AVAILABLE") for parent, status in parents)


def _revive_above(write: Write, node_id: str, *, rename_taken: bool) -> None:
    above: list[str] = []
    row = find(write, node_id)
    while row["kind"] != ALBUM:
        parents = assets.files_of(write, row) or folder_parents(write, row["id"])
        if not parents:
            if row["kind"] != "ASSET":
                add_edge(write, root_id(write), "FOLDER", row["id"], row["name_key"], live=False)
            break
        found = [find(write, parent) for parent in parents]
        if any(parent["status"] == "AVAILABLE" for parent in found):
            break
        row = found[0]
        above.append(row["id"])
    for each in reversed(above):
        _revive(write, each, rename_taken=rename_taken)


def _revive(write: Write, node_id: str, *, rename_taken: bool) -> None:
    row = find(write, node_id)
    if row["status"] != "TRASH":
        return
    parents = folder_parents(write, node_id)
    for parent in parents:
        taken_by = names.holder(write, parent, row["name_key"], other_than=node_id)
        if taken_by is not None and not rename_taken:
            raise NameTakenError(row["name"], parent, taken_by)
        if taken_by is not None:
            rename(write, node_id, names.free_name(write, parents, row["name"], other_than=node_id))
            break
    write.execute("UPDATE nodes SET status = 'AVAILABLE', trash_root = NULL WHERE id = ?", (node_id,))
    write.execute(
        "UPDATE edges SET live = 1, name_key = (SELECT name_key FROM nodes WHERE id = ?) WHERE child_id = ?",
        (node_id, node_id),
    )
    write.touch(node_id)
