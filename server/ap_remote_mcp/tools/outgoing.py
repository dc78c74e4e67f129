"""Files of this machine that are to be sent: opened with care, known by their first bytes, measured once."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio.from_thread
import anyio.to_thread
import msgspec

from ap_remote.transfer.localnames import remote_name
from ap_remote_mcp.errors import Code
from ap_remote_mcp.policy.media import HEAD, kind_of
from ap_remote_mcp.policy.roots import OutsideRootsError
from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from ap_remote_mcp.context import App

_PIECE: Final = 1 << 20
_DESCRIPTORS: Final = Path("/proc/self/fd")
"""Where an opened file can be opened once more whatever its path leads to by now; Linux has it."""
_SHOWN: Final = 200


class LocalFileError(Exception):
    """A file that is not sent.

    Attributes:
        code: of the error, if it is the only one.
        reason: a clause for the model.
    """

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when it was looked at."""

    path: str
    """Where it really is; answers name it as :attr:`file`."""
    file: str
    kind: str
    size: int
    md5: str
    name: str
    """What it is to be called in the library."""


async def looked_at(app: App, given: str) -> Outgoing:
    """Return what a file is.

    Raises:
        LocalFileError: it may not be touched, or is none that is sent.
    """
    return await anyio.to_thread.run_sync(partial(_look, app, given))


def _look(app: App, given: str) -> Outgoing:
    try:
        with app.roots.opened(given) as (path, file):
            known = os.fstat(file)
            kind = kind_of(os.pread(file, HEAD, 0))
            if not kind:
                raise LocalFileError(Code.BAD_ARGUMENT, "its first bytes are those of no photograph and no video")
            if known.st_size > app.limits.upload_file_bytes:
                raise LocalFileError(Code.BAD_ARGUMENT, f"it has more than {app.limits.upload_file_bytes:,} bytes")
            trace = (known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns)
            md5 = app.digests.get(trace)
            if md5 is None:
                md5 = app.digests[trace] = digest(file)
            return Outgoing(
                path=str(path),
                file=clean(app.roots.shown(path), _SHOWN),
                kind=kind,
                size=known.st_size,
                md5=md5,
                name=remote_name(path.name),
            )
    except OutsideRootsError as exc:
        raise LocalFileError(Code.OUTSIDE_ROOTS, exc.reason) from exc
    except OSError as exc:
        raise LocalFileError(Code.NOT_FOUND, "it cannot be read") from exc


def digest(file: int) -> str:
    """Return the md5 of an opened file; runs in a worker thread, and stops there when its call is given up."""
    found = hashlib.md5(usedforsecurity=False)
    at = 0
    while piece := os.pread(file, _PIECE, at):
        anyio.from_thread.check_cancelled()
        found.update(piece)
        at += len(piece)
    return found.hexdigest()


def is_unchanged(file: int, known: Outgoing) -> bool:
    """Whether an opened file is still what it was; runs in a worker thread."""
    return (
        os.fstat(file).st_size == known.size
        and kind_of(os.pread(file, HEAD, 0)) == known.kind
        and digest(file) == known.md5
    )


def by_descriptor(path: Path, file: int) -> Path:
    """Return a path under which the opened file is read, even if something else stands in its place by now."""
    return _DESCRIPTORS / str(file) if _DESCRIPTORS.is_dir() else path
