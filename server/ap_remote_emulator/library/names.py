"""Names: what the service can hold, and which one is free."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Final

from ap_remote_emulator.errors import BadRequestError, NameTakenError
from ap_remote_emulator.library.store import Sql
from ap_remote_emulator.query import name_key

MAX_NAME: Final = 256


def check_name(name: Any) -> str:
    """Return *name* if a node can have it.

    Raises:
        BadRequestError: it is not text, empty, too long, or holds ``/`` or NUL.
    """
    if not isinstance(name, str) or not name:
        raise BadRequestError("Invalid name: a name is needed")
    if len(name) > MAX_NAME:
        raise BadRequestError(f"Invalid name: longer than {MAX_NAME} characters")
    if "/" in name or "\0" in name:
        raise BadRequestError("Invalid name: '/' and NUL are not allowed")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadRequestError("Invalid name: not Unicode text") from None
    return name


def holder(sql: Sql, parent_id: str, key: str, *, other_than: str = "") -> str | None:
    """Return the id of the live child of a folder that has this name, if there is one."""
    row = sql.execute(
        "SELECT child_id FROM edges WHERE parent_id = ? AND name_key = ? AND live = 1 AND parent_kind = 'FOLDER'"
        " AND child_id <> ?",
        (parent_id, key, other_than),
    ).fetchone()
    return None if row is None else str(row[0])


def refuse_taken(sql: Sql, parent_id: str, name: str, *, other_than: str = "") -> None:
    """Make sure that a name is free in a folder.

    Raises:
        NameTakenError: it is not.
    """
    node_id = holder(sql, parent_id, name_key(name), other_than=other_than)
    if node_id is not None:
        raise NameTakenError(name, parent_id, node_id)


def free_name(sql: Sql, parent_ids: list[str], name: str, *, other_than: str = "") -> str:
    """Return *name*, or the first of ``name (1).jpg``, ``name (2).jpg``, … that is free in all these folders."""
    path = PurePosixPath(name)
    suffix = path.suffix if path.stem else ""
    stem = name[: len(name) - len(suffix)]
    candidate, number = name, 0
    while any(holder(sql, parent, name_key(candidate), other_than=other_than) for parent in parent_ids):
        number += 1
        ending = f" ({number}){suffix}"
        candidate = stem[: MAX_NAME - len(ending)] + ending
    return candidate
