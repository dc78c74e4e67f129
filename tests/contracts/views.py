"""The contract of the virtual tree ``.views``, reading: what each view holds, and what things are called there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from ap_remote.errors import AmbiguousError, IsFileError, NotFoundError, QuerySyntaxError
from ap_remote.model import Entry, Kind, NodeId
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAlbums, SupportsMarks, SupportsPeople
from tests.contracts.base import Subject, able, collect, content, names, paths_of
from tests.contracts.pictures import FILM, VANCOUVER, jpeg

VIEWS = [
    ".views/albums",
    ".views/by-date",
    ".views/favorites",
    ".views/hidden",
    ".views/people",
    ".views/places",
    ".views/search",
    ".views/things",
    ".views/trash",
    ".views/videos",
]
JUNE = datetime(2019, 6, 30, 23, 59, 59, tzinfo=UTC)
JULY = datetime(2019, 7, 1, 0, 0, tzinfo=UTC)
LATER = datetime(2021, 7, 4, 12, 0, tzinfo=UTC)

Tag = Callable[[str, Sequence[str], Sequence[str]], Awaitable[None]]
"""Says without using the verbs what and who is on the photograph of an id: labels, and ids of clusters of faces."""


class ViewsContract(Subject):
    @pytest.fixture
    def tag(self) -> Tag:
        raise NotImplementedError

    @pytest.fixture
    async def library(self, seed):
        """Three photographs, a film and a text; the ids by name."""
        return {
            "june.jpg": await seed("box/june.jpg", jpeg(taken=JUNE)),
            "july.jpg": await seed("box/july.jpg", jpeg(taken=JULY, color="navy")),
            "later.jpg": await seed("box/inner/later.jpg", jpeg(taken=LATER, color="olive")),
            "film.mp4": await seed("box/film.mp4", FILM),
            "notes.txt": await seed("box/notes.txt", b"not a picture"),
        }

    async def test_the_views_are_listed_when_they_are_asked_for_by_name(self, remote, library):
        assert await paths_of(remote.list(".views")) == VIEWS
        for path in (".views", *VIEWS):
            entry = await remote.stat(path)
            assert (entry.path, entry.id, entry.kind) == (path, path, Kind.FOLDER)
        for recursive in (False, True):
            assert not [path for path in await paths_of(remote.list("", recursive=recursive)) if ".views" in path]

    @pytest.mark.parametrize(
        "path",
        [
            ".views/nothing",
            ".views/albums/none",
            ".views/by-date/2018",
            ".views/by-date/2019/05",
            ".views/by-date/2019/06/29",
            ".views/by-date/2019/6",
            ".views/by-date/2019/13",
            ".views/by-date/2019/06/00",
            ".views/by-date/19",
            ".views/by-date/2019/06/30/none.jpg",
            ".views/by-date/2019/06/30/june.jpg/below",
            ".views/favorites/june.jpg",
            ".views/hidden/june.jpg",
            ".views/people/Anna",
            ".views/places/CAN",
            ".views/things/cat",
            ".views/videos/june.jpg",
            ".views/search/type:(PHOTOS)/film.mp4",
        ],
    )
    async def test_nothing_is_at(self, remote, library, path):
        with pytest.raises(NotFoundError):
            await remote.stat(path)

    async def test_only_days_on_which_something_was_taken_are_there(self, remote, library):
        await able(remote, SupportsMarks).mark(NodeId(library["film.mp4"]), hidden=True)
        assert await names(remote.list(".views/by-date")) == ["2019", "2021"]
        assert await names(remote.list(".views/by-date/2019")) == ["06", "07"]
        assert await names(remote.list(".views/by-date/2019/06")) == ["30"]
        assert await names(remote.list(".views/by-date/2019/07")) == ["01"]
        (june,) = await collect(remote.list(".views/by-date/2019/06/30"))
        assert (june.path, june.id) == (".views/by-date/2019/06/30/june.jpg", library["june.jpg"])
        assert (await remote.stat(".views/by-date/2021/07/04/LATER.jpg")).id == library["later.jpg"]

    async def test_hidden_films_and_favorites_have_their_views(self, remote, library):
        marks = able(remote, SupportsMarks)
        assert await names(remote.list(".views/videos")) == ["film.mp4"]
        await marks.mark(NodeId(library["june.jpg"]), favorite=True)
        await marks.mark(NodeId(library["july.jpg"]), favorite=True, hidden=True)
        assert await paths_of(remote.list(".views/favorites")) == [".views/favorites/june.jpg"]
        assert await paths_of(remote.list(".views/hidden")) == [".views/hidden/july.jpg"]
        assert await content(remote.get(".views/hidden/july.jpg")) == jpeg(taken=JULY, color="navy")
        with pytest.raises(IsFileError):
            await collect(remote.list(".views/favorites/june.jpg"))

    async def test_people_are_seen_by_their_names_and_the_others_with_their_clusters(self, remote, library, tag):
        await tag(library["june.jpg"], (), ("P1-and-more", "P2"))
        await tag(library["july.jpg"], (), ("P1-and-more", "P3", "P4"))
        people = able(remote, SupportsPeople)
        for cluster, name in (("P2", "Anna/Bo"), ("P3", "Cleo"), ("P4", "cleo")):
            await people.name_person(cluster, name)
        assert sorted(await names(remote.list(".views/people"))) == [
            "Anna\uff0fBo",
            "Cleo {P3}",
            "cleo {P4}",
            "unnamed {P1-and-m}",
        ]
        assert await names(remote.list(".views/people/unnamed {P1-and-m}")) == ["july.jpg", "june.jpg"]
        assert (await remote.stat(".views/people/anna\uff0fbo/june.jpg")).id == library["june.jpg"]
        with pytest.raises(AmbiguousError) as caught:
            await remote.stat(".views/people/Cleo")
        assert set(caught.value.ids) == {"P3", "P4"}
        await people.name_person("P4", "Dora")
        assert (await remote.stat(".views/people/Dora/july.jpg")).id == library["july.jpg"]

    async def test_things_are_seen_by_their_labels_whatever_these_are(self, remote, library, tag):
        labels = ["cat", "Cat", "bread/butter", "..", ".", "x" * 300, "#%?*[é] {1}"]
        await tag(library["june.jpg"], labels, ())
        await tag(library["july.jpg"], ["cat"], ())
        found = await collect(remote.list(".views/things"))
        assert len(found) == len(labels)
        assert {"bread\uff0fbutter", "\uff0e\uff0e", "\uff0e", "#%?*[é] {1}"} <= {each.name for each in found}
        for place in found:
            assert paths.normalise(place.path) == place.path
            assert (await remote.stat(place.path)).id == place.id
            assert "june.jpg" in await names(remote.list(place.path))
        assert await paths_of(remote.list(".views/things/bread\uff0fbutter")) == [
            ".views/things/bread\uff0fbutter/june.jpg"
        ]

    async def test_places_lie_within_each_other(self, remote, seed):
        node_id = await seed("box/a.jpg", jpeg(position=VANCOUVER))
        (facet,) = await remote.aggregations("location")
        parts = facet.value.split("#")
        at = ".views/places"
        for part in parts:
            (below,) = await collect(remote.list(at))
            assert (below.name, below.kind) == (part, Kind.FOLDER)
            at = below.path
        (photograph,) = await collect(remote.list(at))
        assert (photograph.path, photograph.id) == (f"{at}/a.jpg", node_id)
        assert (await remote.stat(f"{at}/A.JPG")).id == node_id

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("type:(PHOTOS)", ["july.jpg", "june.jpg", "later.jpg"]),
            ("timeYear:(2019) AND timeMonth:(7)", ["july.jpg"]),
            ("name:(ju*) type:(PHOTOS OR VIDEOS)", ["july.jpg", "june.jpg"]),
            ("extension:(mp4)", ["film.mp4"]),
            ("timeYear:(1999)", []),
            ("things:(cat)", ["june.jpg"]),
        ],
    )
    async def test_any_search_is_a_folder(self, remote, library, tag, query, expected):
        await tag(library["june.jpg"], ["cat"], ())
        place = f".views/search/{query}"
        assert await remote.stat(place) == Entry(path=place, name=query, id=place, kind=Kind.FOLDER)
        assert await paths_of(remote.list(place)) == [f"{place}/{name}" for name in expected]
        for name in expected:
            assert (await remote.stat(f"{place}/{name}")).id == library[name]

    async def test_a_search_that_cannot_be_read_says_why(self, remote):
        assert await collect(remote.list(".views/search")) == []
        for query in ("nonsense", "colour:(red)", "type:(PHOTOS", "type:(BIRDS)"):
            with pytest.raises(QuerySyntaxError, match="character"):
                await remote.stat(f".views/search/{query}")
            with pytest.raises(QuerySyntaxError):
                await collect(remote.list(f".views/search/{query}"))
            with pytest.raises(QuerySyntaxError):
                await remote.stat(f".views/search/{query}/a.jpg")

    async def test_a_search_for_albums_finds_folders(self, remote, library):
        await able(remote, SupportsAlbums).create_album("Rome", members=[NodeId(library["june.jpg"])])
        place = ".views/search/type:(ALBUMS)"
        (album,) = await collect(remote.list(place))
        assert (album.path, album.kind) == (f"{place}/Rome", Kind.ALBUM)
        assert await paths_of(remote.list(album.path)) == [f"{place}/Rome/june.jpg"]
        assert (await remote.stat(f"{place}/rome/june.jpg")).id == library["june.jpg"]

    async def test_twins_are_told_apart_from_each_other_and_from_a_file_of_that_very_name(self, remote, seed):
        one = await seed("one/a.jpg", jpeg(taken=JULY))
        two = await seed("two/A.jpg", jpeg(taken=JULY, color="red"))
        three = await seed(f"two/a {{{one[:8]}}}.jpg", jpeg(taken=JULY, color="blue"))
        place = ".views/by-date/2019/07/01"
        found = await collect(remote.list(place))
        shown = {each.id: each.path.removeprefix(f"{place}/") for each in found}
        assert shown[three] == f"a {{{one[:8]}}}.jpg"
        assert len({paths.fold(name) for name in shown.values()}) == len(found) == 3
        for each in found:
            assert (await remote.stat(each.path)).id == each.id
        assert await content(remote.get(f"{place}/{shown[two]}")) == jpeg(taken=JULY, color="red")
        with pytest.raises(AmbiguousError) as caught:
            await remote.stat(f"{place}/a.jpg")
        assert set(caught.value.ids) == {one, two}

    async def test_a_name_of_full_length_that_two_share_is_still_a_name(self, remote, seed):
        name = "x" * 252 + ".jpg"
        for folder, color in (("one", "red"), ("two", "blue")):
            await seed(f"{folder}/{name}", jpeg(taken=JULY, color=color))
        found = await collect(remote.list(".views/by-date/2019/07/01"))
        assert len(found) == 2
        for each in found:
            assert (await remote.stat(each.path)).id == each.id

    async def test_what_is_written_is_seen_at_once(self, remote, library):
        marks = able(remote, SupportsMarks)
        day = ".views/by-date/2019/06/30"
        assert await names(remote.list(day)) == ["june.jpg"]
        assert await names(remote.list(".views/favorites")) == []
        assert await names(remote.list(".views/hidden")) == []
        await remote.put(jpeg(taken=JUNE, color="red"), "box/new.jpg")
        assert await names(remote.list(day)) == ["june.jpg", "new.jpg"]
        await marks.mark("box/new.jpg", favorite=True)
        assert await names(remote.list(".views/favorites")) == ["new.jpg"]
        await marks.mark("box/new.jpg", favorite=False)
        assert await names(remote.list(".views/favorites")) == []
        await marks.mark("box/new.jpg", hidden=True)
        assert (await names(remote.list(day)), await names(remote.list(".views/hidden"))) == (["june.jpg"], ["new.jpg"])
        await remote.trash("box/june.jpg", "box/new.jpg")
        assert await names(remote.list(".views/hidden")) == []
        assert "2019" in await names(remote.list(".views/by-date"))
        assert await names(remote.list(".views/by-date/2019")) == ["07"]
        with pytest.raises(NotFoundError):
            await remote.stat(day)
        assert await names(remote.list(".views/trash")) == ["june.jpg", "new.jpg"]
        await remote.restore("box/june.jpg")
        assert await names(remote.list(day)) == ["june.jpg"]

    async def test_a_member_that_is_added_or_taken_out_is_seen_at_once(self, remote, library):
        albums = able(remote, SupportsAlbums)
        assert await names(remote.list(".views/albums")) == []
        await albums.create_album("Rome", members=[NodeId(library["june.jpg"])])
        assert await names(remote.list(".views/albums/Rome")) == ["june.jpg"]
        await albums.add_to_album(".views/albums/Rome", [".views/by-date/2019/07/01/july.jpg"])
        assert await names(remote.list(".views/albums/Rome")) == ["july.jpg", "june.jpg"]
        await albums.remove_from_album(".views/albums/Rome", [".views/albums/Rome/june.jpg"])
        assert await names(remote.list(".views/albums/Rome")) == ["july.jpg"]

    async def test_every_path_that_is_listed_leads_back(self, remote, library, tag):
        await tag(library["june.jpg"], ["cat", "sofa"], ["P1"])
        await able(remote, SupportsMarks).mark("box/july.jpg", favorite=True)
        await able(remote, SupportsMarks).mark("box/inner/later.jpg", hidden=True)
        await able(remote, SupportsAlbums).create_album("Rome", members=["box/june.jpg"])
        await remote.trash("box/notes.txt")
        found = await collect(remote.list(".views", recursive=True))
        shown = [each.path for each in found]
        assert len(set(map(paths.fold, shown))) == len(shown)
        assert {
            *VIEWS,
            ".views/albums/Rome",
            ".views/by-date/2019/06/30/june.jpg",
            ".views/by-date/2019/07/01/july.jpg",
            ".views/favorites/july.jpg",
            ".views/hidden/later.jpg",
            ".views/people/unnamed {P1}/june.jpg",
            ".views/things/cat/june.jpg",
            ".views/things/sofa/june.jpg",
            ".views/trash/notes.txt",
            ".views/videos/film.mp4",
        } <= set(shown)
        assert not [path for path in shown if path.startswith((".views/search/", ".views/albums/Rome/"))]
        for each in found:
            assert (await remote.stat(each.path)).id == each.id
            assert paths.split(each.path)[0] in {".views", *shown}

    async def test_a_view_is_found_whatever_the_case_of_its_name(self, remote, library):
        assert (await remote.stat(".views/By-Date/2019/06")).path == ".views/by-date/2019/06"
        assert await paths_of(remote.list(".views/VIDEOS")) == [".views/videos/film.mp4"]
