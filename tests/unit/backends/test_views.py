"""The table of the virtual tree, over a source of a few entries; what things are called there, whatever they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends import view_names, views
from ap_remote.backends.memory_source import now
from ap_remote.backends.view_names import Item
from ap_remote.backends.view_source import Known, Memo
from ap_remote.errors import AmbiguousError, IsFileError, NotFoundError
from ap_remote.model import Entry, Kind, Media, Person, Place, Status
from ap_remote.query import matches
from ap_remote.remote import paths


def file(node_id: str, name: str, **fields) -> Entry:
    return Entry(path=f"somewhere/{name}", name=name, id=node_id, kind=Kind.FILE, **fields)


class Source:
    """An account with two albums and a bin, and what else a test puts into it."""

    rome = Entry(path=".views/albums/Rome", name="Rome", id="rome", kind=Kind.ALBUM)
    oslo = Entry(path=".views/albums/Oslo", name="Oslo", id="oslo", kind=Kind.ALBUM)
    box = Entry(path="box", name="box", id="box", kind=Kind.FOLDER, status=Status.TRASHED)

    def __init__(self, *files: Entry) -> None:
        self.memo = Memo()
        self.files = files
        self.persons: Sequence[Person] = ()
        self.counts: Sequence[tuple[str, int]] = ()
        self.asked: list[str] = []
        self.changes = 0
        self.floor = 0.0

    def since(self):
        return self.floor

    def moment(self):
        return self.changes

    async def prepare(self):
        self.asked.append("everything")

    async def albums(self):
        return Known([self.rome, self.oslo])

    async def members(self, album):
        twins = [file("11112222x", "a.jpg"), file("33334444y", "A.jpg"), file("b", "b.jpg")]
        return Known(twins if album.id == "rome" else [])

    async def trash(self):
        return Known([self.box, file("c", "c.txt")])

    async def trashed_in(self, folder):
        return Known([file("d", "d.txt")] if folder.id == "box" else [])

    async def found(self, query):
        self.asked.append("search")
        return Known([each for each in self.files if matches(query, each)], when=1.0)

    async def hidden(self):
        return Known([each for each in self.files if each.hidden])

    async def values(self, category):
        self.asked.append(category)
        return Known(self.counts)

    async def people(self):
        return Known(self.persons)

    async def years(self):
        return Known(sorted({each.taken.year for each in self.files if each.taken and not each.hidden}))

    async def months(self, year):
        taken = [each.taken for each in self.files if each.taken and not each.hidden]
        return Known(sorted({each.month for each in taken if each.year == year}))


async def listed(path: str) -> list[str]:
    source = Source()
    return [entry.path for entry in await views.listing(source, await views.stat(source, path))]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            ".views",
            [
                *(".views/albums", ".views/by-date", ".views/favorites", ".views/hidden", ".views/people"),
                *(".views/places", ".views/search", ".views/things", ".views/trash", ".views/videos"),
            ],
        ),
        (".views/albums", [".views/albums/Oslo", ".views/albums/Rome"]),
        (".views/albums/Oslo", []),
        (
            ".views/albums/Rome",
            [
                ".views/albums/Rome/a {11112222}.jpg",
                ".views/albums/Rome/A {33334444}.jpg",
                ".views/albums/Rome/b.jpg",
            ],
        ),
        (".views/trash", [".views/trash/box", ".views/trash/c.txt"]),
        (".views/trash/box", [".views/trash/box/d.txt"]),
        (".views/TRASH/box", [".views/trash/box/d.txt"]),
    ],
)
async def test_a_place_lists(path: str, expected: list[str]):
    assert sorted(await listed(path)) == sorted(expected)


@pytest.mark.parametrize(
    ("path", "node_id"),
    [
        (".views", ".views"),
        (".views/albums/rome", "rome"),
        (".views/albums/Rome/B.JPG", "b"),
        (".views/albums/Rome/a {11112222}.jpg", "11112222x"),
        (".views/trash/box/d.txt", "d"),
    ],
)
async def test_a_path_leads_to(path: str, node_id: str):
    assert (await views.stat(Source(), path)).id == node_id


@pytest.mark.parametrize(
    "path",
    [
        ".views/nothing",
        ".views/albums/None",
        ".views/albums/Rome/none.jpg",
        ".views/albums/Rome/b.jpg/below",
        ".views/trash/c.txt/below",
        ".views/trash/box/none",
    ],
)
async def test_nothing_is_at(path: str):
    with pytest.raises(NotFoundError):
        await views.stat(Source(), path)


async def test_a_name_that_two_members_share_is_ambiguous():
    with pytest.raises(AmbiguousError) as caught:
        await views.stat(Source(), ".views/albums/Rome/a.jpg")
    assert set(caught.value.ids) == {"11112222x", "33334444y"}


@pytest.mark.parametrize("path", [".views/albums/Rome/b.jpg", ".views/trash/c.txt"])
async def test_a_file_cannot_be_listed(path: str):
    with pytest.raises(IsFileError):
        await listed(path)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (file("0123456789", "a.tar.gz"), "a.tar {01234567}.gz"),
        (file("0123456789", "README"), "README {01234567}"),
        (file("0123456789", ".hidden"), ".hidden {01234567}"),
        (Entry(path="x", name="v1.2", id="0123456789", kind=Kind.FOLDER), "v1.2 {01234567}"),
    ],
)
def test_the_mark_stands_before_the_extension(entry: Entry, shown: str):
    other = msgspec.structs.replace(entry, id="abcdefghij")
    items = [Item(name=each.name, key=each.id, entry=each) for each in (other, entry)]
    assert view_names.shown(items)[1] == shown


def test_every_folder_of_the_table_is_listed_by_the_one_above():
    directories = [row.pattern for row in views.TABLE if row.folder]
    assert all(row.list is not None for row in views.TABLE if row.folder)
    assert all(paths.split(each)[0] in ("", ".views") for each in directories)
    assert len(directories) == len(set(directories)) == 11


def test_the_page_on_views_has_all_of_them():
    page = (Path(__file__).parents[3] / "docs" / "views.md").read_text("utf-8")
    tops = {row.pattern for row in views.TABLE if row.folder and row.pattern != ".views"}
    assert set(re.findall(r"^\| `(\.views/[a-z-]+)/", page, flags=re.MULTILINE)) == tops


@pytest.mark.parametrize(
    ("path", "pattern", "view"),
    [
        (".views", ".views", ("", ())),
        (".views/albums/Rome/a.jpg", ".views/albums/{album}/{member}", ("albums", ("Rome", "a.jpg"))),
        (".views/By-Date/2019/06", ".views/by-date/{year}/{month}", ("by-date", ("2019", "06"))),
        (".views/trash/a/b/c", ".views/trash/{path...}", ("trash", ("a", "b", "c"))),
        (".views/search/type:(PHOTOS)", ".views/search/{filter}", ("search", ("type:(PHOTOS)",))),
    ],
)
def test_a_path_tells_which_view_it_is_in(path: str, pattern: str, view: tuple[str, tuple[str, ...]]):
    assert views.row_of(path).pattern == pattern
    assert paths.view_name(path) == view


@pytest.mark.parametrize("path", ["", "a", ".viewsx", "a/.views/albums"])
def test_a_path_outside_is_in_no_view(path: str):
    with pytest.raises(ValueError, match="no view"):
        paths.view_name(path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "(no name)"),
        (".", "\uff0e"),
        ("..", "\uff0e\uff0e"),
        ("a/b\0c", "a\uff0fb\u2400c"),
        ("\ud800", "\ufffd"),
        ("x" * 300, "x" * 256),
        ("...", "..."),
    ],
)
def test_what_cannot_be_a_name_is_written_with_its_twins(name: str, shown: str):
    assert view_names.legal(name) == shown
    assert paths.check_name(shown) == shown


def test_ids_that_begin_alike_are_told_apart_by_all_of_them_and_by_a_hash_where_only_the_case_differs():
    begin = [Item(name="a.jpg", key=key, entry=file(key, "a.jpg")) for key in ("123456789", "123456780")]
    assert view_names.shown(begin) == ["a {123456789}.jpg", "a {123456780}.jpg"]
    cases = [Item(name="a.jpg", key=key, entry=file(key, "a.jpg")) for key in ("ABCDEFGHI", "abcdefghi")]
    one, two = view_names.shown(cases)
    assert paths.fold(one) != paths.fold(two)


names_ = st.one_of(
    st.sampled_from(
        ["a.jpg", "A.JPG", "a {11111111}.jpg", "a {11111111x}.jpg", "", ".", "..", "a/b", "a\uff0fb", "unnamed"]
    ),
    st.text(max_size=6),
    st.text(alphabet="aA./{}1", min_size=250, max_size=258),
)
keys = st.one_of(
    st.sampled_from(["11111111x", "11111111X", "11111111y", "a/b", "A/B", "x"]), st.text(min_size=1, max_size=12)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(names_, keys, st.booleans()), unique_by=lambda row: row[1], max_size=12))
def test_no_two_names_are_alike_and_all_are_names_whatever_the_order(rows: list[tuple[str, str, bool]]):
    items = [Item(name=name, key=key, entry=file(key, name) if leaf else None) for name, key, leaf in rows]
    shown = view_names.shown(items)
    assert len({paths.fold(each) for each in shown}) == len(items)
    assert [paths.check_name(each) for each in shown] == shown
    assert view_names.shown(items[::-1]) == shown[::-1]
    own = [paths.fold(view_names.legal(item.name)) for item in items]
    for item, name, folded in zip(items, shown, own, strict=True):
        if own.count(folded) == 1:
            assert name == view_names.legal(item.name)


@st.composite
def libraries(draw) -> Source:
    """Accounts of a few photographs with odd names, labels, people and places."""
    labels = st.sampled_from(["cat", "Cat", "a/b", "..", "", "x y", "cat {cat}"])
    places = st.sampled_from(
        [None, "CAN", "CAN#BC", "CAN#BC#Vancouver", "CAN#bc#Vancouver", "MCO##Monaco", "#", "DEU#..#B/C"]
    )
    files = [
        Entry(
            path=name,
            name=name,
            id=f"id-{number}",
            kind=Kind.FILE,
            content_type=draw(st.sampled_from(["image/jpeg", "video/mp4"])),
            taken=draw(st.none() | st.datetimes(datetime(2018, 12, 30), datetime(2019, 2, 2), timezones=st.just(UTC))),  # noqa: DTZ001 - the strategy adds the zone
            hidden=draw(st.booleans()),
            favorite=draw(st.booleans()),
            things=tuple(draw(st.lists(labels, unique=True, max_size=2))),
            people=tuple(draw(st.lists(st.sampled_from(["P1", "p1", "P/2"]), unique=True, max_size=2))),
            media=Media(place=Place(label=draw(places))),
        )
        for number, name in enumerate(draw(st.lists(names_.map(view_names.legal), max_size=6)))
    ]
    source = Source(*files)
    seen = [each for each in files if not each.hidden]
    things = [label for each in seen for label in each.things if label]
    source.persons = [
        Person(
            id=each,
            name=draw(st.sampled_from([None, "Anna", "anna", "A/B", ".."])),
            count=sum(each in row.people for row in seen),
        )
        for each in ("P1", "p1", "P/2")
    ]
    source.counts = [(each, things.count(each)) for each in dict.fromkeys(things)]
    return source


@settings(max_examples=60, deadline=None)
@given(libraries())
def test_every_listed_path_is_legal_leads_back_and_is_there_once(source: Source):
    async def everything() -> list[Entry]:
        top = await views.stat(source, ".views")
        return [each async for each in views.walk(source, top, recursive=True)]

    found = now(everything())
    shown = [each.path for each in found]
    assert len(set(map(paths.fold, shown))) == len(shown)
    for each in found:
        assert paths.normalise(each.path) == each.path
        again = now(views.stat(source, each.path))
        assert (again.id, again.path) == (each.id, each.path)
    dated = [each for each in found if each.path.startswith(".views/by-date/") and not each.is_folder]
    assert sorted(each.id for each in dated) == sorted(
        each.id for each in source.files if each.taken and not each.hidden
    )


async def test_a_place_of_which_only_the_country_is_known_is_listed_beside_its_regions():
    def at(node_id: str, label: str) -> Entry:
        return file(node_id, f"{node_id}.jpg", content_type="image/jpeg", media=Media(place=Place(label=label)))

    source = Source(at("one", "CAN"), at("two", "CAN#BC#Vancouver"), at("three", "MCO##Monaco"))
    source.counts = [("CAN", 1), ("CAN#BC#Vancouver", 1), ("MCO##Monaco", 1)]

    async def under(path: str) -> list[str]:
        return [entry.path for entry in await views.listing(source, await views.stat(source, path))]

    assert await under(".views/places") == [".views/places/CAN", ".views/places/MCO"]
    assert await under(".views/places/CAN") == [".views/places/CAN/BC", ".views/places/CAN/one.jpg"]
    assert await under(".views/places/CAN/BC/Vancouver") == [".views/places/CAN/BC/Vancouver/two.jpg"]
    assert await under(".views/places/MCO/(no name)/Monaco") == [".views/places/MCO/(no name)/Monaco/three.jpg"]


async def test_what_a_place_lists_is_kept_until_it_is_old_or_anything_changes():
    source = Source(file("one", "a.mp4", content_type="video/mp4"))
    film = ".views/videos/a.mp4"
    for _ in range(3):
        await views.stat(source, film)
    assert source.asked == ["search"]
    source.changes += 1
    await views.stat(source, film)
    assert source.asked == ["search"] * 2
    source.floor = 2.0  # what was known as of 1.0 is not good enough any more
    await views.stat(source, film)
    assert source.asked == ["search"] * 3


async def test_only_a_walk_through_more_than_a_month_gets_everything_ready():
    source = Source(file("one", "a.jpg", content_type="image/jpeg", taken=datetime(2019, 6, 30, tzinfo=UTC)))
    for path, ready in ((".views/by-date/2019/06", False), (".views/videos", False), (".views/by-date/2019", True)):
        source.asked.clear()
        place = await views.stat(source, path)
        found = [each async for each in views.walk(source, place, recursive=True)]
        assert ("everything" in source.asked, bool(found)) == (ready, "by-date" in path)
