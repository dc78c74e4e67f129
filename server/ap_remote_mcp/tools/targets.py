"""Folders and albums as people name them, by path, by name or by id."""

from __future__ import annotations

import asyncio
import difflib
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ap_remote.errors import IsFileError, NotFoundError, UnsupportedError
from ap_remote.model import Kind, NodeId, Status
from ap_remote.remote.features import SupportsAlbums
from ap_remote.remote.paths import components, is_view, join, normalise
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.names import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

_NEAR: Final = 5
_ALBUMS: Final = 50
"""Albums that are looked into; one whose members are not known yet costs a request."""
_AT_ONCE: Final = 8
_ID: Final = re.compile(r"[\w-]{16,60}")
"""What may be an id; Amazon's have 22 characters [amazon-photos-api.md 6.1]."""


async def folder_named(app: App, wanted: str) -> Entry:
    """Return the folder of that path or id.

    Raises:
        CodedError: there is none, or something else is there.
        InvalidNameError: no path can be so.
    """
    text = wanted.strip()
    found = None
    for path in dict.fromkeys((normalise(wanted), normalise(text))):  # names may begin or end with a blank
        if is_view(path):
            raise CodedError(Code.BAD_ARGUMENT, f"{clean(path, 60)!r} is a view, no folder", "album= takes albums.")
        with suppress(NotFoundError):
            found = await app.remote.stat(path)
            break
    if found is None:
        known, _ = await app.entries([text]) if _ID.fullmatch(text) else ([], [])
        if not known:
            raise await no_folder(app, normalise(text))
        found = known[0]
    if found.kind is Kind.FOLDER and found.status is Status.AVAILABLE:
        return found
    what = "in the trash" if found.status is not Status.AVAILABLE else f"no folder but an item: {found.id}"
    what, then = ("an album", "Pass it as album.") if found.kind is Kind.ALBUM else (what, "Pass a folder.")
    raise CodedError(Code.BAD_ARGUMENT, f"{clean(text, 60)!r} is {what}", then)


async def no_folder(app: App, path: str) -> CodedError:
    """Return the error that names the folders beside the one that is not there."""
    names = components(path)
    for depth in range(len(names) - 1, -1, -1):
        above = join(*names[:depth])
        try:
            inside = [each async for each in app.remote.list(above)]
        except (NotFoundError, IsFileError):
            continue
        folders = {fold(each.name): each.path for each in inside if each.is_folder}
        near = difflib.get_close_matches(fold(names[depth]), folders, n=_NEAR, cutoff=0.4) or list(folders)[:_NEAR]
        shown = ", ".join(repr(clean(folders[each], 60)) for each in near)
        hint = f"; near are {shown}" if shown else f"; {clean(above or 'the root', 60)!r} has no folders"
        break
    else:
        hint = ""
    return CodedError(
        Code.NOT_FOUND, f"There is no folder {clean(path, 60)!r}{hint}", "photos_list shows what is there."
    )


async def album_named(app: App, wanted: str) -> Entry:
    """Return the album of that id or name.

    Raises:
        CodedError: there is none, or several have that name.
        UnsupportedError: the remote has no albums.
    """
    if not isinstance(app.remote, SupportsAlbums):
        raise UnsupportedError("this remote has no albums")
    albums = [album async for album in app.remote.albums()]
    named: list[Entry] = []
    for text in dict.fromkeys((wanted, wanted.strip())):  # names may begin or end with a blank
        for album in albums:
            if album.id == text:
                return album
        named = named or [album for album in albums if album.name.casefold() == text.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        raise CodedError(Code.AMBIGUOUS, f"{len(named)} albums have that name: {', '.join(each.id for each in named)}")
    names = [clean(album.name, 40) for album in albums]
    near = difflib.get_close_matches(clean(wanted, 40), names, n=_NEAR, cutoff=0.4) or names[:_NEAR]
    known = f"; there are {', '.join(map(repr, near))}" if near else "; there are none"
    raise CodedError(Code.NOT_FOUND, f"No album has the name or id {clean(wanted, 40)!r}{known}")


async def albums_of(app: App, entries: Sequence[Entry]) -> tuple[dict[str, dict[str, str]], str]:
    """Return by the id of an entry the albums that it is in, names by ids, and a note where some were not looked into.

    Which albums a node is in is said nowhere but in the albums [amazon-photos-api.md 8.8]; what is in them is kept as
    long as other answers of the cache. Albums do not show what is in the trash.
    """
    ids = {each.id for each in entries if each.status is Status.AVAILABLE and not each.is_folder}
    if not ids or not isinstance(app.remote, SupportsAlbums):
        return {}, ""
    albums = [album async for album in app.remote.albums()]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def inside(album: Entry) -> set[str]:
        async with gate:
            try:
                return ids & {each.id async for each in app.remote.list(NodeId(album.id))}
            except NotFoundError:
                return set()  # it is gone meanwhile

    looked_into = albums[:_ALBUMS]
    held: dict[str, dict[str, str]] = {}
    for album, found in zip(looked_into, await asyncio.gather(*map(inside, looked_into)), strict=True):
        for node_id in found:
            held.setdefault(node_id, {})[album.id] = album.name
    note = f"only {_ALBUMS} of {len(albums)} albums were looked into" if len(albums) > _ALBUMS else ""
    return held, note
