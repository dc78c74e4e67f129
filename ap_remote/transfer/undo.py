"""Takes a transfer back by its journal: what was made is put away, what was put away comes back.

Whatever changed since is somebody's work by now: it is left alone, with a sentence.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.errors import AlreadyExistsError, NotFoundError, RemoteError
from ap_remote.model import NodeId, Status
from ap_remote.remote.paths import fold
from ap_remote.transfer.account import Account
from ap_remote.transfer.away import bring_back, item_of
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import look_up, place_of, sentence
from ap_remote.transfer.fetching import mark_of
from ap_remote.transfer.journal import Line, Past, open_journal
from ap_remote.transfer.matching import passing_path
from ap_remote.transfer.pool import Patience, to_its_end
from ap_remote.transfer.report import Report, Row
from ap_remote.transfer.sending import is_there
from ap_remote.transfer.sides import Item

if TYPE_CHECKING:
    from pathlib import Path

    from ap_remote.model import Entry
    from ap_remote.transfer.journal import Journal
    from ap_remote.transfer.plan import Plan, Seen, Step
    from ap_remote.transfer.report import Deed
    from ap_remote.transfer.sides import Side

CHANGED: Final = "it changed since, and was left alone"
GONE: Final = "it is gone already"
IN_PLACE: Final = "its content was replaced in place, and the old one is gone"
UNKNOWN: Final = "where it was put is not known; look into .ap-trash"


class LeftAloneError(Exception):
    """What a step made or put away is no longer ours to take back."""


async def undo(plan: Plan, journal: Path, source: Side, target: Side, *, patience: Patience | None = None) -> Report:
    """Take back what a run of *plan* did, the last first. Undoing twice does nothing more.

    Args:
        plan: what was run.
        journal: the file by which it was run; it may be that of an interrupted run.
        source: as the plan was run with.
        target: as the plan was run with.
        patience: how long to wait for a service that is gone.

    Raises:
        PlanError: there is no such journal, or it is another plan's.
        StoreError: the journal cannot be written; the next step was not taken back.
        RemoteError: the login has expired, or the service stayed away.
    """
    begun = time.monotonic()
    with open_journal(journal, plan, must_exist=True) as book:
        await look_up(source)
        await look_up(target)
        if not book.undoing:
            book.write("undo", plan=plan.id)
        run = _Undo(plan, source, target, book=book, patience=patience or Patience())
        rows = [row for number in sorted(book.past, reverse=True) if (row := await run.step(number)) is not None]
    return Report(rows=tuple(rows), seconds=time.monotonic() - begun, plan=plan.id)


class _Undo:
    """One undo."""

    def __init__(self, plan: Plan, source: Side, target: Side, *, book: Journal, patience: Patience) -> None:
        self._plan = plan
        self._source = source
        self._target = target
        self._book = book
        self._patience = patience

    async def step(self, number: int) -> Row | None:
        """Take one step back; ``None`` where nothing is to be done, or was."""
        past = self._book.past[number]
        if past.undone or not 0 <= number < len(self._plan.steps):
            return None
        step = self._plan.steps[number]
        side = self._target if step.at == "target" else self._source
        place = place_of(side, step.path)
        try:
            deed, reason = await self._patience.bear(lambda: to_its_end(self._back(step, side, past)))
        except (LeftAloneError, AlreadyExistsError) as exc:
            reason = str(exc) if isinstance(exc, LeftAloneError) else f"its name is taken by another: {exc}"
            self._book.write("kept", step=number, note=reason)
            return Row(source=place, target=place, result="skipped", reason=reason)
        except (RemoteError, OSError) as exc:
            if self._patience.is_out(exc):
                raise
            return Row(source=place, target=place, result="failed", reason=sentence(exc))
        self._book.write("undone", step=number)
        return Row(source=place, target=place, result="done", deed=deed, reason=reason) if deed or reason else None

    async def _back(self, step: Step, side: Side, past: Past) -> tuple[Deed, str]:
        if step.action == "mkdir":
            return await self._folder(side, step) if past.done is not None else ("", "")
        if step.action == "remove":
            return await self._restored(side, step, past)
        if step.action == "move":
            return await self._moved(side, step, past)
        return await self._file(step, side, past)

    async def _file(self, step: Step, side: Side, past: Past) -> tuple[Deed, str]:
        """Put away what was brought, and bring back what it replaced."""
        replaced = step.action == "replace"
        if replaced and self._plan.options.in_place:
            raise LeftAloneError(IN_PLACE)
        made = await self._made(step, side, past)
        reason = ""
        if made is not None:
            await side.remove(made)
            reason = await _left_behind(side, made)
        if replaced and past.away is not None and step.there is not None:
            word = await self._bring(side, step.there, past.away.place)
            return "removed", "; ".join(filter(None, (reason, word)))
        return ("removed", reason) if made is not None else ("", "")

    async def _made(self, step: Step, side: Side, past: Past) -> Item | None:
        """Return what a step brought, if it is there and still what it was.

        Raises:
            LeftAloneError: it is there and something else by now.
        """
        if isinstance(side, Account):
            return await self._made_remote(step, side, past)
        if past.done is None or not isinstance(side, Disk):
            # Without that line it is not known whether what is there came from us.
            return None
        return await asyncio.to_thread(_made_local, side, step, past.done)

    async def _made_remote(self, step: Step, side: Account, past: Past) -> Item | None:
        line = past.done or past.begun
        if line is None:
            return None
        entry = await _node(side, line.id) if line.id else await _unsaid(side, step)
        if entry is None:
            return None
        if line.md5 and entry.md5 != line.md5:
            raise LeftAloneError(CHANGED)
        places = [step.path]
        if past.done is None:
            # It broke off before the new one had got its name.
            places.append(passing_path(step.path, entry.md5 or ""))
        for place in places:
            if await side.shows(entry, place):
                return Item(path=place, id=entry.id, size=entry.size, md5=entry.md5, version=entry.version)
        if side.is_album:
            raise LeftAloneError(f"{CHANGED}: {entry.path!r} is not in the album under that name")
        raise LeftAloneError(f"{CHANGED}: it is {entry.path!r} now")

    async def _restored(self, side: Side, step: Step, past: Past) -> tuple[Deed, str]:
        """Bring back what was removed."""
        seen = step.there or step.source
        line = past.done or past.begun
        if seen is None or line is None:
            return "", ""
        if isinstance(side, Account) and past.done is None and await _is_alive(side, seen):
            return "", ""
        return "moved", await self._bring(side, seen, line.place, backup=step.at == "target")

    async def _bring(self, side: Side, seen: Seen, place: str, *, backup: bool = True) -> str:
        """Bring back what was put away, unless an earlier undo did."""
        if isinstance(side, Disk) and await asyncio.to_thread(_is_there, place, side.file(seen.path)):
            return ""
        if isinstance(side, Disk) and not place:
            raise LeftAloneError(UNKNOWN)
        if isinstance(side, Account) and await _is_alive(side, seen):
            return ""
        try:
            return await bring_back(side, seen, place, backup=backup and self._plan.options.backup_dir is not None)
        except NotFoundError as exc:
            raise LeftAloneError(f"it is no longer where it was put: {exc}") from exc

    async def _moved(self, side: Side, step: Step, past: Past) -> tuple[Deed, str]:
        """Move back what was moved, and bring back what was in its way."""
        seen = step.source
        if seen is None or (past.done is None and past.begun is None):
            return "", ""
        item = msgspec.structs.replace(item_of(seen), path=step.path)
        if isinstance(side, Account) and isinstance(self._target, Account):
            entry = await side.remote.stat(NodeId(seen.id or ""), fresh=True)
            back = fold(entry.path) == fold(side.path(seen.path))
            if not back and (fold(entry.path) != fold(self._target.path(step.path)) or entry.status is Status.TRASHED):
                raise LeftAloneError(CHANGED)
            if not back:
                await self._target.move_to(item, side.path(seen.path), seen.path)
        elif isinstance(side, Disk) and not await asyncio.to_thread(_is_back, side, step.path, seen):
            await side.move(item, seen.path)
        if step.there is not None and past.away is not None:
            return "moved", await self._bring(self._target, step.there, past.away.place)
        return "moved", ""

    async def _folder(self, side: Side, step: Step) -> tuple[Deed, str]:
        """Remove a folder that was made, if nothing is in it."""
        if isinstance(side, Disk):
            place = side.file(step.path)
            gone, full = await asyncio.to_thread(lambda: (not place.is_dir(), place.is_dir() and any(place.iterdir())))
            if not gone and not full:
                await asyncio.to_thread(place.rmdir)
        elif isinstance(side, Account):
            try:
                entry = await side.remote.stat(side.path(step.path), fresh=True)
            except NotFoundError:
                return "", ""
            gone, full = False, bool([each async for each in side.remote.list(NodeId(entry.id), fresh=True)])
            if not full:
                await side.remote.trash(NodeId(entry.id))
        else:
            return "", ""
        if full:
            raise LeftAloneError("something is in the folder, so it stays")
        return ("", "") if gone else ("removed", "")


async def _node(side: Account, node_id: str) -> Entry | None:
    """Return a node that is there and not in the trash."""
    try:
        entry = await side.remote.stat(NodeId(node_id), fresh=True)
    except NotFoundError:
        return None
    return None if entry.status is Status.TRASHED else entry


async def _unsaid(side: Account, step: Step) -> Entry | None:
    """Return what an upload left that broke off before its line was written."""
    if step.source is None or step.source.md5 is None:
        return None
    entry = await is_there(side.remote, side.path(step.path), step.source.md5)
    return entry if entry is not None and (step.there is None or entry.id != step.there.id) else None


async def _left_behind(side: Side, made: Item) -> str:
    """Return where the file of a member is that was taken out of its album."""
    if not (isinstance(side, Account) and side.is_album and made.id is not None):
        return ""
    return f"it is out of the album, and stays at {(await side.remote.stat(NodeId(made.id))).path!r}"


def _is_there(place: str, file: Path) -> bool:
    """Whether what was put away at *place* is no longer there, but back."""
    return not os.path.lexists(place) and os.path.lexists(file)


def _is_back(side: Disk, path: str, seen: Seen) -> bool:
    """Whether an earlier undo moved it back.

    Raises:
        LeftAloneError: it is neither here nor there, or something else.
    """
    file, before = side.file(path), side.file(seen.path)
    if not file.exists():
        if before.exists():
            return True
        raise LeftAloneError(GONE)
    if not file.is_dir() and file.stat().st_size != seen.size:
        raise LeftAloneError(CHANGED)
    return False


async def _is_alive(side: Account, seen: Seen) -> bool:
    """Whether a node is where it was."""
    if seen.id is None:
        return False
    entry = await side.remote.stat(NodeId(seen.id), fresh=True)
    return entry.status is not Status.TRASHED and await side.shows(entry, seen.path)


def _made_local(side: Disk, step: Step, line: Line) -> Item | None:
    file = side.file(step.path)
    if not file.exists():
        return None
    if mark_of(file) != line.stamp:
        raise LeftAloneError(CHANGED)
    return Item(path=step.path, size=file.stat().st_size)
