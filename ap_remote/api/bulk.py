"""Many nodes in one call: an archive of their bytes, and which of many contents are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ap_remote.api._common import body
from ap_remote.transport.call import Address, Call
from ap_remote.wire.content import BATCH_LINK, BYTES, DIGESTS, BatchLink, Digests

ARCHIVE: Final = 1200
"""Files in one archive; the service takes no more [amazon-photos-api.md 12]."""
DIGEST_BATCH: Final = 100
"""Digests in one call; no limit is documented (own choice)."""


def batch_link(files: Sequence[tuple[str, str]]) -> Call[BatchLink]:
    """Have an archive made.

    Asking twice makes a link twice and changes nothing else.

    Args:
        files: owner's id and node's id of each.

    Raises:
        ValueError: more than :data:`ARCHIVE`, or none.
    """
    if not 0 < len(files) <= ARCHIVE:
        raise ValueError(f"between 1 and {ARCHIVE} files go into an archive, not {len(files)}")
    names = [f"{owner_id}:{node_id}" for owner_id, node_id in files]
    return Call(
        method="POST",
        path="batchLink",
        json=body({"nodeIds": names}),
        reply=BATCH_LINK,
        idempotent=True,
        harmless=True,
        subject=f"an archive of {len(files)} files",
    )


def archive(link: Address) -> Call[bytes]:
    """Ask for the archive at a link that :func:`batch_link` brought: a ZIP, whose length nobody tells."""
    return Call(
        method="GET", path="(archive)", address=link, reply=BYTES, idempotent=True, subject="the archive that was made"
    )


def nodes_by_digest(digests: Sequence[str]) -> Call[Digests]:
    """Ask which contents the account holds. Whether the web's hosts offer it is not known (uncertain).

    Args:
        digests: md5, lower-case hexadecimal; at most :data:`DIGEST_BATCH`.

    Raises:
        ValueError: more than that, or none.
    """
    if not 0 < len(digests) <= DIGEST_BATCH:
        raise ValueError(f"between 1 and {DIGEST_BATCH} digests go into one call, not {len(digests)}")
    # The word for the type is (inferred).
    fields = {"digestType": "MD5", "digestList": list(digests)}
    return Call(
        method="POST", path="bulk/nodeByDigest", json=body(fields), reply=DIGESTS, idempotent=True, harmless=True
    )
