"""The columns: their names, types and meanings, and where in an entry each is read.

Two sets exist. *Own* names follow :class:`~ap_remote.model.Entry`; *amazon* names are Amazon's, dotted, without
``contentProperties.``, the first fifteen in the order of the old client's DataFrames [amazon-photos-api.md 13.2].
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.tables.exif import IMAGE, VIDEO, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

Columns = Literal["own", "amazon"]
Type = Literal["string", "strings", "parts", "int32", "int64", "float64", "bool", "timestamp"]
Source = Literal["entry", "media", "image", "video", "place", "exif", "made"]


class Column(msgspec.Struct, frozen=True):
    """One column. A *source* is a part of an entry, *key* what is read of it."""

    name: str
    type: Type
    about: str
    source: Source = "entry"
    key: str = ""
    nullable: bool = True


def _exif(field: Field, name: str) -> Column:
    return Column(name, field.type, field.about, "exif", field.name)


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


OWN: Final[tuple[Column, ...]] = (
    Column("path", "string", "where it was found", "entry", "path", nullable=False),
    Column("name", "string", "its name", "entry", "name", nullable=False),
    Column("id", "string", "the node's id", "entry", "id", nullable=False),
    Column("kind", "string", "`file`, `folder`, `album` or `asset`", "entry", "kind", nullable=False),
    Column("size", "int64", "bytes, 0 for folders", "entry", "size", nullable=False),
    Column("md5", "string", "of the stored bytes, null for folders", "entry", "md5"),
    Column("modified", "timestamp", "last change of content or metadata on the service", "entry", "modified"),
    Column("created", "timestamp", "arrival on the service", "entry", "created"),
    Column("taken", "timestamp", "capture time, the order of the timeline", "entry", "taken"),
    Column("content_type", "string", "e.g. `image/jpeg`, null for folders", "entry", "content_type"),
    Column("width", "int32", "pixels", "media", "width"),
    Column("height", "int32", "pixels", "media", "height"),
    Column("duration", "float64", "seconds, videos only", "media", "duration"),
    Column("make", "string", "the camera's maker", "media", "make"),
    Column("model", "string", "the camera", "media", "model"),
    Column("latitude", "float64", "degrees", "place", "latitude"),
    Column("longitude", "float64", "degrees", "place", "longitude"),
    Column("place", "string", "Amazon's `ISO3#region#City`", "place", "label"),
    Column("favorite", "bool", "marked as a favourite", "entry", "favorite", nullable=False),
    Column("hidden", "bool", "hidden by its owner", "entry", "hidden", nullable=False),
    Column("version", "int64", "counts up with every change", "entry", "version", nullable=False),
    Column("owner_id", "string", "whose it is", "entry", "owner_id"),
    Column("parents", "strings", "ids of the folders it lies in", "entry", "parents", nullable=False),
    Column("labels", "strings", "words of the owner", "entry", "labels", nullable=False),
    Column("things", "strings", "what Amazon sees in it", "entry", "things", nullable=False),
    Column("people", "strings", "who is in it", "entry", "people", nullable=False),
    Column("status", "string", "`available`, `trashed` or `pending`", "entry", "status", nullable=False),
    Column("extension", "string", "of its name, lower case, null for folders", "made", "extension"),
    Column("description", "string", "a sentence of the owner", "entry", "description"),
    Column("assets", "strings", "its parts; `LIVE_VIDEO` marks a live photo", "entry", "assets", nullable=False),
    Column("family_id", "string", "the family vault it lies in", "entry", "family_id"),
    Column("city", "string", "where it was taken", "place", "city"),
    Column("region", "string", "state or province", "place", "region"),
    Column("country", "string", "where it was taken", "place", "country"),
    Column("properties", "string", "what applications keep with it, as JSON", "made", "properties"),
    *(_exif(field, _snake(field.name)) for field in (*IMAGE, *VIDEO)),
)

AMAZON: Final[tuple[Column, ...]] = (
    Column("createdDate", "timestamp", "arrival on the service", "entry", "created"),
    Column("modifiedDate", "timestamp", "last change; frames are sorted by it, the latest first", "entry", "modified"),
    Column("id", "string", "the node's id", "entry", "id"),
    Column("parents", "strings", "ids of the folders it lies in", "entry", "parents"),
    Column(
        "image.dateTime",
        "timestamp",
        "the file's own date, read as UTC; where it says none, the capture time of a photograph (own choice)",
        "made",
        "image_date",
    ),
    Column("name", "string", "its name", "entry", "name"),
    Column("image.width", "int32", "pixels", "image", "width"),
    Column("image.height", "int32", "pixels", "image", "height"),
    Column("video.width", "int32", "pixels", "video", "width"),
    Column("video.height", "int32", "pixels", "video", "height"),
    Column("size", "int64", "bytes, 0 for folders", "entry", "size"),
    Column("md5", "string", "of the stored bytes, null for folders", "entry", "md5"),
    Column("ownerId", "string", "whose it is", "entry", "owner_id"),
    Column("contentType", "string", "e.g. `image/jpeg`, null for folders", "entry", "content_type"),
    Column("extension", "string", "of its name, lower case, null for folders", "made", "extension"),
    Column("contentDate", "timestamp", "capture time, the order of the timeline", "entry", "taken"),
    Column("kind", "string", "`FILE`, `FOLDER`, `VISUAL_COLLECTION` or `ASSET`", "made", "kind"),
    Column("status", "string", "`AVAILABLE`, `TRASH` or `PENDING`", "made", "status"),
    Column("version", "int64", "counts up with every change", "entry", "version"),
    Column("description", "string", "a sentence of the owner", "entry", "description"),
    Column("labels", "strings", "words of the owner, keywords among them", "entry", "labels"),
    Column("things", "strings", "what Amazon sees in it", "entry", "things"),
    Column("familyId", "string", "the family vault it lies in", "entry", "family_id"),
    Column("childAssetTypeInfo", "parts", "its parts, e.g. `{'assetType': 'LIVE_VIDEO'}`", "made", "parts"),
    Column("locationId", "string", "Amazon's `ISO3#region#City`", "place", "label"),
    Column("address.city", "string", "where it was taken", "place", "city"),
    Column("address.state", "string", "state or province", "place", "region"),
    Column("address.country", "string", "where it was taken", "place", "country"),
    Column("address.latitude", "float64", "degrees, also where only image or video tell", "place", "latitude"),
    Column("address.longitude", "float64", "degrees, also where only image or video tell", "place", "longitude"),
    Column("image.make", "string", "the camera's maker", "image", "make"),
    Column("image.model", "string", "the camera", "image", "model"),
    *(_exif(field, f"image.{field.name}") for field in IMAGE if field.name != "dateTime"),
    Column("video.duration", "float64", "seconds", "video", "duration"),
    Column("video.make", "string", "the camera's maker", "video", "make"),
    Column("video.model", "string", "the camera", "video", "model"),
    *(_exif(field, f"video.{field.name}") for field in VIDEO),
    Column("settings.favorite", "bool", "marked as a favourite", "entry", "favorite"),
    Column("settings.hidden", "bool", "hidden by its owner", "entry", "hidden"),
    Column("properties", "string", "what applications keep with it, as JSON", "made", "properties"),
    Column("path", "string", "where it was found", "entry", "path"),
)

_SETS: Final = {"own": OWN, "amazon": AMAZON}


def chosen(columns: Columns = "own", select: Sequence[str] | None = None) -> tuple[Column, ...]:
    """Return the columns of a set, or those of them that *select* names, in its order.

    Raises:
        ValueError: there is no such set or column, or *select* names one twice or none at all.
    """
    if columns not in _SETS:
        raise ValueError(f"no set of columns is called {columns!r}; known are {', '.join(_SETS)}")
    if select is None:
        return _SETS[columns]
    if isinstance(select, str):
        raise ValueError(f"select is a list of names: [{select!r}]")  # noqa: TRY004 - one kind of error for one argument
    known = {each.name: each for each in _SETS[columns]}
    for name in select:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(f"no column is called {name!r} among the {columns!r} ones{hint}")
    if len(set(select)) != len(select) or not select:
        raise ValueError("select names each column once, and at least one")
    return tuple(known[name] for name in select)
