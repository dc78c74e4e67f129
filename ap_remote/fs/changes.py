"""The tree itself: make folders, move, put in the trash.

Removing always means the trash: ``rm`` can be undone with ``restore``, and nothing in this package deletes for ever.
In the view of an album it means less: the photograph leaves the album and stays in its folder.
"""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.asyn import _run_coros_in_chunks, sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.implementations.local import trailing_sep  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    FolderNotEmptyError,
    InvalidNameError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    UnsupportedError,
)
from ap_remote.fs.bulk import Bulk, refuse_collisions
from ap_remote.fs.info import child, key
from ap_remote.model import Entry, NodeId, Ref
from ap_remote.remote.features import SupportsFolders
from ap_remote.remote.paths import TRASH_VIEW, fold, is_view

if TYPE_CHECKING:
    from collections.abc import Iterable


class Changes(Bulk):
    """Folders, moves, the trash: all targets are looked at before the first is touched."""

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Make a folder that is not there yet."""
        del kwargs
        await self._make(self._strip_protocol(path), parents=create_parents, exist_ok=False)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a folder and what is missing above it. Callers that race for one parent all succeed."""
        await self._make(self._strip_protocol(path), parents=True, exist_ok=exist_ok)

    async def _make(self, path: str, *, parents: bool, exist_ok: bool) -> None:
        seat = self._remotes.here()
        if path == "/":
            if not exist_ok:
                raise AlreadyExistsError(path)
            return
        if not isinstance(seat.remote, SupportsFolders):
            raise UnsupportedError(f"{seat.remote.name}: folders cannot be made here")
        async with seat.folders:
            try:
                await seat.remote.mkdir(key(path), parents=parents, exist_ok=exist_ok)
            except AlreadyExistsError:
                # Another process was quicker, which is as good as being first if a folder is what it made.
                if not exist_ok or not await self._isdir(path):
                    raise

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        """Put one file in the trash."""
        del kwargs
        path = self._strip_protocol(path)
        entry = await self._removable(path)
        if entry.is_folder:
            raise IsFolderError(path)
        await self._trash({path: entry})

    async def _rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Put files, and with *recursive* whole folders, in the trash: all targets are checked before the first goes.

        Raises:
            NotFoundError: a target does not exist; nothing was touched.
            FolderNotEmptyError: a target holds entries and *recursive* is false; nothing was touched.
        """
        del kwargs
        paths = await self._expand_path(path, recursive=recursive and maxdepth is not None, maxdepth=maxdepth)
        found = await _run_coros_in_chunks(
            [self._removable(each) for each in paths],
            batch_size=batch_size or self.batch_size,
            return_exceptions=True,  # else those that have not begun when one fails are dropped with a warning
        )
        for each in found:
            if isinstance(each, BaseException):
                raise each
        entries = dict(zip(paths, found, strict=True))
        if recursive and maxdepth is None:
            await self._trash(_outermost(entries))
        elif recursive:
            await self._trash({name: each for name, each in entries.items() if not each.is_folder})
            for name, each in sorted(entries.items(), reverse=True):  # children come before their parents
                if each.is_folder and await self._is_empty(name):
                    await self._trash({name: each})
        else:
            for name, each in entries.items():
                if each.is_folder:
                    await self._refuse_full(name)
            await self._trash(entries)

    async def _rmdir(self, path: str) -> None:
        """Put an empty folder in the trash."""
        path = self._strip_protocol(path)
        entry = await self._removable(path)
        if not entry.is_folder:
            raise IsFileError(path)
        await self._refuse_full(path)
        await self._trash({path: entry})

    rmdir = sync_wrapper(_rmdir)

    async def _removable(self, path: str) -> Entry:
        if path == "/":
            raise AccessDeniedError("the root cannot be put in the trash; name what lies in it")
        if is_view(key(path)) and fold(f"{key(path)}/").startswith(f"{TRASH_VIEW}/"):
            raise AccessDeniedError(f"{path!r} is in the trash already, and nothing is deleted for ever here")
        return await self._remote().stat(key(path), fresh=self.fresh)

    async def _is_empty(self, path: str) -> bool:
        # Never from a cache: what somebody else put there since would go to the trash unseen.
        async for _ in self._remote().list(key(path), fresh=True):
            return False
        return True

    async def _refuse_full(self, path: str) -> None:
        if not await self._is_empty(path):
            raise FolderNotEmptyError(path)

    async def _trash(self, entries: dict[str, Entry]) -> None:
        if entries:
            await self._remote().trash(*_refs(entries.items()))

    async def _mv(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Move on the service: ids stay and no bytes travel. A folder goes with all below it.

        A file that stands at the target goes to the trash, as a copy would have overwritten it.

        Raises:
            ValueError: *maxdepth* was given; a folder moves whole.
        """
        del recursive, kwargs
        if maxdepth is not None:
            raise ValueError("a folder moves whole: maxdepth has no meaning for mv")
        moves = await self._moves(path1, path2)
        await refuse_collisions([each for each, _ in moves], [each for _, each in moves], _never, fold)
        for source, target in moves:
            await self._move(source, target)

    mv = sync_wrapper(_mv)

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._move(self._strip_protocol(path1), self._strip_protocol(path2))

    async def _moves(self, path1: str | list[str], path2: str | list[str]) -> list[tuple[str, str]]:
        """Return each source with its target."""
        target = self._strip_protocol(path2)
        if isinstance(target, list):
            return list(zip(self._strip_protocol(path1), target, strict=True))
        sources = await self._expand_path(path1)
        one = isinstance(path1, str) and sources == [self._strip_protocol(path1)]
        if one and fold(sources[0]) == fold(target):  # a change of case only
            return [(sources[0], target)]
        if not one or trailing_sep(path2) or await self._isdir(target):
            return [(each, child(target, each.rpartition("/")[2])) for each in sources]
        return [(sources[0], target)]

    async def _move(self, source: str, target: str) -> None:
        remote = self._remote()
        if source == target:
            await self._removable(source)  # what is not there does not move, not even onto itself
            return
        if is_view(key(source)) or is_view(key(target)):
            await self._move_in_views(source, target)
            return
        entry = await self._removable(source)
        if entry.is_folder and fold(target).startswith(f"{fold(source)}/"):
            raise InvalidNameError(target, "a folder cannot be moved into itself")
        if not isinstance(remote, SupportsFolders):
            if entry.is_folder or fold(source) == fold(target):
                raise UnsupportedError(f"{remote.name}: folders cannot be moved here, and no name's case changed")
            await self._cp_file(source, target)
            await self._rm_file(source)
            return
        await self._makedirs(self._parent(target), exist_ok=True)
        try:
            await remote.move(NodeId(entry.id), key(target))
        except AlreadyExistsError:
            standing = await remote.stat(key(target), fresh=self.fresh)
            if standing.id == entry.id or standing.is_folder or entry.is_folder:
                raise
            await remote.trash(NodeId(standing.id))
            try:
                await remote.move(NodeId(entry.id), key(target))
            except BaseException:
                # What stood there comes back whatever kept the other from taking its place.
                await remote.restore(NodeId(standing.id))
                raise

    async def _move_in_views(self, source: str, target: str) -> None:
        """Move out of the trash, between albums, or rename an album; the remote refuses everything else."""
        remote = self._remote()
        if not isinstance(remote, SupportsFolders):
            raise UnsupportedError(f"{remote.name}: nothing can be moved through its views")
        try:
            await remote.move(key(source), key(target))
        except NotFoundError:
            # What it is to go into may be missing; it is made once it is known that there is something to go there.
            await remote.stat(key(source), fresh=self.fresh)
            await self._makedirs(self._parent(target), exist_ok=True)
            await remote.move(key(source), key(target))

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Make an empty file, or empty one.

        Raises:
            NotImplementedError: *truncate* is false and the file exists: the service sets its dates itself.
        """
        del kwargs
        if not truncate and await self._exists(path):
            raise NotImplementedError(f"the date of {path!r} cannot be set: the service keeps it itself")
        await self._store(path, b"", "overwrite")

    touch = sync_wrapper(_touch)


async def _never(path: str) -> bool:
    del path
    return False


def _outermost(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Return the entries that lie below no other of them."""
    kept: dict[str, Entry] = {}
    last = None
    for name in sorted(entries, key=lambda each: each.split("/")):
        if last is None or not name.startswith(f"{last}/"):
            kept[name] = entries[name]
            last = name
    return kept


def _refs(entries: Iterable[tuple[str, Entry]]) -> list[Ref]:
    # By id the entry that was looked at is meant, whatever took its path since. In a view the path matters.
    return [key(path) if is_view(key(path)) else NodeId(entry.id) for path, entry in entries]
