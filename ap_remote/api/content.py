"""Bytes: upload, overwrite, download, thumbnails."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ap_remote.transport.call import Call, segment
from ap_remote.wire._base import stamp
from ap_remote.wire.content import BYTES
from ap_remote.wire.nodes import FILE, NODE, Node

_BINARY = "application/octet-stream"


def upload(
    name: str,
    parent_id: str,
    body: bytes | Path,
    *,
    md5: str,
    size: int,
    suppress_duplicates_check: bool,
    taken: datetime | None = None,
) -> Call[Node]:
    """Send a new file the way the site does (``v2/upload``).

    A taken name is refused: no ``conflictResolution`` is asked for.

    Args:
        name: of the new file.
        parent_id: the folder it goes into.
        body: bytes, or a local file that is streamed.
        md5: of the bytes, lower-case hexadecimal.
        size: in bytes; a local file of another length is not sent.
        suppress_duplicates_check: store the bytes even where the account holds them already (inferred).
        taken: capture time, for a file that does not tell it.
    """
    params = {"name": name, "parentNodeId": parent_id, "fileSize": str(size)}
    if taken is not None:
        params["contentDate"] = stamp(taken)
    if suppress_duplicates_check:
        params["suppress"] = "DEDUPLICATION"
    return Call(
        method="POST",
        host="content",
        path="v2/upload",
        params=params,
        body=body,
        size=size,
        headers={"content-type": _BINARY, "x-amzn-file-md5": md5},
        reply=NODE,
        subject=name,
    )


def upload_simple(name: str, parent_id: str, body: bytes | Path, *, size: int | None = None) -> Call[Node]:
    """Send a new file the way the seed client did (``cdproxy/nodes``); bytes that are known already are refused."""
    return Call(
        method="POST",
        host="content",
        path="cdproxy/nodes",
        params={"name": name, "kind": FILE, "parentNodeId": parent_id},
        body=body,
        size=size,
        headers={"content-type": _BINARY},
        reply=NODE,
        subject=name,
    )


def overwrite(node_id: str, body: bytes | Path, *, md5: str, size: int) -> Call[Node]:
    """Replace a file's content; id and name stay."""
    return Call(
        method="PUT",
        host="content",
        path=f"v2/upload/{segment(node_id)}",
        params={"fileSize": str(size)},
        body=body,
        size=size,
        headers={"content-type": _BINARY, "x-amzn-file-md5": md5},
        reply=NODE,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def content(node_id: str, owner_id: str | None = None) -> Call[bytes]:
    """Ask for a file's bytes; the metadata host sends on to a signed address."""
    params = {"querySuffix": "?download=true"}
    if owner_id is not None:
        params["ownerId"] = owner_id
    return Call(
        method="GET",
        path=f"nodes/{segment(node_id)}/contentRedirection",
        params=params,
        reply=BYTES,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def thumbnail(node_id: str, owner_id: str | None, size: int) -> Call[bytes]:
    """Ask for a JPEG whose longer side is at most *size* pixels."""
    params = {"viewBox": str(size)}
    if owner_id is not None:
        params["ownerId"] = owner_id
    return Call(
        method="GET",
        host="thumbnails",
        path=f"v1/thumbnail/{segment(node_id)}",
        params=params,
        reply=BYTES,
        idempotent=True,
        subject=f"id:{node_id}",
    )
