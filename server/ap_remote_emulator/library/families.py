"""The family vault: photographs that the members of one family see together.

The account belongs to one family. No source covers the calls that tell its id, so here ``GET account/family`` does
(own choice), and every node in the vault shows it. A photograph of another member stands in nobody's folder here: it is
read through ``searchContext=family`` or ``all``, and by its id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

from ap_remote_emulator.errors import BadRequestError, ForbiddenError, NodeNotFoundError
from ap_remote_emulator.library.nodes import find_own, id_list
from ap_remote_emulator.library.store import Sql, Store, Write

OWN: Final = "n.id NOT IN (SELECT id FROM nodes WHERE uploader IS NOT NULL)"
"""Holds for the nodes ``n`` of the account itself. Where nobody else has any, as in most stores, it costs nothing: the
subquery is an index without entries."""
_ID_LENGTH: Final = 22


def family_id(store: Store) -> str:
    """Return the id of the account's family: always the same for one store."""
    digest = hmac.new(store.secret, b"family", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_ID_LENGTH]


def family(store: Store) -> dict[str, Any]:
    """Return the family and its members, the owner of the account first."""
    with store.read() as connection:
        return {"familyId": family_id(store), "members": [{"ownerId": each} for each in members(store, connection)]}


def members(store: Store, sql: Sql) -> list[str]:
    """Return the ids of all whose photographs are here, the owner first."""
    others = sql.execute("SELECT DISTINCT uploader FROM nodes WHERE uploader IS NOT NULL ORDER BY uploader")
    return [store.owner_id, *(row[0] for row in others)]


def archive(store: Store, body: Mapping[str, Any]) -> dict[str, Any]:
    """Put nodes into the vault, and take others out of it. Twice is once.

    Returns:
        ``errorMap``: a status code for each id that could not be done, as a purge answers (inferred).

    Raises:
        ForbiddenError: the family is another's.
        BadRequestError: the body makes no sense.
    """
    wanted = {True: id_list(body.get("nodesToAdd") or []), False: id_list(body.get("nodesToRemove") or [])}
    given = body.get("familyId")
    if not isinstance(given, str) or not given:
        raise BadRequestError("familyId is needed")
    if given != family_id(store):
        raise ForbiddenError("Not a member of this family")
    if set(wanted[True]) & set(wanted[False]):
        raise BadRequestError("A node is in nodesToAdd and in nodesToRemove")
    errors: dict[str, int] = {}
    with store.write() as write:
        for inside, ids in wanted.items():
            for node_id in ids:
                try:
                    put(store, write, node_id, inside=inside)
                except (NodeNotFoundError, ForbiddenError, BadRequestError) as error:
                    errors[node_id] = error.status
    return {"familyId": given, "errorMap": errors}


def put(store: Store, write: Write, node_id: str, *, inside: bool = True) -> None:
    """Put a photograph or a video into the vault, or take it out.

    Raises:
        NodeNotFoundError: there is no such node.
        ForbiddenError: it is another member's.
        BadRequestError: it is in the trash, or neither a photograph nor a video.
    """
    row = find_own(write, node_id)
    if inside and (row["status"] != "AVAILABLE" or row["media"] not in ("PHOTOS", "VIDEOS")):
        raise BadRequestError(f"{node_id} cannot be in the family vault")
    wanted = family_id(store) if inside else None
    if row["family_id"] != wanted:
        write.execute("UPDATE nodes SET family_id = ? WHERE id = ?", (wanted, node_id))
        write.touch(node_id)
