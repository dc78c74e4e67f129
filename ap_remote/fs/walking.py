"""Looking at trees: find, walk, glob, du. A broken listing is an error here, never a smaller tree.

fsspec's own walkers drop every folder that raises an ``OSError`` and take names with brackets for patterns; this
module replaces both. Entries pass one by one: infos are made for what is asked for, and :meth:`Walking._iter_find`
keeps no more than the listings it stands in.
"""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

import re
from collections import deque
from contextlib import aclosing
from glob import escape, has_magic
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from fsspec.asyn import _run_coros_in_chunks, sync  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.utils import glob_translate  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import NotFoundError
from ap_remote.fs.info import Below, Info, child, info, key
from ap_remote.fs.listing import Listing
from ap_remote.remote.paths import is_view

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

    from ap_remote.fs.known import Names
    from ap_remote.model import Entry

OnError = Literal["raise", "omit"] | None
_STEM: Final = re.compile(r"[^*?[]*")
_TAKEN: Final = 1000
"""Infos that the synchronous ``iter_find`` fetches at a time."""


class _Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every step of one walk."""

    topdown: bool
    detail: bool
    on_error: OnError | Callable[[OSError], None]
    fresh: bool


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a pattern is to find."""

    detail: bool
    withdirs: bool
    fresh: bool


class Walking(Listing):
    """Whole trees, and what a pattern means. What cannot be listed is an error."""

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        prefix: str = "",
        **kwargs: Any,
    ) -> list[str] | dict[str, Info]:
        """Return all below *path*; nothing at *path* is no error (so says fsspec), everything else that fails is.

        Args:
            path: where to begin; a file is found by its own path.
            maxdepth: levels to go down.
            withdirs: return the folders too, and *path* itself.
            detail: return a dictionary of infos by path.
            prefix: how the paths begin, behind *path* and its slash.
            kwargs: ``refresh=True`` asks the service.
        """
        _check_depth(maxdepth)
        path = self._strip_protocol(path)
        entries = self._entries(path, maxdepth, prefix, withdirs=withdirs, fresh=self._is_fresh(kwargs))
        if not detail:
            return sorted([name async for name, _ in entries])
        found = [info(entry, name) async for name, entry in entries]
        found.sort(key=itemgetter("name"))
        return {each["name"]: each for each in found}

    async def _iter_find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        prefix: str = "",
        **kwargs: Any,
    ) -> AsyncIterator[Info]:
        """Yield what :meth:`_find` would return with ``detail=True``, one by one and in the order of the listings.

        Memory is that of the folders on the way, not of the tree. What is yielded stands even if a later listing fails.
        """
        _check_depth(maxdepth)
        path = self._strip_protocol(path)
        entries = self._entries(path, maxdepth, prefix, withdirs=withdirs, fresh=self._is_fresh(kwargs))
        async with aclosing(entries):
            async for name, entry in entries:
                yield info(entry, name)

    def iter_find(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Iterator[Info]:
        """Yield what :meth:`_iter_find` yields, from plain code."""
        found = self._iter_find(path, maxdepth, **kwargs)
        try:
            while batch := sync(self.loop, _take, found, _TAKEN):
                yield from batch
        finally:
            sync(self.loop, found.aclose)  # type: ignore[attr-defined]  # it is a generator

    async def _entries(
        self,
        path: str,
        maxdepth: int | None,
        prefix: str,
        *,
        withdirs: bool,
        fresh: bool,
    ) -> AsyncGenerator[tuple[str, Entry], None]:
        """Yield absolute paths and entries: those below a folder, or a file itself; of nothing, nothing."""
        try:
            root = await self._remote().stat(key(path), fresh=fresh)
        except (FileNotFoundError, NotADirectoryError):
            return
        if not root.is_folder:
            yield path, root
            return
        if withdirs and not prefix:
            yield path, root
        skipped = len(path.rstrip("/")) + 1
        async for name, entry in self._below(path, maxdepth, fresh=fresh):
            if (withdirs or not entry.is_folder) and name.startswith(prefix, skipped):
                yield name, entry

    async def _below(self, path: str, maxdepth: int | None, *, fresh: bool) -> AsyncGenerator[tuple[str, Entry], None]:
        """Yield every entry below a folder, down to *maxdepth* levels."""
        if maxdepth is None and not is_view(key(path)):
            name_of = Below(path).name
            async for entry in self._remote().list(key(path), recursive=True, fresh=fresh):
                yield name_of(entry), entry
            return
        todo = deque([(path, 1)])
        listed: Callable[..., Awaitable[list[tuple[str, Entry]]]] = self._listed
        while todo:
            count = min(len(todo), self.batch_size) if self.batch_size > 0 else len(todo)
            folders = [todo.popleft() for _ in range(count)]
            listings = await _run_coros_in_chunks(
                [listed(folder, fresh=fresh) for folder, _ in folders], batch_size=self.batch_size
            )
            listed = self._listed_if_there
            for (_, depth), listing in zip(folders, listings, strict=True):
                for name, entry in listing:
                    yield name, entry
                    if entry.is_folder and (maxdepth is None or depth < maxdepth):
                        todo.append((name, depth + 1))

    async def _listed_if_there(self, path: str, *, fresh: bool) -> list[tuple[str, Entry]]:
        try:
            return await self._listed(path, fresh=fresh)
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
            dirs, leaves = await self._step(path, walk, children)
        except OSError as exc:
            if callable(walk.on_error):
                walk.on_error(exc)
            elif walk.on_error == "raise":
                raise
            dirs, leaves = ({}, {}) if walk.detail else ([], [])
        if walk.topdown:
            yield path, dirs, leaves
        if maxdepth is None or maxdepth > 1:
            deeper = None if maxdepth is None else maxdepth - 1
            for name in list(dirs):  # from a walk top down the caller may take some out
                async for step in self._steps(child(path, name), deeper, walk, self._children_if_there):
                    yield step
        if not walk.topdown:
            yield path, dirs, leaves

    async def _step(self, path: str, walk: _Walk, children: Callable[..., Awaitable[list[Info]]]) -> tuple[Any, Any]:
        """Return the folders and the files in a folder, of which a file is the one named ``""``."""
        if not (walk.detail or walk.fresh):
            names = self._known.names(self._remote(), path)
            if names is not None:
                return list(names.folders), list(names.files)
        infos = await children(path, fresh=walk.fresh)
        is_file = [each["name"] for each in infos] == [path]
        folders = {_name(each): each for each in infos if each["type"] == "directory"}
        files = {"" if is_file else _name(each): each for each in infos if each["type"] == "file"}
        return (folders, files) if walk.detail else (list(folders), list(files))

    async def _children_if_there(self, path: str, *, fresh: bool) -> list[Info]:
        try:
            return await self._children(path, fresh=fresh)
        except NotFoundError:
            return []  # as above

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
        entries = self._entries(path, maxdepth, "", withdirs=withdirs, fresh=self._is_fresh(kwargs))
        sizes = ((name, 0 if entry.is_folder else entry.size) async for name, entry in entries)
        if not total:
            return dict(sorted([pair async for pair in sizes]))
        count = 0
        async for _, size in sizes:
            count += size
        return count

    async def _glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> list[str] | dict[str, Info]:
        """Return what matches a pattern. A folder of it that exists under its literal name is that folder alone."""
        _check_depth(maxdepth)
        detail, withdirs = kwargs.pop("detail", False), kwargs.pop("withdirs", True)
        fresh = self._is_fresh(kwargs)
        stripped = self._strip_protocol(path)
        if not has_magic(stripped):
            there = await self._entry_if_there(stripped, fresh=fresh)
            return {name: info(entry, name) for name, entry in there.items()} if detail else list(there)
        asked = _Asked(detail=detail, withdirs=withdirs, fresh=fresh)
        found = await self._matching(stripped, maxdepth, path.endswith("/"), asked)
        return {name: info(entry, name) for name, entry in sorted(found.items())} if detail else sorted(found)

    async def _matching(self, pattern: str, maxdepth: int | None, slash: bool, asked: _Asked) -> Any:
        """Return the entries that a pattern matches by their paths, or without detail perhaps the paths alone.

        *slash* says that the pattern ends with one, and means folders.
        """
        literal = await self._literal_folder(pattern)
        parts = pattern[len(literal) + 1 :].split("/")
        plain = next(count for count, part in enumerate(parts) if has_magic(part) or count == len(parts) - 1)
        root = "/".join([literal, *parts[:plain]]) or "/"
        before, stars, _ = "/".join(parts[plain:]).partition("**")
        depth = None if stars and maxdepth is None else before.count("/") + (maxdepth or 0 if stars else 1)
        found = _STEM.match(parts[plain])
        stem = "" if found is None else found[0]
        wanted = f"{escape(literal)}/{'/'.join(parts)}" + ("/" if slash else "")
        match = re.compile(glob_translate(wanted)).match
        marked = slash or pattern.endswith("/**")  # folders are told by a slash
        if not (asked.detail or asked.fresh or depth is None):
            names = self._named_below(root, depth, stem, withdirs=asked.withdirs)
            if names is not None:
                return [name for name, is_folder in names if match(f"{name}/" if is_folder and marked else name)]
        entries = self._entries(root, depth, stem, withdirs=asked.withdirs, fresh=asked.fresh)
        if marked:
            return {name: each async for name, each in entries if match(f"{name}/" if each.is_folder else name)}
        return {name: each async for name, each in entries if match(name)}

    def _named_below(
        self, path: str, maxdepth: int, prefix: str, *, withdirs: bool
    ) -> Iterator[tuple[str, bool]] | None:
        """Return the paths that :meth:`_entries` would yield, and which are folders, if all that is known already."""
        remote, level, known = self._remote(), [path], []
        for depth in range(maxdepth):
            deeper: list[str] = []
            for folder in level:
                names = self._known.names(remote, folder)
                if names is None:
                    return None
                known.append((child(folder, ""), names))
                if depth + 1 < maxdepth:
                    deeper += [child(folder, name) for name in names.folders]
            level = deeper
        return _named(path, known, prefix, withdirs=withdirs)

    async def _literal_folder(self, pattern: str) -> str:
        """Return the folder at the head of *pattern* that looks like a pattern itself and exists, or nothing."""
        found = ""
        parts = pattern.split("/")[:-1]
        for depth, part in enumerate(parts, 1):
            if has_magic(part):
                folder = "/".join(parts[:depth])
                if not await self._isdir(folder):
                    break
                found = folder
        return found

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
            if not assume_literal and (missing := sorted(set(literal) - out)):
                raise NotFoundError(key(missing[0]))
        if patterns:
            try:
                out.update(await super()._expand_path(patterns, recursive, maxdepth))
            except FileNotFoundError:
                if not out:
                    raise NotFoundError(key(patterns[0])) from None
        return sorted(out)


def _named(path: str, known: list[tuple[str, Names]], prefix: str, *, withdirs: bool) -> Iterator[tuple[str, bool]]:
    if withdirs and not prefix:
        yield path, True
    begin = child(path, prefix)
    for start, names in known:
        # Either all that lies there begins so, or some of it, or nothing.
        if start.startswith(begin) or begin.startswith(start):
            stem = begin[len(start) :]
            yield from ((start + name, False) for name in names.files if name.startswith(stem))
            if withdirs:
                yield from ((start + name, True) for name in names.folders if name.startswith(stem))


async def _take(found: AsyncIterator[Info], count: int) -> list[Info]:
    taken: list[Info] = []
    while len(taken) < count:
        try:
            taken.append(await anext(found))
        except StopAsyncIteration:
            break
    return taken


def _check_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ValueError("maxdepth must be at least 1")


def _name(each: Info) -> str:
    return str(each["name"]).rpartition("/")[2]
