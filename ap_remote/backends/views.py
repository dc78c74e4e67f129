"""The virtual tree ``.views`` as a table: a pattern, and what lists what is there.

A row's pattern has one part per path component: a word, ``{name}`` for any one component, ``{name...}`` for one or
more. The first row that fits is taken; a path that no row fits does not exist. What things are called here is said in
:mod:`ap_remote.backends.view_names`; a name that several have of themselves is ambiguous without its mark.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from ap_remote import query as language
from ap_remote.backends import view_dates, view_names
from ap_remote.backends.view_dates import DATES_VIEW, MEDIA
from ap_remote.backends.view_names import Item
from ap_remote.backends.view_source import Known, Source, files
from ap_remote.errors import AmbiguousError, IsFileError, NotFoundError
from ap_remote.model import Entry, Kind
from ap_remote.query import Query, facet
from ap_remote.remote import paths

PEOPLE_VIEW: Final = ".views/people"
PLACES_VIEW: Final = ".views/places"
THINGS_VIEW: Final = ".views/things"
VIDEOS_VIEW: Final = ".views/videos"
SEARCH_VIEW: Final = ".views/search"
UNNAMED: Final = "unnamed"
"""What a person is called whom nobody has named; always with the mark of the cluster."""

Lister = Callable[[Source, Entry], Awaitable[Known[Item]]]
"""Gets the source and the place that is listed."""
Check = Callable[[Source, str], Awaitable[None]]
"""Gets the source and a path; raises if nothing is there."""


class Row(msgspec.Struct, frozen=True):
    """One kind of place in the virtual tree."""

    pattern: str
    list: Lister | None = None
    folder: bool = False
    """Whether the place is there of itself."""
    check: Check | None = None
    """Tells whether a directory is there; without it, it is what the listing above it says."""

    def fits(self, path: str) -> bool:
        """Whether *path* is such a place. Words compare as names do."""
        wanted, given = self.pattern.split("/"), path.split("/")
        if wanted[-1].endswith("...}"):
            given = [*given[: len(wanted) - 1], "+" * bool(given[len(wanted) - 1 :])]
        return len(wanted) == len(given) and all(
            part and (each.startswith("{") or each == paths.fold(part))
            for each, part in zip(wanted, given, strict=True)
        )

    def spell(self, path: str) -> str:
        """Return *path*, which fits, with the row's own words."""
        words = self.pattern.split("/")
        given = path.split("/")
        return "/".join(
            [
                *(part if each.startswith("{") else each for each, part in zip(words, given, strict=False)),
                *given[len(words) :],
            ]
        )


class _Shelf(msgspec.Struct, frozen=True):
    """What a place lists, ready to be looked up."""

    items: Sequence[Item]
    entries: Sequence[Entry]
    rows: dict[str, int]
    """Where each is, by folded name."""


# -- what is listed where ----------------------------------------------------------------------------------------------


async def _top(source: Source, place: Entry) -> Known[Item]:
    del source
    words = [row.pattern for row in TABLE if row.folder and paths.split(row.pattern)[0] == place.path]
    return Known([Item(name=paths.split(word)[1], key=word) for word in words])


async def _albums(source: Source, place: Entry) -> Known[Item]:
    del place
    return files(await source.albums())


async def _members(source: Source, place: Entry) -> Known[Item]:
    return files(await source.members(place))


async def _trash(source: Source, place: Entry) -> Known[Item]:
    del place
    return files(await source.trash())


async def _trashed_in(source: Source, place: Entry) -> Known[Item]:
    return files(await (source.members(place) if place.kind is Kind.ALBUM else source.trashed_in(place)))


async def _people(source: Source, place: Entry) -> Known[Item]:
    del place
    known = await source.people()
    items = [Item(name=each.name or UNNAMED, key=each.id, marked=not each.name) for each in known.rows if each.count]
    return Known(items, known.when)


async def _person(source: Source, place: Entry) -> Known[Item]:
    return files(await source.found(facet("people", await _key(source, place.path))))


async def _things(source: Source, place: Entry) -> Known[Item]:
    del place
    known = await source.values("things")
    return Known([Item(name=value, key=value) for value, _ in known.rows], known.when)


async def _thing(source: Source, place: Entry) -> Known[Item]:
    return files(await source.found(facet("things", await _key(source, place.path))))


async def _countries(source: Source, place: Entry) -> Known[Item]:
    del place
    known = await source.values("location")
    return Known(_places_in("", known.rows), known.when)


async def _place(source: Source, place: Entry) -> Known[Item]:
    """List the places within a place and the photographs of which no more is known than that they are from there."""
    label = await _key(source, place.path)
    known = await source.values("location")
    inside = _places_in(label, known.rows)
    if inside and all(value != label for value, _ in known.rows):
        return Known(inside, known.when)
    found = await source.found(facet("location", label))
    photographs = [each for each in found.rows if not inside or _label(each) == paths.fold(label)]
    return Known([*inside, *files(Known(photographs)).rows], min(known.when, found.when))


async def _favorites(source: Source, place: Entry) -> Known[Item]:
    del place
    return files(await source.found(language.all_of(MEDIA, facet("favorite", "true"))))


async def _hidden(source: Source, place: Entry) -> Known[Item]:
    del place
    return files(await source.hidden())


async def _videos(source: Source, place: Entry) -> Known[Item]:
    del place
    return files(await source.found(facet("type", "VIDEOS")))


async def _nothing(source: Source, place: Entry) -> Known[Item]:
    del source, place
    return Known([])


async def _found(source: Source, place: Entry) -> Known[Item]:
    return files(await source.found(_query(place.path)))


# -- what is there without being listed --------------------------------------------------------------------------------


async def _has_taken(source: Source, path: str) -> None:
    """Say of a year, a month or a day whether anything was taken then.

    Raises:
        NotFoundError: nothing was, or it is none.
    """
    if not view_dates.date_of(path) or not (await _shelf(source, directory(path))).items:
        raise NotFoundError(path)


async def _is_readable(source: Source, path: str) -> None:
    """Say of a filter whether it can be read.

    Raises:
        QuerySyntaxError: it cannot.
    """
    del source
    _query(path)


TABLE: Final = (
    Row(paths.VIEWS, _top, folder=True),
    Row(paths.ALBUMS_VIEW, _albums, folder=True),
    Row(paths.ALBUMS_VIEW + "/{album}", _members),
    Row(paths.ALBUMS_VIEW + "/{album}/{member}"),
    Row(DATES_VIEW, view_dates.years, folder=True),
    Row(DATES_VIEW + "/{year}", view_dates.months, check=_has_taken),
    Row(DATES_VIEW + "/{year}/{month}", view_dates.days, check=_has_taken),
    Row(DATES_VIEW + "/{year}/{month}/{day}", view_dates.day, check=_has_taken),
    Row(DATES_VIEW + "/{year}/{month}/{day}/{photograph}"),
    Row(paths.FAVORITES_VIEW, _favorites, folder=True),
    Row(paths.FAVORITES_VIEW + "/{photograph}"),
    Row(paths.HIDDEN_VIEW, _hidden, folder=True),
    Row(paths.HIDDEN_VIEW + "/{photograph}"),
    Row(PEOPLE_VIEW, _people, folder=True),
    Row(PEOPLE_VIEW + "/{person}", _person),
    Row(PEOPLE_VIEW + "/{person}/{photograph}"),
    Row(PLACES_VIEW, _countries, folder=True),
    Row(PLACES_VIEW + "/{place...}", _place),
    Row(SEARCH_VIEW, _nothing, folder=True),
    Row(SEARCH_VIEW + "/{filter}", _found, check=_is_readable),
    Row(SEARCH_VIEW + "/{filter}/{found}", _members),
    Row(SEARCH_VIEW + "/{filter}/{found}/{member}"),
    Row(THINGS_VIEW, _things, folder=True),
    Row(THINGS_VIEW + "/{thing}", _thing),
    Row(THINGS_VIEW + "/{thing}/{photograph}"),
    Row(paths.TRASH_VIEW, _trash, folder=True),
    Row(paths.TRASH_VIEW + "/{path...}", _trashed_in),
    Row(VIDEOS_VIEW, _videos, folder=True),
    Row(VIDEOS_VIEW + "/{film}"),
)


# -- looking -----------------------------------------------------------------------------------------------------------


def row_of(path: str) -> Row:
    """Return the row of the table that a path of the virtual tree fits.

    Raises:
        NotFoundError: there is no such place.
    """
    for row in TABLE:
        if row.fits(path):
            return row
    raise NotFoundError(path)


def directory(path: str) -> Entry:
    """Return the entry of a place that is a directory of the table; its id is its path."""
    return Entry(path=path, name=paths.split(path)[1], id=path, kind=Kind.FOLDER)


def is_directory(entry: Entry) -> bool:
    """Whether an entry is one that :func:`directory` made."""
    return entry.id == entry.path and paths.is_view(entry.path)


async def stat(source: Source, path: str) -> Entry:
    """Return what is at a view path.

    Raises:
        NotFoundError: nothing is.
        AmbiguousError: several have that name.
        QuerySyntaxError: it is a search whose filter cannot be read.
    """
    row = row_of(path)
    if row.folder:
        return directory(row.pattern)
    if row.check is not None:
        place = row.spell(path)
        await row.check(source, place)
        return directory(place)
    shelf, index = await _find(source, path)
    return shelf.entries[index]


async def listing(source: Source, place: Entry) -> list[Entry]:
    """Return what lies directly under a place in the virtual tree, by folded name, at its view path.

    Raises:
        IsFileError: nothing can lie there.
    """
    return list((await _shelf(source, place)).entries)


async def walk(source: Source, place: Entry, *, recursive: bool) -> AsyncIterator[Entry]:
    """Yield what lies under a place; with *recursive* all below, parents first. Albums are not entered."""
    if recursive and view_dates.spans_months(place.path):
        await source.prepare()
    for entry in await listing(source, place):
        yield entry
        if recursive and entry.kind is Kind.FOLDER:
            async for below in walk(source, entry, recursive=True):
                yield below


async def _find(source: Source, path: str) -> tuple[_Shelf, int]:
    """Return the listing in which *path* is, and where."""
    above, name = paths.split(path)
    try:
        shelf = await _shelf(source, await stat(source, above))
    except IsFileError as exc:
        raise NotFoundError(path) from exc
    index = shelf.rows.get(paths.fold(name))
    if index is not None:
        return shelf, index
    alike = view_names.alike(shelf.items, name)
    if alike:
        raise AmbiguousError(path, alike)
    raise NotFoundError(path)


async def _key(source: Source, path: str) -> str:
    """Return what stands for a directory at the service."""
    shelf, index = await _find(source, path)
    return shelf.items[index].key


async def _shelf(source: Source, place: Entry) -> _Shelf:
    row = row_of(place.path)
    if row.list is None or not place.is_folder:
        raise IsFileError(place.path)
    return await source.memo.get(
        (place.path, place.id), source, partial(row.list, source, place), partial(_arranged, place.path)
    )


def _arranged(path: str, rows: Sequence[Item]) -> _Shelf:
    """Return items by the folded name under which they are shown, each once and at its path."""
    distinct = {item.key: item for item in rows}.values()
    named = sorted(distinct, key=lambda item: (paths.fold(item.name), item.key))
    shown = sorted(zip(view_names.shown(named), named, strict=True), key=lambda row: paths.fold(row[0]))
    items = [item for _, item in shown]
    places = [paths.join(path, name) for name, _ in shown]
    entries = [
        directory(at) if item.entry is None else msgspec.structs.replace(item.entry, path=at)
        for item, at in zip(items, places, strict=True)
    ]
    return _Shelf(items, entries, {paths.fold(paths.split(at)[1]): index for index, at in enumerate(places)})


# -- small words -------------------------------------------------------------------------------------------------------


def _query(path: str) -> Query:
    """Return the filter that names a folder below ``search``."""
    _, (text, *_) = paths.view_name(path)
    return language.parse_search(view_names.plain(text))


def _places_in(label: str, values: Sequence[tuple[str, int]]) -> list[Item]:
    """Return the places one level below a label, ``""`` for the world."""
    depth = len(label.split("#")) if label else 0
    within = [value.split("#") for value, _ in values if (value.startswith(f"{label}#") if label else value[:1] != "#")]
    keys = dict.fromkeys("#".join(parts[: depth + 1]) for parts in within if len(parts) > depth)
    return [Item(name=key.split("#")[depth], key=key) for key in keys]


def _label(entry: Entry) -> str | None:
    place = entry.media.place if entry.media else None
    return paths.fold(place.label) if place and place.label else None
