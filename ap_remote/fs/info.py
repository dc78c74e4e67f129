"""Entries as fsspec's info dictionaries, and paths between both worlds.

fsspec's paths are absolute (``/Pictures/a.jpg``, root ``/``); a remote's have no leading slash. A listing's names are
built below the path that was asked for, so that views and differently cased paths stay one tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ap_remote.errors import InvalidNameError, ProtocolError
from ap_remote.remote.paths import check_name, components

if TYPE_CHECKING:
    from ap_remote.model import Entry

Info = dict[str, Any]
"""``name size type mtime created taken id md5 kind content_type version``: no link, no secret, nothing volatile."""


def key(path: str) -> str:
    """Return the remote's form of an absolute path."""
    return path.lstrip("/")


def child(folder: str, name: str) -> str:
    """Return the absolute path of *name* in *folder*."""
    return f"/{name}" if folder == "/" else f"{folder}/{name}"


def info(entry: Entry, name: str) -> Info:
    """Return the dictionary for *entry* under the absolute path *name*; times are aware datetimes or ``None``."""
    return {
        "name": name,
        "size": 0 if entry.is_folder else entry.size,
        "type": "directory" if entry.is_folder else "file",
        "mtime": entry.modified,
        "created": entry.created,
        "taken": entry.taken,
        "id": entry.id,
        "md5": entry.md5,
        "kind": str(entry.kind),
        "content_type": entry.content_type,
        "version": entry.version,
    }


def child_info(entry: Entry, folder: str) -> Info:
    """Return the dictionary for an entry that a listing of *folder* yielded."""
    return info(entry, child(folder, _checked(entry.name, folder)))


def descendant_info(entry: Entry, folder: str) -> Info:
    """Return the dictionary for an entry that a recursive listing of *folder* yielded.

    Raises:
        ProtocolError: the entry does not lie below *folder*, or a component cannot be a name.
    """
    below = components(entry.path)[len(components(key(folder))) :]
    if not below:
        raise ProtocolError(f"a listing of {folder!r} has an entry that is not below it: {entry.path!r}")
    return info(entry, child(folder, "/".join(_checked(name, folder) for name in below)))


def _checked(name: str, folder: str) -> str:
    # A name with ".." or "/" would let a download leave its target folder.
    try:
        return check_name(name)
    except InvalidNameError as exc:
        raise ProtocolError(f"a listing of {folder!r} has an entry that no path can name: {exc.reason}") from exc
