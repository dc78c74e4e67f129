"""Bytes: upload in its variants, overwrite, the ways of a download, renditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from ap_remote.api._common import READ
from ap_remote.transport.call import Address, Call, segment
from ap_remote.wire._base import stamp
from ap_remote.wire.content import BYTES, LINKED, Linked
from ap_remote.wire.nodes import FILE, NODE, Node

BINARY: Final = "application/octet-stream"
THUMBNAIL_MOST: Final = 15 << 20
"""Bytes of a thumbnail (own choice); one of 2048 pixels has about one megabyte."""

Suppress = Literal["NONE", "DEDUPLICATION", "PROCESSING", "TRANSCODING", "ALL"]
"""What the service is asked to leave out when bytes arrive."""


def wishes(
    *,
    suppress: Sequence[Suppress] = (),
    taken: datetime | None = None,
    favorite: bool | None = None,
    hidden: bool | None = None,
    local_id: str | None = None,
) -> dict[str, str]:
    """Return what an upload in variant B, whole or in parts, may ask for beside its place.

    Args:
        suppress: ``DEDUPLICATION`` stores the bytes even where the account holds them already (inferred).
        taken: capture time, for a file that does not tell it.
        favorite: mark it.
        hidden: hide it.
        local_id: our own name for this upload; a second one of the same name is refused.
    """
    params: dict[str, str] = {}
    if taken is not None:
        params["contentDate"] = stamp(taken)
    if suppress:
        params["suppress"] = ",".join(suppress)
    for name, flag in (("isFavorite", favorite), ("isHidden", hidden)):
        if flag is not None:
            params[name] = "true" if flag else "false"
    if local_id is not None:
        params["localId"] = local_id
    return params


def upload(
    name: str,
    parent_id: str,
    body: bytes | Path,
    *,
    md5: str,
    size: int,
    wishes: Mapping[str, str] | None = None,
) -> Call[Node]:
    """Send a new file the way the site does (``v2/upload``).

    A taken name is refused: no ``conflictResolution`` is asked for.

    Args:
        name: of the new file.
        parent_id: the folder it goes into.
        body: bytes, or a local file that is streamed.
        md5: of the bytes, lower-case hexadecimal.
        size: in bytes; a local file of another length is not sent.
        wishes: from :func:`wishes`.
    """
    return Call(
        method="POST",
        host="content",
        path="v2/upload",
        params={"name": name, "parentNodeId": parent_id, "fileSize": str(size), **(wishes or {})},
        body=body,
        size=size,
        headers={"content-type": BINARY, "x-amzn-file-md5": md5},
        reply=NODE,
        subject=name,
    )


def upload_simple(
    name: str,
    parent_id: str,
    body: bytes | Path,
    *,
    size: int | None = None,
    suppress_duplicates_check: bool = False,
) -> Call[Node]:
    """Send a new file the way the seed client did (``cdproxy/nodes``). Neither digest nor capture time go along.

    Args:
        name: of the new file.
        parent_id: the folder it goes into.
        body: bytes, or a local file that is streamed.
        size: in bytes; a local file of another length is not sent.
        suppress_duplicates_check: store the bytes even where the account holds them already. The word is that of the
            form upload at the same address (inferred).
    """
    params = {"name": name, "kind": FILE, "parentNodeId": parent_id}
    if suppress_duplicates_check:
        params["suppress"] = "deduplication"
    return Call(
        method="POST",
        host="content",
        path="cdproxy/nodes",
        params=params,
        body=body,
        size=size,
        headers={"content-type": BINARY},
        reply=NODE,
        subject=name,
    )


def overwrite(
    node_id: str, body: bytes | Path, *, md5: str, size: int, wishes: Mapping[str, str] | None = None
) -> Call[Node]:
    """Replace a file's content; id and name stay. For the arguments see :func:`upload`."""
    return Call(
        method="PUT",
        host="content",
        path=f"v2/upload/{segment(node_id)}",
        params={"fileSize": str(size), **(wishes or {})},
        body=body,
        size=size,
        headers={"content-type": BINARY, "x-amzn-file-md5": md5},
        reply=NODE,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def content(node_id: str, owner_id: str | None = None, *, view_box: tuple[int, int] | None = None) -> Call[bytes]:
    """Ask for a file's bytes; the metadata host sends on to a signed address.

    Args:
        node_id: which file.
        owner_id: whose; may be left out for one's own.
        view_box: width and height in pixels: a rendition that fits, instead of the original.
    """
    suffix = "?download=true" if view_box is None else f"?viewBox={view_box[0]},{view_box[1]}"
    params = {"querySuffix": suffix}
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


def content_direct(node_id: str) -> Call[bytes]:
    """Ask the content host for a file's bytes (``cdproxy``), with cookies and without a redirect or a file name."""
    return Call(
        method="GET",
        host="content",
        path=f"cdproxy/nodes/{segment(node_id)}",
        reply=BYTES,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def temporary_link(node_id: str) -> Call[Linked]:
    """Ask for an address that gives a file's bytes to whoever has it, for a short while."""
    return Call(
        method="GET",
        path=f"nodes/{segment(node_id)}",
        params={**READ, "tempLink": "true"},
        reply=LINKED,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def linked(node_id: str, link: Address, *, view_box: tuple[int, int] | None = None) -> Call[bytes]:
    """Ask for a file's bytes by a temporary link, which every storage size is served by.

    Args:
        node_id: which file, for an error's sentence.
        link: from :func:`temporary_link`.
        view_box: width and height in pixels: a rendition that fits. Put at the end: what is signed stays as it is.
    """
    if view_box is not None:
        joint = "&" if "?" in link.url else "?"
        link = Address(f"{link.url}{joint}viewBox={quote(f'{view_box[0]},{view_box[1]}')}")
    return Call(
        method="GET",
        path=f"nodes/{segment(node_id)}/(tempLink)",
        address=link,
        reply=BYTES,
        idempotent=True,
        subject=f"id:{node_id}",
    )


def thumbnail(node_id: str, owner_id: str | None, size: int) -> Call[bytes]:
    """Ask for a JPEG whose longer side is at most *size* pixels; more than :data:`THUMBNAIL_MOST` bytes are refused."""
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
        most=THUMBNAIL_MOST,
        subject=f"id:{node_id}",
    )
