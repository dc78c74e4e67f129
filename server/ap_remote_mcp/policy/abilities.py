"""The four words of ``--allow``. Without one the server only reads."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ability(StrEnum):
    """A set of tools that changes something; it is fixed when the server starts and never grows."""

    ORGANISE = "organise"
    TRANSFER = "transfer"
    TRASH = "trash"
    PURGE = "purge"


def parse(words: Iterable[str]) -> frozenset[Ability]:
    """Read the words of ``--allow``; each may hold several, separated by commas.

    Raises:
        ConfigError: a word is none of the four.
    """
    found = [word.strip().casefold() for each in words for word in each.split(",") if word.strip()]
    known = [ability.value for ability in Ability]
    for word in found:
        if word not in known:
            raise ConfigError(f"--allow does not know {word[:40]!r}; it takes {', '.join(known)}")
    return frozenset(Ability(word) for word in found)
