r"""Remote names on a local disk: one component each, never outside the target folder, and unique.

The service allows names that a disk, or another system's disk, cannot hold. They are changed here, visibly:
``/``, control characters, and on Windows ``\ : * ? " < > |`` become their fullwidth twins, as in rclone.
"""

from __future__ import annotations

import sys
from typing import Final

_NAME_BYTES: Final = 255
"""What the usual local filesystems allow in one name, in bytes of UTF-8."""
_WIDTH_SHIFT: Final = 0xFEE0
_CONTROL_PICTURES: Final = 0x2400
_SPACE: Final = 0x20
_WINDOWS: Final = '\\:*?"<>|'


def local_name(name: str, *, windows: bool = sys.platform == "win32") -> str:
    """Return a name for the local disk that stands for the remote *name*."""
    forbidden = "/" + (_WINDOWS if windows else "")
    shown = "".join(_replace(char, forbidden) for char in name)
    if not shown.strip("."):
        shown = shown.replace(".", "\uff0e")
    if not shown:
        shown = "_"
    return _shorten(shown)


def distinct(name: str, taken: set[str]) -> str:
    """Return *name*, or *name* with a number before its extension when it is in *taken* (compared caselessly)."""
    candidate, number = name, 1
    while candidate.casefold() in taken:
        stem, dot, extension = name.rpartition(".")
        candidate = f"{stem} ({number}).{extension}" if dot and stem else f"{name} ({number})"
        number += 1
    taken.add(candidate.casefold())
    return candidate


def _replace(char: str, forbidden: str) -> str:
    if char in forbidden:
        return chr(ord(char) + _WIDTH_SHIFT)
    if ord(char) < _SPACE:
        return chr(ord(char) + _CONTROL_PICTURES)
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return char


def _shorten(name: str) -> str:
    if len(name.encode()) <= _NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = dot + extension if stem and len(extension) < 10 else ""  # noqa: PLR2004 - longer is no extension
    room = _NAME_BYTES - len(tail.encode())
    return (stem if tail else name).encode()[:room].decode(errors="ignore") + tail
