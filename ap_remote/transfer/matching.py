"""How paths of two sides meet, and what of an item a plan remembers."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from ap_remote.errors import InvalidNameError
from ap_remote.remote import paths
from ap_remote.transfer.localnames import held_name
from ap_remote.transfer.plan import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ap_remote.transfer.account import Account
    from ap_remote.transfer.sides import Item

_LONG: Final = 42
"""Characters from which a path may have a name that is too long for a disk."""
_COUNTED: Final = re.compile(r" \(\d+\)\Z")


_MARK: Final = 12
"""Hexadecimal digits of a digest that tell a passing name."""
_PASSING: Final = re.compile(rf"\.ap-([0-9a-f]{{{_MARK}}})(?:\.[^./]{{1,10}})?\Z")


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


def unfit(item: Item, target: Account) -> str:
    """Return why an account cannot hold an item of its name there; nothing if it can."""
    if item.is_folder and target.is_album:
        return "an album has no folders in it: copy this one into an album of its own"
    try:
        paths.check_name(paths.split(item.path)[1])
    except InvalidNameError as exc:
        return str(exc)
    return ""


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


def passing_path(path: str, md5: str) -> str:
    """Return the path that a file has until it gets its own: its kind, which its extension tells, stays.

    The digest in it lets any later run, of whatever plan, know the file and go on with it.
    """
    parent, name = paths.split(path)
    head, dot, extension = name.rpartition(".")
    if not head or len(extension) > 10:  # noqa: PLR2004 - longer is no extension
        head, dot, extension = name, "", ""
    tail = f".ap-{md5[:_MARK]}{dot}{extension}"
    return paths.join(parent, f"{head[: paths.NAME_LIMIT - len(tail)]}{tail}")


def strays(items: Iterable[Item]) -> list[Item]:
    """Return the files of an account that a replacement left under their passing names when it was killed."""
    return [
        item
        for item in items
        if item.md5 is not None and (found := _PASSING.search(item.path)) and item.md5.startswith(found[1])
    ]
