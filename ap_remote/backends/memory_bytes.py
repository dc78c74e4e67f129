"""Bytes by other ways, in memory: parts of a file, archives, what is known by its digest, renditions."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Final

from ap_remote.backends import memory_photo
from ap_remote.backends.memory_ability import Ability
from ap_remote.errors import IsFolderError, UnsupportedError
from ap_remote.model import Entry, Kind, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from ap_remote.backends.memory_tree import Node
    from ap_remote.model import Ref

ARCHIVE: Final = 1200
"""Files in one archive, as with Amazon."""
_PIECE: Final = 1 << 20


class Bytes(Ability):
    """The abilities that hand out bytes, or know them."""

    async def assets(self, target: Ref) -> Sequence[Entry]:
        """Return a file's parts, by name."""
        path, node = self._targets.seen(target)
        if node is None or node.kind in (Kind.FOLDER, Kind.ALBUM):
            raise IsFolderError(path)
        return [self._tree.entry(each) for each in self._tree.ordered(node) if each.kind is Kind.ASSET]

    def seed_film(self, target: Ref, name: str, data: bytes) -> str:
        """Make a live photo of a picture behind the verbs' back, and return its film's id."""
        node = self._tree.add(self._targets.live(target), name, Kind.ASSET)
        node.data, node.md5 = data, hashlib.md5(data, usedforsecurity=False).hexdigest()
        node.content_type = "video/quicktime"
        return node.id

    async def archive(self, *targets: Ref) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a ZIP."""
        files = self._files(targets)
        if not files:
            message = "no file is there to make an archive of"
            raise UnsupportedError(message)
        if len(files) > ARCHIVE:
            message = f"an archive holds at most {ARCHIVE:,} files, these are {len(files):,}: take them in portions"
            raise UnsupportedError(message)
        data = await asyncio.to_thread(_zipped, files)
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]

    async def known(self, digests: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries that hold contents of these md5 digests."""
        wanted = {each.lower() for each in digests}
        nodes = [node for node in self._tree.available() if node.kind is Kind.FILE and node.md5 in wanted]
        found = {node.md5: self._tree.entry(node) for node in reversed(nodes)}
        return {each: found[each.lower()] for each in digests if each.lower() in found}

    async def _holders(self, md5: str) -> Sequence[Entry]:
        """Return all files of this content."""
        nodes = [node for node in self._tree.available() if node.kind is Kind.FILE and node.md5 == md5.lower()]
        return [self._tree.entry(node) for node in nodes]

    async def rendition(self, target: Ref, *, width: int, height: int) -> bytes:
        """Return a picture that fits; films have none here."""
        _, node = self._targets.seen(target)
        if node is None or not (node.content_type or "").startswith("image/"):
            message = f"no rendition can be made: {target} is no picture"
            raise UnsupportedError(message)
        return await asyncio.to_thread(memory_photo.thumbnail, node.data, size=min(width, height))

    def _files(self, targets: Sequence[Ref]) -> dict[str, Node]:
        """Return the files that targets mean, by id."""
        found: dict[str, Node] = {}
        for target in targets:
            path, node = self._targets.seen(target)
            if node is not None and node.kind is Kind.FILE:
                found[node.id] = node
                continue
            inside = (self._tree.by_id(each.id) for each in self._targets.listed(path, node, recursive=True))
            found |= {each.id: each for each in inside if each is not None and each.kind is Kind.FILE}
        return {key: node for key, node in found.items() if node.status is Status.AVAILABLE}


def _zipped(files: Mapping[str, Node]) -> bytes:
    """Return a ZIP; of two files of one name the later one gets its id put before it."""
    buffer = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, node in _named(files, taken):
            archive.writestr(name, node.data)
    return buffer.getvalue()


def _named(files: Mapping[str, Node], taken: set[str]) -> Iterator[tuple[str, Node]]:
    for node in files.values():
        name = node.name if paths.fold(node.name) not in taken else f"{node.id} {node.name}"
        taken.add(paths.fold(name))
        yield name, node
