"""Cookies that knobs rotate, and cookies and tokens that they end.

A rotated value is an alias: the layers behind know only the value it stands for. So the knobs work with whatever the
credentials are, and leave no trace in the store.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter


class Sessions:
    """Aliases of credentials, and values that are good no more. Safe for many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._aliases: dict[str, str] = {}
        self._deadlines: dict[str, int] = {}
        self._ended: set[str] = set()
        self._seen: Counter[str] = Counter()

    def __repr__(self) -> str:
        """Show how many, and no value."""
        return f"Sessions(aliases={len(self._aliases)}, ended={len(self._ended)})"

    @property
    def untouched(self) -> bool:
        """Whether every credential is what it seems."""
        return not self._aliases and not self._deadlines and not self._ended

    def revive(self) -> None:
        """Let whatever was ended or outlived be good again, and count anew; aliases stay."""
        with self._guard:
            self._ended.clear()
            self._deadlines.clear()
            self._seen.clear()

    def alias(self, value: str) -> str:
        """Return a fresh value that stands for what *value* stands for, and looks like it."""
        # Session ids are groups of digits, tokens are words behind "Atza|".
        digits = "".join(secrets.choice("0123456789") if char.isdigit() else char for char in value)
        token = f"{value.partition('|')[0]}|{secrets.token_urlsafe(48)}"
        fresh = token if "|" in value else digits
        with self._guard:
            self._aliases[fresh] = self._aliases.get(value, value)
        return fresh

    def resolve(self, value: str) -> str:
        """Return what a value stands for: itself, unless it is an alias."""
        return self._aliases.get(value, value)

    def outlive(self, value: str, deadline: int) -> None:
        """Let a value be good until *deadline*, in milliseconds of the service's clock, or to its earlier deadline."""
        with self._guard:
            self._deadlines[value] = min(deadline, self._deadlines.get(value, deadline))

    def good(self, value: str, now: int) -> bool:
        """Whether neither its end nor its deadline has come."""
        return value not in self._ended and now <= self._deadlines.get(value, now)

    def spend(self, value: str, most: int) -> bool:
        """Count a request made with *value*; return ``False``, and end it, when it was one more than *most*."""
        with self._guard:
            self._seen[value] += 1
            if self._seen[value] <= most:
                return True
            self._ended.add(value)
            return False
