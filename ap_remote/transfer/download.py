"""A remote's files to a local folder: to a partial name, verified, dated, then renamed."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ap_remote.errors import AuthenticationError, RemoteError, StoreError, UnavailableError
from ap_remote.model import Kind, NodeId
from ap_remote.remote.features import SupportsAssets
from ap_remote.remote.paths import components
from ap_remote.transfer.hashing import md5_of
from ap_remote.transfer.localnames import distinct, local_name
from ap_remote.transfer.pool import Patience, run
from ap_remote.transfer.report import Meter, Report, Result, Row, SilentMeter

if TYPE_CHECKING:
    from ap_remote.model import Entry, Ref
    from ap_remote.remote.base import Remote


_BLOCK: Final = 1 << 20
"""Bytes that are written at a time: a change of threads for each piece would cost more than the writing."""


async def download(
    remote: Remote,
    target: Ref,
    folder: Path,
    *,
    overwrite: bool = False,
    films: bool = False,
    transfers: int = 4,
    meter: Meter | None = None,
) -> Report:
    """Fetch a file, or a folder with all below it, into the local *folder*.

    A folder ``trip`` arrives as ``folder/trip``; the root's content arrives in *folder* itself. A local file of the
    same bytes is skipped; another one is a failure unless *overwrite*. The photograph's date becomes the file's. With
    *films* the film of a live photo comes along, beside the picture and by its own name.

    Raises:
        NotFoundError: nothing is at *target*.
    """
    meter = meter or SilentMeter()
    begun = time.monotonic()
    plan = await _plan(remote, target, folder)
    if films and isinstance(remote, SupportsAssets):
        plan += await _films(remote, plan)
    meter.expect(len(plan), sum(entry.size for entry, _ in plan))

    patience = Patience()

    async def work(job: tuple[Entry, Path]) -> Row:
        row = await _fetch(remote, *job, patience, overwrite=overwrite)
        meter.advance(row)
        return row

    rows = await run(plan, work, workers=transfers)
    return Report(rows=tuple(rows), seconds=time.monotonic() - begun)


async def _plan(remote: Remote, target: Ref, folder: Path) -> list[tuple[Entry, Path]]:
    """Give each file its local path; folders are made at once, so that empty ones arrive too."""
    top = await remote.stat(target)
    if not top.is_folder:
        return [(top, folder / local_name(top.name))]
    places = {top.path: folder / local_name(top.name) if top.name else folder}
    taken: dict[Path, set[str]] = {}
    plan: list[tuple[Entry, Path]] = []
    await asyncio.to_thread(places[top.path].mkdir, parents=True, exist_ok=True)
    async for entry in remote.list(target, recursive=True):
        parent = places[_parent(entry.path, top.path)]
        place = parent / distinct(local_name(entry.name), taken.setdefault(parent, set()))
        if entry.kind is Kind.FOLDER:
            places[entry.path] = place
            await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
        elif entry.kind is Kind.FILE:
            plan.append((entry, place))
    return plan


async def _films(remote: SupportsAssets, plan: list[tuple[Entry, Path]]) -> list[tuple[Entry, Path]]:
    """Give each film of a live photo its local path."""
    taken: dict[Path, set[str]] = {}
    for _, place in plan:
        taken.setdefault(place.parent, set()).add(place.name.casefold())
    return [
        (part, place.parent / distinct(local_name(part.name), taken[place.parent]))
        for entry, place in plan
        if entry.is_live
        for part in await remote.assets(NodeId(entry.id))
    ]


def _parent(path: str, top: str) -> str:
    parent = "/".join(components(path)[:-1])
    return parent if len(parent) >= len(top) else top


async def _fetch(remote: Remote, entry: Entry, file: Path, patience: Patience, *, overwrite: bool) -> Row:
    def row(result: Result, reason: str = "") -> Row:
        return Row(source=entry.path, target=str(file), result=result, size=entry.size, reason=reason)

    if not overwrite and _is_there(file):
        if await asyncio.to_thread(_is_same, file, entry):
            return row("skipped", "already there, byte for byte")
        return row("failed", "a local file of that name has other content (--overwrite replaces it)")
    partial = file.with_name(f".{file.name[:80]}.{secrets.token_hex(4)}.partial")
    try:
        await _write(remote, entry, partial, file)
    except (AuthenticationError, StoreError):
        raise
    except UnavailableError as exc:
        patience.lost(exc)
        return row("failed", str(exc))
    except (RemoteError, OSError) as exc:
        return row("failed", str(exc))
    patience.answered()
    return row("done")


def _is_there(file: Path) -> bool:
    """Most are not, which one look tells; a thread for it would take longer."""
    return os.path.lexists(file)


def _discard(partial: Path) -> None:
    """Remove what broke off: not in a thread, because a cancellation must not leave it behind."""
    partial.unlink(missing_ok=True)


def _is_same(file: Path, entry: Entry) -> bool:
    return file.is_file() and file.stat().st_size == entry.size and entry.md5 is not None and md5_of(file) == entry.md5


async def _write(remote: Remote, entry: Entry, partial: Path, file: Path) -> None:
    """Write a file's bytes to *partial*, and when they are whole and verified let it become *file*."""
    try:
        with partial.open("xb") as stream:
            pieces = remote.get(NodeId(entry.id))
            held, size = list[bytes](), 0
            try:
                async for piece in pieces:
                    held.append(piece)
                    size += len(piece)
                    if size >= _BLOCK:
                        await asyncio.to_thread(stream.writelines, held)
                        held, size = [], 0
            finally:
                # A disk that is full, or a cancellation, must not leave the connection to the garbage collector.
                if isinstance(pieces, AsyncGenerator):
                    await pieces.aclose()
            await asyncio.to_thread(_finish, stream, held, entry)
        await asyncio.to_thread(partial.replace, file)
    except BaseException:
        _discard(partial)
        raise


def _finish(stream: BinaryIO, last: list[bytes], entry: Entry) -> None:
    """Write what is left, and let all of it reach the disk with the date of the photograph."""
    stream.writelines(last)
    stream.flush()
    when = entry.taken or entry.modified
    if when is not None:
        os.utime(stream.fileno(), (when.timestamp(), when.timestamp()))
    os.fsync(stream.fileno())
