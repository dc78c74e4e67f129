"""Making a node and changing what stands in it, each in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, ForbiddenError, PreconditionError
from ap_remote_emulator.library import local_ids, names, trash
from ap_remote_emulator.library.details import EMPTY, describe
from ap_remote_emulator.library.nodes import (
    ALBUM,
    add_edge,
    find,
    find_folder,
    find_own,
    folder_parents,
    id_list,
    insert,
    refuse_cycle,
    rename,
    root_id,
)
from ap_remote_emulator.library.rendering import etag
from ap_remote_emulator.library.store import Store, Write
from ap_remote_emulator.library.views import View, show_one
from ap_remote_emulator.query import name_key

_WRITABLE: Final = frozenset({*EMPTY, "name", "parents", "status", "collectionProperties"})
_READ_ONLY: Final = frozenset(
    {
        *("id", "kind", "ownerId", "owner", "createdBy", "createdDate", "creationDate", "modifiedDate", "version"),
        *("familyModifiedDate", "eTagResponse", "isRoot", "isShared", "exclusivelyTrashed", "recursivelyTrashed"),
        *("purgeReason", "childAssetTypeInfo", "assetProperties", "assets", "shareId", "shareURL", "tempLink"),
        *("lowResThumbnail", "contentProperties"),
    },
)
"""What the service alone says. Only for ``contentProperties`` a source has the 403; for the others it is (inferred)."""
_NO_PLACE: Final = frozenset(
    {
        *("subKinds", "parentMap", "xAccntParents", "xAccntParentMap", "things", "transforms", "restricted"),
        *("protectedFolder", "familyId", "groupPermissions", "sourceId", "symbolicNodeHeroId", "subKindProperties"),
        *("secondaryProperties", "clientProperties"),
    },
)
"""What the real service would keep and this one has no place for: a PATCH of it is refused, and not forgotten in
silence (own choice)."""


def create(store: Store, body: Mapping[str, Any], *, v2: bool, local_id: str = "") -> msgspec.Raw:
    """Make a folder or an album.

    Raises:
        BadRequestError: a field makes no sense; albums need V2.
        NodeNotFoundError: no such parent.
        NameTakenError: the folder's name is taken. Albums have no parent, so their names may repeat (inferred).
        LocalIdTakenError: the caller has made a node under this *local_id*.
    """
    kind = body.get("kind")
    if kind not in ("FOLDER", ALBUM) or (kind == ALBUM and not v2):
        raise BadRequestError(f"Invalid Kind {kind}")
    name = names.check_name(body.get("name"))
    with store.write() as write:
        local_ids.check(write, local_id)
        parents = [] if kind == ALBUM else _wanted_parents(write, body.get("parents"))
        node_id = insert(write, kind=kind, name=name, parents=parents, media="ALBUMS" if kind == ALBUM else None)
        local_ids.claim(write, local_id, node_id)
        describe(write, node_id, body)
        return show_one(store, write.connection, node_id, View())


def patch(store: Store, node_id: str, body: Mapping[str, Any], view: View, *, tag: str = "") -> msgspec.Raw:
    """Change the fields that a body names.

    Args:
        store: where.
        node_id: which node.
        body: field by field; ``eTagRequest`` is the same as *tag*.
        view: how the caller wants the answer.
        tag: the ``eTagResponse`` of the state that the caller means, ``""`` for any.

    Raises:
        NodeNotFoundError: there is no such node, or a new parent does not exist.
        NameTakenError: the new name or place is taken.
        ForbiddenError: a field that only the service writes, the root's name or place, or another member's node.
        PreconditionError: the node is in another state.
        BadRequestError: a field makes no sense.
    """
    if forbidden := _READ_ONLY & body.keys():
        raise ForbiddenError(f"{min(forbidden)} cannot be changed")
    if unknown := _NO_PLACE & body.keys():
        raise BadRequestError(f"{min(unknown)} cannot be kept here")
    with store.write() as write:
        row = _meant(write, node_id, body, view, tag)
        _apply(write, row, body)
        return show_one(store, write.connection, node_id, view)


def update(store: Store, node_id: str, body: Mapping[str, Any], view: View, *, tag: str = "") -> msgspec.Raw:
    """Replace all that a caller may write by what a body says; what it does not say is emptied.

    Its place and status stay if it does not name them, and an album its covers. What only the service writes is
    ignored, so that a node may be sent back as it was read (own choice).

    Raises:
        NodeNotFoundError: there is no such node, or a new parent does not exist.
        NameTakenError: the new name or place is taken.
        ForbiddenError: the root's name or place, or another member's node.
        PreconditionError: the node is in another state.
        BadRequestError: a field makes no sense, the name is missing, or the kind is another one.
    """
    with store.write() as write:
        row = _meant(write, node_id, body, view, tag)
        if body.get("kind", row["kind"]) != row["kind"]:
            raise BadRequestError(f"{node_id} is a {row['kind']}")
        if "name" not in body and not row["is_root"]:
            raise BadRequestError("Invalid name: a name is needed")
        _apply(write, row, {**EMPTY, **{key: value for key, value in body.items() if key in _WRITABLE}})
        return show_one(store, write.connection, node_id, view)


def _meant(write: Write, node_id: str, body: Mapping[str, Any], view: View, tag: str) -> sqlite3.Row:
    row = find_own(write, node_id, v2=view.v2)
    asked = body.get("eTagRequest") or ""
    if not isinstance(asked, str):
        raise BadRequestError("eTagRequest is text")
    wanted = {tag, asked} - {"", "*"}
    if wanted - {etag(row)}:
        raise PreconditionError("The node was changed meanwhile")
    return row


def _apply(write: Write, row: sqlite3.Row, body: Mapping[str, Any]) -> None:
    node_id, status = row["id"], body.get("status")
    if status not in (None, "AVAILABLE", "TRASH"):
        raise BadRequestError("Invalid status")
    moves = _moves(write, row, body)
    if row["is_root"] and ("name" in body or moves):
        raise ForbiddenError("The root folder can neither be renamed nor moved")
    if status == "TRASH":
        trash.trash(write, node_id)
    # A node leaves the trash before it is moved, which it could not be there, but after it got a name that is free.
    if status == "AVAILABLE" and moves:
        trash.restore(write, node_id, rename_taken=False)
    if status is None or body.keys() & (_WRITABLE - {"status"}):
        write.touch(node_id)
    if moves:
        if find(write, node_id)["status"] != "AVAILABLE":
            raise BadRequestError("A node in the trash cannot be moved")
        _place(write, row, _wanted_parents(write, body["parents"]), name=body.get("name"))
    if "name" in body:
        rename(write, node_id, names.check_name(body["name"]))
    describe(write, node_id, body)
    if status == "AVAILABLE" and not moves:
        trash.restore(write, node_id, rename_taken=False)


def _moves(write: Write, row: sqlite3.Row, body: Mapping[str, Any]) -> bool:
    """Whether the folders that a body names are others than those that the node has."""
    if "parents" not in body:
        return False
    wanted = id_list(body["parents"])
    if not wanted and row["kind"] != ALBUM and not row["is_root"]:
        raise BadRequestError("At least one parent is needed")
    return set(wanted) != set(folder_parents(write, row["id"]))


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
    if row["kind"] not in ("FILE", "FOLDER"):
        raise BadRequestError(f"The parents of a {row['kind']} cannot be changed")
    for parent in wanted:
        if parent not in current:
            refuse_cycle(write, parent, row)
            names.refuse_taken(write, parent, final, other_than=row["id"])
    for parent in set(current) - set(wanted):
        write.execute("DELETE FROM edges WHERE parent_id = ? AND child_id = ?", (parent, row["id"]))
    for parent in wanted:
        if parent not in current:
            add_edge(write, parent, "FOLDER", row["id"], name_key(final), live=True)
