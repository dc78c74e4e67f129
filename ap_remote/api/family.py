"""The family vault: photographs that the members of a family share."""

from __future__ import annotations

from collections.abc import Sequence

from ap_remote.api import limits
from ap_remote.api._common import body
from ap_remote.errors import LimitError
from ap_remote.transport.call import Call
from ap_remote.wire.nodes import BULK, Bulk


def archive(family_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Call[Bulk]:
    """Put nodes into the vault, or take them out.

    No limit of ids is documented; that of the trash is kept (own choice). The path ends with a slash, as the one
    client that speaks of it has it.

    Raises:
        LimitError: no id, or more than 50 together.
        NotFoundError: an id that none can be.
    """
    limits.batch([*add, *remove])
    if not family_id:
        raise LimitError("the family's id is empty")
    fields = {"nodesToAdd": list(add), "nodesToRemove": list(remove), "familyId": family_id}
    return Call(
        method="POST",
        path="familyArchive/",
        json=body(fields),
        reply=BULK,
        idempotent=True,
        subject=f"family {family_id}",
    )
