"""What was made of listings, for as long as the remote vouches that it holds.

The remote's mark of a folder (:meth:`~ap_remote.remote.features.SupportsPeek.peek_mark`) changes with whatever the
node cache learns, from this process or another, and is gone once the listing is too old. So what lies here under a
mark never has to be looked after: it is believed when the mark is the same, and else made anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from ap_remote.errors import InvalidNameError, IsFileError, NotFoundError
from ap_remote.fs.info import Info, child_names, info, key
from ap_remote.remote.features import SupportsPeek

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote

T = TypeVar("T")

INFOS: Final = 32_768
"""Infos that are kept, of half a kilobyte each with what they name (own choice)."""
NAMES: Final = 262_144
"""Names that are kept, of eighty bytes each (own choice)."""


class Names(NamedTuple):
    """The names in a folder, in the order of its listing."""

    folders: tuple[str, ...]
    files: tuple[str, ...]


class Known:
    """Infos and names of folders, by absolute path; those that were used last are kept. Any thread may ask."""

    def __init__(self) -> None:
        self._infos: _Shelf[list[Info]] = _Shelf(INFOS)
        self._names: _Shelf[Names] = _Shelf(NAMES)

    def infos(self, remote: Remote, path: str) -> list[Info] | None:
        """Return the infos of a folder that the remote knows well enough, else ``None``.

        They are kept: who hands them on hands on copies.
        """
        peeking = _peeking(remote)
        return None if peeking is None else self.known_infos(peeking, path)

    def known_infos(self, remote: SupportsPeek, path: str) -> list[Info] | None:
        """Return :meth:`infos` of a remote that can be asked."""
        mark = _mark(remote, path)
        if mark is None:
            return None
        found = self._infos.get(path, mark)
        if found is None:
            entries = _entries(remote, path)
            if entries is None:
                return None
            found = list(map(info, entries, child_names(entries, path)))
            self._infos.keep(path, mark, found, len(found))
        return found

    def names(self, remote: Remote, path: str) -> Names | None:
        """Return the names in a folder that the remote knows well enough, else ``None``."""
        peeking = _peeking(remote)
        mark = None if peeking is None else _mark(peeking, path)
        if peeking is None or mark is None:
            return None
        found = self._names.get(path, mark)
        if found is None:
            entries = _entries(peeking, path)
            if entries is None:
                return None
            child_names(entries, path)  # refuses what cannot be a name
            # Two of one name are one path.
            found = Names(
                tuple(dict.fromkeys(each.name for each in entries if each.is_folder)),
                tuple(dict.fromkeys(each.name for each in entries if not each.is_folder)),
            )
            self._names.keep(path, mark, found, len(entries))
        return found


class _Shelf(Generic[T]):
    """Values under marks, up to *limit* in weight; what was used last stays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._weight = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Hashable, T, int]] = OrderedDict()

    def get(self, path: str, mark: Hashable) -> T | None:
        with self._lock:
            kept = self._kept.get(path)
            if kept is None:
                return None
            if kept[0] != mark:
                self._drop(path)
                return None
            self._kept.move_to_end(path)
            return kept[1]

    def keep(self, path: str, mark: Hashable, value: T, weight: int) -> None:
        weight += 1  # an empty folder is no nothing
        if weight > self._limit:
            return
        with self._lock:
            self._drop(path)
            self._kept[path] = (mark, value, weight)
            self._weight += weight
            while self._weight > self._limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        kept = self._kept.pop(path, None)
        if kept is not None:
            self._weight -= kept[2]


@lru_cache
def can_peek(kind: type[Remote]) -> bool:
    """Whether remotes of a class can say at once what they know."""
    return issubclass(kind, SupportsPeek)


def _peeking(remote: Remote) -> SupportsPeek | None:
    return remote if can_peek(type(remote)) else None  # type: ignore[return-value]  # can_peek has said so


def _mark(remote: SupportsPeek, path: str) -> Hashable | None:
    try:
        return remote.peek_mark(key(path))
    except InvalidNameError:
        return None  # the verb says what is wrong


def _entries(remote: SupportsPeek, path: str) -> Sequence[Entry] | None:
    # What is newer than its mark does no harm: that mark never comes again.
    try:
        return remote.peek_list(key(path))
    except (NotFoundError, IsFileError):
        return None  # it went, or became a file, between both questions
