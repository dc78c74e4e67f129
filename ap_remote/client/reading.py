"""Looking: usage, searches, nodes by the drive's filters, the trash, counts by category."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from ap_remote.client.answers import Count
from ap_remote.client.core import Core
from ap_remote.client.ids import ids_of, texts_of
from ap_remote.client.options import leftover, rows_at_most
from ap_remote.errors import ConfigError, LimitError
from ap_remote.model import Kind, NodeId
from ap_remote.notebook.gallery import LIMIT, gallery_of
from ap_remote.query import matches, parse_nodes, sort_fields
from ap_remote.remote import paths
from ap_remote.remote.base import Category
from ap_remote.remote.features import SupportsAlbums, SupportsTrashListing, SupportsUsage

if TYPE_CHECKING:
    import pandas as pd

    from ap_remote.model import Entry, Facet
    from ap_remote.notebook import Gallery
    from ap_remote.tables import Columns

_FAMILIES: Final = ("photo", "video", "document", "other")


class Reading(Core):
    """Methods that only look."""

    def usage(self) -> pd.DataFrame:
        """Return bytes and counts by type of file, those that count against the quota first."""
        import pandas as pd

        found = self._run(self._ability(SupportsUsage, "say what it holds").usage)
        rows = [
            (
                "doc" if each == "document" else each,
                getattr(found, f"billable_{each}_bytes"),
                getattr(found, f"billable_{each}s"),
                getattr(found, f"{each}_bytes"),
                getattr(found, f"{each}s"),
            )
            for each in _FAMILIES
        ]
        frame = pd.DataFrame(rows, columns=["type", "billable_bytes", "billable_count", "total_bytes", "total_count"])
        backend = self._frames.dtype_backend
        return frame if backend is None else frame.convert_dtypes(dtype_backend=backend)

    def query(
        self,
        filters: str = "type:(PHOTOS OR VIDEOS)",
        offset: int = 0,
        limit: float | None = math.inf,
        *,
        columns: Columns | None = None,
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return what a search finds: at most *limit* rows, last added first, after the first *offset*; each once.

        Args:
            filters: in the search's grammar.
            offset: rows to skip.
            limit: rows at most.
            columns: ``amazon`` or ``own`` for this call.
            kwargs: options of the seed without effect.

        Raises:
            QuerySyntaxError: with the position, before anything is sent.
        """
        leftover(kwargs, where="query()")
        self._settle()
        rows, skip = rows_at_most(limit), rows_at_most(offset) or 0
        most = None if rows is None else skip + rows
        found = self._collect(lambda: self._remote.search(filters, sort="-created", limit=most))
        return self._frame(found[skip:], columns)

    def photos(self, **kwargs: Any) -> pd.DataFrame:
        """Return the photographs; options are those of :meth:`query`."""
        return self.query("type:(PHOTOS)", **kwargs)

    def videos(self, **kwargs: Any) -> pd.DataFrame:
        """Return the videos; options are those of :meth:`query`."""
        return self.query("type:(VIDEOS)", **kwargs)

    def nodes(
        self,
        filters: str | Iterable[str] | None = None,
        sort: str | Iterable[str] | None = None,
        limit: float | None = None,
        offset: int = 0,
        *,
        columns: Columns | None = None,
        **kwargs: Any,
    ) -> pd.DataFrame:
        """Return the nodes that match all *filters* of the drive's grammar; they are compared here.

        Args:
            filters: e.g. ``["kind:FOLDER", 'name:"Web"']``. What is in the trash is there if one names ``status``.
            sort: e.g. ``["createdDate DESC", "name ASC"]``; without it they come last modified first.
            limit: rows at most; all by default, where the seed stopped after 200.
            offset: rows to skip.
            columns: ``amazon`` or ``own`` for this call.
            kwargs: options of the seed without effect.
        """
        leftover(kwargs, where="nodes()")
        self._settle()
        filters, keys = texts_of(filters), _sorting(sort)
        wanted = [parse_nodes(each) for each in filters]
        rows = [each for each in self._everything(filters) if all(matches(query, each) for query in wanted)]
        return self._frame(_part(_sorted(rows, keys), offset, limit), columns, ordered=bool(keys))

    def nodes_by_name(
        self, names: str | Iterable[str], *, columns: Columns | None = None, **kwargs: Any
    ) -> pd.DataFrame:
        """Return the nodes that have one of these names, wherever they lie; case does not matter."""
        leftover(kwargs, where="nodes_by_name()")
        wanted = {paths.fold(each) for each in texts_of(names) if each}
        return self._frame([each for each in self._everything() if paths.fold(each.name) in wanted], columns)

    def ls(self, path: str = "", *, recursive: bool = False, columns: Columns | None = None) -> pd.DataFrame:
        """Return the entries of a folder by name."""
        found = self._collect(lambda: self._remote.list(path, recursive=recursive))
        return self._frame({each.id: each for each in found}.values(), columns, ordered=True)

    def trashed(
        self,
        filters: str = "",
        offset: int = 0,
        limit: float | None = None,
        sort: str | Iterable[str] | None = None,
        *,
        columns: Columns | None = None,
    ) -> pd.DataFrame:
        """Return what is in the trash, last trashed first; *filters* and *sort* as those of :meth:`nodes`."""
        found = self._collect(self._ability(SupportsTrashListing, "list its trash").trashed)
        rows = [each for each in found if not filters or matches(parse_nodes(filters), each)]
        keys = _sorting(sort)
        return self._frame(_part(_sorted(rows, keys), offset, limit), columns, ordered=True)

    def aggregations(
        self, category: str = "all", out: str | Path | None = None
    ) -> dict[str, list[Count]] | list[Count]:
        """Count by one of Amazon's categories, as a list, or by all, as a dictionary of lists.

        Args:
            category: ``all``, or one of nine.
            out: a folder that gets ``CATEGORY.json`` for each; nothing is written without it.

        Raises:
            ConfigError: no such category.
        """
        known: tuple[Category, ...] = get_args(Category)
        wanted = [each for each in known if category in ("all", each)]
        if not wanted:
            raise ConfigError(f"unknown category {category!r}; known are {', '.join(known)}, all")

        async def count() -> dict[str, Iterable[Facet]]:
            return {each: await self._remote.aggregations(each) for each in wanted}

        found = {each: [Count(facet) for facet in facets] for each, facets in self._run(count).items()}
        if out is not None and str(out):
            _write(found, Path(out))
        return found if category == "all" else found[category]

    def show(self, nodes: Any, limit: int = LIMIT) -> Gallery:
        """Return thumbnails of nodes, which a notebook shows as a grid.

        Args:
            nodes: a frame of this client, or ids in any form.
            limit: as many of them as are shown.

        Raises:
            NotFoundError: one of them does not exist.
        """
        wanted = ids_of(nodes)[:limit]

        async def listing() -> AsyncIterator[Entry]:
            for each in wanted:
                yield await self._remote.stat(NodeId(each))

        return self._run(lambda: gallery_of(self._remote, listing(), limit=limit))

    def _everything(self, filters: Iterable[str] = ()) -> list[Entry]:
        """Return every node once; what is in the trash only if *filters* ask for a status."""
        root = self._run(lambda: self._remote.stat(""))
        found = [root, *self._collect(lambda: self._remote.list("", recursive=True))]
        remote = self._remote
        if isinstance(remote, SupportsAlbums):
            found += self._collect(remote.albums)
        if isinstance(remote, SupportsTrashListing) and any("status:" in each for each in filters):
            found += self._collect(remote.trashed)
        return list({each.id: each for each in reversed(found)}.values())[::-1]


def _part(rows: list[Entry], offset: int, limit: float | None) -> list[Entry]:
    skip, most = rows_at_most(offset) or 0, rows_at_most(limit)
    return rows[skip : None if most is None else skip + most]


Key = Callable[["Entry"], Any]


def _sorting(sort: str | Iterable[str] | None) -> list[tuple[Key, bool]]:
    """Return by what to sort, and whether the greatest comes first; Amazon's ``['name ASC']`` is one text of a list."""
    if isinstance(sort, str):
        sort = [each.strip().strip("'\"") for each in sort.strip().removeprefix("[").removesuffix("]").split(",")]
    return [_order(each) for each in sort or () if each]


def _sorted(rows: list[Entry], keys: list[tuple[Key, bool]]) -> list[Entry]:
    """Return rows in order; what lacks the value comes last."""
    for key, descending in reversed(keys):
        known = [each for each in rows if key(each) is not None]
        rows = sorted(known, key=key, reverse=descending) + [each for each in rows if key(each) is None]
    return rows


def _order(text: str) -> tuple[Key, bool]:
    field, _, direction = text.strip().partition(" ")
    if field not in _KEYS or direction not in ("", "ASC", "DESC"):
        raise LimitError(f"cannot sort by {text!r}; known are {', '.join(sort_fields('nodes'))}, with ASC or DESC")
    return _KEYS[field], direction == "DESC"


_KEYS: Final[dict[str, Key]] = {
    "name": lambda entry: paths.fold(entry.name),
    "kind": lambda entry: entry.kind,
    "status": lambda entry: entry.status,
    "createdDate": lambda entry: entry.created,
    "modifiedDate": lambda entry: entry.modified,
    "contentProperties.contentDate": lambda entry: entry.taken,
    "contentProperties.size": lambda entry: entry.size if entry.kind is Kind.FILE else None,
    "contentProperties.contentType": lambda entry: entry.content_type,
    "contentProperties.extension": lambda entry: Path(entry.name).suffix.lower() or None,
}


def _write(found: dict[str, list[Count]], folder: Path) -> None:
    """Write a file for each category; it appears when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for category, rows in found.items():
        partial = folder / f".{category}.json.partial"
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        partial.replace(folder / f"{category}.json")
