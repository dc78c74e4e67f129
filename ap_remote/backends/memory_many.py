"""Many entries at once, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Ref


class Many:
    """Entries can be asked for together."""

    if TYPE_CHECKING:

        async def stat(self, target: Ref, *, fresh: bool = False) -> Entry: ...  # noqa: D102 - the remote's own

    async def stat_many(self, targets: Sequence[Ref], *, fresh: bool = False) -> Sequence[Entry | None]:
        """Return an entry for each target, or ``None``."""
        return [await self._or_none(each, fresh=fresh) for each in targets]

    async def _or_none(self, target: Ref, *, fresh: bool) -> Entry | None:
        try:
            return await self.stat(target, fresh=fresh)
        except NotFoundError:
            return None
