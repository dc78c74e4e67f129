"""Moving through the virtual tree: out of the trash, between albums, an album to another name."""

from __future__ import annotations

import msgspec

from ap_remote.backends.view_account import ALBUMS, IN_ALBUM, MEMBER, TRASH, Views, told
from ap_remote.errors import (
    AlreadyExistsError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    RemoteError,
    UnsupportedError,
)
from ap_remote.model import Entry, Kind, NodeId, Ref, Status
from ap_remote.remote import paths


class Moving(Views):
    """What gets another place in the virtual tree, or leaves it."""

    async def move(self, source: Ref, path: str) -> Entry:
        """Move out of the trash, from album to album, or give an album another name.

        Raises:
            UnsupportedError: the move makes no sense, and the sentence tells what to do instead.
            NotFoundError: nothing is at *source*, or what it is to go into is missing.
            AlreadyExistsError: the new name is taken.
            RemoteError: it stopped half way, and the sentence says where the entry is.
        """
        goal = paths.normalise(path)
        seen = await self._account.stat(source)
        origin = paths.normalise(source) if isinstance(source, str) else ""
        view, names = paths.view_name(origin) if paths.is_view(origin) else ("", ())
        if view == TRASH and seen.status is Status.TRASHED:
            return await self._restored(seen, origin, goal)
        if seen.status is Status.TRASHED:
            raise NotFoundError(str(source))
        if seen.kind is Kind.ALBUM:
            return await self._renamed(seen, goal)
        if view == ALBUMS and len(names) == MEMBER:
            return await self._changed_album(seen, paths.join(paths.ALBUMS_VIEW, names[0]), goal)
        if view or paths.is_view(origin):
            raise UnsupportedError(await self._only_seen(origin, seen, "move"))
        if paths.view_name(goal)[0] == TRASH:
            instead = "; trash it"
        else:
            instead = "" if seen.is_folder else f"; copy it to {IN_ALBUM}, and it is in the album and in its folder"
        raise UnsupportedError(f"{seen.path!r} cannot be moved to {goal!r}: a view is no folder{instead}")

    async def _renamed(self, album: Entry, goal: str) -> Entry:
        paths.album_name(goal)
        there = await self._find(goal)
        if there is not None and there.id != album.id:
            raise AlreadyExistsError(goal, there.id)
        return await self._move(NodeId(album.id), goal)

    async def _changed_album(self, member: Entry, album: str, goal: str) -> Entry:
        own = await self._own(member)
        if not paths.is_view(goal):
            raise UnsupportedError(
                f"{member.name!r} lies at {own.path!r} already, and being in an album does not change that: "
                f"move it from there, or trash {member.path!r} to take it out of the album"
            )
        other, name = self._member_place(goal)
        if paths.fold(name) not in (paths.fold(member.name), paths.fold(paths.split(member.path)[1])):
            raise UnsupportedError(f"a name is changed in the file's own folder: rename {own.path!r}, not {goal!r}")
        came_from, goes_to = await self._account.stat(album), await self._account.stat(other)
        if came_from.id == goes_to.id:
            return member
        standing = await self._find(goal)
        if standing is not None and standing.id != member.id:
            raise AlreadyExistsError(goal, standing.id)
        await self._account.add_to_album(NodeId(goes_to.id), [NodeId(member.id)])
        try:
            await self._account.remove_from_album(NodeId(came_from.id), [NodeId(member.id)])
        except RemoteError as exc:
            raise told(
                exc, f"{member.name!r} is in both albums now: it was added to {other!r}, not yet taken out of {album!r}"
            ) from exc
        return msgspec.structs.replace(own, path=paths.join(other, member.name))

    async def _restored(self, seen: Entry, origin: str, goal: str) -> Entry:
        """Take something out of the bin, and move it where it came back elsewhere than it should."""
        await self._check_goal(seen, origin, goal)
        (outcome,) = await self._account.restore(NodeId(seen.id))
        back = outcome.entry or await self._account.stat(NodeId(seen.id))
        if back.path == goal:
            return back
        try:
            return await self._move(NodeId(seen.id), goal)
        except RemoteError as exc:
            raise told(
                exc, f"{origin!r} is out of the trash and lies at {back.path!r}, but did not get to {goal!r}"
            ) from exc

    async def _check_goal(self, seen: Entry, origin: str, goal: str) -> None:
        """Refuse, while it is still in the bin, what could not be moved afterwards."""
        if not goal:
            raise IsFolderError(goal)
        if paths.is_view(goal):
            view, names = paths.view_name(goal)
            if seen.kind is not Kind.ALBUM or view != ALBUMS or len(names) != 1:
                raise UnsupportedError(
                    f"what is in the trash goes back into a folder: restore {origin!r}, or move it "
                    f"to a path outside the views; {goal!r} is none"
                )
        elif seen.kind is Kind.ALBUM:
            raise UnsupportedError(
                f"an album has no folder: restore {origin!r}, or move it to '{paths.ALBUMS_VIEW}/<name>'"
            )
        else:
            above = paths.split(goal)[0]
            if (await self._account.stat(above)).kind is not Kind.FOLDER:
                raise IsFileError(above)
        there = await self._find(goal)
        if there is not None:
            raise AlreadyExistsError(goal, there.id)
