"""The ``sort`` parameter: text shaped like a list, ``['createdDate DESC']`` or ``["name ASC","modifiedDate DESC"]``.

NULLs come first ascending and last descending (SQLite's own order, so that indexes serve it); ties are broken by id in
the direction of the last key.
"""

from __future__ import annotations

import re
from typing import Final

from ap_remote_emulator.errors import BadRequestError

_DRIVE: Final = {
    "name": "n.name_key",
    "kind": "n.kind",
    "status": "n.status",
    "createdDate": "n.created",
    "modifiedDate": "n.modified",
    "contentProperties.contentDate": "n.content_date",
    "contentProperties.size": "n.size",
    "contentProperties.contentType": "n.content_type",
    "contentProperties.extension": "n.extension",
}
_SEARCH: Final = {
    "contentProperties.contentDate": "n.content_date",
    "createdDate": "n.created",
    "name": "n.name_key",
}
_KEY: Final = re.compile(r"\s*(['\"]?)([A-Za-z.]{1,64})(?:\s+(ASC|DESC))?\1\s*", re.ASCII)
_MAX_KEYS: Final = 8


def parse_drive_sort(text: str) -> str:
    """Return the ``ORDER BY`` terms for ``/nodes``, ``/trash`` and children; ``""`` for blank text.

    Raises:
        BadRequestError: an unknown key or a shape that is not a list.
    """
    return _parse(text, _DRIVE)


def parse_search_sort(text: str) -> str:
    """Return the ``ORDER BY`` terms for ``/search``; ``""`` for blank text.

    Raises:
        BadRequestError: an unknown key or a shape that is not a list.
    """
    return _parse(text, _SEARCH)


def _parse(text: str, columns: dict[str, str]) -> str:
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    if not inner.strip():
        return ""
    terms: list[str] = []
    direction = "ASC"
    for part in inner.split(","):
        match = _KEY.fullmatch(part)
        if match is None or match[2] not in columns or len(terms) == _MAX_KEYS:
            raise BadRequestError(f"Invalid sort: {text[:100]}")
        direction = match[3] or "ASC"
        terms.append(f"{columns[match[2]]} {direction}")
    return ", ".join([*terms, f"n.id {direction}"])
