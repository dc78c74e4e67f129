"""Names and figures as a person reads them."""

from __future__ import annotations

from typing import Final

_STEP: Final = 1000
_MINUTE: Final = 60


def plain(name: str) -> str:
    """Return a name without what would move a cursor or turn the writing round."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def amount(size: int) -> str:
    """Return bytes in steps of a thousand, as Amazon counts them: ``432.8 kB``."""
    if size < _STEP:
        return f"{size} B"
    figure = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        figure /= _STEP
        if figure < _STEP - 0.05:
            return f"{figure:.1f} {unit}"
    return f"{figure:,.1f} TB"


def length(seconds: float) -> str:
    """Return a film's length: ``0:12``, ``1:02:03``."""
    whole = round(seconds)
    minutes, second = divmod(whole, _MINUTE)
    hours, minute = divmod(minutes, _MINUTE)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
