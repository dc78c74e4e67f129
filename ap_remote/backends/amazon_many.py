"""Many entries at once: nodes by id, side by side; the folders above them are made sure of once for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import NotFoundError
from ap_remote.model import Entry, NodeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Ref


class Many(Ability):
    """Nodes can be asked for side by side."""

    async def stat_many(self, targets: Sequence[Ref], *, fresh: bool = False) -> Sequence[Entry | None]:
        """Return an entry for each target, or ``None``."""
        known = await self._tree.many([each.value for each in targets if isinstance(each, NodeId)], fresh=fresh)
        return [
            known.get(each.value) if isinstance(each, NodeId) else await self._or_none(each, fresh=fresh)
            for each in targets
        ]

    async def _or_none(self, path: str, *, fresh: bool) -> Entry | None:
        try:
            return await self._seen(path, fresh=fresh)
        except NotFoundError:
            return None
