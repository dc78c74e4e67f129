"""One pass over a listing or a search, in any order, into a :class:`~ap_remote.insight.library.Library`.

What is kept while it runs: a row of numbers per group, a number per day, and per content that has a digest one small
:class:`~ap_remote.insight.library.File`, since duplicates cannot be told without it. Entries themselves are let go.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from ap_remote.insight.dates import judge
from ap_remote.insight.gaps import Numbers, Series, find_gaps, numbered
from ap_remote.insight.library import Day, File, Group, Library, Oddity, Point, Sort, Twins
from ap_remote.insight.names import camera, extension_of, sort_of, where
from ap_remote.insight.twins import twins
from ap_remote.model import Entry, Kind, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

K = TypeVar("K")

TOP: Final = 50
"""How many of the largest files, and samples of what is odd, are kept."""

_SORTS: Final = tuple(Sort)
_INDEX: Final = {sort: index for index, sort in enumerate(_SORTS)}
_PHOTO, _RAW, _VIDEO = (_INDEX[each] for each in (Sort.PHOTO, Sort.RAW, Sort.VIDEO))
_SIZE: Final = len(_SORTS)
_COUNTED: Final = _SIZE + 1
_CELLS: Final = 20
"""Points are counted in cells of a twentieth of a degree."""
_STEP: Final = 500
_MONTHS: Final = tuple(f"%04d-{month:02d}" for month in range(13))

_ODD: Final = {
    "undated": ("Pictures without a capture date", "They stand at the date of their upload, or nowhere."),
    "future": ("Pictures from the future", "A camera's clock was ahead when they were taken."),
    "impossible": ("Pictures from before photography", "Their capture date lies before 1826."),
    "clock": (
        "Pictures of a clock that was not set",
        "Their capture date is a day or a minute that clocks start from.",
    ),
    "null-island": ("Pictures at 0°, 0°", "A device without a fix wrote zeros: nobody is there but a buoy."),
    "unplaced": ("Pictures without a place", "They have neither a position nor the name of a place."),
    "empty": ("Empty files", "They have no bytes at all; an upload went wrong, or their source was empty already."),
}


async def summarise(
    entries: AsyncIterator[Entry],
    *,
    base: str = "",
    now: datetime | None = None,
    top: int = TOP,
    progress: Callable[[int, int | None], None] | None = None,
) -> Library:
    """Count what a listing or a search yields; ``remote.list(recursive=True)`` is the whole library.

    Args:
        entries: a listing or a search; their order does not matter.
        base: the path that was listed, so that folders are counted below it.
        now: what the future begins at; the time of the call.
        top: how many of the largest files, and samples of what is odd, are kept.
        progress: gets the number of entries so far, now and then.
    """
    summary = Summary(base=base, now=now, top=top)
    seen = 0
    async for entry in entries:
        summary.add(entry)
        seen += 1
        if progress is not None and not seen % _STEP:
            progress(seen, None)
    if progress is not None:
        progress(seen, seen)
    return summary.library()


class Summary:
    """Counts entries one by one; :func:`summarise` is the way to use it where they come from a remote."""

    def __init__(self, *, base: str = "", now: datetime | None = None, top: int = TOP) -> None:
        self._prefix = f"{base}/" if base else ""
        self._in_view = paths.is_view(base)
        self._in_trash = f"{base}/".startswith(f"{paths.TRASH_VIEW}/")
        self._now = now or datetime.now(UTC)
        self._top = top
        self._folders = self._albums = self._live = self._favorites = self._hidden = 0
        self._several: set[str] = set()
        self._months: dict[str, list[int]] = {}
        self._uploads: dict[str, list[int]] = {}
        self._cameras: dict[str, list[int]] = {}
        self._extensions: dict[tuple[str, str], list[int]] = {}
        self._tops: dict[str, list[int]] = {}
        self._places: dict[tuple[str, str, str], list[int]] = {}
        self._days: Counter[int] = Counter()
        self._hours = [[0] * 24 for _ in range(7)]
        self._points: Counter[tuple[int, int]] = Counter()
        self._numbers: defaultdict[int, dict[Series, Numbers]] = defaultdict(dict)
        self._largest: list[_Held] = []
        self._videos: list[_Held] = []
        self._first: dict[bytes, File] = {}
        self._more: dict[bytes, list[File]] = {}
        self._odd = {what: [0, 0] for what in _ODD}
        self._samples: dict[str, list[_Held]] = {what: [] for what in _ODD}

    def add(self, entry: Entry) -> None:
        """Count one entry.

        A file that lies in several folders, or albums, counts once; parts of files do not count. What is in the trash
        does not either, unless it was the trash that was listed.
        """
        if entry.status is Status.TRASHED and not self._in_trash:
            return
        if entry.kind is not Kind.FILE:
            self._folders += entry.kind is Kind.FOLDER
            self._albums += entry.kind is Kind.ALBUM
            return
        if self._in_view or len(entry.parents) > 1:
            if entry.id in self._several:
                return
            self._several.add(entry.id)
        sort = sort_of(entry)
        index = _INDEX[sort]
        size = entry.size
        # Photographs and raw files do not count against the quota.
        counted = 0 if index <= _RAW else size
        self._live += entry.is_live
        self._favorites += entry.favorite
        self._hidden += entry.hidden
        media = entry.media
        taken, created = entry.taken, entry.created
        _add(self._extensions, (extension_of(entry.name), sort.value), index, size, counted)
        _add(self._tops, self._top_of(entry.path), index, size, counted)
        _add(self._months, _month(taken), index, size, counted)
        _add(self._uploads, _month(created), index, size, counted)
        _add(self._cameras, camera(media.make, media.model) if media else "", index, size, counted)
        place = where(media.place) if media else ("", "", "")
        _add(self._places, place, index, size, counted)
        file = File(
            path=entry.path,
            id=entry.id,
            size=size,
            sort=sort,
            taken=taken,
            created=created,
            favorite=entry.favorite,
        )
        if index <= _VIDEO:
            self._picture(entry, file, place)
        _push(self._largest, file, size, self._top)
        if index == _VIDEO:
            _push(self._videos, file, size, self._top)
        if not size:
            self._note("empty", file)
        elif entry.md5:
            self._content(entry.md5, file)

    def library(self) -> Library:
        """Return what was counted so far."""
        kinds = _joined(self._extensions, lambda key: key[1])
        return Library(
            made=self._now,
            files=sum(each.count for each in kinds),
            size=sum(each.size for each in kinds),
            counted=sum(each.counted for each in kinds),
            folders=self._folders,
            albums=self._albums,
            live=self._live,
            favorites=self._favorites,
            hidden=self._hidden,
            by_kind=tuple(sorted(kinds, key=lambda each: _INDEX[Sort(each.key)])),
            by_year=_chronological(_joined(self._months, lambda key: key.partition("-")[0])),
            by_month=_chronological(_groups(self._months)),
            by_camera=_frequent(_groups(self._cameras)),
            by_extension=_frequent(_joined(self._extensions, lambda key: key[0])),
            by_country=self._placed(1),
            by_region=self._placed(2),
            by_place=self._placed(3),
            by_folder=_frequent(_groups(self._tops)),
            by_upload=_chronological(_groups(self._uploads)),
            days=tuple(Day(date.fromordinal(day), count) for day, count in sorted(self._days.items())),
            hours=tuple(tuple(row) for row in self._hours),
            points=tuple(
                Point(latitude / _CELLS, longitude / _CELLS, count)
                for (latitude, longitude), count in sorted(self._points.items())
            ),
            largest=_ranked(self._largest),
            largest_videos=_ranked(self._videos),
            duplicates=self._duplicates(),
            gaps=tuple(find_gaps(self._days, self._numbers)),
            oddities=tuple(self._oddity(what) for what, (count, _) in self._odd.items() if count),
        )

    def _top_of(self, path: str) -> str:
        """Return the first two folders below what was listed."""
        parts = path.removeprefix(self._prefix).split("/", 2)
        return "/".join(parts[: min(len(parts) - 1, 2)]) or "/"

    def _picture(self, entry: Entry, file: File, place: tuple[str, str, str]) -> None:
        taken = file.taken
        wrong = "undated" if taken is None else judge(taken, self._now)
        if wrong is not None:
            self._note(wrong, file)
        elif taken is not None:
            day = taken.toordinal()
            self._days[day] += 1
            self._hours[taken.weekday()][taken.hour] += 1
            self._counted(entry, day)
        spot = entry.media.place if entry.media else None
        if spot is None or spot.latitude is None or spot.longitude is None:
            if not any(place):
                self._note("unplaced", file)
        elif spot.latitude == 0 == spot.longitude:
            self._note("null-island", file)
        else:
            self._points[round(spot.latitude * _CELLS), round(spot.longitude * _CELLS)] += 1

    def _counted(self, entry: Entry, day: int) -> None:
        """Keep the lowest and the highest file number of the day and the camera."""
        found = numbered(entry.name)
        if found is None:
            return
        prefix, number = found
        series = (camera(entry.media.make, entry.media.model) if entry.media else "", prefix)
        known = self._numbers[day].get(series)
        if known is None:
            self._numbers[day][series] = Numbers(number, number)
        else:
            known.low, known.high = min(known.low, number), max(known.high, number)

    def _content(self, md5: str, file: File) -> None:
        try:
            digest = bytes.fromhex(md5)
        except ValueError:
            return  # what is no digest cannot make two files equal
        first = self._first.setdefault(digest, file)
        if first is not file:
            self._more.setdefault(digest, [first]).append(file)

    def _duplicates(self) -> tuple[Twins, ...]:
        groups = []
        for digest, files in self._more.items():
            distinct = {file.id: file for file in files}
            if len(distinct) > 1:
                groups.append(twins(digest.hex(), distinct.values()))
        return tuple(sorted(groups, key=lambda each: (-each.saved, each.md5)))

    def _placed(self, depth: int) -> tuple[Group, ...]:
        return _frequent(_joined(self._places, lambda place: " / ".join(part for part in place[:depth] if part)))

    def _note(self, what: str, file: File) -> None:
        tally = self._odd[what]
        tally[0] += 1
        tally[1] += file.size
        _push(self._samples[what], file, 0, self._top)

    def _oddity(self, what: str) -> Oddity:
        count, size = self._odd[what]
        title, meaning = _ODD[what]
        samples = _ranked(self._samples[what])
        return Oddity(what=what, title=title, meaning=meaning, count=count, size=size, samples=samples)


class _Held:
    """A file in a heap whose least is let go first: the smallest, and of those of one size the last by path."""

    __slots__ = ("file", "size")

    def __init__(self, file: File, size: int) -> None:
        self.file = file
        self.size = size

    def __lt__(self, other: _Held) -> bool:
        if self.size != other.size:
            return self.size < other.size
        return (self.file.path, self.file.id) > (other.file.path, other.file.id)


def _add(rows: dict[K, list[int]], key: K, index: int, size: int, counted: int) -> None:
    """Count a file: for each sort a number, then bytes, then the bytes that count against the quota."""
    row = rows.get(key)
    if row is None:
        row = rows[key] = [0] * (_COUNTED + 1)
    row[index] += 1
    row[_SIZE] += size
    row[_COUNTED] += counted


def _groups(rows: dict[str, list[int]]) -> list[Group]:
    return [_group(key, row) for key, row in rows.items()]


def _group(key: str, row: list[int]) -> Group:
    photos, raws, videos, documents, others, size, counted = row
    return Group(
        key=key,
        count=photos + raws + videos + documents + others,
        size=size,
        photos=photos,
        raws=raws,
        videos=videos,
        documents=documents,
        others=others,
        counted=counted,
    )


def _joined(rows: dict[K, list[int]], key_of: Callable[[K], str]) -> list[Group]:
    """Add up the rows that share a wider key."""
    joined: dict[str, list[int]] = {}
    for key, row in rows.items():
        wider = key_of(key)
        joined[wider] = [a + b for a, b in zip(joined[wider], row, strict=True)] if wider in joined else row
    return _groups(joined)


def _chronological(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The earliest first, what has no date last."""
    return tuple(sorted(groups, key=lambda each: (not each.key, each.key)))


def _frequent(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The most files first, what is not known last."""
    return tuple(sorted(groups, key=lambda each: (not each.key, -each.count, each.key)))


def _month(when: datetime | None) -> str:
    return _MONTHS[when.month] % when.year if when else ""


def _push(heap: list[_Held], file: File, size: int, limit: int) -> None:
    """Keep the *limit* greatest."""
    if len(heap) < limit:
        heapq.heappush(heap, _Held(file, size))
    elif limit and size >= heap[0].size and heap[0] < (held := _Held(file, size)):
        heapq.heapreplace(heap, held)


def _ranked(heap: list[_Held]) -> tuple[File, ...]:
    return tuple(each.file for each in sorted(heap, reverse=True))
