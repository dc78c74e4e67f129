"""Bytes: read them, write them, carry them between here and there."""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002, PLR0917

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fsspec.asyn import _run_coros_in_chunks  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.callbacks import DEFAULT_CALLBACK, Callback  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.implementations.local import (  # type: ignore[import-untyped]  # fsspec ships no types
    LocalFileSystem,
    make_path_posix,
    trailing_sep,
)
from fsspec.utils import (  # type: ignore[import-untyped]  # fsspec ships no types
    check_contained,
    is_exception,
    isfilelike,
    other_paths,
)

from ap_remote.errors import IsFolderError
from ap_remote.fs.arrival import Arrival
from ap_remote.fs.info import key
from ap_remote.fs.listing import Listing
from ap_remote.fs.spans import MERGE_GAP, Span, byte_range, counts_from_end, is_empty, merge
from ap_remote.fs.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from _typeshed import ReadableBuffer

Mode = Literal["overwrite", "create"]


class Content(Listing):
    """Whole files and ranges of them, alone and in bulk."""

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        path = self._strip_protocol(path)
        if start is None and end is None:
            span = None
        else:
            size = (await self._info(path, **kwargs))["size"] if counts_from_end(start, end) else 0
            span = byte_range(start, end, size)
            if is_empty(span):
                return b""
        return b"".join([piece async for piece in self._remote().get(key(path), span=span)])

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: int | Sequence[int | None] | None,
        ends: int | Sequence[int | None] | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: Literal["return", "raise"] = "return",
        **kwargs: Any,
    ) -> list[Any]:
        """Read ranges of files; near ones of one file are read together. Errors stand in their range's place."""
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        firsts, lasts = _spread(starts, len(paths)), _spread(ends, len(paths))
        absolute = self._strip_protocol(paths)
        sizes = await self._sizes_of(
            {p for p, s, e in zip(absolute, firsts, lasts, strict=True) if counts_from_end(s, e)}
        )
        out: list[Any] = [b""] * len(paths)
        wanted: dict[int, Span] = {}
        for index, (path, first, last) in enumerate(zip(absolute, firsts, lasts, strict=True)):
            size = sizes.get(path, 0)
            if isinstance(size, Exception):
                out[index] = size
                continue
            span = byte_range(first, last, size)
            if not is_empty(span):
                wanted[index] = Span(path, span.start, span.stop)
        blocks = merge(list(wanted.values()), gap=MERGE_GAP if max_gap is None else max_gap)
        read = await _run_coros_in_chunks(
            [self._cat_file(each.path, start=each.start, end=each.stop, **kwargs) for each in blocks],
            batch_size=batch_size or self.batch_size,
            return_exceptions=True,
        )
        for index, wish in wanted.items():
            out[index] = _cut(wish, blocks, read)
        if on_error == "raise":
            for each in filter(is_exception, out):
                raise each
        return out

    async def _sizes_of(self, paths: set[str]) -> dict[str, Any]:
        names = sorted(paths)
        infos = await _run_coros_in_chunks(
            [self._info(each) for each in names],
            batch_size=self.batch_size,
            return_exceptions=True,
        )
        return {name: each if is_exception(each) else each["size"] for name, each in zip(names, infos, strict=True)}

    async def _pipe_file(
        self, path: str, value: ReadableBuffer | Path, mode: Mode = "overwrite", **kwargs: Any
    ) -> None:
        """Store bytes, or a local file, under *path*. ``create`` refuses a name that is taken."""
        del kwargs
        body = value if isinstance(value, bytes | Path) else memoryview(value).tobytes()
        await self._store(path, body, mode)

    async def _store(self, path: str, body: bytes | Path, mode: Mode, *, taken: datetime | None = None) -> None:
        if mode not in ("overwrite", "create"):
            raise ValueError(f"mode must be 'overwrite' or 'create', not {mode!r}")
        await self._remote().put(
            body,
            key(self._strip_protocol(path)),
            if_exists="overwrite" if mode == "overwrite" else "fail",
            taken=taken,
        )

    async def _put_file(
        self,
        lpath: str | os.PathLike[str],
        rpath: str,
        callback: Callback = DEFAULT_CALLBACK,
        mode: Mode = "overwrite",
        **kwargs: Any,
    ) -> None:
        """Upload a local file; a local folder is made, not filled."""
        del kwargs
        local = Path(lpath)
        if await asyncio.to_thread(local.is_dir):
            await self._makedirs(rpath, exist_ok=True)
            return
        size = (await asyncio.to_thread(local.stat)).st_size
        callback.set_size(size)
        await self._store(rpath, local, mode)
        callback.relative_update(size)

    async def _get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Callback = DEFAULT_CALLBACK,
        **kwargs: Any,
    ) -> None:
        """Download a file to a path or into a file object. The local file gets the date the picture was taken on."""
        del kwargs
        path = self._strip_protocol(rpath)
        entry = await self._remote().stat(key(path), fresh=self.fresh)
        if entry.is_folder:
            if isfilelike(lpath):
                raise IsFolderError(path)
            await asyncio.to_thread(Path(lpath).mkdir, parents=True, exist_ok=True)
            return
        callback.set_size(entry.size)
        if isfilelike(lpath):
            async for piece in self._remote().get(key(path)):
                lpath.write(piece)
                callback.relative_update(len(piece))
            return
        arrival = Arrival(lpath)
        try:
            async for piece in self._remote().get(key(path)):
                arrival.write(piece)
                callback.relative_update(len(piece))
            arrival.finish(entry.taken or entry.modified)
        except BaseException:
            arrival.abandon()
            raise

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        """Copy through here: the service has no copy of its own."""
        del kwargs
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        entry = await self._remote().stat(key(source), fresh=self.fresh)
        if entry.is_folder:
            await self._makedirs(target, exist_ok=True)
            return
        if source == target:
            return
        spool = Spool()
        try:
            async for piece in self._remote().get(key(source)):
                spool.write(piece)
            await self._store(target, spool.body(), "overwrite", taken=entry.taken)
        finally:
            spool.close()

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        raise NotImplementedError

    # Bulk operations on a name that looks like a pattern: fsspec would give "IMG[1].jpg" the target of a glob.

    async def _get(
        self,
        rpath: str | list[str],
        lpath: Any,
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> Any:
        if isinstance(rpath, str) and not isinstance(lpath, list) and await self._is_bracketed_name(rpath):
            target = make_path_posix(lpath)
            into = trailing_sep(target) or await asyncio.to_thread(os.path.isdir, target)
            rpath, lpath = await self._paired(rpath, target, recursive, maxdepth, into=into)
            check_contained(target, lpath)
        return await super()._get(rpath, lpath, recursive, callback, maxdepth, **kwargs)

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
        if isinstance(path1, str) and isinstance(path2, str) and await self._is_bracketed_name(path1):
            into = trailing_sep(path2) or await self._isdir(path2)
            path1, path2 = await self._paired(path1, self._strip_protocol(path2), recursive, maxdepth, into=into)
        return await super()._copy(path1, path2, recursive, on_error, maxdepth, batch_size, **kwargs)

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
        if isinstance(rpath, str):
            if isinstance(lpath, (str, os.PathLike)) and _is_bracketed_file(lpath):
                local = make_path_posix(lpath)
                into = trailing_sep(rpath) or await self._isdir(rpath)
                found = LocalFileSystem().expand_path(glob.escape(local), recursive=recursive, maxdepth=maxdepth)
                lpath = _without(found, set() if recursive and maxdepth is None else set(filter(os.path.isdir, found)))
                rpath = other_paths(lpath, self._strip_protocol(rpath), exists=into and not trailing_sep(local))
            elif isinstance(lpath, list):
                lpath = [glob.escape(each) if _is_bracketed_file(each) else each for each in lpath]
        return await super()._put(lpath, rpath, recursive, callback, batch_size, maxdepth, **kwargs)

    async def _is_bracketed_name(self, path: str) -> bool:
        return glob.has_magic(self._strip_protocol(path)) and await self._exists(path)

    async def _paired(
        self,
        path: str,
        target: str,
        recursive: bool,
        maxdepth: int | None,
        *,
        into: bool,
    ) -> tuple[list[str], list[str]]:
        """Return sources and their targets; a folder alone has none unless it is taken whole."""
        sources = await self._expand_path(path, recursive, maxdepth)
        if not recursive or maxdepth is not None:
            sources = [each for each in sources if not await self._isdir(each)]
        return sources, other_paths(sources, target, exists=into and not trailing_sep(path)) if sources else []


def _spread(limits: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    if not isinstance(limits, Iterable):
        return [limits] * count
    spread = list(limits)
    if len(spread) != count:
        raise ValueError("paths, starts and ends differ in length")
    return spread


def _cut(span: Span, blocks: Sequence[Span], read: Sequence[Any]) -> Any:
    for block, data in zip(blocks, read, strict=True):
        if block.covers(span):
            if is_exception(data):
                return data
            return data[span.start - block.start : None if span.stop is None else span.stop - block.start]
    raise AssertionError(span)


def _is_bracketed_file(path: str | os.PathLike[str]) -> bool:
    return glob.has_magic(os.fspath(path)) and os.path.lexists(path)


def _without(paths: list[str], dropped: set[str]) -> list[str]:
    return [each for each in paths if each not in dropped]
