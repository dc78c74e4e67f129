"""All that lies in a folder or an album, for filters that no facet of the service says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec
from anyio.lowlevel import checkpoint

from ap_remote.errors import UnsupportedError
from ap_remote.model import Kind, NodeId
from ap_remote.query import matches, parse_search
from ap_remote.remote.features import SupportsOffline, SupportsThumbnails
from ap_remote.remote.paths import fold
from ap_remote_mcp.tools import local

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote, Sort
    from ap_remote_mcp.context import App
    from ap_remote_mcp.tools.filters import Selection

_TOLD: Final = frozenset({"type", "timeYear", "timeMonth", "timeDay", "favorite", "name", "extension"})
"""Facets that an entry of a listing answers by itself; labels, places and people are the service's own."""
_BREATH: Final = 1000
"""Entries after which others have their turn."""


class Contents(NamedTuple):
    """What a selection finds."""

    entries: list[Entry]
    cut: int = 0
    """How many files were read where there were more; 0 where all were."""


async def contents(app: App, selection: Selection, *, home: bool = False, most: int | None = None) -> Contents | None:
    """Return all that a selection finds by listing what lies there; ``None`` where the service must be asked.

    Args:
        app: the library.
        selection: with a folder, an album or a size.
        home: members of an album are needed at their own paths, not where the album shows them.
        most: ``None`` as well where more files than these lie below the folder.
    """
    if not (selection.placed or selection.size):
        return None
    query = parse_search(selection.filter)
    if any(clause.name not in _TOLD for clause in query.clauses):
        return None
    source = await _files(app, selection, home=home, most=app.limits.listed if most is None else most)
    if source is None or (most is not None and len(source) > most):
        return None
    if selection.members is None:
        selection = msgspec.structs.replace(selection, below=None)  # all of them lie there
    cut = app.limits.listed if len(source) > app.limits.listed else 0
    found: dict[str, Entry] = {}
    for number, entry in enumerate(source[: app.limits.listed], 1):
        if selection.fits(entry) and matches(query, entry) and await selection.holds(entry):
            found.setdefault(entry.id, entry)
        if not number % _BREATH:
            await checkpoint()
    return Contents(list(found.values()), cut)


async def _files(app: App, selection: Selection, *, home: bool, most: int) -> Sequence[Entry] | None:
    if selection.members is not None:
        members = list(selection.members.values())
        return await at_home(app, members) if home or selection.folder or selection.words else members
    if not isinstance(app.remote, SupportsOffline) or await local.moment(app, ""):
        return await _below(app, selection.folder, most)
    return await _walked(app, selection.folder) if selection.folder else None


async def at_home(app: App, entries: Sequence[Entry]) -> list[Entry]:
    """Return members of an album where they lie, in place of where the album shows them."""
    found, _ = await app.entries([each.id for each in entries])
    homes = {each.id: each for each in found}
    return [homes.get(each.id, each) for each in entries]


def ordered(entries: Iterable[Entry], sort: Sort) -> list[Entry]:
    """Sort as the service does: what lacks a time comes first ascending and last descending."""
    key = sort.removeprefix("-")

    def rank(entry: Entry) -> tuple[bool, Any, str]:
        value = fold(entry.name) if key == "name" else entry.taken if key == "taken" else entry.created
        return value is not None, value or 0, entry.id

    return sorted(entries, key=rank, reverse=sort.startswith("-"))


async def _below(app: App, folder: str, most: int) -> list[Entry]:
    """List the files below a folder, from a cache that is whole; one too many tells that there are more."""
    found: list[Entry] = []
    async for entry in app.remote.list(folder, recursive=True):
        if not entry.is_folder:
            found.append(entry)
            if len(found) > most:
                break
            if not len(found) % _BREATH:
                await checkpoint()
    return found


async def _walked(app: App, folder: str) -> list[Entry] | None:
    """List a folder and those below one by one; ``None`` if they are more than may be asked for."""
    found: list[Entry] = []
    waiting: list[str | NodeId] = [folder]
    asked = 0
    while waiting:
        if asked == app.limits.counted_folders:
            return None
        asked += 1
        async for entry in app.remote.list(waiting.pop()):
            if entry.kind is Kind.FOLDER:
                waiting.append(NodeId(entry.id))
            elif not entry.is_folder:
                found.append(entry)
    return found


class Among:
    """A remote whose searches find only what was chosen, so that an index compares these and no others."""

    def __init__(self, app: App, selection: Selection, inside: Contents | None, as_of: float) -> None:
        self._app = app
        self._selection = selection
        self._inside = inside
        self._as_of = as_of

    @classmethod
    def of(cls, app: App, selection: Selection, inside: Contents | None, as_of: float) -> Remote:
        """Return it as the remote that it otherwise is."""
        return cast("Remote", cls(app, selection, inside, as_of))

    def __getattr__(self, name: str) -> Any:
        """Be the remote itself in everything else."""
        return getattr(self._app.remote, name)

    async def thumbnail(self, target: NodeId, *, size: int) -> bytes:
        """Return a rendition; see :class:`SupportsThumbnails`.

        Raises:
            UnsupportedError: the remote makes none.
        """
        if not isinstance(self._app.remote, SupportsThumbnails):
            raise UnsupportedError("this remote makes no thumbnails")
        return await self._app.remote.thumbnail(target, size=size)

    async def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what was chosen."""
        if self._inside is not None:
            for entry in self._inside.entries[:limit]:
                yield entry
            return
        source = local.entries(self._app, query, sort=sort, limit=limit, as_of=self._as_of)
        async for entry in source:
            if await self._selection.holds(entry):
                yield entry

    search_cached = search
    """An index takes what a cache finds where that is whole, which is more than was chosen."""
