"""What a library holds, as frozen structs: counts by this and that, and what deserves a look.

Every grouping is a tuple of :class:`Group` and covers every file: what has no such property stands under the key
``""``, so that the counts and the bytes of a grouping always add up to the library's. pandas takes them as they are:
``pd.DataFrame(map(msgspec.structs.asdict, library.by_year))``.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal, get_args

import msgspec


class Sort(StrEnum):
    """What a file is, to a photographer."""

    PHOTO = "photo"
    RAW = "raw"
    VIDEO = "video"
    DOCUMENT = "document"
    OTHER = "other"


Grouping = Literal["year", "month", "camera", "kind", "extension", "place", "folder"]
"""What ``ap stats`` groups by."""

GROUPINGS: Final[tuple[Grouping, ...]] = get_args(Grouping)


class Group(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Files that share something. Sizes are bytes."""

    key: str
    """``2023``, ``2023-07``, ``Apple iPhone 12``, ``jpg``, ``Italy / Tuscany / Lucca``, ``Pictures/Web``; ``""`` is
    what has no such property."""
    count: int
    size: int
    photos: int = 0
    raws: int = 0
    videos: int = 0
    documents: int = 0
    others: int = 0
    counted: int = 0
    """Bytes that count against the quota where photographs are free, as with Prime: all but photographs and raw files
    [amazon-photos-api.md 8, 12; that raw files are photographs is inferred]."""

    @property
    def pictures(self) -> int:
        """How many are photographs, raw files or videos."""
        return self.photos + self.raws + self.videos


class Day(msgspec.Struct, frozen=True, gc=False):
    """A day with pictures, by their capture times as the service tells them (EXIF has no zone)."""

    date: date
    count: int


class Point(msgspec.Struct, frozen=True, gc=False):
    """Pictures that were taken within the same twentieth of a degree, about five kilometres."""

    latitude: float
    longitude: float
    count: int


class File(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file, as far as a report needs it."""

    path: str
    id: str
    size: int
    sort: Sort
    taken: datetime | None = None
    created: datetime | None = None
    favorite: bool = False


class Twins(msgspec.Struct, frozen=True, kw_only=True):
    """Files of the same bytes."""

    md5: str
    size: int
    """Bytes of one of them."""
    files: tuple[File, ...]
    """The one worth keeping first."""
    why: str
    """Why the first is the one to keep."""

    @property
    def saved(self) -> int:
        """Bytes that would be free with the first alone."""
        return sum(each.size for each in self.files[1:])


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Days in a row without a picture, more than this period of the library would make one expect."""

    first: date
    """The first day without a picture."""
    last: date
    """The last day without a picture."""
    days: int
    usual: float
    """The median distance in days between days with pictures in the year around."""
    before: int
    """Pictures on the day before it."""
    after: int
    """Pictures on the day after it."""
    hints: tuple[str, ...] = ()
    """Sentences that speak for an import that was lost."""


class Oddity(msgspec.Struct, frozen=True, kw_only=True):
    """Files that share a property that deserves a look."""

    what: str
    """A word for programs: ``undated``, ``future``, ``impossible``, ``clock``, ``unplaced``, ``null-island``,
    ``empty``."""
    title: str
    meaning: str
    count: int
    size: int
    samples: tuple[File, ...]
    """Some of them, the first by path."""


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass over a listing or a search found. Sizes are bytes; dates are those of capture unless said."""

    made: datetime
    files: int
    size: int
    counted: int
    """Bytes that count against the quota where photographs are free."""
    folders: int
    albums: int
    live: int
    """Live photos: stills with a film as their asset, whose bytes are not in ``size``."""
    favorites: int
    hidden: int
    by_kind: tuple[Group, ...]
    by_year: tuple[Group, ...]
    by_month: tuple[Group, ...]
    by_camera: tuple[Group, ...]
    by_extension: tuple[Group, ...]
    by_country: tuple[Group, ...]
    by_region: tuple[Group, ...]
    by_place: tuple[Group, ...]
    by_folder: tuple[Group, ...]
    """The top two levels below what was listed; ``/`` is what lies in it directly."""
    by_upload: tuple[Group, ...]
    """By the month in which it came to the service."""
    days: tuple[Day, ...]
    hours: tuple[tuple[int, ...], ...]
    """Pictures by weekday (Monday first) and hour."""
    points: tuple[Point, ...]
    largest: tuple[File, ...]
    largest_videos: tuple[File, ...]
    duplicates: tuple[Twins, ...]
    """What would save most first; empty files are none."""
    gaps: tuple[Gap, ...]
    oddities: tuple[Oddity, ...]

    @property
    def pictures(self) -> int:
        """How many are photographs, raw files or videos."""
        return sum(each.pictures for each in self.by_kind)

    @property
    def saved(self) -> int:
        """Bytes that would be free if one of each group of duplicates were kept."""
        return sum(each.saved for each in self.duplicates)

    def by(self, grouping: Grouping) -> tuple[Group, ...]:
        """Return a grouping by its name."""
        groups: tuple[Group, ...] = getattr(self, f"by_{grouping}")
        return groups
