"""A large file in parts (``v2/upload/multipart-upload``, 9.3). No open client has ever used it (uncertain).

Nothing here may be repeated blindly: whether a part arrived is asked with :func:`state`, whether a file did by looking
for the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from ap_remote.api.content import BINARY
from ap_remote.transport.call import Call, segment
from ap_remote.wire.content import BYTES
from ap_remote.wire.nodes import NODE, Node
from ap_remote.wire.parts import PART, STARTED, STATE, PartStored, Started, State

_BASE: Final = "v2/upload/multipart-upload"


def start(name: str, parent_id: str, *, md5: str, size: int, wishes: Mapping[str, str] | None = None) -> Call[Started]:
    """Begin a new file. Nothing appears before :func:`complete`.

    Args:
        name: of the new file.
        parent_id: the folder it goes into.
        md5: of the whole, lower-case hexadecimal.
        size: of the whole, in bytes.
        wishes: from :func:`ap_remote.api.content.wishes`.
    """
    params = {"name": name, "parentNodeId": parent_id, "fileSize": str(size), **(wishes or {})}
    return _start("POST", _BASE, params, md5, name)


def start_overwrite(node_id: str, *, md5: str, size: int, wishes: Mapping[str, str] | None = None) -> Call[Started]:
    """Begin other content for a file. The old one stays until :func:`complete`."""
    params = {"fileSize": str(size), **(wishes or {})}
    return _start("PUT", f"{_BASE}/{segment(node_id)}", params, md5, f"id:{node_id}")


def part(node_id: str, upload_id: str, number: int, data: bytes, *, md5: str) -> Call[PartStored]:
    """Send one part.

    Args:
        node_id: from the start.
        upload_id: from the start.
        number: from 1.
        data: its bytes.
        md5: of them, lower-case hexadecimal.
    """
    return Call(
        method="PUT",
        host="content",
        path=f"{_BASE}/{segment(node_id)}/parts/{number}",
        params={"uploadId": upload_id},
        body=data,
        size=len(data),
        headers={"content-type": BINARY, "x-amzn-part-md5": md5},
        reply=PART,
        subject=f"part {number} of id:{node_id}",
    )


def state(node_id: str, upload_id: str) -> Call[State]:
    """Ask which parts arrived."""
    return Call(
        method="GET",
        host="content",
        path=f"{_BASE}/{segment(node_id)}",
        params={"uploadId": upload_id},
        reply=STATE,
        idempotent=True,
        subject=f"the parts of id:{node_id}",
    )


def complete(node_id: str, upload_id: str, *, subject: str) -> Call[Node]:
    """Make one file of the parts."""
    return Call(
        method="POST",
        host="content",
        path=f"{_BASE}/{segment(node_id)}/complete",
        params={"uploadId": upload_id},
        body=b"",
        reply=NODE,
        subject=subject,
    )


def abort(node_id: str, upload_id: str) -> Call[bytes]:
    """Give it up; the parts are thrown away."""
    return Call(
        method="DELETE",
        host="content",
        path=f"{_BASE}/{segment(node_id)}",
        params={"uploadId": upload_id},
        reply=BYTES,
        idempotent=True,
        harmless=True,
        subject=f"the parts of id:{node_id}",
    )


def _start(method: Literal["POST", "PUT"], path: str, params: dict[str, str], md5: str, subject: str) -> Call[Started]:
    return Call(
        method=method,
        host="content",
        path=path,
        params=params,
        # A body, though an empty one: what conflicts with an upload may be its bytes, not its name alone.
        body=b"",
        headers={"x-amzn-file-md5": md5},
        reply=STARTED,
        subject=subject,
    )
