"""Carries a plan out, and takes it back.

Albums are made, filled and trashed, and photographs stay where they are; only a plan that was made so moves files, and
only where it is said again (:mod:`ap_remote.organise.moves`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ap_remote.errors import NotFoundError, PlanError, UnsupportedError
from ap_remote.model import Entry, Kind, NodeId, Status
from ap_remote.organise import moves
from ap_remote.organise.checks import Skipped, changed, find, guard
from ap_remote.organise.journal import Deed, Journal, open_journal
from ap_remote.organise.plan import Plan, PlanFolder, PlanMember, check_plan, content_id, mark, read_mark
from ap_remote.remote.features import SupportsAlbums, SupportsFolders

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ap_remote.remote.base import Remote


class MadeAlbum(msgspec.Struct, frozen=True, kw_only=True):
    """An album that holds what the plan put in."""

    id: str
    name: str
    members: int
    new: bool = True
    """Whether the plan made it; else it was there, and got members."""


class ApplyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan."""

    plan: str
    albums: tuple[MadeAlbum, ...]
    skipped: tuple[Skipped, ...] = ()
    moved: int = 0
    """Files that lie in the plan's folders."""
    resumed: bool = False
    """Whether an interrupted run was finished."""


class UndoReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an undo."""

    plan: str
    removed: tuple[str, ...]
    """Names of the albums that were put in the trash, or emptied of what the plan had added."""
    notes: tuple[str, ...] = ()
    """A sentence for each album that was left as it is, or was gone already."""
    restored: int = 0
    """Files that were moved back to where they had been."""


async def apply(
    remote: Remote,
    plan: Plan,
    journal: Path,
    *,
    move: bool = False,
    max_changes: int | None = None,
    max_percent: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ApplyReport:
    """Make the plan's albums, or move its files.

    Each photograph is looked at again: what is gone, trashed, or has other content since the plan was made is skipped
    with a reason. (Its version is no sign: marking a photograph a favourite raises it. A file that is to be moved must
    be untouched, though: at its path, and of the version that the plan saw.) A run that was interrupted is finished by
    calling this again with the same journal; albums that were made are found and not made twice.

    Args:
        remote: the account that the plan was made for.
        plan: what to do.
        journal: a file that does not exist yet, or that of the interrupted run.
        move: that files may be moved; a plan that moves some is refused without.
        max_changes: do nothing where more would change: an album counts once, a file that is moved as well.
        max_percent: do nothing where more of the photographs that the plan saw would be moved.
        progress: gets albums and folders done and in all.

    Raises:
        UnsupportedError: the remote has no albums, or cannot move.
        PlanError: it would change more than is allowed; the plan was applied or undone already, is another's, or cannot
            be applied as it stands.
        BusyStoreError: another process works with the journal.
        StoreError: the journal cannot be written; the next call was not made.
    """
    albums = any(folder.path is None for folder in plan.folders) or not plan.folders
    if albums and not isinstance(remote, SupportsAlbums):
        message = f"{remote.name}: has no albums to organise into"
        raise UnsupportedError(message)
    if plan.moves and not isinstance(remote, SupportsFolders):
        message = f"{remote.name}: cannot move files"
        raise UnsupportedError(message)
    check_plan(plan)
    guard(plan, move=move, max_changes=max_changes, max_percent=max_percent)
    if plan.id != content_id(plan):
        message = f"the plan was changed after it got its id {plan.id}; load it again and look at it first"
        raise PlanError(message)
    if plan.account != remote.name:
        message = f"the plan was made for {plan.account}:, not for {remote.name}:"
        raise PlanError(message)
    with open_journal(journal) as book:
        resumed = _begin(book, plan)
        there = await _marked(remote, plan.id)
        if there and not resumed:
            names = ", ".join(sorted(album.name for album in there.values()))
            message = (
                f"the plan {plan.id} was applied already: its albums are there ({names}); undo it by its journal, or "
                "put them in the trash"
            )
            raise PlanError(message)
        run = _Run(remote, plan, book, there)
        for number in range(len(plan.folders)):
            await run.folder(number)
            if progress is not None:
                progress(number + 1, len(plan.folders))
        book.write("end", plan=plan.id)
        return ApplyReport(
            plan=plan.id,
            albums=tuple(run.albums),
            skipped=tuple(run.skipped),
            moved=run.moved,
            resumed=resumed,
        )


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal says of a plan."""

    plan: str
    ended: bool
    """Whether it was applied to its end."""
    undoing: bool
    """Whether an undo has begun."""
    albums: tuple[MadeAlbum, ...]
    """What is there of its albums, those of an interrupted step left out."""
    members: dict[str, tuple[str, ...]]
    """Whom the plan put in, by album."""
    skipped: tuple[Skipped, ...]
    """Without paths, which the journal does not keep."""
    moved: int = 0
    """Files that were moved and not moved back."""


def read_journal(journal: Path) -> Applied | None:
    """Return what a journal tells; ``None`` where nothing was begun.

    Raises:
        PlanError: it is no journal, or a newer version wrote it.
        BusyStoreError: another process works with it.
    """
    if not journal.exists():
        return None
    with open_journal(journal) as book:
        if book.start is None or book.start.plan is None:
            return None
        all_deeds = book.deeds().values()
        deeds = [deed for deed in all_deeds if deed.finished and deed.album and not deed.undone]
        skips = {(line.members, line.name): line for line in book.lines if line.what == "skip"}
        return Applied(
            plan=book.start.plan,
            ended=book.ended,
            moved=sum(each.done and not each.back for deed in all_deeds for each in deed.moves.values()),
            undoing=book.undoing,
            albums=tuple(
                MadeAlbum(id=deed.album or "", name=deed.name, members=len(deed.members), new=deed.made)
                for deed in deeds
            ),
            members={deed.album or "": deed.members for deed in deeds},
            skipped=tuple(
                Skipped(path="", folder=line.name or "", why=line.note or "", id="".join(line.members))
                for line in skips.values()
            ),
        )


async def undo(remote: Remote, journal: Path) -> UndoReport:
    """Take away what :func:`apply` made, by its journal. Photographs are not touched, but for those that it moved.

    Those go back where they were, unless somebody moved them on or the old name is taken; folders that were made for
    them are put in the trash where nothing else lies in them. An album that holds more than the plan put in, or has
    another name, is somebody's work by now: it is left, with a note. Undoing twice does nothing more.

    Raises:
        PlanError: there is no such journal, or it is another account's.
        BusyStoreError: another process works with the journal.
        StoreError: the journal cannot be written; the next call was not made.
    """
    with open_journal(journal, must_exist=True) as book:
        start = book.start
        if start is None or start.plan is None:
            message = f"the journal {journal} is empty: nothing was applied"
            raise PlanError(message)
        if start.account != remote.name:
            message = f"the journal belongs to {start.account}:, not to {remote.name}:"
            raise PlanError(message)
        there = await _marked(remote, start.plan)
        if not book.undoing:
            book.write("undo", plan=start.plan)
        removed: list[str] = []
        notes: list[str] = []
        restored = 0
        for number, deed in _backwards(book.deeds()):
            if deed.undone:
                continue
            if deed.moves or deed.folders:
                back = await moves.take_back(remote, book, number, deed)
                restored += back.restored
                notes += back.notes
                book.write("undone" if back.whole else "kept", folder=number, name=deed.name)
                continue
            album = deed.album or (there[number].id if number in there else None)
            left = _Left("", final=True) if album is None else await _take_back(remote, book, number, deed, album)
            if left is not None and left.note:
                notes.append(left.note)
            if left is not None and not left.final:
                book.write("kept", folder=number, name=deed.name, album=album, note=left.note)
                continue
            book.write("undone", folder=number, name=deed.name, album=album)
            if left is None:
                removed.append(deed.name)
        return UndoReport(plan=start.plan, removed=tuple(removed), notes=tuple(notes), restored=restored)


def _backwards(deeds: dict[int, Deed]) -> list[tuple[int, Deed]]:
    """Return deeds in the order of their undoing: folders the last first, as one may lie in another made before it."""
    moving = [each for each in deeds.items() if each[1].moves or each[1].folders]
    return [each for each in deeds.items() if not (each[1].moves or each[1].folders)] + moving[::-1]


class _Left(NamedTuple):
    """Why an undo had nothing to do with an album."""

    note: str
    final: bool
    """Whether there will be nothing to do next time either."""


class _Run:
    """One apply, folder by folder."""

    def __init__(self, remote: Remote, plan: Plan, book: Journal, there: dict[int, Entry]) -> None:
        """Know what an interrupted run did: by the journal, and by the marks in the albums."""
        self._remote = remote
        self._plan = plan
        self._book = book
        self._there = there
        self._deeds = book.deeds()
        self.albums: list[MadeAlbum] = []
        self.skipped: list[Skipped] = []
        self.moved = 0

    async def folder(self, number: int) -> None:
        folder = self._plan.folders[number]
        deed = self._deeds.get(number)
        if folder.path is not None:
            done, skipped = await moves.move_folder(self._remote, self._book, number, folder, deed)
            self.moved += done
            self.skipped += skipped
            return
        if deed is not None and deed.finished:
            self._report(folder, deed.album or "", len(deed.members))
            return
        inside = None if folder.album is None else await self._inside(folder.album)
        why = "the album that it would go into is no longer there" if folder.album and inside is None else None
        members = [member for member in folder.members if await self._fit(folder, member, why)]
        if not members:
            return
        ids = tuple(member.id for member in members)
        known = self._there.get(number)
        if folder.album is not None:
            # Whom somebody else put in meanwhile is not ours to take out; whom an interrupted run put in is.
            ours = set() if deed is None else set(deed.members)
            ids = tuple(each for each in ids if each in ours or each not in (inside or ()))
            self._book.write("add", folder=number, name=folder.name, album=folder.album, members=ids)
            if ids:
                await self._add(folder.album, ids)
            self._book.write("added", folder=number, name=folder.name, album=folder.album)
            self._report(folder, folder.album, len(ids))
        elif known is not None:
            # The album was made and the crash came before its line: complete it, do not make it twice.
            self._book.write("create", folder=number, name=folder.name, members=ids)
            await self._add(known.id, ids)
            self._book.write("created", folder=number, name=folder.name, album=known.id)
            self._report(folder, known.id, len(ids))
        else:
            self._book.write("create", folder=number, name=folder.name, members=ids)
            album = await self._albums().create_album(
                folder.name,
                members=[NodeId(each) for each in ids],
                description=mark(self._plan, number),
            )
            self._book.write("created", folder=number, name=folder.name, album=album.id)
            self._report(folder, album.id, len(ids))

    async def _add(self, album: str, ids: tuple[str, ...]) -> None:
        await self._albums().add_to_album(NodeId(album), [NodeId(each) for each in ids])

    def _albums(self) -> SupportsAlbums:
        if not isinstance(self._remote, SupportsAlbums):
            raise UnsupportedError(f"{self._remote.name}: has no albums")
        return self._remote

    def _report(self, folder: PlanFolder, album: str, members: int) -> None:
        self.albums.append(MadeAlbum(id=album, name=folder.name, members=members, new=folder.album is None))

    async def _inside(self, album: str) -> set[str] | None:
        """Return whom an album holds; ``None`` where there is no such album any more."""
        try:
            entry = await self._remote.stat(NodeId(album), fresh=True)
        except NotFoundError:
            return None
        if entry.status is not Status.AVAILABLE or entry.kind is not Kind.ALBUM:
            return None
        return {member.id async for member in self._remote.list(NodeId(album), fresh=True)}

    async def _fit(self, folder: PlanFolder, member: PlanMember, why: str | None) -> bool:
        if why is None:
            why = changed(await find(self._remote, member.id), member)
        if why is not None:
            self.skipped.append(Skipped(path=member.path, folder=folder.name, why=why, id=member.id))
            self._book.write("skip", name=folder.name, members=(member.id,), note=why)
        return why is None


def _begin(book: Journal, plan: Plan) -> bool:
    """Open the journal's account of this plan and return whether it goes on with an interrupted run."""
    start = book.start
    if start is None:
        book.write("start", format=plan.format, plan=plan.id, account=plan.account, by=plan.by)
        return False
    if start.plan != plan.id:
        message = (
            f"the journal {book.file} belongs to the plan {start.plan}, not to {plan.id}: a plan that was edited after "
            "it was applied is applied when that was undone"
        )
        raise PlanError(message)
    if book.undoing:
        message = f"the plan {plan.id} was undone by this journal; name a new file to apply it again"
        raise PlanError(message)
    if book.ended:
        message = f"the plan {plan.id} was applied already, as the journal {book.file} says"
        raise PlanError(message)
    return True


async def _marked(remote: Remote, plan: str) -> dict[int, Entry]:
    """Return the albums that bear this plan's mark, by folder of the plan."""
    found: dict[int, Entry] = {}
    if isinstance(remote, SupportsAlbums):
        async for album in remote.albums():
            known = read_mark(album.description)
            if known is not None and known[0] == plan:
                found[known[1]] = album
    return found


async def _take_back(remote: Remote, book: Journal, number: int, deed: Deed, album: str) -> _Left | None:
    """Remove an album, or what was added to one; return why if it was left instead."""
    # An interrupted undo may have put it in the trash itself.
    gone = None if deed.trashing else _Left(f"the album {deed.name!r} was in the trash or deleted already", final=True)
    try:
        entry = await remote.stat(NodeId(album), fresh=True)
    except NotFoundError:
        return gone
    if entry.status is not Status.AVAILABLE or entry.kind is not Kind.ALBUM:
        return gone
    inside = {member.id async for member in remote.list(NodeId(album), fresh=True)}
    if not deed.made:
        mine = [each for each in deed.members if each in inside]
        if mine and isinstance(remote, SupportsAlbums):
            book.write("remove", folder=number, name=deed.name, album=album, members=tuple(mine))
            await remote.remove_from_album(NodeId(album), [NodeId(each) for each in mine])
        return None
    extra = len(inside - set(deed.members))
    if extra:
        return _Left(f"the album {entry.name!r} was left: it holds {extra} more than the plan put in", final=False)
    if entry.name != deed.name:
        return _Left(f"the album {deed.name!r} was left: it is called {entry.name!r} now", final=False)
    book.write("trash", folder=number, name=deed.name, album=album)
    await remote.trash(NodeId(album))
    return None
