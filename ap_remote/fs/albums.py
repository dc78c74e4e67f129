"""Copies into the view of an album: what the account has is added to the album, and no bytes travel."""

# fsspec fixes these signatures, positional booleans included.
# ruff: noqa: FBT001, FBT002, PLR0917

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fsspec.callbacks import DEFAULT_CALLBACK, Callback  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import NotFoundError, UnsupportedError
from ap_remote.fs.content import Content
from ap_remote.fs.info import key
from ap_remote.model import Entry, NodeId, Status
from ap_remote.remote.features import SupportsAlbums
from ap_remote.remote.paths import below_albums, fold, split

if TYPE_CHECKING:
    from collections.abc import Iterable

_MEMBER: Final = 2
"""Names below ``.views/albums`` that lead to a member."""


class Albums(Content):
    """Files that get into albums."""

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Copy; into an album by adding. A member of that name that is another file leaves the album, and stays."""
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if not await self._joins(source, target):
            await super()._cp_file(source, target, **kwargs)

    async def _copy(
        self,
        path1: list[str],
        path2: list[str],
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        _refuse_folders(self._strip_protocol(path2))
        return await super()._copy(path1, path2, recursive, on_error, maxdepth, batch_size, **kwargs)

    async def _put(
        self,
        lpath: list[str],
        rpath: list[str],
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> Any:
        _refuse_folders(self._strip_protocol(rpath))
        return await super()._put(lpath, rpath, recursive, callback, batch_size, maxdepth, **kwargs)

    async def _joins(self, source: str, target: str) -> bool:
        """Add a file of the account to an album, if that is what a copy means."""
        remote = self._remote()
        if len(below_albums(key(target))) != _MEMBER or not isinstance(remote, SupportsAlbums):
            return False
        entry = await remote.stat(key(source), fresh=self.fresh)
        names = {fold(entry.name), fold(split(source)[1])}
        if entry.is_folder or entry.status is Status.TRASHED or fold(split(target)[1]) not in names:
            return False
        album = split(target)[0]
        await self._makedirs(album, exist_ok=True)
        standing = await self._standing(target)
        if standing is None or standing.id != entry.id:
            await remote.add_to_album(key(album), [NodeId(entry.id)])
        if standing is not None and standing.id != entry.id:
            await remote.remove_from_album(key(album), [NodeId(standing.id)])
        return True

    async def _standing(self, path: str) -> Entry | None:
        try:
            return await self._remote().stat(key(path), fresh=self.fresh)
        except NotFoundError:
            return None


def _refuse_folders(targets: Iterable[str]) -> None:
    """Let no folder be copied into an album, before the first file is.

    Raises:
        UnsupportedError: a target lies in one.
    """
    for each in targets:
        if len(below_albums(key(each))) > _MEMBER:
            raise UnsupportedError(
                f"an album has no folders in it, and {each!r} would lie in one: copy each folder into an album of its "
                "own; nothing was copied"
            )
