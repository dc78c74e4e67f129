"""Looking: list, stat, find, walk, glob. A broken listing is an error here, never a shorter list.

fsspec's own walkers drop every folder that raises an ``OSError`` and take names with brackets for patterns; this
module replaces both.
"""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

from glob import has_magic
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from fsspec.asyn import _run_coros_in_chunks  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import InvalidNameError, IsFileError, NotFoundError
from ap_remote.fs.base import RemoteBase
from ap_remote.fs.info import Info, child_info, descendant_info, info, key
from ap_remote.remote.paths import is_view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

OnError = Literal["raise", "omit"] | None
ABSENT = (FileNotFoundError, NotADirectoryError, InvalidNameError)
"""What says that nothing can be at a path. An expired login is not among them."""


class _Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every step of one walk."""

    topdown: bool
    detail: bool
    on_error: OnError | Callable[[OSError], None]
    fresh: bool


class Listing(RemoteBase):
    """The reading half of the tree."""

    async def _info(self, path: str, **kwargs: Any) -> Info:
        path = self._strip_protocol(path)
        return info(await self._remote().stat(key(path), fresh=self._is_fresh(kwargs)), path)

    async def _ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Info] | list[str]:
        infos = await self._children(self._strip_protocol(path), fresh=self._is_fresh(kwargs))
        return infos if detail else [each["name"] for each in infos]

    async def _children(self, path: str, *, fresh: bool) -> list[Info]:
        """Return the entries of a folder, or a file's own entry."""
        try:
            return [child_info(each, path) async for each in self._remote().list(key(path), fresh=fresh)]
        except IsFileError:
            return [await self._info(path, fresh=fresh)]

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

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        prefix: str = "",
        **kwargs: Any,
    ) -> list[str] | dict[str, Info]:
        """Return all below *path*; nothing at *path* is no error (so says fsspec), everything else that fails is."""
        _check_depth(maxdepth)
        path = self._strip_protocol(path)
        found = await self._found(path, maxdepth, prefix, withdirs=withdirs, fresh=self._is_fresh(kwargs))
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    async def _found(
        self,
        path: str,
        maxdepth: int | None,
        prefix: str,
        *,
        withdirs: bool,
        fresh: bool,
    ) -> dict[str, Info]:
        try:
            root = await self._info(path, fresh=fresh)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        if root["type"] == "file":
            return {path: root}
        skipped = len(path.rstrip("/")) + 1
        found = {
            each["name"]: each
            for each in await self._below(path, maxdepth, fresh=fresh)
            if (withdirs or each["type"] == "file") and each["name"].startswith(prefix, skipped)
        }
        return {path: root, **found} if withdirs and not prefix else found

    async def _below(self, path: str, maxdepth: int | None, *, fresh: bool) -> list[Info]:
        """Return every entry below a folder, down to *maxdepth* levels."""
        if maxdepth is None and not is_view(key(path)):
            listing = self._remote().list(key(path), recursive=True, fresh=fresh)
            return [descendant_info(each, path) async for each in listing]
        found = await self._children(path, fresh=fresh)
        level = _folders(found)
        depth = 1
        while level and (maxdepth is None or depth < maxdepth):
            listings = await _run_coros_in_chunks(
                [self._children_if_there(folder, fresh=fresh) for folder in level],
                batch_size=self.batch_size,
            )
            infos = [each for listing in listings for each in listing]
            found += infos
            level = _folders(infos)
            depth += 1
        return found

    async def _children_if_there(self, path: str, *, fresh: bool) -> list[Info]:
        try:
            return await self._children(path, fresh=fresh)
        except NotFoundError:
            return []  # it was there when its parent was listed, and has gone since

    async def _walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError | Callable[[OSError], None] = "raise",
        **kwargs: Any,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        """Walk as ``os.walk`` does, but let errors out; ``"omit"`` or a function asks for fsspec's old habit."""
        _check_depth(maxdepth)
        detail = kwargs.pop("detail", False)
        walk = _Walk(
            topdown=topdown,
            detail=detail,
            on_error=on_error,
            fresh=self._is_fresh(kwargs),
        )
        async for step in self._steps(self._strip_protocol(path), maxdepth, walk, self._children):
            yield step

    async def _steps(
        self,
        path: str,
        maxdepth: int | None,
        walk: _Walk,
        children: Callable[..., Awaitable[list[Info]]],
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        try:
            infos = await children(path, fresh=walk.fresh)
        except OSError as exc:
            if callable(walk.on_error):
                walk.on_error(exc)
            elif walk.on_error == "raise":
                raise
            infos = []
        is_file = [each["name"] for each in infos] == [path]
        folders = {_name(each): each for each in infos if each["type"] == "directory"}
        files = {"" if is_file else _name(each): each for each in infos if each["type"] == "file"}
        dirs = folders.copy() if walk.detail else list(folders)
        leaves = files if walk.detail else list(files)
        if walk.topdown:
            yield path, dirs, leaves
        if maxdepth is None or maxdepth > 1:
            deeper = None if maxdepth is None else maxdepth - 1
            for name in list(dirs):  # from a walk top down the caller may take some out
                async for step in self._steps(folders[name]["name"], deeper, walk, self._children_if_there):
                    yield step
        if not walk.topdown:
            yield path, dirs, leaves

    async def _du(
        self,
        path: str,
        total: bool = True,
        maxdepth: int | None = None,
        withdirs: bool = False,
        **kwargs: Any,
    ) -> int | dict[str, int]:
        _check_depth(maxdepth)
        path = self._strip_protocol(path)
        found = await self._found(path, maxdepth, "", withdirs=withdirs, fresh=self._is_fresh(kwargs))
        sizes = {name: int(each["size"]) for name, each in found.items()}
        return sum(sizes.values()) if total else sizes

    async def _expand_path(
        self,
        path: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        assume_literal: bool = False,
    ) -> list[str]:
        """Return the paths that *path* names. A name that exists is never taken for a pattern."""
        literal: list[str] = []
        patterns: list[str] = []
        for each in self._strip_protocol([path] if isinstance(path, str) else list(path)):
            is_name = assume_literal or not has_magic(each) or await self._exists(each)
            (literal if is_name else patterns).append(each)
        out: set[str] = set()
        if literal:
            out.update(await super()._expand_path(literal, recursive, maxdepth, assume_literal=True))
        if patterns:
            try:
                out.update(await super()._expand_path(patterns, recursive, maxdepth))
            except FileNotFoundError:
                if not out:
                    raise
        return sorted(out)


def _check_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")


def _folders(infos: list[Info]) -> list[str]:
    return [each["name"] for each in infos if each["type"] == "directory"]


def _name(each: Info) -> str:
    return str(each["name"]).rpartition("/")[2]
