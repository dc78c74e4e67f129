"""Synthetic files: what the one of a given number looks like. Pure arithmetic: the same order is the same library."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from random import Random
from typing import Any, Final

import msgspec

FIRST_DAY: Final = 1_420_070_400_000
"""2015-01-01 UTC, in milliseconds."""
STEP: Final = 1_753_000
"""Milliseconds between two files: 20,000 of them span a good year."""
DAY: Final = 86_400_000
THINGS: Final = ("beach", "dog", "cat", "tree", "mountain", "food", "car", "flower", "snow", "city")
PLACES: Final = (
    ("CAN#BC#Vancouver", "Vancouver", "British Columbia", "BC", "Canada", "CAN"),
    ("USA#OH#Columbus", "Columbus", "Ohio", "OH", "United States", "USA"),
    ("FRA#IDF#Paris", "Paris", "Île-de-France", "IDF", "France", "FRA"),
    ("JPN#13#Tokyo", "Tokyo", "Tokyo", "13", "Japan", "JPN"),
)
NAMES: Final = (
    *("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Ken", "Frances", "Dennis", "Hedy", "Claude"),
    *(
        "Katherine",
        "John",
        "Margaret",
        "Niklaus",
        "Annie",
        "Tony",
        "Sophie",
        "Linus",
        "Mary",
        "Leslie",
        "Karen",
        "Guido",
    ),
)
ODD_NAMES: Final = (
    "".join(chr(code) for code in (*range(1, 32), 127)),
    ".",
    "..",
    "!\"#$%&'()*+,-.:;<=>?@[\\]^_`{|}~",
    " leading space",
    "~leading tilde",
    "\rleading CR",
    "\nleading LF",
    "\tleading HT",
    "\vleading VT",
    ".leading dot",
    "trailing space ",
    "trailing CR\r",
    "trailing LF\n",
    "trailing HT\t",
    "trailing VT\v",
    "trailing dot.",
    "replaced \N{REPLACEMENT CHARACTER}",
    "test%46.txt",
    "IMG[1].jpg",
    "*.jpg",
    "what?.jpg",
    "a#b.jpg",
    "back\\slash.jpg",
    "C:drive.jpg",
    "-rf",
    "CON",
    "two  spaces.jpg",
    "decomposed cafe\N{COMBINING ACUTE ACCENT}.jpg",
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}stanbul stra\N{LATIN SMALL LETTER SHARP S}e.jpg",
    "\u540d\u524d.jpg",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}.jpg",
    "turned \N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "status:TRASH OR (name:*)",
    "l" * 252 + ".jpg",
)
"""Names that break clients: those of rclone's encoding tests that the service can hold, and what else has been seen."""
_CAMERAS: Final = (("Apple", "iPhone XS"), ("Canon", "EOS R6"), ("FUJIFILM", "X-T4"))
_STRIDES: Final = {
    name: math.sqrt(prime) % 1
    for name, prime in {
        "favorites": 7,
        "kind": 3,
        "hidden": 2,
        "trashed": 11,
        "live": 13,
        "duplicates": 17,
        "vault": 19,
        "person": 23,
        "company": 29,
    }.items()
}
"""Multiples of an irrational number fill the unit interval evenly, so a share of 2 % is 2 % of every stretch; different
numbers make the choices independent of each other."""

_PHASE: Final = 0.25
"""Where the choices begin without a seed number: not at 0, or the first file would be chosen for everything."""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What files are like, as shares of all: 0 to 1.

    Attributes:
        seed_number: another number, another library; without one the ids are fresh each time.
        things: words on each photograph.
        live_photos: photographs with a film beside them.
        duplicates: files with the bytes of an earlier one.
        vault: photographs and videos in the family vault.
    """

    seed_number: int | None = None
    things: int = 1
    favorites: float = 0.02
    hidden: float = 0.0
    trashed: float = 0.0
    videos: float = 0.0
    documents: float = 0.0
    live_photos: float = 0.0
    duplicates: float = 0.0
    vault: float = 0.0

    def is_possible(self) -> bool:
        """Whether every number is in its range."""
        shares = (self.favorites, self.hidden, self.trashed, self.live_photos, self.duplicates, self.vault)
        kinds = (self.videos, self.documents, self.videos + self.documents)
        return all(0 <= share <= 1 for share in (*shares, *kinds)) and 0 <= self.things <= len(THINGS)


@dataclass(frozen=True, slots=True)
class File:
    """One file, with the columns of ``nodes`` by name and what stands in other tables."""

    name: str
    columns: dict[str, Any]
    things: tuple[str, ...]
    people: tuple[float, ...]
    """Who is on it, as numbers from 0 to 1 among all people; small ones are on more."""
    trashed: bool
    live: bool


class Maker:
    """Makes the files of one order."""

    def __init__(self, shape: Shape, scope: str) -> None:
        self._shape = shape
        self._scope = f"{shape.seed_number or 0}/{scope}"
        dice = Random(shape.seed_number)  # noqa: S311 - a choice, no secret
        self._phases = {name: _PHASE if shape.seed_number is None else dice.random() for name in _STRIDES}

    def file(self, index: int) -> File:
        """Return the file of this number."""
        shape, origin = self._shape, self._origin(index)
        kind = self._at(origin, "kind")
        document = kind < shape.documents
        video = not document and kind < shape.documents + shape.videos
        live = not (document or video) and self._at(origin, "live") < shape.live_photos
        columns = self.content(origin, "document" if document else "video" if video else "live" if live else "photo")
        columns["favorite"] = int(self._at(index, "favorites") < shape.favorites)
        columns["hidden"] = int(self._at(index, "hidden") < shape.hidden)
        columns["in_vault"] = int(not document and self._at(index, "vault") < shape.vault)
        prefix = {"pdf": "DOC", "mp4": "VID"}.get(columns["extension"], "IMG")
        things = () if document else tuple(THINGS[(origin + 3 * each) % len(THINGS)] for each in range(shape.things))
        company = 0.0 if document else self._at(origin, "company")
        people = [self._at(origin * 3 + each, "person") ** 2 for each in range(int(company * 5) - 1)]
        return File(
            name=f"{prefix}_{index:07d}.{columns['extension']}",
            columns=columns,
            things=things,
            people=tuple(people),
            trashed=self._at(index, "trashed") < shape.trashed,
            live=live,
        )

    def content(self, index: int, kind: str) -> dict[str, Any]:
        """Return the columns of ``nodes`` that tell a file's content: a photo, a live one, a video or a document."""
        taken = FIRST_DAY + index * STEP
        year, month, day = _date(taken // DAY)
        content_type, extension, media = _KINDS[kind]
        place = PLACES[index // 2 % len(PLACES)] if index % 2 and kind != "document" else None
        return {
            "md5": hashlib.md5(f"{self._scope}/{index}/{kind}".encode(), usedforsecurity=False).hexdigest(),
            "size": 1_000_000 + index * 37 % 4_000_000,
            "content_type": content_type,
            "extension": extension,
            "media": media,
            "content_date": taken,
            "year": year,
            "month": month,
            "day": day,
            "location": place[0] if place else None,
            "location_key": place[0].lower() if place else None,
            "address": _address(place) if place else None,
            "image": _IMAGES[index % len(_IMAGES)] if media == "PHOTOS" else None,
            "video": _VIDEO if content_type.startswith("video/") else None,
        }

    def _origin(self, index: int) -> int:
        """Return the number of the file whose bytes this one has: its own, unless it is a duplicate."""
        while index and self._at(index, "duplicates") < self._shape.duplicates:
            index = max(0, index - 1 - index % 5)
        return index

    def _at(self, index: int, choice: str) -> float:
        return (index * _STRIDES[choice] + self._phases[choice]) % 1


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


_KINDS: Final = {
    "photo": ("image/jpeg", "jpg", "PHOTOS"),
    "live": ("image/heic", "heic", "PHOTOS"),
    "live video": ("video/quicktime", "mov", None),
    "video": ("video/mp4", "mp4", "VIDEOS"),
    "document": ("application/pdf", "pdf", None),
}
_IMAGES: Final = tuple(
    _json({"make": make, "model": model, "orientation": "1", "width": 4032, "height": 3024}) for make, model in _CAMERAS
)
_VIDEO: Final = _json({"width": 1920, "height": 1080, "duration": 12.5, "videoCodec": "h264", "videoFrameRate": 30.0})


@cache
def _address(place: tuple[str, ...]) -> str:
    return _json({"city": place[1], "state": place[2], "country": place[4]})


@lru_cache(maxsize=1024)
def _date(days: int) -> tuple[int, int, int]:
    when = date(1970, 1, 1) + timedelta(days=days)
    return when.year, when.month, when.day
