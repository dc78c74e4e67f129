"""One look at everything below a local folder."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ap_remote.errors import InvalidNameError, NotFoundError, UnsupportedError
from ap_remote.remote.paths import check_name, split
from ap_remote.transfer.digests import stamp_of
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.localnames import local_name, remote_name
from ap_remote.transfer.sides import Item, Listing, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ap_remote.transfer.filters import Filters

TRASH: Final = ".ap-trash"

JUNK: Final = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", ".ds_store", "thumbs.db", "desktop.ini", ".spotlight-v100", ".trashes"}
)
"""Folders and files that systems leave among photographs; one NAS once put 26,000 of them into an account."""

_PARTIAL: Final = ".partial"
_TELL: Final = 1000
"""Files after which progress is told."""


def is_junk(name: str) -> bool:
    """Whether a name is of what systems, or broken-off downloads of ours, leave among photographs."""
    return name.casefold() in JUNK or (name.startswith(".") and (name.endswith(_PARTIAL) or name == TRASH))


class Walk:
    """One look at everything below a root."""

    def __init__(
        self, root: Path, only: frozenset[str] | None, filters: Filters, tell: Callable[[int], None], *, junk: bool
    ) -> None:
        self._root = root
        self._only = only
        self._ways = {"/".join(path.split("/")[:depth]) for path in only or () for depth in range(path.count("/") + 1)}
        self._filters = filters
        self._all = filters == EVERYTHING
        self._junk = junk
        self._tell = tell
        self._items: list[Item] = []
        self._unread: list[Unread] = []
        self._outside: list[str] = []
        self._asked: set[str] = set()

    def listing(self) -> Listing:
        """Return what there is.

        Raises:
            NotFoundError: the root, or one of the paths that were asked for, does not exist.
            UnsupportedError: the root is neither a file nor a folder.
        """
        try:
            facts = self._root.stat()
        except FileNotFoundError:
            raise NotFoundError(str(self._root)) from None
        if stat.S_ISREG(facts.st_mode):
            self._file(remote_or_raw(self._root.name), facts)
        elif stat.S_ISDIR(facts.st_mode):
            self._below()
        else:
            raise UnsupportedError(f"neither a file nor a folder: {self._root}")
        missing = (self._only or frozenset()) - self._asked
        if missing:
            raise NotFoundError(str(self._root / min(missing)))
        self._tell(len(self._items))
        return Listing(
            items=tuple(self._items),
            unread=tuple(self._unread),
            left_out=len(self._outside),
            outside=tuple(self._outside),
        )

    def _below(self) -> None:
        todo: list[Iterator[tuple[str, os.DirEntry[str]]]] = [iter(self._entries(str(self._root), ""))]
        while todo:
            found = next(todo[-1], None)
            if found is None:
                todo.pop()
            elif self._entry(*found):
                todo.append(iter(self._entries(found[1].path, found[0])))

    def _entries(self, folder: str, path: str) -> list[tuple[str, os.DirEntry[str]]]:
        """Return what lies in a folder, by name, each with its path."""
        try:
            with os.scandir(folder) as entries:
                found = [*entries]
        except FileNotFoundError:
            if path:
                # It went while we looked, and what is gone is not listed.
                return []
            raise NotFoundError(folder) from None
        except OSError as exc:
            self._unread.append(Unread(path=path, reason=f"the folder cannot be read: {exc.strerror or exc}"))
            return []
        head = path + "/" if path else ""
        named: dict[str, os.DirEntry[str]] = {}
        for entry in found:
            name = entry.name
            if not name.isascii():
                name = self._named(head, name)
                if name is None:
                    continue
                other = named.get(name)
                if other is not None:
                    # The name that we would write is the one that a path finds.
                    ours = entry.name == local_name(name)
                    self._unread.append(
                        Unread(
                            path=head + name, reason=f"{entry.name!r} and {other.name!r} stand for one name: rename one"
                        )
                    )
                    if not ours:
                        continue
            named[name] = entry
        return [(head + name, named[name]) for name in sorted(named)]

    def _named(self, head: str, name: str) -> str | None:
        try:
            name.encode()
        except UnicodeEncodeError:
            if self._only is not None and not self._wanted(head + name):
                return None
            shown = head + os.fsencode(name).decode(errors="replace")
            if self._filters.takes(shown, size=0, modified=None):
                self._unread.append(
                    Unread(path=shown, reason="its name is not valid UTF-8, so no account can hold it: rename it")
                )
            else:
                self._outside.append(shown)
            return None
        return remote_or_raw(name)

    def _entry(self, path: str, entry: os.DirEntry[str]) -> bool:
        """Note one entry; return whether it is a folder to look into."""
        if self._only is not None and entry.name != TRASH and not self._wanted(path):
            return False
        if entry.name == TRASH or (not self._junk and is_junk(entry.name) and path not in self._asked):
            self._outside.append(path)
            return False
        try:
            if entry.is_dir(follow_symlinks=False):
                return self._folder(path)
            facts = entry.stat()
        except FileNotFoundError:
            if entry.is_symlink():
                self._unread.append(Unread(path=path, reason="a link that leads nowhere"))
        except OSError as exc:
            self._unread.append(Unread(path=path, reason=f"it cannot be looked at: {exc.strerror or exc}"))
        else:
            if stat.S_ISREG(facts.st_mode):
                self._file(path, facts)
            else:
                self._outside.append(path)
        return False

    def _folder(self, path: str) -> bool:
        if self._all or self._filters.enters(path):
            self._items.append(Item(path=path, is_folder=True))
            return True
        self._outside.append(path)
        return False

    def _wanted(self, path: str) -> bool:
        """Whether a path is one that was asked for, or below it, or on the way to it."""
        only = self._only or frozenset()
        if path in only:
            self._asked.add(path)
            return True
        above, below = path, False
        while above and not below:
            above = split(above)[0]
            below = above in only
        return below or path in self._ways

    def _file(self, path: str, facts: os.stat_result) -> None:
        item = item_of(path, facts)
        if self._all or self._filters.takes(path, size=item.size, modified=item.modified):
            self._items.append(item)
            if len(self._items) % _TELL == 0:
                self._tell(len(self._items))
        else:
            self._outside.append(path)


def remote_or_raw(name: str) -> str:
    """Return what a name on the disk stands for; itself where that could be no name of an account."""
    decoded = remote_name(name)
    if decoded == name:
        return name
    try:
        return check_name(decoded)
    except InvalidNameError:
        return name


def is_free_name(name: str) -> bool:
    """Whether a disk could hold a name as it is."""
    return name not in (".", "..") and "\0" not in name


def item_of(path: str, facts: os.stat_result) -> Item:
    """Return a file as what the system says of it."""
    try:
        modified = datetime.fromtimestamp(facts.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):
        # Some cameras write dates that no calendar has.
        modified = None
    return Item(path=path, size=facts.st_size, modified=modified, stamp=stamp_of(facts))
