"""Renditions of pictures and videos, kept on disk once they were made."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from ap_remote_emulator.blobs import is_full, make_folder
from ap_remote_emulator.errors import NoRenditionError, StoreDamagedError, StoreFullError
from ap_remote_emulator.library.nodes import find
from ap_remote_emulator.library.store import Store

DEFAULT_SIDE: Final = 400


def rendition(store: Store, node_id: str, width: int, height: int) -> Path:
    """Return a JPEG of a node that fits *width* x *height* pixels.

    Raises:
        NodeNotFoundError: there is no such node.
        NoRenditionError: it is no picture, or a damaged one.
        StoreDamagedError: its bytes are missing.
        StoreFullError: no room is left to keep it.
    """
    from ap_remote_emulator.derive import thumbnails
    from ap_remote_emulator.derive.kinds import media_of

    width, height = min(width, thumbnails.MAX_SIDE), min(height, thumbnails.MAX_SIDE)
    with store.read() as connection:
        row = find(connection, node_id)
    # The film of a live photo is in no search, and so has no media of its own.
    media = media_of(row["content_type"]) if row["kind"] == "ASSET" and row["content_type"] else row["media"]
    if media not in ("PHOTOS", "VIDEOS"):
        raise NoRenditionError(f"Node {node_id} has no rendition")
    sha = row["sha"]
    if sha is None or not (source := store.blobs.path(sha)).exists():
        raise StoreDamagedError(node_id)
    target = store.blobs.rendition_path(sha, width, height)
    if target.exists():
        return target
    content_type = row["content_type"] or ""
    picture = thumbnails.make(source, width, height, video=media == "VIDEOS", content_type=content_type)
    if picture is None:
        why = thumbnails.lacking(content_type)
        raise NoRenditionError(f"Node {node_id} has no rendition" + (f": {why}" if why else ""))
    try:
        make_folder(target.parent)
        draft = target.with_name(f".{secrets.token_hex(8)}")
        try:
            draft.write_bytes(picture)
            os.replace(draft, target)  # noqa: PTH105 - a rename over what another process may have made meanwhile
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if is_full(error):
            raise StoreFullError from error
        raise
    return target
