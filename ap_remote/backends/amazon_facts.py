"""What was found out about an account, in words: what it offers, and what was begun and must be finished."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.cache.state import NO

if TYPE_CHECKING:
    from ap_remote.cache import NodeCache

YES: Final = "yes"
_BEGUN: Final = "begun"
_MOST: Final = 100
"""Things that were begun and never finished that are kept in mind; the oldest go first."""


class Facts:
    """An account's facts.

    Args:
        cache: keeps them.
        clock: seconds since 1970.
    """

    def __init__(self, cache: NodeCache, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._clock = clock

    def offers(self, what: str) -> bool | None:
        """Whether the account has something; ``None`` while nobody knows, or what was found out is old."""
        fact = self._cache.facts().get(what)
        if fact is None or not fact.holds(self._clock()):
            return None
        return fact.value != NO

    def learn(self, what: str, *, offered: bool) -> None:
        """Remember whether the account has something."""
        if self.offers(what) is not offered:
            self._cache.remember(what, YES if offered else NO, self._clock())

    def begun(self, key: str) -> str | None:
        """Return the note on something that was begun and not finished."""
        return self._all_begun().get(key)

    def begin(self, key: str, note: str) -> None:
        """Note that something was begun."""
        self._keep({**self._all_begun(), key: note})

    def finish(self, key: str) -> None:
        """Strike the note off."""
        known = self._all_begun()
        if known.pop(key, None) is not None:
            self._keep(known)

    def _all_begun(self) -> dict[str, str]:
        fact = self._cache.facts().get(_BEGUN)
        try:
            return {} if fact is None else msgspec.json.decode(fact.value, type=dict[str, str])
        except msgspec.DecodeError:
            # A note is a help to go on, never the truth: without it one begins anew.
            return {}

    def _keep(self, notes: dict[str, str]) -> None:
        newest = dict(list(notes.items())[-_MOST:])
        self._cache.remember(_BEGUN, msgspec.json.encode(newest).decode(), self._clock())
