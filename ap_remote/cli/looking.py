"""What the commands that look have in common: which entries there are, in which order.

Within a folder entries stand in the order of their names' code points as rclone shows them. Folders are gone through
level by level, so that a recursive listing is the same each time. (rclone's folders come as their answers do.)
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from ap_remote.cli.lines import standard
from ap_remote.connect import resolve
from ap_remote.errors import FolderNotFoundError, NotFoundError
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths
from ap_remote.transfer.filters import EVERYTHING, Filters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from ap_remote.model import Ref
    from ap_remote.remote.base import Remote

    Inside = Callable[[Sequence["Entry"]], Awaitable[list[list["Entry"]]]]

_AT_ONCE: Final = 8
"""Folders that are listed at a time."""

Fresh = Annotated[bool, typer.Option("--fresh", help="Ask the service even where the cache could answer.")]
MaxDepth = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Descend no deeper than N levels; 1 is the folder alone.")
]
Recursive = Annotated[bool, typer.Option("--recursive", "-R", help="Descend into folders.")]
FilesOnly = Annotated[bool, typer.Option("--files-only", help="Only files.")]
DirsOnly = Annotated[bool, typer.Option("--dirs-only", help="Only folders.")]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look, and how far."""

    spec: str | None = None
    recursive: bool = False
    max_depth: int | None = None
    fresh: bool = False
    filters: Filters = EVERYTHING

    @property
    def depth(self) -> int | None:
        """Levels to go down; ``None`` is all of them. A depth alone is descended to, as with rclone."""
        return self.max_depth if self.recursive or self.max_depth is not None else 1


class Found(msgspec.Struct, frozen=True):
    """An entry, and its path below the place that was looked at."""

    path: str
    entry: Entry


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: the place itself, and what the filters take of what lies there."""

    base: Entry
    rows: tuple[Found, ...]

    @property
    def itself(self) -> Found:
        """The place: a folder has no path below itself."""
        return Found("" if self.base.is_folder else self.base.name, self.base)

    @property
    def files(self) -> list[Found]:
        """The files among them."""
        return [row for row in self.rows if not row.entry.is_folder]

    @property
    def folders(self) -> list[Found]:
        """The folders and albums among them."""
        return [row for row in self.rows if row.entry.is_folder]


async def look(place: Place) -> Sight:
    """Look at a place on a remote of its own.

    Raises:
        FolderNotFoundError: nothing is there.
    """
    remote, target = resolve(place.spec)
    async with remote:
        return await look_at(remote, target, place)


async def look_once(place: Place) -> Sight:
    """Look at the place itself and not below it.

    Raises:
        FolderNotFoundError: nothing is there.
    """
    remote, target = resolve(place.spec)
    async with remote:
        return Sight(base=await _base(remote, target, fresh=place.fresh), rows=())


async def look_at(remote: Remote, target: Ref, place: Place) -> Sight:
    """Return what lies at or below *target*; a single file is found in itself.

    Raises:
        FolderNotFoundError: nothing is there.
    """
    base = await _base(remote, target, fresh=place.fresh)
    if base.is_folder:
        rows = [row async for row in _below(remote, target, base, place)]
    else:
        taken = place.filters.takes(base.name, size=base.size, modified=base.modified)
        rows = [Found(base.name, base)] if taken else []
    return Sight(base=base, rows=tuple(rows))


async def _base(remote: Remote, target: Ref, *, fresh: bool) -> Entry:
    try:
        return await remote.stat(target, fresh=fresh)
    except NotFoundError as exc:
        raise FolderNotFoundError(exc.path) from exc


async def _below(remote: Remote, target: Ref, base: Entry, place: Place) -> AsyncIterator[Found]:
    strays: list[Found] = []
    if place.depth is None:
        inside, strays = await _all_below(remote, target, base, fresh=place.fresh)
    else:
        inside = _one_by_one(remote, target, base, fresh=place.fresh)
    level, depth = [Found("", base)], 0
    while level and depth != place.depth:
        below: list[Found] = []
        for folder, entries in zip(level, await inside([each.entry for each in level]), strict=True):
            for row in _arranged(folder.path, entries):
                if not _takes(place.filters, row):
                    continue
                yield row
                # An album's members are listed where the album is the place; their files lie elsewhere.
                if row.entry.kind is Kind.FOLDER:
                    below.append(row)
        level, depth = below, depth + 1
    for row in strays:
        if _takes(place.filters, row):
            yield row


async def _all_below(remote: Remote, target: Ref, base: Entry, *, fresh: bool) -> tuple[Inside, list[Found]]:
    """List everything in one go; return what gives folders' entries, and what lies outside the place's own path."""
    children: dict[str, list[Entry]] = defaultdict(list)
    strays: list[Found] = []
    async for each in remote.list(target, recursive=True, fresh=fresh):
        if not base.path or each.path.startswith(base.path + "/"):
            children[paths.split(each.path)[0]].append(each)
        else:
            strays.append(Found(each.path, each))

    async def inside(folders: Sequence[Entry]) -> list[list[Entry]]:
        return [children.pop(folder.path, []) for folder in folders]

    return inside, strays


def _one_by_one(remote: Remote, target: Ref, base: Entry, *, fresh: bool) -> Inside:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(folder: Entry) -> list[Entry]:
        async with gate:
            where = target if folder is base else folder.path
            return [each async for each in remote.list(where, fresh=fresh)]

    async def inside(folders: Sequence[Entry]) -> list[list[Entry]]:
        return await asyncio.gather(*map(one, folders))

    return inside


def _arranged(above: str, entries: Sequence[Entry]) -> list[Found]:
    rows = [Found(paths.join(above, paths.split(each.path)[1]), each) for each in entries]
    return sorted(rows, key=lambda row: standard(row.path))


def _takes(filters: Filters, row: Found) -> bool:
    if row.entry.is_folder:
        return filters.enters(row.path)
    return filters.takes(row.path, size=row.entry.size, modified=row.entry.modified)
