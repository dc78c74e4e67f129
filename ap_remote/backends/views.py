"""The virtual tree ``.views`` as a table: a pattern, and what lists what is there.

A row's pattern has one part per path component: a word, ``{name}`` for any one component, ``{name...}`` for one or
more. The first row that fits is taken; a path that no row fits does not exist. Two entries of one name in a view are
told apart by ``name {id8}.jpg``, the first eight characters of the id; the plain name alone is ambiguous then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec

from ap_remote.errors import AmbiguousError, IsFileError, NotFoundError
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths

_MARK: Final = 8


class Source(Protocol):
    """Where views take their entries from."""

    async def albums(self) -> Sequence[Entry]:
        """Return the albums."""
        ...

    async def members(self, album: Entry) -> Sequence[Entry]:
        """Return what is in an album."""
        ...

    async def trash(self) -> Sequence[Entry]:
        """Return what was put in the bin, without what went along with it."""
        ...

    async def trashed_in(self, folder: Entry) -> Sequence[Entry]:
        """Return what went to the bin inside a folder."""
        ...


Lister = Callable[[Source, Entry], Awaitable[Sequence[Entry]]]
"""Gets the source and the entry that is listed."""


class Row(msgspec.Struct, frozen=True):
    """One kind of place in the virtual tree."""

    pattern: str
    folder: bool
    """Whether the place is there of itself; else it is what the listing above it says."""
    list: Lister | None

    def fits(self, path: str) -> bool:
        """Whether *path* is such a place."""
        wanted, given = self.pattern.split("/"), path.split("/")
        if wanted[-1].endswith("...}"):
            given = [*given[: len(wanted) - 1], "+" * bool(given[len(wanted) - 1 :])]
        return len(wanted) == len(given) and all(
            part and (each.startswith("{") or each == part) for each, part in zip(wanted, given, strict=True)
        )


async def _top(source: Source, above: Entry) -> Sequence[Entry]:
    del source
    rows = [row.pattern for row in TABLE if row.folder and paths.split(row.pattern)[0] == above.path]
    return [directory(pattern) for pattern in sorted(rows)]


async def _albums(source: Source, above: Entry) -> Sequence[Entry]:
    del above
    return await source.albums()


async def _members(source: Source, above: Entry) -> Sequence[Entry]:
    return await source.members(above)


async def _trash(source: Source, above: Entry) -> Sequence[Entry]:
    del above
    return await source.trash()


async def _trashed_in(source: Source, above: Entry) -> Sequence[Entry]:
    return await source.members(above) if above.kind is Kind.ALBUM else await source.trashed_in(above)


TABLE: Final = (
    Row(paths.VIEWS, folder=True, list=_top),
    Row(paths.ALBUMS_VIEW, folder=True, list=_albums),
    Row(paths.ALBUMS_VIEW + "/{album}", folder=False, list=_members),
    Row(paths.ALBUMS_VIEW + "/{album}/{member}", folder=False, list=None),
    Row(paths.TRASH_VIEW, folder=True, list=_trash),
    Row(paths.TRASH_VIEW + "/{path...}", folder=False, list=_trashed_in),
)


def directory(path: str) -> Entry:
    """Return the entry of a place that is there of itself; its id is its path."""
    return Entry(path=path, name=paths.split(path)[1], id=path, kind=Kind.FOLDER)


def is_directory(entry: Entry) -> bool:
    """Whether an entry is one that :func:`directory` made."""
    return entry.id == entry.path and paths.is_view(entry.path)


async def stat(source: Source, path: str) -> Entry:
    """Return what is at a view path.

    Raises:
        NotFoundError: nothing is.
        AmbiguousError: several have that name.
    """
    row = _row(path)
    if row.folder:
        return directory(path)
    above, name = paths.split(path)
    try:
        entries = await listing(source, await stat(source, above))
    except IsFileError as exc:
        raise NotFoundError(path) from exc
    wanted = paths.fold(name)
    for entry in entries:
        if paths.fold(paths.split(entry.path)[1]) == wanted:
            return entry
    alike = [entry.id for entry in entries if paths.fold(entry.name) == wanted]
    if alike:
        raise AmbiguousError(path, alike)
    raise NotFoundError(path)


async def listing(source: Source, place: Entry) -> list[Entry]:
    """Return what lies directly under a place in the virtual tree, by folded name, at its view path.

    Raises:
        IsFileError: nothing can lie there.
    """
    row = _row(place.path)
    if row.list is None or not place.is_folder:
        raise IsFileError(place.path)
    entries = sorted(await row.list(source, place), key=lambda entry: (paths.fold(entry.name), entry.id))
    taken = Counter(paths.fold(entry.name) for entry in entries)
    return [
        entry
        if is_directory(entry)
        else msgspec.structs.replace(
            entry,
            path=paths.join(place.path, entry.name if taken[paths.fold(entry.name)] == 1 else told_apart(entry)),
        )
        for entry in entries
    ]


def told_apart(entry: Entry) -> str:
    """Return an entry's name with the beginning of its id in it, before the extension."""
    mark = f" {{{entry.id[:_MARK]}}}"
    stem, dot, extension = entry.name.rpartition(".")
    if entry.is_folder or not stem:
        return entry.name + mark
    return stem + mark + dot + extension


def _row(path: str) -> Row:
    for row in TABLE:
        if row.fits(path):
            return row
    raise NotFoundError(path)
