"""One shape for a photograph in every answer. Field names are short because they are paid for in tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from ap_remote.model import Kind, Status
from ap_remote.remote.paths import split
from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ap_remote.model import Entry, Place

ItemKind = Literal["photo", "video", "file", "folder", "album"]

_PEOPLE: Final = 10
_LISTED: Final = 40
_SCORE: Final = 4
FREE_TEXT: Final = frozenset(
    {"usercomment", "imagedescription", "artist", "copyright", "xpcomment", "xptitle", "software"}
)
"""EXIF fields in which anybody may write sentences; compared in lower case."""


class Item(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A photograph, a video or another file."""

    id: str
    name: str
    kind: str
    """An :data:`ItemKind`; each answer that lists items would publish the choices again."""
    taken: str = ""
    folder: str = ""
    place: str = ""
    people: list[str] = []
    fav: bool = False
    size: int = 0
    w: int = 0
    h: int = 0
    dur: float = 0.0
    score: float = 0.0
    hidden: bool = False
    trashed: bool = False


class Details(Item, kw_only=True, omit_defaults=True):
    """An item with what ``photos_get`` adds; ``untrusted`` holds sentences that anybody may have written."""

    path: str = ""
    type: str = ""
    md5: str = ""
    version: int = 0
    created: str = ""
    modified: str = ""
    camera: str = ""
    lat: float = 0.0
    lon: float = 0.0
    things: list[str] = []
    labels: list[str] = []
    albums: dict[str, str] = {}
    """Names by id."""
    note: str = ""
    exif: dict[str, str] = {}
    untrusted: dict[str, str] = {}


Detail = Literal["basic", "exif", "all"]


def minute(moment: datetime | None) -> str:
    """Return a time to the minute, ``2023-08-14T10:22``; ``""`` for none."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M")


def kind_of(entry: Entry) -> ItemKind:
    """Return what an entry is to a person."""
    if entry.kind is Kind.FOLDER:
        return "folder"
    if entry.kind is Kind.ALBUM:
        return "album"
    if entry.is_photo:
        return "photo"
    return "video" if entry.is_video else "file"


def item(entry: Entry, *, score: float = 0.0, names: Mapping[str, str] | None = None) -> Item:
    """Return the short form of an entry; *names* are those of people by their ids."""
    return Item(**_told(_common(entry, score, names or {})))


def details(
    entry: Entry,
    detail: Detail,
    names: Mapping[str, str] | None = None,
    *,
    albums: Mapping[str, str] | None = None,
    note: str = "",
) -> Details:
    """Return an entry as far as *detail* asks.

    Args:
        entry: what is described.
        detail: how far.
        names: those of people, by their ids.
        albums: names of the albums that it is in, by their ids.
        note: what is to be known about the albums.
    """
    told = _common(entry, 0.0, names or {})
    if detail != "basic":
        told |= _more(entry)
    if detail == "all":
        told |= {"labels": [clean(each, 40) for each in entry.labels[:_LISTED]], "untrusted": _untrusted(entry)}
    told |= {"albums": {key: clean(name, 60) for key, name in (albums or {}).items()}, "note": note}
    return Details(**_told(told))


def _more(entry: Entry) -> dict[str, Any]:
    media = entry.media
    place = media.place if media else None
    return {
        "path": clean(entry.path, 300),
        "type": clean(entry.content_type or "", 60),
        "md5": entry.md5 or "",
        "version": entry.version,
        "created": minute(entry.created),
        "modified": minute(entry.modified),
        "camera": clean(" ".join(each for each in (media.make, media.model) if each)) if media else "",
        "lat": round(place.latitude, 5) if place and place.latitude is not None else 0.0,
        "lon": round(place.longitude, 5) if place and place.longitude is not None else 0.0,
        "things": [clean(each, 40) for each in entry.things[:_LISTED]],
        "exif": {clean(key, 40): clean(value) for key, value in _exif(entry) if key.casefold() not in FREE_TEXT},
    }


def _untrusted(entry: Entry) -> dict[str, str]:
    told = {clean(key, 40): clean(value) for key, value in _exif(entry) if key.casefold() in FREE_TEXT}
    return told | ({"description": clean(entry.description)} if entry.description else {})


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing; msgspec omits defaults by identity, which a computed 0.0 has not."""
    return {name: value for name, value in fields.items() if value}


def _exif(entry: Entry) -> list[tuple[str, str]]:
    return sorted(entry.media.exif.items())[:_LISTED] if entry.media else []


def _common(entry: Entry, score: float, names: Mapping[str, str]) -> dict[str, Any]:
    media = entry.media
    return {
        "id": entry.id,
        "name": clean(entry.name),
        "kind": kind_of(entry),
        "taken": minute(entry.taken),
        "folder": clean(split(entry.path)[0], 200),
        "place": place_name(media.place) if media else "",
        "people": [clean(names.get(each, each), 60) for each in entry.people[:_PEOPLE]],
        "fav": entry.favorite,
        "size": entry.size,
        "w": (media.width if media else 0) or 0,
        "h": (media.height if media else 0) or 0,
        "dur": round((media.duration if media else 0.0) or 0.0, 1),
        "score": round(score, _SCORE),
        "hidden": entry.hidden,
        "trashed": entry.status is Status.TRASHED,
    }


def place_name(place: Place | None) -> str:
    """Return a place as a person says it, ``Vancouver, BC, Canada``; else Amazon's label."""
    if place is None:
        return ""
    parts = [part for part in (place.city, place.region, place.country) if part]
    return clean(", ".join(parts) or place.label or "")
