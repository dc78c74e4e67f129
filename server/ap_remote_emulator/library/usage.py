"""How much the account holds."""

from __future__ import annotations

import shutil
from typing import Any, Final

from ap_remote_emulator.library.rendering import iso
from ap_remote_emulator.library.store import Store

_CLASSES: Final = """
SELECT CASE
    WHEN media = 'PHOTOS' THEN 'photo'
    WHEN media = 'VIDEOS' THEN 'video'
    WHEN content_type LIKE 'text/%' OR content_type IN ('application/pdf', 'application/rtf', 'application/msword')
        OR content_type LIKE 'application/vnd.%' THEN 'doc'
    ELSE 'other' END AS class, COUNT(*), SUM(size)
FROM nodes WHERE size IS NOT NULL AND uploader IS NULL GROUP BY class
"""


def usage(store: Store) -> dict[str, Any]:
    """Return counts and bytes by class. Photographs are not billed, as for Prime customers; trash counts.

    What other members of the family put into the vault is on their account.

    The real service computes them now and then; here they are always of this moment.
    """
    answer: dict[str, Any] = {"lastCalculated": iso(store.clock.now())}
    answer |= {name: _share(name, 0, 0) for name in ("other", "doc", "photo", "video")}
    with store.read() as connection:
        found = store.remembered(connection, ("usage",), lambda: connection.execute(_CLASSES).fetchall())
    for name, number, size in found:
        answer[name] = _share(name, size, number)
    return answer


def quota(store: Store) -> dict[str, Any]:
    """Return what the disk under the store can hold, in bytes."""
    with store.read() as connection:
        used = connection.execute("SELECT COALESCE(SUM(size), 0) FROM nodes WHERE sha IS NOT NULL").fetchone()[0]
    free = shutil.disk_usage(store.data).free
    return {"quota": used + free, "available": free, "lastCalculated": iso(store.clock.now())}


def _share(name: str, size: int, number: int) -> dict[str, dict[str, int]]:
    total = {"bytes": size, "count": number}
    return {"total": total, "billable": {"bytes": 0, "count": 0} if name == "photo" else total}
