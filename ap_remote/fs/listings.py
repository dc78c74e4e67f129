"""A cache of listings, for who asks for one: fsspec's own, with what it lacks.

The node cache knows already, and learns of every write; this one answers a listing again without asking anything, and
is off unless ``use_listings_cache=True``. It forgets by time, and whatever a write through the same filesystem may
have touched.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from ap_remote.fs.info import Info, key
from ap_remote.remote.paths import VIEWS, fold, is_view

if TYPE_CHECKING:
    from collections.abc import Iterable

EXPIRY: Final = 60.0
"""Seconds for which a listing is believed; fsspec's own cache would believe it for ever."""
_SWEPT: Final = 512
"""Listings after which those that have expired are dropped; fsspec's own cache keeps them until they are asked for."""


class Listings:
    """What is remembered in a filesystem's ``dircache``, by absolute path."""

    def __init__(self, dircache: Any) -> None:
        self._kept = dircache
        self._lock = threading.Lock()
        self.count = 0
        """Grows whenever something is forgotten."""

    def children(self, path: str) -> list[Info] | None:
        """Return the listing of a folder, if it is remembered; the caller may change it."""
        infos = self._get(path)
        return None if infos is None else [each.copy() for each in infos]

    def info(self, path: str) -> Info | None:
        """Return an entry of a listing that is remembered, ``None`` if there is none.

        That a listing lacks a name proves nothing: names are compared without regard to case, and views are listed
        nowhere.
        """
        for each in self._get(path.rpartition("/")[0] or "/") or ():
            if each["name"] == path:
                return each.copy()
        return None

    def keep(self, path: str, infos: Iterable[Info], before: int) -> None:
        """Remember a listing that was begun when :attr:`count` was *before*, unless something was forgotten since."""
        with self._lock:
            if before == self.count and self._kept.use_listings_cache:
                self._kept[path] = [each.copy() for each in infos]
                if len(self._kept) % _SWEPT == 0:
                    list(self._kept)  # it drops what has expired from what it yields

    def forget(self, path: str | None = None) -> None:
        """Forget a path, all above it and all below it; without a path, everything.

        Each view may show what lies anywhere, so every change touches the views, and one in a view everything.
        """
        with self._lock:
            self.count += 1
            if path is None or is_view(key(path)):
                self._kept.clear()
                return
            gone = fold(path).rstrip("/")
            for each in list(self._kept):
                other = fold(each).rstrip("/")
                if f"{gone}/".startswith(f"{other}/") or other.startswith((f"{gone}/", f"/{VIEWS}")):
                    self._drop(each)

    def _get(self, path: str) -> list[Info] | None:
        if not self._kept.use_listings_cache:
            return None
        with self._lock:
            try:
                found: list[Info] = self._kept[path]
            except KeyError:
                return None
        return found

    def _drop(self, path: str) -> None:
        try:
            del self._kept[path]
        except KeyError:
            return  # it expired meanwhile
