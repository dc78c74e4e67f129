"""Putting away what a transfer replaces or removes, and bringing it back: trash or backup folder, never for ever."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ap_remote.errors import AlreadyExistsError, NotFoundError, PreconditionFailedError, UnsupportedError
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsFolders, SupportsParents
from ap_remote.remote.paths import fold, join, normalise, split
from ap_remote.transfer.account import Account
from ap_remote.transfer.digests import stamp_of
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.fetching import rename_new
from ap_remote.transfer.sending import CHANGED
from ap_remote.transfer.sides import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.transfer.plan import Seen
    from ap_remote.transfer.sides import Side

_NUMBERS = 1000


def item_of(seen: Seen) -> Item:
    """Return what a plan saw as an item of its side."""
    return Item(
        path=seen.path,
        size=seen.size,
        md5=seen.md5,
        id=seen.id,
        version=seen.version,
        stamp=seen.stamp,
        modified=seen.modified,
        taken=seen.taken,
    )


async def look_again(side: Side, seen: Seen) -> bool:
    """Return whether what the plan saw is still there, and is a folder.

    Raises:
        NotFoundError: it is gone.
        PreconditionFailedError: it is something else by now, or somewhere else.
    """
    if isinstance(side, Account):
        return await _look_remote(side, seen)
    if isinstance(side, Disk):
        return await asyncio.to_thread(_look_local, side.file(seen.path), seen)
    raise UnsupportedError(f"{side.label} is neither a disk nor an account")


async def _look_remote(side: Account, seen: Seen) -> bool:
    path = side.path(seen.path)
    entry = await side.remote.stat(NodeId(seen.id) if seen.id else path, fresh=True)
    if entry.status is Status.TRASHED:
        raise NotFoundError(path)
    # One that lies in several folders is told with the path of the first.
    if fold(entry.path) != fold(path) and (await side.remote.stat(path, fresh=True)).id != entry.id:
        raise PreconditionFailedError(f"{path!r}: {CHANGED}, it is {entry.path!r} now")
    # A version rises with every mark and description, too: the content is what counts, where it is known.
    if not entry.is_folder and ((entry.md5 != seen.md5) if seen.md5 and entry.md5 else entry.version != seen.version):
        raise PreconditionFailedError(f"{path!r}: {CHANGED}")
    return entry.is_folder


def _look_local(file: Path, seen: Seen) -> bool:
    try:
        facts = os.stat(file)  # noqa: PTH116 - the path's own method takes half as long again
    except FileNotFoundError:
        raise NotFoundError(str(file)) from None
    if seen.stamp and stamp_of(facts) != seen.stamp:
        raise PreconditionFailedError(f"{file}: {CHANGED}")
    return file.is_dir()


async def times_below(side: Side, path: str) -> list[datetime | None]:
    """Return when each thing below a folder came there or was last changed, as far as its side tells."""
    if isinstance(side, Account):
        found = side.remote.list(side.path(path), recursive=True, fresh=True)
        return [entry.created if entry.is_folder else entry.modified or entry.created async for entry in found]
    if isinstance(side, Disk):
        return await asyncio.to_thread(_times_below, side.file(path))
    return [None]


def _times_below(folder: Path) -> list[datetime | None]:
    found: list[datetime | None] = []
    for parent, folders, files in os.walk(folder):
        # A folder's own time changes with every name in it, those that this run takes out too.
        found += [datetime.min.replace(tzinfo=UTC) for _ in folders]
        found += [datetime.fromtimestamp(Path(parent, name).lstat().st_ctime, UTC) for name in files]
    return found


async def put_away(side: Side, seen: Seen, backup: str | None) -> str:
    """Put an item into the trash, or under a folder, and return the place by which :func:`bring_back` finds it.

    Raises:
        NotFoundError: it is not there.
        RemoteError: as the side refuses.
    """
    if backup is None:
        return await side.remove(item_of(seen))
    if isinstance(side, Account):
        return await _move_remote(side, seen, _remote_folder(side, backup))
    if isinstance(side, Disk):
        return await asyncio.to_thread(_move_local, side.file(seen.path), backup, seen.path)
    raise UnsupportedError(f"{side.label} is neither a disk nor an account")


async def bring_back(side: Side, seen: Seen, place: str, *, backup: bool) -> str:
    """Give what was put away its path again, and return a word on what came out otherwise.

    Raises:
        NotFoundError: it is no longer where it was put.
        AlreadyExistsError: its path is taken.
        RemoteError: as the side refuses.
    """
    if isinstance(side, Disk):
        await asyncio.to_thread(_return_local, Path(place), side.file(seen.path))
        return ""
    if not isinstance(side, Account):
        raise UnsupportedError(f"{side.label} is neither a disk nor an account")
    path, node = side.path(seen.path), NodeId(seen.id or "")
    if side.is_album or backup:
        await (side.add(node.value) if side.is_album else _move_back(side, node, path))
        return ""
    entry = await side.remote.stat(node, fresh=True)
    if entry.status is not Status.TRASHED and isinstance(side.remote, SupportsParents):
        # It lay in further folders, and only left this one.
        await side.remote.link(node, split(path)[0])
        return ""
    await side.remote.restore(node)
    back = await side.remote.stat(node, fresh=True)
    if fold(back.path) == fold(path):
        return ""
    try:
        await _folders(side.remote).move(node, path)
    except (AlreadyExistsError, NotFoundError):
        return f"it came back as {back.path!r}"
    return ""


async def _move_back(side: Account, node: NodeId, path: str) -> None:
    await _folders(side.remote).mkdir(split(path)[0])
    await _folders(side.remote).move(node, path)


def _remote_folder(side: Account, backup: str) -> str:
    own = f"{side.remote.name}:"
    return normalise(backup.removeprefix(own))


def _folders(remote: Remote) -> SupportsFolders:
    if isinstance(remote, SupportsFolders):
        return remote
    raise UnsupportedError(f"{remote.name}: has no folders to move into")


async def _move_remote(side: Account, seen: Seen, folder: str) -> str:
    renames = _folders(side.remote)
    place = join(folder, seen.path)
    await renames.mkdir(split(place)[0])
    entry: Entry
    for free in _numbered(place):
        try:
            entry = await renames.move(NodeId(seen.id) if seen.id else side.path(seen.path), free)
        except AlreadyExistsError:
            continue
        return entry.path
    raise AlreadyExistsError(place)


def _move_local(file: Path, folder: str, path: str) -> str:
    place = Path(folder).expanduser() / path
    place.parent.mkdir(parents=True, exist_ok=True)
    for free in _numbered(str(place)):
        there = Path(free)
        if os.path.lexists(there):
            continue
        if file.stat().st_dev == there.parent.stat().st_dev:
            file.rename(there)
        else:
            shutil.move(file, there)
        return str(there)
    raise AlreadyExistsError(str(place))


def _return_local(place: Path, file: Path) -> None:
    if not os.path.lexists(place):
        raise NotFoundError(str(place))
    if os.path.lexists(file):
        raise AlreadyExistsError(str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() or place.stat().st_dev != file.parent.stat().st_dev:
        shutil.move(place, file)
    else:
        rename_new(place, file)


def _numbered(place: str) -> Iterator[str]:
    yield place
    head, slash, name = place.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    for number in range(1, _NUMBERS):
        yield f"{head}{slash}{stem} ({number}).{extension}" if dot and stem else f"{place} ({number})"
