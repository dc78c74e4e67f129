"""`AmazonPhotos`, the synchronous face for notebooks: methods of the PyPI client ``amazon-photos``, DataFrames out.

One thin wrapper over the async remote. Its coroutines run on an event loop in a thread of their own, so it works in a
notebook whose own loop is running. It starts lazily, raises instead of returning ``None``, and writes no files into
the working directory.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_args

from anyio.from_thread import start_blocking_portal

from ap_remote.connect import connect, from_cookies
from ap_remote.errors import ConfigError, RemoteError, UnsupportedError
from ap_remote.model import Entry, NodeId
from ap_remote.remote.base import Category, Remote
from ap_remote.remote.features import (
    SupportsAlbums,
    SupportsFolders,
    SupportsMarks,
    SupportsTrashListing,
    SupportsUsage,
)
from ap_remote.tables import to_frame
from ap_remote.transfer import Report, download, plan_upload, upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    import pandas as pd

    from ap_remote.model import Facet, Outcome

T = TypeVar("T")
Ability = TypeVar("Ability")


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

    def query(self, filters: str = "type:(PHOTOS OR VIDEOS)", *, limit: int | None = None) -> pd.DataFrame:
        """Return what a search finds, newest first."""
        return self._frame(lambda: self._remote.search(filters, sort="-created", limit=limit))

    def photos(self, *, limit: int | None = None) -> pd.DataFrame:
        """Return the photographs."""
        return self.query("type:(PHOTOS)", limit=limit)

    def videos(self, *, limit: int | None = None) -> pd.DataFrame:
        """Return the videos."""
        return self.query("type:(VIDEOS)", limit=limit)

    def ls(self, path: str = "", *, recursive: bool = False) -> pd.DataFrame:
        """Return the entries of a folder."""
        return self._frame(lambda: self._remote.list(path, recursive=recursive))

    def upload(self, path: str | Path, folder: str = "", *, duplicates: bool = False) -> Report:
        """Upload a file or a folder; bytes that the account holds already are skipped unless *duplicates*."""
        plan = plan_upload([path], folder)
        return self._run(lambda: upload(self._remote, plan, duplicates="keep" if duplicates else "refuse"))

    def download(self, node_ids: Iterable[str], out: str | Path = "media") -> list[Report]:
        """Download nodes into a folder, each verified by md5."""
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)

        async def fetch() -> list[Report]:
            return [await download(self._remote, NodeId(each), folder) for each in _ids(node_ids)]

        return self._run(fetch)

    def trashed(self) -> pd.DataFrame:
        """Return what is in the trash."""
        return self._frame(self._ability(SupportsTrashListing, "list its trash").trashed)

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

    def _mark(
        self, node_ids: Iterable[str], *, favorite: bool | None = None, hidden: bool | None = None
    ) -> list[Entry]:
        marks = self._ability(SupportsMarks, "mark entries")

        async def mark() -> list[Entry]:
            return [await marks.mark(NodeId(each), favorite=favorite, hidden=hidden) for each in _ids(node_ids)]

        return self._run(mark)

    def _frame(self, listing: Callable[[], AsyncIterator[Entry]]) -> pd.DataFrame:
        async def collect() -> list[Entry]:
            return [entry async for entry in listing()]

        return to_frame(self._run(collect))

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
