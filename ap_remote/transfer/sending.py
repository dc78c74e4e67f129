"""One local file to a remote: as it was when it was measured, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.errors import (
    AlreadyExistsError,
    DuplicateContentError,
    IntegrityError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionFailedError,
    RemoteError,
    UnsupportedError,
)
from ap_remote.model import NodeId, Status
from ap_remote.remote import flow
from ap_remote.remote.base import Measured
from ap_remote.remote.features import SupportsFolders
from ap_remote.remote.paths import fold, is_view, normalise
from ap_remote.transfer.matching import passing_path
from ap_remote.transfer.pool import to_its_end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from ap_remote.model import Entry
    from ap_remote.remote.base import Duplicates, IfExists, Remote

CHANGED: Final = "it changed since the plan was made"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be sent."""

    file: Path
    size: int
    watch: flow.Watch
    md5: str | None = None
    """Where it is known, the file is read once."""
    duplicates: Duplicates = "keep"
    taken: datetime | None = None


class Trace(msgspec.Struct, frozen=True):
    """By what a file shows that it was touched."""

    size: int
    modified: int
    """Nanoseconds."""
    inode: int

    @classmethod
    def of(cls, file: Path) -> Trace:
        """Look at a file.

        Raises:
            OSError: it cannot be looked at.
        """
        found = os.stat(file)  # noqa: PTH116 - twice for each file, and the path's own method costs as much again
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)


async def send(remote: Remote, out: Outgoing, path: str, *, if_exists: IfExists = "fail") -> Entry:
    """Send a file to *path* and return its entry.

    Raises:
        PreconditionFailedError: it has another size than when it was planned; nothing was sent.
        IntegrityError: it changed on the way; what was stored is in the trash, unless it replaced a content in place.
        RemoteError: as :meth:`ap_remote.remote.base.Remote.put` says.
        OSError: it cannot be read.
    """
    before = Trace.of(out.file)
    if before.size != out.size:
        raise PreconditionFailedError(f"{out.file}: {CHANGED} (it had {out.size} bytes and has {before.size})")
    body = out.file if out.md5 is None else Measured(out.file, out.md5, out.size)
    with flow.watched(out.watch):
        try:
            entry = await remote.put(body, path, if_exists=if_exists, duplicates=out.duplicates, taken=out.taken)
        except DuplicateContentError as exc:
            if not await _is_in_trash(remote, exc.node_id):
                raise
            # What the bin alone holds will be gone some day, and the service counts it as held all the same.
            entry = await remote.put(body, path, if_exists=if_exists, duplicates="keep", taken=out.taken)
    try:
        unchanged = Trace.of(out.file) == before
    except FileNotFoundError:
        # Removed meanwhile, it was read to its end all the same.
        unchanged = out.md5 is not None and entry.md5 == out.md5
    if unchanged:
        return entry
    if if_exists == "overwrite":
        raise IntegrityError(f"{out.file} changed while it was sent; {path!r} holds what it was before")
    if is_view(normalise(path)):
        # It may be a photograph that was in the account long before.
        await to_its_end(remote.trash(path))
        raise IntegrityError(f"{out.file} changed while it was sent; what it was before is not in the album")
    await to_its_end(remote.trash(NodeId(entry.id)))
    raise IntegrityError(f"{out.file} changed while it was sent; what was stored is in the trash now")


async def _is_in_trash(remote: Remote, node_id: str | None) -> bool:
    if node_id is None:
        return False
    try:
        return (await remote.stat(NodeId(node_id), fresh=True)).status is Status.TRASHED
    except NotFoundError:
        return False


async def replace(
    remote: Remote,
    out: Outgoing,
    path: str,
    *,
    md5: str,
    announce: Callable[[Entry], None],
    put_away: Callable[[], Awaitable[Callable[[], Awaitable[None]]]],
) -> Entry:
    """Send a file beside the one at *path*, put that one away, and give the new one its name.

    Interrupted, it is called again and goes on. Where the last part fails, the old one is brought back and the new one
    trashed.

    Args:
        remote: where.
        out: the new one.
        path: the name of both.
        md5: of the new one.
        announce: is told of the new one before the old one is touched.
        put_away: puts the old one away, and returns what brings it back; does nothing when it is away already.

    Raises:
        UnsupportedError: nothing can be renamed there.
        RemoteError: as for :func:`send`; and whatever *put_away* raises.
    """
    if not isinstance(remote, SupportsFolders):
        raise UnsupportedError(f"{remote.name}: has no way to rename a file, which replacing one needs")
    renames: SupportsFolders = remote
    passing = passing_path(path, md5)
    try:
        new = await send(remote, out, passing)
    except AlreadyExistsError:
        new = await remote.stat(passing, fresh=True)
        if new.md5 != md5:
            await remote.trash(NodeId(new.id))
            new = await send(remote, out, passing)

    async def swap() -> Entry:
        bring_back: Callable[[], Awaitable[None]] | None = None
        try:
            announce(new)
            bring_back = await put_away()
            return await renames.move(NodeId(new.id), path)
        except Exception as exc:  # whatever it was, a name must not be left without its file
            try:
                if isinstance(exc, OutcomeUnknownError):
                    now = await remote.stat(NodeId(new.id), fresh=True)
                    if fold(now.path) == fold(path):
                        return now
                if bring_back is not None:
                    await bring_back()
                await remote.trash(NodeId(new.id))
            except RemoteError as second:
                away = "in the trash" if bring_back is not None else "untouched"
                exc.add_note(f"(the old file is {away}, the new one is {passing!r}: {second})")
            raise

    return await to_its_end(swap())


async def is_there(remote: Remote, path: str, md5: str | None) -> Entry | None:
    """Return the entry at *path* if it holds these bytes."""
    try:
        entry = await remote.stat(path, fresh=True)
    except NotFoundError:
        return None
    return entry if md5 is not None and entry.md5 == md5 else None
