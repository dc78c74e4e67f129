"""What a remote may be able to do beyond the nine verbs.

Facts are fields of :class:`Features`; abilities are small protocols that callers test with ``isinstance``. A wrapper
never claims more than what it wraps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence

    from ap_remote.model import Change, Entry, Person, Ref, Usage


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about a remote, in the manner of rclone's ``backend features``."""

    case_insensitive: bool = True
    empty_directories: bool = True
    hashes: tuple[str, ...] = ("md5",)
    server_side_move: bool = True
    server_side_copy: bool = False
    duplicate_names: bool = False
    set_modified: bool = False
    read_only: bool = False
    trash: bool = True
    max_name: int = 256


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did. Seconds are wall time."""

    seen: int
    changed: int
    removed: int
    requests: int
    seconds: float
    mode: str = ""
    """How it was fetched: ``delta``, ``tokens``, ``pages``, ``windows``; empty where nothing had to be done."""
    resumed: bool = False
    """Whether it went on where an earlier sync had been broken off."""


@runtime_checkable
class SupportsFolders(Protocol):
    """Folders can be made and entries moved without sending their bytes again."""

    async def mkdir(self, path: str, *, parents: bool = True, exist_ok: bool = True) -> Entry:
        """Make a folder, or at ``.views/albums/<name>`` an album, and return it.

        Raises:
            AlreadyExistsError: it is there and *exist_ok* is false.
            NotFoundError: its parent is missing and *parents* is false.
            IsFileError: a file is at *path* or above it.
            UnsupportedError: nothing can be made at this place in the views.
        """
        ...

    async def move(self, source: Ref, path: str) -> Entry:
        """Give an entry another path: a rename, another parent, or both. Ids stay.

        Out of ``.views/trash`` it restores; from one album's view to another's it changes albums; ``.views/albums/A``
        to ``.views/albums/B`` renames an album.

        Raises:
            NotFoundError: nothing is at *source*, or the new parent is missing.
            AlreadyExistsError: the new name is taken.
            UnsupportedError: any other move from or into a view; the sentence says what to do instead.
        """
        ...


@runtime_checkable
class SupportsMany(Protocol):
    """Many entries can be asked for in less time than one after the other."""

    async def stat_many(self, targets: Sequence[Ref], *, fresh: bool = False) -> Sequence[Entry | None]:
        """Return for each target, in their order, what :meth:`Remote.stat` would; ``None`` where nothing is there.

        Raises:
            RemoteError: as :meth:`Remote.stat`, but for :class:`~ap_remote.errors.NotFoundError`.
        """
        ...


@runtime_checkable
class SupportsTrashListing(Protocol):
    """The bin can be looked into."""

    def trashed(self) -> AsyncIterator[Entry]:
        """Yield what is in the trash, last trashed first; ``path`` is the path it had."""
        ...


@runtime_checkable
class SupportsAlbums(Protocol):
    """Albums: named sets of photographs, which stay in their folders."""

    def albums(self) -> AsyncIterator[Entry]:
        """Yield the albums; two may share a name."""
        ...

    async def create_album(self, name: str, *, members: Sequence[Ref] = (), description: str = "") -> Entry:
        """Make an album that holds *members* and return it."""
        ...

    async def add_to_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Add members; one that is in already stays once."""
        ...

    async def remove_from_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Take members out; the photographs themselves stay."""
        ...


@runtime_checkable
class SupportsCovers(Protocol):
    """A photograph may stand for an album."""

    async def album_cover(self, album: Ref) -> Entry | None:
        """Return the photograph that stands for an album; ``None`` where the service chooses by itself."""
        ...

    async def set_album_cover(self, album: Ref, target: Ref) -> Entry:
        """Let a photograph stand for an album, and return the album.

        Raises:
            NotFoundError: no such album, or nothing is at *target*.
            UnsupportedError: the service did not take it.
        """
        ...


@runtime_checkable
class SupportsMarks(Protocol):
    """Favourites and hidden entries."""

    async def mark(self, target: Ref, *, favorite: bool | None = None, hidden: bool | None = None) -> Entry:
        """Set or clear marks; ``None`` leaves one as it is."""
        ...


@runtime_checkable
class SupportsThumbnails(Protocol):
    """Small renditions are made by the service."""

    async def thumbnail(self, target: Ref, *, size: int = 512) -> bytes:
        """Return an upright JPEG whose longer side is at most *size* pixels.

        Raises:
            UnsupportedError: the entry is no picture or video, or no rendition can be made of it.
        """
        ...


@runtime_checkable
class SupportsUsage(Protocol):
    """The account can say what it holds."""

    async def usage(self) -> Usage:
        """Return counts and bytes; the service may compute them late."""
        ...


@runtime_checkable
class SupportsSync(Protocol):
    """There is a cache that can be brought up to date."""

    async def sync(self, *, progress: Callable[[int, int | None], None] | None = None) -> SyncReport:
        """Fetch what changed; *progress* gets nodes so far and, where known, the total."""
        ...


@runtime_checkable
class SupportsPeople(Protocol):
    """Faces are grouped into people, whose groups can be named and joined."""

    async def people(self) -> Sequence[Person]:
        """Return the people, the most photographed first; those without a name as well."""
        ...

    async def name_person(self, person: str, name: str) -> None:
        """Give a cluster of faces a name.

        Raises:
            NotFoundError: no cluster has this id.
        """
        ...

    async def merge_people(self, people: Sequence[str], name: str) -> None:
        """Make one person of several clusters. There is no way back.

        Raises:
            NotFoundError: one of them does not exist.
        """
        ...

    async def set_person_cover(self, person: str, target: Ref) -> None:
        """Let a photograph stand for a person.

        Raises:
            NotFoundError: no such cluster, or nothing is at *target*.
        """
        ...


@runtime_checkable
class SupportsFamily(Protocol):
    """A vault that the members of a family share."""

    async def add_to_family(self, targets: Sequence[Ref], *, family_id: str | None = None) -> None:
        """Put photographs into the family vault; they stay where they are.

        Args:
            targets: which.
            family_id: the family; ``None`` is the one that a node of the account names already.

        Raises:
            UnsupportedError: no family is known.
        """
        ...

    async def remove_from_family(self, targets: Sequence[Ref], *, family_id: str | None = None) -> None:
        """Take photographs out of the family vault; they stay where they are."""
        ...


@runtime_checkable
class SupportsDescriptions(Protocol):
    """Entries carry words of their owner, and properties of applications."""

    async def describe(
        self, target: Ref, *, description: str | None = None, labels: Sequence[str] | None = None
    ) -> Entry:
        """Set description (at most 500 characters) and labels (10 of 256); ``None`` leaves one as it is."""
        ...

    async def set_properties(self, target: Ref, owner: str, values: Mapping[str, str | None]) -> Entry:
        """Set properties of one owner (10 keys of 50 characters, values of 500); ``None`` removes one."""
        ...


@runtime_checkable
class SupportsParents(Protocol):
    """An entry may lie in several folders at once, under one name."""

    async def link(self, source: Ref, folder: Ref) -> Entry:
        """Let an entry lie in one more folder.

        Raises:
            AlreadyExistsError: its name is taken there.
        """
        ...

    async def unlink(self, source: Ref, folder: Ref) -> Entry:
        """Take an entry out of one of several folders.

        Raises:
            UnsupportedError: it is the last one; an entry without a folder cannot be seen.
        """
        ...


@runtime_checkable
class SupportsAssets(Protocol):
    """A file may have parts: the film of a live photo."""

    async def assets(self, target: Ref) -> Sequence[Entry]:
        """Return a file's parts; their bytes are had by :meth:`Remote.get` of their ids."""
        ...


@runtime_checkable
class SupportsArchives(Protocol):
    """Many files can be had as one archive that the service makes."""

    def archive(self, *targets: Ref) -> AsyncIterator[bytes]:
        """Yield the bytes of a ZIP of files, or of all photographs of an album (at most 1,200 files)."""
        ...


@runtime_checkable
class SupportsDigests(Protocol):
    """The account can be asked which contents it holds."""

    async def known(self, digests: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries that hold contents of these md5 digests, for those that are known."""
        ...


@runtime_checkable
class SupportsOffline(Protocol):
    """Searches can be answered from what is kept here, without the service."""

    def search_cached(self, query: str = "", *, sort: str = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what :meth:`Remote.search` would find, in the same orders, as of the last sync.

        A query of node filters (``kind:FILE AND createdDate:["2024-01-01" TO *]``) is understood as well; one that
        names no status finds what is available.

        Raises:
            QuerySyntaxError: the query is neither; said at once.
        """
        ...

    async def count_cached(self, query: str = "") -> int:
        """Return how many entries :meth:`search_cached` finds."""
        ...

    async def complete_since(self, query: str = "") -> float | None:
        """Return as of when :meth:`search_cached` finds all that :meth:`Remote.search` would, in seconds since 1970.

        ``None``: ask the service. So it is where a query names what only the service knows (things, people, places) or
        what no index has, where the account was not synced to its end, and where that was too long ago and the service
        does not tell at once what changed since.

        Raises:
            QuerySyntaxError: nobody can read the query.
        """
        ...

    def told_total(self, query: str = "") -> int | None:
        """Return how many entries the service said the last search finds; ``None`` where that was for another query."""
        ...


@runtime_checkable
class SupportsPeek(Protocol):
    """What is known here already can be had at once, without a loop and from any thread of the process.

    Never says what :meth:`Remote.stat` and :meth:`Remote.list` would not say at that moment. Opens nothing, sends
    nothing.
    """

    def peek(self, path: str) -> Entry | None:
        """Return what :meth:`Remote.stat` would; ``None`` where it would have to ask, or nothing is open.

        Raises:
            NotFoundError: it is certain that nothing is at *path*.
        """
        ...

    def peek_list(self, path: str) -> Sequence[Entry] | None:
        """Return what :meth:`Remote.list` would yield; ``None`` where it would have to ask, or nothing is open.

        Raises:
            NotFoundError: it is certain that nothing is at *path*.
            IsFileError: *path* is a file.
        """
        ...

    def peek_mark(self, path: str) -> Hashable | None:
        """Return what is equal for as long as :meth:`peek_list` gives the same entries of a folder.

        It is there for who makes something of a listing and wants to know whether that still holds, whoever wrote
        since: this remote, another process, a sync. ``None`` where :meth:`peek_list` would give no entries, or where
        nobody can tell.
        """
        ...


@runtime_checkable
class SupportsLinks(Protocol):
    """The service gives out addresses that need no login."""

    async def temporary_link(self, target: Ref) -> str:
        """Return an address that gives a file's bytes to whoever has it, for a while that the service chooses.

        It is a credential: nobody keeps it, and nobody writes it down.

        Raises:
            IsFolderError: *target* is no file.
            UnsupportedError: the service makes none.
        """
        ...


@runtime_checkable
class SupportsChanges(Protocol):
    """What changed can be asked for."""

    def changes(self, checkpoint: str | None = None) -> AsyncIterator[tuple[str | None, Sequence[Change]]]:
        """Yield changes since a checkpoint, each batch with the checkpoint to go on from after it.

        Without a checkpoint everything is told. A batch ``(None, ())`` says that the service does not know the
        checkpoint (any more): whatever was kept is void, and everything follows.

        Raises:
            UnsupportedError: the account has no such stream.
        """
        ...
