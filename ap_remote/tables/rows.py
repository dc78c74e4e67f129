"""A batch of entries, taken apart once for all the columns that are read from the same part."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.model import Kind, Media, Place, Status
from ap_remote.tables.exif import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from ap_remote.model import Entry
    from ap_remote.tables.columns import Column

_NO_MEDIA: Final = Media()
_NO_PLACE: Final = Place()
_WIRE_KINDS: Final = {
    Kind.FILE: "FILE",
    Kind.FOLDER: "FOLDER",
    Kind.ASSET: "ASSET",
    Kind.ALBUM: "VISUAL_COLLECTION",
}
_FILES: Final = (Kind.FILE, Kind.ASSET)
_WIRE_STATUSES: Final = {Status.AVAILABLE: "AVAILABLE", Status.TRASHED: "TRASH", Status.PENDING: "PENDING"}


class Rows:
    """The entries of a batch."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    @cached_property
    def media(self) -> list[Media]:
        """What each says about itself."""
        return [each.media or _NO_MEDIA for each in self.entries]

    @cached_property
    def image(self) -> list[Media]:
        """What each says about itself that is no film."""
        return [_NO_MEDIA if film else media for film, media in zip(self._films, self.media, strict=True)]

    @cached_property
    def video(self) -> list[Media]:
        """What each film says about itself."""
        return [media if film else _NO_MEDIA for film, media in zip(self._films, self.media, strict=True)]

    @cached_property
    def _films(self) -> list[bool]:
        return [each.is_video for each in self.entries]

    @cached_property
    def place(self) -> list[Place]:
        """Where each was taken."""
        return [each.place or _NO_PLACE for each in self.media]

    @cached_property
    def exif(self) -> list[dict[str, str]]:
        """The remaining fields of each."""
        return [each.exif for each in self.media]

    def values(self, column: Column) -> list[Any]:
        """Return what a column holds; a time as what has passed since 1970."""
        if column.source == "made":
            return _MADE[column.key](self)
        parts: Sequence[Any] = self.entries if column.source == "entry" else getattr(self, column.source)
        found = list(map(operator.attrgetter(column.key), parts))
        return since_1970(found) if column.type == "timestamp" else found


def since_1970(times: list[datetime | None]) -> list[timedelta | None]:
    """Return times as what has passed since 1970; one without a zone is taken for UTC."""
    # Five times quicker to turn into a column than the times themselves, whose zones are asked one by one.
    try:
        return [None if each is None else each - EPOCH for each in times]
    except TypeError:  # one of them has no zone
        aware = [each and (each if each.tzinfo else each.replace(tzinfo=EPOCH.tzinfo)) for each in times]
        return [None if each is None else each - EPOCH for each in aware]


def _extension(rows: Rows) -> list[str | None]:
    ends = [each.name.rpartition(".") for each in rows.entries]
    files = [each.kind in _FILES for each in rows.entries]
    return [end[2].lower() or None if end[0] and file else None for end, file in zip(ends, files, strict=True)]


def _kind(rows: Rows) -> list[str]:
    return [_WIRE_KINDS[each.kind] for each in rows.entries]


def _status(rows: Rows) -> list[str]:
    return [_WIRE_STATUSES[each.status] for each in rows.entries]


def _parts(rows: Rows) -> list[Sequence[dict[str, str]]]:
    return [[{"assetType": part} for part in each.assets] if each.assets else () for each in rows.entries]


def _properties(rows: Rows) -> list[str | None]:
    return [msgspec.json.encode(kept).decode() if (kept := each.properties) else None for each in rows.entries]


_MADE: Final[dict[str, Callable[[Rows], list[Any]]]] = {
    "extension": _extension,
    "kind": _kind,
    "status": _status,
    "parts": _parts,
    "properties": _properties,
}
