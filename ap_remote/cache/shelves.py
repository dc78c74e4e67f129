"""Where a node stands in the indexes of time: a byte that says what it is, so that a type is a run of keys.

The lower bits are its class; two flags set apart what searches do not see.
"""

from __future__ import annotations

from typing import Final

from ap_remote.model import Entry, Kind, Status

PHOTO: Final = 0
VIDEO: Final = 1
ALBUM: Final = 2
FOLDER: Final = 3
OTHER: Final = 4
"""A file that is neither photograph nor film."""
ASSET: Final = 5
FILES: Final = frozenset({PHOTO, VIDEO, OTHER})
CLASSES: Final = frozenset(range(6))
HIDDEN: Final = 0x40
AWAY: Final = 0x80
"""In the trash, or without its content still."""
_OF_KIND: Final = {Kind.FOLDER: FOLDER, Kind.ALBUM: ALBUM, Kind.ASSET: ASSET}


def shelf(entry: Entry) -> int:
    """Return the byte of a node."""
    found = _OF_KIND.get(entry.kind)
    if found is None:
        found = PHOTO if entry.is_photo else VIDEO if entry.is_video else OTHER
    if entry.hidden:
        found |= HIDDEN
    return found if entry.status is Status.AVAILABLE else found | AWAY
