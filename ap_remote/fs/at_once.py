"""Questions that the node cache can answer are answered on the calling thread.

The synchronous face of fsspec hands every call to the loop's thread and waits for it, which takes longer than the
answer. What the remote knows well enough it tells any thread (:class:`~ap_remote.remote.features.SupportsPeek`);
everything else takes the usual way.
"""

# fsspec fixes these signatures, positional booleans included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fsspec.asyn import sync  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import IsFileError
from ap_remote.fs.changes import Changes
from ap_remote.fs.info import Info, child_name, info, key
from ap_remote.fs.known import can_peek
from ap_remote.fs.listing import ABSENT

if TYPE_CHECKING:
    from datetime import datetime

    from ap_remote.remote.features import SupportsPeek


class AtOnce(Changes):
    """The synchronous faces of what looks at one entry or one folder."""

    def info(self, path: str, **kwargs: Any) -> Info:
        """Return the dictionary of an entry; see :data:`~ap_remote.fs.info.Info`."""
        found = self._info_at_once(path, kwargs)
        if found is None:
            found = sync(self.loop, self._info, path, **kwargs)
        return found

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        """List a folder, or a file as itself: infos, or without *detail* their paths."""
        infos = self._children_at_once(path, kwargs)
        if infos is None:
            infos = sync(self.loop, self._ls, path, **kwargs)
        return [each.copy() for each in infos] if detail else [each["name"] for each in infos]

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether anything is at *path*. An expired login is an error, not an absence."""
        try:
            self.info(path, **kwargs)
        except ABSENT:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Whether a file is at *path*."""
        return self._type_of(path) == "file"

    def isdir(self, path: str) -> bool:
        """Whether a folder is at *path*."""
        return self._type_of(path) == "directory"

    def size(self, path: str) -> int:
        """Return the bytes of a file."""
        return int(self.info(path)["size"])

    def created(self, path: str) -> datetime | None:
        """Return when the entry came to be on the service, in UTC."""
        created: datetime | None = self.info(path)["created"]
        return created

    def modified(self, path: str) -> datetime | None:
        """Return when the entry last changed on the service, in UTC."""
        modified: datetime | None = self.info(path)["mtime"]
        return modified

    def ukey(self, path: str) -> str:
        """Return a text that changes whenever the content does, and only with the entry."""
        return ukey_of(self.info(path))

    def checksum(self, path: str) -> int:
        """Return the md5 as a number; a folder, which has none, gives its version's."""
        return checksum_of(self.info(path))

    def _type_of(self, path: str) -> str | None:
        try:
            return str(self.info(path)["type"])
        except ABSENT:
            return None

    def _info_at_once(self, path: str, options: dict[str, Any]) -> Info | None:
        remote = self._peeking(options)
        if remote is None:
            return None
        path = self._strip_protocol(path)
        kept = self._listings.info(path)
        if kept is not None:
            return kept
        entry = remote.peek(key(path))
        return None if entry is None else info(entry, path)

    def _children_at_once(self, path: str, options: dict[str, Any]) -> list[Info] | None:
        remote = self._peeking(options)
        if remote is None:
            return None
        path = self._strip_protocol(path)
        kept = self._listings.children(path)
        if kept is not None:
            return kept
        known = self._known.known_infos(remote, path)
        if known is not None:
            return known
        try:
            entries = remote.peek_list(key(path))
        except IsFileError:
            entry = remote.peek(key(path))
            return None if entry is None else [info(entry, path)]
        return None if entries is None else [info(each, child_name(each, path)) for each in entries]

    def _peeking(self, options: dict[str, Any]) -> SupportsPeek | None:
        """Return the remote of the loop that would be asked, if it may be asked without the loop."""
        if self.asynchronous or self._is_fresh(options):
            return None
        loop = self.loop  # refuses after a fork
        remote = self._remotes.beside(loop)
        if remote is None or not can_peek(type(remote)):
            return None
        try:
            on_its_thread = asyncio.get_running_loop() is loop
        except RuntimeError:
            on_its_thread = False
        # There no synchronous call is allowed, or else it would be luck whether it works.
        return None if on_its_thread else remote  # type: ignore[return-value]  # can_peek has said so


def ukey_of(found: Info) -> str:
    """Return the identity of a content."""
    return f"{found['id']}-{found['version']}-{found['md5']}"


def checksum_of(found: Info) -> int:
    """Return the md5 as a number, or the version of what has none."""
    return int(found["md5"], 16) if found["md5"] else int(found["version"])
