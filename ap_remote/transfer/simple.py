"""Uploads and downloads in one call, without a plan that is kept.

As with ``cp -r`` and rsync, a folder ``trip`` arrives as ``DIR/trip``, and ``trip/`` puts what is in it into ``DIR``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ap_remote.errors import AlreadyExistsError
from ap_remote.model import Kind, NodeId
from ap_remote.remote.features import SupportsAssets
from ap_remote.remote.paths import check_name, components, join, normalise
from ap_remote.transfer.bandwidth import Bandwidth, Flow
from ap_remote.transfer.carrying import ALREADY, Outcome
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import tried
from ap_remote.transfer.fetching import Wanted, fetch
from ap_remote.transfer.hashing import md5_of
from ap_remote.transfer.localnames import distinct, local_name
from ap_remote.transfer.pool import Patience, run_all
from ap_remote.transfer.reading import be_whole
from ap_remote.transfer.report import Meter, Report, Row, SilentMeter
from ap_remote.transfer.sending import Outgoing, send
from ap_remote.transfer.walking import remote_or_raw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ap_remote.model import Entry, Ref
    from ap_remote.remote.base import Duplicates, IfExists, Remote


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One file to be sent."""

    source: Path
    path: str
    size: int


def plan_upload(sources: Sequence[str | Path], folder: str) -> list[Upload]:
    """List what *sources* hold and where each file is to go, below *folder*.

    Raises:
        NotFoundError: a source does not exist.
        IncompleteListingError: something below a source could not be looked at, or is a link that leads nowhere.
        InvalidNameError: the service cannot hold one of the names.
    """
    return [each for source in sources for each in _plan_source(os.fspath(source), normalise(folder))]


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
    a local store that cannot be used or a service that stays away ends the run.
    """
    jobs = _Jobs(meter)
    jobs.expect([each.size for each in uploads])

    async def work(each: Upload) -> Row:
        async def attempt(flow: Flow) -> Outcome:
            md5 = await asyncio.to_thread(md5_of, each.source)
            out = Outgoing(file=each.source, size=each.size, md5=md5, watch=flow, duplicates=duplicates)
            try:
                await send(remote, out, each.path, if_exists=if_exists)
            except AlreadyExistsError as exc:
                if (await remote.stat(each.path)).md5 == md5:
                    return Outcome("skipped", "", ALREADY)
                return Outcome("failed", "", f"{exc} with other content (overwrite replaces it)")
            return Outcome("done", "copied")

        return await jobs.do(str(each.source), each.path, each.size, attempt)

    return jobs.report(await run_all(uploads, work, workers=transfers))


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
    *films* the film of a live photo comes along, beside the picture and by its own name. What breaks off is gone on
    with by the same call.

    Raises:
        NotFoundError: nothing is at *target*.
    """
    jobs = _Jobs(meter)
    plan = await _plan_target(remote, target, folder)
    if films and isinstance(remote, SupportsAssets):
        plan += await _films(remote, plan)
    jobs.expect([entry.size for entry, _ in plan])

    async def work(job: tuple[Entry, Path]) -> Row:
        entry, file = job

        async def attempt(flow: Flow) -> Outcome:
            return await bring(remote, entry, file, flow=flow, overwrite=overwrite)

        return await jobs.do(entry.path, str(file), entry.size, attempt)

    return jobs.report(await run_all(plan, work, workers=transfers))


async def bring(remote: Remote, entry: Entry, file: Path, *, flow: Flow, overwrite: bool) -> Outcome:
    """Fetch one file to *file*, unless it is there.

    Raises:
        RemoteError: as for :func:`ap_remote.transfer.fetching.fetch`.
        OSError: the same.
    """
    if not overwrite and _is_there(file):
        if await _is_same(file, entry):
            return Outcome("skipped", "", ALREADY)
        return Outcome("failed", "", "a local file of that name has other content (overwrite replaces it)")
    await fetch(remote, Wanted.of(entry), file, flow=flow, over=overwrite)
    return Outcome("done", "copied")


class _Jobs:
    """The files of one call: patience and progress for all of them, a row for each."""

    def __init__(self, meter: Meter | None) -> None:
        self._meter = meter or SilentMeter()
        self._patience = Patience()
        self._bandwidth = Bandwidth(None)
        self._begun = time.monotonic()

    def expect(self, sizes: Sequence[int]) -> None:
        self._meter.expect(len(sizes), sum(sizes))

    async def do(self, source: str, target: str, size: int, attempt: Callable[[Flow], Awaitable[Outcome]]) -> Row:
        flow = Flow(source, size, self._bandwidth, self._meter)
        self._meter.begin(source, size)
        outcome = await tried(self._patience, flow, lambda: attempt(flow))
        row = Row(
            source=source,
            target=target,
            result=outcome.result,
            deed=outcome.deed,
            size=size,
            reason=outcome.reason,
        )
        self._meter.advance(row)
        return row

    def report(self, rows: Sequence[Row]) -> Report:
        return Report(rows=tuple(rows), seconds=time.monotonic() - self._begun)


def _plan_source(source: str, folder: str) -> Iterator[Upload]:
    side = Disk(Path(source))
    listing = side.look()
    be_whole(side, listing, "it is not sent")
    base = folder
    if side.base == side.root and not source.endswith(("/", os.sep)):
        base = join(folder, check_name(remote_or_raw(side.root.resolve().name)))
    for item in listing.items:
        for name in components(item.path):
            check_name(name)
        if not item.is_folder:
            yield Upload(source=side.file(item.path), path=join(base, item.path), size=item.size)


async def _plan_target(remote: Remote, target: Ref, folder: Path) -> list[tuple[Entry, Path]]:
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


def _is_there(file: Path) -> bool:
    """Most are not, which one look tells; a thread for it would take longer."""
    return os.path.lexists(file)


async def _is_same(file: Path, entry: Entry) -> bool:
    size = await asyncio.to_thread(lambda: file.stat().st_size if file.is_file() else -1)
    return size == entry.size and entry.md5 is not None and await asyncio.to_thread(md5_of, file) == entry.md5
