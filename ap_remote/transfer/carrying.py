"""One file of a plan from its source to its target, in whichever direction."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.errors import AlreadyExistsError, NotFoundError, PlanError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.paths import fold, split
from ap_remote.transfer.account import Account
from ap_remote.transfer.away import bring_back, item_of, look_again, put_away
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.fetching import Wanted, fetch, mark_of
from ap_remote.transfer.hashing import md5_of
from ap_remote.transfer.journal import Past
from ap_remote.transfer.matching import is_same_account
from ap_remote.transfer.relaying import brought
from ap_remote.transfer.report import SilentMeter
from ap_remote.transfer.sending import Outgoing, is_there, replace, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from ap_remote.model import Entry
    from ap_remote.transfer.bandwidth import Bandwidth, Flow
    from ap_remote.transfer.journal import Journal
    from ap_remote.transfer.plan import Plan, Seen, Step
    from ap_remote.transfer.report import Deed, Result
    from ap_remote.transfer.sides import Side

ALREADY: Final = "already there, byte for byte"
OTHER: Final = "another file has appeared there since the plan was made; it was left alone"


class Outcome(NamedTuple):
    """What became of a step."""

    result: Result
    deed: Deed = ""
    reason: str = ""


class Carrier:
    """Carries the files of one run.

    Args:
        plan: whose steps they are.
        source: where from.
        target: where to.
        book: is told before and after.
        bandwidth: the limit for all.
    """

    def __init__(self, plan: Plan, source: Side, target: Side, book: Journal, bandwidth: Bandwidth) -> None:
        self._plan = plan
        self._source = source
        self._target = target
        self._book = book
        self._bandwidth = bandwidth

    async def carry(self, number: int, step: Step, flow: Flow) -> Outcome:
        """Do a ``copy`` or a ``replace``; done again after it was broken off, it goes on.

        Raises:
            RemoteError: it could not be done.
            OSError: the same, for a local reason.
        """
        seen = step.source
        if seen is None or (step.action == "replace" and step.there is None):
            raise PlanError(f"step {number} of the plan {self._plan.id} does not say what it brings")
        past = self._book.past.setdefault(number, Past())
        if isinstance(self._target, Disk) and isinstance(self._source, Account):
            return await self._down(number, step, seen, past, flow)
        if isinstance(self._target, Account) and self._target.is_album and await self._is_at_home(step, seen):
            return await self._join(number, step, seen, past, self._target)
        if isinstance(self._target, Account):
            async with self._outgoing(seen, flow) as out:
                return await self._up(number, step, out, past, self._target)
        raise UnsupportedError("both ends are on this machine, for which cp and rsync are made")

    @asynccontextmanager
    async def _outgoing(self, seen: Seen, flow: Flow) -> AsyncIterator[Outgoing]:
        """Have the source as a local file while the block runs."""
        keep = self._plan.options.duplicates
        if isinstance(self._source, Disk):
            await look_again(self._source, seen)
            file = self._source.file(seen.path)
            md5 = seen.md5 or await self._source.digest(item_of(seen))
            yield Outgoing(file=file, size=seen.size, md5=md5, watch=flow, duplicates=keep)
        else:
            async with brought(self._remote(self._source).remote, self._wanted(seen), flow=self._silent(flow)) as file:
                md5 = seen.md5 or await asyncio.to_thread(md5_of, file)
                yield Outgoing(file=file, size=seen.size, md5=md5, watch=flow, duplicates=keep, taken=seen.taken)

    def _silent(self, flow: Flow) -> Flow:
        """Hold back the first of two ways as well, and count the second."""
        return flow.of(self._bandwidth, SilentMeter())

    def _remote(self, side: Side) -> Account:
        if isinstance(side, Account):
            return side
        raise UnsupportedError(f"{side.label} is neither a disk nor an account")

    def _wanted(self, seen: Seen) -> Wanted:
        if seen.id is None:
            raise PlanError(f"the plan {self._plan.id} does not say which file {seen.path!r} is")
        path = self._remote(self._source).path(seen.path)
        return Wanted(
            id=seen.id,
            size=seen.size,
            path=path,
            md5=seen.md5,
            version=seen.version,
            when=seen.taken or seen.modified,
        )

    async def _is_at_home(self, step: Step, seen: Seen) -> bool:
        """Whether what is to come into an album is a file of its account, by its own name."""
        if not (isinstance(self._source, Account) and isinstance(self._target, Account) and seen.id is not None):
            return False
        if not is_same_account(self._source, self._target):
            return False
        await look_again(self._source, seen)
        name = (await self._source.remote.stat(NodeId(seen.id))).name
        return fold(split(step.path)[1]) in (fold(name), fold(split(seen.path)[1]))

    async def _join(self, number: int, step: Step, seen: Seen, past: Past, album: Account) -> Outcome:
        """Add a file of the account to its album; no bytes pass. Another member of its name leaves the album."""
        assert seen.id is not None  # noqa: S101 - `_is_at_home` asked
        past.begun = past.begun or self._book.write("begin", lazy=True, step=number, id=seen.id, md5=seen.md5 or "")
        back = await self.put_away(number, album, self._old(step), past) if step.action == "replace" else None
        try:
            await album.add(seen.id)
        except Exception:  # whatever it was, the two must not both be away
            if back is not None:
                await back()
            raise
        entry = await album.remote.stat(NodeId(seen.id))
        return self._sent(number, step, entry, "it is in the account already, and was added to the album")

    async def _up(self, number: int, step: Step, out: Outgoing, past: Past, side: Account) -> Outcome:
        remote, path = side.remote, side.path(step.path)
        if past.begun is not None and (mine := await is_there(remote, path, out.md5)) is not None:
            return self._sent(number, step, mine, "the run before had got so far")
        past.begun = past.begun or self._book.write("begin", lazy=True, step=number)
        if step.action == "copy":
            return await self._copy_up(number, step, out, side)
        old = self._old(step)
        if self._plan.options.in_place:
            await look_again(side, old)
            return self._sent(number, step, await send(remote, out, path, if_exists="overwrite"))
        if side.is_album:
            return self._sent(number, step, await self._change_member(number, step, out, past, side))

        md5 = await asyncio.to_thread(md5_of, out.file) if out.md5 is None else out.md5

        def announce(new: Entry) -> None:
            self._book.write("begin", step=number, id=new.id, md5=md5)

        entry = await replace(
            remote,
            out,
            path,
            md5=md5,
            announce=announce,
            put_away=lambda: self.put_away(number, side, old, past),
        )
        return self._sent(number, step, entry)

    async def _copy_up(self, number: int, step: Step, out: Outgoing, side: Account) -> Outcome:
        remote, path = side.remote, side.path(step.path)
        try:
            return self._sent(number, step, await send(remote, out, path))
        except AlreadyExistsError:
            if await is_there(remote, path, out.md5) is not None:
                return Outcome("skipped", "", ALREADY)
            return Outcome("failed", "", OTHER)

    async def _change_member(self, number: int, step: Step, out: Outgoing, past: Past, album: Account) -> Entry:
        """Let another file take a member's place in an album; neither its bytes nor its name in its folder change."""
        back = await self.put_away(number, album, self._old(step), past)
        try:
            return await send(album.remote, out, album.path(step.path))
        except Exception:  # whatever it was, a name must not be left without its file
            await back()
            raise

    async def put_away(self, number: int, side: Side, old: Seen, past: Past) -> Callable[[], Awaitable[None]]:
        """Put the old file away unless an earlier try did, and return what brings it back."""
        backup = self._plan.options.backup_dir
        if past.away is None:
            try:
                await look_again(side, old)
            except NotFoundError:
                # Away already: by a run that ended before it could say so, or by somebody else. Nothing is replaced.
                place = ""
            else:
                place = await put_away(side, old, backup)
            past.away = self._book.write("away", step=number, place=place)

        async def back() -> None:
            place = past.away.place if past.away is not None else ""
            await bring_back(side, old, place, backup=backup is not None)
            past.away = None
            self._book.write("away", step=number, note="brought back")

        return back

    def _old(self, step: Step) -> Seen:
        if step.there is None:
            raise PlanError(f"the plan {self._plan.id} does not say what {step.path!r} replaces")
        return step.there

    def _sent(self, number: int, step: Step, entry: Entry, reason: str = "") -> Outcome:
        deed: Deed = "copied" if step.action == "copy" else "replaced"
        self._book.write("done", lazy=True, step=number, deed=deed, id=entry.id, md5=entry.md5 or "")
        return Outcome("done", deed, reason)

    async def _down(self, number: int, step: Step, seen: Seen, past: Past, flow: Flow) -> Outcome:
        side, wanted = self._target, self._wanted(seen)
        assert isinstance(side, Disk)  # noqa: S101 - `carry` asked
        remote, file = self._remote(self._source).remote, side.file(step.path)
        if await self._is_same(file, wanted):
            if past.begun is None:
                return Outcome("skipped", "", ALREADY)
            return self._fetched(number, step, file, wanted, "the run before had got so far")
        if step.action == "copy" and _is_there(file):
            return Outcome("failed", "", OTHER)
        first = past.begun is None
        past.begun = past.begun or self._book.write("begin", lazy=True, step=number)
        before: Callable[[], Awaitable[None]] | None = None
        if step.action == "replace":
            old = self._old(step)
            if first:
                await look_again(side, old)

            async def before() -> None:
                self._book.write("begin", step=number)
                await self.put_away(number, side, old, past)

        try:
            try:
                await fetch(remote, wanted, file, flow=flow, before=before)
            except FileNotFoundError as exc:
                if isinstance(exc, NotFoundError):
                    raise
                # Its folder is none of the plan's, or somebody removed it.
                flow.restart()
                await side.mkdir(split(step.path)[0])
                await fetch(remote, wanted, file, flow=flow, before=before)
        except FileExistsError:
            return Outcome("failed", "", OTHER)
        return self._fetched(number, step, file, wanted)

    def _fetched(self, number: int, step: Step, file: Path, wanted: Wanted, reason: str = "") -> Outcome:
        deed: Deed = "copied" if step.action == "copy" else "replaced"
        self._book.write("done", lazy=True, step=number, deed=deed, md5=wanted.md5 or "", stamp=mark_of(file))
        return Outcome("done", deed, reason)

    async def _is_same(self, file: Path, wanted: Wanted) -> bool:
        """Whether the disk holds these bytes already; most often nothing is there, which one look tells."""
        try:
            size = os.stat(file).st_size  # noqa: PTH116 - a thread for one look would take longer
        except OSError:
            return False
        return size == wanted.size and wanted.md5 is not None and await asyncio.to_thread(md5_of, file) == wanted.md5


def _is_there(file: Path) -> bool:
    """Most are not, which one look tells; a thread for it would take longer."""
    return os.path.lexists(file)
