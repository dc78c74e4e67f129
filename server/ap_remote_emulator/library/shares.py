"""Shares: a link that lets whoever has it see some nodes, and nothing else.

A share is a node of kind ``SHARED_COLLECTION`` whose children are what was shared: files, folders and albums with
everything below them. It is over once its node is trashed. A group's share has a secret beside its id. No source knows
the call that makes one; here it is made by :func:`create` alone, which no door of the protocol leads to (own choice).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, ShareNotFoundError
from ap_remote_emulator.library import names
from ap_remote_emulator.library.nodes import ALBUM, add_edge, find, insert
from ap_remote_emulator.library.rendering import iso
from ap_remote_emulator.library.store import Sql, Store, Write, new_id

SHARE: Final = "SHARED_COLLECTION"
_SHAREABLE: Final = frozenset({"FILE", "FOLDER", ALBUM})
_UP: Final = """
WITH RECURSIVE up (id) AS (
    SELECT n.id FROM nodes n WHERE n.id = ? AND n.status = 'AVAILABLE'
    UNION SELECT e.parent_id FROM edges e JOIN up ON e.child_id = up.id WHERE e.live = 1
) SELECT 1 FROM up WHERE id = ?
"""
"""Only edges to what is not in the trash are climbed, and the share itself must not be there either."""
_DOWN: Final = (
    "n.id IN (WITH RECURSIVE down (id) AS (SELECT child_id FROM edges WHERE parent_id {root} AND live = 1"
    " UNION SELECT e.child_id FROM edges e JOIN down ON e.parent_id = down.id WHERE e.live = 1) SELECT id FROM down)"
)
IN_ONE: Final = _DOWN.format(root="= ?")
"""Holds for the nodes ``n`` below the node that is the parameter."""
IN_GROUPS: Final = _DOWN.format(
    root="IN (SELECT s.node_id FROM shares s JOIN nodes r ON r.id = s.node_id"
    " WHERE s.secret IS NOT NULL AND r.status = 'AVAILABLE')",
)
"""Holds for the nodes ``n`` that are shared with any group."""


class Share(msgspec.Struct, frozen=True):
    """A share that is open.

    Attributes:
        id: its own id, a group's id for a group's share.
        node_id: its ``SHARED_COLLECTION``.
        secret: of a group's link.
        created: milliseconds since 1970 UTC.
    """

    id: str
    node_id: str
    secret: str | None
    created: int

    @property
    def group_token(self) -> str:
        """``groupShareToken`` of a group's share."""
        return f"{self.id}.{self.secret}"

    def __repr__(self) -> str:
        """Show where it begins; its id and its secret open it."""
        return f"Share(node_id={self.node_id!r})"


def create(
    write: Write,
    node_ids: Sequence[str],
    *,
    name: str = "Shared",
    group: bool = False,
    share_id: str = "",
    secret: str = "",
) -> Share:
    """Share nodes.

    Args:
        write: the transaction.
        node_ids: files, folders, albums.
        name: of the collection.
        group: with a group: its link has a secret.
        share_id: the id it shall have; a fresh one by default.
        secret: the secret it shall have; a fresh one by default.

    Raises:
        NodeNotFoundError: there is no such node.
        BadRequestError: nothing to share, the root, what is in the trash or another member's, or an id that is taken.
    """
    if not node_ids:
        raise BadRequestError("A share needs at least one node")
    share_id = share_id or new_id()
    if not share_id.isascii() or not share_id.isprintable() or "." in share_id or "/" in share_id:
        raise BadRequestError("Invalid shareId")
    if write.execute("SELECT 1 FROM shares WHERE id = ?", (share_id,)).fetchone() is not None:
        raise BadRequestError("This shareId is taken")
    root = insert(write, kind=SHARE, name=names.check_name(name), parents=[])
    for node_id in dict.fromkeys(node_ids):
        row = find(write, node_id)
        if row["is_root"] or row["kind"] not in _SHAREABLE or row["status"] != "AVAILABLE" or row["uploader"]:
            raise BadRequestError(f"{node_id} cannot be shared")
        add_edge(write, root, SHARE, node_id, row["name_key"], live=True)
        write.touch(node_id)
    share = Share(share_id, root, (secret or secrets.token_urlsafe(24)) if group else None, write.now)
    write.execute("INSERT INTO shares VALUES (?, ?, ?, ?)", (share.id, share.node_id, share.secret, share.created))
    return share


def find_share(sql: Sql, share_id: str) -> Share:
    """Return an open share.

    Raises:
        ShareNotFoundError: there is none, or it is over.
    """
    try:
        row = sql.execute(
            "SELECT s.id, s.node_id, s.secret, s.created FROM shares s JOIN nodes n ON n.id = s.node_id"
            " WHERE s.id = ? AND n.status = 'AVAILABLE'",
            (share_id,),
        ).fetchone()
    except UnicodeEncodeError:
        row = None
    if row is None:
        raise ShareNotFoundError(share_id)
    return Share(*row)


def open_plain(sql: Sql, share_id: str) -> Share:
    """Return the share that a plain link opens; a group's needs its secret.

    Raises:
        ShareNotFoundError: it opens none.
    """
    share = find_share(sql, share_id)
    if share.secret is not None:
        raise ShareNotFoundError(share_id)
    return share


def open_group(sql: Sql, token: str) -> Share:
    """Return the share that a ``groupShareToken`` opens: ``{groupId}.{secret}``.

    Raises:
        ShareNotFoundError: it opens none.
    """
    group_id, _, secret = token.partition(".")
    share = find_share(sql, group_id)
    if share.secret is None or not hmac.compare_digest(share.secret.encode(), secret.encode("utf-8", "replace")):
        raise ShareNotFoundError(group_id)
    return share


def holds(sql: Sql, share: Share, node_id: str) -> bool:
    """Whether a node is the share's own or somewhere below it, and not in the trash."""
    try:
        return sql.execute(_UP, (node_id, share.node_id)).fetchone() is not None
    except UnicodeEncodeError:
        return False


def show(store: Store, share_id: str, base: str) -> dict[str, Any]:
    """Return what ``GET shares/{shareId}`` tells.

    Args:
        store: where it is.
        share_id: which.
        base: the origin that the caller reached us at.

    Raises:
        ShareNotFoundError: there is none.
    """
    with store.read() as connection:
        share = find_share(connection, share_id)
        row = find(connection, share.node_id)
    page = f"groups/share/{share.group_token}" if share.secret is not None else f"share/{share.id}"
    return {
        "shareId": share.id,
        "shareURL": f"{base}/photos/{page}",
        "nodeInfo": {
            "id": row["id"],
            "kind": row["kind"],
            "name": row["name"],
            "version": row["version"],
            "createdDate": iso(row["created"]),
            "modifiedDate": iso(row["modified"]),
        },
        "creationDate": iso(share.created),
        "statusCode": 200,
    }
