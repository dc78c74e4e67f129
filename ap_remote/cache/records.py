"""How the cache stores a node: an :class:`~ap_remote.model.Entry` as a msgpack map, without its path.

The path follows from the parents, so it is stored empty and filled in when the row is read. A field that is added to
the entry with a default needs nothing here; one that is renamed, or changes its type, is a new schema and a step in
:mod:`ap_remote.cache.migrations`. Decoding straight into entries is what makes long listings quick.
"""

from __future__ import annotations

import gc
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from ap_remote.errors import CorruptStoreError
from ap_remote.model import Entry, Kind, Status

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Entry)
_MANY: Final = msgspec.msgpack.Decoder(list[Entry])
_LONG: Final = 500
"""Rows from which on the collector would run again and again over what is only being made."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a walk down a path needs of the folders on its way."""

    name: str
    id: str
    kind: Kind
    status: Status = Status.AVAILABLE


_HEAD: Final = msgspec.msgpack.Decoder(Head)


def encode(entry: Entry) -> bytes:
    """Return the stored bytes."""
    return _ENCODER.encode(msgspec.structs.replace(entry, path="") if entry.path else entry)


def decode(data: bytes, path: str = "") -> Entry:
    """Undo :func:`encode`; the entry is at *path*.

    Raises:
        CorruptStoreError: these bytes are no row.
    """
    try:
        found = _DECODER.decode(data)
    except msgspec.MsgspecError as exc:
        raise damaged() from exc
    if path:
        force_setattr(found, "path", path)
    return found


def decode_many(rows: list[bytes], prefix: str = "") -> list[Entry]:
    """Decode rows in one go; each is at its name behind *prefix*.

    Raises:
        CorruptStoreError: one of them is no row.
    """
    paused = len(rows) >= _LONG and gc.isenabled()
    if paused:
        gc.disable()
    try:
        found = _MANY.decode(b"".join((b"\xdd", len(rows).to_bytes(4, "big"), *rows)))
        for entry in found:
            force_setattr(entry, "path", prefix + entry.name)
    except msgspec.MsgspecError as exc:
        raise damaged() from exc
    finally:
        if paused:
            gc.enable()
    return found


def placed(entry: Entry, path: str) -> Entry:
    """Return an entry that was just decoded, and that nobody else has yet, at *path*."""
    force_setattr(entry, "path", path)
    return entry


def head(data: bytes) -> Head:
    """Decode what a walk needs of a row.

    Raises:
        CorruptStoreError: these bytes are no row.
    """
    try:
        return _HEAD.decode(data)
    except msgspec.MsgspecError as exc:
        raise damaged() from exc


def damaged() -> CorruptStoreError:
    """Return the error for rows that cannot be read."""
    return CorruptStoreError(
        "the node cache is damaged; it only holds copies of what the service knows, so its folder may be removed",
    )
