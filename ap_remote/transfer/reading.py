"""The bytes and digests of a side's files, many at a time; what cannot be read is an answer, not the end.

What no other file could be read after either (an expired login, an unusable local store) ends the reading.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

from ap_remote.errors import IncompleteListingError, RemoteError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.pool import FATAL, run_all

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

    from ap_remote.transfer.sides import Item, Listing, Progress, Side

Job = TypeVar("Job")
T = TypeVar("T")

Digest = str | OSError | RemoteError | None
"""An md5, or why there is none; ``None`` where the side does not know."""

_PIECE: Final = 1 << 20
_NAMED: Final = 3
"""Paths that a sentence names before it says how many more there are."""


@runtime_checkable
class DigestsMany(Protocol):
    """A side that digests many files better at once than one by one."""

    async def digest_many(
        self, items: Iterable[Item], *, checkers: int = 8, again: bool = False, progress: Progress | None = None
    ) -> Mapping[str, str | OSError]:
        """Return the md5 of files by path, or why one cannot be read."""
        ...


def be_whole(side: Side, listing: Listing, so: str = "it cannot be compared") -> None:
    """Refuse a listing that is not the whole; *so* says what is not done because of it.

    Raises:
        IncompleteListingError: something could not be looked at; it names the first few.
    """
    if listing.is_whole:
        return
    shown = "; ".join(f"{each.path or '.'}: {each.reason}" for each in listing.unread[:_NAMED])
    more = len(listing.unread) - _NAMED
    raise IncompleteListingError(
        f"not everything in {side.label} could be looked at, so {so}: {shown}"
        + (f"; and {more} more" if more > 0 else "")
    )


async def digests_of(
    side: Side,
    items: Sequence[Item],
    *,
    checkers: int = 8,
    again: bool = False,
    progress: Progress | None = None,
) -> dict[str, Digest]:
    """Return the md5 of files by path, or why one cannot be had; a disk's are read *checkers* at a time."""
    if isinstance(side, DigestsMany):
        return dict(await side.digest_many(items, checkers=checkers, again=again, progress=progress))

    async def one(item: Item) -> Digest:
        return await side.digest(item, again=again)

    if not side.is_local:
        # Known from the listing: nothing is waited for.
        return {item.path: await one(item) for item in items}
    return await _side_by_side(items, one, checkers, progress)


async def fetched_digests(
    side: Side, items: Sequence[Item], checkers: int, progress: Progress | None
) -> dict[str, Digest]:
    """Return the md5 of files by path, worked out here from their bytes, or why they cannot be had."""

    async def one(item: Item) -> Digest:
        digest = hashlib.md5(usedforsecurity=False)
        async with aclosing(bytes_of(side, item)) as pieces:
            async for piece in pieces:
                digest.update(piece)
        return digest.hexdigest()

    return await _side_by_side(items, one, checkers, progress)


async def _side_by_side(
    items: Sequence[Item], work: Callable[[Item], Awaitable[Digest]], checkers: int, progress: Progress | None
) -> dict[str, Digest]:
    async def one(item: Item) -> Digest:
        try:
            return await work(item)
        except (*FATAL, UnsupportedError):
            raise
        except (OSError, RemoteError) as exc:
            return exc

    found = await at_a_time(items, one, checkers, progress)
    return {item.path: digest for item, digest in zip(items, found, strict=True)}


async def at_a_time(
    jobs: Sequence[Job], work: Callable[[Job], Awaitable[T]], checkers: int, progress: Progress | None
) -> list[T]:
    """Do jobs so many at a time, tell of each, and return the answers in their order."""
    done = 0

    async def one(job: Job) -> T:
        nonlocal done
        result = await work(job)
        done += 1
        if progress is not None:
            progress(done, len(jobs))
        return result

    return await run_all(jobs, one, workers=checkers)


async def bytes_of(side: Side, item: Item) -> AsyncGenerator[bytes]:
    """Yield a file's bytes; from an account they are fetched.

    Raises:
        UnsupportedError: the side is neither a disk nor an account.
    """
    if isinstance(side, Account):
        async for piece in side.remote.get(NodeId(item.id) if item.id else side.path(item.path)):
            yield piece
    elif isinstance(side, Disk):
        with await asyncio.to_thread(side.file(item.path).open, "rb", buffering=0) as stream:
            while piece := await asyncio.to_thread(stream.read, _PIECE):
                yield piece
    else:
        raise UnsupportedError(f"the bytes of {side.label} cannot be read")


async def are_same(one: AsyncGenerator[bytes], other: AsyncGenerator[bytes]) -> bool:
    """Whether two streams yield the same bytes; they are read no further than to the first difference."""
    async with aclosing(one), aclosing(other):
        mine, its = b"", b""
        while True:
            mine = mine or await anext(one, b"")
            its = its or await anext(other, b"")
            if not mine or not its:
                return not mine and not its
            length = min(len(mine), len(its))
            if mine[:length] != its[:length]:
                return False
            mine, its = mine[length:], its[length:]
