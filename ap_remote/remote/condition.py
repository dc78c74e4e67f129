"""What a remote knows of its account without asking: for those who may not wait, as a status that is read often."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from ap_remote.model import Usage


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an account without asking it."""

    synced: float | None = None
    """When the last sync began that saw everything, in seconds since 1970."""
    broken_off: bool = False
    """Whether a later sync has not come to its end."""
    rests: float = 0.0
    """Seconds for which nothing is sent, because the service refused too often."""
    usage: Usage | None = None
    """As the service told it last, if it was asked."""


@runtime_checkable
class SupportsCondition(Protocol):
    """The remote knows in which state its cache is and the way to its service."""

    def condition(self) -> Condition:
        """Return what is known here. Nothing is sent."""
        ...
