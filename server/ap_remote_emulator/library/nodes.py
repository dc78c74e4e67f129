"""One node at a time: reading, making, changing, and its places in the tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import (
    BadRequestError,
    ForbiddenError,
    NameTakenError,
    NodeNotFoundError,
    PreconditionError,
)
from ap_remote_emulator.library import names
from ap_remote_emulator.library.rendering import etag
from ap_remote_emulator.library.store import SERVICE, Sql, Store, Write, new_id
from ap_remote_emulator.library.views import View, show_one
from ap_remote_emulator.query import name_key

ALBUM: Final = "VISUAL_COLLECTION"
MAX_LABELS: Final = 10
MAX_LABEL: Final = 256
MAX_DESCRIPTION: Final = 500


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


def create(store: Store, body: Mapping[str, Any], *, v2: bool) -> msgspec.Raw:
    """Make a folder or an album.

    Raises:
        BadRequestError: a field makes no sense; albums need V2.
        NodeNotFoundError: no such parent.
        NameTakenError: the folder's name is taken. Albums have no parent, so their names may repeat (inferred).
    """
    kind = body.get("kind")
    if kind not in ("FOLDER", ALBUM) or (kind == ALBUM and not v2):
        raise BadRequestError(f"Invalid Kind {kind}")
    name = names.check_name(body.get("name"))
    with store.write() as write:
        parents = [] if kind == ALBUM else _wanted_parents(write, body.get("parents"))
        node_id = insert(write, kind=kind, name=name, parents=parents, media="ALBUMS" if kind == ALBUM else None)
        _describe(write, node_id, body)
        return show_one(store, write.connection, node_id, View())


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


def patch(store: Store, node_id: str, body: Mapping[str, Any], view: View) -> msgspec.Raw:
    """Change what a caller may change: name, description, labels, parents, settings.

    Raises:
        NodeNotFoundError: there is no such node, or a new parent does not exist.
        NameTakenError: the new name or place is taken.
        ForbiddenError: the content's properties, or the root's name or place.
        PreconditionError: ``eTagRequest`` names another state.
        BadRequestError: a field makes no sense.
    """
    if "contentProperties" in body:
        raise ForbiddenError("contentProperties cannot be changed")
    with store.write() as write:
        row = find(write, node_id, v2=view.v2)
        if body.get("eTagRequest") not in (None, etag(row)):
            raise PreconditionError("The node was changed meanwhile")
        if row["is_root"] and ("name" in body or "parents" in body):
            raise ForbiddenError("The root folder can neither be renamed nor moved")
        write.touch(node_id)
        if "parents" in body:
            if row["status"] != "AVAILABLE":
                raise BadRequestError("A node in the trash cannot be moved")
            _place(write, row, _wanted_parents(write, body["parents"]), name=body.get("name"))
        if "name" in body:
            rename(write, node_id, names.check_name(body["name"]))
        _describe(write, node_id, body)
        return show_one(store, write.connection, node_id, view)


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
            child = find(write, node_id)
            if op == "add":
                add_child(write, parent, child)
            else:
                remove_child(write, parent, child)
        if ids:
            write.touch(parent_id)
        return show_one(store, write.connection, parent_id, view)


def add_child(write: Write, parent: sqlite3.Row, child: sqlite3.Row) -> None:
    """Put a node into one more album or folder; twice is once."""
    if _edge(write, parent["id"], child["id"]):
        return
    if parent["kind"] == ALBUM:
        if child["kind"] != "FILE":
            raise BadRequestError(f"{child['id']} cannot be in an album")
    else:
        find_folder(write, parent["id"])
        _refuse_cycle(write, parent["id"], child)
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
    if not _edge(write, parent["id"], child["id"]):
        return
    if parent["kind"] == "FOLDER" and not _other_place(write, parent["id"], child):
        root = root_id(write)
        if parent["id"] == root:
            raise BadRequestError(f"{child['id']} has no other parent")
        if child["status"] == "AVAILABLE":
            names.refuse_taken(write, root, child["name"])
        if not _edge(write, root, child["id"]):
            add_edge(write, root, "FOLDER", child["id"], child["name_key"], live=child["status"] == "AVAILABLE")
    write.execute("DELETE FROM edges WHERE parent_id = ? AND child_id = ?", (parent["id"], child["id"]))
    write.touch(child["id"])


def move(store: Store, new_parent: str, body: Mapping[str, Any], view: View) -> msgspec.Raw:
    """Replace one folder of a node by another, leaving its other parents alone; return the node.

    Raises:
        NodeNotFoundError: a node does not exist.
        NameTakenError: the new folder has a child of that name.
        BadRequestError: the node is in the trash, or not in ``fromParent``.
    """
    from_parent, child_id = body.get("fromParent"), body.get("childId")
    if not isinstance(from_parent, str) or not isinstance(child_id, str):
        raise BadRequestError("fromParent and childId are needed")
    with store.write() as write:
        target = find_folder(write, new_parent)
        child = find(write, child_id, v2=view.v2)
        if child["status"] != "AVAILABLE":
            raise BadRequestError("A node in the trash cannot be moved")
        if not _edge(write, from_parent, child_id):
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


def _edge(write: Write, parent_id: str, child_id: str) -> bool:
    sql = "SELECT 1 FROM edges WHERE parent_id = ? AND child_id = ?"
    return write.execute(sql, (parent_id, child_id)).fetchone() is not None


def _wanted_parents(write: Write, wanted: Any) -> list[str]:
    ids = id_list(wanted) if wanted is not None else [root_id(write)]
    if not ids:
        raise BadRequestError("At least one parent is needed")
    for node_id in ids:
        find_folder(write, node_id)
    return ids


def _place(write: Write, row: sqlite3.Row, wanted: Sequence[str], *, name: Any) -> None:
    """Replace all folders of a node; its albums stay (what the real service does is unknown)."""
    final = row["name"] if name is None else names.check_name(name)
    current = folder_parents(write, row["id"])
    if row["kind"] == ALBUM:
        raise BadRequestError("An album has no parents")
    for parent in wanted:
        if parent not in current:
            _refuse_cycle(write, parent, row)
            names.refuse_taken(write, parent, final, other_than=row["id"])
    for parent in set(current) - set(wanted):
        write.execute("DELETE FROM edges WHERE parent_id = ? AND child_id = ?", (parent, row["id"]))
    for parent in wanted:
        if parent not in current:
            add_edge(write, parent, "FOLDER", row["id"], name_key(final), live=True)


def _refuse_cycle(write: Write, parent_id: str, child: sqlite3.Row) -> None:
    above = write.execute(
        "WITH RECURSIVE up (id) AS (SELECT ? UNION SELECT e.parent_id FROM edges e JOIN up ON e.child_id = up.id)"
        " SELECT 1 FROM up WHERE id = ?",
        (parent_id, child["id"]),
    ).fetchone()
    if above is not None:
        raise BadRequestError("A folder cannot be moved into itself")


def _describe(write: Write, node_id: str, body: Mapping[str, Any]) -> None:
    if "description" in body:
        description = body["description"]
        if description is not None and (not isinstance(description, str) or len(description) > MAX_DESCRIPTION):
            raise BadRequestError(f"A description is text of at most {MAX_DESCRIPTION} characters")
        write.execute("UPDATE nodes SET description = ? WHERE id = ?", (description, node_id))
    if "labels" in body:
        labels = body["labels"]
        if (
            not isinstance(labels, list)
            or len(labels) > MAX_LABELS
            or not all(isinstance(label, str) and len(label) <= MAX_LABEL for label in labels)
        ):
            raise BadRequestError(f"labels are at most {MAX_LABELS} texts of at most {MAX_LABEL} characters")
        write.execute("UPDATE nodes SET labels = ? WHERE id = ?", (msgspec.json.encode(labels).decode(), node_id))
        set_tags(write, node_id, "label", labels)
    settings = body.get("settings")
    if settings is not None:
        if not isinstance(settings, dict) or not all(isinstance(settings.get(key, False), bool) for key in _SETTINGS):
            raise BadRequestError("settings has the booleans favorite and hidden")
        for key in _SETTINGS:
            if key in settings:
                sql = f"UPDATE nodes SET {key} = ? WHERE id = ?"  # noqa: S608 - one of the two names below
                write.execute(sql, (int(settings[key]), node_id))


_SETTINGS: Final = ("favorite", "hidden")
