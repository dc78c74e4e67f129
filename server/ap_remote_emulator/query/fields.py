"""What may be asked: each field's column, and how its values are read.

The columns are those of the ``nodes`` table under the alias ``n``; see ``library.schema``.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from ap_remote_emulator.errors import InvalidFilterError
from ap_remote_emulator.query.tree import Term

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_INT: Final = 2**63 - 1


class Type(Enum):
    """How values of a field are compared."""

    TEXT = "text"
    NAME = "name"
    """Text compared by :func:`name_key`."""
    LOWER = "lower"
    """Text stored in lower case."""
    BOOL = "bool"
    INT = "int"
    DATE = "date"
    PARENT = "parent"
    """An id in the ``edges`` table."""
    TAG = "tag"
    """A row of the ``tags`` table; the column is the tag's category."""
    PLACE = "place"
    """A level of the ``ISO3#region#City`` hierarchy."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a filter may name."""

    type: Type
    column: str
    prefix: bool = False
    major: bool = False
    """A prefix may only be what stands before the slash of a content type."""
    range: bool = False
    values: frozenset[str] | None = None
    """The only values there are, where the service knows them all."""
    broad: bool = False
    """A value may match half the library: worth an index of its own only where no order is asked for."""
    sharp: bool = False
    """A value matches a node or two: its index is better than any other."""

    @property
    def ranged(self) -> bool:
        """Whether a prefix or a range may be asked for that an index serves, and that may be narrow or wide."""
        return self.type in (Type.NAME, Type.DATE)


DRIVE: Final[dict[str, Field]] = {
    "isRoot": Field(Type.BOOL, "n.is_root"),
    "name": Field(Type.NAME, "n.name_key", prefix=True),
    "kind": Field(Type.TEXT, "n.kind", prefix=True, broad=True),
    "status": Field(Type.TEXT, "n.status", prefix=True, broad=True),
    "parents": Field(Type.PARENT, ""),
    "parentIds": Field(Type.PARENT, ""),
    "labels": Field(Type.TAG, "label"),
    "description": Field(Type.TEXT, "n.description"),
    "createdDate": Field(Type.DATE, "n.created", range=True),
    "modifiedDate": Field(Type.DATE, "n.modified", range=True),
    "contentProperties.contentDate": Field(Type.DATE, "n.content_date", range=True),
    "contentProperties.size": Field(Type.INT, "n.size", range=True),
    "contentProperties.contentType": Field(Type.LOWER, "n.content_type", prefix=True, major=True, broad=True),
    "contentProperties.md5": Field(Type.LOWER, "n.md5", sharp=True),
    "contentProperties.extension": Field(Type.LOWER, "n.extension", broad=True),
    "settings.hidden": Field(Type.BOOL, "n.hidden", broad=True),
    "settings.favorite": Field(Type.BOOL, "n.favorite", broad=True),
    "hidden": Field(Type.BOOL, "n.hidden", broad=True),
    "favorite": Field(Type.BOOL, "n.favorite", broad=True),
}

SEARCH: Final[dict[str, Field]] = {
    "type": Field(Type.TEXT, "n.media", values=frozenset({"PHOTOS", "VIDEOS", "ALBUMS"}), broad=True),
    "things": Field(Type.TAG, "thing"),
    "timeYear": Field(Type.INT, "n.year"),
    "timeMonth": Field(Type.INT, "n.month"),
    "timeDay": Field(Type.INT, "n.day"),
    "location": Field(Type.PLACE, "n.location_key", prefix=True),
    "people": Field(Type.TAG, "person"),
    "clusterId": Field(Type.TAG, "person"),
    "favorite": Field(Type.BOOL, "n.favorite", broad=True),
    "familyMembers": Field(
        Type.TEXT,
        "COALESCE(n.uploader, (SELECT value FROM meta WHERE key = 'owner_id'))",
    ),
    "name": Field(Type.NAME, "n.name_key", prefix=True),
    "extension": Field(Type.LOWER, "n.extension", broad=True),
}


def name_key(name: str) -> str:
    """Return what two names share that count as equal: composed, and without regard to case."""
    return unicodedata.normalize("NFC", name).casefold()


def read_bool(term: Term) -> int:
    """Read ``true`` or ``false``, lower case only, as the real service does."""
    if term.text not in ("true", "false") or term.prefix:
        raise InvalidFilterError("true or false is needed", term.position)
    return int(term.text == "true")


def read_int(term: Term) -> int:
    """Read a whole number that fits in 64 bits."""
    digits = term.text.removeprefix("-")
    if term.prefix or not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(_MAX_INT)):
        raise InvalidFilterError("a whole number is needed", term.position)
    return max(-_MAX_INT, min(_MAX_INT, int(term.text)))


def read_date(term: Term) -> int:
    """Read an ISO 8601 date or time as milliseconds since 1970; without a zone it is UTC."""
    text = term.text
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        # A zone can put the moment before the first year or after the last: nothing could show it.
        elapsed = when.astimezone(UTC) - _EPOCH
    except (ValueError, OverflowError):
        raise InvalidFilterError("an ISO 8601 date is needed", term.position) from None
    return elapsed // timedelta(milliseconds=1)
