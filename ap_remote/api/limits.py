"""What the service takes, checked before anything is sent [amazon-photos-api.md 12].

The figures are those of public clients and of Amazon's documents of 2015. Names are not judged here but by
:func:`ap_remote.remote.paths.check_name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ap_remote.errors import LimitError, NotFoundError
from ap_remote.query import Language, sort_fields

PAGE: Final = 200
"""Rows in a page."""
WALL: Final = 9999
"""``offset + limit`` may not exceed it on ``nodes``, ``children`` and ``trash``."""
BATCH: Final = 50
"""Ids in one call to the trash."""
LABELS: Final = 10
LABEL: Final = 256
DESCRIPTION: Final = 500
PROPERTIES: Final = 10
"""Keys of one owner on one node."""
PROPERTY_VALUE: Final = 500

_ID: Final = re.compile(r"[!-~]{1,60}")
_KEY: Final = re.compile(r"[A-Za-z0-9_]{1,50}")
_ORDER: Final = re.compile(r"\s*[\"']?\s*([\w.]+)\s+(?:ASC|DESC)\s*[\"']?\s*")


def an_id(node_id: str) -> str:
    """Return *node_id* if something could have it: 1 to 60 visible characters of ASCII, generously.

    Raises:
        NotFoundError: nothing can.
    """
    if not _ID.fullmatch(node_id):
        raise NotFoundError(f"id:{node_id}")
    return node_id


def batch(ids: Sequence[str], most: int = BATCH) -> list[str]:
    """Return the ids that go into one call.

    Raises:
        LimitError: there are more than *most*, or none.
        NotFoundError: one of them can be no id.
    """
    if not 0 < len(ids) <= most:
        raise LimitError(f"between 1 and {most} ids go into one call, not {len(ids)}")
    return [an_id(each) for each in ids]


def page(limit: int, offset: int | None, *, wall: int | None) -> None:
    """Check which rows of a listing are asked for.

    Raises:
        LimitError: no page has so many rows, or they lie beyond the wall.
    """
    if not 1 <= limit <= PAGE:
        raise LimitError(f"a page has between 1 and {PAGE} rows, not {limit}")
    if offset is None:
        return
    if offset < 0:
        raise LimitError(f"rows are skipped from 0 on, not {offset}")
    if wall is not None and offset + limit > wall:
        raise LimitError(f"offset and limit may not exceed {wall} together: {offset} + {limit}; narrow the filter")


def sort(order: str, language: Language) -> None:
    """Check an order such as ``createdDate DESC``, or a written-out list of them.

    Raises:
        LimitError: the endpoint does not sort so.
    """
    known = sort_fields(language)
    for part in order.strip().removeprefix("[").removesuffix("]").split(","):
        found = _ORDER.fullmatch(part)
        if found is None:
            raise LimitError(f"not an order: {part.strip()!r}; a field with ASC or DESC is meant")
        if found[1] not in known:
            raise LimitError(f"cannot be sorted by {found[1]!r}; known are {', '.join(known)}")


def description(text: str) -> str:
    """Return a description that a node can have.

    Raises:
        LimitError: it is too long.
    """
    if len(text) > DESCRIPTION:
        raise LimitError(f"a description has at most {DESCRIPTION} characters, not {len(text)}")
    return text


def labels(words: Sequence[str]) -> list[str]:
    """Return labels that a node can have.

    Raises:
        LimitError: there are too many, or one is empty or too long.
    """
    if len(words) > LABELS:
        raise LimitError(f"an entry has at most {LABELS} labels, not {len(words)}")
    for each in words:
        if not 0 < len(each) <= LABEL:
            raise LimitError(f"a label has between 1 and {LABEL} characters, not {len(each)}")
    return list(words)


def key(name: str, what: str = "key") -> str:
    """Return the name of a property, or of its owner.

    Raises:
        LimitError: it is none.
    """
    if not _KEY.fullmatch(name):
        raise LimitError(f"the {what} of a property has 1 to 50 letters, digits and _, unlike {name[:60]!r}")
    return name


def value(text: str) -> str:
    """Return the value of a property.

    Raises:
        LimitError: it is too long.
    """
    if len(text) > PROPERTY_VALUE:
        raise LimitError(f"a property has at most {PROPERTY_VALUE} characters, not {len(text)}")
    return text


def properties(of: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return properties by owner as one node can have them.

    Raises:
        LimitError: there are too many, or one breaks a rule.
    """
    for owner, pairs in of.items():
        if len(pairs) > PROPERTIES:
            raise LimitError(f"one owner has at most {PROPERTIES} properties on an entry, not {len(pairs)}")
        key(owner, "owner")
    return {owner: {key(name): value(text) for name, text in pairs.items()} for owner, pairs in of.items()}
