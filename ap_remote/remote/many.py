"""Many entries at once, of any remote."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ap_remote.errors import NotFoundError, RemoteError
from ap_remote.remote.features import SupportsMany

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Ref
    from ap_remote.remote.base import Remote

AT_ONCE: Final = 8
"""Entries asked for at a time where the remote takes one only."""


async def stat_many(remote: Remote, targets: Sequence[Ref], *, fresh: bool = False) -> Sequence[Entry | None]:
    """Return for each target, in their order, the entry that it names; ``None`` where nothing is there.

    Raises:
        RemoteError: as :meth:`Remote.stat`, but for :class:`~ap_remote.errors.NotFoundError`. After the first, nothing
            more is asked for.
    """
    if isinstance(remote, SupportsMany):
        return await remote.stat_many(targets, fresh=fresh)
    return await side_by_side(remote, targets, fresh=fresh)


async def side_by_side(remote: Remote, targets: Sequence[Ref], *, fresh: bool = False) -> Sequence[Entry | None]:
    """Do as :func:`stat_many` by single looks, some of them at a time."""
    gate = asyncio.Semaphore(AT_ONCE)
    errors: list[RemoteError] = []

    async def one(target: Ref) -> Entry | None:
        async with gate:
            if errors:
                return None
            try:
                return await remote.stat(target, fresh=fresh)
            except NotFoundError:
                return None
            except RemoteError as exc:
                errors.append(exc)
                return None

    found = await asyncio.gather(*map(one, targets))
    if errors:
        raise errors[0]
    return found
