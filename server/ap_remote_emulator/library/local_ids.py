"""``localId``: the caller's own name for a creation, which a second attempt repeats.

A purge gives the name free again (own choice).
"""

from __future__ import annotations

from typing import Final

from ap_remote_emulator.errors import BadRequestError, LocalIdTakenError
from ap_remote_emulator.library.store import Sql, Write

MAX_LENGTH: Final = 256
"""Characters (own choice)."""


def check(sql: Sql, local_id: str) -> None:
    """Make sure that a local id is new; ``""`` is none.

    Raises:
        LocalIdTakenError: a node was made with it.
        BadRequestError: it is too long, or not Unicode text.
    """
    if not local_id:
        return
    if len(local_id) > MAX_LENGTH:
        raise BadRequestError(f"Invalid localId: longer than {MAX_LENGTH} characters")
    try:
        row = sql.execute(
            "SELECT l.node_id FROM local_ids l JOIN nodes n ON n.id = l.node_id WHERE l.local_id = ?",
            (local_id,),
        ).fetchone()
    except UnicodeEncodeError:
        raise BadRequestError("Invalid localId: not Unicode text") from None
    if row is not None:
        raise LocalIdTakenError(local_id, row[0])


def claim(write: Write, local_id: str, node_id: str) -> None:
    """Keep a local id, which :func:`check` found to be new, for a node."""
    if local_id:
        write.execute("INSERT OR REPLACE INTO local_ids VALUES (?, ?)", (local_id, node_id))
