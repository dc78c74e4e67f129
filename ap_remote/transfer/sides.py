"""The two ends of a transfer: a local folder, or a folder of a remote, seen alike.

Paths are relative to the side's root, with ``/`` between names, and are those of the account: a local disk that cannot
hold a name keeps it encoded (:mod:`ap_remote.transfer.localnames`) and shows it here as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from ap_remote.transfer.filters import Filters

Progress = Callable[[int, int | None], None]
"""Gets how many are done and, where it is known, of how many."""


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A file or a folder at one side."""

    path: str
    is_folder: bool = False
    size: int = 0
    modified: datetime | None = None
    """The file's time: on a disk its mtime, in an account when the content arrived or last changed."""
    taken: datetime | None = None
    """Capture time, as far as the account knows it."""
    md5: str | None = None
    """Lower-case hexadecimal; a disk does not know it before :meth:`Side.digest`."""
    id: str | None = None
    """The node's, in an account."""
    version: int = 0
    stamp: str = ""
    """On a disk: changes whenever the file does (size, times, inode)."""
    film_of: str | None = None
    """The id of the live photo whose film this is."""


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A folder or file that could not be looked at."""

    path: str
    reason: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """All that lies at a side, folders before what is in them, siblings by name."""

    items: tuple[Item, ...]
    unread: tuple[Unread, ...] = ()
    """Not empty: the listing is not the whole, and nothing may be removed because of it."""
    left_out: int = 0
    """Files that filters and the list of junk left out."""
    outside: tuple[str, ...] = ()
    """Their paths; a folder's stands for all below it. What is outside at one side is kept at the other."""

    @property
    def is_whole(self) -> bool:
        """Whether everything was seen."""
        return not self.unread


class Side(Protocol):
    """One end. :class:`ap_remote.transfer.disk.Disk` and :class:`ap_remote.transfer.account.Account` are the two."""

    @property
    def label(self) -> str:
        """How it is written, e.g. ``/data/photos`` or ``home:Pictures``."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether it is a disk."""
        ...

    async def listing(
        self, filters: Filters, *, junk: bool = False, films: bool = False, progress: Progress | None = None
    ) -> Listing:
        """Return what lies here, as far as *filters* let it through; a root that is a file is its only item.

        Args:
            filters: what to take.
            junk: take what systems leave among photographs, too.
            films: in an account, list the films of live photos beside their pictures.
            progress: told how many were seen.

        Raises:
            NotFoundError: the root does not exist.
            RemoteError: the account could not be listed; never a shorter list.
        """
        ...

    async def digest(self, item: Item, *, again: bool = False) -> str | None:
        """Return an item's md5; a disk reads the file unless an earlier digest still holds, or *again*.

        Raises:
            OSError: the file cannot be read.
        """
        ...

    async def mkdir(self, path: str) -> None:
        """Make a folder and those above it; one that is there is left as it is."""
        ...

    async def remove(self, item: Item) -> str:
        """Put an item where it can be had back from, and return where that is.

        In an account it is the trash. On a disk it is ``.ap-trash`` in the side's root, which listings leave out.
        """
        ...

    async def move(self, item: Item, path: str) -> Item:
        """Give an item another path on this side, and return it as it is then.

        Raises:
            AlreadyExistsError: the path is taken.
        """
        ...
