"""Addresses that give a file's bytes to whoever has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.api import content
from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import IsFolderError, UnsupportedError

if TYPE_CHECKING:
    from ap_remote.model import Ref


class Links(Ability):
    """The temporary links of the service [amazon-photos-api.md 10]."""

    async def temporary_link(self, target: Ref) -> str:
        """Return a link to a file's bytes that lives as long as the service chooses, which no source tells."""
        entry = await self._seen(target)
        if entry.is_folder:
            raise IsFolderError(entry.path)
        # Asked for each time: what was kept would have died, or be found.
        node = await self._tree.transport.send(content.temporary_link(entry.id))
        if node.temp_link is None:
            raise UnsupportedError(f"the service makes no temporary link to {entry.path!r}")
        return node.temp_link
