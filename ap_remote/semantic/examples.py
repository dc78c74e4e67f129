"""Pictures to search by: photographs of the remote, files, bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ap_remote.errors import EncoderError, IsFolderError, NotFoundError, StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry, NodeId
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.encoder import Encoder


class Photograph(NamedTuple):
    """A photograph of the remote that is searched by."""

    entry: Entry
    fetched: bytes | None = None
    """Its picture, where the index has no vector of it."""
    upright: bool = False


async def photograph(remote: Remote, node: NodeId) -> Photograph:
    """Return a photograph of the remote, without its picture.

    Raises:
        NotFoundError: no such photograph.
        IsFolderError: a folder or an album looks like nothing.
    """
    entry = await remote.stat(node)
    if entry.is_folder:
        raise IsFolderError(entry.path)
    return Photograph(entry)


async def fetch(remote: Remote, entry: Entry, encoder: Encoder) -> Photograph:
    """Return a photograph of the remote with its picture.

    Raises:
        EncoderError: it cannot be had.
    """
    from ap_remote.semantic import thumbnails

    fetched = await thumbnails.fetch(remote, entry, size=encoder.thumbnail_size)
    if fetched.status != "ok":
        message = f"{entry.path!r} cannot be searched by: {fetched.reason}"
        raise EncoderError(message)
    return Photograph(entry, fetched.data, fetched.upright)


async def picture(source: Path | bytes) -> bytes:
    """Return the bytes of a picture.

    Raises:
        NotFoundError: no such file.
        IsFolderError: it is a folder.
        StoreError: it cannot be read.
    """
    if isinstance(source, bytes):
        return source
    try:
        return await asyncio.to_thread(source.read_bytes)
    except FileNotFoundError as exc:
        raise NotFoundError(str(source)) from exc
    except IsADirectoryError as exc:
        raise IsFolderError(str(source)) from exc
    except OSError as exc:
        message = f"cannot read {source}: {exc.strerror or exc}"
        raise StoreError(message) from exc


def encode(encoder: Encoder, data: bytes, name: str, *, upright: bool = False) -> NDArray[np.float32]:
    """Return the unit vector ``[dim]`` of a picture. Blocks.

    Raises:
        EncoderError: it is none.
    """
    from ap_remote.semantic import thumbnails

    try:
        image = thumbnails.decode(data, size=encoder.thumbnail_size, upright=upright)
    except thumbnails.UnreadableError as exc:
        message = f"{name} cannot be searched by: {exc}"
        raise EncoderError(message) from exc
    vector: NDArray[np.float32] = encoder.encode_images([image])[0]
    return vector
