"""How paths of two sides meet, and what of an item a plan remembers."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from ap_remote.remote import paths
from ap_remote.transfer.localnames import held_name
from ap_remote.transfer.plan import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.transfer.account import Account
    from ap_remote.transfer.sides import Item

_LONG: Final = 42
"""Characters from which a path may have a name that is too long for a disk."""
_COUNTED: Final = re.compile(r" \(\d+\)\Z")


def seen(item: Item, md5: str | None = None) -> Seen:
    """Return an item as a plan remembers it."""
    return Seen(
        path=item.path,
        size=item.size,
        md5=md5 or item.md5,
        id=item.id,
        version=item.version,
        stamp=item.stamp,
        modified=item.modified,
        taken=item.taken,
    )


def match_key(path: str, *, on_disk: bool = True) -> str:
    """Return the form under which a path of one side meets its like at the other."""
    if on_disk and len(path) > _LONG:
        path = "/".join(map(held_name, path.split("/")))
    return path.lower() if path.isascii() else paths.fold(unicodedata.normalize("NFC", path))


def is_same_account(one: Account, other: Account) -> bool:
    """Whether both sides are of one account."""
    return one.remote is other.remote or one.remote.name == other.remote.name


def stem(path: str) -> str:
    """Return what a photo and its film have in common."""
    folder, name = paths.split(path)
    head, dot, _ = name.rpartition(".")
    head = _COUNTED.sub("", head if dot and head else name)
    return match_key(paths.join(folder, head))


def above(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the nearest first, without the root."""
    while path := paths.split(path)[0]:
        yield path


def printable(path: str) -> str:
    """Return a path that can be written down, whatever bytes its names are of."""
    return path.encode("utf-8", "replace").decode()
