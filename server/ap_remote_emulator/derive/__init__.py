"""What a file tells about itself: its type, its dimensions, when and where it was taken, its words.

A file that cannot be read is still a file: it derives a content type and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ap_remote_emulator.derive import pictures, places, raws, videos
from ap_remote_emulator.derive.kinds import RAW, content_type_of, extension_of, media_of
from ap_remote_emulator.derive.places import Place

__all__ = ["Derived", "Place", "derive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What was found.

    Attributes:
        media: ``PHOTOS``, ``VIDEOS`` or ``None``.
        content_date: when it was taken, milliseconds since 1970 on the camera's own clock (EXIF has no zone).
        keywords: the words that people or programs put into the file. The real service finds ``things`` by machine
            learning; this one takes these words for them.
        people: the names of those who are on it, from its face regions.
        unnamed_faces: how many faces there are without a name.
        favorite: it has five stars.
        description: what it is called in the file, at most 500 characters.
        image: ``contentProperties.image``.
        video: ``contentProperties.video``.
    """

    content_type: str
    extension: str
    media: str | None
    content_date: int | None = None
    keywords: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    unnamed_faces: int = 0
    favorite: bool = False
    description: str | None = None
    image: Mapping[str, Any] | None = None
    video: Mapping[str, Any] | None = None
    place: Place | None = None


def derive(path: Path, name: str) -> Derived:
    """Read the file at *path*, which is called *name* in the library."""
    extension = extension_of(name)
    content_type = content_type_of(name)
    picture = raws.read(path, content_type) if content_type in RAW else None
    if picture is None:
        picture = pictures.read(path)
    if picture is not None:
        return Derived(
            content_type=picture.content_type,
            extension=extension,
            media="PHOTOS",
            content_date=picture.taken,
            keywords=picture.keywords,
            people=picture.people,
            unnamed_faces=picture.unnamed_faces,
            favorite=picture.favorite,
            description=picture.description,
            image=picture.image,
            place=places.find(*picture.position) if picture.position else None,
        )
    media = media_of(content_type)
    video = videos.read(path) if media == "VIDEOS" else None
    if video is None:
        return Derived(content_type=content_type, extension=extension, media=media)
    return Derived(
        content_type=content_type,
        extension=extension,
        media=media,
        content_date=video.taken,
        video=video.video,
        place=places.find(*video.position) if video.position else None,
    )
