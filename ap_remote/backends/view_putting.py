"""Files into albums, and albums themselves.

An album is a set of photographs that lie in folders. So a file that is put into one gets a place in a folder as well,
``Pictures/<album>`` (own choice; Amazon's own uploaders use ``Pictures/Web`` and ``Pictures/<device>``
[amazon-photos-api.md 6.1]). A put can be made again after it was broken off: what arrived is found, not sent twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.backends.view_account import ALBUMS, Views, told
from ap_remote.errors import (
    AlreadyExistsError,
    DuplicateContentError,
    InvalidNameError,
    IsFileError,
    IsFolderError,
    RemoteError,
    UnsupportedError,
)
from ap_remote.model import Entry, NodeId
from ap_remote.remote import paths
from ap_remote.remote.base import Measured

if TYPE_CHECKING:
    from datetime import datetime

    from ap_remote.remote.base import Body, Duplicates, IfExists

FOLDER: Final = "Pictures"
"""Where the folders are that files of albums are put into."""
_FOLDERS: Final = 100
"""Folders of one album's name that are tried."""


class Putting(Views):
    """What comes into the virtual tree."""

    async def put(
        self, source: Body, path: str, *, if_exists: IfExists, duplicates: Duplicates, taken: datetime | None
    ) -> Entry:
        """Put a file into an album, which is made if need be, and return it as its member.

        Where a file of that name and content is in the account already, that one is added and nothing is uploaded. A
        member whose content is overwritten stays the same node, in its folder.

        Raises:
            UnsupportedError: the path is no member's.
            AlreadyExistsError: the album has a member of that name, and *if_exists* is ``fail``.
            AmbiguousError: it has several.
            RemoteError: as for :meth:`ap_remote.remote.base.Remote.put`; if the file arrived and could not be added to
                the album, the sentence says where it is.
        """
        album, name = self._member_place(path)
        place = paths.join(album, name)
        there = await self._find(place)
        if there is not None:
            if if_exists == "fail" and not there.is_folder:
                raise AlreadyExistsError(place, there.id)
            return await self._overwrite(there, source, place, duplicates=duplicates, taken=taken)
        body, md5 = await _measured(source)
        found = await self._twin(name, md5)
        sent = found is None
        is_second = False
        if found is None:
            try:
                found, is_second = await self._upload(body, album, name, md5, duplicates=duplicates, taken=taken)
            except AlreadyExistsError:
                there = await self._find(place)
                if there is None or if_exists == "fail":
                    raise
                return await self._overwrite(there, body, place, duplicates=duplicates, taken=taken)
        try:
            made, _ = await self._album(album)
            await self._account.add_to_album(NodeId(made.id), [NodeId(found.id)])
            if is_second:
                await self._give_way(made, found, place)
        except AlreadyExistsError:
            raise
        except RemoteError as exc:
            deed = "was uploaded to" if sent else "is in the account as"
            raise told(exc, f"{name!r} {deed} {found.path!r}, but was not added to the album {album!r}") from exc
        return msgspec.structs.replace(found, path=paths.join(made.path, found.name))

    async def mkdir(self, path: str, *, exist_ok: bool) -> Entry:
        """Make an album; any other place in the virtual tree is there of itself or cannot be made.

        Raises:
            AlreadyExistsError: it is there and *exist_ok* is false.
            IsFileError: a file is there.
            UnsupportedError: it is not there, and no album's path.
        """
        view, names = paths.view_name(path)
        is_album = view == ALBUMS and len(names) == 1
        if is_album:
            made, is_new = await self._album(paths.join(paths.ALBUMS_VIEW, *names))
            if not is_new and not exist_ok:
                raise AlreadyExistsError(path, made.id)
            return made
        there = await self._find(path)
        if there is None and view == ALBUMS:
            raise UnsupportedError(
                f"an album has no folders in it: {path!r} cannot be made, '{paths.ALBUMS_VIEW}/<name>' can"
            )
        if there is None:
            raise UnsupportedError(
                f"{path!r} cannot be made: of the virtual folders only albums can, as '{paths.ALBUMS_VIEW}/<name>'"
            )
        if not there.is_folder:
            raise IsFileError(path)
        if not exist_ok:
            raise AlreadyExistsError(path, there.id)
        return there

    async def _overwrite(
        self, there: Entry, source: Body, place: str, *, duplicates: Duplicates, taken: datetime | None
    ) -> Entry:
        if there.is_folder:
            raise IsFolderError(place)
        own = await self._account.stat(NodeId(there.id), fresh=True)
        entry = await self._account.put(source, own.path, if_exists="overwrite", duplicates=duplicates, taken=taken)
        if entry.id != there.id:
            raise RemoteError(
                f"{there.name!r} was moved away from {own.path!r} meanwhile: what was sent is there now, "
                f"and the member of the album stayed as it was"
            )
        return msgspec.structs.replace(entry, path=there.path)

    async def _twin(self, name: str, md5: str) -> Entry | None:
        wanted = paths.fold(name)
        return next((each for each in await self._holders(md5) if paths.fold(each.name) == wanted), None)

    async def _upload(
        self, body: Body, album: str, name: str, md5: str, *, duplicates: Duplicates, taken: datetime | None
    ) -> tuple[Entry, bool]:
        """Send a file into a folder of the album's name; where another has its name, into the next such folder.

        Return it, and whether it was sent although another has its name.

        Raises:
            AlreadyExistsError: somebody made another file of that name a member meanwhile; nothing was sent.
        """
        there = await self._find(album)
        title = paths.split(album)[1] if there is None else _title(there)
        for number, folder in enumerate(_folders(title)):
            place = paths.join(FOLDER, folder, name)
            try:
                return await self._account.put(body, place, duplicates=duplicates, taken=taken), number > 0
            except AlreadyExistsError:
                standing = await self._find(place)
                if standing is not None and standing.md5 == md5:
                    return standing, False  # it came there meanwhile, or by a try that was broken off
                member = await self._find(paths.join(album, name), fresh=True)
                if member is not None:
                    raise AlreadyExistsError(member.path, member.id) from None
            except (IsFileError, IsFolderError):
                continue
            except DuplicateContentError as exc:
                raise DuplicateContentError(paths.join(album, name), exc.node_id) from exc
        raise AlreadyExistsError(paths.join(FOLDER, title, name))

    async def _give_way(self, album: Entry, mine: Entry, place: str) -> None:
        """Take a file out of an album again, and put it in the bin, if another of its name joined at the same moment.

        Who found the name taken in the album's folder gives way, and the other stays: so two that put a file at one
        place at once never end up with two members of one name.

        Raises:
            AlreadyExistsError: another did.
        """
        async for other in self._account.list(NodeId(album.id), fresh=True):
            if other.id != mine.id and paths.fold(other.name) == paths.fold(mine.name):
                await self._account.remove_from_album(NodeId(album.id), [NodeId(mine.id)])
                await self._trash([NodeId(mine.id)])
                raise AlreadyExistsError(place, other.id)

    async def _album(self, path: str) -> tuple[Entry, bool]:
        """Return the album at a path, and whether it was made now. Who else wants it waits: names are not unique."""
        found = await self._find(path)
        if found is not None:
            return found, False
        key = paths.fold(path)
        async with self._making.setdefault(key, asyncio.Lock()):
            try:
                # Another process may have made it since albums were listed here, and names are not unique.
                found = await self._find(path, fresh=True)
                if found is not None:
                    return found, False
                return await self._account.create_album(paths.split(path)[1]), True
            finally:
                self._making.pop(key, None)


async def _measured(source: Body) -> tuple[Body, str]:
    """Return a body with its md5, so that it is read once before it is sent."""
    if isinstance(source, Measured):
        return source, source.md5
    if isinstance(source, bytes):
        return source, hashlib.md5(source, usedforsecurity=False).hexdigest()
    measured = await asyncio.to_thread(_measured_file, source)
    return measured, measured.md5


def _measured_file(path: Path) -> Measured:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return Measured(path, digest.hexdigest(), file.tell())


def _title(album: Entry) -> str:
    """Return an album's name as that of a folder; one that cannot be is what the view shows."""
    try:
        return paths.check_name(album.name)
    except InvalidNameError:
        return paths.split(album.path)[1]


def _folders(title: str) -> Sequence[str]:
    numbered = (f" ({number})" for number in itertools.count(2))
    return [title, *(title[: paths.NAME_LIMIT - len(each)] + each for each in itertools.islice(numbered, _FOLDERS))]
