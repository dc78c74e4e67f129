"""What a remote may be able to do beyond the nine verbs.

Facts are fields of :class:`Features`; abilities are small protocols that callers test with ``isinstance``. A wrapper
never claims more than what it wraps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ap_remote.model import Entry, Ref, Usage


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


@runtime_checkable
class SupportsFolders(Protocol):
    """Folders can be made and entries moved without sending their bytes again."""

    async def mkdir(self, path: str, *, parents: bool = True, exist_ok: bool = True) -> Entry:
        """Make a folder and return it.

        Raises:
            AlreadyExistsError: it is there and *exist_ok* is false.
            NotFoundError: its parent is missing and *parents* is false.
            IsFileError: a file is at *path* or above it.
        """
        ...

    async def move(self, source: Ref, path: str) -> Entry:
        """Give an entry another path: a rename, another parent, or both. Ids stay.

        Raises:
            NotFoundError: nothing is at *source*, or the new parent is missing.
            AlreadyExistsError: the new name is taken.
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
