"""The remote for Amazon Photos: the nine verbs over the node cache and the service.

Each verb is a few lines here; what it takes is in the modules beside: ``amazon_tree`` (paths, freshness),
``amazon_upload``, ``amazon_download``, ``amazon_trash``, ``amazon_search``, ``amazon_albums``, ``views``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ap_remote import mapping
from ap_remote.api import account, content, nodes
from ap_remote.backends import amazon_download, amazon_search, views
from ap_remote.backends.amazon_albums import Albums, member
from ap_remote.backends.amazon_archive import Archives
from ap_remote.backends.amazon_assets import Assets
from ap_remote.backends.amazon_changes import Changes
from ap_remote.backends.amazon_condition import Conditions
from ap_remote.backends.amazon_covers import Covers
from ap_remote.backends.amazon_digests import Digests
from ap_remote.backends.amazon_download import Downloads
from ap_remote.backends.amazon_family import Family
from ap_remote.backends.amazon_links import Links
from ap_remote.backends.amazon_many import Many
from ap_remote.backends.amazon_move import Move
from ap_remote.backends.amazon_nodes import Sleep
from ap_remote.backends.amazon_now import Now
from ap_remote.backends.amazon_offline import Offline
from ap_remote.backends.amazon_parents import Parents
from ap_remote.backends.amazon_peek import Peek
from ap_remote.backends.amazon_people import People
from ap_remote.backends.amazon_trash import Bin
from ap_remote.backends.amazon_tree import Tree
from ap_remote.backends.amazon_upload import Upload, Uploads
from ap_remote.backends.amazon_views import ViewSource
from ap_remote.backends.amazon_words import Words
from ap_remote.backends.view_changes import ViewChanges, concerns
from ap_remote.backends.views import is_directory
from ap_remote.cache import NodeCache
from ap_remote.errors import (
    AlreadyExistsError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    ProtocolError,
    UnsupportedError,
)
from ap_remote.model import ByteRange, Entry, Facet, Kind, NodeId, Outcome, Ref, Status, Usage
from ap_remote.remote import paths
from ap_remote.remote.base import Body, Category, Duplicates, IfExists, Remote, Sort
from ap_remote.remote.features import Features, SyncReport

if TYPE_CHECKING:
    from ap_remote.transport.client import Transport


class AmazonPhotosRemote(
    Changes,
    Offline,
    People,
    Family,
    Words,
    Parents,
    Covers,
    Downloads,
    Uploads,
    Assets,
    Archives,
    Digests,
    Peek,
    Conditions,
    Links,
    Many,
    Remote,
):
    """An account at Amazon Photos, or at a service that speaks as it does. Nothing is opened before the first verb.

    Args:
        name: the account's name as in ``name:path``.
        transport: sends calls; closed with the remote.
        cache: the node cache, or the folder that keeps it.
        max_age: seconds for which the cache may answer without asking the service.
        clock: seconds since 1970.
        sleep: waits a number of seconds.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        cache: NodeCache | Path,
        *,
        max_age: float = 60.0,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._name = name
        self._transport = transport
        self._cache = cache if isinstance(cache, NodeCache) else NodeCache(cache)
        self._tree = Tree(transport, self._cache, max_age=max_age, clock=clock, sleep=sleep)
        self._now = Now(self._tree)
        self._albums = Albums(self._tree)
        self._bin = Bin(self._tree)
        self._views = self._bin.views = ViewSource(self._tree, self._albums, self._bin)
        self._albums_made: dict[str, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"AmazonPhotosRemote({self._name!r})"

    @property
    def name(self) -> str:
        """The account's name."""
        return self._name

    @property
    def features(self) -> Features:
        """Facts about Amazon Photos."""
        return Features()

    # -- reading -------------------------------------------------------------------------------------------------------

    async def list(self, target: Ref = "", *, recursive: bool = False, fresh: bool = False) -> AsyncIterator[Entry]:
        """Yield what lies under a folder, an album or a view."""
        if fresh and isinstance(target, NodeId):
            self._views.forget()
        place = await self._seen(target, fresh=fresh)
        if not place.is_folder:
            raise IsFileError(place.path)
        if place.status is Status.TRASHED and not paths.is_view(place.path):
            async for entry in self._list_binned(place, recursive=recursive):
                yield entry
        elif place.kind is Kind.ALBUM or paths.is_view(place.path):
            async for entry in views.walk(self._views, place, recursive=recursive):
                yield entry
        elif recursive:
            async for entry in self._tree.below(place, fresh=fresh):
                yield entry
        else:
            for entry in await self._tree.children(place, fresh=fresh):
                yield entry

    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return one entry."""
        return await self._seen(target, fresh=fresh)

    async def get(self, target: Ref, *, span: ByteRange | None = None) -> AsyncIterator[bytes]:
        """Yield a file's bytes by redirect; a connection that breaks is resumed from where it stopped."""
        entry = await self._seen(target)
        if entry.is_folder:
            raise IsFolderError(entry.path)
        wanted = span or ByteRange()
        try:
            async with aclosing(amazon_download.pieces(self._transport, entry, wanted, facts=self._facts)) as pieces:
                async for piece in pieces:
                    yield piece
        except amazon_download.OutdatedError:
            # Somebody gave the file other bytes since the cache heard of it; nothing was handed out yet.
            entry = await self._tree.ask(entry.id)
        else:
            return
        async with aclosing(amazon_download.pieces(self._transport, entry, wanted, facts=self._facts)) as pieces:
            async for piece in pieces:
                yield piece

    # -- writing -------------------------------------------------------------------------------------------------------

    async def put(
        self,
        source: Body,
        path: str,
        *,
        if_exists: IfExists = "fail",
        duplicates: Duplicates = "keep",
        taken: datetime | None = None,
    ) -> Entry:
        """Upload one file; md5 and size of what is stored are compared with what was sent."""
        if concerns(path):
            return await self._in_views.put(
                source, paths.normalise(path), if_exists=if_exists, duplicates=duplicates, taken=taken
            )
        place = _writable(path)
        upload = Upload(
            self._tree,
            source,
            place,
            if_exists=if_exists,
            duplicates=duplicates,
            taken=taken,
            parts_from=self.parts_from,
        )
        return await upload.run()

    async def trash(self, *targets: Ref) -> Sequence[Outcome]:
        """Put entries in the bin, 50 in a call."""
        return await (self._in_views.trash(targets) if concerns(*targets) else self._bin.trash(targets))

    async def restore(self, *targets: Ref) -> Sequence[Outcome]:
        """Take entries out of the bin, 50 in a call."""
        return await self._bin.restore(targets)

    async def delete(self, *targets: Ref) -> Sequence[Outcome]:
        """Remove trashed entries for ever, 50 in a call."""
        return await self._bin.delete(targets)

    # -- searching -----------------------------------------------------------------------------------------------------

    def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query finds; it is read at once, before the first entry is asked for."""
        filters = amazon_search.read(query)
        told = partial(self._note_total, filters)
        return amazon_search.search(self._tree, filters, sort=sort, limit=limit, told=told)

    async def aggregations(self, category: Category, *, query: str = "") -> Sequence[Facet]:
        """Count entries by a category, most frequent first."""
        filters = amazon_search.read(query) if query.strip() else None
        return await amazon_search.aggregate(self._tree, category, filters)

    async def close(self) -> None:
        """Release connections and files. Closing twice is allowed."""
        await self._transport.close()
        self._cache.close()

    # -- abilities -----------------------------------------------------------------------------------------------------

    async def mkdir(self, path: str, *, parents: bool = True, exist_ok: bool = True) -> Entry:
        """Make a folder, or by its place in the view an album."""
        if concerns(path):
            return await self._in_views.mkdir(paths.normalise(path), exist_ok=exist_ok)
        place = paths.writable(path)
        found = await self._tree.find(place)
        if found is not None and found.kind is not Kind.FOLDER:
            raise IsFileError(place)
        if found is not None and not exist_ok:
            raise AlreadyExistsError(place, found.id)
        if found is None:
            above, _ = paths.split(place)
            await self._tree.folder(above, make=parents)
            found = await self._tree.folder(place)
        return found

    async def move(self, source: Ref, path: str) -> Entry:
        """Give an entry another path; an album another name."""
        return await (self._in_views.move(source, path) if concerns(source, path) else self._move(source, path))

    async def trashed(self) -> AsyncIterator[Entry]:
        """Yield what was put in the bin, last changed first, without what went along with a folder."""
        for entry in (await self._views.trash()).rows:
            yield entry

    async def albums(self) -> AsyncIterator[Entry]:
        """Yield the albums by name."""
        for entry in await self._views.listing(await self._views.stat(paths.ALBUMS_VIEW)):
            yield entry

    async def create_album(self, name: str, *, members: Sequence[Ref] = (), description: str = "") -> Entry:
        """Make an album."""
        paths.check_name(name)
        return await self._albums.create(name, await self._members(members), description)

    async def add_to_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Add members; one that is in already stays once."""
        found = await self._albums.album(album, await self._seen(album))
        await self._albums.change(found, "add", await self._members(members))

    async def remove_from_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Take members out; the photographs stay."""
        found = await self._albums.album(album, await self._seen(album))
        await self._albums.change(found, "remove", await self._members(members))

    async def mark(self, target: Ref, *, favorite: bool | None = None, hidden: bool | None = None) -> Entry:
        """Set or clear marks."""
        entry = await self._live(target)
        wanted = {"favorite": favorite, "hidden": hidden}
        settings = {key: value for key, value in wanted.items() if value is not None}
        if not settings:
            return entry
        node = await self._transport.send(nodes.patch(entry.id, settings=settings))
        return await self._tree.written(mapping.entry(node, path=""))

    async def thumbnail(self, target: Ref, *, size: int = 512) -> bytes:
        """Return an upright JPEG of a picture or a film."""
        entry = await self._seen(target)
        if not (entry.is_photo or entry.is_video):
            raise UnsupportedError(f"no rendition can be made: {entry.path!r} is no picture and no film")
        try:
            return await self._transport.send(content.thumbnail(entry.id, entry.owner_id, size))
        except (NotFoundError, ProtocolError) as exc:
            raise UnsupportedError(f"the service has no rendition of {entry.path!r}") from exc

    async def usage(self) -> Usage:
        """Return counts and bytes, as the service last computed them."""
        used = await self._transport.send(account.usage())
        granted = await self._transport.send(account.quota())
        self._told_usage = Usage(
            photos=used.photo.total.count,
            photo_bytes=used.photo.total.bytes,
            videos=used.video.total.count,
            video_bytes=used.video.total.bytes,
            documents=used.doc.total.count,
            document_bytes=used.doc.total.bytes,
            others=used.other.total.count,
            other_bytes=used.other.total.bytes,
            billable_photos=used.photo.billable.count,
            billable_photo_bytes=used.photo.billable.bytes,
            billable_videos=used.video.billable.count,
            billable_video_bytes=used.video.billable.bytes,
            billable_documents=used.doc.billable.count,
            billable_document_bytes=used.doc.billable.bytes,
            billable_others=used.other.billable.count,
            billable_other_bytes=used.other.billable.bytes,
            quota=granted.quota,
            free=granted.available,
        )
        return self._told_usage

    async def sync(self, *, progress: Callable[[int, int | None], None] | None = None) -> SyncReport:
        """Bring the node cache up to date with everything that the account holds."""
        return await self._tree.sync(progress=progress)

    # -- targets -------------------------------------------------------------------------------------------------------

    async def _seen(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return what a target names, at the path under which it is seen."""
        if not isinstance(target, NodeId):
            path = paths.normalise(target)
            if paths.is_view(path):
                if fresh:
                    self._views.forget()
                return await self._views.stat(path)
            return await (self._now.stat(path) if fresh else self._tree.stat(path))
        return await self._tree.node(target.value, fresh=fresh)

    async def _live(self, target: Ref) -> Entry:
        """Return what a target names, at its own path, unless it is in the bin or no node at all."""
        seen = await self._seen(target)
        if is_directory(seen):
            raise UnsupportedError(f"the virtual folder {seen.path!r} cannot be changed")
        if seen.status is Status.TRASHED:
            raise NotFoundError(str(target))
        known = self._cache.get(seen.id) if paths.is_view(seen.path) else None
        return known or seen

    @property
    def _in_views(self) -> ViewChanges:
        return ViewChanges(
            self, holders=self._holders, trash=self._bin.trash, move=self._move, making=self._albums_made
        )

    async def _move(self, source: Ref, path: str) -> Entry:
        return await Move(self._tree, await self._live(source)).to(path)

    async def _members(self, targets: Sequence[Ref]) -> Sequence[Entry]:
        return [member(target, await self._seen(target)) for target in targets]

    async def _list_binned(self, place: Entry, *, recursive: bool) -> AsyncIterator[Entry]:
        """Yield what went to the bin inside a folder, or what a trashed album holds."""
        inside = self._views.members if place.kind is Kind.ALBUM else self._views.trashed_in
        for entry in sorted((await inside(place)).rows, key=lambda each: (paths.fold(each.name), each.id)):
            yield entry
            if recursive and entry.kind is Kind.FOLDER:
                async for below in self._list_binned(entry, recursive=True):
                    yield below


def _writable(path: str) -> str:
    """Return the path in normal form, if a file could be there.

    Raises:
        IsFolderError: it is the root.
    """
    place = paths.writable(path)
    if not place:
        raise IsFolderError(place)
    return place
