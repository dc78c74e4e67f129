"""The delta stream. Whether the web's hosts offer it is not known (uncertain): probe once, else list."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from ap_remote.transport.call import Call
from ap_remote.wire.changes import LINE, LINES, ChangeLine, Splitter


def changes(
    checkpoint: str | None = None,
    *,
    chunk_size: int | None = None,
    max_nodes: int | None = None,
    include_purged: bool = True,
) -> Call[tuple[ChangeLine, ...]]:
    """Ask what changed since a checkpoint; everything without one.

    The body is not JSON but a JSON object per line; the last line says ``end``. Where that is missing, the stream was
    cut off and goes on from the last checkpoint.

    Args:
        checkpoint: where the last sync stopped.
        chunk_size: nodes per line.
        max_nodes: a soft bound.
        include_purged: tell what was removed for ever as well.
    """
    fields: dict[str, Any] = {"includePurged": "true" if include_purged else "false"}
    if checkpoint is not None:
        fields["checkpoint"] = checkpoint
    if chunk_size is not None:
        fields["chunkSize"] = chunk_size
    if max_nodes is not None:
        fields["maxNodes"] = max_nodes
    return Call(
        method="POST", path="changes", json=msgspec.json.encode(fields), reply=LINES, idempotent=True, harmless=True
    )


async def lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[ChangeLine]:
    """Yield the lines of a stream while its bytes come; an unfinished last line is left out.

    Raises:
        msgspec.DecodeError: a line that is whole is not what it should be.
        UnavailableError: as *pieces* raises it.
    """
    splitter = Splitter()
    async for piece in pieces:
        for line in splitter.feed(piece):
            yield LINE.decode(line)
    rest = splitter.rest()
    if not rest:
        return
    try:
        last = LINE.decode(rest)
    except msgspec.DecodeError:
        return
    yield last
