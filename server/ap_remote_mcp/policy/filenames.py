"""Names of the library as names of files here: one harmless component on every system, in few enough bytes."""

from __future__ import annotations

import unicodedata
from itertools import count
from typing import TYPE_CHECKING, Final

from ap_remote.transfer.localnames import local_name

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT: Final = 200
"""Bytes of UTF-8 in a name."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})
_FIRST: Final = (".", "-", "~", " ")
"""Characters that hide a file, or that a shell reads as an option or a home."""
_EXTENSION: Final = 16
_TRIES: Final = 1000


def portable(name: str) -> str:
    r"""Return the file name for a library's *name*: no ``/ \ : * ?``, no device, nothing unseen, no dot in front.

    It holds on every system, since a folder of pictures travels.
    """
    shown = "".join("_" if unicodedata.category(each) in _UNSEEN else each for each in name)
    legal = local_name(shown, windows=True)
    return fitted(f"_{legal}" if legal.startswith(_FIRST) else legal)


def fitted(name: str, suffix: str = "") -> str:
    """Return *name* with *suffix* before its extension, cut to :data:`LIMIT` bytes in its middle part."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension.encode()) > _EXTENSION:
        stem, dot, extension = name, "", ""
    tail = f"{suffix}{dot}{extension}"
    room = LIMIT - len(tail.encode())
    if len(stem.encode()) > room:
        stem = stem.encode()[:room].decode(errors="ignore").rstrip(". ")
    return stem + tail


def candidates(name: str) -> Iterator[str]:
    """Yield *name* and what to call a file where it is taken: ``a.jpg``, ``a (1).jpg``, ``a (2).jpg``."""
    yield fitted(name)
    for number in count(1):
        if number == _TRIES:
            return
        yield fitted(name, f" ({number})")
