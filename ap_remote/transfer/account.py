"""A folder of a remote, an album, a view, or one file, as an end of a transfer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ap_remote.errors import AmbiguousError, NotFoundError, PreconditionFailedError, UnsupportedError
from ap_remote.model import Kind, NodeId, Status
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAlbums, SupportsAssets, SupportsFolders, SupportsParents
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.localnames import distinct
from ap_remote.transfer.sides import Item, Listing
from ap_remote.transfer.walking import is_junk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ap_remote.model import Entry, Ref
    from ap_remote.remote.base import Remote
    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.sides import Progress

_MARK: Final = 8
_TELL: Final = 1000
"""Entries after which progress is told."""


class Account:
    """An end in an account.

    Args:
        remote: the account; it is not closed here.
        target: what paths are relative to. A path need not exist if it is a target; an id is looked up at the first
            use, and before that :attr:`root` and :meth:`path` do not know it.
        label: how it is written, e.g. ``home:Pictures``.
    """

    is_local: Final = False
    ignores_case: Final = True

    def __init__(self, remote: Remote, target: Ref = "", *, label: str | None = None) -> None:
        self.remote = remote
        self.target = target if isinstance(target, NodeId) else paths.normalise(target)
        self.label = label if label is not None else f"{remote.name}:{self.target}"
        self._top: Entry | None = None
        self._live: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Account({self.label!r})"

    @property
    def root(self) -> str:
        """The path of the root.

        Raises:
            NotFoundError: it is named by an id that has not been looked up yet (:meth:`look_up`).
        """
        if self._top is not None:
            return self._top.path
        if isinstance(self.target, NodeId):
            raise NotFoundError(str(self.target))
        return self.target

    @property
    def is_file(self) -> bool:
        """Whether the root was found to be a file."""
        return self._top is not None and not self._top.is_folder

    @property
    def is_album(self) -> bool:
        """Whether the root is an album, or the path of one that is not there yet.

        What is brought there is added to it, what is removed is taken out, and stays in its folder.
        """
        if self._top is not None:
            return self._top.kind is Kind.ALBUM and self._top.status is not Status.TRASHED
        target = self.target
        return isinstance(target, str) and len(paths.below_albums(target)) == 1

    @property
    def live(self) -> dict[str, str]:
        """The live photos of the last listing: path to id."""
        return self._live

    @property
    def is_writable(self) -> bool:
        """Whether anything can be put, moved or trashed here."""
        at = "" if isinstance(self.target, NodeId) and self._top is None else self.root
        if self.is_album:
            return isinstance(self.remote, SupportsAlbums) and not self.remote.features.read_only
        return not (self.remote.features.read_only or paths.is_view(at))

    def path(self, path: str) -> str:
        """Return the account's path of a path that is relative to the root."""
        return self.root if self.is_file else paths.join(self.root, path)

    async def look_up(self) -> Entry:
        """Return the root as it is now, and know it from here on.

        Raises:
            NotFoundError: it does not exist, or is in the trash.
        """
        top = await self.remote.stat(self.target)
        if isinstance(self.target, NodeId) and top.status is Status.TRASHED:
            raise NotFoundError(str(self.target))
        self._top = top
        return top

    async def listing(
        self, filters: Filters, *, junk: bool = False, films: bool = False, progress: Progress | None = None
    ) -> Listing:
        """Return what lies here; albums below the root are listed as folders of their members.

        Of several members of one name in one place each gets the beginning of its id, as in the views.

        Raises:
            NotFoundError: the root does not exist.
            IncompleteListingError: the account could not be listed as a whole.
        """
        top = await self.look_up()
        entries: list[tuple[str, Entry]] = []
        if top.is_folder:
            async for row in self._rows(top):
                entries.append(row)
                if progress is not None and len(entries) % _TELL == 0:
                    progress(len(entries), None)
        else:
            entries = [(top.name, top)]
        sieve = _Sieve(filters, junk=junk)
        items = [item for path, entry in _told_apart(entries) if (item := sieve.item(path, entry)) is not None]
        self._live = dict(sieve.live)
        if films:
            items += await self._films(items, sieve)
            items.sort(key=lambda item: item.path.split("/"))
        if progress is not None:
            progress(len(items), len(items))
        return Listing(items=tuple(items), left_out=len(sieve.outside), outside=tuple(sieve.outside))

    async def digest(self, item: Item, *, again: bool = False) -> str | None:
        """Return what the account says; it computed it when the bytes arrived."""
        del again
        return item.md5

    async def mkdir(self, path: str) -> None:
        """Make a folder and those above it.

        Raises:
            UnsupportedError: the account cannot make folders, or not here.
        """
        if isinstance(self.target, NodeId) and self._top is None:
            await self.look_up()
        await self._folders("make a folder").mkdir(self.path(path))

    async def remove(self, item: Item) -> str:
        """Trash an item and return its id; one that lies in further folders, or in an album, leaves this one only.

        Raises:
            UnsupportedError: nothing can be trashed here, or it is the film of a live photo.
        """
        self._writable("trash anything")
        if item.film_of is not None:
            raise UnsupportedError(f"a film goes where its photograph goes, and not by itself: {item.path!r}")
        entry = await self._same(item)
        if self.is_album:
            await self._albums().remove_from_album(self._ref, [NodeId(entry.id)])
        elif len(entry.parents) > 1 and isinstance(self.remote, SupportsParents):
            await self.remote.unlink(NodeId(entry.id), paths.split(self.path(item.path))[0])
        else:
            await self.remote.trash(NodeId(entry.id))
        return str(NodeId(entry.id))

    async def add(self, node: str) -> None:
        """Add a file of the account, by its id, to this album, which is made if need be.

        Raises:
            NotFoundError: the file is in the trash, or gone.
        """
        if isinstance(self.target, str):
            await self._folders("make an album").mkdir(self.target)
        await self._albums().add_to_album(self._ref, [NodeId(node)])

    async def shows(self, entry: Entry, path: str) -> bool:
        """Return whether an entry is seen at a path of this side now."""
        if not self.is_album:
            return paths.fold(entry.path) == paths.fold(self.path(path))
        try:
            return (await self.remote.stat(self.path(path), fresh=True)).id == entry.id
        except NotFoundError:
            return False
        except AmbiguousError as exc:
            return entry.id in exc.ids

    async def move(self, item: Item, path: str) -> Item:
        """Give an item another path; no bytes pass.

        Raises:
            AlreadyExistsError: the path is taken.
            UnsupportedError: the account cannot move, or not here.
        """
        return await self.move_to(item, self.path(path), path)

    async def move_to(self, item: Item, place: str, path: str) -> Item:
        """Give an item another path anywhere in the account, and return it as *path*."""
        folders = self._folders("move anything")
        if self.is_album or paths.is_view(place):
            raise UnsupportedError(f"nothing is moved in an album or into one: {place!r}; a copy adds it")
        entry = await self._same(item)
        above = paths.split(place)[0]
        if above:
            await folders.mkdir(above)
        here = self.path(item.path)
        by_path = len(entry.parents) > 1 and not paths.is_view(here)
        return _item(path, await folders.move(here if by_path else NodeId(entry.id), place))

    async def _same(self, item: Item) -> Entry:
        """Return an item's entry as it is now; by its id, so that nothing that came to its path later is meant.

        Raises:
            PreconditionFailedError: another has its path.
        """
        if isinstance(self.target, NodeId) and self._top is None:
            await self.look_up()
        if item.id is None:
            return await self.remote.stat(self.path(item.path))
        entry = await self.remote.stat(NodeId(item.id))
        if entry.status is Status.TRASHED:
            raise NotFoundError(self.path(item.path))
        if len(entry.parents) > 1:
            there = await self.remote.stat(self.path(item.path))
            if there.id != entry.id:
                raise PreconditionFailedError(f"another entry has this path now: {self.path(item.path)!r}")
        return entry

    @property
    def _ref(self) -> Ref:
        return self.target if self._top is None else NodeId(self._top.id)

    def _albums(self) -> SupportsAlbums:
        if not isinstance(self.remote, SupportsAlbums):
            raise UnsupportedError(f"{self.remote.name}: has no albums")
        return self.remote

    def _writable(self, what: str) -> None:
        if not self.is_writable:
            raise UnsupportedError(f"cannot {what} in {self.label}: it can only be read")

    def _folders(self, what: str) -> SupportsFolders:
        self._writable(what)
        if not isinstance(self.remote, SupportsFolders):
            raise UnsupportedError(f"cannot {what} in {self.label}: the remote has no such ability")
        return self.remote

    async def _rows(self, top: Entry) -> AsyncIterator[tuple[str, Entry]]:
        """Yield everything below the root with its path from there, parents first."""
        depth = len(paths.components(top.path))
        target = self.target if isinstance(self.target, NodeId) else top.path
        async for entry in self.remote.list(target, recursive=True):
            path = entry.path.split("/", depth)[depth]
            yield path, entry
            if entry.kind is Kind.ALBUM:
                async for member in self.remote.list(NodeId(entry.id)):
                    yield paths.join(path, paths.split(member.path)[1] or member.name), member

    async def _films(self, items: Sequence[Item], sieve: _Sieve) -> list[Item]:
        if not isinstance(self.remote, SupportsAssets) or not sieve.live:
            return []
        taken: dict[str, set[str]] = {}
        for item in items:
            folder, name = paths.split(item.path)
            taken.setdefault(folder, set()).add(name.casefold())
        found = []
        for path, node in sieve.live.items():
            folder = paths.split(path)[0]
            for part in await self.remote.assets(NodeId(node)):
                film = sieve.item(paths.join(folder, distinct(part.name, taken[folder])), part, film_of=node)
                if film is not None:
                    found.append(film)
        return found


class _Sieve:
    """Takes entries as items, or notes that they are left out."""

    def __init__(self, filters: Filters, *, junk: bool) -> None:
        self._filters = filters
        self._all = filters == EVERYTHING
        self._junk = junk
        self._closed: set[str] = set()
        self.outside: list[str] = []
        self.live: dict[str, str] = {}

    def item(self, path: str, entry: Entry, *, film_of: str | None = None) -> Item | None:
        above, name = paths.split(path)
        if self._closed and above in self._closed:
            if entry.is_folder:
                self._closed.add(path)
            return None
        is_out = not self._junk and is_junk(name)
        if entry.is_folder:
            if is_out or not (self._all or self._filters.enters(path)):
                self._closed.add(path)
                self.outside.append(path)
                return None
            return Item(path=path, is_folder=True, modified=entry.modified, id=entry.id, version=entry.version)
        if entry.kind is not Kind.FILE and film_of is None:
            return None
        if is_out or not (self._all or self._filters.takes(path, size=entry.size, modified=entry.modified)):
            self.outside.append(path)
            return None
        if entry.is_live:
            self.live[path] = entry.id
        return _item(path, entry, film_of=film_of)


def _item(path: str, entry: Entry, *, film_of: str | None = None) -> Item:
    return Item(
        path=path,
        is_folder=entry.is_folder,
        size=entry.size,
        modified=entry.modified,
        taken=entry.taken,
        md5=entry.md5,
        id=entry.id,
        version=entry.version,
        film_of=film_of,
    )


def _told_apart(entries: Sequence[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """Give entries of one path, as a search or an album may have them, paths of their own."""
    count = Counter(path for path, _ in entries)
    if len(count) == len(entries):
        return [*entries]
    return [(path if count[path] == 1 else _marked(path, entry), entry) for path, entry in entries]


def _marked(path: str, entry: Entry) -> str:
    folder, name = paths.split(path)
    mark = f" {{{entry.id[:_MARK]}}}"
    stem, dot, extension = name.rpartition(".")
    plain = entry.is_folder or not stem
    return paths.join(folder, name + mark if plain else stem + mark + dot + extension)
