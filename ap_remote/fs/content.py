"""Bytes: read them, write them, carry them between here and there."""

# fsspec fixes these signatures, positional booleans and unused options included.
# ruff: noqa: FBT001, FBT002, PLR0917

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fsspec.asyn import _run_coros_in_chunks  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.callbacks import DEFAULT_CALLBACK, Callback  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.utils import is_exception, isfilelike  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import IsFolderError
from ap_remote.fs.arrival import Arrival
from ap_remote.fs.info import key
from ap_remote.fs.reading import Reading
from ap_remote.fs.spans import Span, byte_range, counts_from_end, is_empty, merge
from ap_remote.fs.spool import Spool
from ap_remote.remote.flow import watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from _typeshed import ReadableBuffer

Mode = Literal["overwrite", "create"]


class Content(Reading):
    """One file at a time, and ranges of several."""

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        path = self._strip_protocol(path)
        if start is None and end is None:
            span = None
        else:
            size = (await self._info(path, **kwargs))["size"] if counts_from_end(start, end) else 0
            span = byte_range(start, end, size)
            if is_empty(span):
                return b""
        return await self._read(path, span, fresh=self._is_fresh(kwargs))

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
        blocks = merge(list(wanted.values()), gap=self._merge_gap if max_gap is None else max_gap)
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
        sent = 0

        async def passing(count: int) -> None:
            # What a repeated attempt sends again is no progress.
            nonlocal sent
            count, sent = min(count, size - sent), min(size, sent + count)
            if count:
                callback.relative_update(count)

        with watched(passing):
            await self._store(rpath, local, mode)
        await passing(size - sent)

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
        # Comes with ap_remote.fs.changes; fsspec's own would do nothing, and say nothing.
        raise NotImplementedError


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
