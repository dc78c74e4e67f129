"""Text that came from a photo library, made harmless to read.

A file name, a caption or a label may hold anything, orders to a model included. It is returned as a JSON string
value only, on one line, without characters that hide or reorder others, and short.
"""

from __future__ import annotations

from typing import Final

from ap_remote_mcp.errors import is_hidden

LIMIT: Final = 120
"""Characters of one cleaned string."""
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_JOINER: Final = "\N{ZERO WIDTH JOINER}"


def clean(text: str, limit: int = LIMIT) -> str:
    """Return *text* with control, bidirectional and zero-width characters replaced, cut to *limit* characters."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = text[: limit + 1]
    shown = "".join(_REPLACEMENT if is_hidden(head, index) else each for index, each in enumerate(head))
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip(_JOINER) + "…"


def mask(account: str) -> str:
    """Return an account's name with its middle hidden, as in ``h…e``."""
    name = clean(account, 60)
    shown = 3
    return name if len(name) <= shown else f"{name[0]}…{name[-1]}"
