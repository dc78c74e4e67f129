"""A whole remote in memory: the nine verbs and every ability but sync. ``memory:``, and the double that tests use.

Where Amazon's conduct is unknown, the choice is written down: restoring also brings back the folders above, without
their other content; what a folder took to the bin is found by path and by id, and listed beneath that folder in
``.views/trash``.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ap_remote.backends import memory_photo
from ap_remote.backends.memory_bytes import Bytes
from ap_remote.backends.memory_counts import aggregate, measure
from ap_remote.backends.memory_many import Many
from ap_remote.backends.memory_parents import Parents
from ap_remote.backends.memory_peek import Peek, in_whole_steps
from ap_remote.backends.memory_people import People
from ap_remote.backends.memory_targets import Targets
from ap_remote.backends.memory_tree import Node, Tree
from ap_remote.backends.memory_words import Covers, Family, Words
from ap_remote.backends.ordering import ordered
from ap_remote.backends.view_changes import ViewChanges, concerns
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    BatchError,
    DuplicateContentError,
    IntegrityError,
    InvalidNameError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    RemoteError,
    UnsupportedError,
)
from ap_remote.model import ByteRange, Entry, Facet, Kind, Media, NodeId, Outcome, Ref, Status, Usage
from ap_remote.query import matches, parse_search
from ap_remote.remote import flow, paths
from ap_remote.remote.base import Body, Category, Duplicates, IfExists, Measured, Remote, Sort
from ap_remote.remote.features import Features

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from ap_remote.model import Place
    from ap_remote.query import Query

_PIECE: Final = 1 << 20


@in_whole_steps(
    *("put", "trash", "restore", "delete", "mkdir", "move", "mark", "link", "unlink", "describe", "set_properties"),
    *("create_album", "add_to_album", "remove_from_album", "set_album_cover", "add_to_family", "remove_from_family"),
)
class MemoryRemote(People, Family, Words, Parents, Covers, Bytes, Peek, Many, Remote):
    """A remote whose account is this object.

    Args:
        name: the account's name.
        clock: tells the time that nodes are stamped with.
        place_of: names a position; without it a photograph's place is only latitude and longitude.
    """

    def __init__(
        self,
        name: str = "memory",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        place_of: memory_photo.PlaceOf | None = None,
    ) -> None:
        self._name = name
        self._tree = Tree(clock)
        self._targets = Targets(self._tree, self._people)
        self._place_of = place_of
        self._known = {}
        self._whole = threading.RLock()
        self._albums_made: dict[str, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"MemoryRemote({self._name!r})"

    @property
    def name(self) -> str:
        """The account's name."""
        return self._name

    @property
    def features(self) -> Features:
        """Those of Amazon, whom this remote stands in for."""
        return Features()

    async def list(self, target: Ref = "", *, recursive: bool = False, fresh: bool = False) -> AsyncIterator[Entry]:  # noqa: ARG002 - nothing is cached
        """Yield what lies under a folder, an album or a view."""
        path, node = self._targets.seen(target)
        if node is not None and node.kind not in (Kind.FOLDER, Kind.ALBUM):
            raise IsFileError(path)
        # A listing is of one moment, whatever happens to the account while it is read.
        for entry in [*self._targets.listed(path, node, recursive=recursive)]:
            yield entry

    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:  # noqa: ARG002 - nothing is cached
        """Return one entry."""
        path, node = self._targets.seen(target)
        return self._targets.virtual(path) if node is None else self._tree.entry(node, path)

    async def put(
        self,
        source: Body,
        path: str,
        *,
        if_exists: IfExists = "fail",
        duplicates: Duplicates = "keep",
        taken: datetime | None = None,
    ) -> Entry:
        """Store bytes under a path."""
        if concerns(path):
            return await self._in_views.put(
                source, paths.normalise(path), if_exists=if_exists, duplicates=duplicates, taken=taken
            )
        place = self._targets.writable(path)
        parent, name = paths.split(place)
        file = source.path if isinstance(source, Measured) else source
        data = file if isinstance(file, bytes) else await asyncio.to_thread(file.read_bytes)
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if isinstance(source, Measured) and (md5, len(data)) != (source.md5, source.size):
            message = f"{source.path} changed before it was sent: its md5 was {source.md5}, now it is {md5}"
            raise IntegrityError(message)
        for start in range(0, len(data), _PIECE):
            await flow.passing(len(data[start : start + _PIECE]))
        reading = await asyncio.to_thread(memory_photo.read, name, data, place_of=self._place_of)
        # From here to the end nothing awaits: the account changes wholly or not at all.
        self._tree.check_parents(parent)
        node = self._tree.find(place)
        if node is not None and node.kind is Kind.FOLDER:
            raise IsFolderError(place)
        if node is not None and if_exists == "fail":
            raise AlreadyExistsError(place, node.id)
        if duplicates == "refuse":
            self._refuse_twin(place, md5, node)
        if node is None:
            node = self._tree.add(self._tree.folder_for(parent, make=True), name, Kind.FILE)
        else:
            self._tree.touch(node)
        self._fill(node, data, md5, reading, taken)
        return self._tree.entry(node)

    async def get(self, target: Ref, *, span: ByteRange | None = None) -> AsyncIterator[bytes]:
        """Yield a file's bytes."""
        path, node = self._targets.seen(target)
        if node is None or node.kind in (Kind.FOLDER, Kind.ALBUM):
            raise IsFolderError(path)
        wanted = span or ByteRange()
        data = node.data[wanted.start : wanted.stop]
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]

    async def trash(self, *targets: Ref) -> Sequence[Outcome]:
        """Put entries in the bin."""
        return await (self._in_views.trash(targets) if concerns(*targets) else self._trash(targets))

    async def _trash(self, targets: Sequence[Ref]) -> Sequence[Outcome]:
        def act(target: Ref) -> Node:
            try:
                node = self._targets.node(target)
            except NotFoundError as exc:
                already = [] if isinstance(target, NodeId) else self._tree.trashed_from(exc.path)
                if not already:
                    raise
                return already[0]
            if node is self._tree.root:
                message = "the root cannot be trashed"
                raise AccessDeniedError(message)
            if node.status is not Status.TRASHED:
                self._tree.trash(node)
            return node

        return self._each("trash", targets, act)

    async def restore(self, *targets: Ref) -> Sequence[Outcome]:
        """Take entries out of the bin."""

        def act(target: Ref) -> Node:
            node = self._targets.in_trash(target)
            self._tree.restore(node)
            return node

        return self._each("restore", targets, act)

    async def delete(self, *targets: Ref) -> Sequence[Outcome]:
        """Remove trashed entries for ever."""

        def act(target: Ref) -> Node:
            node = self._targets.in_trash(target)
            self._tree.delete(node)
            return node

        return self._each("delete", targets, act)

    def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query finds; the query is read at once, before the first entry is asked for."""
        return self._search(parse_search(query), sort, limit)

    async def aggregations(self, category: Category, *, query: str = "") -> Sequence[Facet]:
        """Count entries by a category."""
        facets = aggregate(self._found(parse_search(query)), category)
        return self._labelled(facets) if category in ("people", "allPeople", "clusterId") else facets

    async def close(self) -> None:
        """Keep everything: the account is this object."""

    async def mkdir(self, path: str, *, parents: bool = True, exist_ok: bool = True) -> Entry:
        """Make a folder, or by its place in the view an album."""
        if concerns(path):
            return await self._in_views.mkdir(paths.normalise(path), exist_ok=exist_ok)
        place = paths.normalise(path) and self._targets.writable(path)
        node = self._tree.find(place)
        if node is not None and node.kind is not Kind.FOLDER:
            raise IsFileError(place)
        if node is not None and not exist_ok:
            raise AlreadyExistsError(place, node.id)
        if node is None:
            parent, name = paths.split(place)
            self._tree.check_parents(parent)
            node = self._tree.add(self._tree.folder_for(parent, make=parents), name, Kind.FOLDER)
        return self._tree.entry(node)

    async def move(self, source: Ref, path: str) -> Entry:
        """Give an entry another path; an album another name."""
        return await (self._in_views.move(source, path) if concerns(source, path) else self._move(source, path))

    async def _move(self, source: Ref, path: str) -> Entry:
        node = self._targets.live(source)
        if node.kind is Kind.ALBUM:
            return self._rename_album(node, path)
        place = self._targets.writable(path)
        if node is self._tree.root:
            message = "the root cannot be moved"
            raise AccessDeniedError(message)
        parent, name = paths.split(place)
        folder = self._tree.folder_for(parent, make=False)
        if folder is node or any(each is folder for each in self._tree.below(node)):
            raise InvalidNameError(place, "a folder cannot be moved into itself")
        old = self._targets.folder_of(source, node)
        for each in {id(each): each for each in (folder, *node.folders) if each is not old or each is folder}.values():
            taken = each.children.get(paths.fold(name))
            if taken is not None and taken is not node:
                raise AlreadyExistsError(place, taken.id)
        self._tree.move(node, old, folder, name)
        return self._tree.entry(node, paths.join(self._tree.path(folder), name))

    async def trashed(self) -> AsyncIterator[Entry]:
        """Yield what was put in the bin, last first; what a folder took along is not told apart from it."""
        for node in self._tree.trashed():
            yield self._tree.entry(node)

    async def albums(self) -> AsyncIterator[Entry]:
        """Yield the albums by name."""
        for entry in [*self._targets.listed(paths.ALBUMS_VIEW, None, recursive=False)]:
            yield entry

    async def create_album(self, name: str, *, members: Sequence[Ref] = (), description: str = "") -> Entry:
        """Make an album."""
        paths.check_name(name)
        inside = [self._targets.member(each).id for each in members]
        album = self._tree.add(None, name, Kind.ALBUM)
        album.description = description or None
        album.members = dict.fromkeys(inside)
        return self._tree.entry(album)

    async def add_to_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Add members, all or none."""
        node = self._targets.album(album)
        node.members |= dict.fromkeys([self._targets.member(each).id for each in members])
        self._tree.touch(node)

    async def remove_from_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Take members out."""
        node = self._targets.album(album)
        for each in [self._targets.member(each).id for each in members]:
            node.members.pop(each, None)
        self._tree.touch(node)

    async def mark(self, target: Ref, *, favorite: bool | None = None, hidden: bool | None = None) -> Entry:
        """Set or clear marks."""
        node = self._targets.live(target)
        node.favorite = node.favorite if favorite is None else favorite
        node.hidden = node.hidden if hidden is None else hidden
        self._tree.touch(node)
        return self._tree.entry(node)

    async def thumbnail(self, target: Ref, *, size: int = 512) -> bytes:
        """Return an upright JPEG of a picture; films have none here."""
        _, node = self._targets.seen(target)
        if node is None or not (node.content_type or "").startswith("image/"):
            message = f"no rendition can be made: {target} is no picture"
            raise UnsupportedError(message)
        return await asyncio.to_thread(memory_photo.thumbnail, node.data, size=size)

    async def usage(self) -> Usage:
        """Count what is not in the bin."""
        return measure(self._tree.entry(node) for node in self._tree.available())

    def seed(self, path: str, data: bytes | None, *, place: Place | None = None, **fields: Any) -> str:
        """Put a node at a path behind the verbs' back and return its id; no data makes a folder.

        Args:
            path: where; folders are made as needed.
            data: the content.
            place: where it was taken.
            fields: attributes of the node that the content does not say, e.g. ``things=("cat",)``.
        """
        parent, name = paths.split(paths.normalise(path))
        folder = self._tree.folder_for(parent, make=True)
        node = self._tree.add(folder, name, Kind.FOLDER if data is None else Kind.FILE)
        if data is not None:
            md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
            self._fill(node, data, md5, memory_photo.read(name, data, place_of=self._place_of), None)
        if place is not None:
            node.media = msgspec.structs.replace(node.media or Media(), place=place)
        self.plant(node.id, **fields)
        return node.id

    def plant(self, node_id: str, **fields: Any) -> None:
        """Give a node attributes behind the verbs' back, e.g. ``people=("P1",)``."""
        node = self._targets.node(NodeId(node_id))
        for key, value in fields.items():
            setattr(node, key, value)
        self._tree.changes += 1

    def raw(self, path: str) -> bytes | None:
        """Return the bytes at a path behind the verbs' back; ``None`` where no file is."""
        node = self._tree.find(paths.normalise(path))
        return node.data if node is not None and node.kind is Kind.FILE else None

    def _each(
        self,
        action: Literal["trash", "restore", "delete"],
        targets: Sequence[Ref],
        act: Callable[[Ref], Node],
    ) -> Sequence[Outcome]:
        """Try every target; a single one raises its own error."""
        outcomes = []
        for target in targets:
            try:
                node = act(target)
            except RemoteError as exc:
                if len(targets) == 1:
                    raise
                outcomes.append(Outcome.failed(str(target), action, exc))
            else:
                entry = None if action == "delete" else self._tree.entry(node)
                outcomes.append(Outcome(target=str(target), action=action, id=node.id, entry=entry))
        failed = [outcome for outcome in outcomes if outcome.error]
        if failed:
            message = f"{action} failed for {len(failed)} of {len(outcomes)} targets; the first: {failed[0].error}"
            raise BatchError(message, outcomes)
        return outcomes

    @property
    def _in_views(self) -> ViewChanges:
        return ViewChanges(self, holders=self._holders, trash=self._trash, move=self._move, making=self._albums_made)

    def _found(self, query: Query) -> Iterator[Entry]:
        entries = (self._tree.entry(node) for node in self._tree.available())
        return (entry for entry in entries if matches(query, entry))

    async def _search(self, query: Query, sort: Sort, limit: int | None) -> AsyncIterator[Entry]:
        for entry in ordered(self._found(query), sort)[:limit]:
            yield entry

    def _refuse_twin(self, path: str, md5: str, itself: Node | None) -> None:
        # What is in the bin counts, as the service counts it, and is named only where there is no other.
        for node in sorted(self._tree.everything(), key=lambda each: each.status is Status.TRASHED):
            if node.md5 == md5 and node is not itself:
                raise DuplicateContentError(path, node.id)

    def _fill(self, node: Node, data: bytes, md5: str, reading: memory_photo.Reading, taken: datetime | None) -> None:
        node.data, node.md5 = data, md5
        node.content_type, node.media = reading.content_type, reading.media
        node.taken = reading.taken or (taken if taken is None or taken.tzinfo else taken.replace(tzinfo=UTC))

    def _rename_album(self, album: Node, path: str) -> Entry:
        album.name = paths.album_name(paths.normalise(path))
        self._tree.touch(album)
        return self._tree.entry(album)
