"""Local files to a remote.

As with ``cp -r`` and rsync, a folder ``trip`` arrives as ``DIR/trip``, and ``trip/`` puts what is in it into ``DIR``.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.errors import (
    AlreadyExistsError,
    AuthenticationError,
    DuplicateContentError,
    NotFoundError,
    QuotaExceededError,
    RemoteError,
    StoreError,
    UnavailableError,
)
from ap_remote.remote.paths import check_name, join, normalise
from ap_remote.transfer.hashing import md5_of
from ap_remote.transfer.pool import Patience, run
from ap_remote.transfer.report import Meter, Report, Result, Row, SilentMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ap_remote.remote.base import Duplicates, IfExists, Remote

JUNK: Final = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", ".ds_store", "thumbs.db", "desktop.ini", ".spotlight-v100", ".trashes"}
)
"""Folders and files that systems leave among photographs; one NAS once put 26,000 of them into an account."""

_FATAL: Final = (AuthenticationError, QuotaExceededError, StoreError)


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One file to be sent."""

    source: Path
    path: str
    size: int


def plan_upload(sources: Sequence[str | Path], folder: str) -> list[Upload]:
    """List what *sources* hold and where each file is to go, below *folder*.

    Raises:
        NotFoundError: a source does not exist.
        InvalidNameError: the service cannot hold one of the names.
    """
    return [each for source in sources for each in _plan(os.fspath(source), normalise(folder))]


async def upload(
    remote: Remote,
    uploads: Sequence[Upload],
    *,
    if_exists: IfExists = "fail",
    duplicates: Duplicates = "refuse",
    transfers: int = 4,
    meter: Meter | None = None,
) -> Report:
    """Send files, *transfers* at a time, and say what became of each.

    A file whose path holds the same bytes already is skipped, and so is one whose bytes are elsewhere in the account
    when *duplicates* is ``refuse``. A failure of one file leaves the others alone; an expired login, a full account,
    a local store that cannot be used or a service that is gone ends the run.
    """
    meter = meter or SilentMeter()
    meter.expect(len(uploads), sum(each.size for each in uploads))
    begun = time.monotonic()

    patience = Patience()

    async def work(each: Upload) -> Row:
        row = await _send(remote, each, if_exists, duplicates, patience)
        meter.advance(row)
        return row

    rows = await run(uploads, work, workers=transfers)
    return Report(rows=tuple(rows), seconds=time.monotonic() - begun)


async def _send(remote: Remote, each: Upload, if_exists: IfExists, duplicates: Duplicates, patience: Patience) -> Row:
    def row(result: Result, reason: str = "") -> Row:
        return Row(source=str(each.source), target=each.path, result=result, size=each.size, reason=reason)

    try:
        await remote.put(each.source, each.path, if_exists=if_exists, duplicates=duplicates)
    except AlreadyExistsError as exc:
        there = await remote.stat(each.path)
        if there.md5 is not None and there.md5 == await asyncio.to_thread(md5_of, each.source):
            return row("skipped", "already there, byte for byte")
        return row("failed", f"{exc} with other content (overwrite replaces it)")
    except DuplicateContentError as exc:
        return row("skipped", str(exc))
    except _FATAL:
        raise
    except UnavailableError as exc:
        patience.lost(exc)
        return row("failed", str(exc))
    except (RemoteError, OSError) as exc:
        return row("failed", str(exc))
    patience.answered()
    return row("done")


def _plan(source: str, folder: str) -> Iterator[Upload]:
    top = Path(source)
    if not top.exists():
        raise NotFoundError(source)
    if top.is_file():
        yield Upload(source=top, path=join(folder, check_name(top.name)), size=top.stat().st_size)
        return
    base = folder if source.endswith(("/", os.sep)) else join(folder, check_name(top.resolve().name))
    for parent, folders, files in os.walk(top, onerror=_stop):
        folders[:] = sorted(name for name in folders if name.casefold() not in JUNK)
        below = Path(parent).relative_to(top).as_posix()
        for name in sorted(files):
            file = Path(parent, name)
            if name.casefold() in JUNK or not file.is_file():
                continue
            path = join(base, normalise(below) if below != "." else "", check_name(name))
            yield Upload(source=file, path=path, size=file.stat().st_size)


def _stop(error: OSError) -> None:
    """A folder that cannot be read must not look empty."""
    raise error
