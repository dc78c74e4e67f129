"""The rows of the first format, as arrays; read once, when such a cache is brought up to date."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ap_remote.cache.records import damaged
from ap_remote.model import Entry, Kind, Media, Place, Status

_KINDS: Final = (Kind.FILE, Kind.FOLDER, Kind.ALBUM, Kind.ASSET)
_STATUSES: Final = (Status.AVAILABLE, Status.TRASHED, Status.PENDING)


class PlaceRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a photograph was taken."""

    latitude: float | None = None
    longitude: float | None = None
    label: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None


class MediaRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a photograph or a video says about itself."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    make: str | None = None
    model: str | None = None
    place: PlaceRow | None = None
    exif: dict[str, str] = msgspec.field(default_factory=dict)


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A node."""

    kind: int
    status: int
    id: str
    name: str
    version: int
    size: int
    md5: str | None
    modified: datetime | None
    created: datetime | None
    taken: datetime | None
    content_type: str | None
    parents: tuple[str, ...]
    owner_id: str | None
    favorite: bool
    hidden: bool
    description: str | None = None
    labels: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    media: MediaRow | None = None
    assets: tuple[str, ...] = ()
    family_id: str | None = None
    properties: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)


_DECODER: Final = msgspec.msgpack.Decoder(Row)


def decode(data: bytes) -> Entry:
    """Return what a row of the first format stands for, without its path.

    Raises:
        CorruptStoreError: these bytes are no row.
    """
    try:
        row = _DECODER.decode(data)
    except msgspec.MsgspecError as exc:
        raise damaged() from exc
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    kind, status = _KINDS[fields.pop("kind")], _STATUSES[fields.pop("status")]
    media = _media(fields.pop("media"))
    return Entry(path="", kind=kind, status=status, media=media, **fields)


def _media(row: MediaRow | None) -> Media | None:
    if row is None:
        return None
    fields = {name: getattr(row, name) for name in row.__struct_fields__}
    place: PlaceRow | None = fields.pop("place")
    return Media(place=None if place is None else Place(**msgspec.structs.asdict(place)), **fields)
