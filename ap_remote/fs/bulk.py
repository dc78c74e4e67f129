"""Many files at once, between here and there: which source goes where is settled and checked before the first byte.

fsspec takes an existing name with brackets for a pattern, drops sources that are not there, and lets two sources of
one name overwrite each other; here each of these is an error or does what was said.
"""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002, PLR0917

# Local paths are text here, as fsspec has them: "out/" and "out" mean different things, which pathlib forgets.
# ruff: noqa: PTH100, PTH112, PTH120

from __future__ import annotations

import asyncio
import glob
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from fsspec.callbacks import DEFAULT_CALLBACK, Callback  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.implementations.local import (  # type: ignore[import-untyped]  # fsspec ships no types
    LocalFileSystem,
    make_path_posix,
    trailing_sep,
)
from fsspec.utils import check_contained, other_paths  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.fs.albums import Albums
from ap_remote.remote.paths import fold

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

_CASELESS_DISK: Final = sys.platform in ("win32", "darwin")
"""Whether the usual disk of this system takes ``a.jpg`` and ``A.JPG`` for one file."""


class Bulk(Albums):
    """Sources, targets, and the way between them."""

    async def _get(
        self,
        rpath: str | list[str],
        lpath: Any,
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Download. Nothing is written outside the folder *lpath*, not even through a symbolic link within it.

        Raises:
            FileNotFoundError: a source is not there; nothing was downloaded.
            ValueError: two sources have one target, or a target lies outside *lpath*; nothing was downloaded.
        """
        rpath = _plain(rpath)
        if not (isinstance(rpath, list) and isinstance(lpath, list)):
            sources, is_pattern = await self._sources(rpath, recursive, maxdepth)
            if not sources:
                return None
            root = lpath if isinstance(lpath, list) else make_path_posix(lpath)
            into = isinstance(root, str) and (trailing_sep(root) or await asyncio.to_thread(os.path.isdir, root))
            targets = _targets(rpath, sources, root, into=into, is_pattern=is_pattern)
            if isinstance(root, str):
                check_contained(root, targets)
                await asyncio.to_thread(_refuse_links, root, targets)
            rpath, lpath = sources, targets
        name = fold if _CASELESS_DISK else str
        await refuse_collisions(self._strip_protocol(rpath), lpath, self._isdir, name)
        return await super()._get(rpath, lpath, recursive, callback, maxdepth, **kwargs)

    async def _put(
        self,
        lpath: Any,
        rpath: str | list[str],
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Upload.

        Raises:
            FileNotFoundError: a source is not there; nothing was uploaded.
            ValueError: two sources have one target, where names differ by case only too; nothing was uploaded.
        """
        lpath, rpath = _plain(lpath), _plain(rpath)
        if not (isinstance(lpath, list) and isinstance(rpath, list)):
            sources, is_pattern = await asyncio.to_thread(_local_sources, lpath, recursive=recursive, maxdepth=maxdepth)
            if not sources:
                return None
            into = isinstance(rpath, str) and (trailing_sep(rpath) or await self._isdir(rpath))
            targets = _targets(lpath, sources, self._strip_protocol(rpath), into=into, is_pattern=is_pattern)
            lpath, rpath = sources, targets
        await refuse_collisions(lpath, self._strip_protocol(rpath), _is_local_folder, fold)
        return await super()._put(lpath, rpath, recursive, callback, batch_size, maxdepth, **kwargs)

    async def _copy(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Copy. What was listed and cannot be read is an error, unless *on_error* is ``"ignore"``.

        Raises:
            FileNotFoundError: a source is not there.
            ValueError: two sources have one target, where names differ by case only too; nothing was copied.
        """
        path1, path2 = _plain(path1), _plain(path2)
        if not (isinstance(path1, list) and isinstance(path2, list)):
            sources, is_pattern = await self._sources(path1, recursive, maxdepth)
            if not sources:
                return None
            into = isinstance(path2, str) and (trailing_sep(path2) or await self._isdir(path2))
            targets = _targets(path1, sources, self._strip_protocol(path2), into=into, is_pattern=is_pattern)
            path1, path2 = sources, targets
        await refuse_collisions(self._strip_protocol(path1), self._strip_protocol(path2), self._isdir, fold)
        return await super()._copy(path1, path2, recursive, on_error or "raise", maxdepth, batch_size, **kwargs)

    async def _sources(self, path: str | list[str], recursive: bool, maxdepth: int | None) -> tuple[list[str], bool]:
        """Return what *path* names, and whether it named it by a pattern. A folder alone is not taken with others."""
        sources = await self._expand_path(path, recursive, maxdepth)
        if isinstance(path, list):
            return sources, False
        is_pattern = glob.has_magic(self._strip_protocol(path)) and not await self._exists(path)
        if not recursive or maxdepth is not None:
            sources = [each for each in sources if not await self._isdir(each)]
        return sources, is_pattern


def _local_sources(given: Any, *, recursive: bool, maxdepth: int | None) -> tuple[list[str], bool]:
    """Return the local files that *given* names, and whether it named them by a pattern; what exists is none."""
    disk = LocalFileSystem()
    if isinstance(given, list):
        names = [glob.escape(os.fspath(each)) if os.path.lexists(each) else os.fspath(each) for each in given]
        return disk.expand_path(names, recursive=recursive, maxdepth=maxdepth), False
    local = make_path_posix(given)
    is_pattern = glob.has_magic(local) and not os.path.lexists(local)
    found = disk.expand_path(local if is_pattern else glob.escape(local), recursive=recursive, maxdepth=maxdepth)
    if not recursive or maxdepth is not None:
        found = [each for each in found if not (trailing_sep(each) or os.path.isdir(each))]
    return found, is_pattern


def _plain(given: Any) -> Any:
    """Return a path as text, several as a list."""
    if isinstance(given, (str, os.PathLike)):
        return os.fspath(given)
    return [os.fspath(each) for each in given]


def _targets(given: Any, sources: list[str], root: Any, *, into: bool, is_pattern: bool) -> list[str]:
    """Return the target of each source, as fsspec's "copying files" page says for every kind of *given*."""
    one = not isinstance(given, list)
    inside = one and (len(sources) == 1 if is_pattern else into and not trailing_sep(given))
    targets: list[str] = other_paths(sources, root, exists=inside, flatten=not one)
    return targets


async def refuse_collisions(
    sources: Iterable[str],
    targets: Iterable[str],
    is_folder: Callable[[str], Awaitable[bool]],
    name: Callable[[str], str],
) -> None:
    """Let no source land where another one does; folders may, for they become one.

    Raises:
        ValueError: two do.
    """
    first: dict[str, tuple[str, str]] = {}
    for source, target in zip(sources, targets, strict=True):
        other, at = first.setdefault(name(target), (source, target))
        if other != source and not (await is_folder(other) and await is_folder(source)):
            raise ValueError(f"{other!r} and {source!r} would both become {at!r}; give each a target of its own")


def _refuse_links(root: str, targets: list[str]) -> None:
    """Let no target leave *root* through a symbolic link that lies in it.

    Raises:
        ValueError: one does.
    """
    real_root = os.path.realpath(root)
    folders = {os.path.dirname(each) for each in targets if os.path.abspath(each) != os.path.abspath(root)}
    for folder in sorted(folders):
        real = os.path.realpath(folder)
        if real != real_root and not real.startswith(real_root.rstrip(os.sep) + os.sep):
            raise ValueError(f"{folder!r} leads to {real!r}, outside {root!r}; name that folder as the target itself")


async def _is_local_folder(path: str) -> bool:
    return await asyncio.to_thread(os.path.isdir, path)
