"""What the cache keeps beside nodes: where a sync stands, and small facts about the account."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

YES: Final = "yes"
NO: Final = "no"
"""The values of a fact that says whether the account has something."""
RECONSIDERED: Final = 30 * 86_400.0
"""Seconds after which a "no" is looked into again (own choice): services learn."""

Mode = Literal["delta", "tokens", "windows"]
"""How everything is fetched: by the delta stream, by page tokens, or by offset in windows of creation time."""


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """A run through everything that has not ended: what its successor needs to go on."""

    mode: Mode
    began: float
    """Seconds since 1970; what comes of it counts as known from then on."""
    total: int | None = None
    """How many nodes there were at its beginning."""
    token: str | None = None
    """Where the next page begins."""
    whole: tuple[datetime, datetime] | None = None
    """When the first and the last node were created."""
    todo: tuple[tuple[datetime, datetime], ...] = ()
    """Windows of creation time that have not been walked to their end."""


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last sync stopped."""

    generation: int = 0
    checkpoint: str | None = None
    completed: float | None = None
    """When the last run began that saw everything."""
    walk: Walk | None = None
    """The run that did not come to its end."""

    @property
    def told(self) -> bool:
        """Whether what comes now is a delta that tells what changed, not a run through everything."""
        return self.walk is None


class Fact(msgspec.Struct, frozen=True):
    """Something that was found out about an account, once."""

    value: str
    when: float
    """Seconds since 1970."""

    def holds(self, now: float) -> bool:
        """Whether it need not be found out again: a "no" is only believed for :data:`RECONSIDERED` seconds."""
        return self.value != NO or 0.0 <= now - self.when < RECONSIDERED
