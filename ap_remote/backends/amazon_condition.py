"""What is known of an account without asking it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.backends.amazon_ability import Ability
from ap_remote.remote.condition import Condition

if TYPE_CHECKING:
    from ap_remote.model import Usage
    from ap_remote.transport.client import Transport


class Conditions(Ability):
    """How old the cache is, whether the service is left alone for a while, what it last told of its space."""

    _transport: Transport
    _told_usage: Usage | None = None

    def condition(self) -> Condition:
        """Return what is known here."""
        state = self._tree.cache.sync_state()
        return Condition(
            synced=state.completed,
            broken_off=state.walk is not None,
            rests=self._transport.rests,
            usage=self._told_usage,
        )
