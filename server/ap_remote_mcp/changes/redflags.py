"""What a person should see before pictures go: that they are favourites, in albums, many, or large."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ap_remote.errors import NotFoundError, RemoteError
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsAlbums
from ap_remote_mcp.changes.wording import quoted, sized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

MANY: Final = 50
"""More pictures than this are told to be many (own choice)."""
LARGE: Final = 5 * 10**9
"""More bytes than this are told to be much (own choice)."""
_ALBUMS: Final = 50
"""Albums that are looked into; each costs a request."""
_AT_ONCE: Final = 8
_NAMED: Final = 3


async def red_flags(app: App, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return what should be seen before these entries go, as clauses; a plan is bound to them.

    Albums do not show what is in the trash, so only what is not there yet is looked for in them.
    """
    told = []
    favorites = sum(entry.favorite for entry in entries)
    if favorites:
        told.append(f"{favorites} of them {'is a favourite' if favorites == 1 else 'are favourites'}")
    told += await _albums(app, {entry.id for entry in entries if entry.status is Status.AVAILABLE})
    if len(entries) > MANY:
        told.append(f"more than {MANY} items")
    if sum(entry.size for entry in entries) > LARGE:
        told.append(f"more than {sized(LARGE)}")
    return tuple(told)


def minded(flags: Sequence[str]) -> str:
    """Return red flags as a sentence behind a question, ``""`` without any."""
    return f" Mind: {'; '.join(flags)}." if flags else ""


async def _albums(app: App, ids: set[str]) -> list[str]:
    remote = app.remote
    if not ids or not isinstance(remote, SupportsAlbums):
        return []
    albums = [album async for album in remote.albums()]
    gate = asyncio.Semaphore(_AT_ONCE)
    errors: list[RemoteError] = []

    async def inside(album: Entry) -> int:
        async with gate:
            if errors:
                return 0
            try:
                return len(ids & {each.id async for each in remote.list(NodeId(album.id), fresh=True)})
            except NotFoundError:
                return 0  # it is gone meanwhile
            except RemoteError as exc:
                errors.append(exc)
                return 0

    looked_into = albums[:_ALBUMS]
    counts = await asyncio.gather(*map(inside, looked_into))
    if errors:
        raise errors[0]
    holding = [(album, count) for album, count in zip(looked_into, counts, strict=True) if count]
    told = []
    if holding:
        names = ", ".join(f"{quoted(album.name)} ({count} of them)" for album, count in holding[:_NAMED])
        more = f" and {len(holding) - _NAMED} more" if len(holding) > _NAMED else ""
        told.append(f"in {'1 album' if len(holding) == 1 else f'{len(holding)} albums'}: {names}{more}")
    if len(albums) > _ALBUMS:
        told.append(f"only {_ALBUMS} of {len(albums)} albums were looked into")
    return told
