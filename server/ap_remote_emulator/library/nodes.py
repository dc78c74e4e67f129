"""One node at a time: finding it, making it, and its places in the tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, ForbiddenError, NameTakenError, NodeNotFoundError
from ap_remote_emulator.library import names
from ap_remote_emulator.library.store import SERVICE, Sql, Store, Write, new_id
from ap_remote_emulator.library.views import View, show_one
from ap_remote_emulator.query import name_key

ALBUM: Final = "VISUAL_COLLECTION"


def find(sql: Sql, node_id: str, *, v2: bool = True) -> sqlite3.Row:
    """Return a node's row.

    Raises:
        NodeNotFoundError: there is none, or it is an album and the caller did not ask for V2.
    """
    try:
        row: sqlite3.Row | None = sql.execute("SELECT * FROM nodes WHERE id = ?", (node_id,)).fetchone()
    except UnicodeEncodeError:
        row = None
    if row is None or (row["kind"] == ALBUM and not v2):
        raise NodeNotFoundError(node_id)
    return row


def find_own(sql: Sql, node_id: str, *, v2: bool = True) -> sqlite3.Row:
    """Return the row of a node that the account may change.

    Raises:
        NodeNotFoundError: as :func:`find`.
        ForbiddenError: it is another family member's, who lets it be seen and nothing else (inferred).
    """
    row = find(sql, node_id, v2=v2)
    if row["uploader"] is not None:
        raise ForbiddenError(f"{node_id} is another member's")
    return row


def find_folder(sql: Sql, node_id: str) -> sqlite3.Row:
    """Return the row of a folder that may receive children.

    Raises:
        NodeNotFoundError: there is no such node.
        BadRequestError: it is no folder, or is in the trash.
    """
    row = find(sql, node_id)
    if row["kind"] != "FOLDER":
        raise BadRequestError(f"Invalid parent: {node_id} is not a folder")
    if row["status"] != "AVAILABLE":
        raise BadRequestError(f"Invalid parent: {node_id} is in the trash")
    return row


def root_id(sql: Sql) -> str:
    """Return the id of the root folder."""
    return str(sql.execute("SELECT id FROM nodes WHERE is_root = 1").fetchone()[0])


def folder_parents(write: Write, node_id: str) -> list[str]:
    """Return the ids of the folders that hold a node, oldest membership first."""
    rows = write.execute(
        "SELECT parent_id FROM edges WHERE child_id = ? AND parent_kind = 'FOLDER' ORDER BY added",
        (node_id,),
    )
    return [row[0] for row in rows]


def get(store: Store, node_id: str, view: View) -> msgspec.Raw:
    """Return one node, trashed or not.

    Raises:
        NodeNotFoundError: there is none.
    """
    with store.read() as connection:
        find(connection, node_id, v2=view.v2)
        return show_one(store, connection, node_id, view)


def insert(write: Write, *, kind: str, name: str, parents: Sequence[str], media: str | None = None) -> str:
    """Make a node without content and return its id.

    Raises:
        NameTakenError: the name is taken in one of the parents.
    """
    for parent in parents:
        names.refuse_taken(write, parent, name)
    node_id = new_id()
    write.execute(
        "INSERT INTO nodes (id, kind, name, name_key, status, created, modified, seq, created_by, media)"
        " VALUES (?, ?, ?, ?, 'AVAILABLE', ?, ?, ?, ?, ?)",
        (node_id, kind, name, name_key(name), write.now, write.now, write.next_seq(), SERVICE, media),
    )
    for parent in parents:
        add_edge(write, parent, "FOLDER", node_id, name_key(name), live=True)
    return node_id


def make_path(write: Write, *path: str) -> str:
    """Return the id of a folder below the root, made with all its ancestors where it is missing."""
    folder = root_id(write)
    for name in path:
        node_id = names.holder(write, folder, name_key(name))
        if node_id is not None and find(write, node_id)["kind"] != "FOLDER":
            raise NameTakenError(name, folder, node_id)
        folder = node_id or insert(write, kind="FOLDER", name=name, parents=[folder])
    return folder


def rename(write: Write, node_id: str, name: str) -> None:
    """Give a node another name everywhere it stands. In the trash names need not be unique.

    Raises:
        NameTakenError: a live sibling has the name.
    """
    if find(write, node_id)["status"] == "AVAILABLE":
        for parent in folder_parents(write, node_id):
            names.refuse_taken(write, parent, name, other_than=node_id)
    key = name_key(name)
    write.execute("UPDATE nodes SET name = ?, name_key = ? WHERE id = ?", (name, key, node_id))
    write.execute("UPDATE edges SET name_key = ? WHERE child_id = ?", (key, node_id))


def change_children(store: Store, parent_id: str, body: Mapping[str, Any], view: View) -> msgspec.Raw:
    """Add nodes to an album or a folder, or take them out; return the parent.

    Raises:
        NodeNotFoundError: a node does not exist; then nothing was changed.
        ForbiddenError: a child is another member's.
        NameTakenError: a folder already has a child of that name.
        BadRequestError: the body makes no sense.
    """
    op, ids = body.get("op"), id_list(body.get("value"))
    if op not in ("add", "remove"):
        raise BadRequestError("Invalid op: add or remove is needed")
    with store.write() as write:
        parent = find(write, parent_id, v2=view.v2)
        if parent["kind"] not in ("FOLDER", ALBUM):
            raise BadRequestError(f"{parent_id} cannot have children")
        for node_id in ids:
            child = find_own(write, node_id)
            if op == "add":
                add_child(write, parent, child)
            else:
                remove_child(write, parent, child)
        if ids:
            write.touch(parent_id)
        return show_one(store, write.connection, parent_id, view)


def add_child(write: Write, parent: sqlite3.Row, child: sqlite3.Row) -> None:
    """Put a node into one more album or folder; twice is once."""
    if is_child(write, parent["id"], child["id"]):
        return
    if parent["kind"] == ALBUM:
        if child["kind"] != "FILE":
            raise BadRequestError(f"{child['id']} cannot be in an album")
    else:
        find_folder(write, parent["id"])
        if child["kind"] not in ("FILE", "FOLDER"):
            raise BadRequestError(f"{child['id']} cannot be in a folder")
        refuse_cycle(write, parent["id"], child)
        if child["status"] == "AVAILABLE":
            names.refuse_taken(write, parent["id"], child["name"])
    add_edge(
        write,
        parent["id"],
        parent["kind"],
        child["id"],
        child["name_key"],
        live=child["status"] == "AVAILABLE",
    )
    write.touch(child["id"])


def remove_child(write: Write, parent: sqlite3.Row, child: sqlite3.Row) -> None:
    """Take a node out of an album or a folder.

    A node that loses its last folder goes to the root; the sources disagree, and an orphan would be lost to its owner.
    """
    if not is_child(write, parent["id"], child["id"]):
        return
    if parent["kind"] == "FOLDER" and not _other_place(write, parent["id"], child):
        root = root_id(write)
        if parent["id"] == root:
            raise BadRequestError(f"{child['id']} has no other parent")
        if child["status"] == "AVAILABLE":
            names.refuse_taken(write, root, child["name"])
        if not is_child(write, root, child["id"]):
            add_edge(write, root, "FOLDER", child["id"], child["name_key"], live=child["status"] == "AVAILABLE")
    write.execute("DELETE FROM edges WHERE parent_id = ? AND child_id = ?", (parent["id"], child["id"]))
    if parent["kind"] == ALBUM:
        drop_cover(write, parent["id"], child["id"])
    write.touch(child["id"])


def drop_cover(write: Write, album_id: str, node_id: str) -> None:
    """Let an album have covers other than this node, which leaves it."""
    text = find(write, album_id)["covers"]
    covers = msgspec.json.decode(text, type=list[dict[str, Any]]) if text else []
    left = [cover for cover in covers if cover["id"] != node_id]
    if len(left) < len(covers):
        kept = msgspec.json.encode(left).decode() if left else None
        write.execute("UPDATE nodes SET covers = ? WHERE id = ?", (kept, album_id))
        write.touch(album_id)


def put_child(store: Store, parent_id: str, child_id: str, view: View) -> msgspec.Raw:
    """Give a node one more parent; return the node. In the trash as well, on which rclone relies.

    Raises:
        NodeNotFoundError: a node does not exist.
        ForbiddenError: the child is another member's.
        NameTakenError: the folder already has a child of that name.
        BadRequestError: the parent cannot have this child, or is in the trash.
    """
    with store.write() as write:
        parent = find(write, parent_id, v2=view.v2)
        if parent["kind"] not in ("FOLDER", ALBUM):
            raise BadRequestError(f"{parent_id} cannot have children")
        child = find_own(write, child_id)
        add_child(write, parent, child)
        return show_one(store, write.connection, child_id, view)


def delete_child(store: Store, parent_id: str, child_id: str, view: View) -> msgspec.Raw:
    """Take one parent from a node, in the trash as well; return the node. Doing it twice is doing it once (own choice).

    Raises:
        NodeNotFoundError: a node does not exist.
        ForbiddenError: the child is another member's.
        NameTakenError: it was the last folder, and in the root the name is taken.
        BadRequestError: the root is its last folder.
    """
    with store.write() as write:
        parent, child = find(write, parent_id, v2=view.v2), find_own(write, child_id)
        if parent["kind"] not in ("FOLDER", ALBUM):
            raise BadRequestError(f"{parent_id} has no children that could be taken out")
        remove_child(write, parent, child)
        return show_one(store, write.connection, child_id, view)


def move(store: Store, new_parent: str, body: Mapping[str, Any], view: View) -> msgspec.Raw:
    """Replace one folder of a node by another, leaving its other parents alone; return the node.

    Raises:
        NodeNotFoundError: a node does not exist.
        ForbiddenError: the child is another member's.
        NameTakenError: the new folder has a child of that name.
        BadRequestError: the node is in the trash, or not in ``fromParent``.
    """
    from_parent, child_id = body.get("fromParent"), body.get("childId")
    if not isinstance(from_parent, str) or not isinstance(child_id, str):
        raise BadRequestError("fromParent and childId are needed")
    with store.write() as write:
        target = find_folder(write, new_parent)
        child = find_own(write, child_id, v2=view.v2)
        if child["status"] != "AVAILABLE":
            raise BadRequestError("A node in the trash cannot be moved")
        if not is_child(write, from_parent, child_id):
            raise BadRequestError(f"{child_id} is not a child of {from_parent}")
        if new_parent != from_parent:
            add_child(write, target, child)
            write.execute("DELETE FROM edges WHERE parent_id = ? AND child_id = ?", (from_parent, child_id))
            write.touch(child_id)
        return show_one(store, write.connection, child_id, view)


def add_edge(write: Write, parent_id: str, parent_kind: str, child_id: str, key: str | None, *, live: bool) -> None:
    """Make a node the child of another; the caller has made sure that it may be."""
    write.execute(
        "INSERT INTO edges (parent_id, child_id, parent_kind, added, name_key, live) VALUES (?, ?, ?, ?, ?, ?)",
        (parent_id, child_id, parent_kind, write.next_seq(), key, int(live)),
    )


def set_tags(write: Write, node_id: str, category: str, values: Sequence[str]) -> None:
    """Replace a node's tags of one category."""
    write.execute("DELETE FROM tags WHERE category = ? AND node_id = ?", (category, node_id))
    for value in values:
        write.execute("INSERT OR IGNORE INTO tags VALUES (?, ?, ?)", (category, value, node_id))


def id_list(value: Any) -> list[str]:
    """Return a JSON list of ids.

    Raises:
        BadRequestError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRequestError("A list of node ids is needed")
    return list(dict.fromkeys(value))


def _other_place(write: Write, parent_id: str, child: sqlite3.Row) -> bool:
    """Whether a node has another folder; for what is alive one in the trash does not count."""
    others = [find(write, other) for other in folder_parents(write, child["id"]) if other != parent_id]
    return any(child["status"] != "AVAILABLE" or other["status"] == "AVAILABLE" for other in others)


def is_child(write: Write, parent_id: str, child_id: str) -> bool:
    """Whether a node is directly in a folder or an album."""
    sql = "SELECT 1 FROM edges WHERE parent_id = ? AND child_id = ?"
    return write.execute(sql, (parent_id, child_id)).fetchone() is not None


def refuse_cycle(write: Write, parent_id: str, child: sqlite3.Row) -> None:
    """Make sure that a node is not put below itself.

    Raises:
        BadRequestError: it would be.
    """
    above = write.execute(
        "WITH RECURSIVE up (id) AS (SELECT ? UNION SELECT e.parent_id FROM edges e JOIN up ON e.child_id = up.id)"
        " SELECT 1 FROM up WHERE id = ?",
        (parent_id, child["id"]),
    ).fetchone()
    if above is not None:
        raise BadRequestError("A folder cannot be moved into itself")
