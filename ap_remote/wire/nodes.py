"""Nodes: files, folders, albums, assets, and the pages and bulk answers they come in.

Words that the service owns (kinds, statuses) stay plain strings here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ap_remote.wire._base import Lenient, Perhaps, Unrecorded, Wire, Word

FILE: Final = "FILE"
FOLDER: Final = "FOLDER"
ASSET: Final = "ASSET"
ALBUM: Final = "VISUAL_COLLECTION"
SHARE: Final = "SHARED_COLLECTION"

AVAILABLE: Final = "AVAILABLE"
TRASH: Final = "TRASH"
PENDING: Final = "PENDING"
PURGED: Final = "PURGED"
"""Only in deltas."""


Id = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,60}\Z")]
"""A node's id. Known ones have 22 characters of ``[A-Za-z0-9_-]``; what can be no key is refused as it comes in."""
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Settings(Wire, frozen=True, kw_only=True):
    """The owner's marks on a node."""

    favorite: bool = False
    hidden: bool = False


class Address(Wire, frozen=True, kw_only=True):
    """Where a photograph was taken, in words."""

    city: str | None = None
    county: str | None = None
    district: str | None = None
    landmark: str | None = None
    state: str | None = None
    country: str | None = None
    country_code: str | None = None
    latitude: Word = None
    longitude: Word = None


class ImageProperties(Wire, frozen=True, kw_only=True):
    """EXIF of a still picture. All are strings but width and height; nobody promises it."""

    width: Word = None
    height: Word = None
    make: Word = None
    model: Word = None
    location: Word = None
    """Probably ``lat,lon`` (uncertain)."""
    date_time: Word = None
    date_time_original: Word = None
    date_time_digitized: Word = None
    sub_sec_time: Word = None
    sub_sec_time_original: Word = None
    sub_sec_time_digitized: Word = None
    gps_date_stamp: Word = None
    gps_time_stamp: Word = None
    aperture_value: Word = None
    capture_mode: Word = None
    color_space: Word = None
    exposure_mode: Word = None
    exposure_program: Word = None
    exposure_time: Word = None
    flash: Word = None
    focal_length: Word = None
    iso_speed_ratings: Word = None
    metering_mode: Word = None
    orientation: Word = None
    resolution_unit: Word = None
    sensing_method: Word = None
    sharpness: Word = None
    software: Word = None
    white_balance: Word = None
    x_resolution: Word = None
    y_resolution: Word = None


class VideoProperties(Wire, frozen=True, kw_only=True):
    """What a film says about itself. ``duration`` is in seconds (inferred)."""

    width: Word = None
    height: Word = None
    duration: Word = None
    make: Word = None
    model: Word = None
    location: Word = None
    creation_date: Word = None
    audio_bitrate: Word = None
    audio_channel_layout: Word = None
    audio_channels: Word = None
    audio_codec: Word = None
    audio_sample_rate: Word = None
    bitrate: Word = None
    encoder: Word = None
    rotate: Word = None
    title: Word = None
    video_bitrate: Word = None
    video_codec: Word = None
    video_frame_rate: Word = None


class ContentProperties(Wire, frozen=True, kw_only=True):
    """What is known of a file's bytes; absent while they have not arrived."""

    size: Count | None = None
    version: int | None = None
    md5: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """Of the stored bytes, lower-case hexadecimal."""
    content_type: str | None = None
    extension: str | None = None
    content_date: str | None = None
    """Capture time; the timeline's order."""
    location_id: str | None = None
    address: Address | None = None
    image: ImageProperties | None = None
    video: VideoProperties | None = None


class AssetType(Wire, frozen=True, kw_only=True):
    """What a rendition is, e.g. ``LIVE_VIDEO``."""

    asset_type: str | None = None


class Cover(Wire, frozen=True, kw_only=True):
    """An album's cover."""

    id: str | None = None
    is_default: bool | None = None
    owner_id: str | None = None


class CollectionProperties(Wire, frozen=True, kw_only=True):
    """What an album has beyond other nodes."""

    covers: tuple[Cover, ...] = ()


class Node(Wire, frozen=True, kw_only=True):
    """A node as every metadata call returns it. The root has no name."""

    id: Id
    name: str | None = None
    kind: str = FILE
    status: str = AVAILABLE
    version: Count = 0
    owner_id: str | None = None
    created_by: str | None = None
    created_date: str | None = None
    modified_date: str | None = None
    e_tag_response: str | None = None
    parents: tuple[Id, ...] = ()
    parent_map: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    sub_kinds: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    description: str | None = None
    is_root: bool = False
    is_shared: bool = False
    family_id: str | None = None
    exclusively_trashed: bool | None = None
    recursively_trashed: bool | None = None
    purge_reason: str | None = None
    settings: Settings = msgspec.field(default_factory=Settings)
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    child_asset_type_info: tuple[AssetType, ...] = ()
    asset_properties: AssetType | None = None
    assets: tuple[Node | str, ...] = ()
    """Renditions and parts, as nodes or as ids."""
    collection_properties: CollectionProperties | None = None
    content_properties: ContentProperties | None = None


class NodePage(Wire, frozen=True, kw_only=True):
    """One page of a listing. ``count`` is the total over all pages."""

    data: tuple[Node, ...] = ()
    count: int | None = None
    next_token: str | None = None


class Bulk(Wire, frozen=True, kw_only=True):
    """What a call on many nodes answers: failures by id, with status 200.

    Recorded for purge; assumed for trash, restore, members and the family vault, whose answers nobody wrote down
    (inferred). Where they carry the nodes as they are now, those are kept.
    """

    error_map: dict[str, Word] = msgspec.field(default_factory=dict)
    data: tuple[Node, ...] = ()
    count: int | None = None


class Properties(Wire, frozen=True, kw_only=True):
    """What one owner keeps with a node."""

    data: dict[str, Word] = msgspec.field(default_factory=dict)
    count: int | None = None


class Property(Wire, frozen=True, kw_only=True):
    """One property. ``location`` is its address on the service; nobody here asks for it."""

    key: str | None = None
    value: Word = None
    location: str | None = None


NODE: Final = Lenient(Node)
PERHAPS_NODE: Final = Perhaps(NODE)
NODE_PAGE: Final = Lenient(NodePage)
BULK: Final = Unrecorded(Bulk, keep=("errorMap",))
PROPERTIES: Final = Lenient(Properties)
PROPERTY: Final = Lenient(Property)
