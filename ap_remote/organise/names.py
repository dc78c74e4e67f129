"""Names for albums out of what others wrote: people, cities and labels may be called anything."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

LONGEST: Final = 200
"""Characters of a word from outside in an album's name, which has at most 256."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def album_name(text: str, otherwise: str) -> str:
    """Return *text* as an album may be called: one line, without ``/`` and unseen characters, short.

    Args:
        text: from the service, hence from anybody.
        otherwise: the name where nothing is left of it.
    """
    head = text[: 4 * LONGEST]
    shown = "".join(
        each if unicodedata.category(each) not in _UNSEEN else " " if each.isspace() else "" for each in head
    )
    words = unicodedata.normalize("NFC", shown).replace("/", "-").split()
    name = " ".join(words)[:LONGEST].strip()
    return otherwise if name.strip(".") == "" else name


class Once:
    """Gives each name once: ``Anna``, then ``Anna (2)``."""

    def __init__(self) -> None:
        """No name is given yet."""
        self._given: Counter[str] = Counter()
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        """Return *name*, or with a number what nobody has yet; case makes no difference."""
        shown = name
        while shown.casefold() in self._taken:
            self._given[name.casefold()] += 1
            shown = f"{name} ({self._given[name.casefold()] + 1})"
        self._taken.add(shown.casefold())
        return shown
