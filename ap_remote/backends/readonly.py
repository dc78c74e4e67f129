"""A wrapper that reads only. It passes on what reads, refuses what writes, and never claims more than it wraps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from ap_remote.errors import AccessDeniedError
from ap_remote.model import ByteRange, Change, Entry, Facet, Outcome, Ref, Usage
from ap_remote.remote.base import Body, Category, Duplicates, IfExists, Remote, Sort
from ap_remote.remote.condition import Condition, SupportsCondition
from ap_remote.remote.features import (
    Features,
    SupportsArchives,
    SupportsAssets,
    SupportsChanges,
    SupportsDigests,
    SupportsLinks,
    SupportsMany,
    SupportsOffline,
    SupportsPeek,
    SupportsSync,
    SupportsThumbnails,
    SupportsTrashListing,
    SupportsUsage,
    SyncReport,
)


class ReadOnlyRemote(Remote):
    """The nine verbs over another remote; those that write raise :class:`~ap_remote.errors.AccessDeniedError`.

    Abilities that write are masked. Those that read are there if the wrapped remote has them: make one with
    :func:`read_only`.
    """

    def __init__(self, inner: Remote) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inner!r})"

    @property
    def name(self) -> str:
        """The wrapped account's name."""
        return self._inner.name

    @property
    def features(self) -> Features:
        """Those of the wrapped remote, as far as they are not about writing."""
        return msgspec.structs.replace(
            self._inner.features, read_only=True, server_side_move=False, server_side_copy=False, set_modified=False
        )

    def list(self, target: Ref = "", *, recursive: bool = False, fresh: bool = False) -> AsyncIterator[Entry]:
        """Yield what lies under a folder, an album or a view."""
        return self._inner.list(target, recursive=recursive, fresh=fresh)

    async def stat(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return one entry."""
        return await self._inner.stat(target, fresh=fresh)

    async def put(
        self,
        source: Body,
        path: str,
        *,
        if_exists: IfExists = "fail",
        duplicates: Duplicates = "keep",
        taken: datetime | None = None,
    ) -> Entry:
        """Refuse."""
        del source, if_exists, duplicates, taken
        raise self._refusal(f"put {path!r}")

    def get(self, target: Ref, *, span: ByteRange | None = None) -> AsyncIterator[bytes]:
        """Yield a file's bytes."""
        return self._inner.get(target, span=span)

    async def trash(self, *targets: Ref) -> Sequence[Outcome]:
        """Refuse."""
        raise self._refusal(f"trash {_count(targets)}")

    async def restore(self, *targets: Ref) -> Sequence[Outcome]:
        """Refuse."""
        raise self._refusal(f"restore {_count(targets)}")

    async def delete(self, *targets: Ref) -> Sequence[Outcome]:
        """Refuse."""
        raise self._refusal(f"delete {_count(targets)}")

    def search(self, query: str = "", *, sort: Sort = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a query finds."""
        return self._inner.search(query, sort=sort, limit=limit)

    async def aggregations(self, category: Category, *, query: str = "") -> Sequence[Facet]:
        """Count entries by a category."""
        return await self._inner.aggregations(category, query=query)

    async def close(self) -> None:
        """Close the wrapped remote."""
        await self._inner.close()

    def _refusal(self, what: str) -> AccessDeniedError:
        return AccessDeniedError(f"{self.name}: is open for reading only, will not {what}")


class _Ability:
    """What an ability's methods find in a :class:`ReadOnlyRemote`."""

    _inner: Any


class _TrashListing(_Ability):
    def trashed(self) -> AsyncIterator[Entry]:
        """Yield what is in the trash."""
        found: AsyncIterator[Entry] = self._inner.trashed()
        return found


class _Thumbnails(_Ability):
    async def thumbnail(self, target: Ref, *, size: int = 512) -> bytes:
        """Return a small rendition."""
        found: bytes = await self._inner.thumbnail(target, size=size)
        return found


class _Usage(_Ability):
    async def usage(self) -> Usage:
        """Return counts and bytes."""
        found: Usage = await self._inner.usage()
        return found


class _Sync(_Ability):
    async def sync(self, *, progress: Callable[[int, int | None], None] | None = None) -> SyncReport:
        """Bring the cache up to date; the account is only read."""
        found: SyncReport = await self._inner.sync(progress=progress)
        return found


class _Assets(_Ability):
    async def assets(self, target: Ref) -> Sequence[Entry]:
        """Return a file's parts."""
        found: Sequence[Entry] = await self._inner.assets(target)
        return found


class _Archives(_Ability):
    def archive(self, *targets: Ref) -> AsyncIterator[bytes]:
        """Yield the bytes of a ZIP."""
        found: AsyncIterator[bytes] = self._inner.archive(*targets)
        return found


class _Digests(_Ability):
    async def known(self, digests: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries that hold these contents."""
        found: Mapping[str, Entry] = await self._inner.known(digests)
        return found


class _Condition(_Ability):
    def condition(self) -> Condition:
        """Return what is known of the account here."""
        found: Condition = self._inner.condition()
        return found


class _Offline(_Ability):
    def search_cached(self, query: str = "", *, sort: str = "-taken", limit: int | None = None) -> AsyncIterator[Entry]:
        """Yield what a search finds in the cache."""
        found: AsyncIterator[Entry] = self._inner.search_cached(query, sort=sort, limit=limit)
        return found

    async def count_cached(self, query: str = "") -> int:
        """Return how many entries are found so."""
        found: int = await self._inner.count_cached(query)
        return found

    async def complete_since(self, query: str = "") -> float | None:
        """Return as of when the cache finds all."""
        found: float | None = await self._inner.complete_since(query)
        return found

    def told_total(self, query: str = "") -> int | None:
        """Return how many entries the last search finds."""
        found: int | None = self._inner.told_total(query)
        return found


class _Changes(_Ability):
    def changes(self, checkpoint: str | None = None) -> AsyncIterator[tuple[str | None, Sequence[Change]]]:
        """Yield changes since a checkpoint."""
        found: AsyncIterator[tuple[str | None, Sequence[Change]]] = self._inner.changes(checkpoint)
        return found


class _Peek(_Ability):
    def peek(self, path: str) -> Entry | None:
        """Return what is known to be at a path."""
        found: Entry | None = self._inner.peek(path)
        return found

    def peek_list(self, path: str) -> Sequence[Entry] | None:
        """Return what is known to be in a folder."""
        found: Sequence[Entry] | None = self._inner.peek_list(path)
        return found

    def peek_mark(self, path: str) -> Hashable | None:
        """Return what stands for as long as a listing holds."""
        found: Hashable | None = self._inner.peek_mark(path)
        return found


class _Links(_Ability):
    async def temporary_link(self, target: Ref) -> str:
        """Return an address that can be read without a login; it cannot be written to."""
        found: str = await self._inner.temporary_link(target)
        return found


class _Many(_Ability):
    async def stat_many(self, targets: Sequence[Ref], *, fresh: bool = False) -> Sequence[Entry | None]:
        """Return an entry for each target, or ``None``."""
        found: Sequence[Entry | None] = await self._inner.stat_many(targets, fresh=fresh)
        return found


READING: Final[dict[type, type]] = {
    SupportsTrashListing: _TrashListing,
    SupportsThumbnails: _Thumbnails,
    SupportsUsage: _Usage,
    SupportsSync: _Sync,
    SupportsAssets: _Assets,
    SupportsArchives: _Archives,
    SupportsDigests: _Digests,
    SupportsOffline: _Offline,
    SupportsCondition: _Condition,
    SupportsChanges: _Changes,
    SupportsPeek: _Peek,
    SupportsLinks: _Links,
    SupportsMany: _Many,
}
"""The abilities that only read, and what passes them on. All others are masked."""


def read_only(inner: Remote) -> ReadOnlyRemote:
    """Return *inner* for reading only, with those of its abilities that read."""
    parts = tuple(part for ability, part in READING.items() if isinstance(inner, ability))
    return _wrapper(parts)(inner)


@lru_cache
def _wrapper(parts: tuple[type, ...]) -> type[ReadOnlyRemote]:
    return type("ReadOnlyRemote", (ReadOnlyRemote, *parts), {})


def _count(targets: Sequence[Ref]) -> str:
    return repr(str(targets[0])) if len(targets) == 1 else f"{len(targets)} entries"
