"""How entries are named to a person: few names, cleaned and quoted, and how many more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

_NAMED: Final = 3
_MARKS: Final = dict.fromkeys(map(ord, '"“”„‟«»〝〞〟\uff02'), "'")
"""Double quotation marks of any script."""


def counted(entries: Sequence[Entry]) -> str:
    """Return ``1 item`` or ``12 items``."""
    return "1 item" if len(entries) == 1 else f"{len(entries)} items"


def named(entries: Sequence[Entry]) -> str:
    """Return ``“a.jpg”, “b.jpg”, “c.jpg” and 9 more``."""
    names = ", ".join(quoted(entry.name) for entry in entries[:_NAMED])
    more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
    return names + more


def quoted(name: str, length: int = 40) -> str:
    """Return a name as it may stand in a sentence; marks in it that could end the quotation are single ones."""
    return f"“{clean(name, length).translate(_MARKS)}”"


def sized(size: int) -> str:
    """Return an amount of bytes as a person reads it: ``3.4 MB``."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"


def marked(entries: Sequence[Entry]) -> str:
    """Return a sentence on favourites among the entries, ``""`` without any."""
    favorites = sum(entry.favorite for entry in entries)
    if not favorites:
        return ""
    return f" {favorites} of them {'is a favourite' if favorites == 1 else 'are favourites'}."
