"""What the node cache says at once, without a loop and from any thread."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ap_remote.backends.amazon_ability import Ability
from ap_remote.cache import Stale
from ap_remote.errors import IsFileError, NotFoundError, StoreError
from ap_remote.model import Entry, Kind
from ap_remote.remote import paths


class Peek(Ability):
    """Answers that are fresh enough for :meth:`~ap_remote.remote.base.Remote.stat`; views always have to be asked."""

    def peek(self, path: str) -> Entry | None:
        """Return what is known to be at a path."""
        place = paths.normalise(path)
        if paths.is_view(place):
            return None
        try:
            found = self._tree.cache.peek(place, since=self._tree.since())
        except StoreError:
            return None  # closed meanwhile, or broken: whoever asks for it properly is told
        if isinstance(found, Stale):
            return None
        if found is None:
            raise NotFoundError(place)
        return found

    def peek_list(self, path: str) -> Sequence[Entry] | None:
        """Return what is known to be in a folder."""
        place = paths.normalise(path)
        if paths.is_view(place):
            return None
        try:
            found = self._tree.cache.peek_children(place, since=self._tree.since())
        except StoreError:
            return None
        if isinstance(found, Stale):
            return None
        if found is None:
            raise NotFoundError(place)
        folder, children = found
        if folder.kind not in (Kind.FOLDER, Kind.ALBUM):
            raise IsFileError(folder.path)
        return children

    def peek_mark(self, path: str) -> Hashable | None:
        """Return what changes with every transaction of the node cache, whichever process made it."""
        place = paths.normalise(path)
        if paths.is_view(place):
            return None
        try:
            return self._tree.cache.peek_mark(place, since=self._tree.since())
        except StoreError:
            return None
