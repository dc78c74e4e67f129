"""Reading: bytes that belong to one version of a file, from the cache of blocks where there is one, else the service.

The service does not say which version the bytes of a range are of. So whoever puts several answers together asks,
after the last of them, whether the file still is what it was; a whole file is told by its md5.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, Final

from fsspec.asyn import _run_coros_in_chunks, sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import IntegrityError, IsFolderError, PreconditionFailedError
from ap_remote.fs.blocks import Version
from ap_remote.fs.info import key
from ap_remote.fs.recent import Recent
from ap_remote.fs.spans import MERGE_GAP
from ap_remote.fs.walking import Walking
from ap_remote.model import ByteRange, NodeId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ap_remote.fs.blocks import BlockCache
    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote

WHOLE: Final = 8 * 2**20
"""Bytes up to which a file that is opened is read in one piece, which also checks its md5."""

BLOCK: Final = 2**20
"""Bytes of a block (own choice): some milliseconds for disk and digest, and little lost where less was wanted."""

_AT_ONCE: Final = 64 * 2**10
"""Bytes whose digest is had sooner than a thread."""

_ALL: Final = "all"
"""The place of a small file's bytes that were read, and checked, as a whole."""


class Reading(Walking):
    """The road of all bytes but those of downloads, which lie on the disk anyway."""

    def __init__(self, factory: Callable[[], Remote], *, block_cache: BlockCache | None = None, **options: Any) -> None:
        """Keep *factory* and the options.

        Args:
            factory: returns a remote that opens lazily.
            block_cache: keeps on the disk what is read; without one nothing is kept there.
            options: those of :class:`~ap_remote.fs.base.RemoteBase`.
        """
        super().__init__(factory, **options)
        self.block_cache = block_cache
        self._recent = Recent()

    @property
    def _merge_gap(self) -> int:
        """Bytes between two ranges that are read rather than left out; within one block nothing is left out."""
        return MERGE_GAP if self.block_cache is None else BLOCK

    async def _read(self, path: str, span: ByteRange | None, *, fresh: bool = False) -> bytes:
        """Return bytes of what is at an absolute path now; all of them without a *span*."""
        if self.block_cache is None:
            return await _joined(self._remote(), key(path), span)
        try:
            return await self._read_through(self.block_cache, path, span, fresh=fresh)
        except PreconditionFailedError:
            # Somebody gave the file other bytes since the node cache heard of it.
            return await self._read_through(self.block_cache, path, span, fresh=True)

    async def _read_version(self, path: str, version: Version, start: int, stop: int, *, again: bool) -> bytes:
        """Return bytes of a file that is held open.

        Args:
            path: where it was opened.
            version: what it was then.
            start: the first byte.
            stop: after the last byte.
            again: bytes of it were handed out before. The first are not worth a question: what they are of is told
                by what the node cache knows.

        Raises:
            PreconditionFailedError: it has other bytes by now.
        """
        whole = (start, stop) == (0, version.size)
        if whole and version.size <= WHOLE:
            return await self._recent.get(version, lambda: self._small(path, version))
        if self.block_cache is not None:
            return await self._blocks(self.block_cache, path, version, start, stop)
        data = await self._fetch(path, version, start, stop)
        if again or not whole:
            await self._check(path, version, data, whole=whole, fresh=again)
        return data

    read_version = sync_wrapper(_read_version)

    async def _read_through(self, cache: BlockCache, path: str, span: ByteRange | None, *, fresh: bool) -> bytes:
        entry = await self._remote().stat(key(path), fresh=fresh)
        if entry.is_folder:
            raise IsFolderError(path)
        version = _version(entry)
        start = min(0 if span is None else span.start, version.size)
        stop = version.size if span is None or span.stop is None else min(span.stop, version.size)
        return await self._blocks(cache, path, version, start, stop)

    async def _small(self, path: str, version: Version) -> bytes:
        """Return all of a small file."""
        cache = self.block_cache
        kept = None if cache is None else await asyncio.to_thread(cache.get, version, _ALL)
        if kept is None:
            kept = await self._fetch(path, version, 0, version.size)
            await self._check(path, version, kept, whole=True)
            if cache is not None:
                await asyncio.to_thread(cache.put, version, {_ALL: kept})
        return kept

    async def _blocks(self, cache: BlockCache, path: str, version: Version, start: int, stop: int) -> bytes:
        if stop <= start:
            return b""
        if (start, stop) == (0, version.size) <= (0, WHOLE) or version.size <= BLOCK:
            return (await self._small(path, version))[start:stop]
        if version.size <= WHOLE:
            kept = await asyncio.to_thread(cache.get, version, _ALL)
            if kept is not None:
                return kept[start:stop]
        numbers = range(start // BLOCK, -(-stop // BLOCK))
        blocks = await asyncio.to_thread(_kept, cache, version, numbers)
        runs = [
            (first * BLOCK, min(last * BLOCK + BLOCK, version.size))
            for first, last in _runs(set(numbers) - blocks.keys())
        ]
        if runs:
            blocks |= await self._missing(cache, path, version, runs)
        return b"".join([blocks[number] for number in numbers])[start - numbers[0] * BLOCK : stop - numbers[0] * BLOCK]

    async def _missing(
        self, cache: BlockCache, path: str, version: Version, runs: list[tuple[int, int]]
    ) -> dict[int, bytes]:
        """Fetch runs of blocks, make sure that they are of *version*, and keep them."""
        fetched = await _run_coros_in_chunks(
            [self._fetch(path, version, *run) for run in runs], batch_size=self.batch_size
        )
        await self._check(path, version, fetched[0], whole=runs == [(0, version.size)])
        blocks = {
            (start + offset) // BLOCK: data[offset : offset + BLOCK]
            for (start, _), data in zip(runs, fetched, strict=True)
            for offset in range(0, len(data), BLOCK)
        }
        await asyncio.to_thread(cache.put, version, {str(number): data for number, data in blocks.items()})
        return blocks

    async def _fetch(self, path: str, version: Version, start: int, stop: int) -> bytes:
        whole = (start, stop) == (0, version.size)
        try:
            # By its id, a range is of the file that was opened even where another one took its name.
            data = await (
                _joined(self._remote(), key(path))
                if whole
                else _joined(self._remote(), NodeId(version.id), ByteRange(start, stop))
            )
        except IntegrityError:
            await self._check(path, version, b"", whole=False)
            raise
        if len(data) != stop - start:
            raise changed(path)
        return data

    async def _check(self, path: str, version: Version, data: bytes, *, whole: bool, fresh: bool = True) -> None:
        """Make sure that what was just fetched are bytes of *version*.

        Raises:
            PreconditionFailedError: they may be of another one.
        """
        if whole and version.md5 is not None:
            digest = _md5(data) if len(data) <= _AT_ONCE else await asyncio.to_thread(_md5, data)
            same = digest == version.md5
        else:
            same = _version(await self._remote().stat(NodeId(version.id), fresh=fresh)).has_bytes_of(version)
        if not same:
            raise changed(path)


async def _joined(remote: Remote, target: str | NodeId, span: ByteRange | None = None) -> bytes:
    return b"".join([piece async for piece in remote.get(target, span=span)])


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _version(entry: Entry) -> Version:
    return Version(entry.id, entry.version, entry.md5, entry.size)


def changed(path: str) -> PreconditionFailedError:
    """Return the error of a file that is not what it was when it was opened."""
    return PreconditionFailedError(f"{path!r} has changed since it was opened; open it again")


def _kept(cache: BlockCache, version: Version, numbers: Iterable[int]) -> dict[int, bytes]:
    found = {number: cache.get(version, str(number)) for number in numbers}
    return {number: data for number, data in found.items() if data is not None}


def _runs(numbers: set[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each row of numbers without a gap."""
    starts = sorted(each for each in numbers if each - 1 not in numbers)
    ends = sorted(each for each in numbers if each + 1 not in numbers)
    return list(zip(starts, ends, strict=True))
