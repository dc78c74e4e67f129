"""Entries as fsspec's info dictionaries, and paths between both worlds.

fsspec's paths are absolute (``/Pictures/a.jpg``, root ``/``); a remote's have no leading slash. A listing's names are
built below the path that was asked for, so that views and differently cased paths stay one tree.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import InvalidNameError, ProtocolError
from ap_remote.model import Kind
from ap_remote.remote.paths import NAME_LIMIT, check_name, components, is_view, split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ap_remote.model import Entry

Info = dict[str, Any]
"""``name size type mtime created taken id md5 kind content_type version``: no link, no secret, nothing volatile."""


_PARENTS: Final = 4096
"""Folders that are remembered while a tree is walked."""


def key(path: str) -> str:
    """Return the remote's form of an absolute path."""
    return path.lstrip("/")


def child(folder: str, name: str) -> str:
    """Return the absolute path of *name* in *folder*."""
    return f"/{name}" if folder == "/" else f"{folder}/{name}"


def info(entry: Entry, name: str) -> Info:
    """Return the dictionary for *entry* under the absolute path *name*; times are aware datetimes or ``None``."""
    kind, content_type = entry.kind, entry.content_type
    found = _BLANK.copy()
    found["name"] = name
    if kind is _FILE:
        found["size"] = entry.size
    elif entry.is_folder:
        found["type"] = "directory"
        found["kind"] = intern(str(kind))
    else:
        found["size"] = entry.size
        found["kind"] = intern(str(kind))
    found["mtime"] = entry.modified
    found["created"] = entry.created
    found["taken"] = entry.taken
    found["id"] = entry.id
    found["md5"] = entry.md5
    if content_type is not None:
        found["content_type"] = intern(content_type)
    found["version"] = entry.version
    return found


class _Blank:
    """A file of which nothing is known. Copies of an object's attributes share their keys: a third of the memory."""

    def __init__(self) -> None:
        self.name = ""
        self.size = 0
        self.type = "file"
        self.mtime = self.created = self.taken = None
        self.id = ""
        self.md5 = None
        self.kind = "file"
        self.content_type = None
        self.version = 0


_FILE: Final = Kind.FILE
_BLANK: Final[Info] = [vars(_Blank()) for _ in range(32)][-1]
"""Of several, for CPython leaves less room for further keys in those that come later."""


def child_name(entry: Entry, folder: str) -> str:
    """Return the absolute path of an entry that a listing of *folder* yielded.

    Raises:
        ProtocolError: it has a name that cannot be a name.
    """
    # A view tells several of one name apart by what it adds to their names.
    name = split(entry.path)[1] if is_view(key(folder)) else entry.name
    return child(folder, _checked(name, folder))


def child_names(entries: Iterable[Entry], folder: str) -> list[str]:
    """Return :func:`child_name` of all that a listing of a folder outside the views yielded."""
    start = child(folder, "")
    return [start + _checked(each.name, folder) for each in entries]


class Below:
    """Absolute paths for the entries that a recursive listing of one folder yields.

    Siblings come one after the other, so what was found good of a parent is remembered.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._depth = len(components(key(folder)))
        self._parents: dict[str, str] = {}

    def name(self, entry: Entry) -> str:
        """Return the path of an entry.

        Raises:
            ProtocolError: it does not lie below the folder, or a component cannot be a name.
        """
        parent, _, own = entry.path.rpartition("/")
        above = self._parents.get(parent)
        if above is None:
            if len(self._parents) >= _PARENTS:
                self._parents.clear()
            above = self._parents[parent] = self._above(entry, parent)
        return above + _checked(own, self._folder)

    def _above(self, entry: Entry, parent: str) -> str:
        names = components(parent)
        if len(names) < self._depth or not entry.path:
            raise ProtocolError(
                f"a listing of {self._folder!r} has an entry that is not below it: {entry.path!r}",
            )
        return "/".join(
            [self._folder.rstrip("/"), *(_checked(each, self._folder) for each in names[self._depth :]), ""]
        )


def _checked(name: str, folder: str) -> str:
    # A name with ".." or "/" would let a download leave its target folder. One that is only too long harms nobody:
    # it is listed, so that its neighbours can be had, and refused where it is used.
    try:
        return check_name(name)
    except InvalidNameError as exc:
        if len(name) > NAME_LIMIT and "/" not in name and "\0" not in name:
            return name
        raise ProtocolError(f"a listing of {folder!r} has an entry that no path can name: {exc.reason}") from exc
