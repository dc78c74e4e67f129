"""`AmazonPhotos`, the synchronous face for notebooks: methods of the PyPI client ``amazon-photos``, DataFrames out.

One thin wrapper over the async remote. Its coroutines run on an event loop in a thread of their own, so it works in a
notebook whose own loop is running. It starts lazily, raises instead of returning ``None``, and writes no files into
the working directory.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, get_args

from anyio.from_thread import start_blocking_portal

from ap_remote.connect import connect, from_cookies
from ap_remote.errors import ConfigError, LimitError, NotFoundError, RemoteError, UnsupportedError
from ap_remote.model import Entry, Kind, NodeId
from ap_remote.query import matches, parse_nodes, sort_fields
from ap_remote.remote import paths
from ap_remote.remote.base import Category, Remote
from ap_remote.remote.features import (
    SupportsAlbums,
    SupportsFamily,
    SupportsFolders,
    SupportsMarks,
    SupportsPeople,
    SupportsSync,
    SupportsTrashListing,
    SupportsUsage,
)
from ap_remote.remote.tree import Folder, draw, folder_tree
from ap_remote.tables import to_frame
from ap_remote.transfer import Report, download, plan_upload, upload
from ap_remote.transfer.upload import JUNK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
    from types import TracebackType

    import pandas as pd

    from ap_remote.model import Facet, Outcome

T = TypeVar("T")
Ability = TypeVar("Ability")
_AT_ONCE: Final = 8
"""Marks that are on their way at a time; each is a request of its own."""


class AmazonPhotos:
    """A photo library, synchronously.

    Args:
        cookies: of a browser session; hyphens or underscores in their names.
        remote: instead of cookies, a configured remote (``local:``, ``home:``) or a ready one.
        tld: the marketplace, where the cookies do not tell.
        region: the content host's region, where the table does not know it.
    """

    def __init__(
        self,
        cookies: Mapping[str, str] | None = None,
        *,
        remote: str | Remote | None = None,
        tld: str | None = None,
        region: str | None = None,
    ) -> None:
        if cookies is not None and remote is not None:
            raise ConfigError("give cookies or a remote, not both")
        if cookies is not None:
            self._remote = from_cookies(cookies, tld=tld, region=region)
        else:
            self._remote = remote if isinstance(remote, Remote) else connect(remote)
        self._closed = False
        self._stack = ExitStack()
        self._portal = self._stack.enter_context(start_blocking_portal())
        self._stack.callback(self._portal.call, self._remote.close)

    def __repr__(self) -> str:
        """Show the account, no secret."""
        return f"AmazonPhotos({self._remote.name}:)"

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Release connections and the thread. Closing twice is allowed."""
        self._closed = True
        self._stack.close()

    def usage(self) -> pd.DataFrame:
        """Return counts and bytes by type of file."""
        import pandas as pd

        found = self._run(self._ability(SupportsUsage, "say what it holds").usage)
        rows = [
            ("photo", found.photo_bytes, found.photos),
            ("video", found.video_bytes, found.videos),
            ("doc", found.document_bytes, found.documents),
            ("other", found.other_bytes, found.others),
        ]
        return pd.DataFrame(rows, columns=["type", "total_bytes", "total_count"])

    def query(
        self, filters: str = "type:(PHOTOS OR VIDEOS)", offset: int = 0, limit: int | None = None
    ) -> pd.DataFrame:
        """Return what a search finds, newest first: at most *limit* rows after the first *offset*, each once."""
        most = None if limit is None else offset + limit
        found = self._collect(lambda: self._remote.search(filters, sort="-created", limit=most))
        return to_frame(found[offset:])

    def photos(self, *, limit: int | None = None) -> pd.DataFrame:
        """Return the photographs."""
        return self.query("type:(PHOTOS)", limit=limit)

    def videos(self, *, limit: int | None = None) -> pd.DataFrame:
        """Return the videos."""
        return self.query("type:(VIDEOS)", limit=limit)

    def nodes(
        self, filters: Sequence[str] = (), sort: Sequence[str] = (), limit: int | None = None, offset: int = 0
    ) -> pd.DataFrame:
        """Return the nodes that match all *filters* of the drive's grammar; they are compared here.

        Args:
            filters: e.g. ``["kind:FOLDER", 'name:"Web"']``. What is in the trash is there if one names ``status``.
            sort: e.g. ``["createdDate DESC", "name ASC"]``.
            limit: rows at most.
            offset: rows to skip.
        """
        wanted = [parse_nodes(each) for each in filters]
        rows = [each for each in self._everything(filters) if all(matches(query, each) for query in wanted)]
        for key, descending in reversed([_order(each) for each in sort]):
            known = [each for each in rows if key(each) is not None]
            rows = sorted(known, key=key, reverse=descending) + [each for each in rows if key(each) is None]
        return to_frame(rows[offset : None if limit is None else offset + limit])

    def nodes_by_name(self, names: Iterable[str]) -> pd.DataFrame:
        """Return the nodes that have one of these names, wherever they lie; case does not matter."""
        wanted = {paths.fold(each) for each in _ids(names) if each}
        return to_frame([each for each in self._everything() if paths.fold(each.name) in wanted])

    def ls(self, path: str = "", *, recursive: bool = False) -> pd.DataFrame:
        """Return the entries of a folder."""
        return to_frame(self._collect(lambda: self._remote.list(path, recursive=recursive)))

    def upload(self, path: str | Path, folder: str = "", *, duplicates: bool = False) -> Report:
        """Upload a file or a folder; bytes that the account holds already are skipped unless *duplicates*.

        A folder arrives as a folder of its name with all that is below it, empty folders too.
        """
        plan = plan_upload([path], folder)
        if isinstance(self._remote, SupportsFolders):
            self.create_folders(path, folder)
        return self._run(lambda: upload(self._remote, plan, duplicates="keep" if duplicates else "refuse"))

    def create_folders(self, path: str | Path, folder: str = "") -> dict[str, Entry]:
        """Make the folders of a local folder, its own among them, and return them by their paths."""
        folders = self._ability(SupportsFolders, "make folders")

        async def make() -> dict[str, Entry]:
            return {each: await folders.mkdir(each) for each in _folders(path, folder)}

        return self._run(make)

    def download(self, node_ids: Iterable[str], out: str | Path = "media") -> list[Report]:
        """Download nodes into a folder, each verified by md5."""
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)

        async def fetch() -> list[Report]:
            return [await download(self._remote, NodeId(each), folder) for each in _ids(node_ids)]

        return self._run(fetch)

    def trashed(self, filters: str = "", offset: int = 0, limit: int | None = None) -> pd.DataFrame:
        """Return what is in the trash, last trashed first; *filters* are compared here, as those of :meth:`nodes`."""
        found = self._collect(self._ability(SupportsTrashListing, "list its trash").trashed)
        rows = [each for each in found if not filters or matches(parse_nodes(filters), each)]
        return to_frame(rows[offset : None if limit is None else offset + limit])

    def trash(self, node_ids: Iterable[str]) -> Sequence[Outcome]:
        """Put nodes in the trash."""
        return self._run(lambda: self._remote.trash(*map(NodeId, _ids(node_ids))))

    def restore(self, node_ids: Iterable[str]) -> Sequence[Outcome]:
        """Take nodes out of the trash."""
        return self._run(lambda: self._remote.restore(*map(NodeId, _ids(node_ids))))

    def delete(self, node_ids: Iterable[str]) -> Sequence[Outcome]:
        """Delete trashed nodes for ever."""
        return self._run(lambda: self._remote.delete(*map(NodeId, _ids(node_ids))))

    def aggregations(self, category: str = "all") -> dict[str, Sequence[Facet]]:
        """Count by one of Amazon's categories, or by all."""
        known: tuple[Category, ...] = get_args(Category)
        wanted = [each for each in known if category in ("all", each)]
        if not wanted:
            raise ConfigError(f"unknown category {category!r}; known are {', '.join(known)}, all")

        async def count() -> dict[str, Sequence[Facet]]:
            return {each: await self._remote.aggregations(each) for each in wanted}

        return self._run(count)

    def favorite(self, node_ids: Iterable[str]) -> list[Entry]:
        """Mark nodes as favourites."""
        return self._mark(node_ids, favorite=True)

    def unfavorite(self, node_ids: Iterable[str]) -> list[Entry]:
        """Unmark favourites."""
        return self._mark(node_ids, favorite=False)

    def hide(self, node_ids: Iterable[str]) -> list[Entry]:
        """Hide nodes."""
        return self._mark(node_ids, hidden=True)

    def unhide(self, node_ids: Iterable[str]) -> list[Entry]:
        """Show hidden nodes again."""
        return self._mark(node_ids, hidden=False)

    def create_album(self, album_name: str, node_ids: Iterable[str] = ()) -> Entry:
        """Make an album of nodes."""
        albums = self._ability(SupportsAlbums, "keep albums")
        return self._run(lambda: albums.create_album(album_name, members=[*map(NodeId, _ids(node_ids))]))

    def rename_album(self, album_id: str, name: str) -> Entry:
        """Give an album another name."""
        folders = self._ability(SupportsFolders, "rename")
        return self._run(lambda: folders.move(NodeId(album_id), f".views/albums/{name}"))

    def add_to_album(self, album_id: str, node_ids: Iterable[str]) -> None:
        """Add nodes to an album."""
        albums = self._ability(SupportsAlbums, "keep albums")
        self._run(lambda: albums.add_to_album(NodeId(album_id), [*map(NodeId, _ids(node_ids))]))

    def remove_from_album(self, album_id: str, node_ids: Iterable[str]) -> None:
        """Take nodes out of an album; they stay in the library."""
        albums = self._ability(SupportsAlbums, "keep albums")
        self._run(lambda: albums.remove_from_album(NodeId(album_id), [*map(NodeId, _ids(node_ids))]))

    def rename_cluster(self, cluster_id: str, name: str) -> None:
        """Give a person a name; ids are in ``aggregations("allPeople")``."""
        people = self._ability(SupportsPeople, "name people")
        self._run(lambda: people.name_person(cluster_id, name))

    def combine_clusters(self, cluster_ids: Iterable[str], name: str) -> None:
        """Make one person of several. There is no way back."""
        people = self._ability(SupportsPeople, "join people")
        self._run(lambda: people.merge_people(_ids(cluster_ids), name))

    def update_cluster_thumbnail(self, cluster_id: str, node_id: str) -> None:
        """Let a photograph stand for a person."""
        people = self._ability(SupportsPeople, "show people")
        self._run(lambda: people.set_person_cover(cluster_id, NodeId(node_id)))

    def add_to_family_vault(self, family_id: str | None, node_ids: Iterable[str]) -> None:
        """Put nodes into the family vault; ``None`` is the family that a node of the account names already."""
        family = self._ability(SupportsFamily, "share with a family")
        self._run(lambda: family.add_to_family([*map(NodeId, _ids(node_ids))], family_id=family_id))

    def remove_from_family_vault(self, family_id: str | None, node_ids: Iterable[str]) -> None:
        """Take nodes out of the family vault."""
        family = self._ability(SupportsFamily, "share with a family")
        self._run(lambda: family.remove_from_family([*map(NodeId, _ids(node_ids))], family_id=family_id))

    def get_root(self) -> Entry:
        """Return the root folder."""
        return self._run(lambda: self._remote.stat(""))

    def get_folders(self) -> list[Entry]:
        """Return all folders, the root too; one that lies in two folders is there at both paths."""
        found = self._collect(lambda: self._remote.list("", recursive=True))
        return [self.get_root(), *(each for each in found if each.kind is Kind.FOLDER)]

    def find_path(self, target: str) -> Entry | None:
        """Return what is at a path such as ``Pictures/Web``, ``None`` where nothing is."""
        try:
            return self._run(lambda: self._remote.stat(target))
        except NotFoundError:
            return None

    def build_tree(self, folders: Iterable[Entry] | None = None) -> Folder:
        """Return the folders as a tree of ``name``, ``id`` and ``children``; *folders* are left as they are."""
        return folder_tree(self.get_folders() if folders is None else folders)

    def print_tree(self, folder: Folder | None = None, *, show_id: bool = True) -> None:
        """Draw the folders on standard output; the root is ``~``."""
        sys.stdout.writelines(f"{line}\n" for line in draw(folder or self.build_tree(), show_id=show_id))

    def refresh_db(self) -> pd.DataFrame:
        """Bring the node cache up to date, where there is one, and return :meth:`load_db`."""
        if isinstance(self._remote, SupportsSync):
            self._run(self._remote.sync)
        return self.load_db()

    def load_db(self) -> pd.DataFrame:
        """Return the library as the cache knows it: photographs, films and all other files, each once."""
        found = self._collect(lambda: self._remote.list("", recursive=True))
        return to_frame({each.id: each for each in found if each.kind is Kind.FILE}.values())

    @property
    def db(self) -> pd.DataFrame:
        """What :meth:`load_db` returns."""
        return self.load_db()

    def _mark(
        self, node_ids: Iterable[str], *, favorite: bool | None = None, hidden: bool | None = None
    ) -> list[Entry]:
        marks = self._ability(SupportsMarks, "mark entries")

        async def mark() -> list[Entry]:
            gate = asyncio.Semaphore(_AT_ONCE)

            async def one(node_id: str) -> Entry:
                async with gate:
                    return await marks.mark(NodeId(node_id), favorite=favorite, hidden=hidden)

            return await asyncio.gather(*map(one, dict.fromkeys(_ids(node_ids))))

        return self._run(mark)

    def _everything(self, filters: Iterable[str] = ()) -> list[Entry]:
        """Return every node once; what is in the trash only if *filters* ask for a status."""
        found = [self.get_root(), *self._collect(lambda: self._remote.list("", recursive=True))]
        if isinstance(self._remote, SupportsAlbums):
            found += self._collect(self._remote.albums)
        if isinstance(self._remote, SupportsTrashListing) and any("status:" in each for each in filters):
            found += self._collect(self._remote.trashed)
        return list({each.id: each for each in reversed(found)}.values())[::-1]

    def _collect(self, listing: Callable[[], AsyncIterator[Entry]]) -> list[Entry]:
        async def collect() -> list[Entry]:
            return [entry async for entry in listing()]

        return self._run(collect)

    def _ability(self, protocol: type[Ability], what: str) -> Ability:
        if not isinstance(self._remote, protocol):
            raise UnsupportedError(f"{self._remote.name}: cannot {what}")
        return self._remote

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._closed:
            raise RemoteError("this client is closed: make a new one")
        return self._portal.call(work)


def _ids(node_ids: Iterable[str] | Any) -> list[str]:
    """Return ids out of one id, a list, or a Series."""
    return [node_ids] if isinstance(node_ids, str) else [str(each) for each in node_ids]


def _folders(local: str | Path, folder: str) -> list[str]:
    """Return where the folders of a local folder belong, parents first; ``trip/`` means what is in ``trip``."""
    top = Path(local)
    if not top.is_dir():
        return []
    base = folder if os.fspath(local).endswith(("/", os.sep)) else paths.join(folder, top.resolve().name)
    found = [base]
    for parent, names, _ in os.walk(top):
        names[:] = sorted(name for name in names if name.casefold() not in JUNK)
        found += [paths.join(base, (Path(parent) / name).relative_to(top).as_posix()) for name in names]
    return [each for each in found if each]


def _order(text: str) -> tuple[Callable[[Entry], Any], bool]:
    """Return by what to sort, and whether the greatest comes first."""
    field, _, direction = text.strip().partition(" ")
    if field not in _KEYS or direction not in ("", "ASC", "DESC"):
        raise LimitError(f"cannot sort by {text!r}; known are {', '.join(sort_fields('nodes'))}, with ASC or DESC")
    return _KEYS[field], direction == "DESC"


_KEYS: Final[dict[str, Callable[[Entry], Any]]] = {
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
