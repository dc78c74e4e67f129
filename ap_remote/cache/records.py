"""What the cache stores of a node: a struct of its own, so that neither Amazon's JSON nor :class:`Entry` binds it.

A record is a msgpack array; fields are only ever appended, with a default. Anything else is a new schema and a step
in :mod:`ap_remote.cache.migrations`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ap_remote.errors import CorruptStoreError
from ap_remote.model import Entry, Kind, Media, Place, Status

KINDS: Final = (Kind.FILE, Kind.FOLDER, Kind.ALBUM, Kind.ASSET)
STATUSES: Final = (Status.AVAILABLE, Status.TRASHED, Status.PENDING)
"""The stored numbers of kinds and states; the order is part of the format."""
_KIND_CODE: Final = {kind: code for code, kind in enumerate(KINDS)}
_STATUS_CODE: Final = {status: code for code, status in enumerate(STATUSES)}
FILE: Final = _KIND_CODE[Kind.FILE]
FOLDER: Final = _KIND_CODE[Kind.FOLDER]
ALBUM: Final = _KIND_CODE[Kind.ALBUM]
AVAILABLE: Final = _STATUS_CODE[Status.AVAILABLE]
TRASHED: Final = _STATUS_CODE[Status.TRASHED]


class PlaceRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Where a photograph was taken."""

    latitude: float | None = None
    longitude: float | None = None
    label: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None


class MediaRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a photograph or a video says about itself."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    make: str | None = None
    model: str | None = None
    place: PlaceRecord | None = None
    exif: dict[str, str] = msgspec.field(default_factory=dict)


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A node. Its first fields are those of :class:`Head`."""

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
    media: MediaRecord | None = None
    assets: tuple[str, ...] = ()
    family_id: str | None = None
    properties: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)

    @property
    def moment(self) -> datetime | None:
        """By what the record stands in the index of dates: capture time, else creation."""
        return self.taken or self.created


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Record)
_MANY: Final = msgspec.msgpack.Decoder(list[Record])


class Head(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The beginning of a record: what a walk down a path needs of the folders on its way."""

    kind: int
    status: int
    id: str
    name: str


_HEAD: Final = msgspec.msgpack.Decoder(Head)


def encode(record: Record) -> bytes:
    """Return the stored bytes."""
    return _ENCODER.encode(record)


def decode(data: bytes) -> Record:
    """Undo :func:`encode`.

    Raises:
        CorruptStoreError: these bytes are no record.
    """
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError as exc:
        raise damaged() from exc


def decode_many(rows: list[bytes]) -> list[Record]:
    """Decode rows in one go, which halves the time of a long listing.

    Raises:
        CorruptStoreError: one of them is no record.
    """
    try:
        return _MANY.decode(b"".join((b"\xdd", len(rows).to_bytes(4, "big"), *rows)))
    except msgspec.MsgspecError as exc:
        raise damaged() from exc


def head(data: bytes) -> Head:
    """Decode the beginning of a record alone.

    Raises:
        CorruptStoreError: these bytes are no record.
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


def from_entry(entry: Entry) -> Record:
    """Return what is stored of *entry*; its path is not, as it follows from the parents."""
    return Record(
        kind=_KIND_CODE[entry.kind],
        status=_STATUS_CODE[entry.status],
        id=entry.id,
        name=entry.name,
        version=entry.version,
        size=entry.size,
        md5=entry.md5,
        modified=entry.modified,
        created=entry.created,
        taken=entry.taken,
        content_type=entry.content_type,
        parents=entry.parents,
        owner_id=entry.owner_id,
        favorite=entry.favorite,
        hidden=entry.hidden,
        description=entry.description,
        labels=entry.labels,
        things=entry.things,
        people=entry.people,
        media=None if entry.media is None else _media_record(entry.media),
        assets=entry.assets,
        family_id=entry.family_id,
        properties=entry.properties,
    )


def to_entry(record: Record, path: str) -> Entry:
    """Return the record as it is seen at *path*."""
    media = record.media
    return Entry(
        path=path,
        name=record.name,
        id=record.id,
        kind=KINDS[record.kind],
        size=record.size,
        md5=record.md5,
        modified=record.modified,
        created=record.created,
        taken=record.taken,
        content_type=record.content_type,
        version=record.version,
        status=STATUSES[record.status],
        parents=record.parents,
        owner_id=record.owner_id,
        favorite=record.favorite,
        hidden=record.hidden,
        description=record.description,
        labels=record.labels,
        things=record.things,
        people=record.people,
        media=None if media is None else _media(media),
        assets=record.assets,
        family_id=record.family_id,
        properties=record.properties,
    )


def _media_record(media: Media) -> MediaRecord:
    place = media.place
    return MediaRecord(
        width=media.width,
        height=media.height,
        duration=media.duration,
        make=media.make,
        model=media.model,
        place=None
        if place is None
        else PlaceRecord(place.latitude, place.longitude, place.label, place.city, place.region, place.country),
        exif=media.exif,
    )


def _media(record: MediaRecord) -> Media:
    place = record.place
    return Media(
        width=record.width,
        height=record.height,
        duration=record.duration,
        make=record.make,
        model=record.model,
        place=None
        if place is None
        else Place(
            latitude=place.latitude,
            longitude=place.longitude,
            label=place.label,
            city=place.city,
            region=place.region,
            country=place.country,
        ),
        exif=record.exif,
    )
