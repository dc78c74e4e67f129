"""Pictures about which the words of a question are written: in a name, a folder, a label, a place, a person's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ap_remote.query import all_of, facet, parse_search, show, starting
from ap_remote_mcp.tools import local
from ap_remote_mcp.tools.filters import holds_all, meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry
    from ap_remote.query import Query
    from ap_remote_mcp.context import App
    from ap_remote_mcp.tools.filters import Selection
    from ap_remote_mcp.tools.queries import SearchQuery
    from ap_remote_mcp.tools.within import Contents

_NAME: Final = re.compile(r"(?=.*[0-9._])[\w.-]{3,}")
"""A word that looks like the name of a file, ``DSC_0004`` or ``IMG_2023.jpg``."""
_MOST: Final = 50
"""Rows that come before those that are near."""
_ASKED: Final = 200
"""Rows that one request brings."""


async def written(
    app: App, query: SearchQuery, selection: Selection, words: Sequence[str], inside: Contents | None = None
) -> list[Entry]:
    """Return the pictures about which all *words* are written, the newest first, as far as they are cheap to find.

    What has the words as a label, a place or a person is asked for so; a name that begins like the question is asked
    for by name; and the newest entries of the node cache are read, if it is whole, or all *inside* the folder or album.
    """
    if not words:
        return []
    own = [parse_search(selection.filter)] if selection.filter else []
    meant = await meaning(app, query.text)
    facets = meant.query()
    named = {word for name in meant.names for word in name.split()}
    rest = [word for word in words if word not in named]
    found: dict[str, Entry] = {}

    async def look(wanted: Query | None, left: Sequence[str], limit: int) -> None:
        text = show(all_of(*own, wanted)) if wanted is not None else selection.filter
        as_of = await local.moment(app, text)
        if wanted is None and inside is not None:
            found.update((each.id, each) for each in inside.entries if holds_all(each, left))
            return
        if wanted is None and not as_of:
            return
        async for entry in local.entries(app, text, sort="-taken", limit=limit, as_of=as_of):
            if not entry.is_folder and holds_all(entry, left) and await selection.holds(entry):
                found.setdefault(entry.id, entry)

    if facets:
        await look(all_of(*facets), rest, _ASKED)
    if _NAME.fullmatch(query.text.strip()):
        await look(facet("name", starting(query.text.strip())), (), _MOST)
    await look(None, words, app.limits.scan)
    return sorted(found.values(), key=_newest)[:_MOST]


def _newest(entry: Entry) -> tuple[float, str]:
    return (-entry.taken.timestamp() if entry.taken else 0.0, entry.id)
