"""Our own vocabulary, as frozen structs. Nothing here knows Amazon's JSON.

Times are timezone-aware UTC datetimes. Sizes are bytes. Paths are those of :mod:`ap_remote.remote.paths`: no leading
slash, ``""`` is the root.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

from ap_remote.errors import (
    NotFoundError,
    NotInTrashError,
    OutcomeUnknownError,
    RateLimitedError,
    RemoteError,
    TransportError,
)

LIVE_VIDEO: Final = "LIVE_VIDEO"
"""The asset of a live photo, in Amazon's word."""


FILE_TYPES: Final[dict[str, str]] = {
    extension: category
    for category, extensions in (
        ("pdf", "pdf"),
        ("doc", "doc docx docm dot dotx dotm asd cnv"),
        ("mp3", "mp3 m4a m4b m4p wav aac aif mpa wma flac mid ogg"),
        ("xls", "xls xlm xll xlc xar xla xlb xlsb xlsm xlsx xlt xltm xltx xlw"),
        ("ppt", "ppt pptx ppa ppam pptm pps ppsm ppsx pot potm potx sldm sldx"),
        ("txt", "txt text rtf"),
        ("markup", "xml htm html"),
        ("zip", "zip rar 7z"),
        ("img", "jpg jpeg png bmp gif tif svg"),
        ("vid", "mp4 m4v qt mov mpg mpeg 3g2 3gp flv f4v asf avi wmv"),
        ("exe", "swf exe dll ax ocx rpm"),
    )
    for extension in extensions.split()
}
"""Extension to the group that Amazon puts it in [amazon-photos-api.md 13.4].

The table is the old client's and has gaps: Photos takes HEIC, raw formats, WebP and Matroska as well. The content type
tells what a file is.
"""


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    ALBUM = "album"
    ASSET = "asset"
    """A rendition, or the video part of a live photo; its parent is a file."""


class Status(StrEnum):
    """Where an entry is in its life."""

    AVAILABLE = "available"
    TRASHED = "trashed"
    PENDING = "pending"
    """Created, but its content has not arrived."""


class NodeId(msgspec.Struct, frozen=True):
    """Names an entry by its id where a path could stand as well."""

    value: str

    def __str__(self) -> str:
        """Return the form that :func:`ap_remote.remote.paths.parse_ref` reads."""
        return f"id:{self.value}"


Ref = str | NodeId
"""A path or a :class:`NodeId`: what the nine verbs take."""


class Digest(msgspec.Struct, frozen=True):
    """A content hash, lower-case hexadecimal."""

    hex: str
    algorithm: Literal["md5"] = "md5"


class ByteRange(msgspec.Struct, frozen=True):
    """``start`` is included, ``stop`` is not; ``stop=None`` means to the end.

    A range that begins past the end yields no bytes; one that ends past it is cut.
    """

    start: int = 0
    stop: int | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a photograph was taken. ``label`` is Amazon's ``ISO3#region#City``."""

    latitude: float | None = None
    longitude: float | None = None
    label: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None


class Media(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a photograph or a video says about itself."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds, videos only."""
    make: str | None = None
    model: str | None = None
    place: Place | None = None
    exif: dict[str, str] = msgspec.field(default_factory=dict)
    """The remaining EXIF fields under Amazon's names (``exposureTime``, ``isoSpeedRatings`` ...)."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A node, seen at one path."""

    path: str
    """For a trashed entry the path it had; for an album ``.views/albums/<name>``."""
    name: str
    id: str
    kind: Kind
    size: int = 0
    md5: str | None = None
    modified: datetime | None = None
    """When content or metadata last changed on the service; it cannot be set."""
    created: datetime | None = None
    taken: datetime | None = None
    """Capture time, Amazon's ``contentDate``; the timeline's order."""
    content_type: str | None = None
    version: int = 0
    status: Status = Status.AVAILABLE
    parents: tuple[str, ...] = ()
    owner_id: str | None = None
    favorite: bool = False
    hidden: bool = False
    description: str | None = None
    labels: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    media: Media | None = None
    assets: tuple[str, ...] = ()
    """What renditions or parts it has beside its own bytes, in Amazon's words: ``LIVE_VIDEO`` marks a live photo."""
    family_id: str | None = None
    """The family vault it lies in."""
    properties: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """What applications keep with it: owner to key to value."""

    @property
    def file_type(self) -> str | None:
        """The group of :data:`FILE_TYPES` that a file's extension belongs to."""
        return FILE_TYPES.get(self.name.rpartition(".")[2].lower()) if self.kind is Kind.FILE else None

    @property
    def is_live(self) -> bool:
        """Whether it is a live photo: a still with a film as its asset."""
        return LIVE_VIDEO in self.assets

    @property
    def is_folder(self) -> bool:
        """Whether entries may be listed beneath it (albums have members too)."""
        return self.kind in (Kind.FOLDER, Kind.ALBUM)

    @property
    def is_photo(self) -> bool:
        """Whether it is a still picture by its content type."""
        return bool(self.content_type and self.content_type.startswith("image/"))

    @property
    def is_video(self) -> bool:
        """Whether it is a film by its content type."""
        return bool(self.content_type and self.content_type.startswith("video/"))


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """One row of an aggregation: how many entries share a value."""

    category: str
    value: str
    """What a search takes, e.g. ``beach``, ``CAN#BC#Vancouver``, ``2023``."""
    count: int
    label: str | None = None
    """What a person reads when it differs from the value, e.g. a name for a cluster id."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster of faces that the service takes for one person."""

    id: str
    """What a search takes: ``people:(id)``."""
    name: str | None = None
    """``None`` while nobody has named it."""
    count: int = 0
    cover: str | None = None
    """The id of the photograph that stands for the person."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a delta: an entry that is new or different, or the id of one that is gone."""

    id: str
    entry: Entry | None
    """``None``: deleted for ever."""


Action = Literal["trash", "restore", "delete", "add", "remove"]
Failure = Literal["refused", "missing", "limited", "unanswered", "unknown"]
"""Why a target failed: the service said no, knows it not, asked for fewer requests, gave no usable answer to what can
be repeated, or no answer to what may have happened."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one target of trash, restore or delete, or of one member that an album should take or lose."""

    target: str
    action: Action
    """What was done. ``remove``: it was taken out of an album, as trashing it by its path in the album's view does; it
    is in its folder still."""
    id: str | None = None
    entry: Entry | None = None
    """The state after the action; ``None`` after delete, and after a failure."""
    error: str | None = None
    """A sentence; ``None`` means done."""
    failure: Failure | None = None
    """What kind of error it was, where that is known."""

    @classmethod
    def failed(cls, target: str, action: Action, error: RemoteError) -> Outcome:
        """Return the outcome of a target that an error was raised for."""
        kind: Failure = next((kind for kinds, kind in _FAILURES if isinstance(error, kinds)), "refused")
        return cls(target=target, action=action, error=str(error), failure=kind)


_FAILURES: Final[tuple[tuple[tuple[type[RemoteError], ...], Failure], ...]] = (
    ((OutcomeUnknownError,), "unknown"),
    ((RateLimitedError,), "limited"),
    ((TransportError,), "unanswered"),
    ((NotFoundError, NotInTrashError), "missing"),
)
"""Classes of errors, most specific first; all others are refusals."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Space taken. ``quota`` and ``free`` are ``None`` where the account has no limit that is known."""

    photos: int = 0
    photo_bytes: int = 0
    videos: int = 0
    video_bytes: int = 0
    documents: int = 0
    document_bytes: int = 0
    others: int = 0
    other_bytes: int = 0
    billable_photos: int = 0
    """Those that count against the quota, here and below; Prime's photographs do not."""
    billable_photo_bytes: int = 0
    billable_videos: int = 0
    billable_video_bytes: int = 0
    billable_documents: int = 0
    billable_document_bytes: int = 0
    billable_others: int = 0
    billable_other_bytes: int = 0
    quota: int | None = None
    free: int | None = None
