"""What things are called in the virtual tree: names that are path components, no two of one place alike.

A name that cannot be a component is written with the fullwidth twins of what it may not have, as nodes' names are
(:func:`ap_remote.mapping.name`). What would share a name is told apart by ``name {id8}.jpg``: the first eight
characters of the id, before the extension; where those are shared as well the whole id, and then a hash of it. None of
this is taken apart again: a name is looked up among those that its place lists.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec

from ap_remote.model import Entry
from ap_remote.remote import paths

NAMELESS: Final = "(no name)"
"""What is shown in the place of an empty name."""
_MARK: Final = 8
_EXTENSION: Final = 16
"""Characters that an extension has at most; what is longer is part of the name."""
_TWINS: Final = str.maketrans({"/": "\uff0f", "\0": "\u2400"})
_LONE: Final = re.compile("[\ud800-\udfff]")


class Item(msgspec.Struct, frozen=True):
    """What lies in a place of the virtual tree."""

    name: str
    """The name that it has of itself."""
    key: str
    """The node's id; of a directory of the table what stands for it at the service: a label, the id of a cluster."""
    entry: Entry | None = None
    """``None`` for a directory of the table."""
    marked: bool = False
    """Whether it is never seen without a mark."""


def legal(name: str) -> str:
    """Return a name as a path can hold it. Different names may become one."""
    if not name:
        return NAMELESS
    if name in (".", ".."):
        return name.replace(".", "\uff0e")
    return _LONE.sub("\ufffd", name.translate(_TWINS))[: paths.NAME_LIMIT]


def plain(shown: str) -> str:
    """Return the text that is written as the component *shown*, slashes in it."""
    return shown.replace("\uff0f", "/")


def marked(name: str, mark: str, *, is_file: bool) -> str:
    """Return a name with a mark: a file's before its extension. What is too long is cut, the mark is not."""
    stem, dot, extension = name.rpartition(".")
    if not is_file or not stem or len(extension) > _EXTENSION:
        stem, dot, extension = name, "", ""
    ending = f" {{{mark}}}{dot}{extension}"
    return stem[: paths.NAME_LIMIT - len(ending)] + ending


def shown(items: Sequence[Item]) -> list[str]:
    """Return under which names *items*, no two of one key, are seen; no two names are alike whatever their case.

    A name that one of them alone has stays as it is, even where it looks like another one's with its mark. The names
    depend on what is there, not on the order.
    """
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[paths.fold(legal(item.name))].append(index)
    names = [legal(item.name) for item in items]
    crowded = sorted((key, rows) for key, rows in groups.items() if len(rows) > 1 or items[rows[0]].marked)
    taken = set(groups)
    for _, rows in crowded:
        for level in itertools.count():
            candidates = [_at(items[index], level) for index in rows]
            folded = {paths.fold(each) for each in candidates}
            if len(folded) == len(rows) and not folded & taken:
                taken |= folded
                for index, name in zip(rows, candidates, strict=True):
                    names[index] = name
                break
    return names


def alike(items: Sequence[Item], name: str) -> list[str]:
    """Return the keys of those whose own name is *name*, whatever they are shown as."""
    wanted = paths.fold(name)
    return [item.key for item in items if paths.fold(legal(item.name)) == wanted]


def _at(item: Item, level: int) -> str:
    """Return an item's name with the mark of a level: the longer ones are needed where shorter ones are shared."""
    if level == 0:
        mark = legal(item.key[:_MARK])
    elif level == 1:
        mark = legal(item.key)
    else:
        mark = hashlib.sha256(f"{level} {item.key}".encode("utf-8", "surrogatepass")).hexdigest()[: _MARK * level]
    is_file = item.entry is not None and not item.entry.is_folder
    return marked(legal(item.name), mark, is_file=is_file)
