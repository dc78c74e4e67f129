"""Which pictures a grid or a gallery shows: of ids, of a search, or what follows a cursor of any page."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote_mcp.changes.folderplans import named_in
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.tools.folders import plan_rows
from ap_remote_mcp.tools.listing import listed_rows
from ap_remote_mcp.tools.queries import DuplicatesQuery, Position, SearchQuery, seal, unseal
from ap_remote_mcp.tools.rows import Cut, cut, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

_ONE: Final = "Give ids, or a search, or a cursor alone"
_WIDER: Final = "Ask for less; photos_facets tells what there is."
_SCORE: Final = 3
"""Digits of a score in a legend."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Entries in order and what is told with them; ``next`` is the cursor of what follows."""

    entries: list[Entry]
    scores: dict[str, float] = {}
    missing: list[str] = []
    next: str = ""
    note: str = ""

    def told(self) -> dict[str, object]:
        """Return what an answer tells beside the pictures."""
        told = {"missing": self.missing, "next": self.next, "note": self.note}
        return {name: value for name, value in told.items() if value}


async def chosen(app: App, *, ids: Sequence[str], search: SearchQuery, cursor: str, limit: int) -> Chosen:
    """Return what is to be shown.

    Raises:
        CodedError: there is nothing, or more than one of the three is given, or the cursor is none.
        RemoteError: what the remote or the index raises.
    """
    if sum((bool(ids), search != SearchQuery(), bool(cursor))) > 1:
        raise CodedError(Code.BAD_ARGUMENT, _ONE)
    if ids:
        entries, missing = await app.entries(ids)
        if not entries:
            raise CodedError(Code.NOT_FOUND, f"No item has the id {', '.join(missing)}")
        return Chosen(entries=entries, missing=missing)
    position = unseal(app, cursor) if cursor else Position(query=search)
    page, note = await _page(app, position, limit)
    if not page.rows:
        raise CodedError(Code.NOT_FOUND, f"Nothing is found{f': {note}' if note else ''}", _WIDER)
    entries = [row.entry for row in page.rows]
    scores = {row.entry.id: round(row.score, _SCORE) for row in page.rows if row.score}
    following = ""
    at = page.at + len(entries)
    if page.more and at < app.limits.position:
        best = max([position.best, *scores.values()])
        following = seal(app, Position(query=position.query, at=at, last=entries[-1].id, best=best))
    elif page.more:
        note = "; ".join(filter(None, (note, "no further pages: narrow the search")))
    return Chosen(entries=entries, scores=scores, next=following, note=note)


async def _page(app: App, position: Position, limit: int) -> tuple[Cut, str]:
    """Return the rows of a page and what is to be said of them."""
    if isinstance(position.query, SearchQuery):
        search, page = await found(app, position.query, position, limit)
        return page, "; ".join(filter(None, (search.selection.note, page.note)))
    if isinstance(position.query, DuplicatesQuery):
        raise CodedError(Code.BAD_ARGUMENT, "A cursor of photos_duplicates shows nothing", "Pass the ids of a group.")
    plan = named_in(position.query.path)
    if plan is not None:
        page = await plan_rows(app, plan, position, limit)
    else:
        async with aclosing(listed_rows(app, position.query)) as source:
            page = await cut(source, position, limit)
    return page, page.note
