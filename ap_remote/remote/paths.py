"""What a legal path is, and how paths are taken apart.

A path has no leading slash and no empty, ``.`` or ``..`` component; ``""`` is the root. Names are kept as they are
stored; the service compares them without regard to case (:func:`fold`). ``.views`` at the root is a directory of
virtual views that listings leave out unless it is asked for by name.
"""

from __future__ import annotations

import re
from typing import Final

from ap_remote.errors import InvalidNameError, UnsupportedError
from ap_remote.model import NodeId, Ref

ROOT: Final = ""
VIEWS: Final = ".views"
TRASH_VIEW: Final = ".views/trash"
ALBUMS_VIEW: Final = ".views/albums"
FAVORITES_VIEW: Final = ".views/favorites"
HIDDEN_VIEW: Final = ".views/hidden"
_NO_NAMES: Final = frozenset({"", ".", ".."})
_ODD: Final = re.compile("[/\0\ud800-\udfff]")
NAME_LIMIT: Final = 256
"""Characters in a name; the figure is the clients', not Amazon's [amazon-photos-api.md 6.1, 18]."""


def normalise(path: str) -> str:
    """Return *path* without leading, trailing and doubled slashes, and with :data:`VIEWS` as it is written here.

    Raises:
        InvalidNameError: a component is ``.`` or ``..``, or cannot be a name.
    """
    parts = [part for part in path.split("/") if part]
    for part in parts:
        check_name(part)
    if parts and _is_views(parts[0]):
        parts[0] = VIEWS
    return "/".join(parts)


def check_name(name: str) -> str:
    """Return *name* if the service can hold an entry of it.

    Raises:
        InvalidNameError: empty, ``.``, ``..``, over 256 characters, with ``/`` or NUL in it, or no valid text.
    """
    if len(name) <= NAME_LIMIT and name not in _NO_NAMES and not _ODD.search(name):
        return name
    if not name:
        raise InvalidNameError(name, "it is empty")
    if name in (".", ".."):
        raise InvalidNameError(name, "it means a folder's position, not an entry")
    if "/" in name:
        raise InvalidNameError(name, "it contains '/'")
    if "\0" in name:
        raise InvalidNameError(name, "it contains NUL")
    if len(name) <= NAME_LIMIT:
        raise InvalidNameError(name.encode("utf-8", "replace").decode(), "it is not valid text (a lone surrogate)")
    raise InvalidNameError(name, f"it has {len(name)} characters, {NAME_LIMIT} are allowed")


def join(*parts: str) -> str:
    """Put paths and names together; empty ones vanish."""
    return "/".join(part for part in parts if part)


def split(path: str) -> tuple[str, str]:
    """Return the parent path and the name; the root's are both empty."""
    parent, _, name = path.rpartition("/")
    return parent, name


def components(path: str) -> tuple[str, ...]:
    """Return the names from the root down."""
    return tuple(path.split("/")) if path else ()


def fold(name: str) -> str:
    """Return the form under which two names of one folder collide."""
    return name.casefold()


def is_view(path: str) -> bool:
    """Whether *path* lies in the virtual tree, whatever the case of its first name: names are compared so."""
    return path[:1] == VIEWS[0] and _is_views(path.partition("/")[0])


def view_name(path: str) -> tuple[str, tuple[str, ...]]:
    """Return the view that a path of the virtual tree lies in, and the names below it.

    ``.views/albums/Rome/a.jpg`` is ``("albums", ("Rome", "a.jpg"))``; ``.views`` itself is ``("", ())``.

    Raises:
        ValueError: the path is none of the virtual tree.
    """
    top, *rest = path.split("/")
    if not _is_views(top):
        raise ValueError(f"{path!r} lies in no view")
    return (fold(rest[0]), tuple(rest[1:])) if rest else ("", ())


def _is_views(name: str) -> bool:
    return name == VIEWS or (name[:1] == VIEWS[0] and fold(name) == VIEWS)


def below_albums(path: str) -> tuple[str, ...]:
    """Return the names below ``.views/albums`` that lead to a path: an album, and a member; none for any other path."""
    if not is_view(path):
        return ()
    view, names = view_name(path)
    return names if view == split(ALBUMS_VIEW)[1] else ()


def album_name(path: str) -> str:
    """Return the name that an album gets by being moved to a normal path.

    Raises:
        UnsupportedError: the path is no album's.
    """
    match below_albums(path):
        case (name,):
            return name
    raise UnsupportedError(f"an album has no folder; rename it to {ALBUMS_VIEW}/<name>")


def parse_ref(text: str) -> Ref:
    """Read what a person types: ``id:<node id>``, else a path. ``/id:x`` is the path ``id:x``."""
    if text.startswith("id:") and len(text) > len("id:"):
        return NodeId(text.removeprefix("id:"))
    return normalise(text)


def writable(path: str) -> str:
    """Return the path in normal form, if a node could be made there, or if it is the root.

    Raises:
        InvalidNameError: a name that the service cannot hold.
        UnsupportedError: it lies in the views.
    """
    place = normalise(path)
    if is_view(place):
        raise UnsupportedError(f"nothing can be put at {place!r}: of the views only albums take files")
    return place
