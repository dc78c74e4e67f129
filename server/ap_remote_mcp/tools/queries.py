"""What a page continues: the question, and how far it was answered. Both travel in the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from ap_remote.remote.base import Sort
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.seal import BrokenSealError

if TYPE_CHECKING:
    from ap_remote_mcp.context import App

SearchMode = Literal["auto", "semantic", "server", "metadata"]
Source = Literal["folder", "recent", "trash", "favorites", "albums", "unfiled"]
MediaKind = Literal["any", "photo", "video"]
Sameness = Literal["exact", "re-encoded", "burst"]
"""Those of :mod:`ap_remote.semantic.duplicates`, which would import numpy."""


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="search"):
    """The question of ``photos_search``."""

    text: str = ""
    like: str = ""
    mode: SearchMode = "auto"
    filter: str = ""
    begin: str = ""
    end: str = ""
    place: str = ""
    people: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    kind: MediaKind = "any"
    fav: bool = False
    folder: str = ""
    album: str = ""
    min_mb: float = 0.0
    sort: Sort = "-taken"


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="list"):
    """The question of ``photos_list``."""

    path: str = ""
    album: str = ""
    source: Source = "folder"


class DuplicatesQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="duplicates"):
    """The question of ``photos_duplicates``."""

    kind: Sameness = "exact"
    path: str = ""
    filter: str = ""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where the next page begins: after ``at`` rows, of which the last had the id ``last``."""

    query: SearchQuery | ListQuery | DuplicatesQuery
    at: int = 0
    last: str = ""
    best: float = 0.0
    """The score of the best row of all pages."""


Q = TypeVar("Q", SearchQuery, ListQuery, DuplicatesQuery)


def seal(app: App, position: Position) -> str:
    """Return the cursor of a position."""
    return app.cursors.close(msgspec.json.encode(position))


def unseal(app: App, cursor: str) -> Position:
    """Return the position of a cursor.

    Raises:
        CodedError: it is not one of ours.
    """
    try:
        return msgspec.json.decode(app.cursors.open(cursor), type=Position)
    except (BrokenSealError, msgspec.DecodeError):
        sentence = "The cursor is not one that this server made for this account"
        raise CodedError(Code.BAD_ARGUMENT, sentence, "Repeat the search without cursor.") from None


def begin(app: App, query: Q, cursor: str) -> tuple[Q, Position]:
    """Return the question and the position that a call means; the arguments beside a cursor may be left out.

    Raises:
        CodedError: the cursor belongs to another question.
    """
    if not cursor:
        return query, Position(query=query)
    position = unseal(app, cursor)
    kind = type(query)
    if not isinstance(position.query, kind) or query not in (kind(), position.query):
        sentence = "The cursor belongs to another question"
        raise CodedError(Code.BAD_ARGUMENT, sentence, "Repeat the arguments it came from, or pass the cursor alone.")
    return position.query, position
