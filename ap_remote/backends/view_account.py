"""What changes through the virtual tree need of an account, and how they look at it and speak of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ap_remote.backends.views import is_directory
from ap_remote.errors import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    QuotaExceededError,
    RemoteError,
    TransportError,
    UnsupportedError,
)
from ap_remote.model import Entry, NodeId, Outcome, Ref
from ap_remote.remote import paths

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from ap_remote.remote.base import Body, Duplicates, IfExists

ALBUMS: Final = paths.ALBUMS_VIEW.rpartition("/")[2]
TRASH: Final = paths.TRASH_VIEW.rpartition("/")[2]
IN_ALBUM: Final = f"'{paths.ALBUMS_VIEW}/<album>/<name>'"
MEMBER: Final = 2
"""Names below ``.views/albums`` that lead to a member."""
_SAID_BY_KIND: Final = (AuthenticationError, AccessDeniedError, QuotaExceededError, TransportError)
"""Errors whose kind tells a caller what to do (log in, wait, try again), whatever their sentence."""


class Account(Protocol):
    """What is needed of a remote. Paths that are given to these verbs lie outside the views, or are read."""

    def list(self, target: Ref = "", *, recursive: bool = False, fresh: bool = False) -> AsyncIterator[Entry]:
        """Yield what lies at a place."""
        ...

    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return one entry."""
        ...

    async def put(
        self,
        source: Body,
        path: str,
        *,
        if_exists: IfExists = "fail",
        duplicates: Duplicates = "keep",
        taken: datetime | None = None,
    ) -> Entry:
        """Upload one file."""
        ...

    async def restore(self, *targets: Ref) -> Sequence[Outcome]:
        """Take entries out of the bin."""
        ...

    async def create_album(self, name: str, *, members: Sequence[Ref] = (), description: str = "") -> Entry:
        """Make an album."""
        ...

    async def add_to_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Add members."""
        ...

    async def remove_from_album(self, album: Ref, members: Sequence[Ref]) -> None:
        """Take members out."""
        ...


Holders = Callable[[str], Awaitable[Sequence[Entry]]]
"""Returns the files that hold the content of an md5, what is in the bin left out, at their own paths."""
Trash = Callable[[Sequence[Ref]], Awaitable[Sequence[Outcome]]]
"""Puts entries in the bin, as the verb does it for what is no member of an album."""
Move = Callable[[Ref, str], Awaitable[Entry]]
"""Gives an entry another path outside the views, or an album another name."""


def concerns(*targets: Ref) -> bool:
    """Whether one of the targets is a path in the virtual tree."""
    return any(isinstance(each, str) and paths.is_view(each.strip("/")) for each in targets)


class Views:
    """An account whose virtual tree is written to.

    Args:
        account: whose views they are.
        holders: finds files by their content.
        trash: the verb without this class.
        move: the verb without this class.
        making: the albums that are being made, by folded path; one for each account.
    """

    def __init__(
        self, account: Account, *, holders: Holders, trash: Trash, move: Move, making: dict[str, asyncio.Lock]
    ) -> None:
        self._account = account
        self._holders = holders
        self._trash = trash
        self._move = move
        self._making = making

    async def _find(self, path: str, *, fresh: bool = False) -> Entry | None:
        try:
            return await self._account.stat(path, fresh=fresh)
        except NotFoundError:
            return None

    async def _own(self, seen: Entry) -> Entry:
        """Return an entry at the path it has outside the views."""
        return await self._account.stat(NodeId(seen.id))

    async def _only_seen(self, path: str, seen: Entry, verb: str) -> str:
        """Return why nothing is changed by a path that is only for looking, and what would work."""
        if is_directory(seen):
            return f"the virtual folder {path!r} cannot be changed"
        return f"{path!r} is only where it is seen: {verb} {(await self._own(seen)).path!r}, which is its own path"

    def _member_place(self, path: str) -> tuple[str, str]:
        """Return the album and the name that a path means.

        Raises:
            UnsupportedError: it means no member of an album.
        """
        view, names = paths.view_name(path)
        if view == ALBUMS and len(names) == MEMBER:
            return paths.join(paths.ALBUMS_VIEW, names[0]), names[1]
        if view == ALBUMS and len(names) > MEMBER:
            raise UnsupportedError(f"an album has no folders in it: put the file at {IN_ALBUM}, not at {path!r}")
        if view == TRASH:
            raise UnsupportedError(f"nothing is put into the trash as a file: {path!r} (trash an entry instead)")
        raise UnsupportedError(f"no file can be put at {path!r}: of the views only albums take files, at {IN_ALBUM}")


def told(error: RemoteError, sentence: str) -> RemoteError:
    """Return an error of the same kind that first says what was done already."""
    kind = type(error) if isinstance(error, _SAID_BY_KIND) else RemoteError
    return kind(f"{sentence}: {error}")
