r"""Remote names on a local disk: one component each, never outside the target folder, and the way back.

The service allows names that a disk, or another system's disk, cannot hold. They are changed visibly and reversibly, in
rclone's manner: ``/``, control characters, and on Windows ``\ : * ? " < > |`` become their twins (fullwidth, or the
pictures of control characters); a character that is itself such a twin gets a quote (U+201B) before it, and so does the
quote. ``.`` and ``..``, and on Windows a dot or a space at the end, have twins as well; a name that Windows keeps for a
device has the quote before it, half a character pair has it before its number.

A name of more than 255 bytes is shortened, with a hash that keeps it apart from others (own choice): that has no way
back, so whoever compares a disk with an account looks the account's name up by :func:`held_name`.
"""

from __future__ import annotations

import hashlib
import re
import sys
from functools import lru_cache
from typing import Final

_WINDOWS: Final = sys.platform == "win32"
_NAME_BYTES: Final = 255
"""What the usual local filesystems allow in one name, in bytes of UTF-8."""
_SHORT: Final = 42
"""Characters that stay within :data:`_NAME_BYTES` however they are encoded, six bytes at most for each."""
_EXTENSION: Final = 10
_HASH: Final = 8
_WIDTH_SHIFT: Final = 0xFEE0
_CONTROL_PICTURES: Final = 0x2400
_QUOTE: Final = "\u201b"
_DOT: Final = "\uff0e"
_SPACE: Final = "\u2420"
_DOTS: Final = {".": _DOT, "..": _DOT * 2}
_DOTS_BACK: Final = {twin: dots for dots, twin in _DOTS.items()}
_CONTROLS: Final = "".join(map(chr, range(0x20)))
_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]) *(?:\.|\Z)", re.IGNORECASE
)


class _Rules:
    """One system's characters, and the patterns that find them."""

    def __init__(self, forbidden: str, *, windows: bool) -> None:
        self.windows = windows
        self.twins = {char: chr(ord(char) + _WIDTH_SHIFT) for char in forbidden}
        self.twins |= {char: chr(ord(char) + _CONTROL_PICTURES) for char in _CONTROLS}
        self.back = {twin: char for char, twin in self.twins.items()}
        self.ends = {".": _DOT, " ": _SPACE} if windows else {}
        self.ends_back = {twin: char for char, twin in self.ends.items()}
        plain, twins = re.escape("".join(self.twins)), "".join(self.back)
        ends = f"|[. {_DOT}{_SPACE}]\\Z" if windows else ""
        self.to_disk = re.compile(f"[{plain}{twins}{_QUOTE}\ud800-\udfff]{ends}")
        quoted = twins + _QUOTE + _DOT + (_SPACE if windows else "")
        ends_back = f"|(?P<end>[{_DOT}{_SPACE}])\\Z" if windows else ""
        self.from_disk = re.compile(
            f"{_QUOTE}(?:(?P<quoted>[{quoted}])|(?P<half>D[89A-F][0-9A-F]{{2}}))|(?P<twin>[{twins}]){ends_back}"
        )


_RULES: Final = {
    False: _Rules("/", windows=False),
    True: _Rules('/\\:*?"<>|', windows=True),
}


def local_name(name: str, *, windows: bool = _WINDOWS) -> str:
    """Return a name for the local disk that stands for the remote *name*: one legal component of 255 bytes at most."""
    return _encode(held_name(name, windows=windows), windows=windows)


def remote_name(name: str, *, windows: bool = _WINDOWS) -> str:
    """Return the remote name that a name on the local disk stands for: the inverse of :func:`local_name`.

    What no remote name is changed into stays as it is, as far as it can.
    """
    if name.isascii():
        return name
    if name in _DOTS_BACK:
        return _DOTS_BACK[name]
    if name == _QUOTE:
        return ""
    rules = _RULES[windows]
    if windows and name[0] == _QUOTE and _DEVICE.match(name, 1):
        return rules.from_disk.sub(lambda match: _from_disk(match, rules), name[1:])
    return rules.from_disk.sub(lambda match: _from_disk(match, rules), name)


def held_name(name: str, *, windows: bool = _WINDOWS) -> str:
    """Return the remote name as it comes back from a disk: itself, unless it was too long for one."""
    if len(name) <= _SHORT or len(_encode(name, windows=windows).encode()) <= _NAME_BYTES:
        return name
    return _shorten(name, windows=windows)


def distinct(name: str, taken: set[str]) -> str:
    """Return *name*, or *name* with a number before its extension when it is in *taken* (compared caselessly)."""
    candidate, number = name, 1
    while candidate.casefold() in taken:
        stem, dot, extension = name.rpartition(".")
        candidate = f"{stem} ({number}).{extension}" if dot and stem else f"{name} ({number})"
        number += 1
    taken.add(candidate.casefold())
    return candidate


def _encode(name: str, *, windows: bool) -> str:
    if not name:
        return _QUOTE
    if name in _DOTS:
        return _DOTS[name]
    rules = _RULES[windows]
    shown = rules.to_disk.sub(lambda match: _to_disk(match, rules), name)
    if name in _DOTS_BACK and shown == name:
        return _QUOTE + name
    return _QUOTE + shown if windows and _DEVICE.match(shown) else shown


def _to_disk(match: re.Match[str], rules: _Rules) -> str:
    char = match[0]
    if char in rules.twins:
        return rules.twins[char]
    if char in rules.ends:
        return rules.ends[char]
    return f"{_QUOTE}{ord(char):04X}" if "\ud800" <= char <= "\udfff" else _QUOTE + char


def _from_disk(match: re.Match[str], rules: _Rules) -> str:
    match match.lastgroup:
        case "twin":
            return rules.back[match[0]]
        case "half":
            return chr(int(match["half"], 16))
        case "end":
            return rules.ends_back[match[0]]
    return match["quoted"]


@lru_cache(maxsize=1024)
def _shorten(name: str, *, windows: bool) -> str:
    """Cut a name before its extension so that, encoded, it fits; the hash is of the whole."""
    stem, dot, extension = name.rpartition(".")
    tail = dot + extension if stem and len(extension) < _EXTENSION else ""
    mark = "~" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH] + tail
    whole = stem if tail else name
    low, high = 1, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        if len(_encode(whole[:middle] + mark, windows=windows).encode()) <= _NAME_BYTES:
            low = middle
        else:
            high = middle - 1
    return whole[:low] + mark
