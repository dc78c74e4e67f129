"""Looking: one entry, one folder; and the cache of listings, for who asks for one."""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ap_remote.errors import InvalidNameError, IsFileError, QuerySyntaxError
from ap_remote.fs.base import RemoteBase
from ap_remote.fs.info import Info, child_name, info, key

if TYPE_CHECKING:
    from ap_remote.model import Entry

ABSENT = (FileNotFoundError, NotADirectoryError, InvalidNameError, QuerySyntaxError)
"""What says that nothing can be at a path, a search that cannot be read too. An expired login is not among them."""


class Listing(RemoteBase):
    """One entry, one folder. An error that does not say that nothing is there is let out."""

    async def _info(self, path: str, **kwargs: Any) -> Info:
        path = self._strip_protocol(path)
        fresh = self._is_fresh(kwargs)
        kept = None if fresh else self._listings.info(path)
        return info(await self._remote().stat(key(path), fresh=fresh), path) if kept is None else kept

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Info] | list[str]:
        infos = await self._children(self._strip_protocol(path), fresh=self._is_fresh(kwargs))
        return infos if detail else [each["name"] for each in infos]

    async def _children(self, path: str, *, fresh: bool) -> list[Info]:
        """Return the infos of a folder's entries, or a file's own."""
        kept = None if fresh else self._listings.children(path)
        if kept is not None:
            return kept
        known = None if fresh else self._known.infos(self._remote(), path)
        if known is not None:
            return [each.copy() for each in known]
        before = self._listings.count
        infos = [info(entry, name) for name, entry in await self._listed(path, fresh=fresh)]
        self._listings.keep(path, infos, before)
        return infos

    async def _listed(self, path: str, *, fresh: bool) -> list[tuple[str, Entry]]:
        """Return the entries of a folder with their absolute paths, or a file's own entry."""
        remote = self._remote()
        try:
            return [(child_name(each, path), each) async for each in remote.list(key(path), fresh=fresh)]
        except IsFileError:
            return [(path, await remote.stat(key(path), fresh=fresh))]

    async def _entry_if_there(self, path: str, *, fresh: bool) -> dict[str, Entry]:
        try:
            return {path: await self._remote().stat(key(path), fresh=fresh)}
        except ABSENT:
            return {}

    async def _exists(self, path: str, **kwargs: Any) -> bool:
        try:
            await self._info(path, **kwargs)
        except ABSENT:
            return False
        return True

    async def _isfile(self, path: str) -> bool:
        return await self._type(path) == "file"

    async def _isdir(self, path: str) -> bool:
        return await self._type(path) == "directory"

    async def _type(self, path: str) -> str | None:
        try:
            return str((await self._info(path))["type"])
        except ABSENT:
            return None
