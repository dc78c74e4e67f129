"""Local paths as agents and hosts write them: with a tilde, as a URI, with the drive of another system.

Hosts name the folders of a project by ``file://`` URIs with percent escapes (RFC 8089; "Roots" of the Model Context
Protocol), and agents repeat them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

_URI: Final = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE | re.DOTALL)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE: Final = re.compile(r"/?[A-Za-z]:(?:[\\/]|$)")
_SHARE: Final = "\\\\"


class NotLocalError(Exception):
    """What was given names no file of this machine; ``reason`` is a clause that says what to write instead."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def plain(given: str) -> str:
    """Return what was given as a path of this system, absolute or relative; it is not looked at.

    Raises:
        NotLocalError: it is an address, or a path of Windows where this system is none.
    """
    path = given
    uri = _URI.fullmatch(given)
    if uri is not None:
        if (uri["host"] or "").casefold() not in ("", "localhost"):
            raise NotLocalError("its address names another machine: write file:///… or a path")
        # No query and no fragment: hosts escape ? and #, people do not.
        path = os.fsdecode(unquote_to_bytes(uri["path"]))
    elif _SCHEME.match(given):
        raise NotLocalError("it is an address, and nothing is fetched: give the path of a file of this machine")
    if os.name == "nt":
        return path.lstrip("/") if uri is not None and _DRIVE.match(path) else path
    if _DRIVE.match(path) or path.startswith(_SHARE):
        raise NotLocalError("it is a path of Windows, and the server runs on another system")
    if path == "~" or path.startswith("~/"):
        try:
            return str(Path.home() / path[2:])
        except RuntimeError as exc:
            raise NotLocalError("the server's account has no home: write the whole path") from exc
    return path
