"""Moves the files of a plan into folders, and back. Nothing is ever overwritten, and no bytes are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ap_remote.errors import AlreadyExistsError, FolderNotFoundError, IsFileError, NotFoundError, UnsupportedError
from ap_remote.model import NodeId, Status
from ap_remote.organise.checks import Skipped, find, same_path, unfit
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsFolders

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote.organise.journal import Deed, Journal, Moved
    from ap_remote.organise.plan import PlanFolder, PlanMember
    from ap_remote.remote.base import Remote


class Back(NamedTuple):
    """What became of taking moves back."""

    restored: int
    notes: list[str]
    whole: bool
    """Whether nothing is left to take back, now or later."""


async def move_folder(
    remote: Remote, book: Journal, number: int, folder: PlanFolder, deed: Deed | None
) -> tuple[int, list[Skipped]]:
    """Move the members of one folder of a plan, and return how many lie there and who was skipped.

    Each is looked at right before it is moved. What an interrupted run moved is found by the journal.
    """
    mover = _Mover(remote, book, number, folder)
    known = {} if deed is None else deed.moves
    skipped: list[Skipped] = []
    done = 0
    for member in folder.members:
        why = await mover.move(member, known.get(member.id))
        if why is None:
            done += 1
            continue
        skipped.append(Skipped(path=member.path, folder=folder.name, why=why, id=member.id))
        book.write("skip", name=folder.name, members=(member.id,), note=why)
    return done, skipped


class _Mover:
    """Moves files into one folder, which is made when the first of them can go there."""

    def __init__(self, remote: Remote, book: Journal, number: int, folder: PlanFolder) -> None:
        self._remote = _folders(remote)
        self._stat = remote
        self._book = book
        self._number = number
        self._folder = folder
        self._place: str | None = None

    async def move(self, member: PlanMember, known: Moved | None) -> str | None:
        """Move one file, unless an interrupted run did, and return why it stayed, or ``None``."""
        if known is not None and known.done:
            return None
        entry = await find(self._stat, member.id)
        if known is not None and entry is not None and same_path(entry.path, known.path):
            self._write("moved", member)  # the crash came between the call and its line
            return None
        return unfit(entry, member) or await self._carry(member)

    async def _carry(self, member: PlanMember) -> str | None:
        try:
            place = await self._made()
            target = paths.join(place, paths.split(member.path)[1])
            if await _taken(self._stat, target):
                return f"there is something called {target!r} already"
            self._write("move", member, source=member.path, path=target)
            await self._remote.move(NodeId(member.id), target)
        except (AlreadyExistsError, IsFileError) as exc:
            return f"its place is taken: {exc}"
        except NotFoundError:
            return "it, or the folder that it would go to, was deleted meanwhile"
        self._write("moved", member)
        return None

    def _write(self, what: str, member: PlanMember, **fields: object) -> None:
        self._book.write(what, folder=self._number, name=self._folder.name, members=(member.id,), **fields)  # type: ignore[arg-type]

    async def _made(self) -> str:
        """Return the path of the folder as it is written; it and those above are made where they are missing."""
        if self._place is None:
            here = ""
            for name in paths.components(self._folder.path or ""):
                here = (await self._one(paths.join(here, name))).path
            self._place = here
        return self._place

    async def _one(self, path: str) -> Entry:
        try:
            entry = await self._stat.stat(path, fresh=True)
        except NotFoundError:
            number, name = self._number, self._folder.name
            self._book.write("mkdir", folder=number, name=name, path=path)
            entry = await self._remote.mkdir(path, parents=False)
            self._book.write("made", folder=number, name=name, path=path, album=entry.id)
        if not entry.is_folder:
            raise IsFileError(path)
        return entry


async def take_back(remote: Remote, book: Journal, number: int, deed: Deed) -> Back:
    """Move files back to where they were, the last first, and put folders in the trash that were made and are empty."""
    notes: list[str] = []
    restored, whole = 0, True
    for id_, moved in reversed(deed.moves.items()):
        if moved.back:
            continue
        why, final = await _back(remote, book, number, deed, id_)
        if why:
            notes.append(why)
            whole = whole and final
        elif why is None:
            restored += 1
    for path in reversed(deed.folders):
        try:
            folder = await remote.stat(path, fresh=True)
        except NotFoundError:
            continue
        inside = [each async for each in remote.list(NodeId(folder.id), fresh=True)]
        if inside or not folder.is_folder:
            notes.append(f"the folder {path!r} was left: other things lie in it")
            continue
        book.write("rmdir", folder=number, name=deed.name, path=path)
        await remote.trash(NodeId(folder.id))
    return Back(restored, notes, whole)


async def _back(remote: Remote, book: Journal, number: int, deed: Deed, id_: str) -> tuple[str | None, bool]:
    """Move one file back; return why it stayed and whether it will next time, ``""`` if it is there already."""
    moved = deed.moves[id_]
    entry = await find(remote, id_)
    if entry is None or entry.status is not Status.AVAILABLE:
        return f"{moved.path!r} was in the trash or deleted already", True
    if same_path(entry.path, moved.source):
        return "", True
    if not same_path(entry.path, moved.path):
        return f"{entry.path!r} was left: somebody moved it there since", False
    if await _taken(remote, moved.source):
        return f"{entry.path!r} was left: there is another {moved.source!r} now", False
    parent = paths.split(moved.source)[0]
    try:
        book.write("back", folder=number, name=deed.name, members=(id_,), source=moved.path, path=moved.source)
        if parent:
            await _folders(remote).mkdir(parent)
        await _folders(remote).move(NodeId(id_), moved.source)
    except (AlreadyExistsError, IsFileError, FolderNotFoundError) as exc:
        return f"{entry.path!r} was left: {exc}", False
    book.write("backed", folder=number, name=deed.name, members=(id_,))
    return None, True


async def _taken(remote: Remote, path: str) -> bool:
    try:
        await remote.stat(path, fresh=True)
    except NotFoundError:
        return False
    return True


def _folders(remote: Remote) -> SupportsFolders:
    if not isinstance(remote, SupportsFolders):
        raise UnsupportedError(f"{remote.name}: cannot move files")
    return remote
